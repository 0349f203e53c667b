//! `find`: entries by name or path in recovery points.

use std::io::Write;

use crate::access::{self, Need};
use crate::commands::ls;
use crate::fail::{Code, Result, stdout_error};
use crate::output::{JsonArray, json};
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
    let ids: Vec<_> = points
        .iter()
        .filter(|point| point.state != strongroom::PointState::Damaged)
        .map(|point| point.id)
        .collect();
    if agent.out.json {
        let mut array = JsonArray::new(&agent.out);
        access.vault.find(&ids, &args.glob, &mut |point, entry| {
            array
                .push(&json::Entry::new(&entry, Some(point.to_string())))
                .map_err(stdout_error)
        })?;
        array.finish()?;
    } else {
        let mut out = agent.out.stream();
        access.vault.find(&ids, &args.glob, &mut |point, entry| {
            writeln!(out, "{point}  {}", ls::line(&entry)).map_err(stdout_error)
        })?;
        out.flush()?;
    }
    Ok(Code::Done)
}
