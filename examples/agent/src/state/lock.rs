//! One job of a source at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::fail::{Code, Fail, Result};

/// Longest file name made from the name of a source, bytes. Longer names share a lock at worst.
const NAME_MAX_BYTES: usize = 200;

/// Held until dropped, or until the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of this name; `what` is told to the person when another process holds it.
    pub(super) fn take(dir: &Path, name: &str, what: &str) -> Result<Self> {
        let path = dir.join(file_name(name, "lock"));
        let fail = |error: std::io::Error| Fail::own_file("lock", &path, &error);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(fail(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let who = if known {
                    format!(" (process {})", holder.trim())
                } else {
                    String::new()
                };
                let help = "wait until it has ended, then run it again";
                return Err(Fail::new(
                    Code::Busy,
                    format!("another job of {what:?} is running{who}"),
                    help,
                ));
            }
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(fail)?;
        writeln!(file, "{}", std::process::id()).map_err(fail)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// A child that is just being started shares the open file, so closing ours would not be enough.
    fn drop(&mut self) {
        let _closed_anyway = self.file.unlock();
    }
}

/// A file name of any name.
pub(super) fn file_name(name: &str, ending: &str) -> String {
    let mut safe = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02x}"));
        }
    }
    safe.truncate(NAME_MAX_BYTES);
    format!("{safe}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_job_of_a_source_waits() {
        let dir = tempfile::tempdir().unwrap();
        let take = |name: &str| Lock::take(dir.path(), name, "it");
        let first = take("home").unwrap();
        let refused = take("home").unwrap_err();
        assert_eq!(refused.code, Code::Busy);
        assert!(
            refused.message.contains(&std::process::id().to_string()),
            "{}",
            refused.message
        );
        assert!(take("other").is_ok());
        drop(first);
        assert!(take("home").is_ok());
    }

    #[test]
    fn any_name_is_a_file_name() {
        assert_eq!(file_name("a/../b c", "lock"), "a%2f..%2fb%20c.lock");
        assert!(file_name(&"ä".repeat(300), "lock").len() <= NAME_MAX_BYTES + 5);
    }
}
