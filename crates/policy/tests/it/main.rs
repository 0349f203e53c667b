//! Tests of the public interface, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper of a test fails the test"
)]

mod capacity;
mod cron;
mod dst;
mod due;
mod file;
mod immutability;
mod permissions;
mod purity;
mod retention;
mod schedule;
mod slot;
mod throttle;
