//! What an immutable vault refuses, which operations need a PIN or a second person, and for how long.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// How immutable a vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Immutability {
    /// Nothing is refused.
    #[default]
    Off,
    /// What would lose points is refused; it can be turned off.
    On,
    /// The same, for ever.
    Locked,
}

impl Immutability {
    /// Whether this state may become another. A locked vault stays locked; only one that is on can be locked.
    #[must_use]
    pub fn can_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Locked, next) => next == Self::Locked,
            (Self::Off, next) => next != Self::Locked,
            (Self::On, _) => true,
        }
    }

    /// What it says about an operation.
    #[must_use]
    pub fn judge(self, operation: GuardedOperation) -> Judgement {
        if self == Self::Off {
            return Judgement::Allowed;
        }
        match operation {
            GuardedOperation::StopAndDelete {
                unexpired_points_count: 1..,
            } => Judgement::Refused(Refusal::PointsUnexpired),
            GuardedOperation::DeletePoint { is_expired: false } => {
                Judgement::Refused(Refusal::PointsUnexpired)
            }
            GuardedOperation::ShortenRetention | GuardedOperation::ReplaceByShorterPolicy => {
                Judgement::Refused(Refusal::RetentionShortened)
            }
            GuardedOperation::DisableImmutability if self == Self::Locked => {
                Judgement::Refused(Refusal::Locked)
            }
            GuardedOperation::StopAndDelete { .. }
            | GuardedOperation::DeletePoint { .. }
            | GuardedOperation::DisableImmutability
            | GuardedOperation::ExtendRetention
            | GuardedOperation::ChangeSchedule
            | GuardedOperation::ChangeFiles
            | GuardedOperation::StopAndRetain
            | GuardedOperation::DisableSoftDelete
            | GuardedOperation::DisableApproval
            | GuardedOperation::ChangePassphrase
            | GuardedOperation::ShortenProtection => Judgement::Allowed,
        }
    }
}

/// Operations that immutability, the PIN or a second person may stand in the way of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GuardedOperation {
    /// Stop protecting a source and delete its points.
    StopAndDelete {
        /// Points of the source that no rule has let go of yet.
        unexpired_points_count: u64,
    },
    /// Stop protecting a source and keep its points, for ever or until they expire.
    StopAndRetain,
    /// Delete one point at once.
    DeletePoint {
        /// True when no rule keeps it any more.
        is_expired: bool,
    },
    /// Change a policy so that it keeps less.
    ShortenRetention,
    /// Give a source a policy that keeps less than its present one.
    ReplaceByShorterPolicy,
    /// Change a policy so that it keeps at least as much.
    ExtendRetention,
    /// Change when runs are due.
    ChangeSchedule,
    /// Include or exclude files.
    ChangeFiles,
    /// Protect less of a source.
    ShortenProtection,
    /// Turn soft delete off.
    DisableSoftDelete,
    /// Turn immutability off.
    DisableImmutability,
    /// Turn two-person approval off.
    DisableApproval,
    /// Change the passphrase.
    ChangePassphrase,
}

/// What immutability says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It has nothing against it.
    Allowed,
    /// It refuses.
    Refused(Refusal),
}

/// Why an immutable vault refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Points would go before their rules end.
    PointsUnexpired,
    /// Points would be kept for a shorter time.
    RetentionShortened,
    /// A lock is for ever.
    Locked,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PointsUnexpired => {
                "the vault is immutable and holds unexpired points of this source"
            }
            Self::RetentionShortened => "the vault is immutable and retention may only grow",
            Self::Locked => "immutability is locked and cannot be turned off",
        })
    }
}

/// How long a security PIN is accepted, minutes, the last instant included.
pub const PIN_VALID_MINUTES: i64 = 5;

/// What a PIN is worth at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinState {
    /// It is accepted.
    Valid,
    /// It was made more than five minutes ago.
    Expired,
    /// It was made later than now: a clock is wrong.
    NotYetValid,
}

