//! `policy`: checking, setting and showing the policy of this machine, and what it would do.

pub(crate) mod file;
mod history;
mod next;
mod simulate;
mod times;

use serde_json::json;
use strongroom_policy::retention::cuts;

use crate::fail::{Code, Fail, Result};
use crate::run::{Agent, now};
use crate::security;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a policy file and tell what it means
    Check(FileArgs),
    /// Check a policy file and make it the policy of this machine
    Set(FileArgs),
    /// Show the policy of this machine and tell what it means
    Show,
    /// Tell when the next runs are due
    Next(next::Args),
    /// Tell which points would exist, and why, after a time of runs, failures and ad-hoc points
    Simulate(simulate::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct FileArgs {
    /// The policy file
    #[arg(value_name = "FILE")]
    file: std::path::PathBuf,
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::Check(args) => check(agent, args),
        Command::Set(args) => set(agent, args),
        Command::Show => show(agent),
        Command::Next(args) => next::run(agent, args),
        Command::Simulate(args) => simulate::run(agent, args),
    }
}

fn check(agent: &Agent, args: &FileArgs) -> Result<Code> {
    let read = file::read(&args.file)?;
    let zone = times::zone(&read.policy);
    let (meaning, advice) = (read.policy.meaning(zone), advice(&read));
    let document = json!({
        "file": args.file.display().to_string(),
        "valid": true,
        "meaning": meaning,
        "advice": advice,
    });
    agent.out.result(&document, || {
        let good = format!("{} is a good policy", args.file.display());
        text(&[&[good], &meaning[..], &noted(&advice)].concat())
    })?;
    Ok(Code::Done)
}

fn set(agent: &Agent, args: &FileArgs) -> Result<Code> {
    let read = file::read(&args.file)?;
    let zone = times::zone(&read.policy);
    // Whoever has edited the one before in place is not forgotten.
    security::look_at_policy(agent);
    let before = file::stored(agent)?;
    let cuts: Vec<_> = before
        .iter()
        .flat_map(|before| cuts(&before.policy.policy(zone), &read.policy.policy(zone)))
        .map(|cut| cut.to_string())
        .collect();
    let path = file::store(agent, &read, before.filter(|_| !cuts.is_empty()), now())?;
    security::look_at_policy(agent);
    let advice = advice(&read);
    let document = json!({
        "file": path.display().to_string(),
        "keeps_less": cuts,
        "advice": advice,
    });
    agent.out.result(&document, || {
        let mut lines = vec![format!(
            "the policy of this machine is now in {}",
            path.display()
        )];
        if !cuts.is_empty() {
            lines.push(format!(
                "it keeps less than the one before: {}",
                cuts.join("; ")
            ));
        }
        lines.extend(noted(&advice));
        text(&lines)
    })?;
    Ok(Code::Done)
}

fn show(agent: &Agent) -> Result<Code> {
    let stored = file::stored(agent)?.ok_or_else(|| {
        Fail::usage(
            "this machine has no policy",
            "write one and run `strongroom-agent policy set FILE`",
        )
    })?;
    let meaning = stored.policy.meaning(times::zone(&stored.policy));
    let document = json!({
        "file": stored.path.display().to_string(),
        "toml": stored.text,
        "meaning": meaning,
    });
    if agent.out.json {
        agent.out.document(&document)?;
    } else {
        let path = format!("# {}", stored.path.display());
        let whole = [path, stored.text.trim_end().to_owned(), String::new()];
        agent.out.text(&text(&[&whole[..], &meaning].concat()))?;
    }
    Ok(Code::Done)
}

fn advice(read: &file::Read) -> Vec<String> {
    let advice = read.policy.advice();
    advice.iter().map(ToString::to_string).collect()
}

fn noted(advice: &[String]) -> Vec<String> {
    advice
        .iter()
        .map(|advice| format!("note: {advice}"))
        .collect()
}

fn text(lines: &[String]) -> String {
    lines.join("\n")
}
