//! Whole backups and restores through the public interface.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod changes;
mod churn;
mod conflicts;
mod costs;
mod counted;
mod damage;
mod full_disk;
mod hurt;
mod interrupted;
mod landing;
mod model;
mod places;
mod released;
mod replaced;
mod rewriting;
mod round_trip;
mod spared;
mod stuck;
mod support;
mod sweep;
mod torture;
