//! Tests of the public interface, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails the test"
)]

mod cron;
mod dst;
mod due;
mod purity;
mod schedule;
mod slot;
mod throttle;
