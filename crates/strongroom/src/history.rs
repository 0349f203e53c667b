//! Histories of sources: whether what a vault shows goes together with itself, and with what was seen before.
//!
//! Manifests carry a number and the hash of the one that they were built on. A vault alone cannot prove that it is not old;
//! who remembers the highest head that it has seen can tell when the vault shows less.

mod judge;

use std::collections::BTreeSet;

use strongroom_vault::Error as VaultError;
use strongroom_vault::chain::{self, Chain};
use strongroom_vault::format::{PreviousPoint, SessionId, SourceId};
use strongroom_vault::points::{self, PointRef};

use crate::engine::Strongroom;
use crate::{Error, Result};
use judge::{finding, judge};

/// The furthest point of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The source, by its id.
    pub source: SourceId,
    /// The point.
    pub point: SessionId,
    /// Its number in the history.
    pub seq: u64,
    /// Hash of its whole manifest.
    pub blake3: [u8; 32],
}

/// What a machine remembers of a vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// At most one of each source.
    pub heads: Vec<Head>,
    /// Points whose absence somebody has accepted.
    pub accepted: BTreeSet<SessionId>,
}

/// What is wrong with a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HistoryProblem {
    /// A point that was seen before is not there, and was not purged: the vault is older than it was, or another.
    RolledBack,
    /// A point that another was built on is not there, and was not purged.
    Missing,
    /// A point is not the one that was seen before, or that another was built on.
    Replaced,
    /// The number of a point does not follow from the one that it was built on.
    OutOfOrder,
    /// Two points were built on one. Two runs at the same time do that, and so does who forges a history.
    Fork,
}

impl HistoryProblem {
    /// A word for documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled_back",
            Self::Missing => "missing",
            Self::Replaced => "replaced",
            Self::OutOfOrder => "out_of_order",
            Self::Fork => "fork",
        }
    }

    /// Whether no honest vault shows this.
    #[must_use]
    pub fn is_certain(self) -> bool {
        self != Self::Fork
    }
}

/// Something that does not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryFinding {
    /// What.
    pub problem: HistoryProblem,
    /// In the history of which source, by its id.
    pub source: SourceId,
    /// The point that it is about.
    pub point: SessionId,
    /// In words.
    pub reason: String,
}

/// What the vault shows.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The furthest point of each source.
    pub heads: Vec<Head>,
    /// What is wrong, in order of source and point.
    pub findings: Vec<HistoryFinding>,
}

impl History {
    /// What to remember from now on: never less than before, but where it was accepted.
    #[must_use]
    pub fn remember(&self, before: &Remembered) -> Remembered {
        let mut remembered = before.clone();
        for head in &self.heads {
            let is_hurt = self
                .findings
                .iter()
                .any(|finding| finding.source == head.source && finding.problem.is_certain());
            match remembered
                .heads
                .iter_mut()
                .find(|known| known.source == head.source)
            {
                Some(known) if is_hurt => {
                    tracing::debug!(point = %known.point, "what was seen stays remembered");
                }
                Some(known) => *known = *head,
                None => remembered.heads.push(*head),
            }
        }
        remembered
    }

    /// What to remember when what the vault shows is taken for right.
    #[must_use]
    pub fn accept(&self, before: &Remembered) -> Remembered {
        let mut accepted = before.accepted.clone();
        let missing = self.findings.iter().filter(|finding| {
            matches!(
                finding.problem,
                HistoryProblem::RolledBack | HistoryProblem::Missing
            )
        });
        accepted.extend(missing.map(|finding| finding.point));
        Remembered {
            heads: self.heads.clone(),
            accepted,
        }
    }
}

/// One point as a history sees it.
#[derive(Debug, Clone)]
struct Node {
    head: Head,
    prev: Option<PreviousPoint>,
    /// It was copied from another place of the vault.
    is_copied: bool,
}

