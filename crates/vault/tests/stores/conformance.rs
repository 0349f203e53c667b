//! The questions.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions};
use strongroom_crypto::SeededEntropy;
use strongroom_vault::wrap::{Action, Fate, Faulty};
use strongroom_vault::{Created, Error, Store, probe};

/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// How often eight create one name at the same time.
    pub(crate) rounds: u32,
    /// How many objects are listed at once.
    pub(crate) many: u32,
    pub(crate) large_bytes: usize,
}

/// More objects than a page of a thousand has.
pub(crate) const FULL: Extent = Extent {
    rounds: 20,
    many: 1050,
    large_bytes: 64 << 20,
};
/// For what is put together from stores that are asked in full by themselves.
pub(crate) const BRIEF: Extent = Extent {
    rounds: 4,
    many: 40,
    large_bytes: 4 << 20,
};
const CREATORS: u8 = 8;

/// One name of each kind (format.md §2).
const NAMES: [&str; 15] = [
    "config",
    "keys/00112233445566778899aabbccddeeff",
    "d/0011223344556677/ab/ab112233445566778899aabbccddeeff",
    "m/0011223344556677/00/00112233445566778899aabbccddeeff",
    "index/0011223344556677/0/01jd3y8f7g0123456789abcdef-0",
    "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/reg",
    "points/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef",
    "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/pin",
    "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/cp-12",
    "gc/0011223344556677/0000000001.mark",
    "gc/0011223344556677/0000000001.plan",
    "gc/0011223344556677/0000000001.done",
    "chain/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/0",
    "remap/0011223344556677/00112233445566778899aabbccddeeff",
    "probe/00112233445566778899aabbccddeeff",
];

/// The name of a pack like no other: a server takes only names that a vault has.
fn pack(kind: char, number: u32) -> String {
    let shard = number % 7;
    format!("{kind}/0011223344556677/{shard:02x}/{shard:02x}{number:030x}")
}

/// The name of something that is decided once: where there are several places, packs are not.
fn decided(number: u32) -> String {
    format!("sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g{number:016}/reg")
}

/// Numbers that more than one question needs.
const TWICE: u32 = 1_000_000;
const UNCLEAR: u32 = 1_000_001;
const RIVAL: u32 = 1_000_002;
const RANGES: u32 = 1_000_003;
const NOTHING: u32 = 1_000_004;
const EMPTY: u32 = 1_000_005;
const TIME: u32 = 1_000_006;
const LARGE: u32 = 1_000_007;

/// Asks all of an empty store.
pub(crate) async fn conforms(inner: Arc<dyn ObjectStore>, extent: Extent) {
    one_creator_wins(&inner, extent.rounds).await;
    an_unclear_create_is_settled(&inner).await;
    store_conforms(&Store::new(inner), extent).await;
}

/// What is asked of a store whatever is below it.
pub(crate) async fn store_conforms(store: &Store, extent: Extent) {
    let took = std::time::Instant::now();
    let place = store.describe();
    let told = |what: &str| {
        eprintln!(
            "{place}: {what} after {:.1} s",
            took.elapsed().as_secs_f32()
        );
    };
    probe(store, &SeededEntropy::new(1)).await.expect("fit");
    told("probed");
    one_writer_wins(store, extent.rounds).await;
    told("creators");
    a_second_create_is_refused(store).await;
    ranges(store).await;
    empty_objects(store).await;
    names_of_all_kinds(store).await;
    deleting_is_idempotent(store).await;
    times_move_forward(store).await;
    told("small objects");
    a_large_object(store, extent.large_bytes).await;
    told("a large object");
    many_objects(store, extent.many).await;
    told("many objects");
}

