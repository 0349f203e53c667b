//! What a backup takes in and leaves out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom::{
    BackupOptions, BackupReport, NoMonitor, OnConflict, PointState, RestoreTarget, Skipped,
    StandIn, Strongroom,
};

use crate::support::{Mount, random_bytes, restore_to, vault};

const SIGNATURE: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test\n";

/// A tree of these files, each with its own name as content, unless another is given.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let root = fs::canonicalize(dir.path()).expect("real").join("root");
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("made");
        fs::write(path, content).expect("written");
    }
    (dir, root)
}

fn back_up(
    vault: &Strongroom,
    roots: &[&Path],
    set: impl FnOnce(&mut BackupOptions),
) -> BackupReport {
    let roots = roots.iter().map(|root| root.to_path_buf()).collect();
    let mut options = BackupOptions::new("test", roots);
    set(&mut options);
    vault.backup(&options, &NoMonitor).expect("a backup")
}

/// What stands in a point, below a directory.
fn names(vault: &Strongroom, report: &BackupReport, root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut each = |entry: strongroom::EntryView| {
        let path = String::from_utf8(entry.path).expect("text");
        let below = Path::new(&path)
            .strip_prefix(root)
            .map(|path| path.to_string_lossy().into_owned());
        names.extend(below);
        Ok(())
    };
    let point = report.recovery_point.expect("a point");
    vault
        .list(&point, None, true, &mut each)
        .expect("a listing");
    names
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn an_exclude_beats_a_root_and_an_include_below_it() {
    let (_dir, root) = tree(&[("keep/a", ""), ("out/b", ""), ("out/deep/c", "")]);
    let vault = vault();
    let (out, deep) = (root.join("out"), root.join("out/deep"));
    let pattern = out.to_string_lossy().into_owned();
    let report = back_up(&vault, &[&root, &deep], |options| {
        options.excludes = vec![pattern];
    });
    assert_eq!(names(&vault, &report, &root), set(["keep", "keep/a"]));
    assert_eq!(
        report.state,
        PointState::Complete,
        "what is not wanted is not missing"
    );
}

#[test]
fn patterns_as_in_gitignore() {
    let files = [
        ("a.tmp", ""),
        ("src/a.tmp", ""),
        ("src/a.rs", ""),
        ("src/target/x", ""),
        ("target", ""),
        (".cache/deep/x", ""),
        ("lit[1]", ""),
    ];
    let (_dir, root) = tree(&files);
    let vault = vault();
    let left = |patterns: &[&str]| {
        let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let report = back_up(&vault, &[&root], |options| options.excludes = patterns);
        names(&vault, &report, &root)
    };
    let all = left(&[]);
    let without = |gone: &[&str]| -> BTreeSet<String> {
        all.iter()
            .filter(|name| !gone.contains(&name.as_str()))
            .cloned()
            .collect()
    };
    assert_eq!(left(&["*.tmp"]), without(&["a.tmp", "src/a.tmp"]));
    assert_eq!(left(&["src/*.tmp"]), without(&["src/a.tmp"]));
    assert_eq!(
        left(&["target/"]),
        without(&["target", "src/target", "src/target/x"])
    );
    assert_eq!(
        left(&["**/.cache/**"]),
        without(&[".cache/deep", ".cache/deep/x"])
    );
    assert_eq!(left(&["a.?s"]), without(&["src/a.rs"]));
    assert_eq!(left(&["lit\\[1\\]"]), without(&["lit[1]"]));
    assert_eq!(left(&["lit[1]"]), all, "brackets are a class");
    assert_eq!(left(&["", "/"]), all);
}

#[test]
fn a_file_of_just_the_size_is_taken_and_no_directory_is_large() {
    let (_dir, root) = tree(&[
        ("small", "123"),
        ("just", "1234"),
        ("large/larger", "12345"),
    ]);
    let vault = vault();
    let report = back_up(&vault, &[&root], |options| {
        options.exclude_larger_than_bytes = Some(4);
    });
    assert_eq!(
        names(&vault, &report, &root),
        set(["small", "just", "large"])
    );
}

#[test]
fn a_cache_is_told_by_what_stands_in_its_tag() {
    let short = &SIGNATURE[..42];
    let (_dir, root) = tree(&[
        ("CACHEDIR.TAG", SIGNATURE),
        ("cache/CACHEDIR.TAG", SIGNATURE),
        ("cache/deep/x", "x"),
        (
            "named/CACHEDIR.TAG",
            "Signature: of somebody else, as long as the right one",
        ),
        ("named/x", "x"),
        ("short/CACHEDIR.TAG", short),
        ("short/x", "x"),
        ("dir/CACHEDIR.TAG/x", "x"),
        ("linked/x", "x"),
        ("bare/x", "x"),
    ]);
    std::os::unix::fs::symlink(root.join("CACHEDIR.TAG"), root.join("linked/CACHEDIR.TAG"))
        .unwrap();
    let vault = vault();
    let all = names(&vault, &back_up(&vault, &[&root], |_| {}), &root);
    let report = back_up(&vault, &[&root], |options| options.exclude_caches = true);
    let mut expected = all.clone();
    expected.retain(|name| !name.starts_with("cache/"));
    assert_eq!(
        names(&vault, &report, &root),
        expected,
        "the root itself was asked for"
    );
    assert!(expected.contains("cache"));

    // A restore that removes what is extra does not take the content of a cache for it.
    fs::write(root.join("extra"), "").unwrap();
    restore_to(&vault, &report, RestoreTarget::Original, |options| {
        options.on_conflict = OnConflict::Overwrite;
        options.delete_extra = true;
    })
    .expect("restored");
    assert!(root.join("cache/deep/x").exists() && !root.join("extra").exists());

    let again = names(&vault, &back_up(&vault, &[&root], |_| {}), &root);
    assert_eq!(again, all, "it is taken again once it is wanted");
}

#[test]
fn other_file_systems_are_entered_or_not() {
    let (_dir, root) = tree(&[("here/x", "x")]);
    let Some(_mount) = Mount::new(&root.join("other"), 1) else {
        return;
    };
    fs::write(root.join("other/y"), "y").unwrap();
    let vault = vault();
    let one = |options: &mut BackupOptions| options.one_file_system = true;
    assert_eq!(
        names(&vault, &back_up(&vault, &[&root], |_| {}), &root).len(),
        4
    );
    assert_eq!(
        names(&vault, &back_up(&vault, &[&root], one), &root),
        set(["here", "here/x", "other"])
    );
    let other = root.join("other");
    let report = back_up(&vault, &[&root, &other], one);
    assert_eq!(
        names(&vault, &report, &other),
        set([""]),
        "a root below a root is no root of its own: it is there, and not entered"
    );
    let report = back_up(&vault, &[&other], one);
    assert_eq!(
        names(&vault, &report, &other),
        set(["y"]),
        "a root that is a mount is entered"
    );
}

#[test]
fn what_was_protected_and_is_no_more_stays_in_its_points_and_comes_back_for_nothing() {
    let (_dir, root) = tree(&[("kept/x", "x")]);
    let (kept, left) = (root.join("kept"), root.join("left"));
    fs::create_dir(&left).unwrap();
    let bytes = random_bytes(7, 3 << 20);
    fs::write(left.join("large"), &bytes).unwrap();
    let vault = vault();
    let both = back_up(&vault, &[&kept, &left], |_| {});
    assert!(both.stored_bytes > bytes.len() as u64);
    let fewer = back_up(&vault, &[&kept], |_| {});
    assert_eq!(
        names(&vault, &fewer, &left),
        set([]),
        "new points do not have it"
    );
    assert_eq!(names(&vault, &both, &left), set(["large"]), "old ones do");
    let back = back_up(&vault, &[&kept, &left], |_| {});
    assert_eq!(back.unique_bytes, 0);
    assert!(
        back.stored_bytes < 64 << 10,
        "only metadata: {} bytes",
        back.stored_bytes
    );

    let target = tempfile::tempdir().unwrap();
    restore_to(
        &vault,
        &both,
        RestoreTarget::Directory(target.path().to_owned()),
        |_| {},
    )
    .expect("restored");
    assert_eq!(fs::read(target.path().join("left/large")).unwrap(), bytes);
}

#[test]
fn what_the_caller_lacks_makes_the_point_partial() {
    let (_dir, root) = tree(&[("x", "x")]);
    let vault = vault();
    let report = back_up(&vault, &[&root], |options| {
        options.lacking = vec![Skipped {
            path: b"/packages".to_vec(),
            reason: "tool_missing".to_owned(),
        }];
    });
    assert_eq!(
        (report.state, report.skipped_count),
        (PointState::Partial, 1)
    );
    assert_eq!(report.skipped[0].reason, "tool_missing");
}

#[test]
fn a_directory_is_read_elsewhere_and_shown_where_it_belongs() {
    let (_dir, root) = tree(&[
        ("data/x", "live"),
        ("data/mounted/y", "live"),
        ("snap/x", "then"),
        ("snap/only", "then"),
    ]);
    fs::create_dir(root.join("snap/mounted")).unwrap();
    let (data, vault) = (root.join("data"), vault());
    let report = back_up(&vault, &[&data], |options| {
        let stand_in = |path: PathBuf, read_at: PathBuf| StandIn { path, read_at };
        options.stand_ins = vec![
            stand_in(data.clone(), root.join("snap")),
            stand_in(data.join("mounted"), data.join("mounted")),
        ];
    });
    assert_eq!(
        names(&vault, &report, &data),
        set(["x", "only", "mounted", "mounted/y"])
    );
    let mut read = Vec::new();
    let point = report.recovery_point.unwrap();
    let path = data.join("x");
    vault
        .cat(&point, path.as_os_str().as_encoded_bytes(), &mut read)
        .unwrap();
    assert_eq!(read, b"then");

    fs::remove_dir_all(root.join("snap")).unwrap();
    let mut gone = BackupOptions::new("test", vec![data.clone()]);
    gone.stand_ins = vec![StandIn {
        path: data,
        read_at: root.join("snap"),
    }];
    let report = vault.backup(&gone, &NoMonitor).unwrap();
    assert_eq!(report.state, PointState::Partial, "never in silence");
}

/// A subvolume below another is an empty directory in a snapshot of that.
#[test]
fn a_subvolume_below_a_snapshot_is_read_where_it_is_and_a_local_vault_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let (image, at) = (dir.path().join("image"), dir.path().join("disk"));
    fs::create_dir(&at).unwrap();
    fs::File::create(&image)
        .unwrap()
        .set_len(256 << 20)
        .unwrap();
    let run = |program: &str, arguments: &[&Path]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !run("mkfs.btrfs", &[Path::new("-q"), &image])
        || !run("mount", &[Path::new("-o"), Path::new("loop"), &image, &at])
    {
        eprintln!("skipped: no btrfs can be mounted here (root and btrfs-progs are needed)");
        return;
    }
    let mount = Mount(fs::canonicalize(&at).unwrap());
    let root = mount.0.clone();
    let btrfs = |words: &[&str]| {
        let words = words.iter().map(|word| match word.strip_prefix('@') {
            Some(name) => root.join(name).into_os_string(),
            None => word.into(),
        });
        let output = Command::new("btrfs").args(words).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    fs::write(root.join("x"), "then").unwrap();
    btrfs(&["subvolume", "create", "@inner"]);
    fs::write(root.join("inner/y"), "of the inner one").unwrap();
    let place = root.join("vault");
    let url = place.to_str().unwrap();
    let vault = Strongroom::init(
        url,
        crate::support::passphrase(),
        &strongroom::vault::InitOptions::for_tests(),
    )
    .unwrap();
    btrfs(&["subvolume", "snapshot", "-r", "@", "@.snap"]);
    fs::write(root.join("x"), "now").unwrap();
    let stand_in = |options: &mut BackupOptions| {
        options.excludes = vec![".snap".to_owned()];
        options.stand_ins = vec![StandIn {
            path: root.clone(),
            read_at: root.join(".snap"),
        }];
    };
    let report = back_up(&vault, &[&root], stand_in);
    assert_eq!(
        names(&vault, &report, &root),
        set(["x", "inner", "inner/y"])
    );
    let again = back_up(&vault, &[&root], stand_in);
    assert_eq!(
        (again.files_unchanged_count, again.files_changed_count),
        (2, 0)
    );
    let live = back_up(&vault, &[&root], |options| {
        options.excludes = vec![".snap".to_owned()];
    });
    assert_eq!(
        (live.files_unchanged_count, live.files_changed_count),
        (1, 1),
        "the same files, live"
    );
}
