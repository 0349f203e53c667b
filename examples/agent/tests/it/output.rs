//! What arrives on standard output and standard error, and what happens when nobody reads them.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::machine::{Machine, hurt, random_bytes};

/// Far more than any command here needs; only one that hangs comes to it.
const HANGS: Duration = Duration::from_secs(120);

/// The exit code of a command that has to end by itself.
fn code_of(mut child: Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        if begun.elapsed() > HANGS {
            child.kill().expect("mine");
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a command whose standard output or error leads to a pipe that nobody reads any more.
fn unread(machine: &Machine, args: &[&str], is_stdout: bool) -> Option<i32> {
    let mut command = machine.command(args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if is_stdout {
        command.stdout(Stdio::piped());
    } else {
        command.stderr(Stdio::piped());
    }
    let mut child = command.spawn().expect("runs");
    drop((child.stdout.take(), child.stderr.take()));
    code_of(child)
}

fn damaged() -> Machine {
    let machine = Machine::with_vault();
    for number in 0..20 {
        machine.write(&format!("home/{number}"), random_bytes(number, 50_000));
    }
    machine.run(&["backup", "home"]).ends_with(0);
    for pack in machine.objects("d") {
        hurt(&pack);
    }
    machine
}

#[test]
fn a_closed_standard_error_stops_nothing() {
    let machine = damaged();
    // Every file that cannot be restored is told by the thread that tried.
    let args = ["restore", "latest", "--target", "back", "--verbose"];
    assert_eq!(unread(&machine, &args, false), Some(4));
    assert_eq!(unread(&machine, &["points", "--verbose"], false), Some(0));
    assert_eq!(unread(&machine, &["backup", "nowhere"], false), Some(1));
}

#[test]
fn a_closed_standard_output_does_not_hide_how_it_ended() {
    let machine = damaged();
    for args in [
        &["verify", "--read-data"][..],
        &["verify", "--read-data", "--json"],
        &["restore", "latest", "--target", "back"],
    ] {
        assert_eq!(unread(&machine, args, true), Some(4), "{args:?}");
    }
    for args in [
        &["points"][..],
        &["ls", "latest"],
        &["ls", "latest", "--json"],
    ] {
        assert_eq!(unread(&machine, args, true), Some(0), "{args:?}");
    }
}

/// A point whose first entries can be read and whose directory `zone` is missing.
fn half_missing() -> Machine {
    let machine = Machine::with_vault();
    for number in 0..400 {
        machine.write(
            &format!("home/zone/a-rather-long-name-of-file-{number}"),
            "",
        );
    }
    machine.run(&["backup", "home"]).ends_with(0);
    let old = machine.objects("m");
    machine.write("home/begin/new", "new");
    machine.run(&["backup", "home"]).ends_with(0);
    for pack in old {
        fs::remove_file(pack).expect("mine");
    }
    machine
}

#[test]
fn a_failure_on_the_way_is_the_only_document() {
    let machine = half_missing();
    let text = machine.run(&["ls", "latest", "--recursive"]);
    text.fails_with(4, "missing");
    assert!(text.stdout.contains("home/begin/new"), "{}", text.stdout);
    let ended = machine.run(&["ls", "latest", "--recursive", "--json"]);
    ended.ends_with(4);
    assert_eq!(ended.document()["error"]["code"], 4);
    assert_eq!(ended.stderr, "");
}

#[test]
fn find_tells_what_it_could_not_search() {
    let machine = half_missing();
    let points = machine.json(&["points"]);
    for extra in [&[][..], &["--json"]] {
        let ended = machine.run(&[&["find", "new"], extra].concat());
        ended.ends_with(4);
        assert!(ended.stdout.contains("home/begin/new"), "{}", ended.stdout);
        for point in points.as_array().expect("a list") {
            let id = point["recovery_point"].as_str().expect("an id");
            assert!(ended.stderr.contains(id), "{}", ended.stderr);
        }
    }
    let found = machine.run(&["find", "new", "--json"]).document();
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
}

#[test]
fn a_long_result_waits_in_the_cache_directory() {
    let machine = Machine::with_vault();
    let long = "long".repeat(50);
    for number in 0..3000 {
        machine.write(&format!("home/{long}-{number}"), "");
    }
    machine.run(&["backup", "home"]).ends_with(0);
    let cache = machine.at("cache");
    let listed = machine.json(&["ls", "latest", "--cache-dir", &cache]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3000));
    assert_eq!(fs::read_dir(&cache).expect("made").count(), 0);

    machine.write("file", "");
    let file = machine.at("file");
    let ended = machine.run(&["ls", "latest", "--json", "--cache-dir", &file]);
    ended.ends_with(1);
    let message = &ended.document()["error"]["message"];
    assert!(
        message.as_str().is_some_and(|text| text.contains(&file)),
        "{message}"
    );
}
