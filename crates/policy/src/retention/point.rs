//! What a decision needs to know about a recovery point.

use chrono::{DateTime, Utc};

use super::RuleSet;
use crate::SlotId;

/// How a point came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointKind {
    /// By the schedule, on time or catching up.
    Scheduled,
    /// Outside of it.
    Adhoc,
}

impl PointKind {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Adhoc => "adhoc",
        }
    }
}

/// A point that may not expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Until somebody releases it.
    Open,
    /// Up to, not including, an instant.
    Until(DateTime<Utc>),
}

/// A recovery point as retention sees it; `I` is whatever the caller calls it by.
///
/// # Examples
/// ```
/// use strongroom_policy::{Point, SlotId};
///
/// let slot: SlotId = "2026-03-28T18:00".parse()?;
/// let dump = Point::scheduled("orders-0711.sql.zst", "2026-03-28T18:00:04Z".parse()?, vec![slot]);
/// assert_eq!(dump.id, "orders-0711.sql.zst");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Point<I> {
    /// The caller's name for it.
    pub id: I,
    /// When its state was that of the source.
    pub taken_at: DateTime<Utc>,
    /// By the schedule or not.
    pub kind: PointKind,
    /// Slots that this run was made for. Empty for a scheduled point whose slots are not known: then it is taken for
    /// the last slot that was due before it.
    pub slots: Vec<SlotId>,
    /// When the success before this one was taken, even if that one is gone by now. Slots that fell due since then
    /// and were not covered are the ones whose marks this point takes over. When absent, the point before it among
    /// those given is meant.
    pub follows: Option<DateTime<Utc>>,
    /// Layers that were given to it when it was taken, for callers who keep them; what the slots say is added. With
    /// them a later change of the schedule takes no mark away.
    pub marks: RuleSet,
    /// Tags, for the rules that name one.
    pub tags: Vec<String>,
    /// An instant that somebody named. It takes the place of the default of ad-hoc points and never shortens a rule.
    pub retain_until: Option<DateTime<Utc>>,
    /// Somebody holds it.
    pub hold: Option<Hold>,
}

impl<I> Point<I> {
    /// A point made by the schedule for these slots.
    #[must_use]
    pub fn scheduled(id: I, taken_at: DateTime<Utc>, slots: Vec<SlotId>) -> Self {
        Self {
            id,
            taken_at,
            kind: PointKind::Scheduled,
            slots,
            follows: None,
            marks: RuleSet::default(),
            tags: Vec::new(),
            retain_until: None,
            hold: None,
        }
    }

    /// A point made outside of the schedule.
    #[must_use]
    pub fn adhoc(id: I, taken_at: DateTime<Utc>) -> Self {
        Self {
            kind: PointKind::Adhoc,
            ..Self::scheduled(id, taken_at, Vec::new())
        }
    }

    /// The same, telling when the success before it was taken.
    #[must_use]
    pub fn following(mut self, previous_at: DateTime<Utc>) -> Self {
        self.follows = Some(previous_at);
        self
    }

    /// The same, held.
    #[must_use]
    pub fn held(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// The same, kept until an instant that somebody named.
    #[must_use]
    pub fn retained_until(mut self, until: DateTime<Utc>) -> Self {
        self.retain_until = Some(until);
        self
    }

    /// The same with a tag.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The order in which points follow each other: by time, at the same instant the scheduled one first, then by
    /// slots. Points that are equal in all of it are twins and treated alike, so that the order in which they are
    /// given does not matter.
    pub(crate) fn order(&self) -> (DateTime<Utc>, PointKind, &[SlotId]) {
        (self.taken_at, self.kind, &self.slots)
    }
}
