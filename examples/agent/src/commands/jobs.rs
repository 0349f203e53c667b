//! `jobs`: what was run, what runs, and how to stop it.

mod follow;

use serde_json::{Value, json};
use strongroom_catalog::{Job, JobState};

use crate::commands::daemon;
use crate::fail::{Code, Fail, Result};
use crate::journal;
use crate::output::human::{self, Align};
use crate::output::{Colour, json};
use crate::run::{Agent, now};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    /// Show what happens to jobs until Ctrl-C
    #[arg(long)]
    follow: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Ask a job to stop: what it has stored is used by the next one
    Stop {
        /// Id of the job, as `jobs` shows it
        job: String,
    },
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    if let Some(Command::Stop { job }) = &args.command {
        return stop(agent, job);
    }
    let journal = journal::journal(agent)?;
    let jobs = journal.jobs(args.last, now())?;
    if args.follow {
        return follow::run(agent, &journal, &jobs);
    }
    if agent.out.json {
        agent
            .out
            .document(&jobs.iter().map(document).collect::<Vec<_>>())?;
    } else {
        agent.out.text(&table(agent, &jobs))?;
    }
    Ok(Code::Done)
}

fn stop(agent: &Agent, id: &str) -> Result<Code> {
    let id = id
        .parse()
        .map_err(|error: strongroom_catalog::ParseIdError| {
            Fail::usage(
                error.to_string(),
                "run `strongroom-agent jobs` to see the ids",
            )
        })?;
    let job = journal::journal(agent)?.stop(id, now())?;
    daemon::wake(agent);
    let document = json!({ "job": id.to_string(), "state": "cancelling" });
    agent.out.result(&document, || {
        let kind = &job.kind;
        format!("job {id} ({kind}) is asked to stop")
    })?;
    Ok(Code::Done)
}

pub(super) fn document(job: &Job) -> Value {
    let failure = job.failure.as_ref().map(
        |failure| json!({ "code": failure.code, "message": failure.message, "help": failure.help }),
    );
    json!({
        "job": job.id.to_string(),
        "kind": job.kind.as_str(),
        "state": job.state.as_str(),
        "source": job.source.as_ref().map(ToString::to_string),
        "slots": job.slots,
        "created_at": json::time(job.created_at),
        "started_at": job.started_at.map(json::time),
        "ended_at": job.ended_at.map(json::time),
        "phase": job.phase().map(strongroom_catalog::Phase::as_str),
        "done_bytes": job.progress.done_bytes,
        "expected_bytes": job.progress.expected_bytes,
        "done_count": job.progress.done_count,
        "warnings_count": job.warnings_count,
        "recovery_point": job.recovery_point.as_ref().map(ToString::to_string),
        "error": failure,
    })
}

fn table(agent: &Agent, jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return "no jobs".to_owned();
    }
    let columns = [
        ("job", Align::Left),
        ("kind", Align::Left),
        ("source", Align::Left),
        ("state", Align::Left),
        ("started", Align::Left),
        ("done", Align::Right),
        ("", Align::Left),
    ];
    let rows: Vec<_> = jobs.iter().map(row).collect();
    let text = human::table(&columns, &rows);
    let colour = match jobs.iter().any(|job| job.state == JobState::Failed) {
        true => Colour::Strong,
        false => return text,
    };
    let failed = jobs
        .iter()
        .filter(|job| job.state == JobState::Failed)
        .count();
    let failed = human::counted(u64::try_from(failed).unwrap_or(u64::MAX), "job");
    let note = agent.out.paint(colour, &format!("{failed} failed"));
    format!("{text}\n\n{note}; `strongroom-agent alerts` tells what is still to be done about it")
}

fn row(job: &Job) -> Vec<String> {
    let source = job.source.as_ref().map(ToString::to_string);
    let failure = job
        .failure
        .as_ref()
        .map(|failure| human::clean(&failure.message));
    let phase = job.phase().filter(|_| !job.state.has_ended());
    let phase = phase.map(|phase| phase.as_str().replace('_', " "));
    vec![
        job.id.to_string(),
        job.kind.to_string(),
        human::clean(&source.unwrap_or_default()),
        job.state.as_str().replace('_', " "),
        job.started_at.map_or_else(String::new, human::time),
        done(job),
        failure.or(phase).unwrap_or_default(),
    ]
}

/// `400 B of 1.0 KiB`.
pub(super) fn done(job: &Job) -> String {
    let done = human::bytes(job.progress.done_bytes);
    match job.progress.expected_bytes {
        Some(expected) if !job.state.has_ended() => format!("{done} of {}", human::bytes(expected)),
        _ if job.progress.done_bytes == 0 => String::new(),
        _ => done,
    }
}
