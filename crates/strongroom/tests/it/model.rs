//! Random trees and random sequences of changes against a plain model in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use strongroom::vault::InitOptions;
use strongroom::{NoMonitor, Strongroom, VerifyOptions};

use crate::support::{backup, passphrase, random_bytes, restore};

/// One thing that happens to a source between two backups.
#[derive(Debug, Clone)]
enum Step {
    Write { name: String, seed: u64, len: usize },
    Append { name: String, len: usize },
    Remove { name: String },
    Rename { from: String, to: String },
    Backup,
}

/// Names of up to three parts from few letters, so that they often meet.
fn name() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{1,2}", 1..4).prop_map(|parts| parts.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![
        Just(0),
        1..600_usize,
        3000..5000_usize,
        60_000..300_000_usize
    ];
    prop_oneof![
        4 => (name(), 0..6_u64, len).prop_map(|(name, seed, len)| Step::Write { name, seed, len }),
        1 => (name(), 1..40_000_usize).prop_map(|(name, len)| Step::Append { name, len }),
        2 => name().prop_map(|name| Step::Remove { name }),
        1 => (name(), name()).prop_map(|(from, to)| Step::Rename { from, to }),
        2 => Just(Step::Backup),
    ]
}

type Model = BTreeMap<String, Vec<u8>>;

/// Whether a name can be a file: nothing stands above it as a file or below it as a directory.
fn is_free(model: &Model, name: &str) -> bool {
    !model.keys().any(|other| {
        other.starts_with(&format!("{name}/")) || name.starts_with(&format!("{other}/"))
    })
}

fn put(home: &Path, model: &mut Model, name: String, bytes: Vec<u8>) {
    let path = home.join(&name);
    fs::create_dir_all(path.parent().expect("below")).expect("made");
    fs::write(&path, &bytes).expect("written");
    model.insert(name, bytes);
}

fn take(home: &Path, model: &mut Model, name: &str) -> Option<Vec<u8>> {
    let bytes = model.remove(name)?;
    fs::remove_file(home.join(name)).expect("removed");
    let mut above = Path::new(name).parent();
    // Directories without files are not in the model.
    while let Some(dir) = above.filter(|dir| !dir.as_os_str().is_empty()) {
        if fs::remove_dir(home.join(dir)).is_err() {
            break;
        }
        above = dir.parent();
    }
    Some(bytes)
}

fn files_below(root: &Path) -> Model {
    fn visit(at: &Path, root: &Path, out: &mut Model) {
        for entry in fs::read_dir(at).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                visit(&path, root, out);
            } else {
                let name = path
                    .strip_prefix(root)
                    .expect("below")
                    .to_str()
                    .expect("text")
                    .to_owned();
                out.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    let mut out = Model::new();
    visit(root, root, &mut out);
    out
}

fn apply(home: &Path, model: &mut Model, step: Step) {
    match step {
        Step::Write { name, seed, len } if is_free(model, &name) => {
            put(home, model, name, random_bytes(seed, len));
        }
        Step::Append { name, len } => {
            if let Some(mut bytes) = take(home, model, &name) {
                bytes.extend(random_bytes(7, len));
                put(home, model, name, bytes);
            }
        }
        Step::Remove { name } => {
            take(home, model, &name);
        }
        Step::Rename { from, to } => {
            if from != to && model.contains_key(&from) {
                let bytes = take(home, model, &from).expect("it is there");
                let target = if is_free(model, &to) { to } else { from };
                put(home, model, target, bytes);
            }
        }
        Step::Write { .. } | Step::Backup => {}
    }
}

/// Every point of a random history comes back as the model was when it was made, and the vault verifies.
fn check_history(block_bytes: u32, pack_bytes: u64, steps: Vec<Step>) {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let mut options = InitOptions::for_tests();
    options.block_bytes = block_bytes;
    options.tree_block_bytes = block_bytes;
    options.data_pack_bytes = pack_bytes;
    options.meta_pack_bytes = pack_bytes;
    let vault = Strongroom::init("memory:", passphrase(), &options).expect("a new vault");
    let mut model = Model::new();
    let mut history = Vec::new();
    for step in steps {
        if matches!(step, Step::Backup) {
            let report = backup(&vault, &home);
            assert_eq!(report.files_count, model.len() as u64);
            history.push((report, model.clone()));
        }
        apply(&home, &mut model, step);
    }
    for (index, (report, expected)) in history.iter().enumerate() {
        let out = dir.path().join(format!("out {index}"));
        restore(&vault, report, &out);
        assert_eq!(&files_below(&out), expected);
    }
    let mut full = VerifyOptions::default();
    full.level = strongroom::VerifyLevel::Data;
    let verified = vault.verify(&full, &NoMonitor).expect("verified");
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
}

fn case() -> impl Strategy<Value = (u32, u64, Vec<Step>)> {
    let blocks = prop_oneof![Just(4096), Just(65_536), Just(1 << 20)];
    let packs = prop_oneof![Just(65_536), Just(300_000), Just(8 << 20)];
    (blocks, packs, prop::collection::vec(step(), 1..25)).prop_map(|(blocks, packs, mut steps)| {
        steps.push(Step::Backup);
        (blocks, packs, steps)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_histories_come_back((blocks, packs, steps) in case()) {
        check_history(blocks, packs, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "soak: takes ten minutes"]
    fn soak_random_histories_come_back((blocks, packs, steps) in case()) {
        check_history(blocks, packs, steps);
    }
}
