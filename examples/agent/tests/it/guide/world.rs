//! A machine as the guide means it: `/home`, `/srv`, `/mnt` and `/root` are empty and its own, whatever is on the
//! machine of the test.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use tempfile::TempDir;

use super::page::{Block, missing};
use crate::machine::PASSPHRASE;

/// Far more than anything takes here: what has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(300);
const HOME: &str = "/home/me";

pub(super) struct World {
    /// What no page shows: state, passphrase, output, the way to the program.
    scratch: TempDir,
    /// The name space lives as long as this process does, which waits for its standard input.
    keeper: Child,
    _keeps: ChildStdin,
    /// How many machines there were, this one included.
    machines_count: usize,
    /// Terminals that are open, with the block that each runs and the file of its output.
    open: Vec<(Child, String, PathBuf)>,
    outputs_count: usize,
}

impl World {
    /// `None` where this user may not have one.
    pub(super) fn new() -> Option<Self> {
        let scratch = tempfile::tempdir().expect("a directory");
        let mut keeper = Command::new("unshare");
        if !geteuid().is_root() {
            keeper.args(["--user", "--map-root-user"]);
        }
        // The program may itself stand below /home.
        let script = "mount --bind \"$1\" \"$2\" || exit\n\
                      for dir in /home /srv /mnt /root; do mount -t tmpfs none $dir || exit; done\n\
                      touch \"$0\"; read -r end";
        let ready = scratch.path().join("ready");
        let bin = scratch.path().join("bin");
        fs::create_dir(&bin).expect("made");
        let program = bin.join("strongroom-agent");
        File::create(&program).expect("created");
        let spawned = keeper
            .args(["--mount", "bash", "-c", script])
            .arg(&ready)
            .arg(env!("CARGO_BIN_EXE_strongroom-agent"))
            .arg(&program)
            .stdin(Stdio::piped())
            .spawn();
        let mut keeper = spawned.ok()?;
        let keeps = keeper.stdin.take().expect("piped");
        let started = Instant::now();
        while !ready.exists() {
            if keeper.try_wait().expect("a child").is_some() {
                return None;
            }
            pause(started, "a name space");
        }
        fs::write(scratch.path().join("passphrase"), PASSPHRASE).expect("written");
        let mut world = Self {
            scratch,
            keeper,
            _keeps: keeps,
            machines_count: 0,
            open: Vec::new(),
            outputs_count: 0,
        };
        world.another_machine();
        Some(world)
    }

    /// Whatever the homes held is gone; `/mnt` is what both machines reach.
    pub(super) fn another_machine(&mut self) {
        self.machines_count += 1;
        fs::create_dir(self.state()).expect("made");
        let script = format!("rm -rf /home/* /srv/* /root/*; mkdir -p {HOME}");
        self.set_directory("/");
        let status = self.shell(&script).status().expect("runs");
        assert!(status.success());
        self.set_directory(HOME);
    }

    pub(super) fn save(&self, name: &str, text: &str) {
        let from = self.scratch.path().join("saved");
        fs::write(&from, text).expect("written");
        let script = format!("cp {} {name}", from.display());
        assert!(self.shell(&script).status().expect("runs").success());
    }

    /// Runs a block to its end, or until it has printed what it should if it goes on.
    pub(super) fn run(&mut self, block: &Block, page: &str) {
        let what = format!("{page}:{}\n{}", block.line, block.script);
        self.outputs_count += 1;
        let path = self
            .scratch
            .path()
            .join(format!("output-{}", self.outputs_count));
        let output = File::create(&path).expect("created");
        let mut command = self.shell(&block.script);
        command
            .stderr(output.try_clone().expect("a handle"))
            .stdout(output);
        let mut child = command.spawn().expect("runs");
        let started = Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break Some(status);
            }
            if block.goes_on && missing(&block.prints, &read(&path)).is_none() {
                break None;
            }
            pause(started, &format!("{what}{}", read(&path)));
        };
        let told = read(&path);
        let lacks = missing(&block.prints, &told);
        assert_eq!(lacks, None, "is not printed by {what}it printed:\n{told}");
        match ended {
            None => self.open.push((child, what, path)),
            Some(_) if block.goes_on => panic!("it ended: {what}{told}"),
            Some(status) => {
                let is_right = status
                    .code()
                    .is_some_and(|code| block.exits.contains(&code));
                assert!(is_right, "{status}: {what}{told}");
            }
        }
    }

    /// Closes what is still open, as Ctrl-C does.
    pub(super) fn end(mut self, page: &str) {
        for (mut child, what, path) in std::mem::take(&mut self.open) {
            interrupt(&child);
            let status = wait(&mut child, &what);
            let is_well = matches!(status.code(), Some(0 | 130));
            assert!(is_well, "{page}: {status}: {what}{}", read(&path));
        }
    }

    fn state(&self) -> PathBuf {
        let name = format!("state-{}", self.machines_count);
        self.scratch.path().join(name)
    }

    fn directory_file(&self) -> PathBuf {
        self.scratch.path().join("directory")
    }

    fn set_directory(&self, directory: &str) {
        fs::write(self.directory_file(), directory).expect("written");
    }

    /// A shell that stops at the first command that fails, where the one before has ended.
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg("--target").arg(self.keeper.id().to_string());
        if !geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        let directory = self.directory_file();
        let directory = directory.display();
        let inner = format!(
            "cd \"$(cat {directory})\"\ntrap 'code=$?; pwd > {directory}; exit $code' EXIT\n{script}"
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.scratch.path().join("bin");
        command
            .args(["--mount", "bash", "-euo", "pipefail", "-c", &inner])
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", HOME)
            .env("LANG", "C.UTF-8")
            .env("STRONGROOM_STATE_DIR", self.state())
            .env(
                "STRONGROOM_PASSPHRASE_FILE",
                self.scratch.path().join("passphrase"),
            )
            .stdin(Stdio::null())
            .process_group(0);
        command
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (child, _, _) in &mut self.open {
            interrupt(child);
            let _ended = child.wait().is_ok();
        }
        let _killed = self.keeper.kill().is_ok();
        let _ended = self.keeper.wait().is_ok();
    }
}

fn interrupt(child: &Child) {
    let group = Pid::from_raw(i32::try_from(child.id()).expect("an id")).expect("not 0");
    // It may have ended by itself, as a mount does that was unmounted.
    let _is_there = kill_process_group(group, Signal::INT).is_ok();
}

fn wait(child: &mut Child, what: &str) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        pause(started, what);
    }
}

fn pause(started: Instant, what: &str) {
    assert!(started.elapsed() < PATIENCE, "it never came: {what}");
    std::thread::sleep(Duration::from_millis(20));
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).expect("readable");
    String::from_utf8_lossy(&bytes).into_owned()
}
