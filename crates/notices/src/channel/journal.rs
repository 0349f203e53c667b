//! The journal of the system by its own protocol: one datagram for each alert, with fields that can be asked for.

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use strongroom_catalog::Severity;

use super::Channel;
use crate::document::{fields, word};
use crate::error::{Error, Result};
use crate::notice::{Item, Notice};
use crate::text::{self, clean};

const SOCKET: &str = "/run/systemd/journal/socket";
/// Kind of our entries: `journalctl MESSAGE_ID=…`.
const MESSAGE_ID: &str = "6e8a3f0c5b1d4c7e9a2f4d1b7c3e5a90";
const IDENTIFIER: &str = "strongroom";
/// A journal that takes nothing is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What gets a line where there is no journal: standard error, as a rule.
pub type Fallback = Box<dyn Fn(&str) + Send + Sync>;

/// Writes to the journal.
pub struct JournalChannel {
    socket: PathBuf,
    fallback: Fallback,
}

impl fmt::Debug for JournalChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalChannel")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

impl JournalChannel {
    /// The journal of this system.
    #[must_use]
    pub fn system(fallback: Fallback) -> Self {
        Self::at(SOCKET, fallback)
    }

    /// The journal behind another socket.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>, fallback: Fallback) -> Self {
        Self {
            socket: socket.into(),
            fallback,
        }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.connect(&self.socket)?;
        Ok(socket)
    }
}

impl Channel for JournalChannel {
    fn send(&self, notice: &Notice) -> Result<()> {
        let fail = |error: io::Error| Error::unreachable(&self.socket.to_string_lossy(), error);
        let socket = match self.connect() {
            Ok(socket) => socket,
            Err(error) if is_absent(&error) => {
                lines(notice).iter().for_each(|line| (self.fallback)(line));
                return Ok(());
            }
            Err(error) => return Err(fail(error)),
        };
        for entry in entries(notice) {
            socket.send(&entry).map_err(fail)?;
        }
        Ok(())
    }
}

/// No journal, or nobody behind its socket.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory
    )
}

fn lines(notice: &Notice) -> Vec<String> {
    if notice.is_test() {
        return vec![text::subject(notice)];
    }
    let line = |item: &Item| {
        let help = item.alert.help.as_ref().filter(|_| !item.telling.is_end());
        let help = help.map_or(String::new(), |help| format!(" ({})", clean(help)));
        text::one_line(&notice.machine, item) + &help
    };
    notice.items.iter().map(line).collect()
}

fn entries(notice: &Notice) -> Vec<Vec<u8>> {
    let entry = |message: &str, priority: u8, more: &[(&str, String)]| {
        let mut entry = Vec::new();
        push(&mut entry, "MESSAGE", message);
        push(&mut entry, "PRIORITY", &priority.to_string());
        push(&mut entry, "SYSLOG_IDENTIFIER", IDENTIFIER);
        push(&mut entry, "MESSAGE_ID", MESSAGE_ID);
        push(&mut entry, "STRONGROOM_NOTICE", &notice.id);
        for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
            push(&mut entry, name, value);
        }
        entry
    };
    if notice.is_test() {
        return vec![entry(&text::subject(notice), 6, &[])];
    }
    let lines = lines(notice);
    let of_item = |(item, line): (&Item, &String)| {
        let told = ("STRONGROOM_TELLING", word(item.telling));
        let more = [&fields(&item.alert)[..], &[told]].concat();
        entry(line, priority(item), &more)
    };
    notice.items.iter().zip(&lines).map(of_item).collect()
}

/// As syslog counts.
fn priority(item: &Item) -> u8 {
    match (item.telling.is_end(), item.alert.severity) {
        (true, _) | (false, Severity::Informational) => 6,
        (false, Severity::Warning) => 4,
        (false, Severity::Error) => 3,
        (false, Severity::Critical) => 2,
    }
}

/// A field: by a line, or, where it has more than one, by its length.
fn push(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}
