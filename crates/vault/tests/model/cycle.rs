//! What stands in the store of sessions and sweep cycles, in every model.

/// A session, as a sweep sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    /// Its registration exists.
    pub(crate) registered: bool,
    /// The newest mark that it had read, once it has said so.
    pub(crate) pin: Option<u8>,
}

/// What stands at the one key where a session commits or is fenced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Nothing yet.
    #[default]
    Free,
    /// A manifest: a root.
    Committed,
    /// The fence of a sweep.
    Fenced,
    /// A manifest that a valid purge has ended.
    Purged,
}

/// One sweep cycle. `Set` is what it condemns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Cycle<Set> {
    /// What it condemned.
    pub(crate) mark: Option<Set>,
    /// What of that it deletes.
    pub(crate) plan: Option<Set>,
    /// Everything in the plan is deleted.
    pub(crate) done: bool,
}

/// Room for three cycles that race with everything else, and two that clean up after them.
pub(crate) const CYCLES_COUNT: usize = 5;

/// All cycles. The cycle at position `n` is called `n + 1`, so that a pin of 0 is older than all.
pub(crate) type Cycles<Set> = [Cycle<Set>; CYCLES_COUNT];

/// The position of the newest cycle that has a mark.
pub(crate) fn newest<Set>(cycles: &Cycles<Set>) -> Option<usize> {
    cycles.iter().rposition(|cycle| cycle.mark.is_some())
}

/// The number of the newest mark, 0 if there is none.
pub(crate) fn epoch<Set>(cycles: &Cycles<Set>) -> u8 {
    newest(cycles).map_or(0, number)
}

/// The number of the cycle at a position.
pub(crate) fn number(position: usize) -> u8 {
    u8::try_from(position + 1).expect("few cycles")
}

/// The packs that unfinished cycles condemn.
pub(crate) fn condemned(cycles: &Cycles<u8>) -> u8 {
    union(
        cycles
            .iter()
            .filter(|cycle| !cycle.done)
            .filter_map(|cycle| cycle.mark),
    )
}

/// The packs that any plan names.
pub(crate) fn planned(cycles: &Cycles<u8>) -> u8 {
    union(cycles.iter().filter_map(|cycle| cycle.plan))
}

fn union(sets: impl Iterator<Item = u8>) -> u8 {
    sets.fold(0, |all, set| all | set)
}

/// Whether the sweep of a cycle has to wait for a session or fence it.
pub(crate) fn blocks(session: Session, key: Key, position: usize) -> bool {
    session.registered && key == Key::Free && session.pin.is_none_or(|pin| pin < number(position))
}

/// The position where two further cycles end, after the one that may be under way.
pub(crate) fn two_more<Set>(cycles: &Cycles<Set>) -> usize {
    newest(cycles).map_or(0, |position| position + 1) + 2
}
