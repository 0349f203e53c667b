//! Mail, by a real server with TLS and by servers that are none.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use strongroom_notices::{Channel, Destination, Error, MailChannel, Notice};
use tempfile::TempDir;

use crate::certificates::{Certificates, certificates};
use crate::servers;
use crate::world::{World, settings};

const TO: &str = "admin@example.org";

/// A real server; `None`, and it says so, where Python or its package is not there.
struct Server {
    process: Child,
    port: u16,
    dir: TempDir,
    certificates: Certificates,
}

impl Server {
    fn start(mode: &str) -> Option<Self> {
        let probe = Command::new("python3")
            .args(["-c", "import aiosmtpd"])
            .output();
        if !probe.is_ok_and(|output| output.status.success()) {
            println!(
                "skipped: python3 lacks aiosmtpd (pip install -r crates/notices/tests/requirements.txt)"
            );
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let certificates = certificates(dir.path(), "localhost");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/smtp_server.py");
        let mut process = Command::new("python3")
            .arg(script)
            .arg(mode)
            .args([&certificates.server, &certificates.key])
            .arg(dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = process.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        Some(Self {
            process,
            port: line.trim().parse().unwrap(),
            dir,
            certificates,
        })
    }

    fn channel(&self, tls: &str, password: &str, authority: &Path) -> MailChannel {
        let file = self.dir.path().join("password");
        fs::write(&file, password).unwrap();
        channel(&format!(
            "server = \"localhost\"\nport = {}\ntls = \"{tls}\"\nuser = \"backup\"\npassword_file = {file:?}\n\
             ca_file = {authority:?}\n",
            self.port
        ))
    }

    fn mails(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
        paths.sort();
        paths
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn channel(keys: &str) -> MailChannel {
    let text = format!("[notices.mail]\nfrom = \"backup@example.org\"\nto = [\"{TO}\"]\n{keys}");
    MailChannel::new(settings(&text).mail.unwrap())
}

fn plain(port: u16) -> MailChannel {
    channel(&format!(
        "server = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\ntimeout_secs = 1\n"
    ))
}

fn notice(to: &str) -> Notice {
    let world = World::new("");
    world.job("backup_failed:péché");
    let items = world
        .alerts()
        .into_iter()
        .map(|alert| strongroom_notices::Item {
            telling: strongroom_notices::Telling::Raised,
            alert,
        });
    Notice::new(
        Destination::person("mail", to),
        "laptop",
        items.collect(),
        world.now,
    )
}

#[test]
fn mail_arrives_by_both_kinds_of_tls() {
    for (mode, tls) in [("implicit", "implicit"), ("starttls", "starttls")] {
        let Some(server) = Server::start(mode) else {
            return;
        };
        let mail = server.channel(tls, "open sesame\n", &server.certificates.authority);
        mail.send(&notice(TO)).unwrap();
        let mails = server.mails();
        assert_eq!(mails.len(), 1);
        for line in [
            "From: \"Strongroom on laptop\" <backup@example.org>",
            "To: admin@example.org",
            "Date: Sat, 28 Mar 2026 12:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(mails[0].contains(line), "{line} in {}", mails[0]);
        }
    }
}

#[test]
fn a_wrong_password_or_recipient_is_refused_with_what_the_server_says() {
    let Some(server) = Server::start("starttls") else {
        return;
    };
    let authority = &server.certificates.authority;
    let wrong = server.channel("starttls", "open barley", authority);
    let error = wrong.send(&notice(TO)).unwrap_err();
    assert!(
        matches!(&error, Error::Refused { said, is_passing: false, .. } if said.contains("535")),
        "{error}"
    );
    assert!(!format!("{error:?} {wrong:?}").contains("barley"));
    let right = server.channel("starttls", "open sesame", authority);
    let error = right.send(&notice("refused@example.org")).unwrap_err();
    assert!(
        matches!(&error, Error::Refused { said, .. } if said.contains("no such person")),
        "{error}"
    );
    assert!(!error.is_of_channel());
    assert_eq!(server.mails(), [""; 0]);
}

#[test]
fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    for mode in ["implicit", "starttls"] {
        let Some(server) = Server::start(mode) else {
            return;
        };
        let other = certificates(server.dir.path(), "other.example.org");
        let stranger = server.channel(mode, "open sesame", &other.authority);
        let error = stranger.send(&notice(TO)).unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        // Nor does one of the right authority, but under another name.
        let text = format!(
            "server = \"127.0.0.1\"\nport = {}\ntls = \"{mode}\"\nca_file = {:?}\n",
            server.port, server.certificates.authority
        );
        let error = channel(&text).send(&notice(TO)).unwrap_err();
        assert!(matches!(error, Error::Untrusted { .. }), "{error:?}");
        assert_eq!(server.mails(), [""; 0]);
    }
}

#[test]
fn a_server_without_the_tls_that_is_wanted_gets_nothing() {
    let Some(server) = Server::start("plain") else {
        return;
    };
    // Not even where no password would be at risk.
    let mail = channel(&format!(
        "server = \"localhost\"\nport = {}\nca_file = {:?}\n",
        server.port, server.certificates.authority
    ));
    let error = mail.send(&notice(TO)).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(server.mails(), [""; 0]);
    plain(server.port).send(&notice(TO)).unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn servers_that_are_none_hold_nobody() {
    for port in [servers::silent(), servers::dribbling()] {
        let error = plain(port).send(&notice(TO)).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TimedOut {
                    timeout_secs: 1,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    for port in [servers::nobody(), servers::half_closing()] {
        let error = plain(port).send(&notice(TO)).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(error.is_of_channel() && error.is_passing());
    }
}

#[test]
fn what_may_pass_is_told_from_what_will_not() {
    for (word, answer, passes) in [
        ("RCPT", "450 4.7.1 greylisted", true),
        ("RCPT", "550 5.1.1 unknown", false),
        ("MAIL", "451 4.3.0 later", true),
        (".", "552 5.3.4 too big", false),
    ] {
        let error = plain(servers::refusing(word, answer))
            .send(&notice(TO))
            .unwrap_err();
        match &error {
            Error::Refused {
                said, is_passing, ..
            } => {
                assert_eq!(*is_passing, passes, "{answer}");
                assert!(said.contains(&answer[4..]), "{said}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_password_that_cannot_be_read_is_named_by_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let keys =
        format!("server = \"localhost\"\nport = 1\nuser = \"u\"\npassword_file = {file:?}\n");
    for content in [None, Some(""), Some("\nsecond line")] {
        content
            .iter()
            .for_each(|content| fs::write(&file, content).unwrap());
        let error = channel(&keys).send(&notice(TO)).unwrap_err();
        assert!(
            matches!(&error, Error::File { path, .. } if *path == file),
            "{error:?}"
        );
    }
}
