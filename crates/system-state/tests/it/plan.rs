//! What is planned, and what is left alone.

use strongroom_system_state::{Choice, Files, Held, Step, SystemState, plan, take};

use crate::support::{Scripted, small_system, write};

/// The small system, and another with changes.
fn two(change: impl FnOnce(&std::path::Path)) -> (SystemState, SystemState) {
    let (old, new) = (
        tempfile::tempdir().expect("made"),
        tempfile::tempdir().expect("made"),
    );
    small_system(old.path());
    small_system(new.path());
    change(new.path());
    let state = |root: &std::path::Path| take(root, &Scripted::default(), false).state;
    (state(old.path()), state(new.path()))
}

fn fresh(root: &std::path::Path) {
    write(root, "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    write(root, "etc/group", "root:x:0:\nsudo:x:27:\n");
    write(
        root,
        "var/lib/dpkg/status",
        "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22\n",
    );
    std::fs::remove_dir_all(root.join("etc/systemd/system")).expect("removed");
}

fn reasons(plan: &strongroom_system_state::Plan) -> Vec<(&str, &str)> {
    plan.left
        .iter()
        .map(|left| (left.what.as_str(), left.reason))
        .collect()
}

#[test]
fn an_equal_system_needs_nothing() {
    let (kept, present) = two(|_| {});
    let plan = plan(&kept, &present, Files::default(), Choice::ALL);
    assert_eq!(plan, strongroom_system_state::Plan::default());
}

#[test]
fn a_fresh_system_gets_accounts_then_files_then_packages_then_units() {
    let (kept, present) = two(fresh);
    let files = Files {
        back: vec!["/etc/nginx".to_owned()],
        held: vec![("/etc/fstab".to_owned(), Held::Storage)],
    };
    let plan = plan(&kept, &present, files, Choice::ALL);
    let shown: Vec<String> = plan
        .steps
        .iter()
        .map(|step| match step {
            Step::CreateGroup { name, gid } => format!("group {name} {gid}"),
            Step::CreateUser { name, account } => format!("user {name} {}", account.uid),
            Step::SetPassword { user, .. } => format!("password {user}"),
            Step::JoinGroup { user, group } => format!("{user} in {group}"),
            Step::PutBack { paths } => paths.join(" "),
            Step::InstallPackages { packages, .. } => packages.join(" "),
            Step::MaskUnit { unit } => format!("mask {unit}"),
            Step::EnableUnit { unit } => format!("enable {unit}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "group anna 1000",
            "group www 33",
            "user anna 1000",
            "password anna",
            "user www 33",
            "anna in sudo",
            "/etc/nginx",
            "nginx",
            "mask rpcbind.service",
            "enable nginx.service",
        ]
    );
    assert_eq!(
        reasons(&plan),
        [("/etc/fstab", "storage"), ("packages", "version_differs")]
    );
    let json = serde_json::to_string(&plan).unwrap();
    assert!(
        !json.contains("$y$") && !format!("{plan:?}").contains("$y$"),
        "no password is shown"
    );
}

#[test]
fn who_is_there_is_never_changed() {
    let (kept, present) = two(|root| {
        write(
            root,
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nanna:x:1001:1000:Another:/home/anna:/bin/sh\nother:x:33:1000::/:/bin/sh\n",
        );
        write(
            root,
            "etc/group",
            "root:x:0:\nsudo:x:27:\nanna:x:1000:\nmail:x:33:\n",
        );
    });
    let plan = plan(
        &kept,
        &present,
        Files::default(),
        Choice {
            accounts: true,
            ..Choice::NONE
        },
    );
    assert_eq!(plan.steps, [], "{:?}", plan.steps);
    assert_eq!(
        reasons(&plan),
        [
            ("www", "number_taken"),
            ("anna", "user_differs"),
            ("www", "number_taken"),
            ("anna", "member_differs"),
        ],
        "anna may be another person here: she does not get the rights of the other one"
    );
}

#[test]
fn nobody_gets_into_a_group_that_only_has_the_number() {
    let (kept, present) = two(|root| {
        write(
            root,
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nwww:x:33:33::/:/bin/sh\n",
        );
        write(
            root,
            "etc/group",
            "root:x:0:\nsudo:x:27:\nwww:x:33:\ndocker:x:1000:\n",
        );
    });
    let plan = plan(
        &kept,
        &present,
        Files::default(),
        Choice {
            accounts: true,
            ..Choice::NONE
        },
    );
    assert_eq!(plan.steps, []);
    assert_eq!(
        reasons(&plan),
        [("anna", "number_taken"), ("anna", "number_taken")]
    );
}

#[test]
fn names_that_are_options_or_commands_are_left() {
    let (mut kept, present) = two(fresh);
    let anna = kept.accounts.users["anna"].clone();
    for name in ["-R/", "a b", "x:y", "", "ü"] {
        let mut user = anna.clone();
        user.uid = 4000;
        kept.accounts.users.insert(name.to_owned(), user);
        kept.packages
            .installed
            .insert(name.to_owned(), "1".to_owned());
        kept.units.enabled.insert(name.to_owned());
    }
    let mut shell = anna;
    shell.shell = "/bin/sh\nroot2::0:0::/:/bin/sh".to_owned();
    kept.accounts.users.insert("fine".to_owned(), shell);
    let plan = plan(&kept, &present, Files::default(), Choice::ALL);
    let text = serde_json::to_string(&plan.steps).unwrap();
    for bad in ["-R/", "a b", "\"ü\"", "root2", "\"\""] {
        assert!(!text.contains(bad), "{bad}: {text}");
    }
    let unusable = plan
        .left
        .iter()
        .filter(|left| left.reason == "unusable_name")
        .count();
    assert_eq!(
        unusable,
        5 + 1 + 4 + 4,
        "a package and a unit may be named x:y: {:?}",
        plan.left
    );
}

#[test]
fn another_distribution_keeps_its_own_packages() {
    let (mut kept, present) = two(fresh);
    kept.packages.manager = "rpm".to_owned();
    kept.system.distribution = "fedora".to_owned();
    let plan = plan(
        &kept,
        &present,
        Files::default(),
        Choice {
            packages: true,
            ..Choice::NONE
        },
    );
    assert_eq!(plan.steps, []);
    assert_eq!(
        reasons(&plan),
        [
            ("system", "release_differs"),
            ("packages", "manager_differs")
        ]
    );
}
