//! `points`: the recovery points, newest first.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use strongroom::{Judged, PointState, PointView};
use strongroom_catalog::SourceName;
use strongroom_jobs::Kept;

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::human::{self, Align};
use crate::output::json;
use crate::rules::Rules;
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
    let now = now();
    // What this machine's policy says is about its own vault, whatever sources in another one are called.
    let is_own = agent.state.is_own_vault(&access.vault_id())?;
    let judged = match Rules::of_machine(agent)? {
        Some(rules) if is_own => access.vault.judge(&rules.options(&points), now)?,
        _ => Vec::new(),
    };
    let judged: HashMap<_, _> = judged
        .iter()
        .map(|point| (point.verdict.id, point))
        .collect();
    let drills = agent.state.drills(&access.vault_id())?;
    let proven_at = |point: &PointView| {
        let proven = drills.get(&point.source)?;
        (proven.point == point.id).then_some(proven.at)
    };
    let halts = agent.state.halts()?;
    let is_kept_forever = |point: &PointView| {
        let stop = halts.stop_of(&SourceName::local(point.source.clone()));
        is_own && stop.is_some_and(|stop| stop.kept == Kept::Forever)
    };
    let documents = points.iter().map(|point| {
        let document = json::Point::new(point, proven_at(point), now);
        match judged.get(&point.id) {
            Some(judged) => document.judged(judged),
            None if is_kept_forever(point) => document.kept_forever(),
            None => document,
        }
    });
    if agent.out.json {
        agent.out.document(&documents.collect::<Vec<_>>())?;
    } else {
        let kept = |point: &PointView| match judged.get(&point.id) {
            Some(judged) => Some(kept_by(judged)),
            None => is_kept_forever(point).then(|| "protection stopped, kept for ever".to_owned()),
        };
        let rows: Vec<_> = points
            .iter()
            .map(|point| row(point, kept(point), proven_at(point)))
            .collect();
        agent.out.text(&text(&rows))?;
    }
    Ok(Code::Done)
}

fn kept_by(judged: &Judged) -> String {
    match (judged.is_kept(), judged.verdict.expires_at()) {
        (false, _) => "expires".to_owned(),
        (true, None) => judged.kept_because().join(", "),
        (true, Some(at)) => {
            let rules = judged.kept_because().join(", ");
            format!("{rules} until {}", human::time(at))
        }
    }
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

fn row(point: &PointView, judged: Option<String>, proven_at: Option<DateTime<Utc>>) -> Vec<String> {
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
    ];
    let dates = dates
        .into_iter()
        .filter_map(|(why, at)| Some(format!("{why} {}", human::time(at?))));
    let held = point.is_held.then(|| "held".to_owned());
    let own = held.into_iter().chain(dates).collect::<Vec<_>>().join(", ");
    let proven = proven_at.map(|at| format!("proven restorable {}", human::time(at)));
    let kept = [Some(judged.unwrap_or(own)), proven];
    let kept: Vec<String> = kept
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    vec![
        point.id.to_string(),
        known(human::clean(&point.source)),
        human::time(point.taken_at),
        point.state.as_str().to_owned(),
        known(human::count(point.files_count)),
        known(human::bytes(point.logical_bytes)),
        kept.join(", "),
        human::clean(&tags.join(" ")),
    ]
}
