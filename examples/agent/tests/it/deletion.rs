//! Recovery points go, come back, are held, and what only they needed is freed.

use crate::machine::{Machine, PASSPHRASE, random_bytes};

/// Ids, oldest first.
fn two_points(machine: &Machine) -> [String; 2] {
    [1, 2].map(|number| {
        machine.write("home/data", random_bytes(number, 3_000_000));
        let report = machine.json(&["backup", "home"]);
        report["recovery_point"].as_str().expect("an id").to_owned()
    })
}

fn ids(machine: &Machine, args: &[&str]) -> Vec<String> {
    let points = machine.json(args);
    let points = points.as_array().expect("a list").iter();
    points
        .map(|point| point["recovery_point"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn a_deleted_point_is_shown_and_undeleted() {
    let machine = Machine::with_vault();
    let [first, second] = two_points(&machine);
    // The machine's own credentials are enough.
    let deleted = machine.json(&["delete", &first[..20]]);
    assert_eq!(deleted["deleted"][0], *first);
    assert_eq!(ids(&machine, &["points"]), std::slice::from_ref(&second));
    assert_eq!(
        ids(&machine, &["points", "--deleted"]),
        std::slice::from_ref(&first)
    );
    machine
        .run(&["restore", &first, "--target", "back"])
        .ends_with(0);
    let swept = machine.json(&["sweep"]);
    assert_eq!(swept["packs_deleted_count"], 0, "{swept}");
    machine.run(&["undelete", &first]).ends_with(0);
    machine
        .run(&["undelete", &second])
        .fails_with(1, "not deleted");
    assert_eq!(ids(&machine, &["points"]).len(), 2);
}

#[test]
fn deleting_for_ever_needs_the_owner_and_frees_space() {
    let machine = Machine::with_vault();
    let [first, second] = two_points(&machine);
    machine
        .run(&["delete", &first, "--now"])
        .fails_with(5, "passphrase");
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let owner = ["--passphrase-file", file.as_str()];
    machine.run(&["hold", &first]).ends_with(0);
    let held = machine.json(&["points"]);
    assert_eq!(held[1]["kept_because"], serde_json::json!(["hold"]));
    machine
        .run(&[&["delete", &first, "--now"], &owner[..]].concat())
        .fails_with(1, "held");
    machine
        .run(&["hold", &first, "--release"])
        .fails_with(5, "passphrase");
    machine
        .run(&[&["hold", &first, "--release"], &owner[..]].concat())
        .ends_with(0);
    machine
        .run(&[&["delete", &first, "--now"], &owner[..]].concat())
        .ends_with(0);
    machine
        .run(&[&["delete", &second, "--now"], &owner[..]].concat())
        .fails_with(1, "last of its source");
    let told = machine.json(&["sweep", "--dry-run"]);
    let freed = machine.json(&["sweep"]);
    for sweep in [&told, &freed] {
        assert!(
            sweep["freed_bytes"].as_u64().expect("a number") > 2_000_000,
            "{sweep}"
        );
        assert_eq!(sweep["waiting_for"], serde_json::json!([]));
    }
    machine.run(&["verify", "--read-data"]).ends_with(0);
    machine
        .run(&["restore", "latest", "--target", "back"])
        .ends_with(0);
}

#[test]
fn without_soft_delete_all_but_the_newest_go_at_once() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let vault = machine.vault();
    machine
        .run(&[
            "vault",
            "init",
            "--vault",
            &vault,
            "--no-soft-delete",
            "--passphrase-file",
            &file,
        ])
        .ends_with(0);
    let [first, second] = two_points(&machine);
    let told = machine.json(&["delete", "--all-but", "latest", "--dry-run"]);
    assert_eq!(told["deleted"], serde_json::json!([first]));
    let deleted = machine.json(&["delete", "--all-but", "latest"]);
    assert_eq!(deleted["is_final"], true);
    assert_eq!(ids(&machine, &["points"]), [second]);
    assert_eq!(
        ids(&machine, &["points", "--deleted"]),
        Vec::<String>::new()
    );
    let swept = machine.json(&["sweep"]);
    assert!(swept["packs_deleted_count"].as_u64().expect("a number") > 0);
    machine.run(&["verify"]).ends_with(0);
}
