//! Reading the state of a system.

mod machine;
mod tree;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::commands::Commands;
use crate::facts::{Accounts, Packages, System, SystemState, Units};
use crate::guide;
use crate::index::{Finding, INDEX_FILE, Index, Part, PartEntry, PartState, Reason};
use crate::read;

/// Last name of the directory that a tree is written to: it tells the tree among the roots of a point.
pub const TREE_NAME: &str = "system-state";

/// What is kept as it is, where it is there.
const ROOTS: [&str; 6] = [
    "/etc",
    "/boot/grub",
    "/boot/loader",
    "/usr/local/share/ca-certificates",
    "/var/lib/AccountsService",
    "/var/spool/cron",
];

/// The state of a system at one time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Taken {
    /// The facts that a plan compares.
    pub state: SystemState,
    /// What the files hold and what is missing.
    pub index: Index,
    /// All files of the tree, the index and the guide among them.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Taken {
    /// Directories and files that are to be kept beside the tree.
    #[must_use]
    pub fn roots(&self) -> Vec<PathBuf> {
        self.index.roots.iter().map(PathBuf::from).collect()
    }

    /// What is missing from it.
    pub fn lacks(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.index.findings.iter();
        findings.filter(|finding| finding.reason.is_lack())
    }
}

/// Reads the state of the system below a root. What belongs to the machine (disks, volumes, boot, network) is asked for only
/// where that is `/`. With `verify`, each file of each package is compared with what its package says: that takes minutes.
///
/// Nothing fails: what cannot be had is a [`Finding`].
pub fn take(root: &Path, commands: &dyn Commands, verify: bool) -> Taken {
    let shown = root.to_string_lossy().into_owned();
    let roots = ROOTS.iter().map(|path| beneath(root, path));
    let roots = roots.filter(|path| path.symlink_metadata().is_ok());
    let roots = roots.map(|path| path.to_string_lossy().into_owned());
    let mut reader = Reader {
        root,
        commands,
        index: Index::new(shown, roots.collect()),
        files: BTreeMap::new(),
    };
    let state = SystemState {
        system: reader.system(),
        packages: reader.packages(),
        accounts: reader.accounts(),
        units: reader.units(),
    };
    reader.configuration();
    reader.certificates();
    if root == Path::new("/") {
        reader.machine(&state.system);
    }
    reader.integrity(&state.packages, verify);
    reader.findings_to_parts();
    let guide = guide::write(&state, &reader.index, &reader.files);
    reader
        .files
        .insert("README.md".to_owned(), guide.into_bytes());
    let index = reader.index.clone();
    reader.write_json(INDEX_FILE, &index);
    Taken {
        state,
        index,
        files: reader.files,
    }
}

/// The place of an absolute path below a root.
fn beneath(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

struct Reader<'a> {
    root: &'a Path,
    commands: &'a dyn Commands,
    index: Index,
    files: BTreeMap<String, Vec<u8>>,
}