async fn create(store: &Store, name: &str, content: impl Into<Bytes>) -> Created {
    let created = store.create_once(name, &[content.into()]).await;
    created.unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

async fn listed(store: &Store, prefix: &str) -> BTreeSet<String> {
    let lines = store.list(prefix).await.expect("listed");
    let names: BTreeSet<String> = lines.iter().map(|line| line.name.clone()).collect();
    assert_eq!(names.len(), lines.len(), "a name is listed twice");
    names
}

/// Eight create one name at the same time: one succeeds, the others are told, and its content stays.
async fn one_creator_wins(inner: &Arc<dyn ObjectStore>, rounds: u32) {
    for round in 0..rounds {
        let name = decided(round);
        let creators = (0..CREATORS).map(|creator| {
            let (inner, path) = (Arc::clone(inner), Path::from(name.as_str()));
            tokio::spawn(async move {
                let options = PutOptions {
                    mode: PutMode::Create,
                    ..PutOptions::default()
                };
                inner
                    .put_opts(&path, vec![creator; 100].into(), options)
                    .await
            })
        });
        let outcomes = futures::future::join_all(creators).await;
        let mut winner = None;
        for (creator, outcome) in (0..CREATORS).zip(outcomes) {
            match outcome.expect("it ran") {
                Ok(_) => assert_eq!(winner.replace(creator), None, "two creators in {name}"),
                Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => panic!("{name}: {error:?}"),
            }
        }
        let content = Store::new(Arc::clone(inner)).read(&name, 1 << 20).await;
        let winner = winner.unwrap_or_else(|| panic!("nobody could create {name}"));
        assert_eq!(content.expect("there"), vec![winner; 100]);
    }
}

/// The same through our own create, which tells every loser who won.
async fn one_writer_wins(store: &Store, rounds: u32) {
    for round in 0..rounds {
        let name = decided(1000 + round);
        let writers = (0..CREATORS).map(|writer| {
            let (store, name) = (store.clone(), name.clone());
            tokio::spawn(async move { create(&store, &name, vec![writer; 100]).await })
        });
        let outcomes = futures::future::join_all(writers).await;
        let content = store.read(&name, 1 << 20).await.expect("there");
        let mut winners = 0;
        for outcome in outcomes {
            match outcome.expect("it ran") {
                Created::Ours => winners += 1,
                Created::Theirs(theirs) => assert_eq!(theirs, content),
            }
        }
        assert_eq!(winners, 1, "{name}");
    }
}

async fn a_second_create_is_refused(store: &Store) {
    let name = &decided(TWICE);
    assert_eq!(create(store, name, "first").await, Created::Ours);
    let second = create(store, name, "second").await;
    assert_eq!(second, Created::Theirs("first".into()));
    assert_eq!(create(store, name, "first").await, Created::Ours);
    assert_eq!(store.read(name, 9).await.expect("there"), "first");
}

/// The answer to a create is lost, after it took effect or before somebody else's did.
async fn an_unclear_create_is_settled(inner: &Arc<dyn ObjectStore>) {
    let deaf = Store::new(Faulty::new(
        Arc::clone(inner),
        |operation| match operation.action {
            Action::Put => Fate::LoseReply,
            _ => Fate::Pass,
        },
    ));
    let unclear = decided(UNCLEAR);
    assert_eq!(create(&deaf, &unclear, "ours").await, Created::Ours);
    let mut is_first = true;
    let rival = Arc::clone(inner);
    let late = Store::new(Faulty::new(Arc::clone(inner), move |operation| {
        if operation.action == Action::Put && std::mem::take(&mut is_first) {
            let rival = Arc::clone(&rival);
            let path = Path::from(decided(RIVAL));
            let create = PutOptions::from(PutMode::Create);
            let write = async move { rival.put_opts(&path, "theirs".into(), create).await };
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime
                    .expect("a runtime")
                    .block_on(write)
                    .expect("written");
            })
            .join()
            .expect("it ran");
            return Fate::Fail(std::io::ErrorKind::ConnectionReset);
        }
        Fate::Pass
    }));
    let outcome = create(&late, &decided(RIVAL), "ours").await;
    assert_eq!(outcome, Created::Theirs("theirs".into()));
}

async fn ranges(store: &Store) {
    let content: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let (name, nothing) = (&pack('d', RANGES), &pack('d', NOTHING));
    create(store, name, content.clone()).await;
    let end = 10_000;
    for (range, expected) in [
        (0..1, &content[..1]),
        (3..7, &content[3..7]),
        (0..end, &content[..]),
        (9_999..end, &content[9_999..]),
        (9_990..20_000, &content[9_990..]),
        (0..1 << 40, &content[..]),
    ] {
        let read = store.read_range(name, range.clone()).await;
        assert_eq!(read.expect("there"), expected, "{range:?}");
    }
    for range in [end..end + 1, end + 5..end + 9] {
        let read = store.read_range(name, range).await;
        assert!(read.as_ref().is_err_and(Error::is_corruption), "{read:?}");
    }
    let missing = store.read_range(nothing, 0..5).await;
    assert!(matches!(missing, Err(Error::Missing { .. })), "{missing:?}");
    let missing = store.read(nothing, 5).await;
    assert!(matches!(missing, Err(Error::Missing { .. })), "{missing:?}");
    assert!(!store.exists(nothing).await.expect("looked for"));
    assert_eq!(store.length(name).await.expect("there"), end);
    assert!(store.read(name, end - 1).await.is_err(), "too long");
}

