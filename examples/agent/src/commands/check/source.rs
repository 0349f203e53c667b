//! What is to be backed up, and who does it.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

use super::Check;
use crate::output::human;

/// What stands below the given paths.
pub(super) struct Source {
    pub(super) bytes: u64,
    files_count: u64,
    unreadable_count: u64,
    first_unreadable: Option<String>,
}

/// Looks at everything below the paths; `None` when there are none.
pub(super) fn measure(paths: &[PathBuf]) -> Option<Source> {
    let mut source = Source {
        bytes: 0,
        files_count: 0,
        unreadable_count: 0,
        first_unreadable: None,
    };
    for path in paths {
        // A link that is named means what it leads to.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        source.add(path);
    }
    (!paths.is_empty()).then_some(source)
}

impl Source {
    fn add(&mut self, path: PathBuf) {
        let mut waiting = vec![path];
        while let Some(path) = waiting.pop() {
            if let Err(error) = self.look(&path, &mut waiting) {
                self.unreadable_count += 1;
                self.first_unreadable
                    .get_or_insert_with(|| format!("{}: {error}", path.display()));
            }
        }
    }

    fn look(&mut self, path: &Path, waiting: &mut Vec<PathBuf>) -> std::io::Result<()> {
        let meta = std::fs::symlink_metadata(path)?;
        if meta.is_dir() {
            for entry in std::fs::read_dir(path)? {
                waiting.push(entry?.path());
            }
        } else {
            self.files_count += 1;
        }
        if meta.is_file() {
            self.bytes += meta.len();
            rustix::fs::accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)?;
        }
        Ok(())
    }
}

/// Everything in the source can be read.
pub(super) fn readable(source: &Source) -> Check {
    let check = Check::new("source", "every file can be read");
    let all = format!(
        "{}, {}",
        human::counted(source.files_count, "file"),
        human::bytes(source.bytes)
    );
    match &source.first_unreadable {
        None => check.ok(all),
        Some(first) => check.warning(
            format!(
                "{all}; {} cannot be read, first {first}",
                human::count(source.unreadable_count)
            ),
            "run as a user who may read them, such as root, or leave them out with --exclude",
        ),
    }
}

/// Only root can read everybody's files and give them back to their owners.
pub(super) fn user() -> Check {
    let check = Check::new("user", "root, to read all files and to restore owners");
    if rustix::process::geteuid().is_root() {
        return check.ok("root");
    }
    let uid = rustix::process::geteuid().as_raw();
    check.warning(
        format!("user {uid}"),
        "this is fine for one's own files; run as root to protect those of others, too",
    )
}
