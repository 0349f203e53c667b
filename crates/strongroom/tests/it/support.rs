//! What several tests need.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use object_store::memory::InMemory;
use strongroom::crypto::Passphrase;
use strongroom::vault::InitOptions;
use strongroom::{
    BackupOptions, BackupReport, NoMonitor, RestoreOptions, RestoreReport, RestoreTarget,
    Strongroom,
};

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
    restore_point(vault, &report.recovery_point.expect("a point"), target)
}

pub(crate) fn restore_point(
    vault: &Strongroom,
    point: &strongroom::vault::format::SessionId,
    target: &Path,
) -> RestoreReport {
    let mut options = RestoreOptions::new(RestoreTarget::Directory(target.to_owned()));
    options.strip_root = true;
    vault
        .restore(point, &options, &NoMonitor)
        .expect("a restore")
}

/// What `rsync` would still have to do to make `copy` equal to `original`, in bytes and all metadata.
pub(crate) fn differences(original: &Path, copy: &Path) -> String {
    let mut from = original.as_os_str().to_owned();
    from.push("/");
    if Command::new("rsync").arg("--version").output().is_err() {
        eprintln!("skipped: the comparison by rsync, which is not installed");
        assert_eq!(snapshot(original), snapshot(copy));
        return String::new();
    }
    let output = Command::new("rsync")
        .args([
            "-n",
            "-i",
            "--checksum",
            "--checksum-choice=xxh3",
            "-aHAX",
            "--delete",
        ])
        .arg(from)
        .arg(copy)
        .output()
        .expect("rsync is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Bytes that do not compress; the same for the same seed.
pub(crate) fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A vault in memory whose store writes down what is asked of it.
pub(crate) fn recorded_vault() -> (Strongroom, strongroom::vault::wrap::Log) {
    let (store, log) = strongroom::vault::wrap::recording(std::sync::Arc::new(InMemory::new()));
    let vault = Strongroom::init_store(store, passphrase(), &InitOptions::for_tests())
        .expect("a new vault");
    let _init = log.take();
    (vault, log)
}

/// Names of objects that were written, without what follows the domain.
pub(crate) fn kinds(written: &[String]) -> Vec<&str> {
    written
        .iter()
        .map(|name| name.split('/').next().unwrap_or_default())
        .collect()
}

/// Paths below a directory with what matters of each: kind, mode, size or target, and content.
pub(crate) fn snapshot(root: &Path) -> std::collections::BTreeMap<std::path::PathBuf, String> {
    fn visit(
        at: &Path,
        root: &Path,
        out: &mut std::collections::BTreeMap<std::path::PathBuf, String>,
    ) {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::symlink_metadata(at).expect("there");
        let what = if meta.is_dir() {
            String::new()
        } else if meta.is_symlink() {
            format!("{:?}", std::fs::read_link(at).expect("a link"))
        } else {
            blake3::hash(&std::fs::read(at).expect("readable"))
                .to_hex()
                .to_string()
        };
        let times = (meta.mtime(), meta.mtime_nsec());
        let line = format!(
            "{:o} {} {} {times:?} {what}",
            meta.mode(),
            meta.uid(),
            meta.gid()
        );
        out.insert(at.strip_prefix(root).expect("below").to_owned(), line);
        if meta.is_dir() {
            for entry in std::fs::read_dir(at).expect("readable") {
                visit(&entry.expect("readable").path(), root, out);
            }
        }
    }
    let mut out = std::collections::BTreeMap::new();
    visit(root, root, &mut out);
    out
}
