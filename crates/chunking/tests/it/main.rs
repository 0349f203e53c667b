//! Tests of the public interface, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test"
)]

mod corpus;
mod cut;
mod dedup;
mod fixed;
mod id;
mod model;
mod scan;
mod seen;
mod shift;
mod sizes;
mod stream;
mod vectors;
