//! The browser on a real terminal, which tmux holds.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::machine::{Machine, content};

/// Far more than anything takes here: what is not seen by then does not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of tmux of its own, with one window.
struct Screen<'a> {
    machine: &'a Machine,
}

impl<'a> Screen<'a> {
    /// `None` without tmux. The window keeps what its command leaves.
    fn new(machine: &'a Machine, args: &str) -> Option<Self> {
        let screen = Self { machine };
        if screen.tmux(&["-V"]).is_none() {
            eprintln!("skipped: tmux is needed");
            return None;
        }
        let agent = env!("CARGO_BIN_EXE_strongroom-agent");
        let state = machine.at("state");
        let command = format!(
            "stty -g > {home}/before; {agent} --state-dir {state} {args}; echo \"ended with $?\"; \
             stty -g > {home}/after; exec sleep 1000",
            home = machine.home.path().display()
        );
        let new = [
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
        ];
        let shell = ["sh", "-c", command.as_str()];
        screen.tmux(&[&new[..], &shell].concat()).expect("a window");
        Some(screen)
    }

    fn tmux(&self, args: &[&str]) -> Option<String> {
        let output = Command::new("tmux")
            .env("TMUX_TMPDIR", self.machine.home.path())
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .args(args)
            .output()
            .ok()?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {error}");
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn seen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).expect("a window")
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        let begun = Instant::now();
        loop {
            let seen = self.seen();
            if seen.contains(text) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{text:?} is not in\n{seen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat()).expect("sent");
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        let mut end = Command::new("tmux");
        end.env("TMUX_TMPDIR", self.machine.home.path());
        let _ended = end.arg("kill-server").output().is_ok();
    }
}

fn machine() -> Machine {
    let machine = Machine::with_vault();
    machine.write("documents/letters/ada", "Dear Ada");
    machine.write("documents/letters/old/bob", vec![7; 300_000]);
    machine.write("documents/note", "a note");
    let documents = machine.at("documents");
    machine.run(&["backup", &documents]).ends_with(0);
    machine
}

fn is_as_before(machine: &Machine) -> bool {
    let read = |name: &str| std::fs::read(machine.path(name)).expect("written");
    read("before") == read("after")
}

#[test]
fn what_is_marked_comes_back() {
    let machine = machine();
    let Some(screen) = Screen::new(&machine, "browse") else {
        return;
    };
    screen.shows("1 recovery point");
    screen.press(&["Enter"]);
    screen.shows("documents  3 files");
    screen.press(&["Enter"]);
    screen.shows("what was backed up");
    screen.shows("documents/");
    screen.press(&["Enter"]);
    screen.shows("letters/");
    screen.press(&["Space"]);
    screen.shows("(1 marked)");
    screen.press(&["r"]);
    screen.shows("where it was");
    screen.press(&["Space", "Down"]);
    screen.shows("> Folder:");
    screen.press(&["-l", &machine.at("rescued")]);
    screen.press(&["Enter"]);
    screen.shows("This would happen:");
    assert!(!machine.path("rescued").exists(), "nothing is written yet");
    screen.press(&["Enter"]);
    screen.shows("Restored.");
    let source = content(&machine.path("documents/letters"));
    assert_eq!(content(&machine.path("rescued/letters")), source);
    // Resized in between, it leaves the terminal as it was.
    screen.tmux(&["resize-window", "-x", "60", "-y", "12"]);
    screen.press(&["Enter"]);
    screen.shows("(1 marked)");
    screen.press(&["C-c"]);
    screen.shows("ended with 0");
    assert!(is_as_before(&machine));
    let jobs = machine.json(&["jobs"]);
    assert!(jobs.to_string().contains("\"restore\""), "{jobs}");
}

#[test]
fn what_was_lost_is_searched_for_and_put_back() {
    let machine = machine();
    std::fs::remove_file(machine.path("documents/letters/ada")).expect("removed");
    let Some(screen) = Screen::new(&machine, "browse") else {
        return;
    };
    screen.shows("1 recovery point");
    screen.press(&["/"]);
    screen.press(&["-l", "ad*"]);
    screen.press(&["Enter"]);
    screen.shows("1 found");
    screen.shows("letters/ada");
    screen.press(&["Enter"]);
    screen.shows("ada");
    screen.press(&["r"]);
    screen.shows("where it was");
    screen.press(&["Enter"]);
    screen.shows("This would happen:");
    screen.press(&["Enter"]);
    screen.shows("Restored.");
    let back = std::fs::read(machine.path("documents/letters/ada"));
    assert_eq!(back.expect("there"), b"Dear Ada");
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let machine = machine();
    let Some(screen) = Screen::new(&machine, "browse") else {
        return;
    };
    screen.shows("1 recovery point");
    let shell = screen.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let shell = shell.expect("a window");
    let killed = Command::new("pkill")
        .args(["-TERM", "-P", shell.trim()])
        .status();
    assert!(killed.expect("runs").success());
    screen.shows("ended with 0");
    assert!(is_as_before(&machine));
}

#[test]
fn without_a_terminal_it_says_what_does_the_same() {
    let machine = machine();
    let ended = machine.run(&["browse"]);
    ended.fails_with(2, "browse needs a terminal");
    for other in ["points", "ls", "restore"] {
        assert!(ended.stderr.contains(other), "{}", ended.stderr);
    }
}
