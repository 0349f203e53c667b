//! Connections that break, servers that refuse: between a client and a real server stands a proxy that fails as it is
//! told to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use strongroom_test_servers::{Fault, Proxy};
use strongroom_vault::{Created, Error, RefusalKind, Store, StoreSettings, open_url_with};

use crate::places::settings;

/// A new bucket behind a proxy.
struct Bucket {
    proxy: Proxy,
    url: String,
    settings: StoreSettings,
}

impl Bucket {
    fn s3() -> Option<Self> {
        let server = strongroom_test_servers::s3()?;
        let proxy = Proxy::to(server.port());
        let settings = settings(server.variables(proxy.port()));
        Some(Self {
            url: format!("s3://{}", server.new_bucket()),
            settings: settings.with_idle_timeout(Duration::from_millis(700)),
            proxy,
        })
    }

    #[cfg(feature = "azure")]
    fn azure() -> Option<Self> {
        let server = strongroom_test_servers::azure()?;
        let proxy = Proxy::to(server.port());
        let settings = settings(server.variables(proxy.port()));
        Some(Self {
            url: format!("az://{}", server.new_container()),
            settings: settings.with_idle_timeout(Duration::from_millis(700)),
            proxy,
        })
    }

    fn all() -> Vec<Self> {
        let all = [
            Self::s3(),
            #[cfg(feature = "azure")]
            Self::azure(),
        ];
        all.into_iter().flatten().collect()
    }

    /// A store that has not been used yet.
    fn fresh(&self) -> Store {
        let store = open_url_with(&self.url, true, &self.settings).expect("opened");
        let store = Store::new(store);
        store.set_patience(Duration::from_secs(20));
        store
    }

    /// A store that has answered before.
    async fn known(&self) -> Store {
        let store = self.fresh();
        create(&store, "known", b"x".to_vec()).await;
        store
    }

    /// The fault ends after a while.
    async fn heals_after(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.proxy.set(Fault::None);
    }
}