async fn empty_objects(store: &Store) {
    let name = &pack('d', EMPTY);
    assert_eq!(create(store, name, "").await, Created::Ours);
    assert_eq!(create(store, name, "x").await, Created::Theirs("".into()));
    assert_eq!(store.read(name, 0).await.expect("there"), "");
    assert_eq!(store.length(name).await.expect("there"), 0);
}

async fn names_of_all_kinds(store: &Store) {
    for name in NAMES {
        assert_eq!(create(store, name, name).await, Created::Ours);
        assert_eq!(store.read(name, 200).await.expect("there"), name);
    }
    for name in &NAMES[1..] {
        let (prefix, _) = name.rsplit_once('/').expect("a path");
        assert!(listed(store, prefix).await.contains(*name), "{name}");
    }
    // A prefix is a whole part of a path, not the beginning of one.
    assert_eq!(listed(store, "gc/001122334455667").await, BTreeSet::new());
    assert_eq!(listed(store, "gc/0011223344556677").await.len(), 3);
}

async fn deleting_is_idempotent(store: &Store) {
    let name = NAMES[2];
    for _ in 0..2 {
        store.delete(name).await.expect("gone");
        assert!(!store.exists(name).await.expect("looked for"));
    }
    let shard = listed(store, "d/0011223344556677/ab").await;
    assert_eq!(shard, BTreeSet::new());
    assert_eq!(create(store, name, "again").await, Created::Ours);
    assert_eq!(store.read(name, 9).await.expect("there"), "again");
}

async fn times_move_forward(store: &Store) {
    let entropy = SeededEntropy::new(2);
    let before = store.now(&entropy).await.expect("a time");
    let name = decided(TIME);
    create(store, &name, "x").await;
    let after = store.now(&entropy).await.expect("a time");
    let lines = store.list("sess/0011223344556677").await.expect("listed");
    let line = lines.iter().find(|line| line.name == name);
    let written_at = line.expect("there").written_at;
    assert!(
        before <= written_at && written_at <= after,
        "{before} {written_at} {after}"
    );
    assert!((after - before).num_minutes() < 5, "{before} {after}");
}

async fn a_large_object(store: &Store, large_bytes: usize) {
    // In parts, as packs are.
    let part =
        |number: usize| Bytes::from(vec![u8::try_from(number % 251).expect("small"); 1 << 20]);
    let parts: Vec<Bytes> = (0..large_bytes >> 20).map(part).collect();
    let name = &pack('d', LARGE);
    let created = store.create_once(name, &parts).await;
    assert_eq!(created.expect("created"), Created::Ours);
    let read = store.read(name, large_bytes as u64).await.expect("there");
    assert_eq!(read.len(), large_bytes);
    assert!(
        read.chunks(1 << 20)
            .zip(&parts)
            .all(|(read, part)| read == part)
    );
    let end = large_bytes as u64;
    let tail = store.read_range(name, end - 10..end).await.expect("there");
    assert_eq!(tail, parts.last().expect("one").slice(..10));
    store.delete(name).await.expect("gone");
}

async fn many_objects(store: &Store, many: u32) {
    let names: BTreeSet<String> = (0..many).map(|number| pack('m', number)).collect();
    let below = "m/0011223344556677";
    let before = listed(store, below).await;
    let creates = names.iter().cloned().map(|name| async move {
        assert_eq!(create(store, &name, "x").await, Created::Ours);
    });
    futures::stream::iter(creates)
        .buffer_unordered(16)
        .for_each(|()| async {})
        .await;
    let all: BTreeSet<String> = before.union(&names).cloned().collect();
    assert_eq!(listed(store, below).await, all);
    let gone = pack('m', 3);
    store.delete(&gone).await.expect("gone");
    let rest = listed(store, below).await;
    assert!(!rest.contains(&gone) && rest.len() + 1 == all.len());
}
