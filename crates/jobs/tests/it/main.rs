//! Jobs and the daemon as an embedding program uses them.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod journal;
mod month;
mod plan;
mod socket;
mod world;
