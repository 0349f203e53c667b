//! kill -9 of the gateway while agents upload.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use object_store::ObjectStore;
use strongroom_service::client::{Gateways, enrol};
use strongroom_service::gateway::{FileTokens, Gateway, Limits, Pool};
use strongroom_vault::{Created, Store, StoreSettings};

use crate::rig::{DOMAIN, Moved, settings, vault};

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
fn start(dir: &std::path::Path, port: u16) -> (Child, u16) {
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

#[test]
fn nothing_half_is_ever_seen_and_agents_finish_after_the_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    Pool::add_vault(&dir.path().join("pool"), &vault()).expect("made");
    let (mut child, port) = start(dir.path(), 0);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let clock = Moved::default();
    let authority =
        strongroom_service::gateway::Authority::open(&dir.path().join("state"), clock.now())
            .expect("there");
    let tokens = FileTokens::open(&dir.path().join("state")).expect("tokens");
    let gateways = Gateways::new(&dir.path().join("agents"), chrono::Utc::now);
    let identity = format!("strongroom-identity:1:agent:Vault-1:{DOMAIN}:pc")
        .parse()
        .expect("valid");
    let token = tokens
        .issue(&identity, clock.now() + TimeDelta::days(1))
        .expect("issued");
    let url = strongroom_service::client::GatewayUrl::new(&format!("127.0.0.1:{port}"), &vault())
        .expect("valid");
    let cloud = StoreSettings::new();
    let enrolled = enrol(
        &url,
        authority.certificate_pem(),
        &token.secret,
        &cloud,
        clock.now(),
    );
    gateways
        .keep(&runtime.block_on(enrolled).expect("enrolled"))
        .expect("kept");
    let inner: Arc<dyn ObjectStore> = Arc::new(gateways.store(&url, &cloud).expect("a store"));
    let store = Store::new(inner);
    let is_done = Arc::new(AtomicBool::new(false));
    let content = |number: u32| {
        let mut bytes = vec![0; 3_000_000];
        blake3::Hasher::new()
            .update(&number.to_le_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        bytes::Bytes::from(bytes)
    };
    let name = |number: u32| format!("d/{DOMAIN}/00/{number:032x}");
    let uploads: Vec<_> = (0..4_u32)
        .map(|agent| {
            let (store, is_done) = (store.clone(), Arc::clone(&is_done));
            runtime.spawn(async move {
                let mut numbers = Vec::new();
                while !is_done.load(Ordering::Relaxed) {
                    let number = agent * 10_000 + u32::try_from(numbers.len()).expect("few");
                    let created = store.create_once(&name(number), &[content(number)]).await;
                    assert_eq!(
                        created.expect("created in the end"),
                        Created::Ours,
                        "{number}"
                    );
                    numbers.push(number);
                }
                numbers
            })
        })
        .collect();
    let mut checked = std::collections::BTreeSet::new();
    for round in 0..12_u64 {
        std::thread::sleep(Duration::from_millis(40 + 37 * (round % 5)));
        child.kill().expect("killed");
        child.wait().expect("gone");
        // Whatever is visible is whole, also while nobody serves.
        for number in (0..4).flat_map(|agent| agent * 10_000..agent * 10_000 + 300) {
            let path = dir.path().join("pool/vaults/Vault-1").join(name(number));
            if !checked.contains(&number)
                && let Ok(found) = std::fs::read(path)
            {
                assert!(found == content(number), "{number} is not whole");
                checked.insert(number);
            }
        }
        (child, _) = start(dir.path(), port);
    }
    is_done.store(true, Ordering::Relaxed);
    let numbers: Vec<u32> = uploads
        .into_iter()
        .flat_map(|upload| runtime.block_on(upload).expect("it ran"))
        .collect();
    assert!(!numbers.is_empty());
    for number in &numbers {
        let read = runtime
            .block_on(store.read(&name(*number), 4_000_000))
            .expect("there");
        assert!(read == content(*number), "{number}");
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let listed = std::fs::read_dir(
        dir.path()
            .join("pool/vaults/Vault-1/d")
            .join(DOMAIN)
            .join("00"),
    )
    .expect("there");
    assert_eq!(
        listed.count(),
        numbers.len(),
        "what was told to be created, and nothing else"
    );
}
