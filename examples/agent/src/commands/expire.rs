//! `expire`: deleting the points that the policy keeps no longer.

use serde_json::{Value, json};
use strongroom::{Brake, ExpirePlan, Judged};
use strongroom_jobs::{NewPoints, catalog_point};
use strongroom_notices::SecurityEvent;

use crate::access::{self, Access, Need};
use crate::fail::{Code, Fail, Problem, Result};
use crate::output::{human, json};
use crate::rules::Rules;
use crate::run::Agent;
use crate::security;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Say what would expire and why, delete nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on though much would expire at once, or the clock does not seem right
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    security::look_at_policy(agent);
    let rules = Rules::of_machine(agent)?.ok_or_else(|| {
        let help = "write one and run `strongroom-agent policy set FILE`";
        Fail::usage("this machine has no policy", help).named(Problem::NoPolicy)
    })?;
    let access = access::open(agent, Need::Maintenance)?;
    let mut options = rules.options(&access.vault.points()?);
    options.newest_seen_at = agent.state.seen_at()?;
    let plan = access.vault.plan_expire(&options)?;
    if !args.dry_run {
        security::note(agent, &[unusual(&plan, args.yes)]);
    }
    let expired: Vec<&Judged> = match args.dry_run {
        true => plan.expiring.iter().collect(),
        false => access.vault.expire(&plan, args.yes)?,
    };
    let has_stopped = plan.permitted(false).count() < plan.expiring.len();
    let is_stopped = !args.dry_run && !args.yes && has_stopped;
    if is_stopped && expired.is_empty() {
        return Err(stopped(&plan.brakes));
    }
    agent.current.note_points(|| all_points(&access))?;
    if !args.dry_run && (args.yes || plan.is_clock_believed()) {
        agent.state.keep_seen_at(plan.at)?;
    }
    let days = access.vault.vault().config().soft_delete_days;
    agent
        .out
        .result(&document(&plan, &expired, args.dry_run), || {
            text(&plan, &expired, args.dry_run, days)
        })?;
    Ok(if is_stopped {
        Code::Warnings
    } else {
        Code::Done
    })
}

/// More would expire than usual: it stays, or somebody has looked.
fn unusual(plan: &ExpirePlan, is_confirmed: bool) -> SecurityEvent {
    let brakes = plan.brakes.iter().map(ToString::to_string).collect();
    let held = plan.expiring.len() - plan.permitted(false).count();
    match is_confirmed {
        true => SecurityEvent::BrakeConfirmed { brakes },
        false => SecurityEvent::ExpireHeld {
            points_count: u64::try_from(held).unwrap_or(u64::MAX),
            brakes,
        },
    }
}

/// All points as the catalog keeps them.
pub(crate) fn all_points(access: &Access) -> Result<NewPoints> {
    let all = access.vault.points()?;
    Ok(NewPoints::All(all.iter().map(catalog_point).collect()))
}

/// Nothing was deleted because somebody should look first.
pub(crate) fn stopped(brakes: &[Brake]) -> Fail {
    let message = "nothing was expired: this needs a look";
    let mut fail = Fail::known(Problem::ExpiryBrake, message);
    fail.causes = brakes.iter().map(ToString::to_string).collect();
    fail
}

fn document(plan: &ExpirePlan, expired: &[&Judged], dry_run: bool) -> Value {
    let one = |point: &Judged| {
        json!({
            "recovery_point": point.verdict.id.to_string(),
            "source": point.source,
            "taken_at": json::time(point.verdict.taken_at),
            "kept_because": point.kept_because(),
            "expires_at": point.verdict.expires_at().map(json::time),
        })
    };
    let brakes: Vec<String> = plan.brakes.iter().map(ToString::to_string).collect();
    json!({
        "expired": expired.iter().map(|point| point.verdict.id.to_string()).collect::<Vec<_>>(),
        "kept": plan.kept.iter().map(one).collect::<Vec<_>>(),
        "brakes": brakes,
        "freed_bytes": plan.freed_bytes,
        "dry_run": dry_run,
    })
}

fn text(plan: &ExpirePlan, expired: &[&Judged], dry_run: bool, days: u32) -> String {
    let count = human::counted(expired.len() as u64, "recovery point");
    let mut lines = vec![match (dry_run, expired.is_empty()) {
        (_, true) => "no recovery point expires".to_owned(),
        (true, false) => format!("would expire {count}; nothing was deleted"),
        (false, false) => format!(
            "expired {count}; for {days} days, `strongroom-agent undelete` brings them back"
        ),
    }];
    lines.extend(expired.iter().map(|point| line(point)));
    let kept = human::counted(plan.kept.len() as u64, "recovery point");
    lines.push(format!("kept {kept}"));
    lines.extend(plan.kept.iter().map(line));
    let brakes = plan.brakes.iter();
    lines.extend(brakes.map(|brake| format!("needs a look, and then --yes: {brake}")));
    lines.join("\n")
}

fn line(point: &Judged) -> String {
    let last = match point.is_last {
        true => "; it stays, as the last of its source",
        false => "",
    };
    format!("  {}: {}{last}", human::clean(&point.source), point.verdict)
}
