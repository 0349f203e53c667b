//! The one seam through which other programs are run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Whether it says that all went well.
    pub success: bool,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, for people.
    pub stderr: String,
}

/// Runs programs of a system.
pub trait Commands {
    /// Runs a program to its end, with these bytes as standard input.
    ///
    /// # Errors
    /// `NotFound` when there is no such program; others when it cannot be run.
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> io::Result<Output>;
}

/// Runs the programs of the system below a root, inside of it where that is not `/`.
#[derive(Debug, Clone)]
pub struct SystemCommands {
    root: PathBuf,
}

impl SystemCommands {
    /// For the system below this directory.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Commands for SystemCommands {
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> io::Result<Output> {
        let mut command = if self.root == Path::new("/") {
            Command::new(program)
        } else {
            let places = ["usr/sbin", "usr/bin", "sbin", "bin"];
            let mut places = places.iter().map(|place| self.root.join(place));
            // `chroot` would fail with a code of its own that a program may have, too.
            if !places.any(|place| place.join(program).exists()) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let mut command = Command::new("chroot");
            command.arg(&self.root).arg(program);
            command
        };
        command
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // All input is far below what a pipe takes in; one that does not read it says so by its exit.
            match stdin.write_all(input) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
                _ => {}
            }
        }
        let output = child.wait_with_output()?;
        Ok(Output {
            success: output.status.success(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
