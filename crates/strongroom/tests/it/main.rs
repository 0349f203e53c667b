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
mod heal;
mod histories;
mod hurt;
mod interrupted;
mod landing;
mod model;
mod places;
mod released;
mod repair;
mod replaced;
mod roles;
mod round_trip;
mod spared;
mod stuck;
mod support;
mod sweep;
mod torture;
