//! `status`: this machine and how it is registered, its vault, how old the newest points are, and whether the vault shows all that was seen.

mod machine;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strongroom::{PointState, PointView};

use crate::access::{self, Need};
use crate::commands::seen::Seen;
use crate::commands::vault;
use crate::fail::{Code, Result};
use crate::output::human::{self, Align};
use crate::output::json::{self, Failure};
use crate::run::{Agent, now};
use machine::Machine;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take what the vault shows now for right, although this machine has seen more: after the vault was set back on
    /// purpose, or points were lost
    #[arg(long)]
    accept_history: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let machine = Machine::of(agent);
    let place = access::place(agent)?;
    let opened = place.map(|place| access::open_at(agent, place, Need::Any));
    // What this machine knows without its vault is told, too, when the vault is away.
    let access = match opened {
        Some(Err(fail)) => {
            let document =
                json!({ "vault": null, "sources": [], "error": Failure::from(&fail).body() });
            show(agent, &machine, document, "the vault cannot be opened")?;
            agent.out.failure_of_part(&fail);
            return Ok(fail.code);
        }
        Some(Ok(access)) => access,
        None => {
            let document = json!({ "vault": null, "sources": [] });
            show(agent, &machine, document, NO_VAULT)?;
            return Ok(Code::Done);
        }
    };
    let points = access.vault.points()?;
    let sources = by_source(&points);
    let described = vault::describe(&access)?;
    let seen = Seen::look(agent, &access, args.accept_history)?;
    let lines = sources.iter().map(|source| source_json(source, &seen));
    let mut document = json!({ "vault": described, "sources": lines.collect::<Vec<_>>() });
    if let Some(fields) = document.as_object_mut() {
        fields.extend(seen.fields());
    }
    let text = format!(
        "{}\n\n{}{}",
        vault::text(&described),
        sources_text(&sources, &seen),
        seen.text()
    );
    show(agent, &machine, document, &text)?;
    Ok(Code::Done)
}

fn show(agent: &Agent, machine: &Machine, mut document: Value, text: &str) -> Result<()> {
    if agent.out.json {
        if let Some(fields) = document.as_object_mut() {
            fields.extend(machine.fields());
        }
        return Ok(agent.out.document(&document)?);
    }
    Ok(agent.out.text(&format!("{}\n\n{text}", machine.text()))?)
}

const NO_VAULT: &str = "no vault is configured: `strongroom-agent backup PATH` makes one here, \
                        `strongroom-agent vault attach --vault URL` takes one that exists";

/// The newest point of a source, and how many it has.
struct Source<'a> {
    newest: &'a PointView,
    points_count: u64,
}

/// Points come newest first.
fn by_source(points: &[PointView]) -> Vec<Source<'_>> {
    let mut sources: BTreeMap<&str, Source<'_>> = BTreeMap::new();
    for point in points
        .iter()
        .filter(|point| point.state != PointState::Damaged)
    {
        let source = sources.entry(&point.source).or_insert(Source {
            newest: point,
            points_count: 0,
        });
        source.points_count += 1;
    }
    sources.into_values().collect()
}

fn source_json(source: &Source<'_>, seen: &Seen) -> Value {
    let proven = seen.drills.get(&source.newest.source);
    json!({
        "proven_point": proven.map(|proven| proven.point.to_string()),
        "proven_restorable_at": proven.map(|proven| json::time(proven.at)),
        "source": source.newest.source,
        "recovery_point": source.newest.id.to_string(),
        "taken_at": json::time(source.newest.taken_at),
        "state": source.newest.state.as_str(),
        "logical_bytes": source.newest.logical_bytes,
        "points_count": source.points_count,
    })
}

fn sources_text(sources: &[Source<'_>], seen: &Seen) -> String {
    if sources.is_empty() {
        return "no recovery points".to_owned();
    }
    let now = now();
    let row = |source: &Source<'_>| {
        vec![
            human::clean(&source.newest.source),
            human::ago(source.newest.taken_at, now),
            human::time(source.newest.taken_at),
            source.newest.state.as_str().to_owned(),
            human::bytes(source.newest.logical_bytes),
            human::count(source.points_count),
            seen.drills
                .get(&source.newest.source)
                .map_or_else(|| "never".to_owned(), |proven| human::ago(proven.at, now)),
        ]
    };
    let columns = [
        ("source", Align::Left),
        ("newest point", Align::Left),
        ("taken", Align::Left),
        ("state", Align::Left),
        ("size", Align::Right),
        ("points", Align::Right),
        ("last drill", Align::Left),
    ];
    human::table(&columns, &sources.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom::vault::format::SessionId;

    #[test]
    fn the_newest_of_each_source() {
        let point = |source: &str, secs: i64, state| PointView {
            id: SessionId::new(u64::try_from(secs).unwrap() * 1000, [0; 10]),
            source: source.to_owned(),
            host: String::new(),
            taken_at: chrono::DateTime::from_timestamp(secs, 0).unwrap(),
            written_at: None,
            previous: None,
            slots: None,
            state,
            logical_bytes: 0,
            files_count: 0,
            roots: Vec::new(),
            tags: BTreeMap::new(),
            is_held: false,
            deleted_at: None,
            hold_until: None,
            retain_until: None,
        };
        let points = [
            point("", 9, PointState::Damaged),
            point("b", 3, PointState::Complete),
            point("a", 2, PointState::Partial),
            point("b", 1, PointState::Complete),
        ];
        let sources = by_source(&points);
        let seen: Vec<_> = sources
            .iter()
            .map(|source| (source.newest.source.as_str(), source.points_count))
            .collect();
        assert_eq!(seen, [("a", 1), ("b", 2)]);
        assert_eq!(sources[1].newest.taken_at.timestamp(), 3);
    }
}
