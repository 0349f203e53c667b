//! A second copy of the vault, and what is left when the first is gone.

use std::fs;

use crate::machine::{Machine, PASSPHRASE, random_bytes};

fn back_up(machine: &Machine, seed: u64) -> String {
    machine.write(&format!("home/{seed}"), random_bytes(seed, 2_000_000));
    let report = machine.json(&["backup", "home"]);
    report["recovery_point"].as_str().expect("an id").to_owned()
}

#[test]
fn a_second_copy_is_made_fed_and_restored_from_alone() {
    let machine = Machine::with_vault();
    let first = back_up(&machine, 1);
    let second = machine.at("second");
    let told = machine.json(&["copy", "--to", &second, "--dry-run"]);
    assert_eq!(told["would_copy"][0]["recovery_point"], *first);
    assert!(!machine.path("second").exists(), "nothing was written");
    let report = machine.json(&["copy", "--to", &second]);
    assert_eq!(report["to"], *second);
    assert_eq!(report["copied"], serde_json::json!([first]));
    for field in ["packs_written_count", "blocks_copied_count", "copied_bytes"] {
        assert!(
            report[field].as_u64().expect("a number") > 0,
            "{field}: {report}"
        );
    }
    let newer = back_up(&machine, 2);
    let report = machine.json(&["copy", "--to", "second"]);
    assert_eq!(report["copied"], serde_json::json!([newer]));
    assert_eq!(report["present_count"], 1);
    let report = machine.json(&["copy", "--to", "second", &newer]);
    assert_eq!(report["copied"], serde_json::json!([]));
    assert!(report["elapsed_secs"].is_number());

    // The first place, and this machine's state, are gone.
    fs::remove_dir_all(machine.path("vault")).expect("removed");
    fs::remove_dir_all(machine.path("state")).expect("removed");
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let key = [
        "--vault",
        second.as_str(),
        "--passphrase-file",
        file.as_str(),
    ];
    let points = machine.json(&[&["points"], &key[..]].concat());
    assert_eq!(points[0]["recovery_point"], *newer);
    assert_eq!(points[1]["recovery_point"], *first);
    let restore = ["restore", newer.as_str(), "--target", "back"];
    machine.run(&[&restore, &key[..]].concat()).ends_with(0);
    for name in ["1", "2"] {
        let read = |below: &str| fs::read(machine.path(below).join(name)).expect("read");
        assert_eq!(read("home"), read("back/home"));
    }
    let verify = ["verify", "--read-data"];
    machine.run(&[&verify, &key[..]].concat()).ends_with(0);
    // And the other way round.
    let rebuilt = [&["copy", "--to", "vault"], &key[..]].concat();
    let report = machine.json(&rebuilt);
    assert_eq!(report["copied"], serde_json::json!([first, newer]));
    let first_again = [&verify, &key[2..], &["--vault", "vault"]].concat();
    machine.run(&first_again).ends_with(0);
}

/// The copy of a vault in two places stands in one, and is made and fed with either of them away.
#[test]
fn a_vault_in_several_places_has_a_second_copy() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let (first, other, second) = (machine.vault(), machine.at("other"), machine.at("second"));
    let secret = ["--passphrase-file", &file];
    let init = ["vault", "init", "--vault", &first, "--place", &other];
    machine.run(&[&init[..], &secret].concat()).ends_with(0);
    let point = back_up(&machine, 1);
    for place in [&first, &other] {
        machine
            .run(&["copy", "--to", place])
            .fails_with(2, "no second copy of itself");
    }
    let report = machine.json(&["copy", "--to", &second]);
    assert_eq!(report["copied"], serde_json::json!([point]));
    let newer = back_up(&machine, 2);
    fs::rename(machine.path("vault"), machine.path("away")).expect("renamed");
    let through = [&["copy", "--to", &second, "--vault", &other][..], &secret].concat();
    let report = machine.json(&through);
    assert_eq!(report["copied"], serde_json::json!([newer]));
    let refused = [&through[..], &["--with-deletions"]].concat();
    machine.run(&refused).fails_with(6, &first);
    fs::rename(machine.path("other"), machine.path("away-too")).expect("renamed");

    let key = [&["--vault", &second][..], &secret].concat();
    let status = machine.json(&[&["vault", "status"], &key[..]].concat());
    assert_eq!(status["redundancy"], "local", "{status}");
    let restore = ["restore", newer.as_str(), "--target", "back"];
    machine.run(&[&restore, &key[..]].concat()).ends_with(0);
    for name in ["1", "2"] {
        let read = |below: &str| fs::read(machine.path(below).join(name)).expect("read");
        assert_eq!(read("home"), read("back/home"));
    }
    let verify = ["verify", "--read-data"];
    machine.run(&[&verify, &key[..]].concat()).ends_with(0);
}

#[test]
fn what_is_no_second_copy_is_refused() {
    let machine = Machine::with_vault();
    back_up(&machine, 1);
    let own = machine.vault();
    machine
        .run(&["copy", "--to", &own])
        .fails_with(2, "no second copy of itself");
    let other = Machine::with_vault();
    machine
        .run(&["copy", "--to", &other.vault()])
        .fails_with(6, "another vault");
    machine
        .run(&["copy", "--to", "second", "nosuchpoint"])
        .fails_with(1, "no recovery point matches");
    assert!(!machine.path("second").exists());
}

#[test]
fn a_damaged_pack_is_named_and_the_other_points_are_copied() {
    let machine = Machine::with_vault();
    let whole = back_up(&machine, 1);
    let before = machine.objects("d");
    let hurt = back_up(&machine, 2);
    let pack = machine.objects("d");
    let pack = pack.difference(&before).next().expect("a new pack");
    let mut bytes = fs::read(pack).expect("read");
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 1;
    fs::write(pack, bytes).expect("written");
    let ended = machine.run(&["copy", "--to", "second", "--json"]);
    ended.ends_with(4);
    let report = ended.document();
    assert_eq!(report["copied"], serde_json::json!([whole]));
    let object = report["damaged"][0]["object"].as_str().expect("a name");
    assert!(pack.to_str().expect("text").ends_with(object), "{object}");
    assert_eq!(report["damaged"][0]["points"], serde_json::json!([hurt]));
    let ended = machine.run(&["copy", "--to", "second"]);
    ended.ends_with(4);
    assert!(ended.stdout.contains(object), "{}", ended.stdout);
}
