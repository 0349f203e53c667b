//! A machine whose vault is one of a server.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom::crypto::Passphrase;
use strongroom::vault::{InitOptions, StoreSettings};
use strongroom::{Clock as _, Strongroom, SystemClock};
use strongroom_service::client::{GatewayUrl, Gateways, enrol};
use strongroom_service::gateway::{
    Authority, Clock, FileTokens, Gateway, Limits, Pool, Revocations, Settings,
};

use crate::machine::{Machine, PASSPHRASE, content};

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

/// A gateway that ends with its runtime.
struct Server {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    url: GatewayUrl,
}

impl Server {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = "Fleet".parse().expect("valid");
        let settings = Settings {
            state_dir: dir.path().join("state"),
            pool_dir: dir.path().join("pool"),
            limits: Limits::default(),
            clock: Clock::new(now),
        };
        Pool::add_vault(&settings.pool_dir, &vault).expect("made");
        let tokens = Arc::new(FileTokens::open(&settings.state_dir).expect("tokens"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let gateway = runtime
            .block_on(Gateway::bind(settings, tokens, ([127, 0, 0, 1], 0).into()))
            .expect("bound");
        let address = gateway.address().expect("an address").to_string();
        runtime.spawn(gateway.serve(std::future::pending()));
        Self {
            dir,
            runtime,
            url: GatewayUrl::new(&address, &vault).expect("valid"),
        }
    }

    /// Enrols whoever keeps its enrolments there.
    fn enrol(&self, gateways: &Gateways, identity: &str) {
        let state = self.dir.path().join("state");
        let identity = format!("strongroom-identity:1:{identity}")
            .parse()
            .expect("valid");
        let tokens = FileTokens::open(&state).expect("tokens");
        let token = tokens
            .issue(&identity, now() + TimeDelta::days(1))
            .expect("issued");
        let authority = Authority::open(&state, now()).expect("there");
        let settings = StoreSettings::new();
        let pem = authority.certificate_pem();
        let enrolling = enrol(&self.url, pem, &token.secret, &settings, now());
        let enrolment = self.runtime.block_on(enrolling).expect("enrolled");
        gateways.keep(&enrolment).expect("kept");
    }
}

#[test]
fn a_machine_backs_up_to_a_server_and_restores_from_it() {
    let (server, machine) = (Server::new(), Machine::new());
    let url = server.url.to_string();
    // The owner makes the vault, from elsewhere.
    let owners = Gateways::new(&machine.path("owner"), now);
    server.enrol(&owners, "owner:Fleet:-:admin");
    let store = owners
        .store(&server.url, &StoreSettings::new())
        .expect("a store");
    let passphrase = Passphrase::new(PASSPHRASE).expect("long enough");
    let vault = Strongroom::init_store(Arc::new(store), &passphrase, &InitOptions::for_tests())
        .expect("a vault");
    let domain = vault.vault().domain_id().to_string();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let attach = [
        "vault",
        "attach",
        "--vault",
        &url,
        "--passphrase-file",
        &file,
    ];
    machine.run(&attach).fails_with(2, "is not enrolled");
    let own = Gateways::new(&machine.path("state/gateways"), now);
    server.enrol(&own, &format!("agent:Fleet:{domain}:pc"));
    machine.json(&attach);
    machine.write("home/a", "first");
    machine.write("home/b/c", vec![7; 200_000]);
    let home = machine.at("home");
    let report = machine.json(&["backup", &home, "--vault", &url]);
    assert_eq!(report["state"], "complete", "{report}");
    machine.write("home/a", "second");
    machine.json(&["backup", &home, "--vault", &url]);
    assert_eq!(
        machine
            .json(&["points", "--vault", &url])
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let verified = machine.json(&["verify", "--read-data", "--vault", &url]);
    assert_eq!(
        verified["damaged"].as_array().map(Vec::len),
        Some(0),
        "{verified}"
    );
    machine.json(&[
        "restore",
        "latest",
        "--target",
        &machine.at("target"),
        "--vault",
        &url,
    ]);
    assert_eq!(
        content(&machine.path("target/home")),
        content(&machine.path("home"))
    );
    // Shut out, it is told so at once and does not try for minutes.
    let revocations = Revocations::open(&server.dir.path().join("state"));
    revocations
        .revoke(&"pc".parse().expect("valid"))
        .expect("revoked");
    machine
        .run(&["backup", &home, "--vault", &url])
        .fails_with(6, "revoked");
}
