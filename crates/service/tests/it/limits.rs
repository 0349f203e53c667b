//! How much and how fast, and what happens where there is no more room or patience.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use strongroom_service::Error;
use strongroom_service::gateway::{FileTokens, Gateway, Limits, Quota};
use strongroom_vault::{Created, RefusalKind, Store};

use crate::raw::Raw;
use crate::rig::{DOMAIN, PACK, Rig};

fn name(number: u32) -> String {
    format!("d/{DOMAIN}/00/{number:032x}")
}

fn with(change: impl FnOnce(&mut Limits)) -> Rig {
    let mut limits = Limits::default();
    change(&mut limits);
    Rig::with(limits)
}

fn store(rig: &Rig, agent: &str) -> Store {
    let store: Arc<dyn ObjectStore> =
        Arc::new(rig.store_of(&rig.enrol(&format!("agent:Vault-1:{DOMAIN}:{agent}"))));
    Store::new(store)
}

#[test]
fn nobody_has_more_than_their_quota() {
    let mut rig = with(|limits| {
        limits.quota = Quota {
            bytes: 1000,
            objects: 3,
            ..limits.quota
        };
    });
    let (pc, other) = (store(&rig, "pc"), store(&rig, "other"));
    rig.runtime.block_on(async {
        let create = async |store: &Store, number: u32, bytes: usize| {
            let created = store
                .create_once(&name(number), &[vec![1; bytes].into()])
                .await;
            created.map_err(|error| {
                error
                    .refusal()
                    .map(|refusal| (refusal.kind, refusal.code.clone()))
            })
        };
        let full = Err(Some((RefusalKind::Full, Some("quota".to_owned()))));
        assert_eq!(create(&pc, 1, 800).await, Ok(Created::Ours));
        assert_eq!(create(&pc, 2, 201).await, full);
        assert_eq!(create(&pc, 2, 200).await, Ok(Created::Ours));
        assert_eq!(create(&pc, 3, 0).await, Ok(Created::Ours));
        assert_eq!(create(&pc, 4, 0).await, full);
        assert_eq!(
            create(&other, 5, 1000).await,
            Ok(Created::Ours),
            "everybody has their own"
        );
    });
    // It is counted from the objects: the next gateway on the same pool knows. Two at once it cannot have.
    let (dir, clock) = (rig.dir.path().to_owned(), rig.clock.clone());
    let bind = || {
        let settings = crate::rig::settings(dir.clone(), Limits::default(), &clock);
        let tokens = FileTokens::open(&settings.state_dir).expect("tokens");
        Gateway::bind(settings, Arc::new(tokens), ([127, 0, 0, 1], 0).into())
    };
    let second = rig.runtime.block_on(bind());
    assert!(matches!(second, Err(Error::Unfit { .. })), "{second:?}");
    rig.stop();
    // Connections of the first one may still be going.
    let again = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        rig.runtime.block_on(bind()).ok()
    });
    let again = again.expect("bound");
    let used = again.used(&"pc".parse().expect("valid"));
    assert_eq!((used.bytes, used.objects), (1000, 3));
}

#[test]
fn who_is_too_fast_waits_and_gets_through() {
    let rig = with(|limits| {
        limits.quota = Quota {
            requests_per_sec: 1,
            ..limits.quota
        };
    });
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let mut raw = Raw::new(&rig, Some(&enrolment));
    let refused = (0..200).find_map(|_| {
        let answer = raw
            .ask("GET /v1/vaults/Vault-1/list HTTP/1.1")
            .expect("an answer");
        (answer.status == 429).then_some(answer)
    });
    let refused = refused.expect("too fast");
    assert_eq!(refused.code(), "rate");
    assert!(
        refused.head.to_lowercase().contains("retry-after: "),
        "{refused:?}"
    );
    // The client waits as it is told to.
    let store = store(&rig, "pc");
    let created = rig.runtime.block_on(store.create_once(PACK, &["x".into()]));
    assert_eq!(created.expect("created"), Created::Ours);
}

#[test]
fn a_full_disk_takes_nothing_and_says_so() {
    let rig = with(|limits| limits.keep_free_bytes = u64::MAX);
    let store = store(&rig, "pc");
    let created = rig.runtime.block_on(store.create_once(PACK, &["x".into()]));
    let error = created.expect_err("full");
    let refusal = error.refusal().expect("a refusal");
    assert_eq!(
        (refusal.kind, refusal.code.as_deref()),
        (RefusalKind::Full, Some("full"))
    );
    assert!(!rig.object(PACK).exists());
}

#[test]
fn who_is_slow_is_cut_off_and_others_are_served() {
    let short = Duration::from_millis(700);
    let rig = with(|limits| {
        limits.handshake = short;
        limits.header = short;
        limits.idle = short;
        limits.slowest_bytes_per_sec = 1000;
    });
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    // A handshake that does not go on.
    let mut silent = std::net::TcpStream::connect(rig.address).expect("connected");
    // A header that does not end.
    let mut header = Raw::new(&rig, Some(&enrolment));
    header
        .send("GET /v1/vaults/Vault-1/list HTTP/1.1\r\n")
        .expect("sent");
    // A body that stops, and one that drips.
    let body = |bytes: usize| {
        let mut raw = Raw::new(&rig, Some(&enrolment));
        let head = format!(
            "PUT /v1/vaults/Vault-1/o/{PACK} HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\nx-strongroom-blake3: {}\r\n\r\n",
            blake3::hash(b"x").to_hex()
        );
        raw.send(head).expect("sent");
        raw
    };
    let (mut stopped, mut dripping) = (body(1000), body(1000));
    let dripped = (0..200).take_while(|_| {
        std::thread::sleep(Duration::from_millis(100));
        dripping.send("x").is_ok()
    });
    assert!(dripped.count() < 200, "a body may not drip for ever");
    let mut honest = Raw::new(&rig, Some(&enrolment));
    assert_eq!(
        honest.create(&name(1), b"x").expect("an answer").status,
        201
    );
    assert!(header.is_closed() && stopped.is_closed());
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut silent, &mut rest).expect("closed");
    assert!(!rig.object(PACK).exists());
}

#[test]
fn there_are_so_many_connections_and_no_more() {
    let rig = with(|limits| {
        limits.connections = 6;
        limits.connections_per_peer = 4;
    });
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let list = "GET /v1/vaults/Vault-1/list HTTP/1.1";
    let mut open: Vec<Raw> = Vec::new();
    // That of the enrolment may still be there, too.
    for _ in 0..5 {
        let mut raw = Raw::new(&rig, Some(&enrolment));
        if raw.ask(list).is_some() {
            open.push(raw);
        }
    }
    assert!((3..=4).contains(&open.len()), "{}", open.len());
    drop(open);
    let served = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        Raw::new(&rig, Some(&enrolment)).ask(list).is_some()
    });
    assert!(served, "the places are free again");
}
