//! What a mount shows is what was backed up.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Mounted, diff, is_possible, wait_until};
use crate::machine::{Machine, hurt, random_bytes};

fn tool(program: &str, args: &[&OsStr]) -> String {
    let output = Command::new(program).args(args).output().expect("runs");
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that file systems allow, small.
fn build(home: &Path) {
    fs::create_dir_all(home.join("deep/er/and/deeper")).expect("made");
    for name in [
        &b"new\nline"[..],
        b"\xff\xfe not utf-8 \x80",
        b"-rf",
        b"...",
        &[b'n'; 255],
    ] {
        fs::write(home.join(OsStr::from_bytes(name)), name).expect("written");
    }
    for size in [0, 1, 512, 513, 65_536, 262_145, 5_000_001] {
        let bytes = random_bytes(size as u64, size);
        fs::write(home.join(format!("deep/{size}")), bytes).expect("written");
    }
    let mut sparse = File::create(home.join("sparse")).expect("created");
    for at in [0, 20 << 20, (40 << 20) - 4096] {
        sparse.seek(SeekFrom::Start(at)).expect("moved");
        sparse.write_all(&random_bytes(at, 4096)).expect("written");
    }
    let hole = File::create(home.join("only a hole")).expect("created");
    hole.set_len(1 << 20).expect("set");
    for name in ["second name", "deep/er/third name"] {
        fs::hard_link(home.join("deep/5000001"), home.join(name)).expect("linked");
    }
    symlink("nowhere/at all", home.join("dangling")).expect("made");
    symlink("deep", home.join("to a directory")).expect("made");
    symlink("x".repeat(4000), home.join("long")).expect("made");
    let fifo = home.join("fifo");
    tool("mkfifo", &[fifo.as_ref()]);
    let device = home.join("device");
    let numbers = ["c", "1", "3"].map(OsStr::new);
    tool(
        "mknod",
        &[device.as_ref(), numbers[0], numbers[1], numbers[2]],
    );
    drop(std::os::unix::net::UnixListener::bind(home.join("socket")).expect("bound"));
    let attributed = home.join("attributed");
    fs::write(&attributed, "x").expect("written");
    for (name, value) in [("user.note", "a value"), ("trusted.note", "for root")] {
        let set = ["-n", name, "-v", value].map(OsStr::new);
        tool(
            "setfattr",
            &[set[0], set[1], set[2], set[3], attributed.as_ref()],
        );
    }
    tool(
        "setfacl",
        &["-m".as_ref(), "u:1234:rw".as_ref(), attributed.as_ref()],
    );
    std::os::unix::fs::chown(&attributed, Some(77), Some(88)).expect("given away");
    for mode in [0o000, 0o400, 0o1777, 0o2755, 0o4755] {
        let path = home.join(format!("mode {mode:o}"));
        fs::write(&path, "mode").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    }
    for stamp in ["1969-12-31T23:59:59.123456789Z", "2038-02-01T00:00:00.5Z"] {
        let path = home.join(stamp);
        fs::write(&path, stamp).expect("written");
        tool(
            "touch",
            &["-h".as_ref(), "-d".as_ref(), stamp.as_ref(), path.as_ref()],
        );
    }
}

/// What `stat` and `getfattr` tell of an entry, in words; inode numbers come apart.
fn describe(path: &Path) -> (String, u64) {
    let meta = fs::symlink_metadata(path).expect("there");
    let names = if meta.is_dir() { 0 } else { meta.nlink() };
    let target = fs::read_link(path).unwrap_or_default();
    let dump = ["-d", "-h", "-m", "-", "--absolute-names"].map(OsStr::new);
    let attributes = tool("getfattr", &[&dump[..], &[path.as_os_str()]].concat());
    let attributes: Vec<&str> = attributes
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let size = if meta.is_dir() { 0 } else { meta.size() };
    let text = format!(
        "{:o} {}:{} {size} bytes, {names} names, {}.{:09}, device {:x}, to {target:?}, {attributes:?}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.rdev(),
    );
    (text, meta.ino())
}

fn visit(root: &Path) -> BTreeMap<PathBuf, (String, u64)> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(at) = open.pop() {
        let below = at.strip_prefix(root).expect("below").to_owned();
        found.insert(below, describe(&at));
        if fs::symlink_metadata(&at).expect("there").is_dir() {
            let entries = fs::read_dir(&at).expect("readable");
            open.extend(entries.map(|entry| entry.expect("readable").path()));
        }
    }
    found
}

