//! `sweep`: freeing what no recovery point needs.

use serde_json::{Value, json};
use strongroom::vault::{Emptied, OpenSession, SweepOptions, SweepReport};
use strongroom_notices::SecurityEvent;

use crate::access::{self, Access, Need};
use crate::commands::expire::all_points;
use crate::commands::policy::file;
use crate::fail::{Code, Result};
use crate::output::{human, json};
use crate::run::Agent;
use crate::security;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what would be deleted, delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on though the clock does not seem right
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let mut options = SweepOptions::default();
    options.dry_run = args.dry_run;
    options.is_confirmed = args.yes;
    options.newest_seen_at = agent.state.seen_at()?;
    if let Some(read) = file::stored(agent)? {
        options.soft_delete_days = read.policy.security.soft_delete_days;
    }
    let report = swept(agent, &access, options)?;
    agent.current.note_points(|| all_points(&access))?;
    let waiting: Vec<Value> = report.waiting_for.iter().map(waiting).collect();
    let mut document = json!({
        "cycle": report.cycle,
        "packs_deleted_count": report.packs_deleted_count,
        "packs_rewritten_count": report.packs_rewritten_count,
        "segments_merged_count": report.segments_merged_count,
        "freed_bytes": report.freed_bytes,
        "moved_bytes": moved_bytes(&report),
        "rewritten_bytes": rewritten_bytes(&report),
        "waiting_for": waiting,
        "dry_run": args.dry_run,
    });
    if let (true, Some(fields)) = (args.dry_run, document.as_object_mut()) {
        fields.insert("would_delete".to_owned(), json!(report.deleted));
        let packs: Vec<Value> = report.emptied.iter().map(emptied).collect();
        fields.insert("would_empty".to_owned(), json!(packs));
    }
    agent
        .out
        .result(&document, || summary(&report, args.dry_run))?;
    Ok(Code::Done)
}

/// Whoever says that the clock is right tells others, too, where it does not look so.
fn swept(agent: &Agent, access: &Access, options: SweepOptions) -> Result<SweepReport> {
    let is_confirmed = options.is_confirmed;
    let mut careful = options;
    careful.is_confirmed = false;
    match access.vault.sweep(&careful) {
        Err(strongroom::Error::Brake(brake)) if is_confirmed => {
            let brakes = vec![brake.to_string()];
            security::note(agent, &[SecurityEvent::BrakeConfirmed { brakes }]);
            careful.is_confirmed = true;
            Ok(access.vault.sweep(&careful)?)
        }
        swept => Ok(swept?),
    }
}

fn moved_bytes(report: &SweepReport) -> u64 {
    report.emptied.iter().map(|pack| pack.moved_bytes).sum()
}

fn rewritten_bytes(report: &SweepReport) -> u64 {
    report.emptied.iter().map(|pack| pack.rewritten_bytes).sum()
}

fn emptied(pack: &Emptied) -> Value {
    json!({
        "object": pack.object,
        "object_bytes": pack.object_bytes,
        "moved_blocks_count": pack.moved_blocks_count,
        "moved_bytes": pack.moved_bytes,
        "rewritten_blocks_count": pack.rewritten_blocks_count,
        "rewritten_bytes": pack.rewritten_bytes,
    })
}

fn waiting(session: &OpenSession) -> Value {
    json!({
        "session": session.point.sid.to_string(),
        "source_id": session.point.source.to_string(),
        "last_seen_at": json::time(session.seen_at),
    })
}

fn summary(report: &SweepReport, dry_run: bool) -> String {
    let head = match (dry_run, report.waiting_for.len()) {
        (true, _) => "a sweep would do this; nothing was deleted".to_owned(),
        (false, 0) => "swept".to_owned(),
        (false, waiting) => format!(
            "waiting for {}: run it again when they have ended; one without a sign of life for 24 hours is given up",
            human::counted(waiting as u64, "running backup")
        ),
    };
    let fields = [
        ("packs deleted", human::count(report.packs_deleted_count)),
        (
            "packs packed anew",
            human::count(report.packs_rewritten_count),
        ),
        (
            "index segments merged",
            human::count(report.segments_merged_count),
        ),
        ("moved", human::bytes(moved_bytes(report))),
        ("rewritten", human::bytes(rewritten_bytes(report))),
        ("freed", human::bytes(report.freed_bytes)),
    ];
    let mut text = format!("{head}\n\n{}", human::fields(&fields));
    for session in &report.waiting_for {
        let seen = human::time(session.seen_at);
        text.push_str(&format!(
            "\nsession {}, last seen {seen}",
            session.point.sid
        ));
    }
    text
}
