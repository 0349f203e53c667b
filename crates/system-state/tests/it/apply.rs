//! Doing a plan.

use strongroom_system_state::{Choice, Files, Outcome, Step, apply, plan, take};

use crate::support::{Scripted, small_system, write};

fn a_plan() -> strongroom_system_state::Plan {
    let (old, new) = (
        tempfile::tempdir().expect("made"),
        tempfile::tempdir().expect("made"),
    );
    small_system(old.path());
    write(
        new.path(),
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\n",
    );
    write(new.path(), "etc/group", "root:x:0:\n");
    write(new.path(), "var/lib/dpkg/status", "\n");
    let state = |root: &std::path::Path| take(root, &Scripted::default(), false).state;
    let mut kept = state(old.path());
    kept.packages
        .installed
        .insert("gone".to_owned(), "1".to_owned());
    let files = Files {
        back: vec!["/etc/nginx".to_owned()],
        ..Files::default()
    };
    plan(&kept, &state(new.path()), files, Choice::ALL)
}

#[test]
fn passwords_go_by_a_pipe_and_packages_one_by_one_where_all_at_once_fails() {
    let commands = Scripted {
        answers: [
            ("apt-get --yes --quiet -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef install dpkg gone nginx", Some((false, "E: no gone"))),
            ("apt-get --yes --quiet -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef install gone", Some((false, "E: no gone"))),
            ("systemctl enable", None),
        ]
        .into(),
        ..Scripted::default()
    };
    let mut put = Vec::new();
    let done = apply(
        &a_plan(),
        &commands,
        |paths| {
            put.extend_from_slice(paths);
            Ok(())
        },
        |_| true,
    );
    assert_eq!(put, ["/etc/nginx"]);
    let asked = commands.asked.borrow().join("\n");
    assert!(!asked.contains("$y$"), "{asked}");
    assert_eq!(*commands.inputs.borrow(), ["anna:$y$j9T$anna\n"]);
    assert!(
        asked.contains("install dpkg\n") && asked.contains("install nginx\n"),
        "{asked}"
    );
    let failed: Vec<_> = done
        .iter()
        .filter_map(|done| match &done.outcome {
            Outcome::Failed { reason } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        failed,
        [
            "not installed: gone (apt-get: E: no gone)",
            "systemctl is not installed"
        ]
    );
}

#[test]
fn whoever_watches_can_end_it() {
    let commands = Scripted::default();
    let done = apply(
        &a_plan(),
        &commands,
        |_| Ok(()),
        |step| !matches!(step, Step::CreateUser { .. }),
    );
    assert!(
        done.iter()
            .all(|done| matches!(done.step, Step::CreateGroup { .. }))
    );
    assert!(
        !commands
            .asked
            .borrow()
            .iter()
            .any(|line| line.starts_with("useradd"))
    );
}
