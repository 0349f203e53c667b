//! What is tried by those who have a certificate, and by those who have none.

use strongroom_crypto::{Credential, Role};
use strongroom_service::wire::ENROL_PATH;

use crate::raw::Raw;
use crate::rig::{DOMAIN, PACK, Rig, SESSION};

/// Status and code of an answer.
fn told(answer: Option<crate::raw::Answer>) -> (u16, String) {
    let answer = answer.expect("an answer");
    (answer.status, answer.code())
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn an_agent_reaches_nothing_but_its_own() {
    let rig = Rig::new();
    let mut pc = Raw::new(
        &rig,
        Some(&rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"))),
    );
    assert_eq!(told(pc.create(PACK, b"pack")).0, 201);
    let mut abroad = Raw::new(
        &rig,
        Some(&rig.enrol("agent:Vault-1:ffffffffffffffff:abroad")),
    );
    let mut other_vault = Raw::new(
        &rig,
        Some(&rig.enrol(&format!("agent:Vault-2:{DOMAIN}:other"))),
    );
    for (raw, code) in [
        (&mut abroad, "other-domain"),
        (&mut other_vault, "other-vault"),
    ] {
        for method in ["GET", "HEAD", "DELETE"] {
            let asked = raw
                .ask(&format!("{method} /v1/vaults/Vault-1/o/{PACK} HTTP/1.1"))
                .expect("an answer");
            assert_eq!(asked.status, 403, "{method} {code}");
        }
        assert_eq!(
            told(raw.create(&PACK.replace("ab", "ac"), b"x")),
            is(403, code)
        );
        let list = format!("GET /v1/vaults/Vault-1/list?prefix=d/{DOMAIN} HTTP/1.1");
        assert_eq!(told(raw.ask(&list)), is(403, code));
    }
    // A listing of everything shows nothing of another domain.
    let all = abroad
        .ask("GET /v1/vaults/Vault-1/list HTTP/1.1")
        .expect("an answer");
    assert_eq!(
        (all.status, all.body.as_str()),
        (200, r#"{"objects":[],"more":false}"#)
    );
    let own = pc
        .ask("GET /v1/vaults/Vault-1/list HTTP/1.1")
        .expect("an answer");
    assert!(own.body.contains(PACK), "{own:?}");
}

#[test]
fn an_agent_neither_overwrites_nor_deletes_nor_decides() {
    let rig = Rig::new();
    let mut pc = Raw::new(
        &rig,
        Some(&rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"))),
    );
    assert_eq!(told(pc.create(PACK, b"first")).0, 201);
    assert_eq!(told(pc.create(PACK, b"second")), is(412, "exists"));
    assert_eq!(
        told(pc.ask(&format!("DELETE /v1/vaults/Vault-1/o/{PACK} HTTP/1.1"))),
        is(403, "role")
    );
    assert_eq!(std::fs::read(rig.object(PACK)).expect("there"), b"first");
    for name in [
        "config".to_owned(),
        format!("chain/{SESSION}/0"),
        format!("gc/{DOMAIN}/0000000001.mark"),
        format!("gc/{DOMAIN}/0000000001.plan"),
        format!("remap/{DOMAIN}/00112233445566778899aabbccddeeff"),
        format!("notice/{DOMAIN}/00112233445566778899aabbccddeeff"),
        "gen/0000000001.open".to_owned(),
    ] {
        assert_eq!(told(pc.create(&name, b"x")), is(403, "role"), "{name}");
        assert!(!rig.object(&name).exists(), "{name}");
    }
}

#[test]
fn a_session_belongs_to_the_agent_that_has_registered_it() {
    let rig = Rig::new();
    let of = |role: &str, name: &str| {
        Raw::new(
            &rig,
            Some(&rig.enrol(&format!("{role}:Vault-1:{DOMAIN}:{name}"))),
        )
    };
    let (mut pc, mut rogue, mut host) = (
        of("agent", "pc"),
        of("agent", "rogue"),
        of("maintenance", "host"),
    );
    let point = format!("points/{SESSION}");
    let names = [
        format!("sess/{SESSION}/pin"),
        format!("sess/{SESSION}/cp-0"),
        point.clone(),
    ];
    for name in &names {
        assert_eq!(
            told(pc.create(name, b"x")),
            is(403, "session"),
            "not registered: {name}"
        );
    }
    assert_eq!(told(pc.create(&format!("sess/{SESSION}/reg"), b"x")).0, 201);
    for name in &names {
        assert_eq!(told(rogue.create(name, b"x")), is(403, "session"), "{name}");
    }
    assert_eq!(told(pc.create(&names[0], b"x")).0, 201);
    assert_eq!(
        told(host.create(&point, b"fence")).0,
        201,
        "maintenance ends sessions of others"
    );
    assert_eq!(told(pc.create(&point, b"manifest")), is(412, "exists"));
}

#[test]
fn an_agent_adds_no_key_that_costs_others_something() {
    let rig = Rig::new();
    let mut pc = Raw::new(
        &rig,
        Some(&rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"))),
    );
    let name = |number: u8| format!("keys/{number:032x}");
    assert_eq!(told(pc.create(&name(1), b"junk")), is(403, "slot"));
    let mut slot = [0; 300];
    let slot_of = |slot: &mut [u8], kind: u8, role: u8| {
        slot[64] = kind;
        slot[65] = role;
    };
    // An expensive passphrase slot, and a credential of another role.
    for (kind, role) in [(1, 1), (1, 2), (2, 1), (2, 3)] {
        slot_of(&mut slot, kind, role);
        assert_eq!(
            told(pc.create(&name(2), &slot)),
            is(403, "slot"),
            "{kind} {role}"
        );
    }
    assert!(!rig.object(&name(2)).exists());
    let genuine = genuine_slot();
    assert_eq!(told(pc.create(&name(3), &genuine)).0, 201);
}

/// The slot of an agent's credential, as the vault makes them.
fn genuine_slot() -> Vec<u8> {
    use strongroom::vault::InitOptions;
    let passphrase =
        strongroom_crypto::Passphrase::new("correct horse battery staple").expect("long enough");
    let vault = strongroom::Strongroom::init("memory:", &passphrase, &InitOptions::for_tests())
        .expect("a vault");
    let now = chrono::DateTime::UNIX_EPOCH;
    let credential: Credential = vault
        .wait(vault.vault().add_credential(Role::Agent, "pc", now))
        .expect("made");
    let id = strongroom::vault::format::SlotId::from_bytes(*credential.slot_id());
    let read = vault.wait(vault.vault().store().read(&format!("keys/{id}"), 1 << 20));
    read.expect("there").to_vec()
}

#[test]
fn wrong_lengths_hashes_and_cuts_leave_nothing() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let new = || Raw::new(&rig, Some(&enrolment));
    let body = vec![7; 100_000];
    let hash = blake3::hash(&body);
    assert_eq!(
        told(new().put(PACK, body.len(), &blake3::hash(b"other"), &body)),
        is(400, "hash")
    );
    assert_eq!(
        told(new().ask(&format!(
            "PUT /v1/vaults/Vault-1/o/{PACK} HTTP/1.1\r\ncontent-length: 0"
        ))),
        is(400, "hash")
    );
    let chunked = format!(
        "PUT /v1/vaults/Vault-1/o/{PACK} HTTP/1.1\r\ntransfer-encoding: chunked\r\nx-strongroom-blake3: {}",
        hash.to_hex()
    );
    assert_eq!(told(new().ask(&chunked)), is(400, "length"));
    assert_eq!(
        told(new().put("config", 1 << 30, &hash, b"")),
        is(403, "role")
    );
    let mut large = new();
    large.send(format!(
        "PUT /v1/vaults/Vault-1/o/{PACK} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nx-strongroom-blake3: {}\r\n\r\n",
        1_u64 << 40,
        hash.to_hex()
    )).expect("sent");
    assert_eq!(told(large.receive()), is(413, "large"));
    // Cut in the middle of the body.
    let mut cut = new();
    let head = format!(
        "PUT /v1/vaults/Vault-1/o/{PACK} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\nx-strongroom-blake3: {}\r\n\r\n",
        hash.to_hex()
    );
    cut.send([head.as_bytes(), &body[..50_000]].concat())
        .expect("sent");
    drop(cut);
    let spool = rig.dir.path().join("pool/spool");
    let is_empty = || std::fs::read_dir(&spool).expect("there").next().is_none();
    while !is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!rig.object(PACK).exists());
    // Two requests in one: what is behind the length is another request, and none.
    let mut smuggled = new();
    let answer = smuggled.put(
        PACK,
        4,
        &blake3::hash(b"four"),
        b"fourDELETE /v1/vaults/Vault-1/o/x HTTP/1.1\r\n\r\n",
    );
    assert_eq!(told(answer).0, 201);
    assert_eq!(std::fs::read(rig.object(PACK)).expect("there"), b"four");
}

#[test]
fn tricks_with_paths_and_headers_are_refused() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    std::fs::write(rig.dir.path().join("pool/secret"), "secret").expect("written");
    for path in [
        "/v1/vaults/Vault-1/o/../../secret",
        "/v1/vaults/Vault-1/o/..%2f..%2fsecret",
        "/v1/vaults/../o/config",
        "/v1/vaults/Vault-1/o//etc/passwd",
        "/v1/vaults/Vault-1/o/config%00",
        "//v1/vaults/Vault-1/o/config",
        "/v1/vaults/Vault-1/o/%c0%ae%c0%ae/secret",
        "/v1/vaults/Vault-1/o/config/.",
        "/v1/vaults/Vault-1/o/",
        "http://evil/v1/vaults/Vault-1/o/config",
        "/",
        "*",
        "/v1/vaults/Vault-1/o/\u{ff0e}\u{ff0e}/secret",
    ] {
        let mut raw = Raw::new(&rig, Some(&enrolment));
        if let Some(answer) = raw.ask(&format!("GET {path} HTTP/1.1")) {
            assert_eq!(answer.status, 400, "{path}: {answer:?}");
        }
    }
    for request in [
        format!(
            "GET /v1/vaults/Vault-1/o/config HTTP/1.1\r\nx: {}",
            "y".repeat(100_000)
        ),
        format!(
            "GET /v1/vaults/Vault-1/o/config HTTP/1.1{}",
            "\r\na: b".repeat(1000)
        ),
        format!("GET /{} HTTP/1.1", "a".repeat(100_000)),
        "GET /v1/vaults/Vault-1/o/config HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6"
            .to_owned(),
        "GET /v1/vaults/Vault-1/o/config HTTP/9.9".to_owned(),
        "\0\0\0\0".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n".to_owned(),
    ] {
        let mut raw = Raw::new(&rig, Some(&enrolment));
        let answer = raw.ask(&request);
        assert!(
            answer
                .as_ref()
                .is_none_or(|answer| (400..500).contains(&answer.status)),
            "{request:.60}: {answer:?}"
        );
        assert!(raw.is_closed(), "{request:.60}");
    }
    let mut raw = Raw::new(&rig, Some(&enrolment));
    assert_eq!(told(raw.create(PACK, b"still serving")).0, 201);
}

#[test]
fn a_flood_of_bad_requests_and_handshakes_leaves_it_serving() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let mut honest = Raw::new(&rig, Some(&enrolment));
    let flood = |requests: usize, own: Option<_>| {
        let mut raw = Raw::new(&rig, own);
        (0..requests)
            .take_while(|_| raw.ask("GET /v1/nothing HTTP/1.1").is_some())
            .count()
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(flood(100, Some(&enrolment)), 32, "a connection has so many");
                    // Without a certificate the first is the last.
                    assert_eq!(flood(100, None), 1);
                }
            });
            scope.spawn(|| {
                for _ in 0..30 {
                    // A handshake that is begun, and one that is none.
                    let mut stream = std::net::TcpStream::connect(rig.address).expect("connected");
                    let _sent = std::io::Write::write(&mut stream, &[0x16, 3, 1, 2, 0, 1]);
                    let mut stream = std::net::TcpStream::connect(rig.address).expect("connected");
                    let _sent = std::io::Write::write(&mut stream, &[b'x'; 5000]);
                }
            });
        }
        for number in 0..50 {
            let name = format!("d/{DOMAIN}/00/{number:032x}");
            assert_eq!(told(honest.create(&name, b"honest")).0, 201);
        }
    });
}

#[test]
fn nobody_without_a_certificate_gets_further_than_enrolment() {
    let rig = Rig::new();
    for request in [
        format!("GET /v1/vaults/Vault-1/o/{PACK} HTTP/1.1"),
        "GET /v1/vaults/Vault-1/list HTTP/1.1".to_owned(),
        "POST /v1/renew HTTP/1.1\r\ncontent-length: 0".to_owned(),
    ] {
        let mut raw = Raw::new(&rig, None);
        assert_eq!(
            told(raw.ask(&request)),
            is(401, "no-certificate"),
            "{request}"
        );
    }
    assert_eq!(
        told(Raw::new(&rig, None).create(PACK, b"x")),
        is(401, "no-certificate")
    );
    let enrol = |body: &str| {
        let mut raw = Raw::new(&rig, None);
        let length = body.len();
        raw.send(format!(
            "POST {ENROL_PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .expect("sent");
        told(raw.receive())
    };
    assert_eq!(enrol("{}"), is(400, "request"));
    assert_eq!(
        enrol(r#"{"token":"x","request_pem":"y"}"#),
        is(400, "request")
    );
    assert_eq!(enrol(&"x".repeat(20_000)), is(413, "large"));
}
