//! Tests of the public interface, in one binary.
#![expect(
    clippy::indexing_slicing,
    reason = "a test that fails may say so by a panic"
)]

mod hostile;
mod sweep_vectors;
mod vectors;
mod wrap;
