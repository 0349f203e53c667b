//! Programs that serve while somebody holds them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The shell ends the program when its standard input closes: at the latest with the process that holds it.
const SHELL: &str = r#""$@" & child=$!; read -r _; kill -9 "$child"; wait "$child""#;
const STARTING_TRIES: u32 = 300;

/// A program that listens on a port of this machine.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a program, given the port that it shall listen on, and waits until it does.
    pub(crate) fn start(program: &Path, args: impl FnOnce(u16) -> Vec<String>) -> Self {
        let port = free_port();
        let child = Command::new("sh")
            .args(["-c", SHELL, "sh"])
            .arg(program)
            .args(args(port))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh is there");
        let server = Self { child, port };
        for _ in 0..STARTING_TRIES {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(server);
        unreachable!("{} does not listen", program.display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _status = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

/// A program that `.ci/servers` has installed, or one of the PATH.
pub(crate) fn find(below_tools: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let installed = workspace.join("target/ci").join(below_tools);
    if installed.exists() {
        return Some(installed);
    }
    let name = Path::new(below_tools).file_name()?;
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| program.exists());
    if found.is_none() {
        eprintln!(
            "skipped: {} is not installed; .ci/servers installs it",
            name.display()
        );
    }
    found
}

/// Sends a request and returns the first line of the answer.
pub(crate) fn ask(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}
