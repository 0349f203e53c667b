//! Whose certificates are good, and until when.

use std::sync::Arc;

use chrono::TimeDelta;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions};
use rustls::pki_types::pem::PemObject;
use strongroom_service::Error;
use strongroom_service::client::{Enrolment, GatewayStore, Gateways, enrol};
use strongroom_service::gateway::FileTokens;
use strongroom_vault::{Refusal, RefusalKind, StoreSettings};

use crate::raw::{Raw, config};
use crate::rig::{DOMAIN, PACK, Rig};

async fn create(store: &GatewayStore, name: &str) -> Result<(), object_store::Error> {
    let options = PutOptions::from(PutMode::Create);
    store
        .put_opts(&Path::from(name), "x".into(), options)
        .await
        .map(drop)
}

fn name(number: u32) -> String {
    format!("d/{DOMAIN}/00/{number:032x}")
}

#[test]
fn tls_12_is_refused() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let mut old = Raw::with(
        &rig,
        config(
            &rig.authority_pem,
            Some(&enrolment),
            &rustls::version::TLS12,
        ),
    );
    assert_eq!(old.ask("GET /v1/vaults/Vault-1/list HTTP/1.1"), None);
    let mut new = Raw::with(
        &rig,
        config(
            &rig.authority_pem,
            Some(&enrolment),
            &rustls::version::TLS13,
        ),
    );
    assert!(new.ask("GET /v1/vaults/Vault-1/list HTTP/1.1").is_some());
}

#[test]
fn a_foreign_certificate_is_worth_nothing_and_a_foreign_server_is_not_believed() {
    let (rig, foreign) = (Rig::new(), Rig::new());
    let theirs = foreign.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    // A certificate of another authority: the handshake ends.
    let mut raw = Raw::with(
        &rig,
        config(&rig.authority_pem, Some(&theirs), &rustls::version::TLS13),
    );
    assert_eq!(raw.ask("GET /v1/vaults/Vault-1/list HTTP/1.1"), None);
    // A server of another authority gets neither token nor object.
    let tokens = FileTokens::open(&rig.state()).expect("tokens");
    let token = tokens
        .issue(&theirs.identity, rig.clock.now() + TimeDelta::days(1))
        .expect("issued");
    let settings = StoreSettings::new();
    let (own_url, foreign_url) = (rig.url(), foreign.url());
    let at_wrong = enrol(
        &foreign_url,
        &rig.authority_pem,
        &token.secret,
        &settings,
        rig.clock.now(),
    );
    assert!(matches!(
        rig.runtime.block_on(at_wrong),
        Err(Error::Unreachable(_))
    ));
    let at_right = enrol(
        &own_url,
        &rig.authority_pem,
        &token.secret,
        &settings,
        rig.clock.now(),
    );
    let own = rig
        .runtime
        .block_on(at_right)
        .expect("the token was not spent");
    let lured = Enrolment {
        url: foreign.url(),
        ..own
    };
    let store = rig.store_of(&lured);
    assert!(rig.runtime.block_on(create(&store, PACK)).is_err());
}

#[test]
fn an_agents_certificate_does_not_make_a_server() {
    let rig = Rig::new();
    let own = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let key =
        rustls::pki_types::PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).expect("PEM");
    let certificate =
        rustls::pki_types::CertificateDer::from_pem_slice(own.certificate_pem.as_bytes())
            .expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a pair");
    let imposter = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = imposter.local_addr().expect("an address").to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = imposter.accept().expect("a victim");
        let mut tls = rustls::ServerConnection::new(Arc::new(server)).expect("a server");
        while tls.is_handshaking() {
            if tls.complete_io(&mut stream).is_err() {
                return false;
            }
        }
        true
    });
    let url =
        strongroom_service::client::GatewayUrl::new(&address, &crate::rig::vault()).expect("valid");
    let store = rig.store_of(&Enrolment { url, ..own });
    assert!(rig.runtime.block_on(create(&store, PACK)).is_err());
    assert!(
        !served.join().expect("it ran"),
        "the client went on with an imposter"
    );
}

