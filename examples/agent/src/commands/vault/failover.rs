//! Making another place of a mirrored vault decide.

use serde_json::json;
use strongroom::vault::FailoverReport;

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::{human, json};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The place that shall decide
    #[arg(long, value_name = "URL")]
    to: String,
    /// A place that leaves the vault, e.g. because it is lost; repeatable
    #[arg(long, value_name = "URL")]
    drop: Vec<String>,
    /// Only tell what would be done, and what may be missing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let to = access::absolute(&args.to)?;
    let drop = args.drop.iter().map(|url| access::absolute(url));
    let drop = drop.collect::<Result<Vec<_>>>()?;
    let access = access::open(agent, Need::Passphrase)?;
    let report = access.vault.failover(&to, &drop, args.dry_run)?;
    if !args.dry_run {
        let vault_id = access.vault_id();
        agent.state.keep_generation(&vault_id, report.generation)?;
    }
    let document = json!({
        "generation": report.generation,
        "places": report.places,
        "is_complete": report.is_complete,
        "points_count": report.points_count,
        "newest_written_at": report.newest_written_at.map(json::time),
        "brought_count": report.brought_count,
        "ended_count": report.ended_count,
    });
    agent
        .out
        .result(&document, || text(&report, args.dry_run))?;
    Ok(Code::Done)
}

fn text(report: &FailoverReport, dry_run: bool) -> String {
    let newest = report.newest_written_at;
    let fields = [
        ("generation", report.generation.to_string()),
        ("places", human::clean(&report.places.join(", "))),
        (
            "newest point there",
            newest.map_or("-".to_owned(), human::time),
        ),
        (
            "brought over",
            human::counted(report.brought_count, "object"),
        ),
        ("ended", human::counted(report.ended_count, "session")),
    ];
    let begin = if dry_run { "would make" } else { "made" };
    let mut text = format!("{begin} another place decide\n\n{}", human::fields(&fields));
    if !report.is_complete {
        text.push_str(
            "\n\nThe place that decided before did not take part: recovery points that only it knows are missing, \
             and packs that only it has. `strongroom-agent verify` tells which points that hurts. If that place comes \
             back, `strongroom-agent vault catch-up` brings these points over.",
        );
    }
    if !dry_run {
        text.push_str(
            "\n\nRun `strongroom-agent vault catch-up` to give every place what it lacks.",
        );
    }
    text
}