/// Points that are not among the nodes, and why.
#[derive(Debug, Default)]
struct Absent {
    /// Ended by a purge.
    gone: BTreeSet<SessionId>,
    /// There, but not readable; that is damage and told as such.
    damaged: BTreeSet<SessionId>,
}

impl Strongroom {
    /// Compares the histories of all sources with themselves and with what was remembered. The key of a monitor is
    /// enough, but for telling purged points from lost ones.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn history(&self, remembered: &Remembered) -> Result<History> {
        let vault = self.vault();
        let chains = match self.wait(chain::all(vault)) {
            Err(strongroom_vault::Error::NotPermitted(_)) => None,
            chains => Some(chains?),
        };
        let mut absent = Absent::default();
        for (sid, chain) in chains.iter().flatten() {
            if Chain::is_gone(chain) {
                absent.gone.insert(*sid);
            }
        }
        let mut nodes = Vec::new();
        for point in self.wait(points::all(vault))? {
            if absent.gone.contains(&point.sid) {
                continue;
            }
            match self.wait(points::read_structure_hashed(vault, &point)) {
                Ok(Some((structure, _))) if absent.gone.contains(&structure.sid) => {}
                Ok(Some((structure, blake3))) => nodes.push(Node {
                    head: Head {
                        source: point.source,
                        point: structure.sid,
                        seq: structure.seq,
                        blake3,
                    },
                    prev: structure.prev,
                    is_copied: structure.sid != point.sid,
                }),
                Ok(None) => {}
                Err(error) if error.is_corruption() => {
                    absent.damaged.insert(point.sid);
                }
                Err(error) => return Err(Error::from(error)),
            }
        }
        let mut history = judge(&nodes, &absent, remembered);
        if chains.is_none() {
            history.findings.retain(|finding| {
                !matches!(
                    finding.problem,
                    HistoryProblem::Missing | HistoryProblem::RolledBack
                )
            });
        }
        Ok(history)
    }
}

impl Strongroom {
    /// What to remember once this point was made: it, unless the vault lacks the point of its source that was remembered
    /// before; then that one, and why.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn note_point(
        &self,
        point: &SessionId,
        before: &Remembered,
    ) -> Result<(Remembered, Option<HistoryFinding>)> {
        let vault = self.vault();
        let missing = || Error::NoSuchPoint(point.to_string());
        let found = self
            .wait(points::find(vault, *point))?
            .ok_or_else(missing)?;
        let read = self.wait(points::read_structure_hashed(vault, &found))?;
        let (structure, blake3) = read.ok_or_else(missing)?;
        let head = Head {
            source: found.source,
            point: structure.sid,
            seq: structure.seq,
            blake3,
        };
        let mut after = before.clone();
        let Some(known) = after
            .heads
            .iter_mut()
            .find(|known| known.source == head.source)
        else {
            after.heads.push(head);
            return Ok((after, None));
        };
        let seen = PointRef {
            sid: known.point,
            source: known.source,
        };
        let place = self.wait(points::find(vault, known.point))?;
        let stands = self.wait(points::read_structure_hashed(vault, &place.unwrap_or(seen)));
        let absent = match stands {
            Ok(Some((_, found))) if found == known.blake3 => None,
            // Damage is for `verify` to tell.
            Err(error) if error.is_corruption() && !matches!(error, VaultError::Missing { .. }) => {
                return Ok((after, None));
            }
            Err(error) if !error.is_corruption() => return Err(error.into()),
            Ok(_) => Some(HistoryProblem::Replaced),
            Err(_) if self.wait(chain::of_point(vault, &seen))?.is_gone() => None,
            Err(_) => Some(HistoryProblem::RolledBack),
        };
        if let Some(problem) = absent.filter(|_| !before.accepted.contains(&seen.sid)) {
            let reason =
                "this machine has seen it; the vault does not show it as it was".to_owned();
            let told = finding(problem, known, known.point, reason);
            return Ok((after, Some(told)));
        }
        *known = head;
        Ok((after, None))
    }
}
