//! Telling after a command by hand, by a process of its own: a mail server that is slow holds up nobody.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Desk;
use crate::commands::daemon;
use crate::fail::Result;
use crate::run::Agent;

/// How long a command waits for it. It goes on after that.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// After a command that may have raised alerts: a daemon that runs is told, else they are told from here. What the daemon has
/// started it tells by itself.
pub(crate) fn after(agent: &Agent) {
    let is_of_daemon = agent.globals.scheduled || agent.globals.job.is_some();
    if is_of_daemon || !agent.current.has_news() {
        return;
    }
    if let Err(fail) = begin(agent) {
        let causes = fail.causes.iter().map(|cause| format!(": {cause}"));
        let causes: String = causes.collect();
        let message = format!("note: nobody is told of alerts: {}{causes}", fail.message);
        agent.out.note(&message);
    }
}

fn begin(agent: &Agent) -> Result<()> {
    if daemon::wake(agent) || !Desk::new(agent)?.has_due()? {
        return Ok(());
    }
    let mut child = Command::new(std::env::current_exe()?)
        .args(daemon::global_words(agent)?)
        .args(["notices", "deliver"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is for the command, which is done.
        .process_group(0)
        .spawn()?;
    let until = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() && Instant::now() < until {
        std::thread::sleep(POLL);
    }
    Ok(())
}
