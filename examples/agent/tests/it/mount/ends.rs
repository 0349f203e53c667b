//! How a mount ends, and how it does not.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use super::{Mounted, is_mounted, is_possible, wait_until};
use crate::machine::Machine;

fn backed_up() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/note", "precious");
    machine.run(&["backup", "home"]).ends_with(0);
    machine
}

#[test]
fn signals_and_others_unmount_it() {
    if !is_possible() {
        return;
    }
    let machine = backed_up();
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mounted = Mounted::new(&machine, "latest", "mnt", &[]);
        let dir = mounted.dir.clone();
        mounted.signal(signal);
        mounted.ended().ends_with(0);
        assert!(!is_mounted(&dir), "{signal}");
    }
    let mounted = Mounted::new(&machine, "latest", "mnt", &["--json"]);
    let unmounted = Command::new("umount").arg(&mounted.dir).status();
    assert!(unmounted.expect("runs").success());
    let ended = mounted.ended();
    ended.ends_with(0);
    assert_eq!(ended.document()["ended_by"], "unmounted");
}

#[test]
fn what_is_in_use_stays_and_says_who_uses_it() {
    if !is_possible() {
        return;
    }
    let machine = backed_up();
    let mut mounted = Mounted::new(&machine, "latest", "mnt", &[]);
    let mut user = Command::new("sleep")
        .arg("600")
        .current_dir(mounted.at(&machine.path("home")))
        .spawn()
        .expect("runs");
    let stderr = mounted.child.as_mut().and_then(|child| child.stderr.take());
    let mut lines = BufReader::new(stderr.expect("piped")).lines();
    mounted.signal("-TERM");
    let told = lines.find_map(|line| {
        let line = line.expect("text");
        line.starts_with("still mounted: ").then_some(line)
    });
    let told = told.expect("a refusal");
    assert!(told.contains(&format!("sleep ({})", user.id())), "{told}");
    assert!(
        lines
            .next()
            .is_some_and(|help| help.expect("text").starts_with("help: "))
    );
    let note = fs::read_to_string(mounted.at(&machine.path("home/note")));
    assert_eq!(note.expect("still there"), "precious");
    user.kill().expect("killed");
    user.wait().expect("ended");
    mounted.stop().ends_with(0);
}

#[test]
fn it_is_detached_in_use_on_request() {
    if !is_possible() {
        return;
    }
    let machine = backed_up();
    let mounted = Mounted::new(&machine, "latest", "mnt", &["--force"]);
    let open = File::open(mounted.at(&machine.path("home/note"))).expect("opened");
    mounted.stop().ends_with(0);
    drop(open);
}

#[test]
fn an_idle_one_ends_by_itself() {
    if !is_possible() {
        return;
    }
    let machine = backed_up();
    let mounted = Mounted::new(&machine, "latest", "mnt", &["--for", "1s", "--json"]);
    let dir = mounted.dir.clone();
    let ended = mounted.ended();
    ended.ends_with(0);
    assert_eq!(ended.document()["ended_by"], "lease");
    assert!(!is_mounted(&dir));
}

#[test]
fn one_whose_time_is_over_stays_while_it_is_used() {
    if !is_possible() {
        return;
    }
    let machine = backed_up();
    let mut mounted = Mounted::new(&machine, "latest", "mnt", &["--for", "1s"]);
    let mut open = File::open(mounted.at(&machine.path("home/note"))).expect("opened");
    let stderr = mounted.child.as_mut().and_then(|child| child.stderr.take());
    let mut lines = BufReader::new(stderr.expect("piped")).lines();
    assert!(lines.any(|line| line.expect("text").starts_with("still mounted: ")));
    let mut note = String::new();
    open.read_to_string(&mut note).expect("read");
    assert_eq!(note, "precious");
    drop(open);
    let dir = mounted.dir.clone();
    mounted.ended().ends_with(0);
    assert!(!is_mounted(&dir));
}

#[test]
fn a_killed_one_makes_room_for_the_next() {
    if !is_possible() {
        return;
    }
    let machine = backed_up();
    let mounted = Mounted::new(&machine, "latest", "mnt", &[]);
    let dir = mounted.dir.clone();
    mounted.signal("-KILL");
    let ended = mounted.ended();
    assert_eq!(ended.code, None);
    assert!(is_mounted(&dir));
    wait_until("the dead mount", || fs::read_dir(&dir).is_err());
    let mounted = Mounted::on(&machine, "latest", dir, &[]);
    let note = fs::read_to_string(mounted.at(&machine.path("home/note")));
    assert_eq!(note.expect("there"), "precious");
    let ended = mounted.stop();
    ended.ends_with(0);
    assert!(ended.stderr.contains("was killed"), "{}", ended.stderr);
}

#[test]
fn where_it_cannot_be_mounted_the_next_step_is_told() {
    let machine = backed_up();
    machine
        .run(&["mount", "latest", "nowhere"])
        .fails_with(2, "is not a directory");
    machine
        .run(&["mount", "latest", "home"])
        .fails_with(2, "is not empty");
    fs::create_dir(machine.path("mnt")).expect("made");
    machine
        .run(&["mount", "0nopoint", "mnt"])
        .fails_with(1, "no recovery point matches");
    machine
        .run(&["mount", "latest", "mnt", "--for", "soon"])
        .fails_with(2, "--for");
}
