//! Tests of notices through their interface: with a real mail server, real receivers of HTTPS, real programs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod certificates;
mod command;
mod deliver;
mod journal;
mod mail;
mod metrics;
mod plan;
mod sent;
mod servers;
mod settings;
mod teller;
mod texts;
mod webhook;
mod world;
