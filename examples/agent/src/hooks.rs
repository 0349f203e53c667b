//! Commands around a backup, as the policy names them.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use strongroom::Cancel;
use strongroom_policy::Hooks;

use crate::fail::{Code, Fail, Problem, Result};

const POLL: Duration = Duration::from_millis(20);

/// Does something between the commands before and after it. One before that fails stops it, and so does `cancel`; those after
/// run in any case. Returns what was done, and why commands after it failed.
pub(crate) fn around<T>(
    hooks: &Hooks,
    source: &str,
    cancel: &Cancel,
    act: impl FnOnce() -> Result<T>,
) -> Result<(T, Vec<Fail>)> {
    let run = |command: &String, cancel: &Cancel| run(command, source, hooks.timeout_secs, cancel);
    let mut before = hooks.before_backup.iter();
    let before = before.try_for_each(|command| run(command, cancel));
    let outcome = before.and_then(|()| act());
    let after: Vec<Fail> = hooks
        .after_backup
        .iter()
        .filter_map(|command| run(command, &Cancel::new()).err())
        .collect();
    Ok((outcome?, after))
}

fn run(command: &str, source: &str, timeout_secs: u32, cancel: &Cancel) -> Result<()> {
    let help = "run the command by hand, or take it out of the policy";
    let fail = |why: String| {
        let message = format!("the hook {command:?} {why}");
        Fail::new(Code::Failed, message, help).named(Problem::HookFailed)
    };
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env("STRONGROOM_SOURCE", source)
        .stdin(Stdio::null())
        // Standard output is for our own result.
        .stdout(standard_error().map_err(|error| fail("cannot be run".to_owned()).because(&error))?)
        .process_group(0);
    let mut child = shell
        .spawn()
        .map_err(|error| fail("cannot be run".to_owned()).because(&error))?;
    match wait(&mut child, timeout_secs, cancel) {
        Ok(None) if cancel.is_cancelled() => Err(strongroom::Error::Cancelled.into()),
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(fail(format!("failed: {status}"))),
        Ok(None) => Err(fail(format!(
            "did not end within {timeout_secs} s and was killed"
        ))),
        Err(error) => Err(fail("cannot be waited for".to_owned()).because(&error)),
    }
}

fn standard_error() -> io::Result<Stdio> {
    Ok(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
}

/// `None` when its time was over or somebody wants it to stop: then it and all that it has started are killed.
fn wait(child: &mut Child, timeout_secs: u32, cancel: &Cancel) -> io::Result<Option<ExitStatus>> {
    let polls = u64::from(timeout_secs) * 1000 / 20;
    for _ in 0..polls {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if cancel.is_cancelled() {
            break;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(before: &str, after: &str, timeout_secs: u32) -> Hooks {
        let mut hooks = Hooks::default();
        hooks.before_backup = vec![before.to_owned()];
        hooks.after_backup = vec![after.to_owned()];
        hooks.timeout_secs = timeout_secs;
        hooks
    }

    #[test]
    fn they_run_before_and_after() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("log");
        let log = |what: &str| format!("echo {what} $STRONGROOM_SOURCE >> '{}'", file.display());
        let done = around(
            &hooks(&log("before"), &log("after"), 9),
            "home",
            &Cancel::new(),
            || Ok(std::fs::read_to_string(&file).unwrap()),
        );
        let (seen, failed) = done.unwrap();
        assert_eq!((seen.as_str(), failed.len()), ("before home\n", 0));
        let all = std::fs::read_to_string(&file).unwrap();
        assert_eq!(all, "before home\nafter home\n");
    }

    #[test]
    fn one_before_that_fails_or_hangs_stops_the_job_but_not_those_after() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("after");
        let after = format!("touch '{}'", file.display());
        for (command, said) in [("exit 7", "failed"), ("sleep 60 & wait", "within 1 s")] {
            let mut has_run = false;
            let outcome = around(&hooks(command, &after, 1), "home", &Cancel::new(), || {
                has_run = true;
                Ok(())
            });
            let fail = outcome.unwrap_err();
            assert!(fail.message.contains(said), "{}", fail.message);
            assert!(!has_run);
            std::fs::remove_file(&file).expect("the one after has run");
        }
    }

    #[test]
    fn one_that_hangs_is_killed_when_somebody_wants_it_to_stop() {
        let cancel = Cancel::new();
        let stop = cancel.clone();
        std::thread::spawn(move || stop.cancel());
        let outcome = around(
            &hooks("sleep 60 & wait", "true", 90),
            "home",
            &cancel,
            || Ok(()),
        );
        assert_eq!(outcome.unwrap_err().code, Code::Cancelled);
    }

    #[test]
    fn one_that_leaves_something_running_has_ended() {
        let done = around(
            &hooks("sleep 5 &", "true", 90),
            "home",
            &Cancel::new(),
            || Ok(7),
        );
        assert_eq!(done.unwrap().0, 7);
    }

    #[test]
    fn one_after_that_fails_is_told() {
        let ((), failed) = around(
            &hooks("true", "false", 9),
            "home",
            &Cancel::new(),
            || Ok(()),
        )
        .unwrap();
        assert!(failed[0].message.contains("false"), "{}", failed[0].message);
    }
}
