//! The gateway and its agents over real TLS, on loopback.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that fails may say so by a panic"
)]

mod attacks;
mod certificates;
#[expect(dead_code, reason = "the extents of other stores")]
#[path = "../../../vault/tests/stores/conformance.rs"]
mod conformance;
mod conforms;
mod engine;
mod killed;
mod limits;
mod raw;
mod rig;
