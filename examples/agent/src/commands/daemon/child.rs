//! A job of the daemon is a process of its own: the command that a person would run. So the daemon stays small, what a job
//! does to its process harms nobody else, and a job outlives a daemon that is killed.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use strongroom::Cancel;
use strongroom_jobs::Outcome;

use crate::fail::Code;

/// Between two looks at a process that runs.
const POLL: Duration = Duration::from_millis(200);
/// How long one that was asked to stop may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs this program with these words, and tells how it has ended.
pub(super) fn run(
    args: &[String],
    dir: &std::path::Path,
    variables: &[(&str, &str)],
    cancel: &Cancel,
) -> io::Result<ExitStatus> {
    // The name under which the program was started may have got another file since: an update.
    let program = std::env::current_exe()?;
    let mut child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let ended = wait(&mut child, cancel);
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    ended
}

fn wait(child: &mut Child, cancel: &Cancel) -> io::Result<ExitStatus> {
    let mut asked_at: Option<Instant> = None;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        match asked_at {
            None if cancel.is_cancelled() => {
                asked_at = Some(Instant::now());
                let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                if let Some(process) = process {
                    kill_process(process, Signal::TERM)?;
                }
            }
            Some(at) if at.elapsed() > PATIENCE => child.kill()?,
            _ => {}
        }
        std::thread::sleep(POLL);
    }
}

/// What an exit code means for the schedule; `finds` is true for a job that has done its work when it has found damage.
pub(super) fn outcome(status: ExitStatus, finds: bool) -> Outcome {
    let is = |code: Code| status.code() == Some(code as i32);
    if status.success() {
        Outcome::Done
    } else if is(Code::Warnings) || (finds && is(Code::Damage)) {
        Outcome::DoneWithWarnings
    } else if is(Code::Busy) {
        Outcome::Busy
    } else if is(Code::Cancelled) || status.signal() == Some(Signal::TERM.as_raw()) {
        Outcome::Stopped
    } else {
        Outcome::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_have_their_meaning() {
        let of = |code: i32, finds| outcome(ExitStatus::from_raw(code << 8), finds);
        assert_eq!(of(0, false), Outcome::Done);
        assert_eq!(of(3, false), Outcome::DoneWithWarnings);
        assert_eq!(
            (of(4, true), of(4, false)),
            (Outcome::DoneWithWarnings, Outcome::Failed)
        );
        assert_eq!(of(7, false), Outcome::Busy);
        assert_eq!(of(130, false), Outcome::Stopped);
        for code in [1, 2, 5, 6, 101] {
            assert_eq!(of(code, false), Outcome::Failed);
        }
        assert_eq!(
            outcome(ExitStatus::from_raw(9), false),
            Outcome::Failed,
            "killed"
        );
    }
}
