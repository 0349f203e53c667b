//! Tests of the public interface, in one binary.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that fails may say so by a panic"
)]

mod admission;
mod copy_vectors;
mod hostile;
mod large_index;
mod many_chunks;
mod notice_vectors;
mod pins;
mod place_vectors;
mod sweep_vectors;
mod vectors;
mod wrap;
