//! `copy`: bringing recovery points to a second place, sealed as they are.

use std::io::ErrorKind;

use serde_json::{Value, json};
use strongroom::vault::copy::{CopyDamage, CopyPlan, CopyReport};
use strongroom::{CopyOptions, CopyTarget, Error};

use crate::access::{self, Need};
use crate::fail::{Code, Fail, Result};
use crate::output::progress::Progress;
use crate::output::{Colour, human, json};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the second copy is, or is to be made: a path or another URL; it is in one place
    #[arg(long, value_name = "URL")]
    to: String,
    /// Delete there, softly, what is deleted here
    #[arg(long)]
    with_deletions: bool,
    /// Say what would be copied, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Recovery points: ids, unique prefixes of ids, or latest [default: all that are not deleted]
    #[arg(value_name = "POINT")]
    points: Vec<String>,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let to = access::absolute(&args.to)?;
    if strongroom::vault::is_same_place(&access.url, &to) || access.vault.is_at(&to) {
        let help = "name another place with --to, on another disk or machine";
        return Err(Fail::usage("a vault is no second copy of itself", help));
    }
    let mut options = CopyOptions::new(CopyTarget::Url(agent.location(&to)));
    for text in &args.points {
        options.points.push(access.vault.point(text)?.id);
    }
    options.with_deletions = args.with_deletions;
    options.cancel = agent.cancel();
    let progress = Progress::start(agent);
    if args.dry_run {
        let plan = access.vault.plan_copy(&options, &progress);
        let plan = plan.map_err(at_target)?;
        progress.finish();
        agent
            .out
            .result(&planned(&plan, &to), || outlook(&plan, &to))?;
        return Ok(code(!plan.damaged.is_empty(), false));
    }
    let what = format!("copy to {to}");
    let _lock = agent.state.lock(&access.vault_id(), &what)?;
    options.machine = agent.state.machine()?;
    let plan = access.vault.plan_copy(&options, &progress);
    let report = plan.and_then(|plan| access.vault.copy(&plan, &options, &progress));
    let report = report.map_err(at_target)?;
    let elapsed = progress.finish();
    let secs = elapsed.as_secs_f64();
    agent.out.result(&document(&report, &to, secs), || {
        summary(agent, &report, &to, &human::duration(elapsed))
    })?;
    Ok(code(!report.damaged.is_empty(), !report.fenced.is_empty()))
}

fn code(is_damaged: bool, is_fenced: bool) -> Code {
    match (is_damaged, is_fenced) {
        (true, _) => Code::Damage,
        (false, true) => Code::Busy,
        (false, false) => Code::Done,
    }
}

/// Only the target is written to: where it has no room, it is the place that does not serve.
fn at_target(error: Error) -> Fail {
    let is_full = matches!(&error, Error::Vault(error) if matches!(
        error.io_kind(),
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    ));
    let mut fail = Fail::from(error);
    if is_full {
        fail.code = Code::Vault;
    }
    fail
}