#[test]
fn a_mounted_point_is_what_was_backed_up() {
    if !is_possible() {
        return;
    }
    let machine = Machine::with_vault();
    let home = machine.path("home");
    build(&home);
    machine.run(&["backup", "home"]).ends_with(0);
    let mounted = Mounted::new(&machine, "latest", "mnt", &[]);
    let shown = mounted.at(&home);

    let (expected, found) = (visit(&home), visit(&shown));
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>()
    );
    for (path, (text, _)) in &expected {
        assert_eq!(*text, found[path].0, "{}", path.display());
    }
    let number = |name: &str| found[Path::new(name)].1;
    assert_eq!(number("second name"), number("deep/5000001"));
    assert_eq!(number("second name"), number("deep/er/third name"));
    assert_ne!(number("second name"), number("sparse"));
    let mut numbers: Vec<u64> = found.values().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), found.len() - 2, "three names are one file");

    let sparse = fs::metadata(shown.join("sparse")).expect("there");
    assert!(
        sparse.blocks() * 512 < 4 << 20,
        "{} blocks",
        sparse.blocks()
    );
    // `diff` waits for ever at a pipe, and takes a device for one that is not equal to itself.
    for special in ["fifo", "device", "socket"] {
        fs::remove_file(home.join(special)).expect("removed");
    }
    let copy = machine.path("copy");
    tool("cp", &["-a".as_ref(), shown.as_os_str(), copy.as_os_str()]);
    let holes = fs::metadata(copy.join("sparse")).expect("there");
    assert!(
        holes.blocks() * 512 < 4 << 20,
        "cp made {} blocks",
        holes.blocks()
    );
    for special in ["fifo", "device", "socket"] {
        drop(fs::remove_file(copy.join(special)));
    }
    diff(&home, &copy);
    assert!(
        fs::write(shown.join("new"), "x").is_err(),
        "it is read-only"
    );
    mounted.stop().ends_with(0);
}

/// `files` small files and some larger ones.
fn many(files: usize) {
    if !is_possible() {
        return;
    }
    let machine = Machine::with_vault();
    for number in 0..files {
        let bytes = random_bytes(number as u64, number % 5000);
        machine.write(&format!("home/{}/file {number}", number % 37), bytes);
    }
    for number in 0..5_u64 {
        let bytes = random_bytes(number, 3 << 20);
        machine.write(&format!("home/large/{number}"), bytes);
    }
    for number in 0..files / 2 {
        machine.write(&format!("home/crowd/{number}"), []);
    }
    machine.run(&["backup", "home"]).ends_with(0);
    let mounted = Mounted::new(&machine, "latest", "mnt", &[]);
    let home = machine.path("home");
    diff(&home, &mounted.at(&home));
    mounted.stop().ends_with(0);
}

#[test]
fn a_tree_of_thousands_of_files_differs_in_nothing() {
    many(5000);
}

#[test]
#[ignore = "soak: 75 000 files"]
fn soak_a_tree_of_50_000_files_differs_in_nothing() {
    many(50_000);
}

