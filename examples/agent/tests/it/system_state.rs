//! The state of a system: backed up, looked at, and brought back.

use std::fs;

use serde_json::Value;

use crate::machine::Machine;

/// A small Debian below `old` that has something everywhere.
fn machine() -> Machine {
    let machine = Machine::with_vault();
    for (path, text) in [
        (
            "etc/os-release",
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n",
        ),
        ("etc/hostname", "old\n"),
        ("etc/fstab", "UUID=old / ext4 defaults 0 1\n"),
        ("etc/motd", "welcome\n"),
        ("etc/default/grub", "GRUB_TIMEOUT=9\n"),
        ("etc/default/cron", "EXTRA=1\n"),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nanna:x:1000:1000:Anna:/home/anna:/bin/bash\n",
        ),
        ("etc/group", "root:x:0:\nanna:x:1000:\n"),
        ("etc/shadow", "root:*:1::\nanna:$y$j9T$secret:1::\n"),
        (
            "var/lib/dpkg/status",
            "Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22\n",
        ),
        ("var/spool/cron/crontabs/anna", "0 5 * * * true\n"),
    ] {
        machine.write(&format!("old/{path}"), text);
    }
    machine
}

fn back_up(machine: &Machine) -> Value {
    machine.json(&["backup", "--system-state", "--system-root", "old"])
}

#[test]
fn a_state_is_a_point_with_a_guide_an_index_and_the_configuration() {
    let machine = machine();
    let made = back_up(&machine);
    assert_eq!(
        (&made["source"], &made["state"]),
        (&"system-state".into(), &"complete".into())
    );
    machine
        .run(&["restore", "latest", "--target", "out"])
        .ends_with(0);
    let read = |path: &str| fs::read_to_string(machine.path(path)).unwrap();
    assert!(read("out/system-state/README.md").contains("# The state of old"));
    let index: Value = serde_json::from_str(&read("out/system-state/index.json")).unwrap();
    assert_eq!(index["format"], 1);
    assert_eq!(read("out/etc/fstab"), "UUID=old / ext4 defaults 0 1\n");
    assert_eq!(read("out/cron/crontabs/anna"), "0 5 * * * true\n");

    let again = back_up(&machine);
    assert_eq!(
        (&again["files_changed_count"], &again["unique_bytes"]),
        (&0.into(), &0.into()),
        "{again}"
    );
}

#[test]
fn what_cannot_be_taken_makes_the_point_partial() {
    let machine = machine();
    fs::remove_file(machine.path("old/etc/shadow")).unwrap();
    fs::create_dir(machine.path("old/etc/shadow")).unwrap();
    let ended = machine.run(&["backup", "--system-state", "--system-root", "old", "--json"]);
    ended.ends_with(3);
    let made = ended.document();
    assert_eq!(made["state"], "partial");
    let reason = made["skipped"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("unreadable: /etc/shadow"), "{reason}");
}

