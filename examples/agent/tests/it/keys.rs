//! Passphrases come and go; data stays as it is.

use std::collections::BTreeSet;
use std::fs;

use crate::machine::{Machine, PASSPHRASE};

const NEW: &str = "a quite different passphrase";

fn backed_up() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/note", "kept");
    machine.run(&["backup", "home"]).ends_with(0);
    machine
}

fn slot_ids(machine: &Machine) -> BTreeSet<String> {
    let slots = machine.json(&["vault", "key", "list"]);
    let slots = slots.as_array().expect("a list");
    slots
        .iter()
        .map(|slot| slot["slot"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let machine = backed_up();
    let packs = machine.objects("d");
    let new = machine.passphrase_file("new", NEW);
    let old = machine.at("passphrase");
    machine
        .run(&[
            "vault",
            "key",
            "change",
            "--passphrase-file",
            &old,
            "--new-passphrase-file",
            &new,
        ])
        .ends_with(0);
    machine
        .run(&["points", "--passphrase-file", &old])
        .fails_with(5, "wrong passphrase");
    machine
        .run(&[
            "restore",
            "latest",
            "--target",
            "back",
            "--passphrase-file",
            &new,
        ])
        .ends_with(0);
    assert_eq!(
        fs::read(machine.path("back/home/note")).expect("there"),
        b"kept"
    );
    assert_eq!(machine.objects("d"), packs);
    // The machine's own credential goes on working.
    machine.run(&["backup", "home"]).ends_with(0);
}

/// A change that was cut after it had written the new slot leaves what `add` leaves.
#[test]
fn a_change_that_was_interrupted_is_finished_by_the_next() {
    let machine = backed_up();
    let (old, new) = (
        machine.at("passphrase"),
        machine.passphrase_file("new", NEW),
    );
    let third = machine.passphrase_file("third", "another owner's passphrase");
    let with = |what: &str, new: &str| {
        let given = [
            "--passphrase-file",
            &old,
            "--new-passphrase-file",
            new,
            "--json",
        ];
        let ended = machine.run(&[&["vault", "key", what][..], &given].concat());
        ended.ends_with(0);
        ended
    };
    let left = with("add", &new).document()["slot"].clone();
    with("add", &third);
    let ended = with("change", &new);
    assert_eq!(ended.document()["slot"], left, "it is not written again");
    assert!(
        ended
            .stderr
            .contains("other passphrases open the vault, too: 1"),
        "{}",
        ended.stderr
    );
    machine
        .run(&["points", "--passphrase-file", &old])
        .fails_with(5, "wrong passphrase");
    machine
        .run(&["points", "--passphrase-file", &new])
        .ends_with(0);
    // Two passphrases and two credentials of this machine.
    assert_eq!(slot_ids(&machine).len(), 4);
}

#[test]
fn keys_change_only_for_the_owner() {
    let machine = backed_up();
    let new = machine.passphrase_file("new", NEW);
    // The local credential is no owner's.
    let ended = machine.run(&["vault", "key", "add", "--new-passphrase-file", &new]);
    assert!(
        matches!(ended.code, Some(2 | 5 | 6)),
        "{:?} {}",
        ended.code,
        ended.stderr
    );
    assert_eq!(
        machine
            .json(&["vault", "key", "list"])
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[test]
fn a_slot_is_added_and_removed() {
    let machine = backed_up();
    let new = machine.passphrase_file("new", NEW);
    let old = machine.at("passphrase");
    let before = slot_ids(&machine);
    machine
        .run(&[
            "vault",
            "key",
            "add",
            "--passphrase-file",
            &old,
            "--new-passphrase-file",
            &new,
        ])
        .ends_with(0);
    machine
        .run(&["points", "--passphrase-file", &new])
        .ends_with(0);
    let added: Vec<_> = slot_ids(&machine).difference(&before).cloned().collect();
    let [slot] = added.as_slice() else {
        panic!("one slot was added, not {added:?}");
    };
    machine
        .run(&["vault", "key", "remove", slot, "--passphrase-file", &old])
        .ends_with(0);
    machine
        .run(&["points", "--passphrase-file", &new])
        .fails_with(5, "wrong passphrase");
    machine
        .run(&["points", "--passphrase-file", &old])
        .ends_with(0);
}

#[test]
fn the_last_passphrase_stays() {
    let machine = backed_up();
    let slots = machine.json(&["vault", "key", "list"]);
    let mut slots = slots.as_array().expect("a list").iter();
    let owner = slots.find(|slot| slot["kind"] == "passphrase");
    let slot = owner.expect("an owner")["slot"].as_str().expect("an id");
    let old = machine.at("passphrase");
    machine
        .run(&["vault", "key", "remove", slot, "--passphrase-file", &old])
        .fails_with(2, "last passphrase");
    assert_eq!(slot_ids(&machine).len(), 3);
}

#[test]
fn any_spelling_of_a_letter_is_the_same_passphrase() {
    let machine = Machine::new();
    // e with an acute accent: one character, or a letter and a combining one.
    let composed = machine.passphrase_file("composed", "caf\u{e9} de la gare du nord");
    let decomposed = machine.passphrase_file("decomposed", "cafe\u{301} de la gare du nord");
    let vault = machine.vault();
    machine
        .run(&[
            "vault",
            "init",
            "--vault",
            &vault,
            "--no-local-credential",
            "--passphrase-file",
            &composed,
        ])
        .ends_with(0);
    machine
        .run(&[
            "points",
            "--vault",
            &vault,
            "--passphrase-file",
            &decomposed,
        ])
        .ends_with(0);
    assert_ne!(PASSPHRASE, NEW);
}
