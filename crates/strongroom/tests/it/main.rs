//! Whole backups and restores through the public interface.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod added;
mod browse;
mod changes;
mod churn;
#[cfg(all(feature = "s3", feature = "azure"))]
mod clouds;
mod conflicts;
mod copy;
mod copy_hurt;
mod copy_places;
mod costs;
mod counted;
mod crash;
mod damage;
mod failover;
mod full_disk;
mod heal;
mod histories;
mod hurt;
mod interrupted;
mod landing;
mod left;
mod mirror;
mod model;
mod pace;
mod places;
mod read_only;
mod released;
mod repair;
mod replaced;
mod rewriting;
mod roles;
mod round_trip;
mod second_reader;
mod seed;
mod selection;
mod spared;
mod stuck;
mod support;
mod sweep;
mod torture;
