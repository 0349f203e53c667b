//! Months of daily backups: how much of what a vault holds is needed.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use strongroom::vault::format::{ChunkAddress, ListPiece, ObjectKind, SessionId};
use strongroom::vault::{BlockReader, InitOptions, PackDirectory, SweepOptions, points};
use strongroom::{Clock, Strongroom};
use strongroom_policy::{Point, Policy, PolicyFile, decide};

use crate::support::{backup, passphrase, random_bytes, restore_point, snapshot};

/// The retention of the example in policy.md: what a server keeps for whom nobody has thought about it.
const POLICY: &str = r#"
time_zone = "UTC"
[schedule]
daily = { times = ["00:00"] }
[retention]
daily = { keep_days = 7 }
weekly = { days = ["sat"], keep_weeks = 4 }
monthly = { on = "last sat", keep_months = 12 }
yearly = { months = ["mar"], on = "last sat", keep_years = 10 }
"#;

/// What is lived through.
struct Life {
    files_count: u64,
    days_count: i64,
    pack_bytes: u64,
    block_bytes: u32,
}

struct Day(AtomicI64);

impl Clock for Day {
    fn now(&self) -> DateTime<Utc> {
        // In the future, so that no file changes after a run has begun.
        let first: DateTime<Utc> = "2040-01-01T00:00:00Z".parse().expect("a time");
        first + TimeDelta::days(self.0.load(Ordering::Relaxed))
    }
}

fn policy() -> Policy {
    let file = PolicyFile::parse(POLICY).expect("a policy");
    file.policy(file.time_zone.expect("it has one"))
}

fn path(home: &Path, number: u64) -> PathBuf {
    home.join(format!("{}/{number}", number % 40))
}

/// Files of 4 to 60 KiB: some hundred are one chunk each, and a block holds some dozen.
fn write(home: &Path, number: u64, version: u64) {
    let mixed = (number * 7919 + version * 104_729) % 56;
    let len = (4 << 10) + usize::try_from(mixed).expect("small") * 1024;
    let path = path(home, number);
    fs::create_dir_all(path.parent().expect("below")).expect("made");
    fs::write(path, random_bytes(version << 32 | number, len)).expect("written");
}

fn expire(vault: &Strongroom, policy: &Policy, now: DateTime<Utc>) {
    let standing = vault.points().expect("listed");
    let mut all: Vec<Point<SessionId>> = standing
        .iter()
        .map(|view| Point::scheduled(view.id, view.taken_at, Vec::new()))
        .collect();
    all.sort_by_key(|point| point.taken_at);
    for verdict in decide(&all, policy, now)
        .iter()
        .filter(|verdict| !verdict.is_kept())
    {
        vault.delete_now(&verdict.id, "expired").expect("purged");
    }
}

/// Bytes of all objects.
fn vault_bytes(vault: &Strongroom) -> u64 {
    let prefixes = [
        "d", "m", "index", "points", "sess", "gc", "chain", "remap", "keys",
    ];
    let list = |prefix| {
        vault
            .wait(vault.vault().store().list(prefix))
            .expect("listed")
    };
    prefixes
        .iter()
        .flat_map(|prefix| list(prefix))
        .map(|line| line.bytes)
        .sum()
}

/// What a vault would take in which every block holds only what some point needs: each needed chunk, once, with its share
/// of what its block takes. Tables of contents, padding, index, manifests and what sweeps leave are not counted.
fn needed_bytes(vault: &Strongroom) -> u64 {
    let reader = BlockReader::new(vault.vault().clone(), 1 << 20, 8 << 20);
    vault.wait(async {
        let mut directory = PackDirectory::list(vault.vault()).await.expect("listed");
        directory.load_index(vault.vault()).await.expect("loaded");
        let mut named: HashSet<ChunkAddress> = HashSet::new();
        for view in vault_points(vault).await {
            let structure = points::read_structure(vault.vault(), &view)
                .await
                .expect("read");
            for piece in structure.expect("a point").list {
                let at = piece.address();
                named.insert(at);
                let raw = reader.chunk(at, ObjectKind::MetaPack).await.expect("read");
                for pack in ListPiece::decode(&raw).expect("a piece").packs {
                    for block in pack.blocks {
                        let used = (0..).zip(&block.counts).filter(|(_, count)| **count > 0);
                        named.extend(used.map(|(chunk, _)| ChunkAddress {
                            pack: pack.pack,
                            block: block.ordinal,
                            chunk,
                        }));
                    }
                }
            }
        }
        let mut sum = 0.0;
        let settled = named
            .iter()
            .map(|at| match directory.resolve(at.block_name()) {
                Some(_) => *at,
                None => directory.remapped(*at).expect("every chunk is somewhere"),
            });
        for at in settled.collect::<HashSet<_>>() {
            let (pack, position) = directory.resolve(at.block_name()).expect("there");
            let kind = directory.entry(&pack).expect("listed").kind;
            let toc = reader.toc(pack, kind).await.expect("read");
            let (row, chunk) = (toc.block(position), toc.chunk(position, at.chunk));
            let (row, chunk) = (row.expect("there"), chunk.expect("there"));
            sum += f64::from(row.stored_len) * f64::from(chunk.raw_len) / f64::from(row.raw_len);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of bytes"
        )]
        let bytes = sum as u64;
        bytes
    })
}

