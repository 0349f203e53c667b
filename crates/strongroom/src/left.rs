//! What a place holds alone that a vault in several has left: points that were made there while it was cut off.
//!
//! They are no part of the vault, and a session of the vault makes them one: they are copied like those of any second copy.

use std::iter;

use strongroom_vault::Store;
use strongroom_vault::copy::{CopyDamage, KeyChanges};
use strongroom_vault::format::SessionId;

use crate::copy::{CopyOptions, CopyTarget};
use crate::engine::Strongroom;
use crate::monitor::{Cancel, Monitor};
use crate::{Error, Result};

/// What one place that was left has, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftPlace {
    /// Where it is.
    pub place: String,
    /// Why it could not be read to the end.
    pub away: Option<String>,
    /// Points that only it had, oldest first: brought over now or, in a dry run, to be brought over.
    pub points: Vec<SessionId>,
    /// What is damaged or missing there, and the points that cannot be brought over for it.
    pub damaged: Vec<CopyDamage>,
}

impl Strongroom {
    /// Brings the points into the vault that only places have which it has left and which can be reached again. What the
    /// vault has deleted for ever is not brought back, and neither are key slots. With `dry_run`, tells what would be
    /// brought. `machine` is the random id of this machine, or zero.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or when the vault itself cannot be written to. What is wrong with a place stands in its line.
    pub fn bring_over(
        &self,
        machine: [u8; 16],
        dry_run: bool,
        cancel: &Cancel,
        monitor: &dyn Monitor,
    ) -> Result<Vec<LeftPlace>> {
        let left = self.vault().store().left_places().into_iter();
        left.map(|(url, store)| {
            let mut told = LeftPlace {
                place: url,
                ..LeftPlace::default()
            };
            let mut options = CopyOptions::new(CopyTarget::Store(self.vault().store().clone()));
            (options.machine, options.cancel) = (machine, cancel.clone());
            match self.bring_from(store, &options, dry_run, monitor, &mut told) {
                Err(error) if is_of_the_run(&error) => return Err(error),
                Err(error) => told.away = Some(error.to_string()),
                Ok(()) => {}
            }
            Ok(told)
        })
        .collect()
    }

    fn bring_from(
        &self,
        store: Store,
        options: &CopyOptions,
        dry_run: bool,
        monitor: &dyn Monitor,
        told: &mut LeftPlace,
    ) -> Result<()> {
        store.set_pace(self.vault().store().pace());
        let place = self.wait(self.vault().beside(store))?;
        let place = self.beside(place, iter::empty());
        let mut plan = place.plan_copy(options, monitor)?;
        // A key that the vault has removed must not come back.
        plan.keys = KeyChanges::default();
        // Of points that the vault has, it knows itself whether they are held.
        let is_missing = |id: &SessionId| plan.missing.iter().any(|point| point.id == *id);
        plan.holds.retain(|hold| is_missing(&hold.point.sid));
        if dry_run {
            told.points = plan.missing.iter().map(|point| point.id).collect();
            told.damaged = plan.damaged;
            return Ok(());
        }
        if plan.missing.is_empty() {
            told.damaged = plan.damaged;
            return Ok(());
        }
        let report = place.copy(&plan, options, monitor)?;
        told.points = report.copied;
        told.damaged = report.damaged;
        Ok(())
    }
}

/// Whether the vault itself is what fails, or a person.
fn is_of_the_run(error: &Error) -> bool {
    use strongroom_vault::Error as VaultError;
    matches!(
        error,
        Error::Cancelled
            | Error::Vault(
                VaultError::PlaceAway { .. }
                    | VaultError::Superseded { .. }
                    | VaultError::ReadOnly { .. }
            )
    )
}
