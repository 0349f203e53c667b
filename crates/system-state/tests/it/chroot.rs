//! A real Debian, made for the test, as a machine that is set up anew.

use std::path::Path;
use std::process::Command;

use strongroom_system_state::{
    Choice, Commands, Files, Outcome, PasswordHash, SystemCommands, SystemState, apply, plan, take,
};

use crate::support::write;

/// The same with a user in two groups, a package, and one that is not to be had.
fn with_more(mut kept: SystemState) -> SystemState {
    let mut anna = kept
        .accounts
        .users
        .get("nobody")
        .expect("a user of every Debian")
        .clone();
    (anna.uid, anna.gid, anna.shell) = (1234, 1234, "/bin/sh".to_owned());
    anna.home = "/home/anna".to_owned();
    anna.password = Some(PasswordHash::new(
        "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
    ));
    kept.accounts.users.insert("anna".to_owned(), anna);
    let mut group = kept
        .accounts
        .groups
        .get("audio")
        .expect("a group of every Debian")
        .clone();
    group.gid = 1234;
    kept.accounts.groups.insert("anna".to_owned(), group);
    let sudo = kept
        .accounts
        .groups
        .get_mut("adm")
        .expect("a group of every Debian");
    sudo.members.insert("anna".to_owned());
    kept.packages
        .installed
        .insert("cron".to_owned(), "1".to_owned());
    kept.packages
        .installed
        .insert("no-such-package-anywhere".to_owned(), "1".to_owned());
    kept
}

/// Takes minutes and packages from the network: `cargo nextest run -p strongroom-system-state --run-ignored only`.
#[test]
#[ignore = "soak: makes a whole Debian"]
fn soak_a_fresh_debian_gets_the_accounts_packages_and_units_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("debian");
    let made = Command::new("debootstrap")
        .args(["--variant=minbase", "stable"])
        .arg(&root)
        .output();
    match made {
        Ok(output) if output.status.success() => {}
        other => {
            eprintln!("skipped: debootstrap did not make a Debian here: {other:?}");
            return;
        }
    }
    let commands = SystemCommands::new(&root);
    let before = take(&root, &commands, false);
    assert_eq!(before.lacks().count(), 0, "{:?}", before.index.findings);
    let kept = with_more(before.state.clone());
    let files = Files {
        back: vec!["/etc/motd".to_owned()],
        ..Files::default()
    };
    let plan_of = |root: &Path| {
        let present = take(root, &commands, false).state;
        plan(&kept, &present, files.clone(), Choice::ALL)
    };
    let put_back = |paths: &[String]| {
        for path in paths {
            write(&root, path.trim_start_matches('/'), "as it was\n");
        }
        Ok(())
    };
    let done = apply(&plan_of(&root), &commands, put_back, |_| true);
    let failed: Vec<_> = done
        .iter()
        .filter(|done| done.outcome != Outcome::Done)
        .collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert!(
        format!("{failed:?}").contains("not installed: no-such-package-anywhere"),
        "{failed:?}"
    );

    let after = take(&root, &commands, false).state;
    assert_eq!(after.accounts.users["anna"], kept.accounts.users["anna"]);
    assert!(after.accounts.groups["adm"].members.contains("anna"));
    assert!(after.packages.installed.contains_key("cron"));
    assert_eq!(
        after.accounts.users["root"],
        before.state.accounts.users["root"]
    );
    let id = commands.run("id", &["-u", "anna"], &[]).unwrap();
    assert_eq!(id.stdout, b"1234\n");
    let again = plan_of(&root);
    assert_eq!(
        again.steps.len(),
        2,
        "files, and the package that is not to be had: {:?}",
        again.steps
    );
}
