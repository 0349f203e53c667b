//! A cloud behind a proxy that wants to know who asks: tinyproxy, as Debian has it.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::machine::{Machine, PASSPHRASE};

/// A running proxy.
struct Tiny {
    child: Child,
    port: u16,
}

impl Tiny {
    /// `None` where it is not installed.
    fn start(dir: &Path) -> Option<Self> {
        let found = Command::new("tinyproxy")
            .arg("-v")
            .stdout(Stdio::null())
            .status();
        if found.is_err() {
            eprintln!("skipped: tinyproxy is not installed");
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        drop(free);
        let config = dir.join("tinyproxy.conf");
        let text = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nAllow 127.0.0.1\n\
             BasicAuth backup p4ss-word\nLogFile \"{}\"\n",
            dir.join("tinyproxy.log").display()
        );
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(&config);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("runs");
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(30), "no proxy");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child, port })
    }

    fn url(&self, who: &str) -> String {
        format!("http://{who}127.0.0.1:{}", self.port)
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A vault in Azure behind a proxy, on a machine that has made it.
struct Behind {
    machine: Machine,
    proxy: Tiny,
    inline: String,
    scratch: tempfile::TempDir,
}

impl Behind {
    fn new() -> Option<Self> {
        let scratch = tempfile::tempdir().expect("a directory");
        let server = strongroom_test_servers::azure()?;
        let proxy = Tiny::start(scratch.path())?;
        let url = format!("az://{}/vault", server.new_container());
        let machine = Machine::with_variables(server.variables(server.port()));
        let secret = machine.passphrase_file("secret", PASSPHRASE);
        let inline = proxy.url("backup:p4ss-word@");
        let init = ["vault", "init", "--vault", &url, "--proxy", &inline];
        machine
            .run(&[&init[..], &["--passphrase-file", &secret]].concat())
            .ends_with(0);
        Some(Self {
            machine,
            proxy,
            inline,
            scratch,
        })
    }
}

#[test]
fn a_proxy_that_asks_for_a_password_is_told_it() {
    let Some(behind) = Behind::new() else { return };
    let Behind {
        machine,
        proxy,
        inline,
        ..
    } = &behind;
    machine.write("home/a", "x");
    let backup = ["backup", "home", "--proxy", inline];
    machine.run(&backup).ends_with(0);
    // From a file, and from the environment.
    let password = machine.passphrase_file("proxy-password", "p4ss-word");
    let user = proxy.url("backup@");
    let by_file = [
        "points",
        "--proxy",
        &user,
        "--proxy-password-file",
        &password,
    ];
    machine.run(&by_file).ends_with(0);
    let mut by_variable = machine.command(&["points", "--proxy", &user]);
    by_variable.env("STRONGROOM_PROXY_PASSWORD", "p4ss-word");
    assert!(by_variable.output().expect("runs").status.success());
    let log = behind.scratch.path().join("tinyproxy.log");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("/vault/config"), "the proxy was used: {log}");
    let nobody = proxy.url("");
    let without_user = [
        "points",
        "--proxy",
        &nobody,
        "--proxy-password-file",
        &password,
    ];
    machine.run(&without_user).fails_with(2, "no user");
}

#[test]
fn a_proxy_that_refuses_is_told_from_a_store_that_does() {
    let Some(behind) = Behind::new() else { return };
    let Behind { machine, proxy, .. } = &behind;
    for who in ["backup:wrong@", "backup@", ""] {
        let ended = machine.run(&["points", "--json", "--proxy", &proxy.url(who)]);
        let error = &ended.document()["error"];
        let told = (ended.code, &error["id"]);
        assert_eq!(told, (Some(6), &"proxy-denied".into()), "{error}");
        let help = error["help"].as_str().unwrap_or_default();
        assert!(help.contains("--proxy-password-file"), "{error}");
        assert!(!error.to_string().contains("backup:"), "{error}");
    }
    // `check` looks both ways.
    let state = |proxy: &str| {
        let checked = machine.run(&["check", "--json", "--proxy", proxy]);
        let checked = checked.document();
        let mut checks = checked.as_array().expect("checks").iter();
        let check = checks.find(|check| check["check"] == "proxy");
        check.expect("of the proxy").clone()
    };
    assert_eq!(state(&behind.inline)["state"], "ok");
    let wrong = state(&proxy.url("backup:wrong@"));
    assert_eq!(wrong["state"], "failed");
    assert!(!wrong.to_string().contains("backup:"), "{wrong}");
    let found = wrong["found"].as_str().unwrap_or_default();
    assert!(found.contains("without it the place is reached"), "{wrong}");
}

/// TLS goes through a tunnel, which is refused in another way.
#[test]
fn a_tunnel_that_is_refused_says_why() {
    let scratch = tempfile::tempdir().expect("a directory");
    let Some(proxy) = Tiny::start(scratch.path()) else {
        return;
    };
    let clouds = [
        (
            "s3://bucket/vault",
            vec![
                ("AWS_ACCESS_KEY_ID", "test".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
                ("AWS_REGION", "us-east-1".to_owned()),
            ],
        ),
        (
            "az://container/vault",
            vec![
                ("AZURE_STORAGE_ACCOUNT_NAME", "account".to_owned()),
                ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0".to_owned()),
            ],
        ),
        (
            "gs://bucket/vault",
            vec![("GOOGLE_SKIP_SIGNATURE", "true".to_owned())],
        ),
    ];
    for (url, variables) in clouds {
        let machine = Machine::with_variables(variables);
        let secret = machine.passphrase_file("secret", PASSPHRASE);
        let place = [
            "points",
            "--vault",
            url,
            "--passphrase-file",
            &secret,
            "--json",
        ];
        // Whoever gives no name is asked for one; of a wrong one it says no more than that there is no tunnel.
        for (who, id) in [
            ("", "proxy-denied"),
            ("backup@", "proxy-away"),
            ("backup:wrong@", "proxy-away"),
        ] {
            let ended = machine.run(&[&place[..], &["--proxy", &proxy.url(who)]].concat());
            let error = &ended.document()["error"];
            assert_eq!((ended.code, &error["id"]), (Some(6), &id.into()), "{error}");
            let help = error["help"].as_str().unwrap_or_default();
            assert!(help.contains("password"), "{error}");
        }
    }
}
