//! The record of what was told.

use std::fs;

use strongroom_notices::{Error, Sent};

use crate::world::{World, settings};

const PAGER: &str = "[[notices.command]]\nname = \"pager\"\nrun = [\"/bin/page\"]\n";

#[test]
fn a_restart_tells_nothing_twice_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sent.json");
    let mut world = World::new(PAGER);
    world.job("backup_failed:home");
    world.job("restore_failed:home");
    let due = world.due();
    world.sent.delivered(&due[0], world.now);
    world.sent.store(&path).unwrap();
    // The process ends here.
    world.sent = Sent::load(&path).unwrap();
    world.sent.admit(&world.settings, world.now);
    assert_eq!(world.due(), due[1..]);
}

#[test]
fn a_file_that_is_not_there_is_a_new_record_and_a_damaged_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sent.json");
    assert_eq!(Sent::load(&path).unwrap(), Sent::default());
    let whole = Sent::default().to_json();
    for bytes in [
        &b""[..],
        &whole[..whole.len() - 1],
        b"{\"version\":2,\"destinations\":{}}",
    ] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(Sent::load(&path), Err(Error::Record { .. })));
    }
    assert!(
        Sent::default()
            .store(&dir.path().join("no/sent.json"))
            .is_err()
    );
}

#[test]
fn it_grows_no_further_than_alerts_and_destinations_do() {
    let mut world = World::new(PAGER);
    for number in 0..50 {
        let key = format!("backup_failed:{number}");
        world.job(&key);
        world.tell();
        world.resolve(&key);
        world.tell();
        world.pass(60 * 24);
    }
    let bytes = world.sent.to_json().len();
    for number in 50..200 {
        let key = format!("backup_failed:{number}");
        world.job(&key);
        world.tell();
        world.resolve(&key);
        world.tell();
        world.pass(60 * 24);
    }
    assert!(world.sent.to_json().len() <= bytes + 200);
    world.sent.admit(&settings(""), world.now);
    assert!(world.sent.to_json().len() < 200);
}