#[test]
fn eight_readers_at_random_read_what_is_there() {
    if !is_possible() {
        return;
    }
    let machine = Machine::with_vault();
    let files: Vec<Vec<u8>> = (0..3).map(|seed| random_bytes(seed, 20 << 20)).collect();
    for (number, bytes) in files.iter().enumerate() {
        machine.write(&format!("home/{number}"), bytes);
    }
    machine.run(&["backup", "home"]).ends_with(0);
    let mounted = Mounted::new(&machine, "latest", "mnt", &["--max-memory", "64M"]);
    let shown = mounted.at(&machine.path("home"));
    std::thread::scope(|scope| {
        for seed in 0..8_u64 {
            let (files, shown) = (&files, &shown);
            scope.spawn(move || read_at_random(seed, files, shown));
        }
    });
    mounted.stop().ends_with(0);
}

fn read_at_random(seed: u64, files: &[Vec<u8>], shown: &Path) {
    let dice = random_bytes(seed, 8 * 100);
    for (round, roll) in dice.chunks_exact(8).enumerate() {
        let roll = usize::try_from(u64::from_le_bytes(roll.try_into().expect("eight")) >> 1);
        let roll = roll.expect("64 bits");
        let bytes = &files[round % files.len()];
        let file = File::open(shown.join((round % files.len()).to_string())).expect("opened");
        let at = roll % bytes.len();
        let mut found = vec![0; (roll % 300_000).min(bytes.len() - at)];
        file.read_exact_at(&mut found, at as u64).expect("read");
        assert_eq!(
            found,
            bytes[at..at + found.len()],
            "{} bytes at {at}",
            found.len()
        );
    }
}

#[test]
fn damage_hurts_one_file_and_is_told() {
    if !is_possible() {
        return;
    }
    let machine = Machine::with_vault();
    machine.write("home/good", random_bytes(1, 100_000));
    machine.run(&["backup", "home"]).ends_with(0);
    let before = machine.objects("d");
    machine.write("home/sub/bad", random_bytes(2, 900_000));
    machine.run(&["backup", "home"]).ends_with(0);
    for pack in machine.objects("d").difference(&before) {
        hurt(pack);
    }
    let mounted = Mounted::new(&machine, "latest", "mnt", &[]);
    let shown = mounted.at(&machine.path("home"));
    let error = fs::read(shown.join("sub/bad")).expect_err("damaged");
    assert_eq!(
        error.raw_os_error(),
        Some(rustix::io::Errno::IO.raw_os_error())
    );
    let good = fs::read(shown.join("good")).expect("whole");
    assert_eq!(good, random_bytes(1, 100_000));
    assert_eq!(fs::read_dir(&shown).expect("readable").count(), 2);
    let ended = mounted.stop();
    ended.ends_with(4);
    let told = ended.stderr.matches("home/sub/bad").count();
    assert_eq!(told, 1, "{}", ended.stderr);
}

#[test]
fn all_points_stand_by_source_and_date_and_new_ones_appear() {
    if !is_possible() {
        return;
    }
    let machine = Machine::with_vault();
    machine.write("home/note", "first");
    machine.run(&["backup", "home"]).ends_with(0);
    machine.write("other/note", "other");
    machine.run(&["backup", "other"]).ends_with(0);
    let mounted = Mounted::new(&machine, "all", "mnt", &[]);
    let names = |dir: &Path| {
        let entries = fs::read_dir(dir).expect("readable");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&mounted.dir), ["home", "other"]);
    let home = mounted.dir.join("home");
    let first = names(&home);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_eq!(first[1], "latest");
    let note = |point: &str| {
        let path = home
            .join(point)
            .join(machine.at("home/note").trim_start_matches('/'));
        fs::read_to_string(path).expect("readable")
    };
    assert_eq!(note("latest"), "first");

    machine.write("home/note", "second");
    machine.run(&["backup", "home"]).ends_with(0);
    wait_until("the new point", || names(&home).len() == 3);
    wait_until("the new link", || note("latest") == "second");
    assert_eq!(note(&first[0]), "first");
    mounted.stop().ends_with(0);
}
