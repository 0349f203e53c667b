//! `find`: entries by name or path in recovery points.

use std::io::Write;

use strongroom::vault::format::SessionId;
use strongroom::{EntryView, PointState, PointView, Strongroom};

use crate::access::{self, Need};
use crate::commands::ls;
use crate::fail::{Code, Result, stdout_error};
use crate::output::{human, json};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A pattern for names, or for whole paths if it holds a slash; quote it from the shell
    glob: String,
    /// Only in these points: an id, a unique prefix, or latest [default: all, newest first]
    #[arg(long = "point", value_name = "POINT")]
    points: Vec<String>,
    /// Only in points of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let mut points = if args.points.is_empty() {
        access.vault.points()?
    } else {
        args.points
            .iter()
            .map(|text| access.vault.point(text))
            .collect::<strongroom::Result<_>>()?
    };
    points.retain(|point| {
        args.source
            .as_ref()
            .is_none_or(|source| point.source == *source)
    });
    let damaged = if agent.out.json {
        let mut array = agent.json_array();
        let damaged = search(&access.vault, &points, &args.glob, &mut |point, entry| {
            array.push(&json::Entry::new(&entry, Some(point.to_string())))
        })?;
        array.finish()?;
        damaged
    } else {
        let mut out = agent.out.stream();
        let damaged = search(&access.vault, &points, &args.glob, &mut |point, entry| {
            writeln!(out, "{point}  {}", ls::line(&entry)).map_err(stdout_error)
        })?;
        out.flush()?;
        damaged
    };
    for (point, reason) in &damaged {
        let reason = human::clean(reason);
        let text = format!("recovery point {point} was not searched as a whole: {reason}");
        agent.out.note(&text);
    }
    if damaged.is_empty() {
        return Ok(Code::Done);
    }
    agent.out.note(DAMAGE_HELP);
    Ok(Code::Damage)
}

const DAMAGE_HELP: &str = "help: run `strongroom-agent verify` to learn what is hurt; what was found in other points is complete";

/// Calls `each` for what matches; returns the points that are damaged, and why.
fn search(
    vault: &Strongroom,
    points: &[PointView],
    glob: &str,
    each: &mut dyn FnMut(&SessionId, EntryView) -> strongroom::Result<()>,
) -> Result<Vec<(SessionId, String)>> {
    let mut damaged = Vec::new();
    // A bad pattern is told even when there is nothing to search.
    vault.find(&[], glob, each)?;
    for point in points {
        if point.state == PointState::Damaged {
            damaged.push((point.id, "its manifest cannot be used".to_owned()));
            continue;
        }
        match vault.find(&[point.id], glob, each) {
            Err(error) if error.is_corruption() => damaged.push((point.id, error.to_string())),
            outcome => outcome?,
        }
    }
    Ok(damaged)
}
