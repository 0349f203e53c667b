//! `policy next`: when runs are due.

use std::path::PathBuf;

use serde::Serialize;
use strongroom_policy::Due;

use super::{file, times};
use crate::fail::{Code, Result};
use crate::output::human::{self, Align};
use crate::run::{Agent, now};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Only runs after this time [default: now]
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// How many runs
    #[arg(long, value_name = "N", default_value_t = 10)]
    count: usize,
}

#[derive(Debug, Serialize)]
struct Next {
    due_at: String,
    local: String,
    slot: String,
    slots: Vec<String>,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let read = file::read(&args.policy)?;
    let zone = times::zone(&read.policy);
    let after = match &args.after {
        Some(text) => times::instant("--after", text, zone)?,
        None => now(),
    };
    let policy = read.policy.policy(zone);
    let next = |after| policy.next_after(after);
    let runs: Vec<Due> = std::iter::successors(next(after), |due| next(due.at))
        .take(args.count)
        .collect();
    if agent.out.json {
        let documents = runs.iter().map(|due| {
            let slots: Vec<_> = due.slots.iter().map(ToString::to_string).collect();
            Next {
                due_at: times::utc(due.at),
                local: times::local(due.at, zone),
                slot: slots.first().cloned().unwrap_or_default(),
                slots,
            }
        });
        agent.out.document(&documents.collect::<Vec<_>>())?;
        return Ok(Code::Done);
    }
    if runs.is_empty() {
        agent.out.text("no run is due any more")?;
        return Ok(Code::Done);
    }
    let columns = [
        ("due", Align::Left),
        ("UTC", Align::Left),
        ("slot", Align::Left),
    ];
    let rows: Vec<_> = runs
        .iter()
        .map(|due| {
            let slots: Vec<_> = due.slots.iter().map(ToString::to_string).collect();
            vec![
                times::shown(due.at, zone),
                times::utc(due.at),
                slots.join(" "),
            ]
        })
        .collect();
    agent.out.text(&human::table(&columns, &rows))?;
    Ok(Code::Done)
}
