//! Jobs: what was run, what it is at, how it ended.

mod event;
mod kind;
mod state;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::key::push_number_descending;
use crate::point::PointId;
use crate::record::{Record, check_text};
use crate::source::SourceName;
use crate::store::Table;
use crate::text::shorten;
use crate::ticket::ticket;

pub use event::{IllegalEvent, JobEvent};
pub use kind::{JobKind, Phase};
pub use state::JobState;

/// The most warnings that are kept of a job; the others are counted.
pub const WARNINGS_MAX_COUNT: usize = 50;
const PHASES_MAX_COUNT: usize = 64;
const SLOTS_MAX_COUNT: usize = 64;
const MESSAGE_MAX_BYTES: usize = 300;
const WORD_MAX_BYTES: usize = 100;

ticket! {
    /// Id of a job, in the order in which jobs are made.
    JobId
}

/// How much is done, and of how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_bytes: Option<u64>,
    /// Items done: files, packs, points.
    pub done_count: u64,
    /// Items in all, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_count: Option<u64>,
}

/// A phase, and when it was entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PhaseEntry {
    /// Which phase.
    pub phase: Phase,
    /// When it was entered.
    pub entered_at: DateTime<Utc>,
}

/// Something that was not as it should be. Texts beyond 300 bytes are cut when they are noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A stable word for it.
    pub code: String,
    /// What it was.
    pub message: String,
}

impl Warning {
    fn shortened(&self) -> Self {
        Self {
            code: shorten(&self.code, WORD_MAX_BYTES),
            message: shorten(&self.message, MESSAGE_MAX_BYTES),
        }
    }
}

/// Why a job failed. Texts beyond 300 bytes are cut when they are noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word for it.
    pub code: String,
    /// What failed.
    pub message: String,
    /// What to do now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Failure {
    /// The code of a job whose process ended before it did.
    pub const INTERRUPTED: &'static str = "interrupted";

    pub(crate) fn interrupted() -> Self {
        Self {
            code: Self::INTERRUPTED.to_owned(),
            message: "the process that ran the job ended before it did".to_owned(),
            help: Some("what it has stored is used by the next run".to_owned()),
        }
    }

    fn shortened(&self) -> Self {
        let help = self.help.as_deref();
        Self {
            code: shorten(&self.code, WORD_MAX_BYTES),
            message: shorten(&self.message, MESSAGE_MAX_BYTES),
            help: help.map(|help| shorten(help, MESSAGE_MAX_BYTES)),
        }
    }
}

/// A job that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewJob {
    /// What it does.
    pub kind: JobKind,
    /// Whose data it is about; `None` for jobs of a whole vault.
    pub source: Option<SourceName>,
    /// Civil times of the scheduled runs that it is made for; `None` for a job outside of any schedule.
    pub slots: Option<Vec<String>>,
}

impl NewJob {
    /// A job outside of any schedule.
    #[must_use]
    pub fn new(kind: JobKind, source: Option<SourceName>) -> Self {
        Self {
            kind,
            source,
            slots: None,
        }
    }

    /// The same, made by the schedule for these slots.
    #[must_use]
    pub fn scheduled(self, slots: Vec<String>) -> Self {
        Self {
            slots: Some(slots),
            ..self
        }
    }
}

/// One run of backup, restore, verify and so on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// How often something has happened to it: of two copies, the one with more is newer.
    pub revision: u64,
    /// What it does.
    pub kind: JobKind,
    /// Whose data it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// Civil times of the scheduled runs that it was made for; `None` for a job outside of any schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Vec<String>>,
    /// Where it is in its life.
    pub state: JobState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When something has happened to it last.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// The phases that it has entered, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseEntry>,
    /// How much is done.
    #[serde(default)]
    pub progress: Progress,
    /// The first warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// How many there were in all.
    #[serde(default)]
    pub warnings_count: u64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The point that it has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<PointId>,
}

impl Job {
    pub(crate) fn new(id: JobId, new: NewJob, at: DateTime<Utc>) -> Self {
        Self {
            id,
            revision: 0,
            kind: new.kind,
            source: new.source,
            slots: new.slots,
            state: JobState::Scheduled,
            created_at: at,
            started_at: None,
            updated_at: at,
            ended_at: None,
            phases: Vec::new(),
            progress: Progress::default(),
            warnings: Vec::new(),
            warnings_count: 0,
            failure: None,
            recovery_point: None,
        }
    }

    /// The phase that it is at.
    #[must_use]
    pub fn phase(&self) -> Option<&Phase> {
        self.phases.last().map(|entry| &entry.phase)
    }

    /// True when it was made for this slot.
    #[must_use]
    pub fn is_for_slot(&self, slot: &str) -> bool {
        let mut slots = self.slots.iter().flatten();
        slots.any(|own| own == slot)
    }

    /// Its key in the order of sources and, within one, newest first.
    pub(crate) fn source_key(&self) -> Option<Vec<u8>> {
        let mut key = self.source.as_ref()?.prefix();
        push_number_descending(&mut key, self.id.0);
        Some(key)
    }
}

impl Record for Job {
    const KIND: u8 = 3;
    const TABLE: Table = Table::Jobs;

    fn key(&self) -> Vec<u8> {
        self.id.key()
    }

    fn check(&self) -> Result<()> {
        check_text("the kind of a job", self.kind.as_str(), WORD_MAX_BYTES)?;
        self.source.iter().try_for_each(SourceName::check)?;
        self.recovery_point.iter().try_for_each(PointId::check)?;
        let phases = self.phases.iter().map(|entry| entry.phase.as_str());
        for phase in phases {
            check_text("a phase", phase, WORD_MAX_BYTES)?;
        }
        let slots = self.slots.iter().flatten();
        slots
            .take(SLOTS_MAX_COUNT + 1)
            .enumerate()
            .try_for_each(|(at, slot)| {
                let limit_bytes = if at < SLOTS_MAX_COUNT {
                    WORD_MAX_BYTES
                } else {
                    0
                };
                check_text("the slots of a job", slot, limit_bytes)
            })
    }
}
