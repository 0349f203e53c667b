//! Which run is due now: what has run, what was missed, when to ask again.

mod jitter;
mod last_runs;

use std::{fmt, iter};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;
use crate::slot::{Due, SlotId};
pub use jitter::Jitter;
pub use last_runs::LastRuns;

/// What becomes of runs that were missed while the machine slept or was off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// One run makes up for all that were missed, as soon as possible.
    #[default]
    Once,
    /// None; the next one runs in its time.
    Skip,
}

/// A schedule with all that it takes to say what is due.
///
/// ```
/// use chrono_tz::Europe::Paris;
/// use strongroom_policy::{CatchUp, Daily, Decision, LastRuns, Schedule, Timetable};
///
/// let schedule = Schedule::Daily(Daily { times: ["02:00".parse()?].into() });
/// let timetable = Timetable::new(schedule, Paris).with_catch_up(CatchUp::Once);
/// let mut runs = LastRuns::since("2026-01-01T12:00:00Z".parse()?);
///
/// // Three nights later somebody opens the lid.
/// let now = "2026-01-04T07:00:00Z".parse()?;
/// let Decision::Run { due, missed } = timetable.due_now(&runs, now) else { return Err("not due".into()) };
/// assert_eq!(due.slots[0].to_string(), "2026-01-04T02:00");
/// assert_eq!(missed.slots_count, 2);
///
/// runs.record(&due, now);
/// assert!(matches!(timetable.due_now(&runs, now), Decision::Wait { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timetable {
    /// When runs are due.
    pub schedule: Schedule,
    /// In whose civil time.
    pub zone: Tz,
    /// What becomes of missed runs. [`CatchUp::Once`] by default.
    pub catch_up: CatchUp,
    /// By how much runs start later than they are due. Not at all by default.
    pub jitter: Jitter,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Run now, and [record](LastRuns::record) it.
    Run {
        /// The run that is due.
        due: Due,
        /// What was due before it and did not run; it will not run any more.
        missed: Missed,
    },
    /// Nothing to do yet.
    Wait {
        /// When to ask again; never, where the schedule has ended.
        until: Option<DateTime<Utc>>,
        /// What was due and will not run, under [`CatchUp::Skip`].
        missed: Missed,
    },
}

/// Slots that were due and did not run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Missed {
    /// How many; [`Missed::MOST_COUNTED`] stands for as many or more.
    pub slots_count: usize,
    /// The first of them.
    pub first: Option<SlotId>,
}

impl Missed {
    /// Counting ends here.
    pub const MOST_COUNTED: usize = 1000;
}

impl Timetable {
    /// How late a run may start, seconds, without being one that was missed.
    pub const ON_TIME_SECS: u32 = 600;

    /// A timetable that makes up for missed runs, without jitter.
    #[must_use]
    pub fn new(schedule: Schedule, zone: Tz) -> Self {
        Self {
            schedule,
            zone,
            catch_up: CatchUp::default(),
            jitter: Jitter::default(),
        }
    }

    /// Sets what becomes of missed runs.
    #[must_use]
    pub fn with_catch_up(self, catch_up: CatchUp) -> Self {
        Self { catch_up, ..self }
    }

    /// Sets by how much runs start later than they are due.
    #[must_use]
    pub fn with_jitter(self, jitter: Jitter) -> Self {
        Self { jitter, ..self }
    }

    /// When a run starts: when it is due, or later by its jitter, but before the next run is due.
    #[must_use]
    pub fn start_of(&self, due: &Due) -> DateTime<Utc> {
        let delay = self.jitter.delay(due);
        if delay.is_zero() {
            return due.at;
        }
        let start = due.at.checked_add_signed(delay).unwrap_or(due.at);
        match self.schedule.next_after(due.at, self.zone) {
            // Half of the way leaves time to run.
            Some(next) if next.at <= start => due.at + (next.at - due.at) / 2,
            _ => start,
        }
    }

    /// Decides what to do at `now`, given what has run.
    ///
    /// * A slot that ran never runs again, however the clock is set.
    /// * A run also settles all slots before it, unless the clock has been set back by more than a day since: then the
    ///   run was made by a clock that was wrong, and only its own slots are settled.
    /// * Of several runs that are due, only the last is run; whether at all, when it is no longer on time, is up to
    ///   [`CatchUp`].
    #[must_use]
    pub fn due_now(&self, runs: &LastRuns, now: DateTime<Utc>) -> Decision {
        let settled = runs.settled_until(now);
        let wait = |missed| {
            let next = self.next_open(runs, settled.max(now));
            let until = next.map(|due| self.start_of(&due));
            Decision::Wait { until, missed }
        };
        let Some(due) = self.last_open(runs, settled, now) else {
            return wait(Missed::default());
        };
        let start = self.start_of(&due);
        if start > now {
            let until = Some(start);
            let missed = Missed::default();
            return Decision::Wait { until, missed };
        }
        let on_time = now - start <= TimeDelta::seconds(i64::from(Self::ON_TIME_SECS));
        if self.catch_up == CatchUp::Skip && !on_time {
            return wait(self.missed(runs, settled, now));
        }
        let before = due.at - TimeDelta::seconds(1);
        let missed = self.missed(runs, settled, before);
        Decision::Run { due, missed }
    }

    /// The last run after `settled` and at or before `now` that has slots which did not run, with these slots only.
    fn last_open(
        &self,
        runs: &LastRuns,
        settled: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Option<Due> {
        let last = |until| self.schedule.last_between(settled, until, self.zone);
        let before = |due: &Due| last(due.at.checked_sub_signed(TimeDelta::seconds(1))?);
        let dues = iter::successors(last(now), before);
        // No more than are remembered can have run.
        let mut open = dues.take(LastRuns::MOST_KEPT + 1).map(|due| runs.open(due));
        open.find_map(|due| due)
    }

    fn next_open(&self, runs: &LastRuns, after: DateTime<Utc>) -> Option<Due> {
        let next = |after| self.schedule.next_after(after, self.zone);
        let dues = iter::successors(next(after), |due| next(due.at));
        let mut open = dues.take(LastRuns::MOST_KEPT + 1).map(|due| runs.open(due));
        open.find_map(|due| due)
    }

    fn missed(&self, runs: &LastRuns, after: DateTime<Utc>, until: DateTime<Utc>) -> Missed {
        let dues = self.schedule.between(after, until, self.zone);
        let mut slots = dues
            .flat_map(|due| due.slots)
            .filter(|slot| !runs.has_run(*slot))
            .take(Missed::MOST_COUNTED)
            .peekable();
        Missed {
            first: slots.peek().copied(),
            slots_count: slots.count(),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missed = match self {
            Self::Run { due, missed } => {
                write!(f, "run {due}")?;
                missed
            }
            Self::Wait {
                until: None,
                missed,
            } => {
                f.write_str("wait for ever")?;
                missed
            }
            Self::Wait {
                until: Some(until),
                missed,
            } => {
                write!(f, "wait until {}", until.format("%Y-%m-%dT%H:%M:%SZ"))?;
                missed
            }
        };
        match missed {
            Missed {
                slots_count: count,
                first: Some(first),
            } => write!(f, "; missed {count} from {first} on"),
            Missed { first: None, .. } => Ok(()),
        }
    }
}
