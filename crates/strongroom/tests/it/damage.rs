//! A damage matrix: every kind of object × every sort of damage × backup, restore and verify.
//!
//! Each combination ends with an error or report of its own, without a panic, and nothing wrong is ever restored.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as Name;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use strongroom::crypto::SlotSecret;
use strongroom::vault::InitOptions;
use strongroom::{
    BackupOptions, Error, NoMonitor, RestoreOptions, RestoreTarget, Strongroom, VerifyOptions,
};

use crate::support::{passphrase, random_bytes, snapshot};

pub(crate) type Objects = BTreeMap<String, Vec<u8>>;

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(future)
}

pub(crate) fn objects_of(store: &dyn ObjectStore) -> Objects {
    wait(async {
        let mut objects = Objects::new();
        let names: Vec<_> = store.list(None).try_collect().await.expect("listed");
        for meta in names {
            let bytes = store
                .get(&meta.location)
                .await
                .expect("read")
                .bytes()
                .await
                .expect("read");
            objects.insert(meta.location.to_string(), bytes.to_vec());
        }
        objects
    })
}

fn store_of(objects: &Objects) -> Arc<InMemory> {
    let store = InMemory::new();
    wait(async {
        for (name, bytes) in objects {
            store
                .put(&Name::from(name.as_str()), PutPayload::from(bytes.clone()))
                .await
                .expect("written");
        }
    });
    Arc::new(store)
}

/// A vault with two points, all whose objects are in the map; and what the points hold.
struct Sample {
    _dir: tempfile::TempDir,
    home: std::path::PathBuf,
    objects: Objects,
}

fn sample() -> Sample {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir_all(home.join("sub")).expect("made");
    for number in 0..8 {
        fs::write(
            home.join(format!("sub/{number}")),
            random_bytes(number, 150_000),
        )
        .expect("written");
    }
    fs::write(home.join("inline"), "inline").expect("written");
    let store = Arc::new(InMemory::new());
    let mut init = InitOptions::for_tests();
    init.data_pack_bytes = 512 << 10;
    init.block_bytes = 256 << 10;
    let vault = Strongroom::init_store(
        Arc::clone(&store) as Arc<dyn ObjectStore>,
        passphrase(),
        &init,
    )
    .expect("a new vault");
    let mut options = BackupOptions::new("test", vec![home.clone()]);
    options.checkpoint_bytes = 400_000;
    // With more of them, all files may be read before the first checkpoint stands; several are needed here.
    options.workers_count = 1;
    vault.backup(&options, &NoMonitor).expect("a backup");
    fs::write(home.join("second"), random_bytes(99, 150_000)).expect("written");
    vault.backup(&options, &NoMonitor).expect("a backup");
    Sample {
        home,
        objects: objects_of(&*store),
        _dir: dir,
    }
}

