//! What several tests need.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use strongroom::crypto::Passphrase;
use strongroom::vault::InitOptions;
use strongroom::{BackupOptions, BackupReport, NoMonitor, RestoreOptions, RestoreReport, RestoreTarget, Strongroom};

pub(crate) fn passphrase() -> &'static Passphrase {
    static SHARED: OnceLock<Passphrase> = OnceLock::new();
    SHARED.get_or_init(|| Passphrase::new("correct horse battery staple").expect("long enough"))
}

/// A vault in memory.
pub(crate) fn vault() -> Strongroom {
    Strongroom::init("memory:", passphrase(), &InitOptions::for_tests()).expect("a new vault")
}

pub(crate) fn backup(vault: &Strongroom, root: &Path) -> BackupReport {
    let options = BackupOptions::new("test", vec![root.to_owned()]);
    vault.backup(&options, &NoMonitor).expect("a backup")
}

/// Restores the content of the only root into `target`.
pub(crate) fn restore(vault: &Strongroom, report: &BackupReport, target: &Path) -> RestoreReport {
    let mut options = RestoreOptions::new(RestoreTarget::Directory(target.to_owned()));
    options.strip_root = true;
    let point = report.recovery_point.expect("a point");
    vault.restore(&point, &options, &NoMonitor).expect("a restore")
}

/// What `rsync` would still have to do to make `copy` equal to `original`, in bytes and all metadata.
pub(crate) fn differences(original: &Path, copy: &Path) -> String {
    let mut from = original.as_os_str().to_owned();
    from.push("/");
    let output = Command::new("rsync")
        .args(["-n", "-i", "--checksum", "-aHAX", "--delete"])
        .arg(from)
        .arg(copy)
        .output()
        .expect("rsync is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