impl Reader<'_> {
    fn found(&mut self, part: Part, reason: Reason, detail: impl Into<String>) {
        self.index.findings.push(Finding {
            part,
            reason,
            detail: detail.into(),
        });
    }

    /// Notes a part; its state is that of its findings when all are known.
    fn part(&mut self, part: Part, files: &[&str]) {
        self.index.parts.push(PartEntry {
            part,
            state: PartState::Complete,
            files: files.iter().map(|&file| file.to_owned()).collect(),
        });
    }

    fn absent(&mut self, part: Part) {
        self.index.parts.push(PartEntry {
            part,
            state: PartState::Absent,
            files: Vec::new(),
        });
    }

    fn findings_to_parts(&mut self) {
        let findings = &self.index.findings;
        for entry in &mut self.index.parts {
            let mut own = findings.iter().filter(|finding| finding.part == entry.part);
            if own.any(|finding| finding.reason.is_lack()) {
                entry.state = PartState::Incomplete;
            }
        }
    }

    fn write_json(&mut self, file: &str, value: &impl Serialize) {
        // Only maps whose keys are no text fail, and there are none.
        let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
        bytes.push(b'\n');
        self.files.insert(file.to_owned(), bytes);
    }

    /// The text of a file; `None` when it is not there, or cannot be read, which is found then.
    fn text(&mut self, part: Part, path: &str) -> Option<String> {
        match std::fs::read(beneath(self.root, path)) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.found(part, Reason::Unreadable, format!("{path}: {error}"));
                None
            }
        }
    }

    /// What a program says; `None` with a finding when it does not.
    fn ask(&mut self, part: Part, program: &str, arguments: &[&str]) -> Option<String> {
        let said = self.commands.run(program, arguments, &[]);
        match said {
            Ok(output) if output.success => {
                return Some(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Ok(output) => {
                let first = output.stderr.lines().next().unwrap_or("it says nothing");
                self.found(part, Reason::ToolFailed, format!("{program}: {first}"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.found(
                    part,
                    Reason::ToolMissing,
                    format!("{program} is not installed"),
                );
            }
            Err(error) => self.found(part, Reason::ToolFailed, format!("{program}: {error}")),
        }
        None
    }

    fn system(&mut self) -> System {
        let mut text = |path| self.text(Part::System, path).unwrap_or_default();
        let os_release = text("/etc/os-release");
        let (host, zone) = (text("/etc/hostname"), text("/etc/timezone"));
        let mut system = read::system::parse(&os_release, &host, &zone, "");
        if system.time_zone.is_empty() {
            let link = std::fs::read_link(beneath(self.root, "/etc/localtime"));
            let link = link.unwrap_or_default().to_string_lossy().into_owned();
            let zone = link
                .split_once("zoneinfo/")
                .map(|(_, zone)| zone.to_owned());
            system.time_zone = zone.unwrap_or_default();
        }
        if self.root == Path::new("/") {
            let kernel = self.text(Part::System, "/proc/sys/kernel/osrelease");
            system.kernel = kernel.unwrap_or_default().trim().to_owned();
            std::env::consts::ARCH.clone_into(&mut system.architecture);
        }
        self.write_json("system.json", &system);
        self.part(Part::System, &["system.json"]);
        system
    }

    fn packages(&mut self) -> Packages {
        let packages = if let Some(status) = self.text(Part::Packages, "/var/lib/dpkg/status") {
            let extended = self.text(Part::Packages, "/var/lib/apt/extended_states");
            read::packages::dpkg(&status, &extended.unwrap_or_default())
        } else if self.has_rpm() {
            let format = ["-qa", "--queryformat", "%{NAME}\\t%{EVR}\\n"];
            let all = self.ask(Part::Packages, "rpm", &format).unwrap_or_default();
            let asked = [
                "repoquery",
                "--installed",
                "--userinstalled",
                "--qf",
                "%{name}\\n",
            ];
            let wanted = self.ask(Part::Packages, "dnf", &asked);
            read::packages::rpm(&all, wanted.as_deref())
        } else {
            self.absent(Part::Packages);
            return Packages::default();
        };
        for (name, state) in &packages.broken {
            self.found(
                Part::Packages,
                Reason::PackageBroken,
                format!("{name} is {state}"),
            );
        }
        self.write_json("packages.json", &packages);
        self.part(Part::Packages, &["packages.json"]);
        packages
    }

    fn has_rpm(&self) -> bool {
        let books = ["/var/lib/rpm", "/usr/lib/sysimage/rpm"];
        books.iter().any(|path| beneath(self.root, path).is_dir())
    }

    fn accounts(&mut self) -> Accounts {
        let part = Part::Accounts;
        let passwd = self.text(part, "/etc/passwd").unwrap_or_default();
        let group = self.text(part, "/etc/group").unwrap_or_default();
        let shadow = self.text(part, "/etc/shadow");
        let accounts = read::accounts::parse(&passwd, &group, shadow.as_deref());
        self.write_json("accounts.json", &accounts);
        self.part(part, &["accounts.json"]);
        accounts
    }

    fn units(&mut self) -> Units {
        let top = beneath(self.root, "/etc/systemd/system");
        if !top.is_dir() {
            self.absent(Part::Units);
            return Units::default();
        }
        let mut links = Vec::new();
        for (path, target) in self.links_below(Part::Units, &top) {
            if let Ok(path) = path.strip_prefix(&top) {
                links.push((path.to_string_lossy().into_owned(), target));
            }
        }
        let links = links.iter();
        let units =
            read::units::parse(links.map(|(path, target)| (path.as_str(), target.as_str())));
        self.write_json("units.json", &units);
        self.part(Part::Units, &["units.json"]);
        units
    }

    /// Symbolic links in a directory and in those right below it.
    fn links_below(&mut self, part: Part, top: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        let mut dirs = vec![top.to_owned()];
        while let Some(dir) = dirs.pop() {
            for path in self.entries(part, &dir) {
                match std::fs::read_link(&path) {
                    Ok(target) => found.push((path, target.to_string_lossy().into_owned())),
                    Err(_) if dir == top && path.is_dir() => dirs.push(path),
                    Err(_) => {}
                }
            }
        }
        found
    }

    fn entries(&mut self, part: Part, dir: &Path) -> Vec<PathBuf> {
        match std::fs::read_dir(dir) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                self.found(
                    part,
                    Reason::Unreadable,
                    format!("{}: {error}", dir.display()),
                );
                Vec::new()
            }
        }
    }

    fn configuration(&mut self) {
        if self.index.roots.is_empty() {
            self.absent(Part::Configuration);
        } else {
            self.part(Part::Configuration, &[]);
        }
    }

    /// The names of what the machine trusts and proves itself with; the files are among the roots.
    fn certificates(&mut self) {
        let places = [
            "/etc/ssl/private",
            "/etc/letsencrypt/live",
            "/usr/local/share/ca-certificates",
        ];
        let mut names = Vec::new();
        for place in places {
            let dir = beneath(self.root, place);
            let entries = self.entries(Part::Certificates, &dir).into_iter();
            names.extend(entries.map(|path| path.to_string_lossy().into_owned()));
        }
        let keys = self.entries(Part::Certificates, &beneath(self.root, "/etc/ssh"));
        let is_key = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("ssh_host_")
        };
        let keys = keys.into_iter().filter(is_key);
        names.extend(keys.map(|path| path.to_string_lossy().into_owned()));
        if names.is_empty() {
            return self.absent(Part::Certificates);
        }
        names.sort();
        self.write_json("certificates.json", &names);
        self.part(Part::Certificates, &["certificates.json"]);
    }

    /// What is not as it should be before anything is kept of it.
    fn integrity(&mut self, packages: &Packages, verify: bool) {
        let waits = beneath(self.root, "/run/reboot-required").exists();
        if waits {
            self.found(
                Part::Integrity,
                Reason::RestartPending,
                "/run/reboot-required is there",
            );
        }
        let said = match (verify, packages.manager.as_str()) {
            (true, "dpkg") => self.ask(Part::Integrity, "dpkg", &["--verify"]),
            // It ends with a failure when a file differs.
            (true, "rpm") => self
                .commands
                .run("rpm", &["-Va", "--nodeps"], &[])
                .ok()
                .map(|output| String::from_utf8_lossy(&output.stdout).into_owned()),
            _ => return self.absent(Part::Integrity),
        };
        let Some(said) = said else {
            return self.part(Part::Integrity, &[]);
        };
        // `??5?????? c /etc/file`: a changed configuration file is meant to be changed.
        let changed = said
            .lines()
            .filter(|line| line.split_whitespace().nth(1) != Some("c"));
        let changed_count = changed.count();
        if changed_count > 0 {
            let detail = format!("{changed_count} files, see integrity.txt");
            self.found(Part::Integrity, Reason::FileChanged, detail);
        }
        self.files
            .insert("integrity.txt".to_owned(), said.into_bytes());
        self.part(Part::Integrity, &["integrity.txt"]);
    }
}
