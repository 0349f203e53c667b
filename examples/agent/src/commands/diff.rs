//! `diff`: how one recovery point differs from another.

use std::io::Write;

use strongroom::{Change, Difference};

use crate::access::{self, Need};
use crate::fail::{Code, Result, stdout_error};
use crate::output::{human, json};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The older point: an id, a unique prefix of one, or latest
    a: String,
    /// The newer point
    b: String,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let (a, b) = (
        access.vault.point(&args.a)?.id,
        access.vault.point(&args.b)?.id,
    );
    if agent.out.json {
        let mut array = agent.json_array();
        access.vault.diff(&a, &b, &mut |difference| {
            array.push(&json::Diff::new(&difference))
        })?;
        array.finish()?;
    } else {
        let mut out = agent.out.stream();
        access.vault.diff(&a, &b, &mut |difference| {
            writeln!(out, "{}", line(&difference)).map_err(stdout_error)
        })?;
        out.flush()?;
    }
    Ok(Code::Done)
}

fn line(difference: &Difference) -> String {
    let sign = match difference.change {
        Change::Added => "added   ",
        Change::Removed => "removed ",
        Change::Modified => "modified",
        Change::Metadata => "metadata",
    };
    format!("{sign}  {}", human::path(&difference.path))
}
