//! Expiring: what a policy keeps no longer is told first, and deleted then.

mod plan;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use strongroom_policy::retention::{ClockState, clock_state, most_bytes_at_once};
use strongroom_policy::{Policy, Verdict, retention::PolicyEdit};
use strongroom_vault::format::SessionId;
use strongroom_vault::outlook;

use crate::engine::Strongroom;
use crate::report::PointView;
use crate::{Error, Result};

/// Which points expire, by which rules.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExpireOptions<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// The policy that it replaced, when that was lately and kept more.
    pub edit: Option<PolicyEdit<'p>>,
    /// Names of the sources that it is about; `None`: all.
    pub sources: Option<BTreeSet<String>>,
    /// Sources that have a policy of their own instead, such as the last one that named them.
    pub frozen: BTreeMap<String, &'p Policy>,
    /// The newest time that an earlier run of this machine has seen, for the brake on clocks.
    pub newest_seen_at: Option<DateTime<Utc>>,
}

impl<'p> ExpireOptions<'p> {
    /// This policy for all sources.
    #[must_use]
    pub fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            edit: None,
            sources: None,
            frozen: BTreeMap::new(),
            newest_seen_at: None,
        }
    }

    fn is_about(&self, point: &PointView) -> bool {
        let named = self.sources.as_ref();
        let is_named = named.is_none_or(|sources| sources.contains(&point.source));
        is_named || self.frozen.contains_key(&point.source)
    }
}

/// A point and what the policy says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Name of its source.
    pub source: String,
    /// Why it is kept, or that it is not.
    pub verdict: Verdict<SessionId>,
    /// True for a point that no rule keeps, but that is the last of its source which can be restored: it stays.
    pub is_last: bool,
}

impl Judged {
    /// True when it stays.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_last || self.verdict.is_kept()
    }

    /// Names of the rules that keep it; `last_point` where only that does.
    #[must_use]
    pub fn kept_because(&self) -> Vec<&'static str> {
        match self.is_last {
            true => vec!["last_point"],
            false => self.verdict.kept_because().collect(),
        }
    }
}

/// Something that does not look right: nothing is deleted before somebody has confirmed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Brake {
    /// The store's clock does not go on from what was seen before.
    #[error("the store's clock shows {now}, and the newest that was seen is {newest_seen_at}")]
    Clock {
        /// What it shows.
        now: DateTime<Utc>,
        /// The newest that the vault or an earlier run has seen.
        newest_seen_at: DateTime<Utc>,
    },
    /// More points of one source would expire than one run may delete.
    #[error(
        "{expiring_count} of {standing_count} points of {source_name:?} would expire, more than {most_count}"
    )]
    Points {
        /// The source.
        source_name: String,
        /// Points that would expire.
        expiring_count: usize,
        /// Points that there are.
        standing_count: usize,
        /// Points that may expire in one run.
        most_count: usize,
    },
    /// More of the vault would be given up than one run may.
    #[error("{freed_bytes} of {held_bytes} bytes of the vault would be given up")]
    Bytes {
        /// Bytes that nothing would need any more.
        freed_bytes: u64,
        /// Bytes of all packs.
        held_bytes: u64,
    },
}

impl Brake {
    /// Whether it stops the points of this source.
    fn stops(&self, source: &str) -> bool {
        match self {
            Self::Clock { .. } | Self::Bytes { .. } => true,
            Self::Points { source_name, .. } => source_name == source,
        }
    }
}

/// What an expire would do: a value to be shown, then carried out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExpirePlan {
    /// The instant for which it was decided, by the store's clock.
    pub at: DateTime<Utc>,
    /// Points that expire, oldest first.
    pub expiring: Vec<Judged>,
    /// Points that stay, oldest first.
    pub kept: Vec<Judged>,
    /// What somebody should look at first.
    pub brakes: Vec<Brake>,
    /// Bytes that a sweep can free once these points are gone for ever, about.
    pub freed_bytes: u64,
}

