//! Points that exist before a simulation: a document as `points --json` or `policy simulate --json` prints it.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use strongroom_policy::retention::Hold;
use strongroom_policy::{Point, SlotId};

use crate::fail::{Fail, Result};

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Document {
    List(Vec<Known>),
    Simulation { points: Vec<Known> },
}

#[derive(Debug, Deserialize)]
struct Known {
    #[serde(default)]
    recovery_point: Option<String>,
    taken_at: DateTime<Utc>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    slots: Vec<SlotId>,
    #[serde(default)]
    hold_until: Option<DateTime<Utc>>,
    #[serde(default)]
    retain_until: Option<DateTime<Utc>>,
    #[serde(default)]
    deleted_at: Option<DateTime<Utc>>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Scheduled,
    Adhoc,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tags {
    Pairs(BTreeMap<String, String>),
    Words(Vec<String>),
}

impl Default for Tags {
    fn default() -> Self {
        Self::Words(Vec::new())
    }
}

/// Points of a history file, by their recovery point where they have one. Deleted ones do not count.
pub(super) fn read(path: &Path) -> Result<Vec<Point<String>>> {
    let fail = |error: &dyn std::error::Error| {
        let message = format!("{} holds no history", path.display());
        let help = "write a JSON list of points with their taken_at, as `points --json` prints it";
        Fail::usage(message, help).because(error)
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(&error))?;
    let document: Document = serde_json::from_str(&text).map_err(|error| fail(&error))?;
    let (Document::List(points) | Document::Simulation { points }) = document;
    let existing = points
        .into_iter()
        .filter(|point| point.deleted_at.is_none());
    Ok(existing.map(point).collect())
}

fn point(known: Known) -> Point<String> {
    let id = known.recovery_point.unwrap_or_default();
    let mut point = match known.kind {
        Kind::Scheduled => Point::scheduled(id, known.taken_at, known.slots),
        Kind::Adhoc => Point::adhoc(id, known.taken_at),
    };
    point.hold = known.hold_until.map(Hold::Until);
    point.retain_until = known.retain_until;
    point.tags = match known.tags {
        Tags::Pairs(pairs) => {
            let pairs = pairs.into_iter();
            pairs.map(|(key, value)| format!("{key}={value}")).collect()
        }
        Tags::Words(words) => words,
    };
    point
}
