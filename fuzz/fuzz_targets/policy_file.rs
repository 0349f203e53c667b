//! Any bytes as a policy file.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../bodies/policy_file.rs"]
mod body;

fuzz_target!(|bytes: &[u8]| body::policy_file(bytes));
