//! What happens on this machine and nobody may keep quiet: alerts about security, raised by commands and the daemon alike.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use strongroom::PointView;
use strongroom_catalog::SourceName;
use strongroom_jobs::{Journal, catalog_point};
use strongroom_notices::{SecurityEvent, security_alerts};
use strongroom_policy::PolicyFile;
use strongroom_policy::retention::cuts;

use crate::commands::policy::file;
use crate::fail::Result;
use crate::journal;
use crate::run::{Agent, now};
use crate::state::{State, read_private, write_private};

/// Raises what follows from these events. To be called before what they tell is done, so that nothing that kills this process
/// keeps it quiet. Trouble is told, and stops nothing: who must delete because the disk is full can.
pub(crate) fn note(agent: &Agent, events: &[SecurityEvent]) {
    agent.current.note_news();
    let raised = journal::journal(agent).and_then(|journal| raise(&journal, events, now()));
    tell_trouble(agent, raised);
}

/// Looks whether the policy has become weaker since somebody looked last.
pub(crate) fn look_at_policy(agent: &Agent) {
    if agent.globals.scheduled {
        // The daemon does it.
        return;
    }
    let looked =
        journal::journal(agent).and_then(|journal| watch_policy(&agent.state, &journal, now()));
    if let Ok(true) = looked {
        agent.current.note_news();
    }
    tell_trouble(agent, looked);
}

fn tell_trouble<T>(agent: &Agent, outcome: Result<T>) {
    if let Err(fail) = outcome {
        let message = format!("warning: an alert cannot be kept: {}", fail.message);
        agent.out.note(&message);
    }
}

fn raise(journal: &Journal, events: &[SecurityEvent], at: DateTime<Utc>) -> Result<()> {
    let new: Vec<_> = events.iter().flat_map(security_alerts).collect();
    if new.is_empty() {
        return Ok(());
    }
    Ok(journal.with_catalog(at, |catalog| {
        Ok(catalog.change(|change| {
            new.iter()
                .try_for_each(|new| change.raise_alert(new, at).map(drop))
        })?)
    })?)
}

/// Compares the policy with the one that was looked at last, whoever has written it and how, and raises what follows. True
/// when it is another one. One that is not good is not in force, and is looked at when it is.
///
/// The alerts are durable before the policy counts as looked at: killed in between, it is looked at once more.
pub(crate) fn watch_policy(state: &State, journal: &Journal, at: DateTime<Utc>) -> Result<bool> {
    let path = state.prepare()?.join("policy-seen.toml");
    let (seen, now) = (read_private(&path)?, read_private(&file::path(state)?)?);
    // The first policy of a machine replaces none.
    if seen == now {
        return Ok(false);
    }
    let now = now.unwrap_or_default();
    let Ok(after) = PolicyFile::parse(&now) else {
        return Ok(false);
    };
    let before = seen.and_then(|text| PolicyFile::parse(&text).ok());
    let events = before.map(|before| weaker(&before, &after));
    raise(journal, &events.unwrap_or_default(), at)?;
    write_private(&path, now.as_bytes())?;
    Ok(true)
}

/// In which ways a policy protects less than the one before.
fn weaker(before: &PolicyFile, after: &PolicyFile) -> Vec<SecurityEvent> {
    let policy = |file: &PolicyFile| file.policy(file::zone(file));
    let cuts = cuts(&policy(before), &policy(after));
    let is_named = |name: &String| after.sources.iter().any(|source| source.name == *name);
    let names = before.sources.iter().map(|source| source.name.clone());
    let mut events = vec![
        SecurityEvent::RetentionCut {
            source: None,
            cuts: cuts.iter().map(ToString::to_string).collect(),
        },
        SecurityEvent::SourcesDropped {
            names: names.filter(|name| !is_named(name)).collect(),
        },
        SecurityEvent::SoftDeleteChanged {
            from_days: Some(before.security.soft_delete_days),
            to_days: Some(after.security.soft_delete_days),
        },
    ];
    if before.security.minimums && !after.security.minimums {
        events.push(SecurityEvent::MinimumsOff);
    }
    events
}

/// What a deletion of these points is, source by source.
pub(crate) fn deletions<'p>(
    points: impl IntoIterator<Item = &'p PointView>,
    is_final: bool,
) -> Vec<SecurityEvent> {
    let mut counts: BTreeMap<SourceName, u64> = BTreeMap::new();
    for point in points {
        *counts.entry(catalog_point(point).source).or_default() += 1;
    }
    let one = |(source, points_count)| SecurityEvent::PointsDeleted {
        source: Some(source),
        points_count,
        is_final,
    };
    counts.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> PolicyFile {
        PolicyFile::parse(text).unwrap()
    }

    fn codes(before: &str, after: &str) -> Vec<String> {
        let events = weaker(&policy(before), &policy(after));
        let alerts = events.iter().flat_map(security_alerts);
        alerts.map(|alert| alert.code).collect()
    }

    #[test]
    fn only_what_is_weaker_is_told() {
        let strong = "sources = [{ name = \"home\", paths = [\"/home\"] }]\n\
                      retention.daily = { keep_days = 30 }\nsecurity.soft_delete_days = 30\n";
        assert!(codes(strong, strong).is_empty());
        let longer = strong.replace("keep_days = 30", "keep_days = 60");
        assert!(codes(strong, &longer).is_empty());
        assert_eq!(codes(&longer, strong), ["retention_cut"]);
        let shorter = strong.replace("soft_delete_days = 30", "soft_delete_days = 14");
        assert_eq!(codes(strong, &shorter), ["soft_delete_reduced"]);
        let off = format!("{strong}security.minimums = false\n");
        assert_eq!(codes(strong, &off), ["minimums_off"]);
        assert!(codes(&off, strong).is_empty());
        let other = strong.replace("\"home\"", "\"music\"");
        assert_eq!(codes(strong, &other), ["sources_dropped"]);
    }

    #[test]
    fn a_policy_is_looked_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path()));
        let journal = Journal::new(dir.path());
        let set = |text: &str| {
            std::fs::write(dir.path().join("policy.toml"), text).unwrap();
            watch_policy(&state, &journal, now()).unwrap()
        };
        let open = || {
            let count = journal.with_catalog(now(), |catalog| {
                Ok(catalog.snapshot()?.open_alerts().count())
            });
            count.unwrap()
        };
        assert!(!watch_policy(&state, &journal, now()).unwrap());
        assert!(set("retention.daily = { keep_days = 30 }\n"));
        assert_eq!(open(), 0, "the first one");
        assert!(!set("retention.daily = { keep_days = 30 }\n"));
        assert!(!set("retention.daily = { keep_days = 3"));
        assert!(set("retention.daily = { keep_days = 20 }\n"));
        assert_eq!(open(), 1);
        // A policy that is gone keeps everything, and is no cut.
        std::fs::remove_file(dir.path().join("policy.toml")).unwrap();
        assert!(watch_policy(&state, &journal, now()).unwrap());
        assert_eq!(open(), 1);
    }
}
