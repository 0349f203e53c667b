//! Owner, mode, extended attributes and times.

use std::fmt::Display;
use std::io;

use rustix::fd::AsFd;
use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::TargetDir;
use super::subject::Subject;
use crate::fs::entry::{Kind, Meta, Xattrs};
use crate::fs::handle::open_beneath;
use crate::fs::xattr::Holder;

/// What an entry is to look like.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    /// Kind, mode, owner, group and time of the last change.
    pub meta: &'a Meta,
    /// Extended attributes, ACLs and capabilities included. Others are removed where they would matter.
    pub xattrs: &'a Xattrs,
    /// Set owner and group, too.
    pub ownership: bool,
}

impl TargetDir {
    /// Sets metadata and extended attributes of the directory itself; to be called after the last entry is written.
    /// Returns what was refused.
    #[must_use]
    pub fn apply(&self, attributes: &Attributes<'_>) -> Vec<String> {
        match self.handle() {
            Ok(handle) => Subject::of(&handle).apply(attributes),
            Err(error) => vec![format!("attributes not set: {error}")],
        }
    }

    /// Sets the permissions of the directory itself.
    ///
    /// # Errors
    /// Those of `chmod(2)`.
    pub fn set_own_mode(&self, mode: u16) -> io::Result<()> {
        Ok(Subject::of(&*self.handle()?).chmod(mode)?)
    }

    /// Sets the permissions of an entry that is no symlink, without reading it.
    ///
    /// # Errors
    /// Those of `open(2)` and `chmod(2)`; it is not followed where it is a symlink by now, but refused.
    pub fn set_mode(&self, name: &[u8], mode: u16) -> io::Result<()> {
        let fd = open_beneath(self.handle()?.fd(), name, OFlags::PATH)?;
        if Meta::of_open(&fd)?.kind == Kind::Symlink {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Subject::Pinned(fd.as_fd()).chmod(mode)?)
    }

    /// Sets metadata and extended attributes of an entry of any kind without reading it. A symlink is not followed:
    /// its own attributes are set. Returns what was refused; everything, if the entry is not of the wanted kind.
    #[must_use]
    pub fn apply_to(&self, name: &[u8], attributes: &Attributes<'_>) -> Vec<String> {
        let opened = self
            .handle()
            .and_then(|handle| open_beneath(handle.fd(), name, OFlags::PATH));
        match opened {
            Ok(fd) => Subject::Pinned(fd.as_fd()).apply(attributes),
            Err(error) => vec![format!("attributes not set: {error}")],
        }
    }
}

impl Subject<'_> {
    /// Sets everything that differs; returns what was refused.
    pub(super) fn apply(self, wanted: &Attributes<'_>) -> Vec<String> {
        let now = match Meta::of_open(self.fd()) {
            Ok(now) if now.kind == wanted.meta.kind => now,
            Ok(_) => return vec!["attributes not set: another entry took its place".to_owned()],
            Err(error) => return vec![format!("attributes not set: {error}")],
        };
        let mut work = Work {
            subject: self,
            wanted,
            now,
            is_mode_stale: false,
            refused: Vec::new(),
        };
        work.set_owner();
        // User attributes need write permission, which the final mode may take away. ACLs hold a part of the mode,
        // which setting the mode changes.
        let held = work.held();
        work.set_xattrs(&held, |name| !is_acl(name));
        work.set_mode();
        work.set_xattrs(&held, is_acl);
        work.set_times();
        work.refused
    }
}

struct Work<'a> {
    subject: Subject<'a>,
    wanted: &'a Attributes<'a>,
    now: Meta,
    /// The mode is no longer `now.mode`, or not known to be.
    is_mode_stale: bool,
    refused: Vec<String>,
}

