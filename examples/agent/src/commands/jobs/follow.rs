//! `jobs --follow`: what happens to jobs, as it happens. Looks at the files of running jobs once a second, and at the catalog
//! when one of them has come or gone.

use std::collections::BTreeMap;
use std::time::Duration;

use strongroom_catalog::{Job, JobId};
use strongroom_jobs::Journal;

use super::{document, done};
use crate::fail::{Code, Result};
use crate::output::{Told, human};
use crate::run::{Agent, now};

const PAUSE: Duration = Duration::from_secs(1);
/// More jobs than come between two looks.
const JOBS_COUNT: usize = 64;

pub(super) fn run(agent: &Agent, journal: &Journal, shown: &[Job]) -> Result<Code> {
    let told = Told::new(&agent.out);
    let mut known: BTreeMap<JobId, u64> = BTreeMap::new();
    let mut tell = |job: &Job| {
        if known.get(&job.id) != Some(&job.revision) {
            known.insert(job.id, job.revision);
            told.line(&document(job), || line(job));
        }
    };
    shown.iter().rev().for_each(&mut tell);
    let mut running = ids(&journal.running()?);
    loop {
        std::thread::sleep(PAUSE);
        let jobs = journal.running()?;
        jobs.iter().for_each(&mut tell);
        let now_running = ids(&jobs);
        if now_running != running {
            running = now_running;
            let newest = journal.jobs(JOBS_COUNT, now())?;
            newest.iter().rev().for_each(&mut tell);
        }
    }
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

fn line(job: &Job) -> String {
    let source = job.source.as_ref().map(|source| format!(" of {source}"));
    let phase = job.phase().filter(|_| !job.state.has_ended());
    let phase = phase.map(|phase| format!(", {}", phase.as_str().replace('_', " ")));
    let failure = job
        .failure
        .as_ref()
        .map(|failure| format!(": {}", failure.message));
    let done = Some(done(job)).filter(|done| !done.is_empty());
    let text = format!(
        "{} {}{}: {}{}{}{}",
        job.id,
        job.kind,
        source.unwrap_or_default(),
        job.state.as_str().replace('_', " "),
        phase.unwrap_or_default(),
        done.map(|done| format!(", {done}")).unwrap_or_default(),
        failure.unwrap_or_default(),
    );
    human::clean(&text)
}
