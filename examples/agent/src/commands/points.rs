//! `points`: the recovery points, newest first.

use chrono::{DateTime, Utc};
use strongroom::{PointState, PointView};

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::human::{self, Align};
use crate::output::json;
use crate::run::{Agent, now};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only those that are deleted and can still be undeleted
    #[arg(long)]
    deleted: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let mut points = access.vault.points()?;
    points.retain(|point| point.deleted_at.is_some() == args.deleted);
    if let Some(source) = &args.source {
        points.retain(|point| point.source == *source);
    }
    let drills = agent.state.drills(&access.vault_id())?;
    let proven_at = |point: &PointView| {
        let proven = drills.get(&point.source)?;
        (proven.point == point.id).then_some(proven.at)
    };
    if agent.out.json {
        let now = now();
        let documents: Vec<_> = points
            .iter()
            .map(|point| json::Point::new(point, proven_at(point), now))
            .collect();
        agent.out.document(&documents)?;
    } else {
        let rows: Vec<_> = points
            .iter()
            .map(|point| row(point, proven_at(point)))
            .collect();
        agent.out.text(&text(&rows))?;
    }
    Ok(Code::Done)
}

fn text(rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "no recovery points".to_owned();
    }
    let columns = [
        ("recovery point", Align::Left),
        ("source", Align::Left),
        ("taken", Align::Left),
        ("state", Align::Left),
        ("files", Align::Right),
        ("size", Align::Right),
        ("kept", Align::Left),
        ("tags", Align::Left),
    ];
    human::table(&columns, rows)
}

fn row(point: &PointView, proven_at: Option<DateTime<Utc>>) -> Vec<String> {
    let is_known = point.state != PointState::Damaged;
    let known = |text: String| if is_known { text } else { "?".to_owned() };
    let tags: Vec<_> = point
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let dates = [
        ("held until", point.hold_until),
        ("until", point.retain_until),
        ("deleted", point.deleted_at),
        ("proven restorable", proven_at),
    ];
    let dates = dates
        .into_iter()
        .filter_map(|(why, at)| Some(format!("{why} {}", human::time(at?))));
    let held = point.is_held.then(|| "held".to_owned());
    let kept = held.into_iter().chain(dates);
    vec![
        point.id.to_string(),
        known(human::clean(&point.source)),
        human::time(point.taken_at),
        point.state.as_str().to_owned(),
        known(human::count(point.files_count)),
        known(human::bytes(point.logical_bytes)),
        kept.collect::<Vec<_>>().join(", "),
        human::clean(&tags.join(" ")),
    ]
}
