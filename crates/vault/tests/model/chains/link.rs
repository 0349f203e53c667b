//! The links of a point's chain and what they amount to.

use crate::rule::{Rule, Rules};

/// How many links a chain can have here.
pub(crate) const LINKS_COUNT: usize = 5;

/// What stands at one number of a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Link {
    #[default]
    Free,
    /// Not signed as it should be. It says that it is a purge.
    Void,
    Delete,
    Undelete,
    Purge,
    /// Holds until it is released.
    Hold,
    /// Holds until a time.
    TimedHold,
    /// Ends any hold, by the owner.
    Release,
    /// Ends a hold whose time has passed, with the store's time as evidence.
    TimedRelease,
}

/// What a chain amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) deleted: bool,
    /// The last valid link is a delete.
    pub(crate) just_deleted: bool,
    pub(crate) held: bool,
    pub(crate) held_for_a_time: bool,
    pub(crate) purged: bool,
}

/// All links of a point.
pub(crate) type Chain = [Link; LINKS_COUNT];

/// The state of a chain to somebody who keeps to some of the rules.
pub(crate) fn status(chain: &Chain, rules: Rules) -> Status {
    chain.iter().fold(Status::default(), |status, &link| {
        after(status, link, rules)
    })
}

fn after(status: Status, link: Link, rules: Rules) -> Status {
    let link = match link {
        Link::Void if !rules.hold(Rule::LinkSigned) => Link::Purge,
        // A reader whose clock is ahead thinks that the hold is over.
        Link::TimedHold if !rules.hold(Rule::NoClockInLinks) => Link::Void,
        other => other,
    };
    let unheld = !status.held || !rules.hold(Rule::PurgeUnheld);
    let just_deleted = status.just_deleted || !rules.hold(Rule::PurgeAfterDelete);
    let timed = matches!(link, Link::TimedHold);
    match link {
        _ if status.purged => status,
        Link::Delete => Status {
            deleted: true,
            just_deleted: true,
            ..status
        },
        Link::Undelete if status.deleted => Status {
            deleted: false,
            just_deleted: false,
            ..status
        },
        Link::Purge if unheld && just_deleted => Status {
            purged: true,
            ..status
        },
        Link::Hold | Link::TimedHold => Status {
            held: true,
            held_for_a_time: timed && (!status.held || status.held_for_a_time),
            just_deleted: false,
            ..status
        },
        Link::Release if status.held => released(status),
        Link::TimedRelease if status.held_for_a_time => released(status),
        _ => status,
    }
}

fn released(status: Status) -> Status {
    Status {
        held: false,
        held_for_a_time: false,
        just_deleted: false,
        ..status
    }
}

/// The number at which a writer makes its link.
pub(crate) fn next_number(chain: &Chain, rules: Rules) -> usize {
    if rules.hold(Rule::LowestNumber) {
        chain
            .iter()
            .position(|&link| link == Link::Free)
            .unwrap_or(LINKS_COUNT)
    } else {
        chain
            .iter()
            .rposition(|&link| link != Link::Free)
            .map_or(0, |last| last + 1)
    }
}
