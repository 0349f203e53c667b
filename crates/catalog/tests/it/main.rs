//! Tests of the catalog through its interface.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod alerts;
mod jobs;
mod journals;
mod killed;
mod large;
mod opening;
mod rebuild;
mod recover;
mod released;
mod support;
mod trim;
