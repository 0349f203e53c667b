//! What a vault asks of a store (format.md §15), asked of every kind of store.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod conformance;
#[cfg(feature = "s3")]
mod failing;
mod outage;
mod pace;
mod places;