impl Work<'_> {
    fn refuse(&mut self, what: impl Display, error: Errno) {
        self.refused
            .push(format!("{what} not set: {}", io::Error::from(error)));
    }

    fn set_owner(&mut self) {
        let Meta { uid, gid, .. } = *self.wanted.meta;
        let new_uid = (uid != self.now.uid).then_some(uid);
        let new_gid = (gid != self.now.gid).then_some(gid);
        if !self.wanted.ownership || (new_uid.is_none() && new_gid.is_none()) {
            return;
        }
        match self.subject.chown(new_uid, new_gid) {
            Ok(()) => (self.now.uid, self.now.gid) = (uid, gid),
            Err(error) => {
                self.refuse(format_args!("owner {uid}:{gid}"), error);
                // An ordinary user may still choose among the own groups.
                if new_uid.is_some()
                    && new_gid.is_some()
                    && self.subject.chown(None, new_gid).is_ok()
                {
                    self.now.gid = gid;
                }
            }
        }
        // Any change of owner takes setuid and setgid away.
        self.is_mode_stale = true;
    }

    fn set_mode(&mut self) {
        let meta = self.wanted.meta;
        if meta.kind == Kind::Symlink {
            return;
        }
        let mut mode = meta.mode;
        // Such a bit lends the rights of the owner; not of another one than was meant.
        if mode & 0o4000 != 0 && self.now.uid != meta.uid {
            mode &= !0o4000;
            self.refused
                .push("setuid not set: the owner is another one".to_owned());
        }
        if mode & 0o2000 != 0 && self.now.gid != meta.gid && meta.kind != Kind::Directory {
            mode &= !0o2000;
            self.refused
                .push("setgid not set: the group is another one".to_owned());
        }
        if !self.is_mode_stale && mode == self.now.mode {
            return;
        }
        self.is_mode_stale = true;
        if let Err(error) = self.subject.chmod(mode) {
            self.refuse(format_args!("mode {mode:o}"), error);
        }
    }

    fn held(&self) -> Xattrs {
        // Without /proc there is no telling; what is wanted is set then, or refused.
        self.subject.holder().read_all().unwrap_or_default()
    }

    /// Sets and removes those extended attributes that are in the scope.
    fn set_xattrs(&mut self, held: &Xattrs, scope: impl Fn(&[u8]) -> bool) {
        let wanted = self.wanted.xattrs;
        for (name, _) in held
            .iter()
            .filter(|(name, _)| scope(name) && is_removable(name))
        {
            if !wanted.iter().any(|(other, _)| other == name) {
                match self.writing(|holder| holder.remove(name)) {
                    Ok(()) | Err(Errno::NODATA) => {}
                    Err(error) => {
                        self.refuse(format_args!("absence of {}", name.escape_ascii()), error);
                    }
                }
            }
        }
        for pair in wanted.iter().filter(|(name, _)| scope(name)) {
            let (name, value) = pair;
            // A change of the mode changed the ACL that was held.
            let is_due = !held.contains(pair) || (is_acl(name) && self.is_mode_stale);
            if is_due && let Err(error) = self.writing(|holder| holder.set(name, value)) {
                self.refuse(name.escape_ascii(), error);
            }
        }
    }

    /// Does it again with permission to write, if that was all that the owner lacked.
    fn writing(
        &mut self,
        change: impl Fn(&Holder<'_>) -> rustix::io::Result<()>,
    ) -> rustix::io::Result<()> {
        let first = change(&self.subject.holder());
        let is_locked = self.now.mode & 0o200 == 0 && self.now.kind != Kind::Symlink;
        if first != Err(Errno::ACCESS)
            || !is_locked
            || self.subject.chmod(self.now.mode | 0o200).is_err()
        {
            return first;
        }
        self.is_mode_stale = true;
        self.now.mode |= 0o200;
        change(&self.subject.holder())
    }

    fn set_times(&mut self) {
        let mtime = self.wanted.meta.mtime;
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: mtime.secs,
                tv_nsec: i64::from(mtime.nanos),
            },
        };
        if let Err(error) = self.subject.set_times(&times) {
            self.refuse("time of change", error);
        }
    }
}

fn is_acl(name: &[u8]) -> bool {
    name.starts_with(b"system.posix_acl_")
}

/// Others are kept by the kernel or the file system itself, such as security labels: nobody put them there.
fn is_removable(name: &[u8]) -> bool {
    name.starts_with(b"user.")
        || name.starts_with(b"trusted.")
        || name == b"security.capability"
        || is_acl(name)
}

#[cfg(test)]
mod tests;