#[test]
fn revoking_works_on_connections_that_are_open() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let mut raw = Raw::new(&rig, Some(&enrolment));
    let list = "GET /v1/vaults/Vault-1/list HTTP/1.1";
    assert_eq!(raw.ask(list).expect("an answer").status, 200);
    let store = rig.store_of(&enrolment);
    rig.runtime
        .block_on(create(&store, &name(1)))
        .expect("created");
    rig.revocations()
        .revoke(&enrolment.identity.agent)
        .expect("revoked");
    let answer = raw.ask(list).expect("an answer");
    assert_eq!((answer.status, answer.code().as_str()), (403, "revoked"));
    let error = rig
        .runtime
        .block_on(create(&store, &name(2)))
        .expect_err("revoked");
    let refusal = Refusal::find(&error).expect("a refusal");
    assert_eq!(
        (refusal.kind, refusal.code.as_deref()),
        (RefusalKind::Denied, Some("revoked"))
    );
    // Nor does it get another certificate, by its old one.
    let renewed = raw
        .ask("POST /v1/renew HTTP/1.1\r\ncontent-length: 0")
        .expect("an answer");
    assert_eq!(renewed.code(), "revoked");
    rig.revocations()
        .readmit(&enrolment.identity.agent)
        .expect("readmitted");
    assert_eq!(raw.ask(list).expect("an answer").status, 200);
}

#[test]
fn a_certificate_ends_while_it_is_in_use_and_its_holder_is_told() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let mut raw = Raw::new(&rig, Some(&enrolment));
    let list = "GET /v1/vaults/Vault-1/list HTTP/1.1";
    assert_eq!(raw.ask(list).expect("an answer").status, 200);
    rig.clock.advance(TimeDelta::days(31));
    let answer = raw.ask(list).expect("an answer");
    assert_eq!((answer.status, answer.code().as_str()), (401, "expired"));
    // The agent knows it by itself, and says so instead of trying for ever.
    rig.theirs.advance(TimeDelta::days(31));
    let store = rig.store_of(&enrolment);
    let error = rig
        .runtime
        .block_on(create(&store, PACK))
        .expect_err("expired");
    assert_eq!(
        Refusal::find(&error).expect("a refusal").kind,
        RefusalKind::Expired
    );
}

#[test]
fn a_certificate_is_renewed_by_its_holder_before_it_ends() {
    let rig = Rig::new();
    let enrolment = rig.enrol(&format!("agent:Vault-1:{DOMAIN}:pc"));
    let store = rig.store_of(&enrolment);
    rig.runtime
        .block_on(create(&store, &name(1)))
        .expect("created");
    for month in 1..4 {
        for clock in [&rig.clock, &rig.theirs] {
            clock.advance(TimeDelta::days(25));
        }
        rig.runtime
            .block_on(create(&store, &name(10 + month)))
            .expect("renewed, and created");
    }
    let clock = rig.theirs.clone();
    let gateways = Gateways::new(&rig.dir.path().join("pc"), move || clock.now());
    let kept = Enrolment::load(&gateways.path(&enrolment.url)).expect("kept");
    assert_eq!(kept.identity, enrolment.identity);
    assert!(
        kept.expires_at > enrolment.expires_at + TimeDelta::days(60),
        "{kept:?}"
    );
    assert_ne!(kept.key_pem, enrolment.key_pem);
    assert!(!format!("{kept:?}").contains("PRIVATE"));
    // Another process of the machine finds it.
    let other = gateways
        .store(&enrolment.url, &StoreSettings::new())
        .expect("a store");
    rig.runtime
        .block_on(create(&other, &name(20)))
        .expect("created");
}

#[test]
fn a_token_is_good_once() {
    let rig = Rig::new();
    let tokens = FileTokens::open(&rig.state()).expect("tokens");
    let identity = format!("strongroom-identity:1:agent:Vault-1:{DOMAIN}:pc")
        .parse()
        .expect("valid");
    let settings = StoreSettings::new();
    let url = rig.url();
    let with = |secret: &str| {
        let enrolling = enrol(
            &url,
            &rig.authority_pem,
            secret,
            &settings,
            rig.theirs.now(),
        );
        match rig.runtime.block_on(enrolling) {
            Ok(_) => Ok(()),
            Err(Error::Refused { status, code, .. }) => Err((status, code)),
            Err(error) => panic!("{error:?}"),
        }
    };
    let until = rig.clock.now() + TimeDelta::days(10);
    let (old, token) = (
        tokens.issue(&identity, until).expect("issued"),
        tokens.issue(&identity, until).expect("issued"),
    );
    let refused = Err((403, "token".to_owned()));
    assert_eq!(with(&old.secret), refused, "superseded");
    assert_eq!(with(&token.secret), Ok(()));
    assert_eq!(with(&token.secret), refused, "replayed");
    assert_eq!(with(&"0".repeat(64)), refused, "forged");
    let late = tokens.issue(&identity, until).expect("issued");
    rig.clock.advance(TimeDelta::days(11));
    assert_eq!(with(&late.secret), refused, "expired");
}
