//! What happens in a daemon, for those who watch it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_catalog::{JobId, JobKind, SourceName};

use super::Order;
use crate::outcome::Outcome;

/// Something that has happened. As JSON, `event` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The daemon runs.
    Ready {
        /// When it began.
        at: DateTime<Utc>,
        /// Its process.
        process: u32,
    },
    /// A job is started.
    Started {
        /// What it does.
        kind: JobKind,
        /// To which source.
        source: Option<SourceName>,
        /// The slots that it is made for.
        slots: Vec<String>,
        /// Slots before these that were due and are not made up for.
        missed_count: usize,
        /// The job that was written down for it, for one that a person has asked for.
        job: Option<JobId>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A job has ended.
    Ended {
        /// What it did.
        kind: JobKind,
        /// To which source.
        source: Option<SourceName>,
        /// How it has ended.
        outcome: Outcome,
        /// When.
        at: DateTime<Utc>,
    },
    /// Nothing can be started just now.
    Waiting {
        /// Jobs that run.
        running_count: usize,
        /// When something is to be done next.
        look_at: Option<DateTime<Utc>>,
    },
    /// The rules were read, for the first time or because they have changed.
    PolicyRead {
        /// When they were read.
        at: DateTime<Utc>,
        /// Duties by these rules.
        duties_count: usize,
    },
    /// The rules cannot be read; those before hold on.
    PolicyRefused {
        /// What is wrong with them.
        message: String,
    },
    /// Something is not as it should be; the daemon goes on.
    Trouble {
        /// What it is.
        message: String,
    },
    /// The daemon ends, after stopping what runs.
    Stopping {
        /// Jobs that run.
        running_count: usize,
    },
}

impl Event {
    pub(super) fn started(order: &Order, at: DateTime<Utc>) -> Self {
        let (slots, missed_count, job) = match order {
            Order::Scheduled(start) => {
                let slots = start.due.slots.iter().map(ToString::to_string);
                (slots.collect(), start.missed.slots_count, None)
            }
            Order::Asked(asked) => (Vec::new(), 0, asked.job),
        };
        let duty = order.duty();
        Self::Started {
            kind: duty.kind.clone(),
            source: duty.source.clone(),
            slots,
            missed_count,
            job,
            at,
        }
    }
}
