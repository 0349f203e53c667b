//! What is asked of the system: whether a directory can be mounted on, who uses it, and unmounting.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use crate::{Error, Result};

/// What mounts of this crate are called in the list of mounts.
pub(crate) const NAME: &str = "strongroom";
/// What ordinary users mount and unmount with.
const HELPER: &str = "fusermount3";
/// Processes that are named as users of a mount.
const USERS_MAX: usize = 5;

/// A process that uses a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Name of its program.
    pub name: String,
    /// Its number.
    pub pid: u32,
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)
    }
}

/// The directory to mount on by its real path, and whether a mount of a dead process had to be taken away first.
pub(crate) fn prepare(path: &Path) -> Result<(PathBuf, bool)> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut was_dead = false;
    if fs::metadata(&absolute).is_err_and(|error| is(&error, Errno::NOTCONN)) {
        let place = real_place(&absolute);
        if !is_ours(&place) {
            return Err(Error::Dead(absolute));
        }
        unmount(&place, true)?;
        was_dead = true;
    }
    let fail = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotADirectory(absolute.clone()),
        _ => Error::Look {
            path: absolute.clone(),
            source,
        },
    };
    let real = fs::canonicalize(&absolute).map_err(fail)?;
    match fs::read_dir(&real).map_err(fail)?.next() {
        None => Ok((real, was_dead)),
        Some(_) => Err(Error::NotEmpty(absolute)),
    }
}

/// The real path of what itself cannot be looked at.
fn real_place(path: &Path) -> PathBuf {
    let above = path.parent().and_then(|above| fs::canonicalize(above).ok());
    match (above, path.file_name()) {
        (Some(above), Some(name)) => above.join(name),
        _ => path.to_owned(),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// Whether the list of mounts says that the last mount on a path was made by this crate.
fn is_ours(path: &Path) -> bool {
    fs::read("/proc/self/mountinfo").is_ok_and(|list| is_listed_as_ours(&list, path))
}

/// `36 35 98:0 /root /point options - type source …`, with blanks in a path as `\040`.
fn is_listed_as_ours(list: &[u8], path: &Path) -> bool {
    let mut last = false;
    for line in list.split(|&byte| byte == b'\n') {
        let mut fields = line.split(|&byte| byte == b' ');
        if fields.nth(4).map(unescape).as_deref() != Some(path.as_os_str().as_bytes()) {
            continue;
        }
        let mut behind = fields.skip_while(|field| *field != b"-").skip(1);
        let is_fuse = behind.next().is_some_and(|kind| kind.starts_with(b"fuse"));
        last = is_fuse && behind.next() == Some(NAME.as_bytes());
    }
    last
}

/// Blanks, tabs, line ends and backslashes stand in the list as `\` and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\');
        let code = digits.and_then(|digits| {
            let text = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(text, 8).ok()
        });
        match code {
            Some(code) => {
                out.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    out
}

/// What a failed mount means.
pub(crate) fn mount_error(path: &Path, source: io::Error) -> Error {
    let device = Path::new("/dev/fuse");
    match fs::File::options().read(true).write(true).open(device) {
        Err(error) => Error::NoFuse(error),
        Ok(_) if source.kind() == ErrorKind::NotFound => Error::NoHelper,
        Ok(_) => Error::Refused {
            path: path.to_owned(),
            source,
        },
    }
}

/// Unmounts; with `detach`, also what is in use: it goes out of sight, and those who have it can go on.
pub(crate) fn unmount(path: &Path, detach: bool) -> Result<()> {
    let mut flags = UnmountFlags::NOFOLLOW;
    if detach {
        flags |= UnmountFlags::DETACH;
    }
    let outcome = match rustix::mount::unmount(path, flags) {
        Err(Errno::PERM) => unmount_by_helper(path, detach),
        outcome => outcome.map_err(io::Error::from),
    };
    outcome.map_err(|source| match source.kind() {
        ErrorKind::ResourceBusy => Error::Busy {
            path: path.to_owned(),
            users: users(path),
        },
        ErrorKind::NotFound => Error::NoHelper,
        _ => Error::Unmount {
            path: path.to_owned(),
            source,
        },
    })
}

fn unmount_by_helper(path: &Path, detach: bool) -> io::Result<()> {
    let mut command = Command::new(HELPER);
    command.arg(if detach { "-uz" } else { "-u" });
    let output = command
        .arg("--")
        .arg(path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false if told.contains("busy") => Err(ErrorKind::ResourceBusy.into()),
        false => Err(io::Error::other(told.trim().to_owned())),
    }
}

/// Processes that have a directory or file below a path open, as far as this process may see it. Only the names of links
/// are read: nothing is asked of the mount itself.
fn users(path: &Path) -> Vec<User> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = std::process::id();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| pid != own && uses(pid, path))
        .take(USERS_MAX)
        .map(|pid| User {
            name: program(pid),
            pid,
        })
        .collect()
}

fn uses(pid: u32, path: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let is_below = |link: PathBuf| fs::read_link(link).is_ok_and(|to| to.starts_with(path));
    let mut links = vec![
        process.join("cwd"),
        process.join("root"),
        process.join("exe"),
    ];
    if let Ok(open) = fs::read_dir(process.join("fd")) {
        links.extend(open.filter_map(|entry| Some(entry.ok()?.path())));
    }
    links.into_iter().any(is_below)
}

fn program(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    let text = OsStr::from_bytes(name.trim_ascii()).to_string_lossy();
    text.chars().filter(|letter| !letter.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_this_crate_are_told_from_others() {
        let list = b"22 1 0:21 / /a\\040b rw,nosuid - fuse strongroom ro\n\
            23 1 0:22 / /other rw shared:1 - fuse.sshfs host: rw\n\
            24 1 0:23 / /twice rw - fuse strongroom ro\n\
            25 1 0:24 / /twice rw - fuse.sshfs host: rw\n";
        let is_ours = |path: &str| is_listed_as_ours(list, Path::new(path));
        assert!(is_ours("/a b"));
        assert!(!is_ours("/other") && !is_ours("/twice") && !is_ours("/a"));
    }

    #[test]
    fn names_of_mounts_are_read_as_the_kernel_writes_them() {
        assert_eq!(unescape(b"/a\\040b\\134c"), b"/a b\\c");
        assert_eq!(unescape(b"/a\\9x\\"), b"/a\\9x\\");
    }

    #[test]
    fn a_process_with_an_open_directory_is_found() {
        let dir = std::env::temp_dir();
        let real = fs::canonicalize(&dir).unwrap();
        let mut child = Command::new("sleep")
            .arg("60")
            .current_dir(&dir)
            .spawn()
            .unwrap();
        assert!(uses(child.id(), &real));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
