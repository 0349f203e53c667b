//! The rules of the protocol, each of which a model can be told to leave out.

/// A rule. What it says and what its absence costs stands in `docs/protocol.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A session registers before it reads the newest mark.
    RegisterBeforeMark,
    /// A commit and a fence are the creation of one key.
    CommitOrFence,
    /// A sweep waits for sessions with an older pin, or fences them.
    WaitForSessions,
    /// Points are listed again, after the mark, before anything is planned.
    Recheck,
    /// A session does not use what an unfinished cycle has condemned.
    SkipCondemned,
    /// A session uses only packs that a listing shows.
    ListPacks,
    /// That listing is made after the newest mark was read.
    ListAfterMark,
    /// Pack ids are random: a deleted one never comes back for other content.
    FreshPackIds,
    /// A cycle is done only when all its deletions are.
    DoneLast,
    /// Workers carry out the stored plan, not their own.
    StoredPlan,
    /// A cycle begins only when the one before is done.
    SerialCycles,
    /// Whatever counts as a copy can be found by a reader: it is indexed, or readers look into unindexed packs.
    FindableCopy,
    /// What a sweep keeps, or counts as replacement, stands in a listing and not only in the index.
    KeepListed,
    /// What any stored plan names is dead for ever, even when a late upload or copy brings it back.
    PlannedIsDead,
    /// Marks, plans and dones of old cycles stay: a key that is free again can be decided again.
    CyclesKept,
    /// So do fences.
    FencesKept,
    /// A plan counts only remaps that are durable, never one that its worker is going to write.
    RemapBeforePlan,
    /// A remap covers the chunks that it names, not their block.
    RemapByChunk,
    /// A remap lives as long as any root's list reaches it.
    RemapWhileListed,
    /// Remaps go the way of packs: condemned by a mark, ignored by sessions, rescued or planned.
    RemapInMark,
    /// A condemned remap covers nothing in the re-check unless it is rescued.
    RemapRescued,
    /// Readers follow remaps of remaps.
    RemapTransitive,
    /// Only a remap signed by somebody who has read the target may condemn anything.
    RemapSigned,
    /// A mark drops a copy only while all that is listed still resolves in what is left.
    DropOneByOne,
    /// Only signed links count.
    LinkSigned,
    /// Links are made at the lowest free number, so that the history before a link is complete when it is made.
    LowestNumber,
    /// A purge is valid only while nothing holds.
    PurgeUnheld,
    /// A purge is valid only directly after a valid delete.
    PurgeAfterDelete,
    /// Whether a link is valid depends on links alone, never on the reader's clock.
    NoClockInLinks,
    /// Chains are kept after their manifest is gone.
    ChainKept,
    /// Only signed marks count as newest mark.
    MarkSigned,
    /// A session that finds a pin which is not its own goes no further.
    OwnPin,
    /// A segment is given up for another only when that is durable.
    MergedFirst,
    /// A segment is given up only while all that it names is named in what is left.
    GiveUpOneByOne,
    /// A segment goes with its packs only when plans name them; being condemned is not enough.
    PlannedPacksOnly,
    /// A segment that any plan names makes up for no other, even when it is there again.
    PlannedSegmentIsDead,
    /// What a session leaves goes only when the session is decided.
    DecidedSessions,
    /// Points are committed on the decider only.
    OneDecider,
    /// Sessions register on the decider only.
    RegisterAtDecider,
    /// The listing of a place is taken less what stored plans name.
    SubtractPlans,
    /// The re-check rescues from the whole mark, also what it cannot list because a place is away.
    RescueUnlisted,
    /// Plans are kept after every place has carried them out.
    PlansKept,
    /// A sweep deletes at a place only what a plan names that stands there, too.
    PlanAtPlace,
    /// After putting its plan into a place, a sweep looks there for a newer generation; only then it deletes.
    LookBeforeDelete,
    /// The links that ended its points stand at a place before the plan does.
    LinksBeforePlan,
    /// The plans of older generations are read after their places are closed.
    CountAfterClosing,
    /// Of these plans only those count that the new generation names.
    CountedPlans,
    /// A point is copied to a place only when its registration stands there and no newer generation does.
    RegistrationFirst,
    /// Who closes a place ends the sessions that are open there.
    EndSessions,
    /// After registering, a session looks for a newer generation.
    LookAfterRegistering,
    /// What an old decider that stays has decided is brought over before the generation opens.
    BringOver,
    /// These plans are read before the links are brought over that go with them.
    CountBeforeLinks,
    /// After removing a key slot everywhere, whoever does it looks at each place for a newer generation.
    LookAfterRemoving,
}

/// A set of rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules(u64);

impl Rules {
    /// All of them.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// These but one.
    pub(crate) const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u64))
    }

    /// Whether a rule is in force.
    pub(crate) const fn hold(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u64) != 0
    }
}
