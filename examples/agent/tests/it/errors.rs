//! Names of errors, as they are met: what goes wrong most, made to go wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

use strongroom_test_servers::{Fault, Proxy};

use crate::failures::as_ordinary_user;
use crate::machine::{Ended, Machine, PASSPHRASE, hurt, random_bytes};

#[track_caller]
fn is_named(ended: &Ended, code: i32, id: &str) {
    let error = &ended.document()["error"];
    assert_eq!(
        (ended.code, &error["id"]),
        (Some(code), &id.into()),
        "{error}"
    );
    assert!(
        error["help"].as_str().is_some_and(|help| help.len() > 10),
        "{error}"
    );
}

fn backed_up() -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/a", random_bytes(1, 300_000));
    machine.run(&["backup", "home"]).ends_with(0);
    machine
}

/// People see the same name as programs.
#[test]
fn the_name_is_the_last_line() {
    let machine = Machine::new();
    let ended = machine.run(&["points"]);
    assert!(
        ended.stderr.ends_with("code: no-vault-configured\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_is_asked_for_wrongly() {
    let machine = backed_up();
    machine.write("bad.toml", "vault = 3\n");
    machine.write(
        "policy.toml",
        "[schedule]\ndaily = { times = [\"25:00\"] }\n",
    );
    machine.write("file", "");
    let secret = machine.passphrase_file("wrong", "incorrect horse battery staple");
    let short = machine.passphrase_file("short", "short");
    let new = ["vault", "init", "--vault", "v", "--passphrase-file", &short];
    for (args, code, id) in [
        (&["points", "--no-such-flag"][..], 2, "usage"),
        (&["points", "--config", "bad.toml"], 2, "configuration-file"),
        (&["policy", "set", "policy.toml"], 2, "policy-wrong"),
        (&["expire"], 2, "no-policy"),
        (&["points", "--vault", "s3://"], 2, "vault-location"),
        (&["points", "--vault", "nowhere"], 6, "no-vault"),
        (
            &["points", "--passphrase-file", &secret],
            5,
            "wrong-passphrase",
        ),
        (
            &["points", "--passphrase-file", "nowhere"],
            2,
            "passphrase-source",
        ),
        (&new, 2, "passphrase-unusable"),
        (&["vault", "key", "add"], 5, "passphrase-needed"),
        (&["backup", "nowhere"], 1, "source-gone"),
        (&["backup", "home", "--exclude", "[z-a"], 2, "pattern"),
        (&["ls", "zzzz"], 1, "no-such-point"),
        (&["ls", "latest", "nowhere"], 1, "no-such-path"),
        (
            &["restore", "latest", "--target", "file"],
            2,
            "target-not-directory",
        ),
        (&["restore", "latest", "--target", "vault"], 2, "protected"),
        (&["mount", "latest", "nowhere"], 2, "mount-directory"),
        (&["jobs", "stop", "no-such-job"], 2, "usage"),
        (&["seed", "import", "--from", "home"], 2, "no-seed-label"),
    ] {
        let ended = machine.run(&[args, &["--json"]].concat());
        is_named(&ended, code, id);
    }
}

#[test]
fn a_state_directory_that_was_moved_or_damaged() {
    let machine = backed_up();
    let state = machine.path("state");
    let credential = fs::read_dir(state.join("credentials")).expect("there");
    for entry in credential {
        fs::write(entry.expect("an entry").path(), "nonsense").expect("written");
    }
    is_named(
        &machine.run(&["points", "--json"]),
        5,
        "local-credential-damaged",
    );
    fs::write(state.join("vault.json"), "{").expect("written");
    is_named(&machine.run(&["points", "--json"]), 2, "state-damaged");
    fs::rename(&state, machine.path("elsewhere")).expect("moved");
    is_named(
        &machine.run(&["points", "--json"]),
        2,
        "no-vault-configured",
    );
    let drill = [
        "drill",
        "--state-dir",
        "elsewhere",
        "--cache-dir",
        "/proc/nowhere",
        "--json",
    ];
    fs::remove_file(machine.path("elsewhere/vault.json")).expect("removed");
    let secret = machine.passphrase_file("secret", PASSPHRASE);
    let vault = machine.vault();
    let with = ["--vault", &vault, "--passphrase-file", &secret];
    is_named(
        &machine.run(&[&drill[..], &with].concat()),
        2,
        "state-unusable",
    );
}

#[test]
fn a_vault_that_another_has_taken_the_place_of() {
    let (machine, other) = (backed_up(), Machine::with_vault());
    fs::remove_dir_all(machine.path("vault")).expect("removed");
    let copied = Command::new("cp")
        .arg("-a")
        .args([other.path("vault"), machine.path("vault")])
        .status();
    assert!(copied.expect("runs").success());
    is_named(&machine.run(&["points", "--json"]), 6, "vault-exchanged");
}

#[test]
fn a_vault_that_is_damaged_or_has_forgotten_this_machine() {
    let machine = backed_up();
    let slots = fs::read_dir(machine.path("vault/keys")).expect("there");
    let own = fs::read_dir(machine.path("state/credentials")).expect("there");
    let own: Vec<String> = own
        .map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("text"))
        .collect();
    for slot in slots {
        let path = slot.expect("a slot").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if own.iter().any(|credential| credential.contains(&name)) {
            fs::remove_file(path).expect("removed");
        }
    }
    is_named(
        &machine.run(&["points", "--json"]),
        5,
        "local-credential-removed",
    );
    let machine = backed_up();
    for pack in machine.objects("d") {
        hurt(&pack);
    }
    let cat = machine.run(&["cat", "latest", "a", "--json"]);
    cat.ends_with(4);
}

#[test]
fn what_this_user_may_not() {
    let machine = backed_up();
    machine.write("closed/file", "");
    machine.write("readable/file", "");
    fs::write(machine.path("secret"), PASSPHRASE).expect("written");
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    let probe = as_ordinary_user(&machine, &["points", "--json"]);
    probe.ends_with(0);
    fs::set_permissions(machine.path("closed"), closed).expect("mine");
    let restore = ["restore", "latest", "--target", "closed/below", "--json"];
    is_named(&as_ordinary_user(&machine, &restore), 1, "access-denied");
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o555);
    fs::set_permissions(machine.path("readable"), readable).expect("mine");
    let state = ["backup", "home", "--state-dir", "readable", "--json"];
    is_named(
        &as_ordinary_user(&machine, &state),
        2,
        "state-access-denied",
    );
}