/// What a PIN made at one instant is worth at another.
#[must_use]
pub fn pin_state(made_at: DateTime<Utc>, now: DateTime<Utc>) -> PinState {
    let age = now.signed_duration_since(made_at);
    if age < TimeDelta::zero() {
        PinState::NotYetValid
    } else if age <= TimeDelta::minutes(PIN_VALID_MINUTES) {
        PinState::Valid
    } else {
        PinState::Expired
    }
}

/// True when a fresh security PIN is needed, where PINs are used.
#[must_use]
pub fn needs_pin(operation: GuardedOperation) -> bool {
    matches!(
        operation,
        GuardedOperation::StopAndDelete { .. }
            | GuardedOperation::DeletePoint { .. }
            | GuardedOperation::ChangePassphrase
            | GuardedOperation::DisableSoftDelete
            | GuardedOperation::DisableImmutability
    )
}

/// Whether a second person has to agree, where two-person approval is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApprovalNeed {
    /// No.
    Never,
    /// Unless the administrator has exempted the operation.
    UnlessExempted,
    /// Always.
    Always,
}

/// Whether a second person has to agree to an operation.
#[must_use]
pub fn approval_need(operation: GuardedOperation) -> ApprovalNeed {
    match operation {
        GuardedOperation::DisableSoftDelete
        | GuardedOperation::DisableApproval
        | GuardedOperation::DisableImmutability => ApprovalNeed::Always,
        GuardedOperation::ShortenRetention
        | GuardedOperation::ReplaceByShorterPolicy
        | GuardedOperation::ShortenProtection
        | GuardedOperation::StopAndDelete { .. }
        | GuardedOperation::DeletePoint { .. }
        | GuardedOperation::ChangePassphrase => ApprovalNeed::UnlessExempted,
        GuardedOperation::StopAndRetain
        | GuardedOperation::ExtendRetention
        | GuardedOperation::ChangeSchedule
        | GuardedOperation::ChangeFiles => ApprovalNeed::Never,
    }
}

/// A second person's agreement to one operation of another person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Approval {
    /// Who wants to do it.
    pub requested_by: String,
    /// Who agreed.
    pub approved_by: String,
    /// What was agreed to.
    pub operation: GuardedOperation,
    /// The agreement counts from here.
    pub approved_at: DateTime<Utc>,
    /// Up to, not including, here.
    pub ends_at: DateTime<Utc>,
}

/// Why an agreement does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApprovalFlaw {
    /// Nobody can agree with themselves.
    SamePerson,
    /// It is about another operation or another person.
    OtherOperation,
    /// Its time has not come, or is over.
    OutOfTime,
}

impl fmt::Display for ApprovalFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SamePerson => "the same person asked and agreed",
            Self::OtherOperation => "another operation or person was agreed to",
            Self::OutOfTime => "the approval is not in force now",
        })
    }
}

impl Approval {
    /// An agreement by `approved_by` to what `requested_by` wants, in force from `approved_at` up to `ends_at`.
    #[must_use]
    pub fn new(
        people: ApprovalPeople,
        operation: GuardedOperation,
        approved_at: DateTime<Utc>,
        valid_minutes: u32,
    ) -> Self {
        let valid = TimeDelta::minutes(i64::from(valid_minutes));
        let ends_at = approved_at.checked_add_signed(valid);
        Self {
            requested_by: people.requested_by,
            approved_by: people.approved_by,
            operation,
            approved_at,
            ends_at: ends_at.unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }

    /// Whether it covers this person's operation now. The number of unexpired points does not matter, the operation
    /// does.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn check(
        &self,
        person: &str,
        operation: GuardedOperation,
        now: DateTime<Utc>,
    ) -> Result<(), ApprovalFlaw> {
        let is_same = std::mem::discriminant(&operation) == std::mem::discriminant(&self.operation);
        if self.requested_by == self.approved_by || person == self.approved_by {
            Err(ApprovalFlaw::SamePerson)
        } else if person != self.requested_by || !is_same {
            Err(ApprovalFlaw::OtherOperation)
        } else if now < self.approved_at || now >= self.ends_at {
            Err(ApprovalFlaw::OutOfTime)
        } else {
            Ok(())
        }
    }
}

/// The two people of an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalPeople {
    /// Who wants to do something.
    pub requested_by: String,
    /// Who agrees.
    pub approved_by: String,
}
