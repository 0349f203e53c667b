//! Reading a policy file, and keeping the one of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_policy::retention::SETTLING_HOURS;
use strongroom_policy::{PolicyFile, Problems};

pub(crate) use super::times::zone;

use crate::fail::{Fail, Problem, Result};
use crate::run::Agent;
use crate::state::{State, read_private, write_private};

const FROZEN: &str = "policy-of-removed.json";

/// A policy file that keeps all rules.
pub(crate) struct Read {
    pub(super) path: PathBuf,
    pub(crate) text: String,
    pub(crate) policy: PolicyFile,
}

/// A policy that keeps more than its successor, until the edit has settled.
#[derive(Debug, Serialize, Deserialize)]
struct Replaced {
    edited_at: DateTime<Utc>,
    before: String,
}

pub(super) fn read(path: &Path) -> Result<Read> {
    let help = "name a policy file that can be read";
    let bytes = std::fs::read(path).map_err(|error| {
        Fail::usage(format!("cannot read {}", path.display()), help).because(&error)
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let message = format!("{} is not text in UTF-8", path.display());
        Fail::usage(message, "save the file as UTF-8").because(&error)
    })?;
    parse(path, text)
}

pub(crate) fn parse(path: &Path, text: String) -> Result<Read> {
    match PolicyFile::parse(&text) {
        Ok(policy) => Ok(Read {
            path: path.to_owned(),
            text,
            policy,
        }),
        Err(problems) => Err(fail(path, &problems)),
    }
}

fn fail(path: &Path, problems: &Problems) -> Fail {
    let first = problems.first();
    let message = format!("{}: {first}", path.display());
    let fail = Fail::usage(message, first.suggestion.clone());
    let mut fail = fail.named(Problem::PolicyWrong);
    let others = problems.iter().skip(1);
    fail.causes = others
        .map(|problem| format!("{problem}; {}", problem.suggestion))
        .collect();
    fail
}

/// Where the policy of this machine stands, if there is one.
pub(crate) fn path(state: &State) -> Result<PathBuf> {
    Ok(state.dir()?.join("policy.toml"))
}

/// Where a daemon keeps the last good one.
pub(crate) fn in_force(state: &State) -> Result<PathBuf> {
    Ok(state.dir()?.join("policy-in-force.toml"))
}

/// The policy of this machine, if there is one.
pub(crate) fn stored(agent: &Agent) -> Result<Option<Read>> {
    // A daemon goes on by the last good one when somebody has spoiled what stands there.
    match &agent.globals.policy_in_force {
        Some(path) => stored_at(path),
        None => stored_at(&path(&agent.state)?),
    }
}

/// The policy in this place, if there is one.
pub(crate) fn stored_at(path: &Path) -> Result<Option<Read>> {
    match read_private(path)? {
        None => Ok(None),
        Some(text) => parse(path, text.to_string()).map(Some),
    }
}

/// The policy that was replaced by one that keeps less, and when, until that edit has settled.
pub(crate) fn replaced(agent: &Agent, now: DateTime<Utc>) -> Result<Option<(Read, DateTime<Utc>)>> {
    let path = agent.state.dir()?.join("policy-before.json");
    let Some(replaced) = unsettled(&path, now)? else {
        return Ok(None);
    };
    Ok(Some((parse(&path, replaced.before)?, replaced.edited_at)))
}

/// Sources that the policy of this machine names no longer, with the last policy that did: their points keep the retention that
/// they had.
pub(crate) fn frozen(state: &State) -> Result<BTreeMap<String, PolicyFile>> {
    let path = state.dir()?.join(FROZEN);
    let frozen = frozen_texts(&path)?.into_iter().map(|(source, text)| {
        let read = parse(&path, text)?;
        Ok((source, read.policy))
    });
    frozen.collect()
}

fn frozen_texts(path: &Path) -> Result<BTreeMap<String, String>> {
    let Some(text) = read_private(path)? else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("{} is damaged", path.display());
        let help = "move it away: points of sources that the policy does not name are then kept";
        Fail::usage(message, help).because(&error)
    })
}

/// The sources that a new policy freezes, and those that it names again, which it takes up.
fn freeze(
    mut frozen: BTreeMap<String, String>,
    before: Option<&Read>,
    new: &PolicyFile,
) -> BTreeMap<String, String> {
    let names = |policy: &PolicyFile, name: &str| policy.sources.iter().any(|one| one.name == name);
    // A policy that names none is about all.
    if new.sources.is_empty() {
        return BTreeMap::new();
    }
    if let Some(before) = before {
        let gone = before
            .policy
            .sources
            .iter()
            .map(|source| source.name.clone());
        frozen.extend(gone.map(|name| (name, before.text.clone())));
    }
    frozen.retain(|name, _| !names(new, name));
    frozen
}

/// Makes it the policy of this machine. One before that keeps more is kept beside it until the edit has settled.
pub(super) fn store(
    agent: &Agent,
    read: &Read,
    longer: Option<Read>,
    now: DateTime<Utc>,
) -> Result<PathBuf> {
    let dir = agent.state.prepare()?;
    let path = path(&agent.state)?;
    let beside = dir.join(FROZEN);
    let known = frozen_texts(&beside)?;
    let frozen = freeze(known.clone(), stored(agent)?.as_ref(), &read.policy);
    if frozen != known {
        // Before the policy: a source in both is judged as it was, one in neither would be kept for ever.
        write_private(&beside, serde_json::json!(frozen).to_string().as_bytes())?;
    }
    if let Some(longer) = longer {
        let beside = dir.join("policy-before.json");
        let replaced = Replaced {
            edited_at: now,
            before: unsettled(&beside, now)?.map_or(longer.text, |replaced| replaced.before),
        };
        let text = serde_json::json!(replaced).to_string();
        write_private(&beside, format!("{text}\n").as_bytes())?;
    }
    write_private(&path, read.text.as_bytes())?;
    Ok(path)
}

/// What an earlier edit replaced a moment ago; a second edit does not shorten its time.
fn unsettled(path: &Path, now: DateTime<Utc>) -> Result<Option<Replaced>> {
    let Some(text) = read_private(path)? else {
        return Ok(None);
    };
    let replaced: Option<Replaced> = serde_json::from_str(&text).ok();
    let is_unsettled =
        |replaced: &Replaced| (now - replaced.edited_at).num_hours() < SETTLING_HOURS;
    Ok(replaced.filter(is_unsettled))
}
