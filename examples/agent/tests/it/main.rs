//! The agent as a person runs it: a process with a home, files, an exit code and text.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may say so by a panic"
)]

mod browse;
mod clouds;
mod contract;
mod copy;
mod daemon;
mod deletion;
mod due;
mod elsewhere;
mod errors;
mod expire;
mod failures;
mod first_run;
mod gateway;
mod guide;
mod idle;
mod jobs;
mod keys;
mod killed;
mod limits;
mod locks;
mod machine;
mod mount;
mod mounts;
mod notices;
mod output;
mod pins;
mod places;
mod policy;
mod proxies;
mod register;
mod security;
mod seed;
mod settings;
mod slain;
mod snapshots;
mod stopped;
mod system_state;
mod telling;
mod terminal;
mod throttle;
mod verify;
