//! Programs of the administrator: the notice as JSON on standard input.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use super::Channel;
use crate::document::document;
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::settings::Command;

const POLL: Duration = Duration::from_millis(20);
const POLLS_PER_SEC: u64 = 50;

/// Runs one program.
#[derive(Debug)]
pub struct CommandChannel {
    settings: Command,
}

impl CommandChannel {
    /// Runs by these settings.
    #[must_use]
    pub fn new(settings: Command) -> Self {
        Self { settings }
    }
}

impl Channel for CommandChannel {
    fn send(&self, notice: &Notice) -> Result<()> {
        let Command {
            run, timeout_secs, ..
        } = &self.settings;
        let (program, arguments) = run.split_first().ok_or_else(|| {
            Error::unreachable(&self.settings.name, io::Error::other("no program"))
        })?;
        let fail = |error: io::Error| Error::unreachable(program, error);
        let input = input(&document(notice).to_string()).map_err(fail)?;
        let mut child = std::process::Command::new(program)
            .args(arguments)
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        match wait(&mut child, *timeout_secs).map_err(fail)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(Error::Refused {
                place: program.clone(),
                said: status.to_string(),
                is_passing: true,
            }),
            None => Err(Error::TimedOut {
                place: program.clone(),
                timeout_secs: *timeout_secs,
            }),
        }
    }
}

/// A file in memory: a program that does not read it blocks nobody, as a pipe would.
fn input(text: &str) -> io::Result<Stdio> {
    let mut file = File::from(memfd_create("strongroom-notice", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file.into())
}

/// `None` when its time was over: then it and all that it has started are killed.
fn wait(child: &mut Child, timeout_secs: u32) -> io::Result<Option<ExitStatus>> {
    for _ in 0..u64::from(timeout_secs) * POLLS_PER_SEC {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(POLL);
    }
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // A group that has just ended by itself is as good as killed.
    let killed = group.map(|group| kill_process_group(group, Signal::KILL));
    if let Some(Err(error)) = killed.filter(|killed| *killed != Err(Errno::SRCH)) {
        return Err(error.into());
    }
    child.wait()?;
    Ok(None)
}
