//! Mounted recovery points, with the real kernel.

mod ends;
mod fidelity;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::machine::{Ended, Machine};

/// Far more than anything takes here: what is not there by then does not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A mount in a process of its own.
struct Mounted {
    dir: PathBuf,
    child: Option<Child>,
}

fn is_possible() -> bool {
    let is_there = Path::new("/dev/fuse").exists();
    if !is_there || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: root and /dev/fuse are needed");
        return false;
    }
    true
}

fn is_mounted(dir: &Path) -> bool {
    let list = std::fs::read_to_string("/proc/self/mountinfo").expect("readable");
    let real = std::path::absolute(dir).expect("a path");
    let real = real.to_str().expect("text");
    list.lines()
        .any(|line| line.split(' ').nth(4) == Some(real))
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Mounted {
    /// Mounts `POINT` on `DIR` of the machine with more flags.
    fn new(machine: &Machine, point: &str, below: &str, flags: &[&str]) -> Self {
        let dir = machine.path(below);
        std::fs::create_dir_all(&dir).expect("made");
        Self::on(machine, point, dir, flags)
    }

    fn on(machine: &Machine, point: &str, dir: PathBuf, flags: &[&str]) -> Self {
        let at = dir.to_str().expect("text").to_owned();
        let mut child = machine.start(&[&["mount", point, &at], flags].concat());
        wait_until("the mount", || {
            if child.try_wait().expect("a child").is_some() {
                let mut told = String::new();
                let mut stderr = child.stderr.take().expect("piped");
                stderr.read_to_string(&mut told).expect("text");
                panic!("it ended too early: {told}");
            }
            is_mounted(&dir) && std::fs::read_dir(&dir).is_ok()
        });
        let child = Some(child);
        Self { dir, child }
    }

    /// Where an absolute path stands in the mount.
    fn at(&self, path: &Path) -> PathBuf {
        self.dir.join(path.strip_prefix("/").expect("absolute"))
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().expect("runs");
        let sent = Command::new("kill")
            .args([name, &child.id().to_string()])
            .status();
        assert!(sent.expect("runs").success());
    }

    /// Waits for the end of the process.
    fn ended(mut self) -> Ended {
        let child = self.child.take().expect("runs");
        Ended::new(&["mount"], child.wait_with_output().expect("ends"))
    }

    /// Asks for the end, and expects it.
    #[track_caller]
    fn stop(self) -> Ended {
        self.signal("-TERM");
        let dir = self.dir.clone();
        let ended = self.ended();
        assert!(!is_mounted(&dir), "{}", ended.stderr);
        ended
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
            drop(Command::new("umount").arg("-l").arg(&self.dir).status());
        }
    }
}

fn diff(a: &Path, b: &Path) {
    let output = Command::new("diff")
        .args(["-r", "--no-dereference"])
        .args([a, b])
        .output()
        .expect("runs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
}
