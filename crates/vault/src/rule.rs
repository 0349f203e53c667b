//! The rules of `docs/protocol.md` (sessions and cycles), each of which a test of this crate can leave out.
//!
//! Each is asked for at the place that keeps it. Outside of this crate's own unit tests the answer is a constant:
//! nothing that is released, and nothing that depends on this crate, can leave one out.

/// A rule. What it says and what its absence costs stands in `docs/protocol.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A session registers before it reads the newest mark.
    RegisterBeforeMark,
    /// A commit and a fence are the creation of one key.
    CommitOrFence,
    /// A sweep waits for sessions with an older pin, or fences them.
    WaitForSessions,
    /// Points are listed again after the mark.
    Recheck,
    /// What an unfinished cycle condemns is not used.
    SkipCondemned,
    /// Only listed packs are used, whatever the index says.
    ListPacks,
    /// Packs are listed after the newest mark was read.
    #[cfg(test)]
    ListAfterMark,
    /// Pack ids are never used again.
    FreshPackIds,
    /// Done comes after the deletions.
    DoneLast,
    /// Executors follow the stored plan.
    StoredPlan,
    /// A cycle begins when the one before is done.
    SerialCycles,
    /// Readers look into listed packs that no segment names.
    FindableCopy,
    /// What is kept or counted as replacement is listed.
    KeepListed,
    /// What any plan ever named is dead.
    PlannedIsDead,
    /// Marks, plans and dones are never deleted.
    CyclesKept,
    /// Fences are never deleted.
    FencesKept,
}

/// Whether a rule is in force.
#[cfg(not(test))]
pub(crate) const fn holds(_rule: Rule) -> bool {
    true
}

#[cfg(test)]
pub(crate) use broken::{holds, without};

#[cfg(test)]
mod broken {
    use std::cell::Cell;

    use super::Rule;

    thread_local! {
        static LEFT_OUT: Cell<u32> = const { Cell::new(0) };
    }

    /// Whether a rule is in force on this thread.
    pub(crate) fn holds(rule: Rule) -> bool {
        LEFT_OUT.get() & 1 << rule as u32 == 0
    }

    /// Does something on this thread without some rules.
    pub(crate) fn without<T>(rules: &[Rule], work: impl FnOnce() -> T) -> T {
        let bits = rules.iter().fold(0, |bits, rule| bits | 1 << *rule as u32);
        let before = LEFT_OUT.replace(bits);
        let outcome = work();
        LEFT_OUT.set(before);
        outcome
    }
}
