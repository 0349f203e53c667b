//! S3: moto, which carries conditional writes out as S3 does.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{Server, ask, find};

const PROGRAM: &str = include_str!("s3.py");

/// A running server.
#[derive(Debug)]
pub struct S3Server {
    server: Server,
    buckets_count: AtomicU32,
}

/// The server of this process, if it is installed.
pub fn s3() -> Option<&'static S3Server> {
    static SHARED: OnceLock<Option<S3Server>> = OnceLock::new();
    SHARED.get_or_init(S3Server::start).as_ref()
}

impl S3Server {
    fn start() -> Option<Self> {
        let moto = find("venv/bin/moto_server")?;
        // The interpreter that moto was installed for.
        let python = moto.with_file_name("python3");
        let args = |port: u16| vec!["-c".to_owned(), PROGRAM.to_owned(), port.to_string()];
        Some(Self {
            server: Server::start(&python, args),
            buckets_count: AtomicU32::new(0),
        })
    }

    /// Where it listens, on this machine.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Makes a new bucket and returns its name.
    #[must_use]
    pub fn new_bucket(&self) -> String {
        let bucket = format!(
            "bucket-{}",
            self.buckets_count.fetch_add(1, Ordering::Relaxed)
        );
        let port = self.port();
        let request = format!(
            "PUT /{bucket} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let answer = ask(port, &request);
        assert!(answer.contains(" 200 "), "{answer}");
        bucket
    }

    /// Variables with which a client finds it behind a port: its own, or that of a [`Proxy`](crate::Proxy).
    #[must_use]
    pub fn variables(&self, port: u16) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}
