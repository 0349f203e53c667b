//! Agents that back up at once through the gateway of a server, against the same agents on a local vault of the same disk.
//!
//! ```text
//! cargo build --release -p strongroom-agent -p strongroom-server
//! cargo bench -p strongroom-benches --bench gateway
//! ```
//!
//! `STRONGROOM_BENCH_AGENTS` (16), `STRONGROOM_BENCH_MIB` for each (64), `STRONGROOM_BENCH_ROUNDS` (3) and
//! `STRONGROOM_BENCH_BIN` (`target/release`) change what is run. Half of the bytes of each source are random, half
//! compress well; every round has new ones. The two ways take turns. Prints the wall time of each round, the ratio of
//! the medians, and the most memory that the server had. What else the machine does at the time changes the result.
#![expect(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a program that prints what it has measured, and may fail by a panic"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use strongroom::crypto::Passphrase;
use strongroom::vault::{InitOptions, StoreSettings};
use strongroom::{Clock as _, Strongroom, SystemClock};
use strongroom_service::client::{GatewayUrl, Gateways, enrol};

const PASSPHRASE: &str = "correct horse battery staple";
const VAULT: &str = "Bench";

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

struct Bench {
    dir: tempfile::TempDir,
    bin: PathBuf,
    agents: u64,
    bytes: usize,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn main() {
    let default_bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release");
    let bench = Bench {
        dir: tempfile::tempdir().expect("a directory"),
        bin: std::env::var_os("STRONGROOM_BENCH_BIN").map_or(default_bin, PathBuf::from),
        agents: number("STRONGROOM_BENCH_AGENTS", 16),
        bytes: usize::try_from(number("STRONGROOM_BENCH_MIB", 64)).expect("small") << 20,
    };
    let (mut server, url) = bench.serve();
    bench.enrol_all(&url);
    let local = bench.dir.path().join("local").display().to_string();
    let passphrase = Passphrase::new(PASSPHRASE).expect("long enough");
    Strongroom::init(local.as_str(), &passphrase, &InitOptions::default()).expect("a vault");
    for vault in [&local, &url.to_string()] {
        bench.attach_all(vault);
    }
    let (mut on_local, mut on_gateway) = (Vec::new(), Vec::new());
    for round in 0..number("STRONGROOM_BENCH_ROUNDS", 3) {
        for (way, vault) in [(&mut on_local, &local), (&mut on_gateway, &url.to_string())] {
            bench.fill(round * 2 + u64::from(vault.starts_with("strongroom")));
            let took = bench.back_up_all(vault);
            println!("round {round}: {:>6.2} s  {vault}", took.as_secs_f64());
            way.push(took);
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let (local, gateway) = (median(&mut on_local), median(&mut on_gateway));
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("it runs");
    let memory = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").expect("Linux");
    println!(
        "{} agents, {} MiB each: local {local:.2} s, gateway {gateway:.2} s, ratio {:.2}",
        bench.agents,
        bench.bytes >> 20,
        gateway / local
    );
    println!("server {memory}; load of the machine {load}");
    server.kill().expect("killed");
    server.wait().expect("gone");
}

impl Bench {
    fn server(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("strongroom-server"));
        command
            .args(args)
            .arg("--json")
            .arg("--state-dir")
            .arg(self.dir.path().join("server"));
        command
    }

    fn serve(&self) -> (Child, GatewayUrl) {
        let made = self
            .server(&["init", "--vault", VAULT])
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("strongroom-server is built").success());
        let mut command = self.server(&["serve", "--listen", "127.0.0.1:0"]);
        let mut server = command.stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        let out = server.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let address = event["address"].as_str().expect("an address");
        let url = GatewayUrl::new(address, &VAULT.parse().expect("valid")).expect("valid");
        (server, url)
    }

    fn state(&self, agent: u64) -> PathBuf {
        self.dir.path().join(format!("state-{agent}"))
    }

    fn source(&self, agent: u64) -> PathBuf {
        self.dir.path().join(format!("source-{agent}"))
    }

    /// The owner makes the vault, and every agent enrols.
    fn enrol_all(&self, url: &GatewayUrl) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let settings = StoreSettings::new();
        let enrol = |dir: &Path, agent: &str, role: &str| {
            let mut issue = self.server(&[
                "credentials",
                "issue",
                "--vault",
                VAULT,
                "--agent",
                agent,
                "--role",
                role,
            ]);
            let issued = issue.output().expect("ran");
            let issued: serde_json::Value = serde_json::from_slice(&issued.stdout).expect("JSON");
            let text = |name: &str| issued[name].as_str().expect("text").to_owned();
            let (authority_pem, token) = (text("authority_pem"), text("token"));
            let enrolling = enrol(url, &authority_pem, &token, &settings, now());
            // The client's connections belong to the runtime that makes them.
            let enrolment = runtime.block_on(enrolling).expect("enrolled");
            let gateways = Gateways::new(dir, now);
            gateways.keep(&enrolment).expect("kept");
            gateways
        };
        let owner = enrol(&self.dir.path().join("owner"), "admin", "owner");
        let store = Arc::new(owner.store(url, &settings).expect("a store"));
        let passphrase = Passphrase::new(PASSPHRASE).expect("long enough");
        Strongroom::init_store(store, &passphrase, &InitOptions::default()).expect("a vault");
        for agent in 0..self.agents {
            enrol(
                &self.state(agent).join("gateways"),
                &format!("agent-{agent}"),
                "agent",
            );
        }
    }

    fn agent(&self, agent: u64, vault: &str, args: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("strongroom-agent"));
        command
            .args(args)
            .args(["--vault", vault, "--quiet", "--no-progress"]);
        command
            .arg("--state-dir")
            .arg(self.state(agent))
            .stdout(Stdio::null());
        command
    }

    fn attach_all(&self, vault: &str) {
        let file = self.dir.path().join("passphrase");
        fs::write(&file, PASSPHRASE).expect("written");
        let file = file.display().to_string();
        for agent in 0..self.agents {
            let args = ["vault", "attach", "--passphrase-file", &file];
            let attached = self.agent(agent, vault, &args).status();
            assert!(attached.expect("strongroom-agent is built").success());
        }
    }

    fn fill(&self, seed: u64) {
        for agent in 0..self.agents {
            let source = self.source(agent);
            fs::create_dir_all(&source).expect("made");
            let mut random = blake3::Hasher::new()
                .update(&seed.to_le_bytes())
                .update(&agent.to_le_bytes())
                .finalize_xof();
            for file in 0..8 {
                let mut bytes = vec![0; self.bytes / 8];
                random.fill(&mut bytes);
                if file % 2 == 0 {
                    bytes.iter_mut().for_each(|byte| *byte = b'a' + (*byte & 3));
                }
                fs::write(source.join(file.to_string()), bytes).expect("written");
            }
        }
    }

    fn back_up_all(&self, vault: &str) -> Duration {
        rustix::fs::sync();
        let began = Instant::now();
        let running: Vec<Child> = (0..self.agents)
            .map(|agent| {
                let source = self.source(agent).display().to_string();
                let name = format!("agent-{agent}");
                let args = ["backup", &source, "--source", &name];
                self.agent(agent, vault, &args).spawn().expect("started")
            })
            .collect();
        for mut agent in running {
            assert!(agent.wait().expect("ended").success(), "an agent failed");
        }
        began.elapsed()
    }
}
