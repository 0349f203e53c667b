//! `backup --background`: the daemon does it, so that it goes on when the terminal closes.

use serde_json::json;
use strongroom_catalog::SourceName;
use strongroom_jobs::Duty;
use strongroom_jobs::socket::{Client, Reply, Request};

use super::{Args, options};
use crate::commands::daemon;
use crate::fail::{Code, Fail, Result};
use crate::output::human;
use crate::run::Agent;

pub(super) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    // What is wrong with the flags is told here and not by a job later.
    let source = options(agent, args)?.source;
    let request = Request::Run {
        duty: Duty::backup(SourceName::local(source.clone())),
        args: words(agent, args, &source)?,
        dir: "/".into(),
    };
    let reply = Client::connect(&agent.state.socket()?)?.ask(&request)?;
    let Reply::Scheduled { job } = reply else {
        let message = format!("the daemon answers {reply:?}");
        return Err(Fail::new(
            Code::Failed,
            message,
            "use the same version of both",
        ));
    };
    let document = json!({ "job": job.to_string(), "source": source });
    agent.out.result(&document, || {
        format!(
            "the daemon backs up {} as job {job}; `strongroom-agent jobs --follow` shows it",
            human::clean(&source)
        )
    })?;
    Ok(Code::Done)
}

/// The command that does the same in the foreground, from any directory and with any environment.
fn words(agent: &Agent, args: &Args, source: &str) -> Result<Vec<String>> {
    let mut words = daemon::global_words(agent)?;
    words.extend(["backup".to_owned(), format!("--source={source}")]);
    let mut flag = |name: &str, value: &str| words.push(format!("--{name}={value}"));
    for pattern in &args.selection.exclude {
        flag("exclude", pattern);
    }
    for file in &args.selection.exclude_from {
        flag("exclude-from", &daemon::absolute_text(file)?);
    }
    for (key, value) in &args.selection.tags {
        flag("tag", &format!("{key}={value}"));
    }
    if let Some(bytes) = args.selection.exclude_larger_than {
        flag("exclude-larger-than", &bytes.to_string());
    }
    if let Some(at) = args.hold_until {
        flag("hold-until", &at.to_rfc3339());
    }
    if let Some(at) = args.retain_until {
        flag("retain-until", &at.to_rfc3339());
    }
    if let Some(snapshot) = args.snapshot {
        flag("snapshot", snapshot.as_str());
    }
    if args.system_state {
        flag("system-root", &daemon::absolute_text(&args.system_root)?);
    }
    for (is_set, name) in [
        (args.selection.one_file_system, "--one-file-system"),
        (args.selection.exclude_caches, "--exclude-caches"),
        (args.system_state, "--system-state"),
        (args.verify_packages, "--verify-packages"),
    ] {
        if is_set {
            words.push(name.to_owned());
        }
    }
    if args.as_it_is {
        words.push("--as-it-is".to_owned());
    }
    words.push("--".to_owned());
    for path in &args.selection.paths {
        words.push(daemon::absolute_text(path)?);
    }
    Ok(words)
}