/// A file system of a few pages; `None` where only root may have one.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).expect("made");
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at);
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        eprintln!("skipped: root may mount, and is needed");
        None
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

#[test]
fn disks_that_are_full() {
    let machine = Machine::new();
    let (state, vault) = (machine.path("small-state"), machine.path("small-vault"));
    let secret = machine.passphrase_file("secret", PASSPHRASE);
    machine.write("home/a", random_bytes(3, 6 << 20));
    let Some(_state) = Small::mount(&state, "8k") else {
        return;
    };
    fs::write(state.join("filler"), vec![1; 4096]).expect("one page");
    let place = machine.vault();
    let init = [
        "vault",
        "init",
        "--vault",
        &place,
        "--passphrase-file",
        &secret,
        "--json",
    ];
    let small = [&init[..], &["--state-dir", "small-state"]].concat();
    is_named(&machine.run(&small), 2, "state-full");
    let Some(_vault) = Small::mount(&vault, "4m") else {
        return;
    };
    let place = machine.at("small-vault/v");
    let init = [
        "vault",
        "init",
        "--vault",
        &place,
        "--passphrase-file",
        &secret,
    ];
    machine.run(&init).ends_with(0);
    is_named(&machine.run(&["backup", "home", "--json"]), 1, "vault-full");
    // The target of a restore.
    let machine = Machine::with_vault();
    machine.write("home/a", random_bytes(3, 6 << 20));
    machine.run(&["backup", "home"]).ends_with(0);
    let target = machine.path("target");
    let Some(_target) = Small::mount(&target, "1m") else {
        return;
    };
    let restored = machine.run(&["restore", "latest", "--target", "target", "--json"]);
    is_named(&restored, 1, "disk-full");
}

/// What clouds answer, as their servers would.
#[test]
fn what_a_cloud_says() {
    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let between = Proxy::to(server.port());
    let machine = Machine::with_variables(server.variables(between.port()));
    let secret = machine.passphrase_file("secret", PASSPHRASE);
    for (status, code, id) in [
        (403, "RequestTimeTooSkewed", "clock-skew"),
        (403, "AccessDenied", "store-access-denied"),
        (403, "InvalidAccessKeyId", "store-credential-wrong"),
        (400, "ExpiredToken", "store-credential-expired"),
        (404, "NoSuchBucket", "no-bucket"),
        (301, "PermanentRedirect", "store-region"),
        (507, "Full", "vault-full"),
        (501, "NotImplemented", "store-unsupported"),
    ] {
        let body = format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>");
        between.set(Fault::Answer(format!(
            "HTTP/1.1 {status} No\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )));
        let args = [
            "points",
            "--vault",
            "s3://bucket/v",
            "--passphrase-file",
            &secret,
            "--json",
        ];
        let exit = if id == "vault-full" { 1 } else { 6 };
        is_named(&machine.run(&args), exit, id);
    }
}
