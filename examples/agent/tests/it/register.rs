//! Machines that register with a vault credential, are renamed, replaced and leave.

use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use strongroom::crypto::{Passphrase, SlotSecret};
use strongroom::vault::CredentialTerms;
use strongroom::{BackupOptions, Cancel, NoMonitor, Strongroom};

use crate::machine::{Ended, Machine, PASSPHRASE};

/// A machine whose vault others join.
fn owner() -> Machine {
    Machine::with_vault()
}

/// A vault credential, made by the owner's agent.
fn issue(owner: &Machine, name: &str) -> String {
    let to = owner.at(name);
    let issued = owner.json(&["vault", "credential", "issue", "--to", &to]);
    assert_eq!(issued["file"], to.as_str());
    to
}

/// One that was issued so long ago; negative: from the future.
fn issued_ago(owner: &Machine, ago: TimeDelta) -> String {
    let vault = opened(owner);
    let terms = CredentialTerms {
        url: owner.vault(),
        places: Vec::new(),
        may_maintain: true,
        valid_for: TimeDelta::days(CredentialTerms::VALID_DAYS),
    };
    let issuing = vault.vault().issue_credential(&terms, now() - ago);
    let text = vault.wait(issuing).expect("issued");
    owner.write("dated", text);
    owner.at("dated")
}

fn now() -> DateTime<Utc> {
    std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .ok()
        .and_then(|since| DateTime::from_timestamp(i64::try_from(since.as_secs()).ok()?, 0))
        .expect("after 1970")
}

fn opened(owner: &Machine) -> Strongroom {
    let passphrase = Passphrase::new(PASSPHRASE).expect("long enough");
    Strongroom::open(owner.vault().as_str(), SlotSecret::Passphrase(&passphrase)).expect("opens")
}

fn passphrase(machine: &Machine) -> String {
    machine.passphrase_file("secret", PASSPHRASE)
}

fn register(machine: &Machine, file: &str, more: &[&str]) -> Ended {
    let secret = passphrase(machine);
    let args = [
        "register",
        "--credentials",
        file,
        "--passphrase-file",
        &secret,
    ];
    machine.run(&[&args[..], more, &["--json"]].concat())
}

fn slots_count(owner: &Machine) -> usize {
    owner
        .json(&["vault", "key", "list"])
        .as_array()
        .expect("slots")
        .len()
}

/// A point of another machine, as its agent would have made it.
fn point_of(owner: &Machine, host: &str, source: &str, path: &Path) {
    let mut options = BackupOptions::new(source.to_owned(), vec![path.to_owned()]);
    options.host = host.to_owned();
    options.machine = [7; 16];
    options.cancel = Cancel::new();
    opened(owner)
        .backup(&options, &NoMonitor)
        .expect("backed up");
}

