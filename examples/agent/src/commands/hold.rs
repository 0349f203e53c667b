//! `hold`: keeping a recovery point from expiring.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::{human, json};
use crate::run::Agent;
use crate::values;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recovery point: an id, a unique prefix of one, or latest
    point: String,
    /// Hold it until then [default: until it is released]
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    until: Option<DateTime<Utc>>,
    /// End the hold; needs the owner's passphrase
    #[arg(long, conflicts_with = "until")]
    release: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let need = if args.release {
        Need::Passphrase
    } else {
        Need::Maintenance
    };
    let access = access::open(agent, need)?;
    let id = access.vault.point(&args.point)?.id;
    if args.release {
        access.vault.release(&id, "released by hand")?;
    } else {
        access.vault.hold(&id, args.until, "held by hand")?;
    }
    let document = json!({
        "recovery_point": id.to_string(),
        "is_held": !args.release,
        "hold_until": args.until.map(json::time),
    });
    agent
        .out
        .result(&document, || match (args.release, args.until) {
            (true, _) => format!("released recovery point {id}"),
            (false, Some(until)) => {
                format!("recovery point {id} is held until {}", human::time(until))
            }
            (false, None) => format!("recovery point {id} is held until it is released"),
        })?;
    Ok(Code::Done)
}
