//! `backup --due`: the runs that the policy of this machine says are due, and no others.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use strongroom_catalog::SourceName;
use strongroom_jobs::{Duty, Halt};
use strongroom_policy::{Decision, Due, LastRuns, Missed, PolicyFile, Timetable};

use super::{Args, Made, Reading, Selection, as_job, options, run_once};
use crate::commands::policy::file;
use crate::fail::{Code, Fail, Problem, Result};
use crate::hooks;
use crate::output::{human, json};
use crate::run::{Agent, now};
use crate::security;

pub(super) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    security::look_at_policy(agent);
    // Where there is no daemon, a timer that finds nothing due tells what could not be told before.
    agent.current.note_news();
    let read = file::stored(agent)?.ok_or_else(|| {
        let help = "write one and run `strongroom-agent policy set FILE`";
        Fail::usage("this machine has no policy", help).named(Problem::NoPolicy)
    })?;
    let policy = &read.policy;
    let jobs = jobs(args, policy)?;
    if let [job] = jobs.as_slice() {
        return one(agent, policy, job)?.print(agent);
    }
    // One source that fails does not keep the others from theirs.
    let outcomes: Vec<Result<Made>> = jobs.iter().map(|job| one(agent, policy, job)).collect();
    print(agent, &jobs, outcomes)
}

/// A backup for each source: what the command line names, else all that the policy names.
fn jobs(args: &Args, policy: &PolicyFile) -> Result<Vec<Args>> {
    if !args.selection.paths.is_empty() {
        return Ok(vec![args.clone()]);
    }
    let is_meant = |name: &String| {
        args.selection
            .source
            .as_ref()
            .is_none_or(|source| source == name)
    };
    let chosen = policy.sources.iter().filter(|spec| is_meant(&spec.name));
    let jobs: Vec<Args> = chosen
        .map(|spec| Args {
            selection: Selection {
                paths: spec.paths.iter().map(PathBuf::from).collect(),
                source: Some(spec.name.clone()),
                exclude: [args.selection.exclude.clone(), spec.exclude.clone()].concat(),
                exclude_larger_than: args
                    .selection
                    .exclude_larger_than
                    .or(spec.exclude_larger_than_bytes),
                exclude_caches: args.selection.exclude_caches || spec.exclude_caches,
                one_file_system: args.selection.one_file_system || spec.one_file_system,
                ..args.selection.clone()
            },
            snapshot: args.snapshot.or(Some(spec.snapshot)),
            system_state: spec.system_state,
            ..args.clone()
        })
        .collect();
    match (jobs.is_empty(), &args.selection.source) {
        (false, _) => Ok(jobs),
        (true, Some(source)) => Err(Fail::usage(
            format!("the policy has no source {source:?}"),
            "name one of its `sources`, or give the paths too",
        )),
        (true, None) => Err(Fail::usage(
            "neither the policy nor the command line says what to back up",
            "give the paths, or add `sources` to the policy",
        )),
    }
}

fn one(agent: &Agent, policy: &PolicyFile, args: &Args) -> Result<Made> {
    let source = args.selection.source()?;
    let zone = file::zone(policy);
    let timetable = Timetable::new(policy.schedule.clone(), zone).with_catch_up(policy.catch_up);
    let mut runs = match agent.state.last_runs(&source)? {
        Some(runs) => runs,
        None => LastRuns::since(set_at(agent)?),
    };
    let now = now();
    runs.observe(now);
    let duty = Duty::backup(SourceName::local(source.clone()));
    if let Some(halt) = agent.state.halts()?.of(&duty, now) {
        return Ok(halted(&source, halt));
    }
    let (due, missed) = match timetable.due_now(&runs, now) {
        Decision::Run { due, missed } => (due, missed),
        Decision::Wait { until, missed } => {
            agent.state.keep_last_runs(&source, &runs)?;
            return Ok(wait(&source, until, missed));
        }
        other => return Err(Fail::usage(format!("{other}"), "use a newer version")),
    };
    let mut options = options(agent, args)?;
    options.slots = Some(due.slots.iter().map(ToString::to_string).collect());
    let made = as_job(agent, options, |options| {
        let cancel = options.cancel.clone();
        let act = || run_once(agent, options, Reading::of(args));
        let (mut made, failed) = hooks::around(&policy.hooks, &source, &cancel, act)?;
        for fail in &failed {
            agent.out.note(&format!("warning: {}", fail.message));
            made.code = Code::Warnings;
        }
        Ok(made)
    })?;
    // A run that failed is tried again when the next one asks.
    if !args.dry_run {
        runs.record(&due, now);
        agent.state.keep_last_runs(&source, &runs)?;
    }
    Ok(with_slots(made, &due, missed))
}

/// What was due before the policy was set is not made up for.
fn set_at(agent: &Agent) -> Result<DateTime<Utc>> {
    let path = agent.state.dir()?.join("policy.toml");
    let modified = std::fs::metadata(&path).and_then(|file| file.modified());
    Ok(modified.map_or_else(|_| now(), DateTime::<Utc>::from))
}

/// A person has paused it, or stopped it.
fn halted(source: &str, halt: Halt) -> Made {
    let mut made = wait(source, halt.until(), Missed::default());
    let word = match halt {
        Halt::Paused(_) => "paused",
        Halt::Stopped(_) => "stopped",
    };
    made.text = format!(
        "{} is {word}: `strongroom-agent resume` ends that",
        human::clean(source)
    );
    if let Some(fields) = made.document.as_object_mut() {
        fields.insert("halted".to_owned(), json!(word));
    }
    made
}

fn wait(source: &str, until: Option<DateTime<Utc>>, missed: Missed) -> Made {
    let when = until.map_or_else(|| "never".to_owned(), human::time);
    Made {
        document: json!({
            "due": false,
            "source": source,
            "recovery_point": null,
            "next_due_at": until.map(json::time),
            "missed_count": missed.slots_count,
        }),
        text: format!("{} is not due; next: {when}", human::clean(source)),
        code: Code::Done,
        recovery_point: None,
        note: None,
    }
}

fn with_slots(mut made: Made, due: &Due, missed: Missed) -> Made {
    if let Some(fields) = made.document.as_object_mut() {
        let slots: Vec<String> = due.slots.iter().map(ToString::to_string).collect();
        fields.insert("due".to_owned(), json!(true));
        fields.insert("slots".to_owned(), json!(slots));
        fields.insert("missed_count".to_owned(), json!(missed.slots_count));
    }
    made
}

fn print(agent: &Agent, jobs: &[Args], outcomes: Vec<Result<Made>>) -> Result<Code> {
    let mut code = Code::Done;
    let mut documents: Vec<Value> = Vec::new();
    let mut texts = Vec::new();
    for (job, outcome) in jobs.iter().zip(outcomes) {
        match outcome {
            Ok(made) => {
                code = code.max(made.code);
                documents.push(made.document);
                texts.push(made.text);
                if let (Some(note), true) = (&made.note, agent.out.quiet) {
                    agent.out.note(note);
                }
            }
            Err(fail) => {
                agent.out.failure_of_part(&fail);
                code = code.max(fail.code);
                let mut document =
                    serde_json::to_value(json::Failure::from(&fail)).unwrap_or_default();
                if let Some(fields) = document.as_object_mut() {
                    fields.insert("source".to_owned(), json!(job.selection.source));
                }
                documents.push(document);
            }
        }
    }
    agent.out.result(&documents, || texts.join("\n\n"))?;
    Ok(code)
}