fn damaged(all: &[CopyDamage]) -> Vec<Value> {
    let one = |damage: &CopyDamage| {
        let points = damage.points.iter().map(ToString::to_string);
        json!({
            "object": damage.object,
            "reason": damage.reason,
            "points": points.collect::<Vec<_>>(),
        })
    };
    all.iter().map(one).collect()
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

fn document(report: &CopyReport, to: &str, elapsed_secs: f64) -> Value {
    json!({
        "to": to,
        "copied": texts(&report.copied),
        "present_count": report.present_count,
        "gone_count": report.gone_count,
        "packs_written_count": report.packs_written_count,
        "blocks_copied_count": report.blocks_copied_count,
        "copied_bytes": report.copied_bytes,
        "slots_added_count": report.slots_added_count,
        "slots_removed_count": report.slots_removed_count,
        "slots_stale_count": report.slots_stale_count,
        "holds_copied_count": report.holds_copied_count,
        "holds_left_count": report.holds_left_count,
        "deleted": texts(&report.deleted),
        "fenced": texts(&report.fenced),
        "damaged": damaged(&report.damaged),
        "elapsed_secs": elapsed_secs,
        "dry_run": false,
    })
}

fn planned(plan: &CopyPlan, to: &str) -> Value {
    let points = plan.missing.iter().map(|point| {
        json!({
            "recovery_point": point.id.to_string(),
            "taken_at": json::time(point.taken_at),
            "blocks_count": point.blocks_count,
            "blocks_bytes": point.blocks_bytes,
        })
    });
    let deletions = plan.deletions.iter().map(|point| point.sid.to_string());
    json!({
        "to": to,
        "copied": [],
        "would_copy": points.collect::<Vec<_>>(),
        "would_delete": deletions.collect::<Vec<_>>(),
        "present_count": plan.present_count,
        "deleted_count": plan.deleted_count,
        "gone_count": plan.gone_count,
        "packs_written_count": 0,
        "blocks_copied_count": 0,
        "copied_bytes": 0,
        "blocks_count": plan.blocks_count(),
        "blocks_bytes": plan.blocks_bytes(),
        "slots_added_count": plan.keys.add.len(),
        "slots_removed_count": plan.keys.remove.len(),
        "slots_stale_count": plan.keys.stale.len(),
        "holds_copied_count": plan.holds.len(),
        "damaged": damaged(&plan.damaged),
        "elapsed_secs": 0.0,
        "dry_run": true,
    })
}

fn outlook(plan: &CopyPlan, to: &str) -> String {
    let fields = [
        ("points", human::count(plan.missing.len() as u64)),
        ("there already", human::count(plan.present_count)),
        ("deleted here", human::count(plan.deleted_count)),
        ("gone there for ever", human::count(plan.gone_count)),
        ("blocks", human::count(plan.blocks_count())),
        ("bytes, about", human::bytes(plan.blocks_bytes())),
        ("key slots to add", human::count(plan.keys.add.len() as u64)),
        (
            "key slots to remove",
            human::count(plan.keys.remove.len() as u64),
        ),
    ];
    let to = human::clean(to);
    let mut text = format!(
        "a copy to {to} would do this; nothing was written\n\n{}",
        human::fields(&fields)
    );
    for point in &plan.missing {
        let (at, bytes) = (
            human::time(point.taken_at),
            human::bytes(point.blocks_bytes),
        );
        text.push_str(&format!("\n{}  {at}  {bytes}", point.id));
    }
    for point in &plan.deletions {
        text.push_str(&format!("\n{}  would be deleted there", point.sid));
    }
    text.push_str(&hurt(&plan.damaged));
    text
}

fn summary(agent: &Agent, report: &CopyReport, to: &str, elapsed: &str) -> String {
    let points = human::counted(report.copied.len() as u64, "recovery point");
    let head = format!("copied {points} to {}", human::clean(to));
    let head = if report.damaged.is_empty() {
        agent.out.paint(Colour::Good, &head)
    } else {
        agent.out.paint(Colour::Bad, &head)
    };
    let fields = [
        ("there before", human::count(report.present_count)),
        ("blocks", human::count(report.blocks_copied_count)),
        ("bytes", human::bytes(report.copied_bytes)),
        ("packs written", human::count(report.packs_written_count)),
        ("deleted there", human::count(report.deleted.len() as u64)),
        ("time", elapsed.to_owned()),
    ];
    let mut text = format!("{head}\n\n{}", human::fields(&fields));
    if report.holds_left_count > 0 {
        let holds = human::counted(report.holds_left_count, "hold");
        text.push_str(&format!(
            "\n\n{holds} not brought over: this key may not; run it again with the owner's passphrase"
        ));
    }
    if report.slots_stale_count > 0 {
        let slots = human::counted(report.slots_stale_count, "key slot");
        text.push_str(&format!(
            "\n\n{slots} there that this vault does not have any more: its passphrase still opens the copy; run it \
             again with the owner's passphrase to remove what was revoked"
        ));
    }
    for point in &report.fenced {
        text.push_str(&format!(
            "\n\nrecovery point {point}: a sweep there took this run for dead; run it again"
        ));
    }
    text.push_str(&hurt(&report.damaged));
    text
}

fn hurt(all: &[CopyDamage]) -> String {
    let mut text = String::new();
    for damage in all {
        text.push_str(&format!(
            "\n\ndamaged: {}: {}",
            human::clean(&damage.object),
            human::clean(&damage.reason)
        ));
        for point in &damage.points {
            text.push_str(&format!("\n  recovery point {point} is not copied"));
        }
    }
    text
}