#[test]
fn a_machine_that_has_registered_needs_no_passphrase() {
    let owner = owner();
    let file = issue(&owner, "ops.strongroom-credential");
    let machine = Machine::new();
    let ended = register(&machine, &file, &[]);
    ended.ends_with(0);
    let document = ended.document();
    assert_eq!(document["serial"], 1);
    assert_ne!(document["maintenance_slot"], Value::Null);
    machine.write("home/a", "something");
    machine.run(&["backup", "home"]).ends_with(0);
    machine.run(&["sweep"]).ends_with(0);
    machine
        .run(&["restore", "latest", "--target", "back"])
        .ends_with(0);
    assert_eq!(
        fs::read(machine.path("back/home/a")).expect("there"),
        b"something"
    );
    let status = machine.json(&["status"]);
    assert_eq!(status["registration"]["vault_id"], document["vault_id"]);
    assert_eq!(status["key_slot"], document["slot"]);
    assert_ne!(status["last_contact_at"], Value::Null);
    assert_eq!(
        (&status["daemon"], &status["renamed_from"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        status["policy"],
        json!({ "state": "none", "sources_count": null })
    );
    assert_eq!(status["vault"]["redundancy"], "local");
    // Again is no harm, and makes no further slots.
    let count = slots_count(&owner);
    register(&machine, &file, &[]).ends_with(0);
    assert_eq!(slots_count(&owner), count);
}

#[test]
fn status_tells_what_it_knows_while_the_vault_is_away() {
    let owner = owner();
    let file = issue(&owner, "credential");
    let machine = Machine::new();
    register(&machine, &file, &[]).ends_with(0);
    fs::rename(owner.path("vault"), owner.path("moved")).expect("renamed");
    let status = machine.run(&["status", "--json"]);
    status.ends_with(6);
    let document = status.document();
    assert_ne!(document["registration"], Value::Null);
    assert_ne!(document["last_contact_at"], Value::Null);
    assert_eq!(document["error"]["id"], "no-vault");
}

/// Each file that does not count has its own error, and changes nothing anywhere.
#[test]
fn files_that_do_not_count_are_told_apart() {
    let owner = owner();
    let machine = Machine::new();
    let before = slots_count(&owner);
    let refused = |file: &str, more: &[&str], code: i32, id: &str| {
        let ended = register(&machine, file, more);
        let error = &ended.document()["error"];
        assert_eq!(
            (ended.code, &error["id"]),
            (Some(code), &id.into()),
            "{error}"
        );
        assert!(error["help"].as_str().is_some_and(|help| help.len() > 10));
    };
    refused(
        &issued_ago(&owner, TimeDelta::days(11)),
        &[],
        6,
        "credential-expired",
    );
    refused(
        &issued_ago(&owner, TimeDelta::hours(-1)),
        &[],
        6,
        "credential-not-yet-valid",
    );
    let old = issue(&owner, "old");
    let new = issue(&owner, "new");
    refused(&old, &[], 6, "credential-superseded");
    let other = Machine::with_vault();
    refused(
        &issue(&other, "foreign"),
        &["--vault", &owner.vault()],
        6,
        "credential-other-vault",
    );
    let text = fs::read_to_string(&new).expect("text");
    let variant = |name: &str, text: &str| {
        machine.write(name, text);
        machine.at(name)
    };
    let edited = variant(
        "edited",
        &text.replace("role:      agent,", "role:      owner,"),
    );
    refused(&edited, &[], 2, "credential-edited");
    refused(
        &variant("cut", &text[..text.len() - 20]),
        &[],
        2,
        "credential-incomplete",
    );
    refused(&variant("none", "hello\n"), &[], 2, "credential-none");
    let later = variant("later", &text.replacen("credential 1", "credential 2", 1));
    refused(&later, &[], 2, "credential-newer");
    refused(&machine.at("nowhere"), &[], 2, "credential-unreadable");
    owner.run(&["vault", "credential", "withdraw"]).ends_with(0);
    refused(&new, &[], 6, "credential-withdrawn");
    assert_eq!(slots_count(&owner), before);
    assert!(!machine.path("state/registration.json").exists());
    assert!(!machine.path("state/vault.json").exists());
}

#[test]
fn a_machine_changes_vaults_only_when_told() {
    let (one, other) = (owner(), owner());
    let machine = Machine::new();
    register(&machine, &issue(&one, "file"), &[]).ends_with(0);
    let file = issue(&other, "file");
    let ended = register(&machine, &file, &[]);
    assert_eq!(ended.document()["error"]["id"], "credential-other-vault");
    let ended = register(&machine, &file, &["--switch"]);
    ended.ends_with(0);
    let left = &ended.document()["left_vault_id"];
    assert_eq!(*left, one.json(&["vault", "status"])["vault_id"]);
    assert_eq!(
        machine.json(&["status"])["vault"]["vault_id"],
        other.json(&["vault", "status"])["vault_id"]
    );
}

#[test]
fn a_new_machine_goes_on_where_the_old_one_ended() {
    let owner = owner();
    let machine = Machine::new();
    machine.write("docs/a", "one");
    machine.write("docs/b", "two");
    point_of(&owner, "oldbox", "docs", &machine.path("docs"));
    let file = issue(&owner, "file");
    let unknown = register(&machine, &file, &["--replaces", "nobody"]);
    unknown.ends_with(2);
    let told = register(&machine, &file, &[]).document();
    assert_eq!(told["other_machines"][0]["host"], "oldbox");
    let replaced = register(&machine, &file, &["--replaces", "oldbox"]).document();
    assert_eq!(replaced["goes_on_for"][0]["sources"], json!(["docs"]));
    let made = machine.json(&["backup", "docs"]);
    assert_eq!(
        (&made["unique_bytes"], &made["files_count"]),
        (&0.into(), &2.into())
    );
    // Its sources are this machine's own now.
    let stopped = ["stop-protection", "docs", "--delete", "--passphrase-file"];
    let stopped = machine.json(&[&stopped[..], &[&passphrase(&machine)]].concat());
    assert_eq!(stopped["deleted"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_machine_that_was_renamed_says_so_until_it_registers_again() {
    let owner = owner();
    let machine = Machine::new();
    let file = issue(&owner, "file");
    register(&machine, &file, &[]).ends_with(0);
    // The name of the running system is not a test's to change: what was registered is.
    let path = machine.path("state/registration.json");
    let mut registration: Value =
        serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
    let host = registration["host"].clone();
    registration["host"] = "before".into();
    fs::write(&path, registration.to_string()).expect("written");
    assert_eq!(machine.json(&["status"])["renamed_from"], "before");
    let checks = machine.json(&["check"]);
    let name = checks.as_array().expect("checks").iter();
    let name = name.filter(|check| check["check"] == "machine name");
    assert_eq!(
        name.map(|check| &check["state"]).collect::<Vec<_>>(),
        ["warning"]
    );
    machine.write("home/a", "x");
    machine.run(&["backup", "home"]).ends_with(0);
    let again = register(&machine, &file, &[]).document();
    assert_eq!(
        (&again["renamed_from"], &again["host"]),
        (&"before".into(), &host)
    );
    let status = machine.json(&["status"]);
    assert_eq!(status["renamed_from"], Value::Null);
    assert_eq!(status["registration"]["former_hosts"], json!(["before"]));
}

#[test]
fn a_machine_of_an_agent_has_a_passphrase_of_its_own_that_deletes_nothing() {
    let owner = owner();
    let file = issue(&owner, "file");
    let machine = Machine::new();
    let ended = register(&machine, &file, &["--generate-passphrase"]);
    ended.ends_with(0);
    let kit = ended.document()["recovery_kit"]
        .as_str()
        .expect("a kit")
        .to_owned();
    let text = fs::read_to_string(&kit).expect("a page");
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.expect("a line").trim().to_owned()
    };
    assert_eq!(
        of("vault id:"),
        owner.json(&["vault", "status"])["vault_id"]
    );
    machine.write("home/a", "x");
    machine.run(&["backup", "home"]).ends_with(0);
    // Anywhere else, with the page and the vault alone.
    let elsewhere = Machine::new();
    let own = elsewhere.passphrase_file("own", &of("passphrase:"));
    let with = |args: &[&str]| {
        let vault = owner.vault();
        let place = ["--vault", &vault, "--passphrase-file", &own];
        elsewhere.run(&[args, &place].concat())
    };
    with(&["restore", "latest", "--target", "back"]).ends_with(0);
    assert_eq!(
        fs::read(elsewhere.path("back/home/a")).expect("there"),
        b"x"
    );
    machine.run(&["backup", "home"]).ends_with(0);
    with(&["delete", "latest", "--now"]).fails_with(6, "not permit");
    with(&["delete", "latest"]).fails_with(6, "not permit");
    // An agent's passphrase is enough to register, and gives no more than it has.
    let third = Machine::new();
    let own = third.passphrase_file("own", &of("passphrase:"));
    let joined = third.json(&[
        "register",
        "--credentials",
        &file,
        "--passphrase-file",
        &own,
    ]);
    assert_eq!(joined["maintenance_slot"], Value::Null);
    third.run(&["points"]).ends_with(0);
}

#[test]
fn a_machine_that_has_left_backs_up_nowhere() {
    let owner = owner();
    let file = issue(&owner, "file");
    let machine = Machine::new();
    register(&machine, &file, &[]).ends_with(0);
    machine.write("home/a", "x");
    machine.run(&["backup", "home"]).ends_with(0);
    let before = slots_count(&owner);
    let secret = passphrase(&machine);
    machine.write(
        "policy.toml",
        "[schedule]\ndaily = { times = [\"00:00\"] }\n[retention]\ndaily = { keep_days = 7 }\n",
    );
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    let left = machine.json(&["unregister", "--passphrase-file", &secret]);
    assert_eq!(left["slots_removed"], true);
    assert_eq!(slots_count(&owner), before - 2);
    machine.run(&["points"]).fails_with(2, "no vault");
    let due = machine.run(&["backup", "home", "--due"]);
    due.fails_with(2, "policy");
    assert!(!machine.path("state/vault").exists());
    assert_eq!(owner.json(&["points"]).as_array().map(Vec::len), Some(1));
    machine.run(&["unregister"]).fails_with(2, "no vault");
}

#[test]
fn a_kit_is_printed_with_the_right_passphrase_or_none() {
    let machine = Machine::new();
    machine.write("home/a", "x");
    // The first run generates a passphrase.
    machine.run(&["backup", "home"]).ends_with(0);
    let page = machine.json(&["vault", "kit", "--to", "kit.html"]);
    assert_eq!(page["has_passphrase"], true);
    let html = fs::read_to_string(machine.path("kit.html")).expect("a page");
    let kept = fs::read_to_string(machine.path("state/recovery-kit.txt")).expect("a kit");
    let secret = kept
        .lines()
        .find_map(|line| line.strip_prefix("passphrase:"));
    let secret = secret.expect("a line").trim().to_owned();
    assert!(html.contains(&secret) && html.contains("<svg"));
    machine
        .run(&["vault", "kit", "--to", "kit.txt"])
        .ends_with(0);
    let text = fs::read_to_string(machine.path("kit.txt")).expect("a page");
    assert!(text.contains(&secret));
    machine
        .run(&["vault", "kit", "--to", "kit.pdf"])
        .ends_with(2);
    // What has been changed since is not printed.
    let old = machine.passphrase_file("old", &secret);
    let new = machine.passphrase_file("new", PASSPHRASE);
    let change = ["vault", "key", "change", "--passphrase-file", &old];
    let change = [&change[..], &["--new-passphrase-file", &new]].concat();
    machine.run(&change).ends_with(0);
    machine
        .run(&["vault", "kit", "--to", "wrong.html"])
        .ends_with(5);
    assert!(!machine.path("wrong.html").exists());
    let blank = ["vault", "kit", "--to", "blank.html", "--without-passphrase"];
    assert_eq!(machine.json(&blank)["has_passphrase"], false);
    let with = [
        "vault",
        "kit",
        "--to",
        "new.html",
        "--passphrase-file",
        &new,
    ];
    machine.run(&with).ends_with(0);
    let html = fs::read_to_string(machine.path("new.html")).expect("a page");
    assert!(html.contains(PASSPHRASE));
}
