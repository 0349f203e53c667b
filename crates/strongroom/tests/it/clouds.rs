//! The whole life of a vault in a bucket: backups, a deletion, a sweep, restores, and a run whose connection breaks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use strongroom::crypto::SlotSecret;
use strongroom::vault::{InitOptions, StoreSettings, SweepOptions, VaultUrl};
use strongroom::{BackupOptions, Error, NoMonitor, Strongroom, VerifyOptions};
use strongroom_test_servers::{Fault, Proxy};

use crate::support::{differences, passphrase, random_bytes, restore_point};

fn place(url: String, variables: Vec<(&str, String)>) -> VaultUrl {
    let settings = variables
        .iter()
        .fold(StoreSettings::new(), |settings, (name, value)| {
            settings.with(name, value)
        });
    VaultUrl::new(&url, settings.with_idle_timeout(Duration::from_secs(1)))
}

fn places(port_of: impl Fn(u16) -> u16) -> Vec<VaultUrl> {
    let mut places = Vec::new();
    if let Some(server) = strongroom_test_servers::s3() {
        let variables = server.variables(port_of(server.port()));
        places.push(place(
            format!("s3://{}/vault", server.new_bucket()),
            variables,
        ));
    }
    if let Some(server) = strongroom_test_servers::azure() {
        let variables = server.variables(port_of(server.port()));
        places.push(place(
            format!("az://{}/vault", server.new_container()),
            variables,
        ));
    }
    places
}

fn small_packs() -> InitOptions {
    let mut options = InitOptions::for_tests();
    options.data_pack_bytes = 1 << 20;
    options.block_bytes = 256 << 10;
    options
}

fn options(home: &Path) -> BackupOptions {
    let mut options = BackupOptions::new("test", vec![home.to_owned()]);
    options.machine = [1; 16];
    options
}

fn fill(home: &Path, seed: u64) {
    fs::create_dir_all(home).expect("made");
    for number in 0..20 {
        let content = random_bytes(seed * 100 + number, 200_000);
        fs::write(home.join(format!("{seed}-{number}")), content).expect("written");
    }
}

fn is_whole(vault: &Strongroom, home: &Path) {
    let out = tempfile::tempdir().expect("a directory");
    let out = out.path().join("out");
    restore_point(vault, &vault.point("latest").expect("a point").id, &out);
    assert_eq!(differences(home, &out), "");
    let mut options = VerifyOptions::default();
    options.level = strongroom::VerifyLevel::Data;
    let verified = vault.verify(&options, &NoMonitor).expect("verified");
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
}

#[test]
fn a_vault_in_a_bucket() {
    for url in places(|port| port) {
        let dir = tempfile::tempdir().expect("a directory");
        let home = dir.path().join("home");
        fill(&home, 1);
        let made = Strongroom::init(url.clone(), passphrase(), &small_packs());
        let vault = made.expect("a new vault");
        let again = Strongroom::init(url.clone(), passphrase(), &small_packs());
        assert!(again.is_err(), "a vault stands there already");
        let first = vault.backup(&options(&home), &NoMonitor).expect("a backup");
        is_whole(&vault, &home);
        let unchanged = vault.backup(&options(&home), &NoMonitor).expect("a backup");
        assert_eq!(unchanged.unique_bytes, 0);
        fs::remove_dir_all(&home).expect("removed");
        fill(&home, 2);
        vault.backup(&options(&home), &NoMonitor).expect("a backup");
        for report in [first, unchanged] {
            let point = report.recovery_point.expect("a point");
            vault.delete_now(&point, "test").expect("purged");
        }
        let swept = vault.sweep(&SweepOptions::default()).expect("a sweep");
        assert!(swept.packs_deleted_count > 1, "{swept:?}");
        let opened = Strongroom::open(url, SlotSecret::Passphrase(passphrase()));
        let opened = opened.expect("opened");
        assert_eq!(opened.points().expect("listed").len(), 1);
        is_whole(&opened, &home);
    }
}

/// Connections break again and again during a backup; then the store is away for longer than patience lasts, and the
/// next run takes up what was uploaded.
#[test]
fn a_backup_over_a_bad_connection() {
    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let proxy = Proxy::to(server.port());
    let url = format!("s3://{}", server.new_bucket());
    let url = place(url, server.variables(proxy.port()));
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fill(&home, 1);
    let vault = Strongroom::init(url, passphrase(), &small_packs()).expect("a new vault");
    proxy.set(Fault::Cut {
        after_bytes: 300_000,
        times: 4,
    });
    vault.backup(&options(&home), &NoMonitor).expect("a backup");
    assert_eq!(proxy.hits(), 4);
    proxy.set(Fault::None);
    is_whole(&vault, &home);

    vault.vault().store().set_patience(Duration::ZERO);
    fill(&home, 3);
    proxy.set(Fault::Cut {
        after_bytes: 1_500_000,
        times: 1_000,
    });
    let failed = vault.backup(&options(&home), &NoMonitor);
    proxy.set(Fault::None);
    if let Err(error) = &failed {
        assert!(matches!(error, Error::Vault(_)), "{error:?}");
    }
    vault.backup(&options(&home), &NoMonitor).expect("a backup");
    is_whole(&vault, &home);
}

#[test]
fn an_outage_ends_a_run_and_the_next_goes_on() {
    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let proxy = std::sync::Arc::new(Proxy::to(server.port()));
    let url = format!("s3://{}", server.new_bucket());
    let url = place(url, server.variables(proxy.port()));
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fill(&home, 1);
    let vault = Strongroom::init(url, passphrase(), &small_packs()).expect("a new vault");
    vault.vault().store().set_patience(Duration::ZERO);

    struct Unplug(std::sync::Arc<Proxy>, std::sync::atomic::AtomicU64);
    impl strongroom::Monitor for Unplug {
        fn transferred(&self, bytes: u64) {
            let order = std::sync::atomic::Ordering::Relaxed;
            if self.1.fetch_add(bytes, order) + bytes > 2_000_000 {
                self.0.set(Fault::Refuse);
            }
        }
    }
    let unplug = Unplug(std::sync::Arc::clone(&proxy), 0.into());
    let failed = vault
        .backup(&options(&home), &unplug)
        .expect_err("no point");
    assert!(
        matches!(
            &failed,
            Error::Vault(strongroom::vault::Error::Store { .. })
        ),
        "{failed:?}"
    );
    proxy.set(Fault::None);
    let report = vault.backup(&options(&home), &NoMonitor).expect("a backup");
    assert!(
        report.stored_bytes < 3_500_000,
        "what was uploaded is reused: {report:?}"
    );
    is_whole(&vault, &home);
}
