//! The agent as a person runs it: a process with a home, files, an exit code and text.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod contract;
mod deletion;
mod failures;
mod first_run;
mod keys;
mod limits;
mod locks;
mod machine;
mod output;
mod policy;
mod settings;
mod stopped;
mod terminal;
mod verify;