/// First component of a name: what sort of object it is.
fn sort_of(name: &str) -> &str {
    match name.rsplit('/').next() {
        Some("reg") => "reg",
        Some("pin") => "pin",
        Some(last) if last.starts_with("cp-") => "cp",
        _ => name.split('/').next().unwrap_or_default(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Harm {
    Missing,
    Empty,
    CutInHeader,
    CutInBody,
    FlipInHeader,
    FlipInBody,
    FlipAtEnd,
    Longer,
    Swapped,
    NewerMajor,
    UnknownFeature,
}

const HARMS: [Harm; 11] = [
    Harm::Missing,
    Harm::Empty,
    Harm::CutInHeader,
    Harm::CutInBody,
    Harm::FlipInHeader,
    Harm::FlipInBody,
    Harm::FlipAtEnd,
    Harm::Longer,
    Harm::Swapped,
    Harm::NewerMajor,
    Harm::UnknownFeature,
];

/// Sets a byte range of the header and makes its check right again, as a newer program would write it.
pub(crate) fn with_header(bytes: &mut [u8], at: usize, value: u8) {
    bytes[at] = value;
    let ext_len = u32::from_le_bytes(bytes[44..48].try_into().expect("four bytes")) as usize;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..56]).update(&bytes[64..64 + ext_len]);
    let check = hasher.finalize();
    bytes[56..64].copy_from_slice(&check.as_bytes()[..8]);
}

fn harmed(objects: &Objects, name: &str, harm: Harm) -> Option<Objects> {
    let mut objects = objects.clone();
    let bytes = objects.get_mut(name)?;
    match harm {
        Harm::Missing => {
            objects.remove(name);
        }
        Harm::Empty => bytes.clear(),
        Harm::CutInHeader => bytes.truncate(40),
        Harm::CutInBody => bytes.truncate(bytes.len() / 2),
        Harm::FlipInHeader => bytes[20] ^= 4,
        Harm::FlipInBody => {
            let middle = 64 + (bytes.len() - 64) / 2;
            bytes[middle] ^= 1;
        }
        Harm::FlipAtEnd => *bytes.last_mut()? ^= 0x80,
        Harm::Longer => bytes.push(0),
        Harm::Swapped => {
            let other = objects
                .keys()
                .find(|other| *other != name && sort_of(other) == sort_of(name))?
                .clone();
            let (a, b) = (objects.remove(name)?, objects.remove(&other)?);
            objects.insert(name.to_owned(), b);
            objects.insert(other, a);
        }
        Harm::NewerMajor => with_header(bytes, 9, 2),
        Harm::UnknownFeature => with_header(bytes, 15, 0x80),
    }
    Some(objects)
}

fn open(objects: &Objects) -> Result<Strongroom, Error> {
    Strongroom::open_store(store_of(objects), SlotSecret::Passphrase(passphrase()))
}

/// What is restored is right, or left out with a reason.
fn check_restore(vault: &Strongroom, home: &Path, what: &str) -> (bool, u64) {
    let out = tempfile::tempdir().expect("a directory");
    let Ok(point) = vault.point("latest") else {
        return (false, 0);
    };
    let mut options = RestoreOptions::new(RestoreTarget::Directory(out.path().to_owned()));
    options.strip_root = true;
    let Ok(report) = vault.restore(&point.id, &options, &NoMonitor) else {
        return (false, 0);
    };
    let (expected, found) = (snapshot(home), snapshot(out.path()));
    for (path, line) in &found {
        let is_dir = line.starts_with('4');
        assert!(
            is_dir || expected.get(path) == Some(line),
            "{what}: {path:?} came back wrong"
        );
    }
    let is_first = !expected.keys().all(|path| found.contains_key(path));
    (report.damaged_count == 0 && !is_first, report.damaged_count)
}

/// Names one object of each sort; of packs, one that the newest point needs.
fn victims(sample: &Sample) -> Vec<String> {
    let mut victims: BTreeMap<&str, &String> = BTreeMap::new();
    for name in sample.objects.keys() {
        let sort = sort_of(name);
        if victims.contains_key(sort) {
            continue;
        }
        let is_needed = || {
            let objects = harmed(&sample.objects, name, Harm::Missing).expect("it is there");
            !check_restore(
                &open(&objects).expect("opened"),
                &sample.home,
                "a pack is missing",
            )
            .0
        };
        if !matches!(sort, "d" | "m") || is_needed() {
            victims.insert(sort, name);
        }
    }
    let sorts: Vec<_> = victims.keys().copied().collect();
    assert_eq!(
        sorts,
        [
            "config", "cp", "d", "index", "keys", "m", "pin", "points", "reg"
        ]
    );
    victims.into_values().cloned().collect()
}

#[test]
fn every_kind_of_object_with_every_kind_of_damage() {
    let sample = sample();
    let mut table = String::new();
    for name in victims(&sample) {
        for harm in HARMS {
            let Some(objects) = harmed(&sample.objects, &name, harm) else {
                continue;
            };
            let what = format!("{} {harm:?}", sort_of(&name));
            let line = examine(&sample, &objects, &name, harm, &what);
            table.push_str(&format!("{what}: {line}\n"));
        }
    }
    assert_eq!(
        table.lines().count(),
        9 * 11 - 2,
        "config and keys have nothing to be swapped with\n{table}"
    );
}

fn examine(sample: &Sample, objects: &Objects, name: &str, harm: Harm, what: &str) -> String {
    let sort = sort_of(name);
    let is_newer = matches!(harm, Harm::NewerMajor | Harm::UnknownFeature);
    let vault = match open(objects) {
        Ok(vault) => vault,
        Err(error) => {
            assert!(matches!(sort, "config" | "keys"), "{what}: {error:?}");
            let Error::Vault(inner) = &error else {
                panic!("{what}: {error:?}")
            };
            let is_told = if is_newer {
                inner.is_unknown_version()
            } else {
                inner.is_corruption() || (sort == "keys" && harm == Harm::Missing)
            };
            assert!(is_told, "{what}: {error:?}");
            return format!("does not open: {error}");
        }
    };
    assert!(!matches!(sort, "config" | "keys"), "{what}: it opened");
    let (whole, damaged_count) = check_restore(&vault, &sample.home, what);
    let verified = vault.verify(&full(), &NoMonitor);
    let found = match &verified {
        Ok(report) => !report.damaged.is_empty(),
        Err(error) => {
            let Error::Vault(inner) = error else {
                panic!("{what}: {error:?}")
            };
            assert!(is_newer && inner.is_unknown_version(), "{what}: {error:?}");
            true
        }
    };
    match sort {
        // Control objects of finished sessions are needed by no point.
        "reg" | "pin" | "cp" => assert!(whole, "{what}"),
        // A point that is gone cannot be told from one that never was, except by the next one's link.
        "points" if harm == Harm::Missing => {}
        // Hints: everything can be restored without them. One that is missing, or stands under another name, costs nothing.
        "index" => assert!(
            whole && (found || matches!(harm, Harm::Missing | Harm::Swapped)),
            "{what}: whole {whole}, found {found}"
        ),
        _ => assert!(found, "{what}: verify must see it; restored whole: {whole}"),
    }
    // The next backup works, or says why not; afterwards its point restores whole.
    let again = vault.backup(
        &BackupOptions::new("test", vec![sample.home.clone()]),
        &NoMonitor,
    );
    let again = match again {
        Ok(report) => {
            let point = report.recovery_point.expect("a point");
            let out = tempfile::tempdir().expect("a directory");
            let options = RestoreOptions::new(RestoreTarget::Directory(out.path().to_owned()));
            let outcome = vault
                .restore(&point, &options, &NoMonitor)
                .map(|report| report.damaged_count);
            format!("backed up again, then {outcome:?} damaged")
        }
        Err(error) => {
            assert!(
                !matches!(sort, "index" | "reg" | "pin" | "cp") || is_newer,
                "{what}: {error:?}"
            );
            format!("no backup: {error}")
        }
    };
    format!("restored whole: {whole}, {damaged_count} damaged, verify finds it: {found}, {again}")
}

fn full() -> VerifyOptions {
    let mut options = VerifyOptions::default();
    options.level = strongroom::VerifyLevel::Data;
    options
}

#[test]
fn a_wrong_passphrase_and_a_place_without_a_vault() {
    let sample = sample();
    let wrong =
        strongroom::crypto::Passphrase::new("wrong horse battery staple").expect("long enough");
    let store = store_of(&sample.objects);
    let refused = Strongroom::open_store(store, SlotSecret::Passphrase(&wrong));
    assert!(
        matches!(
            refused,
            Err(Error::Vault(strongroom::vault::Error::WrongKey))
        ),
        "{refused:?}"
    );
    let empty = Strongroom::open_store(
        Arc::new(InMemory::new()),
        SlotSecret::Passphrase(passphrase()),
    );
    assert!(
        matches!(
            empty,
            Err(Error::Vault(strongroom::vault::Error::NoVault { .. }))
        ),
        "{empty:?}"
    );
    let twice = Strongroom::init_store(
        store_of(&sample.objects),
        passphrase(),
        &InitOptions::for_tests(),
    );
    assert!(
        matches!(
            twice,
            Err(Error::Vault(strongroom::vault::Error::VaultExists))
        ),
        "{twice:?}"
    );
}
