//! A small system on disk, and programs that only say they did it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use strongroom_system_state::{Commands, Output};

/// A Debian of three users and four packages.
pub(crate) fn small_system(root: &Path) {
    let files = [
        (
            "etc/os-release",
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian 12\"\n",
        ),
        ("etc/hostname", "old-machine\n"),
        ("etc/timezone", "Europe/Paris\n"),
        ("etc/fstab", "UUID=1 / ext4 defaults 0 1\n"),
        ("etc/default/grub", "GRUB_TIMEOUT=5\n"),
        ("etc/ssh/ssh_host_ed25519_key", "secret\n"),
        (
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/bash\nwww:x:33:33:www:/var/www:/usr/sbin/nologin\nanna:x:1000:1000:Anna,,,:/home/anna:/bin/bash\n",
        ),
        (
            "etc/group",
            "root:x:0:\nwww:x:33:\nsudo:x:27:anna\nanna:x:1000:\n",
        ),
        ("etc/shadow", "root:*:1::\nanna:$y$j9T$anna:1::\n"),
        (
            "var/lib/dpkg/status",
            "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\nPackage: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22\n\nPackage: libpcre2\nStatus: install ok installed\nArchitecture: amd64\nVersion: 10\n\nPackage: torn\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1\n",
        ),
        (
            "var/lib/apt/extended_states",
            "Package: libpcre2\nArchitecture: amd64\nAuto-Installed: 1\n",
        ),
        ("var/spool/cron/crontabs/anna", "0 5 * * * true\n"),
    ];
    for (path, text) in files {
        write(root, path, text);
    }
    let units = root.join("etc/systemd/system");
    fs::create_dir_all(units.join("multi-user.target.wants")).expect("made");
    symlink(
        "/lib/systemd/system/nginx.service",
        units.join("multi-user.target.wants/nginx.service"),
    )
    .expect("made");
    symlink("/dev/null", units.join("rpcbind.service")).expect("made");
}

pub(crate) fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("below the root")).expect("made");
    fs::write(path, text).expect("made");
}

/// Remembers what it was asked to run; says what it was told to say, else nothing.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) answers: BTreeMap<&'static str, Option<(bool, &'static str)>>,
    pub(crate) asked: RefCell<Vec<String>>,
    pub(crate) inputs: RefCell<Vec<String>>,
}

impl Commands for Scripted {
    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> io::Result<Output> {
        let line = [&[program], arguments].concat().join(" ");
        self.asked.borrow_mut().push(line.clone());
        if !input.is_empty() {
            let input = String::from_utf8_lossy(input).into_owned();
            self.inputs.borrow_mut().push(input);
        }
        let mut answers = self.answers.iter();
        let answer = answers.find(|(start, _)| line.starts_with(**start));
        match answer {
            Some((_, None)) => Err(io::ErrorKind::NotFound.into()),
            Some((_, Some((success, said)))) => Ok(Output {
                success: *success,
                stdout: said.as_bytes().to_vec(),
                stderr: if *success {
                    String::new()
                } else {
                    (*said).to_owned()
                },
            }),
            None => Ok(Output {
                success: true,
                stdout: Vec::new(),
                stderr: String::new(),
            }),
        }
    }
}
