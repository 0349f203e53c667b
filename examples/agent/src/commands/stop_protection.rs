//! `stop-protection`: a source is not backed up any more, and its points stay, age out, or go.

use clap::{ArgGroup, ValueEnum};
use serde_json::json;
use strongroom::PointView;
use strongroom::vault::Protected;
use strongroom_catalog::SourceName;
use strongroom_jobs::{Kept, Stop};

use crate::access::{self, Need};
use crate::commands::{daemon, pause};
use crate::fail::{Code, Result};
use crate::output::human;
use crate::pin::Pin;
use crate::run::{Agent, now};
use crate::security;

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("points").required(true).args(["retain", "delete"])))]
pub(crate) struct Args {
    /// The source
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Keep its points for ever, or until the policy lets them expire: the last one stays
    #[arg(long, value_name = "HOW", value_enum)]
    retain: Option<Retain>,
    /// Delete its points, softly; needs the owner's passphrase
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    pin: Pin,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Retain {
    /// No rule lets them expire any more
    Forever,
    /// As the policy says
    UntilExpiry,
}

const REASON: &str = "protection was stopped";

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let kept = match args.retain {
        Some(Retain::Forever) => Kept::Forever,
        Some(Retain::UntilExpiry) => Kept::UntilExpiry,
        None => Kept::Deleted,
    };
    let source = pause::known(agent, &args.source)?;
    // Who deletes must be able to before anything is changed.
    let access = match kept {
        Kept::Deleted => Some(access::open(agent, Need::Passphrase)?),
        Kept::Forever | Kept::UntilExpiry => None,
    };
    if let Some(access) = &access {
        args.pin.require(access, Protected::StopProtection)?;
    }
    let mut halts = agent.state.halts()?;
    halts.stop(&source, Stop { at: now(), kept });
    agent.state.keep_halts(&halts)?;
    daemon::wake(agent);
    let mut deleted = Vec::new();
    if let Some(access) = access {
        let points = access.vault.points()?;
        let is_final = access.vault.vault().config().no_soft_delete;
        let meant = points.iter().rev();
        let meant: Vec<&PointView> = meant
            .filter(|point| is_meant(agent, &source, point))
            .collect();
        security::note(agent, &security::deletions(meant.iter().copied(), is_final));
        // The oldest go first: should one fail, what is left is the newer part of a history.
        for point in meant {
            match is_final {
                true => access.vault.delete_now(&point.id, REASON)?,
                false => access.vault.delete(&point.id, REASON)?,
            }
            deleted.push(point.id.to_string());
        }
    }
    let word = match kept {
        Kept::Forever => "forever",
        Kept::UntilExpiry => "until_expiry",
        Kept::Deleted => "deleted",
    };
    let document = json!({ "source": args.source, "kept": word, "deleted": deleted });
    agent
        .out
        .result(&document, || text(&args.source, kept, deleted.len()))?;
    Ok(Code::Done)
}

fn is_meant(agent: &Agent, source: &SourceName, point: &PointView) -> bool {
    point.source == source.name && agent.is_own_host(&point.host) && point.deleted_at.is_none()
}

fn text(source: &str, kept: Kept, deleted_count: usize) -> String {
    let source = human::clean(source);
    let points = match kept {
        Kept::Forever => "its points stay until somebody deletes them".to_owned(),
        Kept::UntilExpiry => {
            "its points expire as the policy says, and the last one stays".to_owned()
        }
        Kept::Deleted => {
            let count = u64::try_from(deleted_count).unwrap_or(u64::MAX);
            let points = human::counted(count, "recovery point");
            format!("{points} deleted; `strongroom-agent undelete` brings them back for a while")
        }
    };
    format!(
        "{source} is protected no longer; {points}; `strongroom-agent resume {source}` protects it again"
    )
}
