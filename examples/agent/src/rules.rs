//! What the policy of this machine says of the points in a vault.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use strongroom::policy::Policy;
use strongroom::policy::retention::PolicyEdit;
use strongroom::{ExpireOptions, PointView};
use strongroom_jobs::{Halts, Kept};

use crate::commands::policy::file;
use crate::fail::Result;
use crate::run::{Agent, now};

/// The policy of this machine, and the one before as long as that edit has not settled.
pub(crate) struct Rules {
    policy: Policy,
    before: Option<(Policy, DateTime<Utc>)>,
    /// Sources that the policy names; empty: all that this machine backs up.
    sources: BTreeSet<String>,
    /// Sources that no policy names any more, with the last one that did.
    frozen: BTreeMap<String, Policy>,
    host: String,
    halts: Halts,
}

impl Rules {
    /// `None` where no policy is set.
    pub(crate) fn of_machine(agent: &Agent) -> Result<Option<Self>> {
        let Some(read) = file::stored(agent)? else {
            return Ok(None);
        };
        let zone = file::zone(&read.policy);
        let before = file::replaced(agent, now())?.map(|(before, edited_at)| {
            (before.policy.policy(file::zone(&before.policy)), edited_at)
        });
        let frozen = file::frozen(&agent.state)?;
        let frozen = frozen.into_iter().map(|(source, last)| {
            let policy = last.policy(file::zone(&last));
            (source, policy)
        });
        let names = read.policy.sources.iter().map(|source| source.name.clone());
        Ok(Some(Self {
            policy: read.policy.policy(zone),
            before,
            sources: names.collect(),
            frozen: frozen.collect(),
            host: agent.host(),
            halts: agent.state.halts()?,
        }))
    }

    /// The rules for those of these points that they are about.
    pub(crate) fn options(&self, points: &[PointView]) -> ExpireOptions<'_> {
        let mut options = ExpireOptions::new(&self.policy);
        options.edit = self.before.as_ref().map(|(before, edited_at)| PolicyEdit {
            before,
            edited_at: *edited_at,
        });
        let mut sources: BTreeSet<String> = match self.sources.is_empty() {
            false => self.sources.clone(),
            true => points
                .iter()
                .filter(|point| point.host == self.host)
                .map(|point| point.source.clone())
                .collect(),
        };
        let frozen = self.frozen.iter();
        options.frozen = frozen
            .map(|(source, policy)| (source.clone(), policy))
            .collect();
        for (source, stop) in self.halts.stops() {
            match stop.kept {
                Kept::Forever => {
                    options.frozen.remove(&source.name);
                    sources.remove(&source.name)
                }
                // It may be gone from the policy by now.
                Kept::UntilExpiry | Kept::Deleted => sources.insert(source.name.clone()),
            };
        }
        options.sources = Some(sources);
        options
    }
}
