//! `delete` and `undelete`: recovery points that are not wanted, and those that are after all.

use std::collections::BTreeSet;

use serde_json::json;
use strongroom::vault::Protected;
use strongroom::vault::format::SessionId;
use strongroom::{PointView, Strongroom};

use crate::access::{self, Need};
use crate::fail::{Code, Fail, Result};
use crate::output::human;
use crate::pin::Pin;
use crate::run::Agent;
use crate::security;

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Recovery points: ids, unique prefixes of ids, or latest
    #[arg(value_name = "POINT", required_unless_present = "all_but")]
    points: Vec<String>,
    /// Delete all but these, of all sources
    #[arg(long, value_name = "POINT", num_args = 1.., conflicts_with = "points")]
    all_but: Vec<String>,
    /// Delete for ever, at once; needs the owner's passphrase
    #[arg(long)]
    now: bool,
    /// Say what would be deleted, delete nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pin: Pin,
}

#[derive(Debug, clap::Args)]
pub(crate) struct UndeleteArgs {
    /// Recovery points: ids or unique prefixes of ids, as `points --deleted` shows them
    #[arg(value_name = "POINT", required = true)]
    points: Vec<String>,
}

pub(crate) fn delete(agent: &Agent, args: &DeleteArgs) -> Result<Code> {
    let need = if args.now {
        Need::Passphrase
    } else {
        Need::Maintenance
    };
    let access = access::open(agent, need)?;
    let all = access.vault.points()?;
    let chosen = chosen(&access.vault, &all, args)?;
    let is_final = args.now || access.vault.vault().config().no_soft_delete;
    if !args.dry_run {
        if is_final {
            args.pin.require(&access, Protected::DeleteNow)?;
        }
        let standing = chosen.iter().filter(|point| point.deleted_at.is_none());
        security::note(agent, &security::deletions(standing.copied(), is_final));
    }
    // The oldest go first: should one fail, what is left is the newer part of a history.
    for point in chosen.iter().rev().filter(|_| !args.dry_run) {
        if is_final {
            access.vault.delete_now(&point.id, "deleted by hand")?;
        } else {
            access.vault.delete(&point.id, "deleted by hand")?;
        }
    }
    let ids: Vec<String> = chosen.iter().map(|point| point.id.to_string()).collect();
    let days = access.vault.vault().config().soft_delete_days;
    let document = json!({
        "deleted": ids,
        "is_final": is_final,
        "soft_delete_days": if is_final { 0 } else { days },
        "dry_run": args.dry_run,
    });
    agent.out.result(&document, || {
        let count = human::counted(ids.len() as u64, "recovery point");
        match (args.dry_run, is_final) {
            (true, _) => format!("would delete {count}:\n{}", ids.join("\n")),
            (false, true) => format!(
                "deleted {count} for ever; `strongroom-agent sweep` frees what only they needed"
            ),
            (false, false) => format!(
                "deleted {count}; for {days} days, `strongroom-agent undelete` brings them back"
            ),
        }
    })?;
    Ok(Code::Done)
}

/// The points that are meant, newest first; those that are deleted already are not among them.
fn chosen<'p>(
    vault: &Strongroom,
    all: &'p [PointView],
    args: &DeleteArgs,
) -> Result<Vec<&'p PointView>> {
    let ids = |texts: &[String]| -> Result<BTreeSet<SessionId>> {
        let mut ids = BTreeSet::new();
        for text in texts {
            ids.insert(vault.point(text)?.id);
        }
        Ok(ids)
    };
    if args.all_but.is_empty() {
        let wanted = ids(&args.points)?;
        return Ok(all
            .iter()
            .filter(|point| wanted.contains(&point.id))
            .collect());
    }
    let kept = ids(&args.all_but)?;
    let standing = all.iter().filter(|point| point.deleted_at.is_none());
    Ok(standing.filter(|point| !kept.contains(&point.id)).collect())
}

pub(crate) fn undelete(agent: &Agent, args: &UndeleteArgs) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let mut ids = Vec::new();
    for text in &args.points {
        let point = access.vault.point(text)?;
        if point.deleted_at.is_none() {
            let message = format!("recovery point {} is not deleted", point.id);
            let help = "run `strongroom-agent points --deleted` to see those that are";
            return Err(Fail::new(Code::Failed, message, help));
        }
        access.vault.undelete(&point.id, "undeleted by hand")?;
        ids.push(point.id.to_string());
    }
    agent.out.result(&json!({ "undeleted": ids }), || {
        format!(
            "undeleted {}",
            human::counted(ids.len() as u64, "recovery point")
        )
    })?;
    Ok(Code::Done)
}
