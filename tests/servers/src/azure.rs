//! Azure Blob Storage: Azurite.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{Server, ask, find};

/// The account and key that every Azurite knows; they are no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// Signs a text with a key: Azurite itself runs on Node, so Node is there.
const SIGN: &str = "process.stdout.write(require('crypto').createHmac('sha256', \
                    Buffer.from(process.argv[1], 'base64')).update(process.argv[2]).digest('base64'))";

/// A running server.
#[derive(Debug)]
pub struct AzureServer {
    server: Server,
    containers_count: AtomicU32,
}

/// The server of this process, if it is installed.
pub fn azure() -> Option<&'static AzureServer> {
    static SHARED: OnceLock<Option<AzureServer>> = OnceLock::new();
    SHARED.get_or_init(AzureServer::start).as_ref()
}

impl AzureServer {
    fn start() -> Option<Self> {
        let program = find("node/node_modules/.bin/azurite-blob")?;
        let args = |port: u16| {
            let port = port.to_string();
            [
                "--silent",
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &port,
            ]
            .map(str::to_owned)
            .into()
        };
        Some(Self {
            server: Server::start(&program, args),
            containers_count: AtomicU32::new(0),
        })
    }

    /// Where it listens, on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Makes a new container and returns its name.
    #[must_use]
    pub fn new_container(&self) -> String {
        let number = self.containers_count.fetch_add(1, Ordering::Relaxed);
        let container = format!("container-{number}");
        let (date, version) = ("Thu, 01 Jan 2026 00:00:00 GMT", "2021-08-06");
        let signed = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n\
             /{ACCOUNT}/{ACCOUNT}/{container}\nrestype:container"
        );
        let output = Command::new("node")
            .args(["-e", SIGN, KEY, &signed])
            .output();
        let output = output.expect("Azurite runs on Node");
        let signature = String::from_utf8_lossy(&output.stdout);
        let port = self.port();
        let request = format!(
            "PUT /{ACCOUNT}/{container}?restype=container HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Content-Length: 0\r\nx-ms-date: {date}\r\nx-ms-version: {version}\r\n\
             Authorization: SharedKey {ACCOUNT}:{signature}\r\nConnection: close\r\n\r\n"
        );
        let answer = ask(port, &request);
        assert!(answer.contains(" 201 "), "{answer}");
        container
    }

    /// Variables with which a client finds it behind a port: its own, or that of a [`Proxy`](crate::Proxy).
    #[must_use]
    pub fn variables(&self, port: u16) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned()),
            ("AZURE_STORAGE_ACCOUNT_KEY", KEY.to_owned()),
            (
                "AZURE_STORAGE_ENDPOINT",
                format!("http://127.0.0.1:{port}/{ACCOUNT}"),
            ),
            ("AZURE_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}
