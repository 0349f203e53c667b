//! Which operation is permitted when.

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_policy::permissions::{
    Connectivity, Entitlement, Operation, Permission, PermissionOptions, StopReason, permission,
    vault_points_are_deleted,
};

/// The table as documented: rows of line and entitlement; columns vault backup, disk backup, vault restore, disk
/// restore; A allowed, S stopped.
const TABLE: [(Connectivity, Entitlement, &str); 6] = [
    (Connectivity::Connected, Entitlement::Active, "AAAA"),
    (Connectivity::Connected, Entitlement::Expired, "SSAA"),
    (Connectivity::Connected, Entitlement::Deprovisioned, "SSSS"),
    (Connectivity::Lost, Entitlement::Active, "SSAA"),
    (Connectivity::Lost, Entitlement::Expired, "SSAA"),
    (Connectivity::Lost, Entitlement::Deprovisioned, "SSSS"),
];

#[test]
fn six_rows_of_four_operations_are_as_documented() {
    for (line, entitlement, expected) in TABLE {
        let row: String = Operation::ALL
            .map(|operation| permission(line, entitlement, operation, PermissionOptions::default()))
            .map(|permission| if permission.is_allowed() { 'A' } else { 'S' })
            .iter()
            .collect();
        assert_eq!(row, expected, "{line:?} {entitlement:?}");
        let is_gone = entitlement == Entitlement::Deprovisioned;
        assert_eq!(vault_points_are_deleted(entitlement), is_gone);
    }
}

#[test]
fn reasons_name_what_stands_in_the_way() {
    let reason = |line, entitlement, operation| match permission(
        line,
        entitlement,
        operation,
        PermissionOptions::default(),
    ) {
        Permission::Stopped(reason) => Some(reason),
        Permission::Allowed => None,
    };
    use Connectivity::{Connected, Lost};
    use Entitlement::{Active, Deprovisioned, Expired};
    use Operation::{BackupToDisk, BackupToVault, RestoreFromDisk, RestoreFromVault};
    assert_eq!(
        reason(Lost, Active, BackupToVault),
        Some(StopReason::LineLost)
    );
    assert_eq!(
        reason(Lost, Active, BackupToDisk),
        Some(StopReason::LineLost)
    );
    assert_eq!(
        reason(Lost, Expired, BackupToDisk),
        Some(StopReason::EntitlementExpired)
    );
    assert_eq!(
        reason(Connected, Deprovisioned, RestoreFromVault),
        Some(StopReason::VaultPointsDeleted)
    );
    assert_eq!(
        reason(Connected, Deprovisioned, RestoreFromDisk),
        Some(StopReason::EntitlementDeprovisioned)
    );
    assert_eq!(reason(Lost, Expired, RestoreFromDisk), None);
    assert!(StopReason::LineLost.to_string().contains("15 days"));
}

#[test]
fn local_backups_may_go_on_while_the_line_is_down_and_change_nothing_else() {
    let options = PermissionOptions::default().with_local_backups_without_line();
    for (line, entitlement, expected) in TABLE {
        for (operation, letter) in Operation::ALL.into_iter().zip(expected.chars()) {
            let is_the_exception = line == Connectivity::Lost
                && entitlement == Entitlement::Active
                && operation == Operation::BackupToDisk;
            let is_allowed = permission(line, entitlement, operation, options).is_allowed();
            assert_eq!(is_allowed, letter == 'A' || is_the_exception);
        }
    }
}

#[test]
fn the_line_is_lost_after_more_than_fifteen_days() {
    let contact: DateTime<Utc> = "2026-03-20T12:00:00Z".parse().unwrap();
    let after = |delta| Connectivity::since(contact, contact + delta);
    assert_eq!(after(TimeDelta::days(15)), Connectivity::Connected);
    assert_eq!(
        after(TimeDelta::days(15) + TimeDelta::seconds(1)),
        Connectivity::Lost
    );
    assert_eq!(after(TimeDelta::days(-400)), Connectivity::Connected);
}
