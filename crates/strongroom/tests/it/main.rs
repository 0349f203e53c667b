//! Whole backups and restores through the public interface.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod changes;
mod conflicts;
mod counted;
mod damage;
mod hurt;
mod interrupted;
mod model;
mod places;
mod released;
mod round_trip;
mod support;
mod sweep;
mod torture;
