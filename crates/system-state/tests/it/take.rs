//! Reading a system, and the tree that comes of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use strongroom_system_state::{
    Error, INDEX_FILE, Index, Part, PartState, Reason, SystemCommands, SystemState, take,
};

use crate::support::{Scripted, small_system, write};

#[test]
fn what_is_written_is_read_back() {
    let root = tempfile::tempdir().unwrap();
    small_system(root.path());
    let taken = take(root.path(), &Scripted::default(), false);
    let tree = tempfile::tempdir().unwrap();
    let tree = tree.path().join("system-state");
    taken.write_to(&tree).unwrap();
    let read = |file: &str| fs::read(tree.join(file)).ok();
    let index = Index::parse(&read(INDEX_FILE).unwrap()).unwrap();
    assert_eq!(index, taken.index);
    let state = SystemState::load(&index, read).unwrap();
    assert_eq!(state, taken.state);
    assert_eq!(state.system.name, "Debian 12");
    assert_eq!(
        state.packages.wanted().collect::<Vec<_>>(),
        ["dpkg", "nginx"]
    );
    assert!(state.units.enabled.contains("nginx.service"));
    assert_eq!(
        state.accounts.users["anna"]
            .password
            .as_ref()
            .unwrap()
            .expose(),
        "$y$j9T$anna"
    );
    let roots: BTreeSet<String> = index.roots.into_iter().collect();
    let below = |path: &str| root.path().join(path).to_string_lossy().into_owned();
    assert_eq!(
        roots,
        BTreeSet::from([below("etc"), below("var/spool/cron")])
    );
    for file in ["README.md", "accounts.json"] {
        let mode = fs::metadata(tree.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_system_that_has_not_changed_leaves_the_tree_untouched() {
    let root = tempfile::tempdir().unwrap();
    small_system(root.path());
    let tree = tempfile::tempdir().unwrap();
    let inode = |file: &str| fs::metadata(tree.path().join(file)).unwrap().ino();
    take(root.path(), &Scripted::default(), false)
        .write_to(tree.path())
        .unwrap();
    let before = [
        inode("packages.json"),
        inode(INDEX_FILE),
        inode("units.json"),
    ];
    fs::write(tree.path().join("stray"), "from an older version").unwrap();
    fs::create_dir_all(tree.path().join("storage/old")).unwrap();
    take(root.path(), &Scripted::default(), false)
        .write_to(tree.path())
        .unwrap();
    assert_eq!(
        before,
        [
            inode("packages.json"),
            inode(INDEX_FILE),
            inode("units.json")
        ]
    );
    assert!(!tree.path().join("stray").exists() && !tree.path().join("storage").exists());

    write(
        root.path(),
        "etc/systemd/system/new.target.wants/plain-file",
        "no link: no unit",
    );
    fs::remove_file(root.path().join("etc/systemd/system/rpcbind.service")).unwrap();
    take(root.path(), &Scripted::default(), false)
        .write_to(tree.path())
        .unwrap();
    let after = [inode("packages.json"), inode(INDEX_FILE)];
    assert_eq!(before[..2], after);
    let units = fs::read_to_string(tree.path().join("units.json")).unwrap();
    assert!(!units.contains("rpcbind") && !units.contains("plain-file"));
}

#[test]
fn what_cannot_be_had_is_found_with_a_reason() {
    let root = tempfile::tempdir().unwrap();
    small_system(root.path());
    // A directory where a file should be cannot be read, not even by root.
    fs::remove_file(root.path().join("etc/shadow")).unwrap();
    fs::create_dir(root.path().join("etc/shadow")).unwrap();
    let missing = Scripted {
        answers: [("dpkg --verify", None)].into(),
        ..Scripted::default()
    };
    let taken = take(root.path(), &missing, true);
    let found = |part| {
        let findings = taken.index.findings.iter().filter(|one| one.part == part);
        findings.map(|one| one.reason).collect::<Vec<_>>()
    };
    assert_eq!(found(Part::Accounts), [Reason::Unreadable]);
    assert_eq!(found(Part::Integrity), [Reason::ToolMissing]);
    assert_eq!(found(Part::Packages), [Reason::PackageBroken]);
    assert_eq!(
        taken.lacks().count(),
        2,
        "a broken package is kept as it is"
    );
    let state = |part| {
        taken
            .index
            .parts
            .iter()
            .find(|one| one.part == part)
            .unwrap()
            .state
    };
    assert_eq!(state(Part::Accounts), PartState::Incomplete);
    assert_eq!(state(Part::Packages), PartState::Complete);
    let guide = String::from_utf8_lossy(&taken.files["README.md"]).into_owned();
    assert!(guide.contains("* unreadable: /etc/shadow"), "{guide}");
    assert!(
        guide.contains("* package_broken: torn is unpacked"),
        "{guide}"
    );
}

#[test]
fn files_of_packages_are_compared_on_request() {
    let root = tempfile::tempdir().unwrap();
    small_system(root.path());
    write(root.path(), "run/reboot-required", "");
    let said = Scripted {
        answers: [(
            "dpkg --verify",
            Some((true, "??5?????? c /etc/nginx.conf\n??5??????   /usr/sbin/nginx\nmissing     /usr/lib/x\n")),
        )]
        .into(),
        ..Scripted::default()
    };
    let taken = take(root.path(), &said, true);
    let findings = taken.index.findings.iter();
    let own: Vec<_> = findings.filter(|one| one.part == Part::Integrity).collect();
    assert_eq!(own.len(), 2);
    assert_eq!(own[0].reason, Reason::RestartPending);
    assert_eq!(
        (own[1].reason, own[1].detail.as_str()),
        (Reason::FileChanged, "2 files, see integrity.txt")
    );
    assert_eq!(taken.lacks().count(), 0);
}

#[test]
fn an_index_of_tomorrow_is_refused_by_name() {
    let error = Index::parse(br#"{"format":2,"root":"/","roots":[],"parts":[],"findings":[]}"#);
    assert!(matches!(error, Err(Error::Newer { found: 2, known: 1 })));
    let more = br#"{"format":1,"root":"/","roots":[],"parts":[],"findings":[],"more":7}"#;
    assert!(Index::parse(more).is_ok(), "what is not known is ignored");
    assert!(matches!(Index::parse(b"{"), Err(Error::Malformed { .. })));
}

/// With the tools that this machine has: what each says differs, but none is passed over in silence.
#[test]
fn this_machine_is_read_with_its_own_tools() {
    let taken = take(Path::new("/"), &SystemCommands::new("/"), false);
    assert!(!taken.state.accounts.users.is_empty());
    for part in [
        Part::System,
        Part::Accounts,
        Part::Mounts,
        Part::Disks,
        Part::Boot,
        Part::Network,
    ] {
        let entry = taken.index.parts.iter().find(|entry| entry.part == part);
        let entry = entry.unwrap_or_else(|| panic!("{part:?} is not in the index"));
        let is_told = taken.lacks().any(|finding| finding.part == part);
        let has_files = entry
            .files
            .iter()
            .all(|file| taken.files.contains_key(file));
        assert!(has_files, "{part:?}");
        assert_eq!(entry.state == PartState::Incomplete, is_told, "{part:?}");
        assert!(
            !entry.files.is_empty() || is_told || entry.state == PartState::Absent,
            "{part:?} is neither there nor missing"
        );
    }
}
