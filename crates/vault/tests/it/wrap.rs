//! Stores that go wrong do so as they are told, and the store of a vault copes with what it must cope with.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use strongroom_vault::wrap::{Action, Fate, Faulty, Memory, recording};
use strongroom_vault::{Created, Error, Store};

/// A store whose operations of one kind meet this fate the first time.
fn once(memory: &Arc<Memory>, action: Action, fate: Fate) -> (Store, Arc<Faulty>) {
    let mut is_over = false;
    let faulty = Faulty::new(memory.clone(), move |operation| {
        if is_over || operation.action != action {
            return Fate::Pass;
        }
        is_over = true;
        fate
    });
    (Store::new(faulty.clone()), faulty)
}

fn parts(text: &'static str) -> [Bytes; 1] {
    [Bytes::from_static(text.as_bytes())]
}

#[tokio::test(start_paused = true)]
async fn a_create_is_settled_whatever_its_answer() {
    for fate in [
        Fate::Pass,
        Fate::Busy,
        Fate::LoseReply,
        Fate::ClaimExists,
        Fate::Repeat,
        Fate::Slow(Duration::from_secs(600)),
        Fate::Fail(ErrorKind::ConnectionReset),
    ] {
        let memory = Memory::new();
        let (store, _) = once(&memory, Action::Put, fate);
        let created = store.create_once("a/b", &parts("ours")).await;
        assert_eq!(created.expect("settled"), Created::Ours, "{fate:?}");
        let theirs = store.create_once("a/b", &parts("other")).await;
        let expected = Created::Theirs(Bytes::from_static(b"ours"));
        assert_eq!(theirs.expect("settled"), expected, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_effect_and_what_has() {
    for (fate, is_there) in [
        (Fate::Fail(ErrorKind::StorageFull), false),
        (Fate::FailAfter(ErrorKind::PermissionDenied), true),
    ] {
        let memory = Memory::new();
        let (store, _) = once(&memory, Action::Put, fate);
        let created = store.create_once("a/b", &parts("ours")).await;
        assert!(matches!(created, Err(Error::Store { .. })), "{created:?}");
        assert_eq!(memory.names().await.len(), usize::from(is_there));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_arrives_twice_brings_back_what_was_deleted() {
    let memory = Memory::new();
    let (store, faulty) = once(&memory, Action::Put, Fate::Repeat);
    store
        .create_once("a/b", &parts("ours"))
        .await
        .expect("made");
    store.delete("a/b").await.expect("deleted");
    assert_eq!(memory.names().await, Vec::<String>::new());
    assert_eq!(faulty.deliver(0).await.expect("delivered"), 0);
    assert_eq!(memory.names().await, ["a/b"]);
    assert_eq!(faulty.deliver(0).await.expect("nothing more"), 0);
}

#[tokio::test(start_paused = true)]
async fn reads_come_short_or_wrong_or_not_at_all() {
    for (fate, expected) in [
        (Fate::Truncate(2), &b"ou"[..]),
        (Fate::Flip(8), b"otrs"),
        (Fate::LoseReply, b"ours"),
        (Fate::Busy, b"ours"),
    ] {
        let memory = Memory::new();
        let (plain, ours) = (Store::new(memory.clone()), parts("ours"));
        plain.create_once("a", &ours).await.expect("made");
        let (store, _) = once(&memory, Action::Get, fate);
        let read = store.read("a", 100).await.expect("read");
        assert_eq!(read, expected, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_comes_in_pages_and_may_show_what_is_gone() {
    let memory = Memory::new();
    let (recorded, log) = recording(memory.clone());
    let store = Store::new(Faulty::with_pages(
        recorded,
        3,
        |operation| match operation.action {
            Action::List => Fate::ShowDeleted,
            _ => Fate::Pass,
        },
    ));
    for number in 0..7 {
        let name = format!("a/{number}");
        store.create_once(&name, &parts("x")).await.expect("made");
    }
    store.delete("a/4").await.expect("deleted");
    let _before = log.take();
    let listed = store.list("a").await.expect("listed");
    let names: Vec<&str> = listed.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["a/0", "a/1", "a/2", "a/3", "a/4", "a/5", "a/6"]);
    assert_eq!(log.take().len(), 3, "pages of 3, 3 and 1");
    assert!(!memory.names().await.contains(&"a/4".to_owned()));
}

#[tokio::test]
async fn a_fork_is_a_store_of_its_own_with_the_same_clock() {
    let memory = Memory::new();
    let store = Store::new(memory.clone());
    store.create_once("a", &parts("x")).await.expect("made");
    let before = memory.now();
    let fork = memory.fork();
    fork.advance(TimeDelta::hours(1));
    let forked = Store::new(fork.clone());
    forked.create_once("b", &parts("x")).await.expect("made");
    assert_eq!(memory.names().await, ["a"]);
    assert_eq!(
        (memory.now(), fork.now()),
        (before, before + TimeDelta::hours(1))
    );
    let listed = forked.list("").await.expect("listed");
    let written: Vec<_> = listed.iter().map(|line| line.written_at).collect();
    assert_eq!(written, [before, before + TimeDelta::hours(1)]);
}
