//! How long an outage is waited for; the clock is that of the test.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use strongroom_vault::wrap::{Fate, Faulty};
use strongroom_vault::{Created, Error, Store};
use tokio::time::Instant;

/// A store that is away from `from` on, for so long.
fn away(from: Duration, lasting: Duration, kind: ErrorKind) -> Store {
    let began = Instant::now();
    Store::new(Faulty::new(Arc::new(InMemory::new()), move |_| {
        let elapsed = began.elapsed();
        if elapsed >= from && elapsed < from + lasting {
            Fate::Fail(kind)
        } else {
            Fate::Pass
        }
    }))
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
