//! A gateway on a port of its own, and enrolled agents.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use strongroom::{Clock as _, SystemClock};
use strongroom_crypto::Role;
use strongroom_service::client::{Enrolment, GatewayStore, GatewayUrl, Gateways, enrol};
use strongroom_service::gateway::{
    Authority, Clock, FileTokens, Gateway, Limits, Pool, Revocations, Settings,
};
use strongroom_service::{Identity, VaultName};
use strongroom_vault::StoreSettings;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

pub(crate) const DOMAIN: &str = "0011223344556677";
pub(crate) const PACK: &str = "d/0011223344556677/ab/ab112233445566778899aabbccddeeff";
pub(crate) const SESSION: &str = "0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef";

/// A clock that can be moved; certificates and revocations go by it, deadlines do not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moved(Arc<AtomicI64>);

impl Moved {
    pub(crate) fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_seconds(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Rig {
    pub(crate) dir: TempDir,
    pub(crate) runtime: Runtime,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Moved,
    /// The clock of the agents.
    pub(crate) theirs: Moved,
    pub(crate) authority_pem: String,
    serving: JoinHandle<()>,
}

pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.now()
}

pub(crate) fn vault() -> VaultName {
    "Vault-1".parse().expect("valid")
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Moved::default();
        let settings = settings(dir.path().to_owned(), limits, &clock);
        for name in ["Vault-1", "Vault-2"] {
            Pool::add_vault(&settings.pool_dir, &name.parse().expect("valid")).expect("made");
        }
        let tokens = Arc::new(FileTokens::open(&settings.state_dir).expect("tokens"));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let state_dir = settings.state_dir.clone();
        let gateway = runtime.block_on(Gateway::bind(settings, tokens, ([127, 0, 0, 1], 0).into()));
        let gateway = gateway.expect("bound");
        let address = gateway.address().expect("an address");
        let serving = runtime.spawn(gateway.serve(std::future::pending()));
        let authority = Authority::open(&state_dir, clock.now()).expect("the same");
        let authority_pem = authority.certificate_pem().to_owned();
        Self {
            dir,
            runtime,
            address,
            clock,
            theirs: Moved::default(),
            authority_pem,
            serving,
        }
    }

    /// Ends the gateway, with all connections.
    pub(crate) fn stop(&mut self) {
        self.serving.abort();
        let ended = self.runtime.block_on(&mut self.serving);
        assert!(ended.is_err_and(|error| error.is_cancelled()));
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn object(&self, name: &str) -> PathBuf {
        self.dir.path().join("pool/vaults/Vault-1").join(name)
    }

    pub(crate) fn url(&self) -> GatewayUrl {
        GatewayUrl::new(&self.address.to_string(), &vault()).expect("valid")
    }

    pub(crate) fn revocations(&self) -> Revocations {
        Revocations::open(&self.state())
    }

    pub(crate) fn enrol(&self, identity: &str) -> Enrolment {
        let identity: Identity = format!("strongroom-identity:1:{identity}")
            .parse()
            .expect("valid");
        let tokens = FileTokens::open(&self.state()).expect("tokens");
        let token = tokens
            .issue(&identity, self.clock.now() + TimeDelta::days(10))
            .expect("issued");
        let url = GatewayUrl::new(&self.address.to_string(), &identity.vault).expect("valid");
        let settings = StoreSettings::new();
        let enrolling = enrol(
            &url,
            &self.authority_pem,
            &token.secret,
            &settings,
            self.theirs.now(),
        );
        self.runtime.block_on(enrolling).expect("enrolled")
    }

    /// A store with an enrolment that is kept, and renewed there.
    pub(crate) fn store_of(&self, enrolment: &Enrolment) -> GatewayStore {
        let clock = self.theirs.clone();
        let gateways = Gateways::new(
            &self.dir.path().join(enrolment.identity.agent.as_str()),
            move || clock.now(),
        );
        gateways.keep(enrolment).expect("kept");
        gateways
            .store(&enrolment.url, &StoreSettings::new())
            .expect("a store")
    }

    pub(crate) fn store(&self, role: Role, agent: &str) -> GatewayStore {
        let domain = if role == Role::Owner { "-" } else { DOMAIN };
        self.store_of(&self.enrol(&format!("{role}:Vault-1:{domain}:{agent}")))
    }
}

pub(crate) fn settings(dir: PathBuf, limits: Limits, clock: &Moved) -> Settings {
    let clock = clock.clone();
    Settings {
        state_dir: dir.join("state"),
        pool_dir: dir.join("pool"),
        limits,
        clock: Clock::new(move || clock.now()),
    }
}
