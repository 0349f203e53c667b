//! A pace is kept by every store, and nothing else suffers from it; the clock is that of the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use strongroom_vault::format::PlaceMode;
use strongroom_vault::{Created, Direction, Pace, Store, StoreSettings, open_url_with};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// So many bytes a second, both ways together, and the largest piece that was asked for.
#[derive(Debug)]
struct Steady {
    bytes_per_sec: u64,
    began: Instant,
    passed_bytes: AtomicU64,
    largest_bytes: AtomicU64,
}

impl Steady {
    fn at(bytes_per_sec: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_per_sec,
            began: Instant::now(),
            passed_bytes: AtomicU64::new(0),
            largest_bytes: AtomicU64::new(0),
        })
    }

    fn passed(&self) -> u64 {
        self.passed_bytes.load(Ordering::Relaxed)
    }
}

impl Pace for Steady {
    fn take(&self, _direction: Direction, bytes: u64) -> Option<Duration> {
        self.largest_bytes.fetch_max(bytes, Ordering::Relaxed);
        let due =
            Duration::from_secs_f64((self.passed() + bytes) as f64 / self.bytes_per_sec as f64);
        let wait = due
            .checked_sub(self.began.elapsed())
            .filter(|wait| !wait.is_zero());
        if wait.is_none() {
            self.passed_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        wait
    }
}

fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

fn content(bytes: usize) -> Vec<Bytes> {
    vec![Bytes::from(vec![7; bytes])]
}

fn is_about(elapsed: Duration, secs: u64) -> bool {
    elapsed.as_secs() == secs
}

/// A block that takes an hour is read, and one that takes two is written: only silence has a deadline.
#[tokio::test(start_paused = true)]
async fn what_is_held_back_does_not_time_out() {
    let store = Store::new(memory());
    store.set_pace(Some(Steady::at(1 << 10)));
    let began = Instant::now();
    let created = store.create_once("d/1", &content(8 << 20)).await;
    assert_eq!(created.expect("created"), Created::Ours);
    let read = store.read_range("d/1", 0..4 << 20).await.expect("read");
    assert_eq!(read.len(), 4 << 20);
    assert!(is_about(began.elapsed(), 12 << 10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_directory_keeps_the_pace_both_ways() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_str().expect("text");
    let store = open_url_with(path, true, &StoreSettings::new()).expect("opened");
    let store = Store::new(store);
    let pace = Steady::at(64 << 10);
    store.set_pace(Some(Arc::<Steady>::clone(&pace)));
    let began = Instant::now();
    store
        .create_once("d/1", &content(1 << 20))
        .await
        .expect("created");
    assert!(is_about(began.elapsed(), 16), "{:?}", began.elapsed());
    let read = store.read("d/1", 2 << 20).await.expect("read");
    assert_eq!(read.len(), 1 << 20);
    assert!(is_about(began.elapsed(), 32), "{:?}", began.elapsed());
    assert_eq!(pace.passed(), 2 << 20);
    assert_eq!(pace.largest_bytes.load(Ordering::Relaxed), 32 << 10);
}

/// All places are on one line.
#[tokio::test(start_paused = true)]
async fn places_of_a_mirror_keep_one_pace_together() {
    let place = |url: &str, mode| (url.to_owned(), mode, memory());
    let store = Store::mirror(vec![
        place("a", PlaceMode::Decider),
        place("b", PlaceMode::Synchronous),
    ]);
    let pace = Steady::at(64 << 10);
    store.set_pace(Some(Arc::<Steady>::clone(&pace)));
    let began = Instant::now();
    store
        .create_once("d/1", &content(1 << 20))
        .await
        .expect("created");
    assert!(is_about(began.elapsed(), 32), "{:?}", began.elapsed());
    assert_eq!(pace.passed(), 2 << 20);
}

/// A session must be able to end while packs are on their way.
#[tokio::test(start_paused = true)]
async fn small_objects_do_not_wait_for_large_ones() {
    let store = Store::new(memory());
    store.set_pace(Some(Steady::at(64 << 10)));
    let (other, parts) = (store.clone(), content(32 << 20));
    let pack = tokio::spawn(async move { other.create_once("d/1", &parts).await });
    tokio::time::sleep(5 * SECOND).await;
    assert!(store.is_held());
    let began = Instant::now();
    store
        .create_once("sess/1", &content(1 << 10))
        .await
        .expect("created");
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    assert!(!pack.is_finished());
    pack.abort();
}

#[tokio::test(start_paused = true)]
async fn large_objects_get_on_together() {
    let store = Store::new(memory());
    store.set_pace(Some(Steady::at(64 << 10)));
    let began = Instant::now();
    let send = |name: &'static str| {
        let store = store.clone();
        async move {
            store
                .create_once(name, &content(1 << 20))
                .await
                .expect("created");
            began.elapsed()
        }
    };
    let (first, second) = tokio::join!(send("d/1"), send("d/2"));
    assert!(first > 30 * SECOND, "{first:?}");
    assert!(second > 31 * SECOND && second < 33 * SECOND, "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_is_lifted_holds_nothing_back_any_more() {
    let store = Store::new(memory());
    store.set_pace(Some(Steady::at(1 << 10)));
    let began = Instant::now();
    let lift = async {
        tokio::time::sleep(10 * SECOND).await;
        store.set_pace(None);
    };
    let parts = content(32 << 20);
    let (created, ()) = tokio::join!(store.create_once("d/1", &parts), lift);
    assert_eq!(created.expect("created"), Created::Ours);
    assert!(is_about(began.elapsed(), 10), "{:?}", began.elapsed());
    assert!(!store.is_held());
}

/// Whoever stops waiting leaves the queue, and takes nothing more.
#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_the_line_to_others() {
    let store = Store::new(memory());
    let pace = Steady::at(64 << 10);
    store.set_pace(Some(Arc::<Steady>::clone(&pace)));
    let parts = content(32 << 20);
    for name in ["d/1", "d/2"] {
        let create = store.create_once(name, &parts);
        assert!(tokio::time::timeout(5 * SECOND, create).await.is_err());
    }
    assert!(!store.is_held());
    assert!(pace.passed() <= 640 << 10, "{}", pace.passed());
    let began = Instant::now();
    store
        .create_once("d/3", &content(1 << 20))
        .await
        .expect("created");
    assert!(began.elapsed() < 17 * SECOND, "{:?}", began.elapsed());
    assert_eq!(store.list("").await.expect("listed").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn another_store_keeps_the_same_pace_through_all_changes() {
    let (store, other) = (Store::new(memory()), Store::new(memory()));
    other.set_pace(store.pace());
    let began = Instant::now();
    other
        .create_once("d/1", &content(1 << 20))
        .await
        .expect("created");
    assert!(began.elapsed() < SECOND);
    store.set_pace(Some(Steady::at(64 << 10)));
    other
        .create_once("d/2", &content(1 << 20))
        .await
        .expect("created");
    assert!(is_about(began.elapsed(), 16), "{:?}", began.elapsed());
}

/// Between two pieces passes more time than a connection may be idle.
#[cfg(feature = "s3")]
#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_paced_by_the_piece_and_not_taken_for_idle() {
    use crate::places::settings;
    use strongroom_vault::{VaultUrl, create_store};

    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let settings = settings(server.variables(server.port()));
    let settings = settings.with_idle_timeout(Duration::from_millis(300));
    let url = VaultUrl::new(&format!("s3://{}", server.new_bucket()), settings);
    let store = create_store(&[(url, PlaceMode::Decider)]).expect("opened");
    store
        .create_once("known", &content(1))
        .await
        .expect("created");
    store.set_patience(SECOND);
    let pace = Steady::at(64 << 10);
    store.set_pace(Some(Arc::<Steady>::clone(&pace)));
    let created = store.create_once("d/1", &content(192 << 10)).await;
    assert_eq!(created.expect("created"), Created::Ours);
    // Sent once, and nothing of it before its turn.
    assert_eq!(pace.passed(), 192 << 10);
    let read = store.read("d/1", 1 << 20).await.expect("read");
    assert_eq!(read.len(), 192 << 10);
    assert_eq!(pace.passed(), 384 << 10);
}
