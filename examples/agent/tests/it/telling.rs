//! People hear of alerts, from the daemon and from jobs by hand.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::daemon::{OFTEN, Running, machine, wait_until};
use crate::machine::Machine;

/// A real mail server with TLS; `None`, and it says so, where Python or its package is not there.
struct MailServer {
    process: Child,
    port: u16,
    dir: PathBuf,
}

impl MailServer {
    fn start(dir: &Path) -> Option<Self> {
        let probe = Command::new("python3")
            .args(["-c", "import aiosmtpd"])
            .output();
        if !probe.is_ok_and(|output| output.status.success()) {
            eprintln!(
                "skipped: python3 lacks aiosmtpd (pip install -r crates/notices/tests/requirements.txt)"
            );
            return None;
        }
        fs::create_dir_all(dir).expect("made");
        certify(dir);
        let script = "../../crates/notices/tests/it/smtp_server.py";
        let mut process = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(script))
            .arg("starttls")
            .args([dir.join("server.pem"), dir.join("key.pem")])
            .arg(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("runs");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a port");
        fs::write(dir.join("password"), "open sesame\n").expect("written");
        Some(Self {
            process,
            port: line.trim().parse().expect("a port"),
            dir: dir.to_owned(),
        })
    }

    fn section(&self) -> String {
        let at = |name: &str| self.dir.join(name).display().to_string();
        format!(
            "[notices.mail]\nserver = \"localhost\"\nport = {}\nfrom = \"agent@example.org\"\n\
             to = [\"admin@example.org\"]\nuser = \"backup\"\npassword_file = \"{}\"\nca_file = \"{}\"\n",
            self.port,
            at("password"),
            at("authority.pem")
        )
    }

    fn subjects(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).expect("readable");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("there").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
        paths.sort();
        let subject = |path: &PathBuf| crate::machine::field(path, "Subject:");
        paths.iter().map(subject).collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }
}

/// A new authority, and a server that it vouches for.
fn certify(dir: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("good");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(authority, key).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("good");
    let server = server.signed_by(&key, &authority).expect("signed");
    let write = |name: &str, text: String| fs::write(dir.join(name), text).expect("written");
    write("authority.pem", authority.pem());
    write("server.pem", server.pem());
    write("key.pem", key.serialize_pem());
}

/// Takes notices by HTTP and keeps their bodies; answers nobody when `is_silent`.
fn listener(is_silent: bool) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let mut request = [0; 65536];
                if is_silent {
                    return drop(std::io::copy(&mut stream, &mut std::io::sink()));
                }
                drop(stream.read(&mut request));
                drop(stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"));
            });
        }
    });
    (port, count)
}

/// A program that keeps each notice as a line of `paged`.
fn pager(machine: &Machine) -> String {
    machine.write("pager", "cat >> \"$HOME/paged\"; echo >> \"$HOME/paged\"\n");
    let run = machine.at("pager");
    format!("[[notices.command]]\nname = \"pager\"\nrun = [\"sh\", \"{run}\"]\n")
}

/// `raised backup_failed:home`
fn paged(machine: &Machine) -> Vec<String> {
    let text = fs::read_to_string(machine.path("paged")).unwrap_or_default();
    let notices = text.lines().filter(|line| !line.is_empty());
    let notices = notices.map(|line| serde_json::from_str::<Value>(line).expect("a notice"));
    let alerts = notices.flat_map(|notice| notice["alerts"].as_array().expect("a list").clone());
    alerts
        .map(|alert| {
            let word = |name: &str| alert[name].as_str().expect("a text").to_owned();
            format!("{} {}", word("telling"), word("key"))
        })
        .collect()
}

fn take_away(machine: &Machine, source: &str) {
    fs::rename(machine.path(source), machine.path("away")).expect("renamed");
}

fn bring_back(machine: &Machine, source: &str) {
    fs::rename(machine.path("away"), machine.path(source)).expect("renamed");
}

