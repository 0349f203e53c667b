//! The journal of the system.

use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::channel;

use strongroom_catalog::{AlertClass, NewAlert, Severity};
use strongroom_notices::{Channel, Destination, Error, Item, JournalChannel, Notice, Telling};

use crate::world::World;

fn notice(keys: &[&str]) -> Notice {
    let world = World::new("");
    keys.iter().for_each(|key| drop(world.job(key)));
    let item = |alert| Item {
        telling: Telling::Raised,
        alert,
    };
    let items = world.alerts().into_iter().rev().map(item).collect();
    Notice::new(Destination::channel("journal"), "laptop", items, world.now)
}

#[test]
fn every_alert_is_an_entry_with_fields() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    let journal = JournalChannel::at(&path, Box::new(|line| panic!("{line}")));
    journal
        .send(&notice(&["backup_failed:home", "restore_failed:home"]))
        .unwrap();
    for key in ["backup_failed", "restore_failed"] {
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        let entry = String::from_utf8(bytes[..length].to_vec()).unwrap();
        for line in [
            format!("MESSAGE=[Critical] laptop: {key}:home it is (do something)"),
            "PRIORITY=2".to_owned(),
            "SYSLOG_IDENTIFIER=strongroom".to_owned(),
            format!("STRONGROOM_KEY={key}:home"),
            format!("STRONGROOM_CODE={key}"),
            "STRONGROOM_CLASS=job".to_owned(),
            "STRONGROOM_SEVERITY=critical".to_owned(),
            "STRONGROOM_SOURCE=home".to_owned(),
            "STRONGROOM_TELLING=raised".to_owned(),
        ] {
            assert!(entry.lines().any(|own| own == line), "{line} in {entry}");
        }
        assert!(entry.ends_with('\n'));
    }
}

#[test]
fn a_value_of_two_lines_is_told_by_its_length() {
    let world = World::new("");
    let new = NewAlert::new(
        "two\nlines",
        AlertClass::Job,
        Severity::Error,
        "c",
        "first\nPRIORITY=0",
    );
    world
        .catalog
        .change(|change| change.raise_alert(&new, world.now))
        .unwrap();
    let item = |alert| Item {
        telling: Telling::Raised,
        alert,
    };
    let items = world.alerts().into_iter().map(item).collect();
    let notice = Notice::new(Destination::channel("journal"), "laptop", items, world.now);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    JournalChannel::at(&path, Box::new(|_| ()))
        .send(&notice)
        .unwrap();
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    let entry = &bytes[..length];
    let field = b"STRONGROOM_KEY\n\x09\0\0\0\0\0\0\0two\nlines\n";
    assert!(entry.windows(field.len()).any(|window| window == field));
    assert!(entry.starts_with(b"MESSAGE=[Error] laptop: first PRIORITY=0\nPRIORITY=3\n"));
}

#[test]
fn where_there_is_none_the_fallback_gets_the_lines() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    drop(UnixDatagram::bind(&path).unwrap()); // nobody behind it
    for path in [path, dir.path().join("absent")] {
        let (sender, lines) = channel();
        let fallback = Box::new(move |line: &str| sender.send(line.to_owned()).unwrap());
        let journal = JournalChannel::at(path, fallback);
        journal.send(&notice(&["a:b", "c:d"])).unwrap();
        journal.send(&notice(&[])).unwrap();
        assert_eq!(
            lines.try_iter().collect::<Vec<_>>(),
            [
                "[Critical] laptop: a:b it is (do something)",
                "[Critical] laptop: c:d it is (do something)",
                "[Test] laptop: notices arrive",
            ]
        );
    }
}

#[test]
fn the_journal_of_this_machine_takes_a_test() {
    if !std::path::Path::new("/run/systemd/journal/socket").exists() {
        println!("skipped: this machine has no journal");
        return;
    }
    let journal = JournalChannel::system(Box::new(|line| panic!("{line}")));
    journal.send(&notice(&[])).unwrap();
}

#[test]
fn one_that_cannot_be_written_to_is_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap(); // of another kind
    let journal = JournalChannel::at(&path, Box::new(|line| panic!("{line}")));
    assert!(matches!(
        journal.send(&notice(&["a:b"])),
        Err(Error::Unreachable { .. })
    ));
}
