//! `pause` and `resume`: no scheduled jobs for a while.

use chrono::{DateTime, Utc};
use serde_json::json;
use strongroom_catalog::SourceName;
use strongroom_jobs::Pause;

use crate::commands::daemon;
use crate::commands::policy::file;
use crate::fail::{Code, Fail, Result};
use crate::journal;
use crate::output::{human, json};
use crate::run::{Agent, now};
use crate::values;

#[derive(Debug, clap::Args)]
pub(crate) struct PauseArgs {
    /// Only the jobs of this source [default: all, housekeeping too]
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
    /// Until this time [default: until `resume`]
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<DateTime<Utc>>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// Only this source, which is protected again if that was stopped [default: end all pauses]
    #[arg(value_name = "SOURCE")]
    source: Option<String>,
}

pub(crate) fn pause(agent: &Agent, args: &PauseArgs) -> Result<Code> {
    let now = now();
    if args.until.is_some_and(|until| until <= now) {
        let help = "give --until a time that is still to come";
        return Err(Fail::usage("the end of the pause has passed", help));
    }
    let source = args
        .source
        .as_deref()
        .map(|name| known(agent, name))
        .transpose()?;
    let mut halts = agent.state.halts()?;
    let pause = Pause {
        since: now,
        until: args.until,
    };
    halts.pause(source.as_ref(), pause);
    agent.state.keep_halts(&halts)?;
    daemon::wake(agent);
    let document = json!({
        "paused": true,
        "source": args.source,
        "until": args.until.map(json::time),
    });
    agent.out.result(&document, || {
        let what = args.source.as_deref().map_or_else(
            || "no scheduled job starts".to_owned(),
            |source| format!("no scheduled job of {} starts", human::clean(source)),
        );
        let until = args
            .until
            .map_or_else(|| "`strongroom-agent resume`".to_owned(), human::time);
        format!("{what} until {until}; what runs goes on, and backups by hand work")
    })?;
    Ok(Code::Done)
}

pub(crate) fn resume(agent: &Agent, args: &ResumeArgs) -> Result<Code> {
    let source = args.source.clone().map(SourceName::local);
    let mut halts = agent.state.halts()?;
    let is_changed = halts.resume(source.as_ref());
    agent.state.keep_halts(&halts)?;
    daemon::wake(agent);
    let document = json!({ "resumed": is_changed, "source": args.source });
    agent.out.result(&document, || match is_changed {
        true => "resumed; what was missed is made up for as the policy says".to_owned(),
        false => "nothing was paused".to_owned(),
    })?;
    Ok(Code::Done)
}

/// The source of this name that the policy or the journal knows.
pub(crate) fn known(agent: &Agent, name: &str) -> Result<SourceName> {
    let source = SourceName::local(name);
    // A policy that does not parse must not keep anybody from pausing.
    let policy = file::stored(agent).ok().flatten();
    let is_in_policy =
        policy.is_some_and(|read| read.policy.sources.iter().any(|one| one.name == name));
    if is_in_policy || is_in_catalog(agent, &source)? {
        return Ok(source);
    }
    let help = "name one of the policy's sources, or one that was backed up here";
    Err(Fail::usage(format!("there is no source {name:?}"), help))
}

fn is_in_catalog(agent: &Agent, source: &SourceName) -> Result<bool> {
    let known = journal::journal(agent)?.with_catalog(now(), |catalog| {
        let snapshot = catalog.snapshot()?;
        Ok(snapshot.source(source)?.is_some() || snapshot.jobs_of(source).next().is_some())
    })?;
    Ok(known)
}
