//! A first backup that travels on disks.

use std::fs;
use std::path::{Path, PathBuf};

use strongroom::crypto::SlotSecret;
use strongroom::vault::InitOptions;
use strongroom::{
    BackupOptions, CopyOptions, CopyTarget, Error, NoMonitor, SeedImport, SeedProblem, Strongroom,
    VerifyOptions,
};

use crate::support::{Mount, differences, passphrase, random_bytes, restore_point};

/// A vault at a place, and something to protect.
struct World {
    dir: tempfile::TempDir,
    vault: Strongroom,
}

impl World {
    fn new(bytes: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut options = InitOptions::for_tests();
        options.data_pack_bytes = 4 << 20;
        let url = dir.path().join("vault");
        let vault = Strongroom::init(url.to_str().expect("text"), passphrase(), &options);
        let home = dir.path().join("home");
        fs::create_dir_all(home.join("below")).expect("made");
        for number in 0..8_u64 {
            let path = home.join(format!("below/{number}"));
            fs::write(path, random_bytes(number + 1, bytes / 8)).expect("written");
        }
        fs::write(home.join("note"), "short").expect("written");
        Self {
            vault: vault.expect("a vault"),
            dir,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn options(&self) -> BackupOptions {
        BackupOptions::new("home", vec![self.path("home")])
    }

    /// The vault as another machine opens it, with nothing but the passphrase.
    fn elsewhere(&self) -> Strongroom {
        let url = self.path("vault");
        let secret = SlotSecret::Passphrase(passphrase());
        Strongroom::open(url.to_str().expect("text"), secret).expect("opened")
    }

    fn import(&self, disks: &[PathBuf]) -> Result<SeedImport, Error> {
        let vault = self.elsewhere();
        let target = CopyTarget::Store(vault.vault().store().clone());
        vault.import_seed(disks, &CopyOptions::new(target), &NoMonitor)
    }
}

fn problem(outcome: Result<SeedImport, Error>) -> SeedProblem {
    match outcome {
        Err(Error::Seed(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

fn there_and_in(bytes: usize, disk_megabytes: u64, changed_bytes: usize) {
    let world = World::new(bytes);
    let mounts: Vec<Option<Mount>> = (1..=3)
        .map(|number| {
            let at = world.path(&format!("disk{number}"));
            fs::create_dir(&at).expect("made");
            Mount::of_image(&at, disk_megabytes)
        })
        .collect();
    let Some(mounts) = mounts.into_iter().collect::<Option<Vec<Mount>>>() else {
        return;
    };
    let disks: Vec<PathBuf> = mounts.iter().map(|mount| mount.0.join("seed")).collect();

    // Two disks do not suffice; with a third one it goes on, and nothing is sent twice.
    let few = world
        .vault
        .export_seed(&disks[..2], &world.options(), &NoMonitor);
    assert!(few.as_ref().is_err_and(Error::is_full), "{few:?}");
    assert_eq!(problem(world.import(&disks[..2])), SeedProblem::Unfinished);
    let exported = world
        .vault
        .export_seed(&disks, &world.options(), &NoMonitor);
    let exported = exported.expect("three disks suffice");
    assert!(
        exported.backup.stored_bytes < bytes as u64,
        "what two disks hold was written again: {}",
        exported.backup.stored_bytes
    );
    let point = exported.backup.recovery_point.expect("a point");
    assert!(
        exported.disks.iter().all(|disk| disk.bytes > 0),
        "{:?}",
        exported.disks
    );
    assert!(world.vault.points().expect("listed").is_empty());

    let missing = problem(world.import(&[disks[0].clone(), disks[2].clone()]));
    assert_eq!(
        missing,
        SeedProblem::MissingDisk {
            number: 2,
            count: 3
        }
    );
    let imported = world.import(&disks).expect("imported");
    assert_eq!(imported.copied, [point]);
    assert_eq!(problem(world.import(&disks)), SeedProblem::Imported);

    let out = world.path("out");
    restore_point(&world.elsewhere(), &point, &out);
    assert_eq!(differences(&world.path("home"), &out), "");

    // The next run over the line sends what has changed.
    fs::write(world.path("home/new"), random_bytes(99, changed_bytes)).expect("written");
    let next = world
        .vault
        .backup(&world.options(), &NoMonitor)
        .expect("a backup");
    assert_eq!(next.files_unchanged_count, 9);
    assert!(
        next.stored_bytes < (bytes / 100 + 2 * changed_bytes) as u64,
        "sent {}",
        next.stored_bytes
    );
    let verified = world
        .elsewhere()
        .verify(&VerifyOptions::default(), &NoMonitor);
    assert!(verified.expect("verified").damaged.is_empty());
}

#[test]
fn three_disks_bring_a_backup_to_the_vault() {
    there_and_in(56 << 20, 28, 100_000);
}

#[test]
#[ignore = "soak: 20 GiB on three disks"]
fn soak_three_disks_bring_twenty_gib_to_the_vault() {
    there_and_in(20 << 30, 9 << 10, 10 << 20);
}

fn hurt(disk: &Path) {
    let packs = disk.join("strongroom-seed/d");
    let mut open = vec![packs];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let mut bytes = fs::read(&path).expect("read");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).expect("written");
                return;
            }
        }
    }
    panic!("there is no pack on {}", disk.display());
}

#[test]
fn a_damaged_an_outdated_and_a_foreign_disk_are_refused_before_anything_is_written() {
    let world = World::new(1 << 20);
    let disks = [world.path("a"), world.path("b")];
    let export = || {
        world
            .vault
            .export_seed(&disks, &world.options(), &NoMonitor)
    };
    export().expect("exported");
    let list = disks[1].join("strongroom-seed.json");
    let old = fs::read(&list).expect("a label");
    fs::write(world.path("home/more"), "more").expect("written");
    export().expect("exported again");
    let new = fs::read(&list).expect("a label");
    fs::write(&list, old).expect("written");
    assert_eq!(problem(world.import(&disks)), SeedProblem::Outdated(2));
    fs::write(&list, new).expect("written");
    let stranger = World::new(1 << 20);
    let other = problem(stranger.import(&disks));
    assert!(matches!(other, SeedProblem::OtherVault { .. }), "{other}");
    let none = problem(world.import(&[world.path("home")]));
    assert_eq!(none, SeedProblem::NoLabel(world.path("home")));
    hurt(&disks[0]);
    let damaged = problem(world.import(&disks));
    assert!(matches!(damaged, SeedProblem::Damaged { .. }), "{damaged}");
    assert!(world.vault.points().expect("listed").is_empty());
}

/// A list may name anything; it is read only within the seed.
#[test]
fn a_list_that_leads_elsewhere_is_not_followed() {
    let world = World::new(1 << 20);
    let disks = [world.path("a")];
    let exported = world
        .vault
        .export_seed(&disks, &world.options(), &NoMonitor);
    exported.expect("exported");
    for name in [
        "strongroom-seed/../../secret",
        "/dev/zero",
        "strongroom-seed/pipe",
    ] {
        let pipe = disks[0].join("strongroom-seed/pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok());
        let text = format!("{}  {name}\n", blake3::hash(b""));
        fs::write(disks[0].join("strongroom-seed.b3"), &text).expect("written");
        let label = disks[0].join("strongroom-seed.json");
        let shown = fs::read_to_string(&label).expect("a label");
        let mut shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        shown["finished"]["contents"] = blake3::hash(text.as_bytes()).to_string().into();
        fs::write(&label, shown.to_string()).expect("written");
        let refused = problem(world.import(&disks));
        assert!(
            matches!(refused, SeedProblem::Damaged { .. }),
            "{name}: {refused}"
        );
    }
}

/// A disk comes back from elsewhere with a link where the label is written.
#[test]
fn a_link_on_a_disk_is_not_written_through() {
    let world = World::new(1 << 20);
    let (disks, precious) = ([world.path("a")], world.path("precious"));
    fs::create_dir(&disks[0]).expect("made");
    fs::write(&precious, "precious").expect("written");
    for name in ["strongroom-seed.new", "strongroom-seed.json.new"] {
        std::os::unix::fs::symlink(&precious, disks[0].join(name)).expect("linked");
    }
    let exported = world
        .vault
        .export_seed(&disks, &world.options(), &NoMonitor);
    exported.expect("exported");
    assert_eq!(fs::read(&precious).expect("there"), b"precious");
    let label = disks[0].join("strongroom-seed.json");
    fs::remove_file(&label).expect("removed");
    // Another device would never end.
    std::os::unix::fs::symlink("/dev/null", &label).expect("linked");
    let refused = world.import(&disks).expect_err("a device is no label");
    assert!(matches!(refused, Error::File { .. }), "{refused:?}");
}
