//! Which operation is permitted when: connectivity × entitlement × operation, as one table.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

/// Without contact for longer than this, days, the line counts as lost.
pub const LOST_AFTER_DAYS: i64 = 15;

/// Whether the vault's service can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Connectivity {
    /// There was contact within the last 15 days.
    Connected,
    /// There was none for more than 15 days.
    Lost,
}

impl Connectivity {
    /// By the last contact. Exactly 15 days is still connected, and so is a contact in the future: a clock that is
    /// wrong stops nothing.
    #[must_use]
    pub fn since(last_contact_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        if now.signed_duration_since(last_contact_at) > TimeDelta::days(LOST_AFTER_DAYS) {
            Self::Lost
        } else {
            Self::Connected
        }
    }
}

/// Whether the service may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entitlement {
    /// It may.
    Active,
    /// It has run out; what is stored stays.
    Expired,
    /// It is gone, and the points in the vault with it.
    Deprovisioned,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Make a point in the vault.
    BackupToVault,
    /// Make a point on the server's own disks.
    BackupToDisk,
    /// Bring back from the vault.
    RestoreFromVault,
    /// Bring back from the server's own disks.
    RestoreFromDisk,
}

impl Operation {
    /// All operations, in the order of the columns of the table.
    pub const ALL: [Self; 4] = [
        Self::BackupToVault,
        Self::BackupToDisk,
        Self::RestoreFromVault,
        Self::RestoreFromDisk,
    ];
}

/// Why an operation is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// No contact for more than 15 days.
    LineLost,
    /// The entitlement has run out.
    EntitlementExpired,
    /// The entitlement is gone. Points on disk can be used again once it is active, if their retention lasts.
    EntitlementDeprovisioned,
    /// The points in the vault were deleted with the entitlement and do not come back.
    VaultPointsDeleted,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineLost => "there was no contact with the vault for more than 15 days",
            Self::EntitlementExpired => "the entitlement has expired",
            Self::EntitlementDeprovisioned => "the entitlement is deprovisioned",
            Self::VaultPointsDeleted => {
                "the points in the vault were deleted when the entitlement was deprovisioned"
            }
        })
    }
}

/// Whether an operation may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// It may.
    Allowed,
    /// It may not, and why.
    Stopped(StopReason),
}

impl Permission {
    /// True when it may.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }
}

/// Settings that change the table.
///
/// # Defaults
/// `local_backups_without_line`: false, as in the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PermissionOptions {
    /// Backups to the server's own disks go on while the line is down. An entitlement that is not active stops them
    /// all the same.
    pub local_backups_without_line: bool,
}

impl PermissionOptions {
    /// The same with local backups while the line is down.
    #[must_use]
    pub fn with_local_backups_without_line(mut self) -> Self {
        self.local_backups_without_line = true;
        self
    }
}

/// The table.
///
/// ```
/// use strongroom_policy::permissions::{
///     Connectivity, Entitlement, Operation, PermissionOptions, permission,
/// };
///
/// let options = PermissionOptions::default();
/// let may = |operation| permission(Connectivity::Lost, Entitlement::Active, operation, options);
/// assert!(!may(Operation::BackupToDisk).is_allowed());
/// assert!(may(Operation::RestoreFromVault).is_allowed());
/// ```
#[must_use]
pub fn permission(
    connectivity: Connectivity,
    entitlement: Entitlement,
    operation: Operation,
    options: PermissionOptions,
) -> Permission {
    use Operation::{BackupToDisk, BackupToVault, RestoreFromDisk, RestoreFromVault};
    let reason = match (connectivity, entitlement, operation) {
        (_, Entitlement::Deprovisioned, RestoreFromVault) => StopReason::VaultPointsDeleted,
        (_, Entitlement::Deprovisioned, _) => StopReason::EntitlementDeprovisioned,
        (_, _, RestoreFromVault | RestoreFromDisk) => return Permission::Allowed,
        (_, Entitlement::Expired, BackupToVault | BackupToDisk) => StopReason::EntitlementExpired,
        (Connectivity::Lost, Entitlement::Active, BackupToDisk)
            if options.local_backups_without_line =>
        {
            return Permission::Allowed;
        }
        (Connectivity::Lost, Entitlement::Active, _) => StopReason::LineLost,
        (Connectivity::Connected, Entitlement::Active, _) => return Permission::Allowed,
    };
    Permission::Stopped(reason)
}

/// True when the points in the vault are gone with the entitlement.
#[must_use]
pub fn vault_points_are_deleted(entitlement: Entitlement) -> bool {
    entitlement == Entitlement::Deprovisioned
}
