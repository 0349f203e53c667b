//! What a person has paused or stopped.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_catalog::{JobKind, SourceName};

use crate::duty::Duty;

/// No scheduled job starts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When somebody has begun it.
    pub since: DateTime<Utc>,
    /// When it ends by itself; `None`: when somebody resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl Pause {
    /// Whether it holds at an instant.
    #[must_use]
    pub fn holds_at(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What becomes of the points of a source that is not protected any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// They stay until somebody deletes them.
    Forever,
    /// They expire as the policy says; the last one stays.
    UntilExpiry,
    /// They were deleted, softly.
    Deleted,
}

/// A source is not protected any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// When somebody has stopped it.
    pub at: DateTime<Utc>,
    /// What becomes of its points.
    pub kept: Kept,
}

/// What a person has halted of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceHalt {
    /// The source.
    pub source: SourceName,
    /// It is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Its protection is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

/// All that a person has halted on a machine; small, made to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halts {
    /// All scheduled jobs are paused, housekeeping too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Single sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceHalt>,
}

/// Why something does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// It is paused.
    Paused(Pause),
    /// Protection is stopped.
    Stopped(Stop),
}

impl Halt {
    /// When it ends by itself.
    #[must_use]
    pub fn until(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Paused(pause) => pause.until,
            Self::Stopped(_) => None,
        }
    }
}

impl Halts {
    /// What keeps a duty from being done at an instant. The end of what lasts longest is told.
    #[must_use]
    pub fn of(&self, duty: &Duty, now: DateTime<Utc>) -> Option<Halt> {
        let source = duty.source.as_ref().and_then(|source| self.source(source));
        let stop = source.and_then(|source| source.stop);
        if let Some(stop) = stop.filter(|_| duty.kind == JobKind::Backup) {
            return Some(Halt::Stopped(stop));
        }
        let pauses = [self.pause, source.and_then(|source| source.pause)];
        let pauses = pauses.into_iter().flatten();
        let longest = pauses
            .filter(|pause| pause.holds_at(now))
            .max_by_key(|pause| pause.until.unwrap_or(DateTime::<Utc>::MAX_UTC));
        longest.map(Halt::Paused)
    }

    /// How a source is stopped.
    #[must_use]
    pub fn stop_of(&self, source: &SourceName) -> Option<Stop> {
        self.source(source).and_then(|source| source.stop)
    }

    /// Sources that are stopped, and how.
    pub fn stops(&self) -> impl Iterator<Item = (&SourceName, Stop)> {
        let stops = self.sources.iter();
        stops.filter_map(|halt| Some((&halt.source, halt.stop?)))
    }

    /// Pauses a source, or everything.
    pub fn pause(&mut self, source: Option<&SourceName>, pause: Pause) {
        match source {
            Some(source) => self.source_mut(source).pause = Some(pause),
            None => self.pause = Some(pause),
        }
    }

    /// Stops the protection of a source.
    pub fn stop(&mut self, source: &SourceName, stop: Stop) {
        self.source_mut(source).stop = Some(stop);
    }

    /// Ends the pause and the stop of a source, or all pauses. True when there was one.
    pub fn resume(&mut self, source: Option<&SourceName>) -> bool {
        let before = self.clone();
        match source {
            Some(source) => self.sources.retain(|halt| halt.source != *source),
            None => {
                self.pause = None;
                self.sources.iter_mut().for_each(|halt| halt.pause = None);
            }
        }
        self.sources
            .retain(|halt| halt.pause.is_some() || halt.stop.is_some());
        *self != before
    }

    fn source(&self, source: &SourceName) -> Option<&SourceHalt> {
        self.sources.iter().find(|halt| halt.source == *source)
    }

    fn source_mut(&mut self, source: &SourceName) -> &mut SourceHalt {
        let known = self.sources.iter().position(|halt| halt.source == *source);
        let place = known.unwrap_or_else(|| {
            self.sources.push(SourceHalt {
                source: source.clone(),
                pause: None,
                stop: None,
            });
            self.sources.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just now")]
        &mut self.sources[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-03-28T{hour:02}:00:00Z").parse().unwrap()
    }

    fn pause(until: Option<DateTime<Utc>>) -> Pause {
        Pause {
            since: at(0),
            until,
        }
    }

    #[test]
    fn the_longest_pause_counts_and_ends() {
        let home = SourceName::local("home");
        let (backup, sweep) = (
            Duty::backup(home.clone()),
            Duty::housekeeping(JobKind::Sweep),
        );
        let mut halts = Halts::default();
        halts.pause(Some(&home), pause(Some(at(9))));
        assert_eq!(halts.of(&sweep, at(1)), None);
        halts.pause(None, pause(Some(at(5))));
        let until = |duty: &Duty, hour| halts.of(duty, at(hour)).and_then(Halt::until);
        assert_eq!(until(&backup, 1), Some(at(9)));
        assert_eq!(until(&sweep, 1), Some(at(5)));
        assert_eq!(halts.of(&sweep, at(5)), None);
        assert_eq!(halts.of(&backup, at(9)), None);
    }

    #[test]
    fn a_stopped_source_is_not_backed_up_until_it_is_resumed() {
        let home = SourceName::local("home");
        let (backup, drill) = (
            Duty::backup(home.clone()),
            Duty::of(JobKind::Drill, home.clone()),
        );
        let mut halts = Halts::default();
        let stop = Stop {
            at: at(0),
            kept: Kept::Forever,
        };
        halts.stop(&home, stop);
        assert_eq!(halts.of(&backup, at(1)), Some(Halt::Stopped(stop)));
        assert_eq!(halts.of(&drill, at(1)), None, "its points are still proven");
        halts.pause(Some(&home), pause(None));
        assert!(halts.resume(None), "pauses are over");
        assert_eq!(halts.stop_of(&home), Some(stop));
        assert!(halts.resume(Some(&home)));
        assert_eq!(halts, Halts::default());
        assert!(!halts.resume(Some(&home)));
    }

    #[test]
    fn it_comes_back_from_json() {
        let mut halts = Halts::default();
        halts.pause(None, pause(None));
        halts.stop(
            &SourceName::new("laptop", "home"),
            Stop {
                at: at(3),
                kept: Kept::UntilExpiry,
            },
        );
        let text = serde_json::to_string(&halts).unwrap();
        assert_eq!(serde_json::from_str::<Halts>(&text).unwrap(), halts);
    }
}
