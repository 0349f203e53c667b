//! What has run, by identity.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::slot::{Due, SlotId};

/// What has run: small, bounded, made to be kept between runs of the program.
///
/// Slots are remembered by their identity and not by the instant at which they ran, so that a clock set back cannot
/// make a slot run twice. Each is kept with what the clock showed then: an entry from more than a day in the future was
/// made by a clock that was wrong, and does not hold up what is due by the clock of now.
///
/// [`observe`](Self::observe) before [`due_now`](crate::Timetable::due_now), [`record`](Self::record) after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRuns {
    since: DateTime<Utc>,
    entries: VecDeque<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    slot: SlotId,
    due_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    /// Recorded by a clock that was ahead by more than a day, as it turned out later.
    #[serde(default)]
    is_doubted: bool,
}

impl LastRuns {
    /// How many slots are remembered.
    pub const MOST_KEPT: usize = 256;

    /// How far the clock may be set back, seconds, until what it showed before is no longer believed.
    pub const BELIEVED_SECS: u32 = 24 * 60 * 60;

    /// Nothing has run yet, and nothing is due that was due at or before `since`.
    #[must_use]
    pub fn since(since: DateTime<Utc>) -> Self {
        Self {
            since,
            entries: VecDeque::new(),
        }
    }

    /// Tells what the clock shows: when the program starts, and whenever time has passed. Entries from more than a day
    /// in the future are not believed from now on, even when their time comes.
    pub fn observe(&mut self, now: DateTime<Utc>) {
        for entry in &mut self.entries {
            entry.is_doubted |= !is_believed(entry.recorded_at, now);
        }
        if !is_believed(self.since, now) {
            self.since = now.checked_sub_signed(BELIEVED).unwrap_or(now);
        }
    }

    /// Remembers that a run was started at `now`. The oldest entries are dropped where there are more than
    /// [`LastRuns::MOST_KEPT`]; what they settled stays settled.
    pub fn record(&mut self, due: &Due, now: DateTime<Utc>) {
        self.observe(now);
        for slot in &due.slots {
            self.entries.push_back(Entry {
                slot: *slot,
                due_at: due.at,
                recorded_at: now,
                is_doubted: false,
            });
        }
        while self.entries.len() > Self::MOST_KEPT {
            if let Some(entry) = self.entries.pop_front()
                && !entry.is_doubted
            {
                self.since = self.since.max(entry.due_at);
            }
        }
    }

    /// Whether a slot has run, as far as is remembered.
    #[must_use]
    pub fn has_run(&self, slot: SlotId) -> bool {
        self.entries.iter().any(|entry| entry.slot == slot)
    }

    /// The run with only those of its slots that did not run yet, if there are any.
    pub(super) fn open(&self, mut due: Due) -> Option<Due> {
        due.slots.retain(|slot| !self.has_run(*slot));
        (!due.slots.is_empty()).then_some(due)
    }

    /// All slots that were due up to this instant are settled, by the clock of `now`.
    ///
    /// Where nothing that is remembered is believed, it is a day before `now`: enough to run once, soon.
    #[must_use]
    pub fn settled_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let entries = self.entries.iter().filter(|entry| !entry.is_doubted);
        let settled = entries.filter(|entry| is_believed(entry.recorded_at, now));
        let since = Some(self.since).filter(|since| is_believed(*since, now));
        let settled = settled.map(|entry| entry.due_at).chain(since).max();
        settled.unwrap_or_else(|| now.checked_sub_signed(BELIEVED).unwrap_or(now))
    }
}

const BELIEVED: TimeDelta = TimeDelta::seconds(LastRuns::BELIEVED_SECS as i64);

fn is_believed(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at.signed_duration_since(now) <= BELIEVED
}
