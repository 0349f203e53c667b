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
//! | [`failover`] | two places, of which the other one becomes the decider; workers who have not heard of it | a chunk gone, a session that outlives its generation, a point that was reported and is none |
//! | [`index`] | segments that sweeps merge and give up, what sessions leave; segments that arrive twice | a root's pack in no segment |
//! | [`slots`] | a key slot that is removed while a new generation begins and a place is added | a slot that was reported removed and stands |
//! | [`mirror`] | two places of which one decides, outages, a copier, catching up | a chunk gone, or committed and fenced |
//!
//! | rule | needed in | what it says |
//! |---|---|---|
//! | `RegisterBeforeMark` | base | A session registers before it reads the newest mark. |
//! | `CommitOrFence` | base | A commit and a fence are the creation of one key. |
//! | `WaitForSessions` | base | A sweep waits for sessions with an older pin, or fences them. |
//! | `Recheck` | base | Points are listed again, after the mark, before anything is planned. |
//! | `SkipCondemned` | base, blocks | A session does not use what an unfinished cycle has condemned. |
//! | `ListPacks` | base | A session uses only packs that a listing shows. |
//! | `ListAfterMark` | base | That listing is made after the newest mark was read. |
//! | `FreshPackIds` | base | Pack ids are random: a deleted one never comes back for other content. |
//! | `DoneLast` | base | A cycle is done only when all its deletions are. |
//! | `StoredPlan` | base | Workers carry out the stored plan, not their own. |
//! | `SerialCycles` | base | A cycle begins only when the one before is done. |
//! | `FindableCopy` | base | Whatever counts as a copy can be found by a reader: it is indexed, or readers look into unindexed packs. |
//! | `KeepListed` | base | What a sweep keeps, or counts as replacement, stands in a listing and not only in the index. |
//! | `PlannedIsDead` | base | What any stored plan names is dead for ever, even when a late upload or copy brings it back. |
//! | `CyclesKept` | base | Marks, plans and dones of old cycles stay: a key that is free again can be decided again. |
//! | `FencesKept` | base | So do fences. |
//! | `RemapBeforePlan` | blocks | A plan counts only remaps that are durable, never one that its worker is going to write. |
//! | `RemapByChunk` | blocks | A remap covers the chunks that it names, not their block. |
//! | `RemapWhileListed` | blocks | A remap lives as long as any root's list reaches it. |
//! | `RemapInMark` | blocks | Remaps go the way of packs: condemned by a mark, ignored by sessions, rescued or planned. |
//! | `RemapRescued` | blocks | A condemned remap covers nothing in the re-check unless it is rescued. |
//! | `RemapTransitive` | blocks | Readers follow remaps of remaps. |
//! | `RemapSigned` | blocks | Only a remap signed by somebody who has read the target may condemn anything. |
//! | `DropOneByOne` | blocks | A mark drops a copy only while all that is listed still resolves in what is left. |
//! | `LinkSigned` | chains | Only signed links count. |
//! | `LowestNumber` | chains | Links are made at the lowest free number, so that the history before a link is complete when it is made. |
//! | `PurgeUnheld` | chains | A purge is valid only while nothing holds. |
//! | `PurgeAfterDelete` | chains | A purge is valid only directly after a valid delete. |
//! | `NoClockInLinks` | chains | Whether a link is valid depends on links alone, never on the reader's clock. |
//! | `ChainKept` | chains | Chains are kept after their manifest is gone. |
//! | `MarkSigned` | chains | Only signed marks count as newest mark. |
//! | `OwnPin` | chains | A session that finds a pin which is not its own goes no further. |
//! | `MergedFirst` | index | A segment is given up for another only when that is durable. |
//! | `GiveUpOneByOne` | index | A segment is given up only while all that it names is named in what is left. |
//! | `PlannedPacksOnly` | index | A segment goes with its packs only when plans name them; being condemned is not enough. |
//! | `PlannedSegmentIsDead` | index | A segment that any plan names makes up for no other, even when it is there again. |
//! | `DecidedSessions` | index | What a session leaves goes only when the session is decided. |
//! | `OneDecider` | mirror | Points are committed on the decider only. |
//! | `RegisterAtDecider` | mirror | Sessions register on the decider only. |
//! | `SubtractPlans` | mirror | The listing of a place is taken less what stored plans name. |
//! | `RescueUnlisted` | mirror | The re-check rescues from the whole mark, also what it cannot list because a place is away. |
//! | `PlansKept` | mirror | Plans are kept after every place has carried them out. |
//! | `PlanAtPlace` | failover | A sweep deletes at a place only what a plan names that stands there, too. |
//! | `LookBeforeDelete` | failover | After putting its plan into a place, a sweep looks there for a newer generation; only then it deletes. |
//! | `LinksBeforePlan` | failover | The links that ended its points stand at a place before the plan does. |
//! | `CountAfterClosing` | failover | The plans of older generations are read after their places are closed. |
//! | `CountedPlans` | failover | Of these plans only those count that the new generation names. |
//! | `RegistrationFirst` | failover | A point is copied to a place only when its registration stands there and no newer generation does. |
//! | `EndSessions` | failover | Who closes a place ends the sessions that are open there. |
//! | `LookAfterRegistering` | failover | After registering, a session looks for a newer generation. |
//! | `BringOver` | failover | What an old decider that stays has decided is brought over before the generation opens. |
//! | `CountBeforeLinks` | failover | These plans are read before the links are brought over that go with them. |
//! | `LookAfterRemoving` | slots | After removing a key slot everywhere, whoever does it looks at each place for a newer generation. |
//!
//! Every test named `without_…` leaves out one [`rule::Rule`] and must find a loss (`DropOneByOne`: garbage that stays);
//! every other test must find none, and from every state it reached, two further cycles of one undisturbed sweeper must
//! leave no garbage. Run with `--nocapture` to see state counts and traces. The tests named `soak_…` are the same with
//! larger bounds.

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
mod failover;
mod index;
mod mirror;
mod rule;
mod slots;
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
