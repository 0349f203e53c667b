//! Vaults in several places, as a person makes and looks after them.

use std::fs;

use crate::machine::{Machine, PASSPHRASE, random_bytes};

#[test]
fn a_vault_in_two_places() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    machine.write("home/data", random_bytes(1, 400_000));
    let (first, second) = (machine.vault(), machine.at("second"));
    let init = |flags: &[&str]| {
        let base = [
            "vault",
            "init",
            "--vault",
            &first,
            "--passphrase-file",
            &file,
        ];
        machine.run(&[&base, flags].concat())
    };
    init(&["--redundancy", "zone"]).fails_with(2, "another place");
    init(&["--redundancy", "moon"]).fails_with(2, "moon");
    init(&["--place", &first]).fails_with(2, "twice");
    let made = init(&["--redundancy", "geo", "--place", &second, "--json"]);
    made.ends_with(0);
    assert_eq!(
        made.document()["places"],
        serde_json::json!([first, second])
    );
    machine.run(&["backup", "home"]).ends_with(0);

    let status = machine.json(&["vault", "status"]);
    assert_eq!(status["redundancy"], "geo");
    let places = &status["places"];
    assert_eq!(
        (&places[0]["mode"], &places[1]["mode"]),
        (&"decider".into(), &"asynchronous".into())
    );
    for place in [0, 1] {
        assert_eq!(places[place]["is_up"], true, "{status}");
        assert_eq!(
            places[place]["lacking_count"], 0,
            "a backup lets places catch up: {status}"
        );
    }

    // The far place is away: the backup stands, and says so.
    fs::rename(machine.path("second"), machine.path("hidden")).expect("renamed");
    machine.write("home/more", random_bytes(2, 300_000));
    let ended = machine.run(&["backup", "home"]);
    ended.ends_with(0);
    assert!(ended.stderr.contains("catch-up"), "{}", ended.stderr);
    machine.run(&["vault", "catch-up"]).ends_with(3);
    fs::rename(machine.path("hidden"), machine.path("second")).expect("renamed");
    let status = machine.json(&["vault", "status"]);
    let lacking = status["places"][1]["lacking_count"].as_u64();
    assert!(lacking.is_some_and(|count| count > 2), "{status}");
    let shown = machine.run(&["vault", "status"]);
    assert!(
        shown.stdout.contains("asynchronous") && shown.stdout.contains("objects"),
        "{}",
        shown.stdout
    );
    let told = machine.json(&["vault", "catch-up"]);
    assert_eq!(told[1]["copied_count"].as_u64(), lacking, "{told}");

    // The first place is lost: any other is enough to restore, and nothing is written without it.
    fs::rename(machine.path("vault"), machine.path("lost")).expect("renamed");
    let other = ["--vault", &second, "--passphrase-file", &file];
    let restore = ["restore", "latest", "--target", "back"];
    machine.run(&[&restore[..], &other].concat()).ends_with(0);
    assert_eq!(
        fs::read(machine.path("back/home/more")).expect("there"),
        fs::read(machine.path("home/more")).expect("there")
    );
    machine
        .run(&[&["backup", "home"][..], &other].concat())
        .fails_with(6, &first);
}

#[test]
fn the_first_place_is_lost_and_another_decides() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    machine.write("home/data", random_bytes(1, 400_000));
    let (first, second) = (machine.vault(), machine.at("second"));
    let secret = ["--passphrase-file", &file];
    let init = ["vault", "init", "--vault", &first, "--place", &second];
    machine.run(&[&init[..], &secret].concat()).ends_with(0);
    machine.run(&["backup", "home"]).ends_with(0);
    fs::rename(machine.path("vault"), machine.path("lost")).expect("renamed");

    let other = ["--vault", &second];
    let failover = ["vault", "failover", "--to", &second];
    machine
        .run(&[&failover[..], &other].concat())
        .fails_with(5, "passphrase");
    let with = |flags: &[&str]| machine.run(&[&failover[..], &other, &secret, flags].concat());
    with(&[]).fails_with(6, &first);
    let told = with(&["--drop", &first, "--dry-run", "--json"]);
    assert_eq!(told.document()["is_complete"], false);
    let made = with(&["--drop", &first, "--json"]);
    made.ends_with(0);
    assert_eq!(made.document()["generation"], 1);
    assert_eq!(made.document()["places"], serde_json::json!([second]));

    let status = machine.json(&[&["vault", "status"][..], &other].concat());
    assert_eq!(status["generation"], 1);
    assert_eq!(status["decider"], serde_json::json!(second));
    machine.write("home/more", random_bytes(2, 300_000));
    machine
        .run(&[&["backup", "home"][..], &other].concat())
        .ends_with(0);

    // The old place is back alone: it is read, and not written to.
    fs::rename(machine.path("lost"), machine.path("vault")).expect("renamed");
    fs::rename(machine.path("second"), machine.path("hidden")).expect("renamed");
    let ended = machine.run(&["backup", "home"]);
    ended.fails_with(6, "generation 1");
    let restored = machine.run(&["restore", "latest", "--target", "back"]);
    restored.ends_with(0);
    assert!(machine.path("back/home/data").exists());
}