#[test]
fn a_plan_is_shown_and_only_the_safe_files_are_put_back() {
    let machine = machine();
    back_up(&machine);
    machine.write(
        "new/etc/os-release",
        "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n",
    );
    machine.write("new/etc/fstab", "UUID=new / ext4 defaults 0 1\n");
    machine.write("new/etc/motd", "other\n");
    machine.write("new/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    machine.write("new/etc/group", "root:x:0:\n");
    machine.write("new/var/lib/dpkg/status", "\n");
    let apply = ["system-state", "apply", "latest", "--root", "new"];
    let plan = machine.json(&[&apply[..], &["--dry-run"]].concat());
    let kinds: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "create_group",
            "create_user",
            "set_password",
            "put_back",
            "install_packages"
        ]
    );
    assert!(!plan.to_string().contains("secret"), "{plan}");
    let left = plan["left"].to_string();
    for path in [
        "/etc/fstab",
        "/etc/default/grub",
        "/etc/passwd",
        "/etc/hostname",
    ] {
        assert!(
            left.contains(&format!("\"{path}\"")),
            "{path} is not left: {left}"
        );
    }
    assert!(
        !machine.path("new/etc/default").exists(),
        "a dry run does nothing"
    );

    machine.run(&apply).fails_with(2, "nobody can be asked");
    let files = [&apply[..], &["--only", "files", "--yes"]].concat();
    let done = machine.json(&files);
    assert_eq!(done["steps"][0]["state"], "done", "{done}");
    let read = |path: &str| fs::read_to_string(machine.path(path)).unwrap();
    assert_eq!(read("new/etc/fstab"), "UUID=new / ext4 defaults 0 1\n");
    assert_eq!(read("new/etc/default/cron"), "EXTRA=1\n");
    assert_eq!(read("new/var/spool/cron/crontabs/anna"), "0 5 * * * true\n");
    assert!(
        !machine.path("new/etc/default/grub").exists() && !machine.path("new/etc/shadow").exists()
    );
    assert_eq!(read("new/etc/motd"), "other\n");
    let copies = fs::read_dir(machine.path("new/etc")).unwrap().flatten();
    let copies = copies.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .ends_with("Copy of motd")
    });
    assert_eq!(copies.count(), 1);
    machine.json(&[&files[..], &["--on-conflict", "overwrite"]].concat());
    assert_eq!(read("new/etc/motd"), "welcome\n");
}

#[test]
fn steps_that_fail_are_told_and_the_others_are_done() {
    let machine = machine();
    back_up(&machine);
    machine.write("new/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    machine.write("new/var/lib/dpkg/status", "\n");
    // Nothing is installed below it, so that no program of it can be run.
    let ended = machine.run(&[
        "system-state",
        "apply",
        "latest",
        "--root",
        "new",
        "--yes",
        "--json",
    ]);
    ended.ends_with(3);
    let done = ended.document();
    let steps = done["steps"].as_array().unwrap();
    let state = |kind: &str| {
        let step = steps.iter().find(|step| step["kind"] == kind);
        step.map(|step| step["state"].clone()).unwrap_or_default()
    };
    assert_eq!(
        (state("put_back"), state("create_user")),
        ("done".into(), "failed".into()),
        "{done}"
    );
}

#[test]
fn a_point_of_files_is_no_state() {
    let machine = machine();
    machine.run(&["backup", "old"]).ends_with(0);
    let point = machine.json(&["points"])[0]["recovery_point"]
        .as_str()
        .unwrap()
        .to_owned();
    machine
        .run(&["system-state", "apply", &point, "--dry-run"])
        .fails_with(2, "holds no state of a system");
}

/// This machine itself, by its policy, as far as this user may read it.
#[test]
fn a_policy_backs_the_state_up() {
    let machine = Machine::with_vault();
    machine.write(
        "policy.toml",
        "sources = [{ name = \"system\", system_state = true, exclude = [\"*.dpkg-old\"] }]\nschedule.cron = \"* * * * *\"\nretention.daily = { keep_days = 7 }\n",
    );
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    let shown = machine.run(&["policy", "show"]);
    assert!(
        shown.stdout.contains("the state of the system"),
        "{}",
        shown.stdout
    );
    let path = machine.path("state/policy.toml");
    let hour = std::time::Duration::from_secs(3600);
    let set_at = fs::metadata(&path).unwrap().modified().unwrap() - hour;
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(set_at)
        .unwrap();
    let ended = machine.run(&["backup", "--due", "--json"]);
    let made = ended.document();
    assert_eq!(made["source"], "system", "{made}");
    assert_eq!(
        ended.code,
        Some(if made["state"] == "complete" { 0 } else { 3 })
    );
    let state = machine.at("state/system-state/accounts.json");
    let accounts = machine.run(&["cat", "latest", &state]);
    accounts.ends_with(0);
    assert!(accounts.stdout.contains("\"root\""));
}
