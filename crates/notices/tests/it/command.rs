//! Programs of the administrator.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use strongroom_notices::{Channel, CommandChannel, Destination, Error, Notice, document};

use crate::world::{World, settings};

fn channel(run: &[&str]) -> CommandChannel {
    let text = format!("[[notices.command]]\nname = \"pager\"\nrun = {run:?}\ntimeout_secs = 1\n");
    CommandChannel::new(settings(&text).commands.remove(0))
}

fn notice() -> Notice {
    Notice::test(Destination::channel("pager"), "laptop", World::new("").now)
}

#[test]
fn a_program_gets_the_notice_on_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out").to_str().unwrap().to_owned();
    let pager = channel(&["sh", "-c", "cat > \"$1\"", "sh", &out]);
    pager.send(&notice()).unwrap();
    let got: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(got, document(&notice()));
    assert_eq!(got["test"], true);
}

#[test]
fn one_that_does_not_read_it_is_not_waited_for() {
    let world = World::new("");
    (0..100).for_each(|number| drop(world.job(&format!("{}:{number}", "long".repeat(200)))));
    let item = |alert| strongroom_notices::Item {
        telling: strongroom_notices::Telling::Raised,
        alert,
    };
    let items = world.alerts().into_iter().map(item).collect();
    let long = Notice::new(Destination::channel("pager"), "laptop", items, world.now);
    assert!(document(&long).to_string().len() > 128 << 10); // more than a pipe holds
    channel(&["true"]).send(&long).unwrap();
}

#[test]
fn failures_are_told() {
    let error = channel(&["sh", "-c", "exit 7"])
        .send(&notice())
        .unwrap_err();
    assert!(
        matches!(&error, Error::Refused { said, .. } if said.contains('7')),
        "{error}"
    );
    let error = channel(&["/nowhere/at/all"]).send(&notice()).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn one_that_hangs_is_killed_with_all_it_has_started() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pid").to_str().unwrap().to_owned();
    let script = "sleep 600 & echo $! > \"$1\"; wait";
    let error = channel(&["sh", "-c", script, "sh", &file])
        .send(&notice())
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::TimedOut {
                timeout_secs: 1,
                ..
            }
        ),
        "{error}"
    );
    let child = fs::read_to_string(&file).unwrap();
    // Whoever has taken it over may not have buried it yet.
    let stat = Path::new("/proc").join(child.trim()).join("stat");
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::sleep(Duration::from_millis(10));
    }
}
