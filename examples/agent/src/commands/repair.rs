//! `repair`: mending what is damaged, and naming what stays hurt.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strongroom::vault::format::{BlockName, PackId, SessionId};
use strongroom::vault::points::PointRef;
use strongroom::{Lost, RepairOptions, RepairReport};

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::human;
use crate::output::progress::Progress;
use crate::run::Agent;

/// Paths of a point that are shown to a person.
const PATHS_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what would be done and what stays hurt, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let remembered = agent.state.remembered(&access.vault_id())?;
    let is_open = |head: &&strongroom::Head| !remembered.accepted.contains(&head.point);
    let mut options = RepairOptions::default();
    options.dry_run = args.dry_run;
    options.remembered = remembered
        .heads
        .iter()
        .filter(is_open)
        .map(|head| PointRef {
            sid: head.point,
            source: head.source,
        })
        .collect();
    if !args.dry_run {
        options.machine = agent.state.machine()?;
    }
    options.cancel = agent.cancel();
    let progress = Progress::start(agent);
    let report = access.vault.repair(&options, &progress)?;
    let elapsed = progress.finish();
    let document = json!({
        "repaired": repaired(&report),
        "lost": report.plan.lost.iter().map(lost).collect::<Vec<_>>(),
        "dry_run": args.dry_run,
        "elapsed_secs": elapsed.as_secs_f64(),
    });
    agent
        .out
        .result(&document, || summary(&report, args.dry_run))?;
    Ok(if report.plan.lost.is_empty() {
        Code::Done
    } else {
        Code::Damage
    })
}

fn counted<'a>(packs: impl Iterator<Item = &'a PackId>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for pack in packs {
        *counts.entry(pack.to_string()).or_default() += 1;
    }
    counts
}

/// One document for each thing that was, or would be, mended.
fn repaired(report: &RepairReport) -> Vec<Value> {
    let plan = &report.plan;
    let mut all = Vec::new();
    if !plan.index.is_empty() {
        all.push(json!({ "action": "index", "packs_count": plan.index.len() }));
    }
    for (pack, count) in counted(plan.moves.iter().map(|block| &block.pack)) {
        all.push(json!({ "action": "moved", "pack": pack, "blocks_count": count }));
    }
    for (pack, count) in counted(plan.remaps.iter().map(|(old, _)| &old.pack)) {
        all.push(json!({ "action": "healed", "pack": pack, "chunks_count": count }));
    }
    for list in &plan.lists {
        all.push(json!({
            "action": "list",
            "recovery_point": list.point.to_string(),
            "pieces_count": list.pieces.len(),
        }));
    }
    for salvage in &plan.salvage {
        let new = report.salvaged.iter().find(|(_, of)| *of == salvage.lost);
        all.push(json!({
            "action": "salvaged",
            "recovery_point": salvage.lost.to_string(),
            "source": salvage.source,
            "salvaged_as": new.map(|(point, _)| point.to_string()),
        }));
    }
    all
}

fn lost(lost: &Lost) -> Value {
    let paths = lost.paths.iter().map(|path| String::from_utf8_lossy(path));
    json!({
        "recovery_point": lost.point.to_string(),
        "paths": paths.collect::<Vec<_>>(),
    })
}

fn summary(report: &RepairReport, dry_run: bool) -> String {
    let plan = &report.plan;
    let mut text = match (dry_run, plan.is_empty()) {
        (_, true) => "there is nothing that can be mended".to_owned(),
        (true, false) => "a repair would do this; nothing was written".to_owned(),
        (false, false) => "repaired".to_owned(),
    };
    let blocks: std::collections::BTreeSet<BlockName> = plan
        .remaps
        .iter()
        .map(|(old, _)| old.block_name())
        .collect();
    let count = |count: usize| human::count(count as u64);
    let fields = [
        ("packs put into the index", plan.index.len()),
        ("blocks moved out of damaged packs", plan.moves.len()),
        ("chunks found elsewhere", plan.remaps.len()),
        ("  of so many blocks", blocks.len()),
        ("reference lists completed", plan.lists.len()),
        ("points salvaged", plan.salvage.len()),
    ];
    let fields = fields.into_iter().filter(|(_, number)| *number > 0);
    let fields: Vec<_> = fields.map(|(name, number)| (name, count(number))).collect();
    if !fields.is_empty() {
        text.push_str(&format!("\n\n{}", human::fields(&fields)));
    }
    for (point, of) in &report.salvaged {
        text.push_str(&format!(
            "\n\nrecovery point {point} holds what was salvaged of {of}"
        ));
    }
    for lost in &plan.lost {
        text.push_str(&lost_text(&lost.point, &lost.paths));
    }
    if !plan.lost.is_empty() {
        text.push_str(
            "\n\nWhat is still at its source comes back when it is backed up and repaired again.",
        );
    }
    text
}

fn lost_text(point: &SessionId, paths: &[Vec<u8>]) -> String {
    let mut text = format!("\n\nrecovery point {point} stays hurt:");
    for path in paths.iter().take(PATHS_SHOWN) {
        text.push_str(&format!("\n  {}", human::path(path)));
    }
    if paths.len() > PATHS_SHOWN {
        let more = human::count((paths.len() - PATHS_SHOWN) as u64);
        text.push_str(&format!("\n  and {more} more (--json names all)"));
    }
    text
}