async fn vault_points(vault: &Strongroom) -> Vec<points::PointRef> {
    let chains = strongroom::vault::chain::all(vault.vault())
        .await
        .expect("read");
    let mut all = points::all(vault.vault()).await.expect("listed");
    all.retain(|point| {
        !chains
            .get(&point.sid)
            .is_some_and(strongroom::vault::chain::Chain::is_gone)
    });
    all
}

/// Backs up daily, with one file in a hundred written anew, expires and sweeps; returns the greatest ratio of the bytes
/// of a vault to the bytes of what is needed, in percent, seen at the end of a week.
fn live(life: &Life, options: &SweepOptions) -> u64 {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    let mut init = InitOptions::for_tests();
    init.data_pack_bytes = life.pack_bytes;
    init.meta_pack_bytes = life.pack_bytes / 4;
    init.block_bytes = life.block_bytes;
    init.tree_block_bytes = life.block_bytes / 2;
    let day = Arc::new(Day(AtomicI64::new(0)));
    let vault = Strongroom::init("memory:", passphrase(), &init).expect("a new vault");
    let vault = vault.with_clock(Arc::<Day>::clone(&day));
    (0..life.files_count).for_each(|number| write(&home, number, 0));
    let policy = policy();
    let mut state = 1_u64;
    let mut worst = 0;
    let mut moved = [0; 2];
    for number in 0..life.days_count {
        day.0.store(number, Ordering::Relaxed);
        for _ in 0..life.files_count / 100 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let version = u64::try_from(number).expect("positive") + 1;
            write(&home, (state >> 33) % life.files_count, version);
        }
        backup(&vault, &home);
        expire(&vault, &policy, day.now());
        let report = vault.sweep(options).expect("a sweep");
        for pack in &report.emptied {
            moved[0] += pack.moved_bytes;
            moved[1] += pack.rewritten_bytes;
        }
        if number % 7 == 6 || number + 1 == life.days_count {
            let (all, needed) = (vault_bytes(&vault), needed_bytes(&vault));
            let percent = all * 100 / needed;
            worst = worst.max(percent);
            eprintln!(
                "day {number}: {} points, {all} bytes, {needed} needed: {percent} %; moved {}, rewritten {} so far",
                vault.points().expect("listed").len(),
                moved[0],
                moved[1],
            );
        }
    }
    let newest = vault.point("latest").expect("one stands").id;
    let out = dir.path().join("out");
    restore_point(&vault, &newest, &out);
    assert_eq!(snapshot(&out), snapshot(&home));
    worst
}

#[test]
fn weeks_of_random_changes_leave_little_garbage() {
    let life = Life {
        files_count: 300,
        days_count: 42,
        pack_bytes: 1 << 20,
        block_bytes: 256 << 10,
    };
    let worst = live(&life, &SweepOptions::default());
    assert!(worst <= 125, "{worst} %");
}

#[test]
#[ignore = "takes minutes"]
fn soak_a_year_of_random_changes_leaves_little_garbage() {
    let life = Life {
        files_count: 2000,
        days_count: 366,
        pack_bytes: 8 << 20,
        block_bytes: 1 << 20,
    };
    let worst = live(&life, &SweepOptions::default());
    eprintln!("at most {worst} % of what is needed");
    assert!(worst <= 125, "{worst} %");
}