#[test]
fn the_daemon_tells_everybody_once_and_that_it_is_over() {
    let machine = machine(OFTEN, "");
    let Some(server) = MailServer::start(&machine.path("mails")) else {
        return;
    };
    let (port, calls) = listener(false);
    let (mail, page, prom) = (
        server.section(),
        pager(&machine),
        machine.at("strongroom.prom"),
    );
    machine.write(
        "state/config.toml",
        format!(
            "[notices]\nmachine = \"attic\"\nmetrics_file = \"{prom}\"\n{mail}{page}\
             [[notices.webhook]]\nname = \"chat\"\nurl = \"http://127.0.0.1:{port}/\"\n"
        ),
    );
    take_away(&machine, "music");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("music", "failed");
    wait_until(|| server.subjects().len() == 1 && calls.load(Ordering::SeqCst) == 1);
    // It fails again and again, and is told once; also by the next daemon.
    daemon.next_end("music", "failed");
    daemon.kill();
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("music", "failed");
    daemon.next_end("music", "failed");
    bring_back(&machine, "music");
    daemon.next_end("music", "done");
    wait_until(|| server.subjects().len() == 2 && calls.load(Ordering::SeqCst) == 2);
    assert_eq!(daemon.end_by_term(), Some(0));
    let subjects = server.subjects();
    assert!(
        subjects[0].starts_with("[Critical] attic: backup of music has failed"),
        "{subjects:?}"
    );
    let expected = ["raised backup_failed:music", "resolved backup_failed:music"];
    assert_eq!(paged(&machine), expected);
    let text = fs::read_to_string(&prom).expect("written");
    assert!(
        text.contains(
            "strongroom_backup_last_success_timestamp_seconds{machine=\"\",source=\"home\"}"
        ) || text.contains("source=\"home\""),
        "{text}"
    );
    assert!(
        text.contains("strongroom_backup_next_due_timestamp_seconds"),
        "{text}"
    );
    let alerts = machine.json(&["alerts", "--all"]);
    assert!(alerts[0]["state"] == "resolved", "{alerts}");
}

#[test]
fn whoever_does_not_answer_holds_up_no_backup_and_is_not_stormed() {
    let machine = machine(OFTEN, "");
    let (port, calls) = listener(true);
    machine.write(
        "state/config.toml",
        format!(
            "[[notices.webhook]]\nname = \"chat\"\nurl = \"http://127.0.0.1:{port}/\"\ntimeout_secs = 600\n"
        ),
    );
    take_away(&machine, "music");
    for _ in 0..3 {
        let mut daemon = Running::start(&machine, &[]);
        daemon.next_end("music", "failed");
        daemon.next_end("home", "done");
        wait_until(|| calls.load(Ordering::SeqCst) == 1);
        daemon.next_end("home", "done");
        // In the middle of a call.
        daemon.kill();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    // It is known, and will be tried again.
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    let is_known = || {
        let shown = machine.json(&["notices", "show"]);
        let destinations = shown["destinations"].as_array().expect("a list").clone();
        let chat = destinations.iter().find(|one| one["channel"] == "chat");
        let chat = chat.expect("named");
        chat["reason"] == "the program ended while it was sending" && chat["next_at"].is_string()
    };
    wait_until(is_known);
}

#[test]
fn a_timer_without_a_daemon_tells_once_too() {
    let machine = machine(OFTEN, "");
    machine.write("state/config.toml", pager(&machine));
    take_away(&machine, "music");
    crate::daemon::an_hour_later(&machine);
    for _ in 0..3 {
        machine.run(&["backup", "--due"]).ends_with(1);
    }
    assert_eq!(paged(&machine), ["raised backup_failed:music"]);
    bring_back(&machine, "music");
    machine.run(&["backup", "--due"]).ends_with(0);
    let expected = ["raised backup_failed:music", "resolved backup_failed:music"];
    assert_eq!(paged(&machine), expected);
    // What a person has asked for in error is told to that person alone.
    machine.run(&["backup", "nowhere"]).ends_with(1);
    assert_eq!(paged(&machine), expected);
}

#[test]
fn a_job_by_hand_leaves_it_to_the_daemon_that_runs() {
    let machine = machine("0 0 29 2 *", "");
    machine.write("state/config.toml", pager(&machine));
    let mut daemon = Running::start(&machine, &[]);
    daemon.next(|event| event["event"] == "waiting");
    machine.run(&["backup", "home"]).ends_with(0);
    machine.write("home/more", "more");
    machine.run(&["backup", "home"]).ends_with(0);
    machine.run(&["delete", "latest"]).ends_with(0);
    wait_until(|| !paged(&machine).is_empty());
    assert_eq!(daemon.end_by_term(), Some(0));
    assert_eq!(paged(&machine), ["raised points_deleted:home"]);
}

#[test]
fn wrong_settings_are_an_alert_and_stop_no_backup() {
    let machine = machine(OFTEN, "");
    machine.write("state/config.toml", "[notices]\nfrequency = \"daily\"\n");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    let keys = || {
        let alerts = machine.json(&["alerts"]);
        let alerts = alerts.as_array().expect("a list").clone();
        let keys = alerts.iter().map(|alert| alert["key"].clone());
        keys.collect::<Vec<_>>()
    };
    wait_until(|| keys() == [json!("notices_refused")]);
    machine.write("state/config.toml", pager(&machine));
    daemon.next_end("home", "done");
    wait_until(|| keys().is_empty());
    assert_eq!(daemon.end_by_term(), Some(0));
}
