//! Deleting, holding and sweeping: what makes a vault smaller.
//!
//! A deleted point stays whole, and can be undeleted, until its time is over and a link of its chain says that it is
//! gone; only then may a sweep take what no other point needs.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_vault::chain::{self, Chain};
use strongroom_vault::format::{Hold, LinkOp, SessionId, Standing};
use strongroom_vault::points::{self, PointRef};
use strongroom_vault::{SweepOptions, SweepReport, sweep};

use crate::engine::Strongroom;
use crate::expire::clock_brake;
use crate::report::{PointState, PointView};
use crate::{Error, Result};

impl Strongroom {
    /// Deletes a point, softly: it stays whole for the vault's days of soft delete. In a vault without soft delete it
    /// is gone at once.
    ///
    /// # Errors
    /// When the key may not sign, the point is deleted already, or, without soft delete, as
    /// [`Strongroom::delete_now`].
    pub fn delete(&self, point: &SessionId, reason: &str) -> Result<()> {
        if self.vault().config().no_soft_delete {
            return self.delete_now(point, reason);
        }
        let point = self.point_ref(point)?;
        self.link(&point, LinkOp::Delete, None, reason)
    }

    /// Deletes a point for ever: the next sweep takes what only it needs.
    ///
    /// # Errors
    /// [`Error::LastPoint`] for the newest point of a source that has no other, [`Error::Held`] for a held one, or
    /// when the key may not sign.
    pub fn delete_now(&self, id: &SessionId, reason: &str) -> Result<()> {
        let all = self.points()?;
        let missing = || Error::NoSuchPoint(id.to_string());
        let view = all
            .iter()
            .find(|point| point.id == *id)
            .ok_or_else(missing)?;
        if is_held(view, self.now()) {
            return Err(Error::Held(*id));
        }
        if is_last(view, &all) {
            return Err(Error::LastPoint(*id));
        }
        let point = self.point_ref(id)?;
        if view.deleted_at.is_none() {
            self.link(&point, LinkOp::Delete, None, reason)?;
        }
        self.purge(&point, self.now(), reason)
    }

    /// Takes back a soft deletion.
    ///
    /// # Errors
    /// When the point is not deleted or gone for ever, or the key may not sign.
    pub fn undelete(&self, point: &SessionId, reason: &str) -> Result<()> {
        let point = self.point_ref(point)?;
        self.link(&point, LinkOp::Undelete, None, reason)
    }

    /// Holds a point until this instant, or until it is released.
    ///
    /// # Errors
    /// When the point is gone, or the key may not sign.
    pub fn hold(
        &self,
        point: &SessionId,
        until: Option<DateTime<Utc>>,
        reason: &str,
    ) -> Result<()> {
        let point = self.point_ref(point)?;
        self.link(&point, LinkOp::Hold, until, reason)
    }

    /// Ends the hold of a point.
    ///
    /// # Errors
    /// When the point is gone, or the key is not the owner's and the time of the hold is not over.
    pub fn release(&self, point: &SessionId, reason: &str) -> Result<()> {
        let point = self.point_ref(point)?;
        self.link(&point, LinkOp::Release, None, reason)
    }

    /// Purges the deleted points whose time is over, then frees what no point needs.
    ///
    /// # Errors
    /// [`Error::Brake`] when points would be purged by a clock that is not [confirmed](SweepOptions::is_confirmed);
    /// when the key may not sign, what is needed cannot be told for certain (then nothing is deleted), or the store
    /// fails.
    pub fn sweep(&self, options: &SweepOptions) -> Result<SweepReport> {
        self.vault().signer()?;
        let now = self.now();
        if options.dry_run {
            return Ok(self.wait(sweep(self.vault(), self.reader(), options, now))?);
        }
        let mut options = options.clone();
        for ballast in self.ballasts() {
            options.move_max_bytes = options.move_max_bytes.min(ballast.spare_bytes());
            ballast.release();
        }
        self.purge_due(&options)?;
        let report = self.wait(sweep(self.vault(), self.reader(), &options, now))?;
        self.ballasts().for_each(|ballast| ballast.keep());
        Ok(report)
    }