/// The lost place is replaced, and comes back with what was made there while it was cut off.
#[test]
fn a_place_is_added_and_what_a_lost_one_had_alone_is_brought_over() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    machine.write("home/data", random_bytes(1, 400_000));
    let (first, second, third) = (machine.vault(), machine.at("second"), machine.at("third"));
    let secret = ["--passphrase-file", &file];
    let init = ["vault", "init", "--vault", &first, "--place", &second];
    machine.run(&[&init[..], &secret].concat()).ends_with(0);
    machine.run(&["backup", "home"]).ends_with(0);
    // The owner, on another machine, does not reach the first place, which is cut off with this one.
    fs::rename(machine.path("vault"), machine.path("lost")).expect("renamed");
    let owner = [
        &secret[..],
        &["--vault", &second, "--state-dir", "owner-state"],
    ]
    .concat();
    let failover = ["vault", "failover", "--to", &second, "--drop", &first];
    machine.run(&[&failover[..], &owner].concat()).ends_with(0);
    fs::rename(machine.path("lost"), machine.path("vault")).expect("renamed");
    fs::rename(machine.path("second"), machine.path("hidden")).expect("renamed");
    machine.write("home/alone", random_bytes(2, 300_000));
    let alone = machine.json(&["backup", "home"])["recovery_point"].clone();
    fs::rename(machine.path("hidden"), machine.path("second")).expect("renamed");

    let add = |url: &str, flags: &[&str]| {
        machine.run(&[&["vault", "place", "add", url][..], &owner, flags].concat())
    };
    machine
        .run(&["vault", "place", "add", &third, "--vault", &second])
        .fails_with(5, "passphrase");
    add(&first, &[]).fails_with(2, "has left it");
    let told = add(&third, &["--dry-run", "--json"]);
    assert_eq!(told.document()["filled"], serde_json::Value::Null);
    let added = add(&third, &["--json"]);
    added.ends_with(0);
    assert_eq!(
        added.document()["places"],
        serde_json::json!([second, third])
    );
    assert_eq!(added.document()["filled"]["away"], serde_json::Value::Null);

    // Whoever names the first place is led to the vault, and what that place has alone is brought over.
    let would = machine.json(&["vault", "catch-up", "--dry-run"]);
    let left = &would[2];
    assert_eq!(
        (&left["place"], &left["has_left"]),
        (&first.clone().into(), &true.into())
    );
    assert_eq!(left["brought_over"], serde_json::json!([alone]), "{would}");
    let told = machine.json(&["vault", "catch-up"]);
    assert_eq!(
        told[2]["brought_over"],
        serde_json::json!([alone]),
        "{told}"
    );
    let told = machine.json(&["vault", "catch-up"]);
    assert_eq!(told[2]["brought_over"], serde_json::json!([]), "{told}");
    for place in ["vault", "second"] {
        fs::rename(machine.path(place), machine.path(&format!("{place}-gone"))).expect("renamed");
    }
    let restore = [
        "restore",
        alone.as_str().expect("an id"),
        "--target",
        "back",
        "--vault",
        &third,
    ];
    machine.run(&[&restore[..], &secret].concat()).ends_with(0);
    for name in ["data", "alone"] {
        let read = |below: &str| fs::read(machine.path(below).join(name)).expect("read");
        assert_eq!(read("home"), read("back/home"));
    }
}
