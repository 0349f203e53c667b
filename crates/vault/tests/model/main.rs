//! The protocol of a vault as an explicit-state model: every reachable state of small vaults is visited.
//!
//! `docs/protocol.md` says what the protocol is. Here each transition is one operation on the store by one worker, and a
//! worker that never moves again has crashed. A search goes breadth first, so that the trace it prints is a shortest one.
//!
//! | model | in it | looks for |
//! |---|---|---|
//! | [`base`] | one chunk; registration, pin, index, commit or fence; cycles; uploads that arrive twice | a root's chunk gone |
//! | [`blocks`] | blocks of several chunks, lists, moved copies, rewritten blocks, remaps, duplicates, a forged remap | the same |
//! | [`chains`] | delete, undelete, purge, hold and release of a point; unsigned links and marks; a late manifest | a point gone that no signed link ended |
//! | [`mirror`] | two places of which one decides, outages, a copier, catching up | a chunk gone, or committed and fenced |
//!
//! Every test named `without_…` leaves out one [`rule::Rule`] and must find a loss; every other test must find none, and
//! from every state it reached, two further cycles of one undisturbed sweeper must leave no garbage. Run with
//! `--nocapture` to see state counts and traces. The tests named `soak_…` are the same with larger bounds.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a model is a test: it fails by panicking, and a trace is what it is for"
)]

/// Tests that a model, as the protocol stands, loses nothing and leaves nothing behind.
macro_rules! no_loss {
    ($($(#[$attribute:meta])* $name:ident: $model:expr;)*) => {
        $($(#[$attribute])*
        #[test]
        fn $name() {
            crate::expect_no_loss(stringify!($name), &crate::explore::explore(&$model));
        })*
    };
}

/// Tests that a model without a rule loses something.
macro_rules! controls {
    ($($name:ident: $model:expr, $rule:ident;)*) => {
        $(#[test]
        fn $name() {
            let outcome = crate::explore::explore_losses(&$model.without(Rule::$rule));
            crate::expect_loss(Rule::$rule, &outcome);
        })*
    };
}

mod base;
mod blocks;
mod chains;
mod cycle;
mod explore;
mod mirror;
mod rule;
mod step;

use explore::Outcome;
use rule::Rule;

/// The protocol as it stands loses nothing and leaks nothing.
fn expect_no_loss(name: &str, outcome: &Outcome) {
    assert!(outcome.loss.is_none(), "{name}: {outcome}");
    println!("{name}: {outcome}");
}

/// Without a rule something is lost, which shows that the model would notice.
fn expect_loss(rule: Rule, outcome: &Outcome) {
    assert!(outcome.loss.is_some(), "without {rule:?}: {outcome}");
    println!("without {rule:?}: {outcome}");
}