async fn create(store: &Store, name: &str, content: Vec<u8>) -> Created {
    let parts: Vec<Bytes> = content
        .chunks(1 << 20)
        .map(Bytes::copy_from_slice)
        .collect();
    let created = store.create_once(name, &parts).await;
    created.unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

fn answer(status: &str, headers: &str, code: &str) -> Fault {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>so it is</Message></Error>"
    );
    Fault::Answer(format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn large() -> Vec<u8> {
    (0..=255).cycle().take(6 << 20).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_cut_off_are_sent_again() {
    for bucket in Bucket::all() {
        let store = bucket.known().await;
        bucket.proxy.set(Fault::Cut {
            after_bytes: 2 << 20,
            times: 3,
        });
        assert_eq!(create(&store, "large", large()).await, Created::Ours);
        assert_eq!(bucket.proxy.hits(), 3, "{}", bucket.url);
        bucket.proxy.set(Fault::None);
        assert_eq!(store.read("large", 8 << 20).await.expect("there"), large());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_settled_by_reading_back() {
    for bucket in Bucket::all() {
        let store = bucket.known().await;
        bucket.proxy.set(Fault::LoseAnswers { times: 2 });
        assert_eq!(create(&store, "once", large()).await, Created::Ours);
        assert_eq!(bucket.proxy.hits(), 2, "{}", bucket.url);
        assert_eq!(store.list("").await.expect("listed").len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_connections_are_given_up() {
    for bucket in Bucket::all() {
        let store = bucket.known().await;
        bucket.proxy.set(Fault::Stall);
        let (created, ()) = tokio::join!(
            create(&store, "large", large()),
            bucket.heals_after(Duration::from_secs(2))
        );
        assert_eq!(created, Created::Ours);
        assert!(
            bucket.proxy.hits() > 1,
            "one connection only: {}",
            bucket.url
        );
    }
}

/// Longer than the tries that a store gets that has never answered.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_waited_for() {
    for bucket in Bucket::all() {
        let store = bucket.known().await;
        bucket.proxy.set(Fault::Refuse);
        let (created, ()) = tokio::join!(
            create(&store, "after", large()),
            bucket.heals_after(Duration::from_secs(7))
        );
        assert_eq!(created, Created::Ours);
        assert!(bucket.proxy.hits() > 5);
    }
}

/// The credential of a long run expires and is renewed.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_credential_is_waited_for() {
    let Some(bucket) = Bucket::s3() else { return };
    let store = bucket.known().await;
    for (status, code) in [
        ("400 Bad Request", "ExpiredToken"),
        ("403 Forbidden", "ExpiredToken"),
        ("401 Unauthorized", "InvalidAuthenticationInfo"),
    ] {
        bucket.proxy.set(answer(status, "", code));
        let name = format!("{}/{status}", code.to_lowercase()).replace(' ', "-");
        let (created, ()) = tokio::join!(
            create(&store, &name, large()),
            bucket.heals_after(Duration::from_secs(1))
        );
        assert_eq!(created, Created::Ours);
    }
    // One that never was good is told at once.
    bucket
        .proxy
        .set(answer("403 Forbidden", "", "ExpiredToken"));
    let hits = bucket.proxy.hits();
    let error = bucket.fresh().read("known", 9).await.expect_err("refused");
    assert_eq!(
        error.refusal().map(|it| it.kind),
        Some(RefusalKind::Expired)
    );
    assert_eq!(bucket.proxy.hits(), hits + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_store_gets_the_pause_that_it_asks_for() {
    let Some(bucket) = Bucket::s3() else { return };
    let store = bucket.known().await;
    for (status, code) in [
        ("503 Service Unavailable", "SlowDown"),
        ("429 Too Many Requests", "TooManyRequests"),
    ] {
        bucket.proxy.set(answer(status, "Retry-After: 2\r\n", code));
        let hits = bucket.proxy.hits();
        let (read, ()) = tokio::join!(
            store.read("known", 9),
            bucket.heals_after(Duration::from_millis(1500))
        );
        assert_eq!(read.expect("there"), "x");
        assert_eq!(bucket.proxy.hits(), hits + 1, "it was left alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_final_and_told_apart() {
    let Some(bucket) = Bucket::s3() else { return };
    let store = bucket.known().await;
    for (status, code, kind) in [
        ("403 Forbidden", "AccessDenied", RefusalKind::Denied),
        ("404 Not Found", "NoSuchBucket", RefusalKind::NoBucket),
        ("403 Forbidden", "RequestTimeTooSkewed", RefusalKind::Clock),
        (
            "501 Not Implemented",
            "NotImplemented",
            RefusalKind::Unsupported,
        ),
        (
            "301 Moved Permanently",
            "PermanentRedirect",
            RefusalKind::Region,
        ),
    ] {
        bucket.proxy.set(answer(status, "", code));
        let hits = bucket.proxy.hits();
        let read = store.read("known", 9).await.expect_err("refused");
        let created = store
            .create_once("new", &["x".into()])
            .await
            .expect_err("refused");
        for error in [read, created] {
            assert_eq!(error.refusal().map(|it| it.kind), Some(kind), "{error:?}");
        }
        assert_eq!(bucket.proxy.hits(), hits + 2, "{code} was tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_told() {
    for bucket in Bucket::all() {
        let url = format!("{}-not", bucket.url);
        let store = open_url_with(&url, true, &bucket.settings).expect("opened");
        let store = Store::new(store);
        let error = store.read("config", 9).await.expect_err("refused");
        assert_eq!(
            error.refusal().map(|it| it.kind),
            Some(RefusalKind::NoBucket),
            "{error:?}"
        );
        let error = store
            .create_once("config", &["x".into()])
            .await
            .expect_err("refused");
        assert_eq!(
            error.refusal().map(|it| it.kind),
            Some(RefusalKind::NoBucket),
            "{error:?}"
        );
    }
}

/// Conflicts that had no effect are no winners.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_without_effect_is_tried_again() {
    let Some(bucket) = Bucket::s3() else { return };
    let store = bucket.known().await;
    bucket
        .proxy
        .set(answer("409 Conflict", "", "ConditionalRequestConflict"));
    let (created, ()) = tokio::join!(
        create(&store, "new", b"ours".to_vec()),
        bucket.heals_after(Duration::from_millis(500))
    );
    assert_eq!(created, Created::Ours);
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_ends_with_a_clear_error() {
    let Some(bucket) = Bucket::s3() else { return };
    let store = Arc::new(bucket.known().await);
    store.set_patience(Duration::ZERO);
    bucket.proxy.set(Fault::Refuse);
    let error = store
        .create_once("new", &["x".into()])
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Store { .. }), "{error:?}");
}
