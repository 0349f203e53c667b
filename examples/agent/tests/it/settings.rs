//! Global flags and where their values come from.

use std::fs;

use crate::machine::{Machine, PASSPHRASE};

/// A machine that has a vault, but neither a credential for it nor a note of it.
fn with_strange_vault() -> Machine {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let vault = machine.vault();
    let init = ["vault", "init", "--no-local-credential"];
    let place = ["--vault", &vault, "--passphrase-file", &file];
    machine.run(&[&init[..], &place[..]].concat()).ends_with(0);
    fs::remove_file(machine.path("state/vault.json")).expect("mine");
    machine
}

#[test]
fn the_file_in_the_state_directory_gives_defaults() {
    let machine = with_strange_vault();
    machine.run(&["points"]).fails_with(2, "no vault");
    // Relative to the file.
    let text = "vault = \"../vault\"\npassphrase_file = \"../passphrase\"\n";
    machine.write("state/config.toml", text);
    machine.run(&["points"]).ends_with(0);
    // Flags and variables come first.
    let nowhere = machine.at("nowhere");
    machine
        .run(&["points", "--vault", &nowhere])
        .fails_with(6, "nowhere");
    let mut command = machine.command(&["points"]);
    command.env("STRONGROOM_VAULT", &nowhere);
    let output = command.output().expect("runs");
    assert_eq!(output.status.code(), Some(6));
    let wrong = machine.passphrase_file("wrong", "incorrect horse battery staple");
    machine
        .run(&["points", "--passphrase-file", &wrong])
        .fails_with(5, "wrong passphrase");
}

#[test]
fn a_file_can_be_named_and_chooses_the_state_directory() {
    let machine = with_strange_vault();
    let text =
        "vault = \"vault\"\npassphrase_command = \"cat passphrase\"\nstate_dir = \"other\"\n";
    machine.write("my.toml", text);
    let mut command = machine.command(&["status", "--config", "my.toml", "--json"]);
    command.env_remove("STRONGROOM_STATE_DIR");
    let output = command.output().expect("runs");
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(status["state_dir"], machine.at("other"));
    assert_eq!(status["vault"]["url"], machine.vault());
    machine
        .run(&["points", "--config", "absent.toml"])
        .fails_with(2, "absent.toml");
}

#[test]
fn what_is_wrong_in_the_file_is_named_by_line_and_key() {
    let machine = Machine::with_vault();
    for (text, line, key) in [
        ("# mine\nvolt = \"x\"\n", "line 2", "volt"),
        ("max_memory = \"lots\"\n", "line 1", "max_memory"),
        ("vault = \"a\"\n\nvault = \"b\"\n", "line 3", "key"),
        ("state_dir = \"x\"\n", "line 1", "state_dir"),
    ] {
        machine.write("state/config.toml", text);
        let ended = machine.run(&["points"]);
        ended.fails_with(2, line);
        assert!(ended.stderr.contains(key), "{}", ended.stderr);
        assert!(ended.stderr.contains("config.toml"), "{}", ended.stderr);
    }
    let ended = machine.run(&["points", "--json"]);
    ended.ends_with(2);
    assert_eq!(ended.document()["error"]["code"], 2);
}

#[test]
fn a_proxy_is_a_url() {
    let machine = Machine::with_vault();
    // A vault in a directory needs none.
    machine
        .run(&["points", "--proxy", "http://127.0.0.1:9"])
        .ends_with(0);
    machine
        .run(&["points", "--proxy", "proxy"])
        .fails_with(2, "--proxy");
}
