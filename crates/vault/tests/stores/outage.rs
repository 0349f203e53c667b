//! How long an outage is waited for; the clock is that of the test.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use strongroom_vault::format::PlaceMode;
use strongroom_vault::wrap::{Fate, Faulty};
use strongroom_vault::{Created, Error, Store};
use tokio::time::Instant;

/// A store that is away from `from` on, for so long.
fn away(from: Duration, lasting: Duration, kind: ErrorKind) -> Store {
    Store::new(failing(from, lasting, kind))
}

fn failing(from: Duration, lasting: Duration, kind: ErrorKind) -> Arc<dyn ObjectStore> {
    let began = Instant::now();
    Faulty::new(Arc::new(InMemory::new()), move |_| {
        let elapsed = began.elapsed();
        if elapsed >= from && elapsed < from + lasting {
            Fate::Fail(kind)
        } else {
            Fate::Pass
        }
    })
}

/// Two places, of which the one that decides is away for a while.
fn without_decider(lasting: Duration) -> Store {
    let decider = failing(SECOND, lasting, ErrorKind::ConnectionRefused);
    Store::mirror(vec![
        ("a".to_owned(), PlaceMode::Decider, decider),
        (
            "b".to_owned(),
            PlaceMode::Synchronous,
            Arc::new(InMemory::new()),
        ),
    ])
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn five_minutes_are_survived() {
    let store = away(SECOND, 5 * MINUTE, ErrorKind::ConnectionRefused);
    store
        .create_once("a", &["a".into()])
        .await
        .expect("created");
    tokio::time::sleep(2 * SECOND).await;
    let created = store.create_once("b", &["b".into()]).await;
    assert_eq!(created.expect("created"), Created::Ours);
    assert_eq!(store.list("").await.expect("listed").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn patience_is_bounded() {
    let store = away(SECOND, 600 * MINUTE, ErrorKind::ConnectionRefused);
    store
        .create_once("a", &["a".into()])
        .await
        .expect("created");
    tokio::time::sleep(2 * SECOND).await;
    let began = Instant::now();
    let read = store.read("a", 9).await;
    assert!(matches!(read, Err(Error::Store { .. })), "{read:?}");
    let waited = began.elapsed();
    assert!((9 * MINUTE..11 * MINUTE).contains(&waited), "{waited:?}");
    store.set_patience(2 * MINUTE);
    let began = Instant::now();
    assert!(store.create_once("b", &["b".into()]).await.is_err());
    let waited = began.elapsed();
    assert!((MINUTE..4 * MINUTE).contains(&waited), "{waited:?}");
}

/// A place that cannot be reached at all is told soon: somebody may be waiting for it.
#[tokio::test(start_paused = true)]
async fn a_store_that_never_answered_is_given_up_soon() {
    let store = away(Duration::ZERO, 600 * MINUTE, ErrorKind::ConnectionRefused);
    let began = Instant::now();
    assert!(store.read("a", 9).await.is_err());
    let waited = began.elapsed();
    assert!((SECOND..10 * SECOND).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_not_waited_for() {
    let store = away(SECOND, 600 * MINUTE, ErrorKind::PermissionDenied);
    store
        .create_once("a", &["a".into()])
        .await
        .expect("created");
    tokio::time::sleep(2 * SECOND).await;
    let began = Instant::now();
    assert!(store.read("a", 9).await.is_err());
    assert!(store.create_once("b", &["b".into()]).await.is_err());
    assert!(began.elapsed() < SECOND);
}

/// Packs go to the other place at once; what is decided waits until the decider is back.
#[tokio::test(start_paused = true)]
async fn a_decider_that_is_back_soon_is_waited_for() {
    let store = without_decider(5 * MINUTE);
    let parts = ["x".into()];
    store
        .create_once("points/1", &parts)
        .await
        .expect("created");
    tokio::time::sleep(2 * SECOND).await;
    let began = Instant::now();
    let pack = store.create_once("d/1", &parts).await;
    assert_eq!(pack.expect("created"), Created::Ours);
    assert!(began.elapsed() < 10 * SECOND, "{:?}", began.elapsed());
    assert_eq!(store.read("d/1", 9).await.expect("there"), "x");
    let point = store.create_once("points/2", &parts).await;
    assert_eq!(point.expect("created"), Created::Ours);
    let waited = began.elapsed();
    assert!((4 * MINUTE..7 * MINUTE).contains(&waited), "{waited:?}");
    assert_eq!(store.list("points").await.expect("listed").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_decider_that_stays_away_is_given_up() {
    let store = without_decider(600 * MINUTE);
    let parts = ["x".into()];
    store
        .create_once("points/1", &parts)
        .await
        .expect("created");
    tokio::time::sleep(2 * SECOND).await;
    let began = Instant::now();
    let point = store.create_once("points/2", &parts).await;
    assert!(matches!(point, Err(Error::PlaceAway { .. })), "{point:?}");
    let waited = began.elapsed();
    assert!((9 * MINUTE..12 * MINUTE).contains(&waited), "{waited:?}");
    // The next one need not wait as long again.
    let began = Instant::now();
    let point = store.create_once("points/3", &parts).await;
    assert!(matches!(point, Err(Error::PlaceAway { .. })), "{point:?}");
    assert!(began.elapsed() < SECOND);
    assert!(matches!(
        store.list("points").await,
        Err(Error::PlaceAway { .. })
    ));
    // What was decided can be read elsewhere, and packs are stored.
    assert_eq!(store.read("points/1", 9).await.expect("there"), "x");
    let pack = store.create_once("d/1", &parts).await;
    assert_eq!(pack.expect("created"), Created::Ours);
}