    /// Ends the softly deleted points whose days are over, counted by the store's own clock.
    fn purge_due(&self, options: &SweepOptions) -> Result<()> {
        let chains = self.wait(chain::all(self.vault()))?;
        let is_soft = |chain: &Chain| chain.deleted_at.is_some() && !chain.is_gone();
        let chains: BTreeMap<SessionId, Chain> = chains
            .into_iter()
            .filter(|(_, chain)| is_soft(chain))
            .collect();
        if chains.is_empty() {
            return Ok(());
        }
        let store = self.vault().store();
        let store_now = self.wait(store.now(&**self.vault().entropy()))?;
        let days = self.vault().config().soft_delete_days;
        let days = i64::from(days.max(options.soft_delete_days));
        let days = TimeDelta::try_days(days).unwrap_or(TimeDelta::MAX);
        let is_over = |at: DateTime<Utc>| store_now.signed_duration_since(at) >= days;
        let mut due = Vec::new();
        for (id, chain) in &chains {
            if chain.deleted_at.is_some_and(is_over)
                && let Some(point) = self.wait(points::find(self.vault(), *id))?
                && !self.is_kept_by_hold(&point, chain, store_now)?
            {
                due.push(PointRef { sid: *id, ..point });
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let observed = self.wait(points::all_observed(self.vault()))?;
        let seen = observed.into_iter().map(|(_, written_at)| written_at);
        let seen = seen.chain(chains.values().filter_map(|chain| chain.deleted_at));
        let brake = clock_brake(seen, options.newest_seen_at, store_now);
        if let Some(brake) = brake.filter(|_| !options.is_confirmed) {
            return Err(Error::Brake(brake));
        }
        for point in due {
            self.purge(&point, store_now, "the days of soft delete are over")?;
        }
        Ok(())
    }

    /// Whether a hold stands. Of the manifest its structure is enough: who only sweeps reads no names. One that is damaged
    /// holds nothing.
    fn is_kept_by_hold(&self, point: &PointRef, chain: &Chain, now: DateTime<Utc>) -> Result<bool> {
        let until = match chain.state.hold {
            Hold::ForEver => return Ok(true),
            Hold::Released => None,
            Hold::Until(until) => Some(until),
            Hold::Unsaid => match self.wait(points::read_structure(self.vault(), point)) {
                Ok(structure) => structure.and_then(|structure| structure.hold_until),
                Err(error) if error.is_corruption() => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(until.is_some_and(|until| until > now))
    }

    fn purge(&self, point: &PointRef, at: DateTime<Utc>, reason: &str) -> Result<()> {
        let chain = self.wait(chain::of_point(self.vault(), point))?;
        if matches!(chain.state.hold, Hold::Until(until) if until <= at) {
            // A hold whose time is over still stands in the chain; the link says when that was seen.
            self.link_at(point, LinkOp::Release, None, reason, at)?;
        }
        self.link_at(point, LinkOp::Purge, None, reason, at)
    }

    fn link(
        &self,
        point: &PointRef,
        op: LinkOp,
        until: Option<DateTime<Utc>>,
        reason: &str,
    ) -> Result<()> {
        self.link_at(point, op, until, reason, self.now())
    }

    fn link_at(
        &self,
        point: &PointRef,
        op: LinkOp,
        until: Option<DateTime<Utc>>,
        reason: &str,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let append = || Ok(self.wait(chain::append(self.vault(), point, op, until, reason, at))?);
        let chain = self.with_ballast(append)?;
        tracing::debug!(point = %point.sid, ?op, state = ?chain.state, "a link was added");
        debug_assert!(op != LinkOp::Purge || chain.state.standing == Standing::Gone);
        Ok(())
    }

    /// Whose chain is meant: that of the point's own id, under whatever name it stands.
    fn point_ref(&self, id: &SessionId) -> Result<PointRef> {
        let found = self.wait(points::find(self.vault(), *id))?;
        let found = found.ok_or_else(|| Error::NoSuchPoint(id.to_string()))?;
        Ok(PointRef { sid: *id, ..found })
    }
}

fn is_held(point: &PointView, now: DateTime<Utc>) -> bool {
    point.is_held || point.hold_until.is_some_and(|until| until > now)
}

/// Whether no other point of the source could be restored instead.
fn is_last(point: &PointView, all: &[PointView]) -> bool {
    point.state != PointState::Damaged
        && !all.iter().any(|other| {
            other.id != point.id
                && other.source == point.source
                && other.state != PointState::Damaged
                && other.deleted_at.is_none()
        })
}
