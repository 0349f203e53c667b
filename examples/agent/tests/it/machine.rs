//! A machine to run the agent on: an empty home and nothing in the environment but a path.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use strongroom::Strongroom;
use strongroom::crypto::Passphrase;
use strongroom::vault::InitOptions;
use tempfile::TempDir;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

pub(crate) struct Machine {
    pub(crate) home: TempDir,
    /// Settings that its agent finds in the environment.
    variables: Variables,
}

/// Names and values in an environment.
pub(crate) type Variables = Vec<(&'static str, String)>;

impl Machine {
    pub(crate) fn new() -> Self {
        Self::with_variables(Variables::new())
    }

    pub(crate) fn with_variables(variables: Variables) -> Self {
        Self {
            home: tempfile::tempdir().expect("a home"),
            variables,
        }
    }

    /// A machine whose vault stands at `vault()`, made with [`PASSPHRASE`]; it has a local credential.
    pub(crate) fn with_vault() -> Self {
        Self::with_vault_of(&InitOptions::for_tests())
    }

    /// The same with options of the vault's own. The agent would take the default cost of the passphrase, which is most
    /// of the time of most tests.
    pub(crate) fn with_vault_of(options: &InitOptions) -> Self {
        let machine = Self::new();
        let file = machine.passphrase_file("passphrase", PASSPHRASE);
        let vault = machine.vault();
        let passphrase = Passphrase::new(PASSPHRASE).expect("long enough");
        Strongroom::init(vault.as_str(), &passphrase, options).expect("a vault");
        let attach = ["vault", "attach", "--vault", &vault];
        let attached = machine.run(&[&attach[..], &["--passphrase-file", &file]].concat());
        attached.ends_with(0);
        machine
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// The same as text.
    pub(crate) fn at(&self, below: &str) -> String {
        self.path(below).to_str().expect("text").to_owned()
    }

    pub(crate) fn vault(&self) -> String {
        self.at("vault")
    }

    pub(crate) fn write(&self, below: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
    }

    pub(crate) fn passphrase_file(&self, name: &str, passphrase: &str) -> String {
        self.write(name, format!("{passphrase}\n"));
        self.at(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom-agent"));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            // Root keeps its state elsewhere by default.
            .env("STRONGROOM_STATE_DIR", self.path("state"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::new(args, self.command(args).output().expect("runs"))
    }

    /// Runs with `--json` and gives the document of a command that ends with 0.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(&[args, &["--json"]].concat());
        ended.ends_with(0);
        ended.document()
    }

    /// Starts a command and returns when it has said its first line on standard error.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("runs")
    }

    /// Names of all objects of a kind in the vault, such as `d` for data packs.
    pub(crate) fn objects(&self, kind: &str) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.path("vault").join(kind)];
        while let Some(at) = open.pop() {
            let Ok(entries) = fs::read_dir(&at) else {
                continue;
            };
            for entry in entries {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    open.push(path);
                } else if !path.to_string_lossy().contains('#') {
                    found.insert(path);
                }
            }
        }
        found
    }
}

/// What a command left.
pub(crate) struct Ended {
    what: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn new(args: &[&str], output: Output) -> Self {
        Self {
            what: args.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn ends_with(&self, code: i32) {
        assert_eq!(
            self.code,
            Some(code),
            "{}\n{}{}",
            self.what,
            self.stdout,
            self.stderr
        );
    }

    /// A failure, and how it is told: one error, a next step, no panic.
    #[track_caller]
    pub(crate) fn fails_with(&self, code: i32, message: &str) {
        self.ends_with(code);
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
        assert!(
            self.stderr.contains(message),
            "{:?} not in {}",
            message,
            self.stderr
        );
        assert!(self.stderr.contains("help: "), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    /// The same, told as the one document of `--json`.
    #[track_caller]
    pub(crate) fn fails_with_json(&self, code: i32, message: &str) {
        self.ends_with(code);
        let document = self.document();
        let told = document["error"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(message), "{message:?} not in {document}");
        assert!(document["error"]["help"].is_string(), "{document}");
    }

    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{}: {error}\n{}{}", self.what, self.stdout, self.stderr)
        })
    }
}

/// Changes one byte in the middle of an object.
pub(crate) fn hurt(object: &Path) {
    let mut bytes = fs::read(object).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(object, fs::Permissions::from_mode(0o600)).expect("mine");
    fs::write(object, bytes).expect("written");
}

/// Lines of a file until one begins so; the rest of it.
pub(crate) fn field(path: &Path, name: &str) -> String {
    let file = fs::File::open(path).expect("there");
    BufReader::new(file)
        .lines()
        .map(|line| line.expect("text"))
        .find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
        .unwrap_or_else(|| panic!("{} has no {name}", path.display()))
}

/// Paths below a directory and what stands in them.
pub(crate) fn content(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).expect("readable") {
            let path = entry.expect("readable").path();
            let below = path.strip_prefix(root).expect("below").to_owned();
            if path.is_dir() {
                found.push((below, b"(directory)".to_vec()));
                open.push(path);
            } else {
                found.push((below, fs::read(&path).expect("readable")));
            }
        }
    }
    found.sort();
    found
}

/// Bytes that do not compress; the same for the same seed.
pub(crate) fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
