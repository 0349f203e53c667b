//! The stores that are asked.

use std::sync::Arc;

use object_store::memory::InMemory;
use strongroom_vault::{StoreSettings, open_url, open_url_with};

use strongroom_vault::Store;
use strongroom_vault::format::PlaceMode;

use crate::conformance::{BRIEF, Extent, FULL, conforms, store_conforms};

pub(crate) fn settings(variables: Vec<(&str, String)>) -> StoreSettings {
    let none = StoreSettings::new();
    variables
        .iter()
        .fold(none, |settings, (name, value)| settings.with(name, value))
}

#[tokio::test(flavor = "multi_thread")]
async fn memory() {
    conforms(Arc::new(InMemory::new()), FULL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault");
    let store = open_url_with(path.to_str().expect("text"), true, &StoreSettings::new());
    conforms(store.expect("opened"), FULL).await;
}

#[cfg(feature = "s3")]
#[tokio::test(flavor = "multi_thread")]
async fn s3() {
    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let url = format!("s3://{}/some/prefix", server.new_bucket());
    let settings = settings(server.variables(server.port()));
    conforms(open_url_with(&url, true, &settings).expect("opened"), FULL).await;
}

/// Its pages have five thousand objects, which takes long: see [`soak_azure`].
#[cfg(feature = "azure")]
#[tokio::test(flavor = "multi_thread")]
async fn azure() {
    let many = BRIEF.many;
    azure_conforms(Extent { many, ..FULL }).await;
}

#[cfg(feature = "azure")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "five thousand objects"]
async fn soak_azure() {
    let many = 5_050;
    azure_conforms(Extent { many, ..FULL }).await;
}

#[cfg(feature = "azure")]
async fn azure_conforms(extent: Extent) {
    let Some(server) = strongroom_test_servers::azure() else {
        return;
    };
    let url = format!("az://{}/some/prefix", server.new_container());
    let settings = settings(server.variables(server.port()));
    let store = open_url_with(&url, true, &settings).expect("opened");
    conforms(store, extent).await;
}

/// Several places are asked as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_directories() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = |name: &str, mode| {
        let url = dir.path().join(name).to_str().expect("text").to_owned();
        let store = open_url_with(&url, true, &StoreSettings::new()).expect("opened");
        (url, mode, store)
    };
    let store = Store::mirror(vec![
        place("a", PlaceMode::Decider),
        place("b", PlaceMode::Synchronous),
        place("c", PlaceMode::Asynchronous),
    ]);
    store_conforms(&store, BRIEF).await;
}

#[cfg(all(feature = "s3", feature = "azure"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_clouds() {
    let (Some(s3), Some(azure)) = (
        strongroom_test_servers::s3(),
        strongroom_test_servers::azure(),
    ) else {
        return;
    };
    let s3_url = format!("s3://{}/mirror", s3.new_bucket());
    let azure_url = format!("az://{}/mirror", azure.new_container());
    let place = |url: String, mode, variables| {
        let store = open_url_with(&url, true, &settings(variables)).expect("opened");
        (url, mode, store)
    };
    let store = Store::mirror(vec![
        place(s3_url, PlaceMode::Decider, s3.variables(s3.port())),
        place(
            azure_url,
            PlaceMode::Synchronous,
            azure.variables(azure.port()),
        ),
    ]);
    store_conforms(&store, BRIEF).await;
}

/// A place of the user's own: everything below the prefix is made by the test, nothing else is touched.
#[tokio::test(flavor = "multi_thread")]
async fn the_place_that_is_named() {
    let Ok(url) = std::env::var("STRONGROOM_TEST_URL") else {
        eprintln!("skipped: STRONGROOM_TEST_URL names no place");
        return;
    };
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_nanos();
    let url = format!("{}/conformance-{now}", url.trim_end_matches('/'));
    let store = open_url(&url, true).expect("opened");
    conforms(Arc::clone(&store), FULL).await;
    let all = Store::new(store);
    for line in all.list("").await.expect("listed") {
        all.delete(&line.name).await.expect("gone");
    }
}