impl ExpirePlan {
    /// Whether the store's clock goes on from what was seen before.
    #[must_use]
    pub fn is_clock_believed(&self) -> bool {
        let is_of_clock = |brake: &Brake| matches!(brake, Brake::Clock { .. });
        !self.brakes.iter().any(is_of_clock)
    }

    /// The points that may be deleted: all once somebody has confirmed it, else those that no brake stops.
    pub fn permitted(&self, is_confirmed: bool) -> impl Iterator<Item = &Judged> {
        self.expiring.iter().filter(move |point| {
            is_confirmed || !self.brakes.iter().any(|brake| brake.stops(&point.source))
        })
    }
}

impl Strongroom {
    /// What the policy says of every point of its sources, deleted ones left out, at this instant; oldest first.
    ///
    /// A point counts as taken when it says so, if the store had it within two days from then; else when the store had
    /// it. So a machine whose clock is wrong neither loses its points early nor keeps them for ever.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub fn judge(&self, options: &ExpireOptions<'_>, now: DateTime<Utc>) -> Result<Vec<Judged>> {
        Ok(plan::judge(&self.points()?, options, now))
    }

    /// Which points would expire now, by the store's own clock, and what stands in the way. Nothing is deleted.
    ///
    /// # Errors
    /// When the vault cannot be read, or its store does not tell its time.
    pub fn plan_expire(&self, options: &ExpireOptions<'_>) -> Result<ExpirePlan> {
        let points = self.points()?;
        let store = self.vault().store();
        let now = self.wait(store.now(&**self.vault().entropy()))?;
        let mut plan = plan::make(&points, options, now);
        // Told even if nothing expires: nobody should remember a time that is not to be believed.
        let seen = points.iter();
        let seen =
            seen.flat_map(|point| [point.written_at, point.deleted_at].into_iter().flatten());
        if let Some(brake) = clock_brake(seen, options.newest_seen_at, now) {
            plan.brakes.push(brake);
        }
        if plan.expiring.is_empty() {
            return Ok(plan);
        }
        let gone: HashSet<SessionId> = plan.expiring.iter().map(|one| one.verdict.id).collect();
        let outlook = self.wait(outlook(self.vault(), self.reader(), &gone))?;
        plan.freed_bytes = outlook.freed_bytes;
        if outlook.freed_bytes > most_bytes_at_once(outlook.held_bytes) {
            plan.brakes.push(Brake::Bytes {
                freed_bytes: outlook.freed_bytes,
                held_bytes: outlook.held_bytes,
            });
        }
        Ok(plan)
    }

    /// Carries out a plan, softly: what it deletes can be undeleted for the vault's days of soft delete. Returns what
    /// was deleted. Points that a brake stops stay unless somebody `is_confirmed` to have looked; one that was deleted
    /// meanwhile is passed over.
    ///
    /// # Errors
    /// When the key may not sign, or the store fails.
    pub fn expire<'p>(&self, plan: &'p ExpirePlan, is_confirmed: bool) -> Result<Vec<&'p Judged>> {
        self.vault().signer()?;
        let mut expired = Vec::new();
        for point in plan.permitted(is_confirmed) {
            let reason = format!("expired: {}", point.verdict);
            match self.delete(&point.verdict.id, &reason) {
                Ok(()) => expired.push(point),
                Err(error) if is_settled(&error) => {
                    tracing::debug!(point = %point.verdict.id, %error, "not expired");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(expired)
    }
}

/// Somebody else has deleted, held or removed it since the plan was made.
fn is_settled(error: &Error) -> bool {
    use strongroom_vault::Error as VaultError;
    matches!(
        error,
        Error::NoSuchPoint(_)
            | Error::Held(_)
            | Error::LastPoint(_)
            | Error::Vault(VaultError::NotInThisState { .. })
    )
}

/// Compares the store's clock with the newest that its points, their deletions or an earlier run have seen.
pub(crate) fn clock_brake(
    seen: impl Iterator<Item = DateTime<Utc>>,
    newest_seen_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Option<Brake> {
    let newest_seen_at = seen.chain(newest_seen_at).max()?;
    (clock_state(now, newest_seen_at) != ClockState::Plausible).then_some(Brake::Clock {
        now,
        newest_seen_at,
    })
}
