//! kill -9 of the gateway while agents upload.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use object_store::ObjectStore;
use strongroom_service::client::{GatewayUrl, Gateways, enrol};
use strongroom_service::gateway::{Authority, FileTokens, Gateway, Limits, Pool};
use strongroom_vault::{Created, Store, StoreSettings};
use tokio::runtime::Runtime;

use crate::rig::{DOMAIN, Moved, now, settings, vault};

const DIR: &str = "STRONGROOM_TEST_GATEWAY_DIR";
const PORT: &str = "STRONGROOM_TEST_GATEWAY_PORT";

/// The process that is killed; does nothing when it is run as a test.
#[test]
fn gateway_process() {
    let (Some(dir), Ok(port)) = (std::env::var_os(DIR), std::env::var(PORT)) else {
        return;
    };
    let settings = settings(PathBuf::from(dir), Limits::default(), &Moved::default());
    let tokens = Arc::new(FileTokens::open(&settings.state_dir).expect("tokens"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let port: u16 = port.parse().expect("a port");
        let gateway = Gateway::bind(settings, tokens, ([127, 0, 0, 1], port).into())
            .await
            .expect("bound");
        eprintln!("listening on {}", gateway.address().expect("an address"));
        gateway.serve(std::future::pending()).await;
    });
}

/// Starts it and waits until it listens.
fn start(dir: &Path, port: u16) -> (Child, u16) {
    let mut child = Command::new(std::env::current_exe().expect("this"))
        .args(["--exact", "killed::gateway_process", "--nocapture"])
        .env(DIR, dir)
        .env(PORT, port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        line.strip_prefix("listening on ")?
            .rsplit_once(':')?
            .1
            .parse()
            .ok()
    });
    (child, port.expect("it listens"))
}

/// An agent of the gateway that listens at this port.
fn enrolled(dir: &Path, port: u16, runtime: &Runtime) -> Store {
    let state = dir.join("state");
    let authority = Authority::open(&state, now()).expect("there");
    let tokens = FileTokens::open(&state).expect("tokens");
    let identity = format!("strongroom-identity:1:agent:Vault-1:{DOMAIN}:pc");
    let identity = identity.parse().expect("valid");
    let until = now() + TimeDelta::days(1);
    let token = tokens.issue(&identity, until).expect("issued");
    let url = GatewayUrl::new(&format!("127.0.0.1:{port}"), &vault()).expect("valid");
    let settings = StoreSettings::new();
    let pem = authority.certificate_pem();
    let enrolling = enrol(&url, pem, &token.secret, &settings, now());
    let gateways = Gateways::new(&dir.join("agents"), now);
    let enrolment = runtime.block_on(enrolling).expect("enrolled");
    gateways.keep(&enrolment).expect("kept");
    let inner: Arc<dyn ObjectStore> = Arc::new(gateways.store(&url, &settings).expect("a store"));
    Store::new(inner)
}

fn name(number: u32) -> String {
    format!("d/{DOMAIN}/00/{number:032x}")
}

fn content(number: u32) -> bytes::Bytes {
    let mut bytes = vec![0; 3_000_000];
    blake3::Hasher::new()
        .update(&number.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes.into()
}

/// Creates one object after another until it is done; returns which.
async fn upload(store: Store, agent: u32, is_done: Arc<AtomicBool>) -> Vec<u32> {
    let mut numbers = Vec::new();
    for number in agent * 10_000.. {
        if is_done.load(Ordering::Relaxed) {
            break;
        }
        let created = store.create_once(&name(number), &[content(number)]).await;
        assert_eq!(created.expect("in the end"), Created::Ours, "{number}");
        numbers.push(number);
    }
    numbers
}

#[test]
fn nothing_half_is_ever_seen_and_agents_finish_after_the_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let folder = Pool::add_vault(&dir.path().join("pool"), &vault()).expect("made");
    let (mut child, port) = start(dir.path(), 0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let store = enrolled(dir.path(), port, &runtime);
    let is_done = Arc::new(AtomicBool::new(false));
    let uploads: Vec<_> = (0..4)
        .map(|agent| runtime.spawn(upload(store.clone(), agent, Arc::clone(&is_done))))
        .collect();
    let mut checked = BTreeSet::new();
    for round in 0..12_u64 {
        std::thread::sleep(Duration::from_millis(40 + 37 * (round % 5)));
        child.kill().expect("killed");
        child.wait().expect("gone");
        // Whatever is visible is whole, also while nobody serves.
        for number in (0..4).flat_map(|agent| agent * 10_000..agent * 10_000 + 300) {
            if !checked.contains(&number)
                && let Ok(found) = std::fs::read(folder.join(name(number)))
            {
                assert!(found == content(number), "{number} is not whole");
                checked.insert(number);
            }
        }
        (child, _) = start(dir.path(), port);
    }
    is_done.store(true, Ordering::Relaxed);
    let ended = uploads.into_iter().map(|upload| runtime.block_on(upload));
    let numbers: Vec<u32> = ended.flat_map(|numbers| numbers.expect("it ran")).collect();
    assert!(!numbers.is_empty());
    for number in &numbers {
        let read = runtime.block_on(store.read(&name(*number), 4_000_000));
        assert!(read.expect("there") == content(*number), "{number}");
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let listed = std::fs::read_dir(folder.join("d").join(DOMAIN).join("00")).expect("there");
    assert_eq!(
        listed.count(),
        numbers.len(),
        "what was told, and nothing else"
    );
}
