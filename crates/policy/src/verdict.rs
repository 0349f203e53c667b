//! What retention decided about a point, and why.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::Rule;

/// Up to when a reason holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// Up to, not including, this instant.
    At(DateTime<Utc>),
    /// Until something happens that has no date.
    Open,
}

/// One reason why a point is or was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// The rule.
    pub rule: Rule,
    /// Up to when it keeps the point.
    pub until: Until,
    /// True when the point stands in for a slot that failed or was missed.
    pub is_taken_over: bool,
}

impl Reason {
    pub(crate) fn new(rule: Rule, until: Until) -> Self {
        Self {
            rule,
            until,
            is_taken_over: false,
        }
    }

    /// True when it holds at this instant.
    #[must_use]
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        match self.until {
            Until::At(until) => now < until,
            Until::Open => true,
        }
    }
}

/// What is decided about one point.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict<I> {
    /// The caller's name for the point.
    pub id: I,
    /// When it was taken.
    pub taken_at: DateTime<Utc>,
    /// Why it is kept, in the order of [`Rule`]. Empty when it is to be expired.
    pub reasons: Vec<Reason>,
    /// The reason that held longest, when none holds any more and there ever was one.
    pub ended: Option<Reason>,
}

impl<I> Verdict<I> {
    /// True when the point stays.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// When the point expires if nothing else happens; `None` when that has no date or is over.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.reasons.iter().map(|reason| reason.until).max()? {
            Until::At(at) => Some(at),
            Until::Open => None,
        }
    }

    /// Names of the rules that keep it, in order.
    pub fn kept_because(&self) -> impl Iterator<Item = &'static str> {
        self.reasons.iter().map(|reason| reason.rule.as_str())
    }

    /// What would end each reason, in words: one line for each that keeps the point.
    pub fn what_would_change(&self) -> impl Iterator<Item = String> {
        self.reasons.iter().map(|reason| change(*reason))
    }
}

fn change(reason: Reason) -> String {
    match (reason.rule, reason.until) {
        (Rule::Hold, Until::Open) => "released when somebody releases the hold".to_owned(),
        (Rule::Last, _) => "ends when enough newer points exist".to_owned(),
        (Rule::Minimum, _) => "ends when enough newer points exist".to_owned(),
        (Rule::Silent, _) => "ends when a run of its source succeeds".to_owned(),
        (Rule::Forever, _) => "ends when a retention rule is set".to_owned(),
        (Rule::Future, _) => "ends when the time at which it was taken has come".to_owned(),
        (rule, Until::At(at)) => format!("{rule} ends at {}", stamp(at)),
        (rule, Until::Open) => format!("{rule} has no end"),
    }
}

fn stamp(at: DateTime<Utc>) -> impl fmt::Display {
    at.format("%Y-%m-%dT%H:%M:%SZ")
}

impl<I: fmt::Display> fmt::Display for Verdict<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} taken {}: ", self.id, stamp(self.taken_at))?;
        for (index, reason) in self.reasons.iter().enumerate() {
            let separator = if index == 0 { "kept by " } else { ", " };
            write!(f, "{separator}{}", reason.rule)?;
            if reason.is_taken_over {
                f.write_str(" (for a missed slot)")?;
            }
            if let Until::At(at) = reason.until {
                write!(f, " until {}", stamp(at))?;
            }
        }
        match (self.is_kept(), self.ended) {
            (true, _) => Ok(()),
            (false, None) => f.write_str("expires: no rule applies to it"),
            (false, Some(reason)) => {
                write!(f, "expires: {} has ended", reason.rule)?;
                match reason.until {
                    Until::At(at) => write!(f, " at {}", stamp(at)),
                    Until::Open => Ok(()),
                }
            }
        }
    }
}
