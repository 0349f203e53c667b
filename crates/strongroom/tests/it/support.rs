//! What several tests need.

use std::path::{Path, PathBuf};
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

/// In pieces: a hole may be larger than memory.
fn content_hash(path: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    let file = std::fs::File::open(path).expect("readable");
    hasher.update_reader(file).expect("readable");
    hasher.finalize().to_hex().to_string()
}

/// Paths below a directory with what matters of each: kind, mode, size or target, and content.
pub(crate) fn snapshot(root: &Path) -> std::collections::BTreeMap<PathBuf, String> {
    fn visit(at: &Path, root: &Path, out: &mut std::collections::BTreeMap<PathBuf, String>) {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::symlink_metadata(at).expect("there");
        let what = if meta.is_dir() {
            String::new()
        } else if meta.is_symlink() {
            format!("{:?}", std::fs::read_link(at).expect("a link"))
        } else if meta.is_file() {
            content_hash(at)
        } else {
            // Whoever opens a pipe waits for its other end.
            format!("device {}", meta.rdev())
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

/// A file system of its own in memory; unmounted when dropped.
pub(crate) struct Mount(pub(crate) PathBuf);

impl Mount {
    /// `None` for an ordinary user, who may not mount.
    pub(crate) fn new(at: &Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).expect("made");
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: this user cannot mount a file system");
        None
    }

    /// An ext4 of its own in a file below `dir`. `None` for an ordinary user, and where there are no loop devices.
    pub(crate) fn of_image(dir: &Path, megabytes: u64) -> Option<Self> {
        let (image, at) = (dir.join("image"), dir.join("disk"));
        std::fs::create_dir_all(&at).expect("made");
        let file = std::fs::File::create(&image).expect("created");
        file.set_len(megabytes << 20).expect("extended");
        let ran = |command: &mut Command| command.output().is_ok_and(|done| done.status.success());
        let is_made = ran(Command::new("mkfs.ext4")
            .args(["-q", "-m", "0"])
            .arg(&image))
            && ran(Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(&at));
        if !is_made {
            eprintln!("skipped: this user cannot mount a file system from a file");
        }
        is_made.then_some(Self(at))
    }

    pub(crate) fn make_read_only(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.0)
            .status();
        assert!(done.is_ok_and(|status| status.success()));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _status = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Restores as the options say, which begin as those of a restore to `target`.
pub(crate) fn restore_to(
    vault: &Strongroom,
    report: &BackupReport,
    target: RestoreTarget,
    change: impl FnOnce(&mut RestoreOptions),
) -> strongroom::Result<RestoreReport> {
    let mut options = RestoreOptions::new(target);
    change(&mut options);
    let point = report.recovery_point.expect("a point");
    vault.restore(&point, &options, &NoMonitor)
}

/// A path as bytes.
pub(crate) fn bytes_of(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_vec()
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// Runs one test again as the user `nobody`: a copy of this program, because a thread cannot change its user alone. The
/// directory must be open to everybody; the test is told of it.
pub(crate) fn run_as_nobody(test: &str, dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let program = dir.join("tests");
    std::fs::copy(std::env::current_exe().expect("known"), &program).expect("copied");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    let output = Command::new(&program)
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TMPDIR", dir)
        .env("STRONGROOM_TEST_DIR", dir)
        .current_dir(dir)
        .uid(65_534)
        .gid(65_534)
        .output()
        .expect("it runs");
    std::fs::remove_file(&program).expect("removed");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
