//! Any bytes as a cron line.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/cron.rs"]
mod body;

fuzz_target!(|bytes: &[u8]| body::cron_line(bytes));
