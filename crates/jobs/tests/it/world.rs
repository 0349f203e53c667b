//! A machine that is simulated: a clock that sleeps and is set, a vault in memory, and work that fails when told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use strongroom::crypto::Passphrase;
use strongroom::vault::wrap::{Action, Fate, Faulty, Memory};
use strongroom::vault::{InitOptions, SweepOptions};
use strongroom::{BackupOptions, Cancel, Clock, ExpireOptions, Strongroom, VerifyOptions};
use strongroom_jobs::alerts::{Silence, silences};
use strongroom_jobs::catalog::{Failure, JobKind, NewJob, PointId, SourceName};
use strongroom_jobs::daemon::{DaemonClock, Message};
use strongroom_jobs::plan::Failed;
use strongroom_jobs::{
    Duty, Ending, Event, Halts, Host, Journal, NewPoints, Order, Outcome, Rules, RunningJob,
    Scheduled, catalog_point,
};
use strongroom_policy::{LastRuns, Policy, PolicyFile, Timetable};
use tempfile::TempDir;

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

/// What happens to the machine while the daemon waits.
pub(crate) enum Happening {
    /// It sleeps until then.
    Sleep(DateTime<Utc>),
    /// Somebody says something.
    Say(Message),
}

/// A clock that moves only when the daemon waits.
pub(crate) struct SimulatedClock {
    memory: Arc<Memory>,
    script: Mutex<VecDeque<(DateTime<Utc>, Happening)>>,
    waits: Mutex<Vec<DateTime<Utc>>>,
}

impl SimulatedClock {
    pub(crate) fn set(&self, to: DateTime<Utc>) {
        self.memory.advance(to - self.memory.now());
    }

    /// How often the daemon has looked at it.
    pub(crate) fn waits_count(&self) -> usize {
        self.waits.lock().expect("whole").len()
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        self.memory.now()
    }
}

impl DaemonClock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        self.memory.now()
    }

    fn wait(
        &self,
        until: Option<DateTime<Utc>>,
        is_working: bool,
        inbox: &Receiver<Message>,
    ) -> Option<Message> {
        if is_working {
            return inbox.recv().ok();
        }
        let now = self.memory.now();
        self.waits.lock().expect("whole").push(now);
        let mut script = self.script.lock().expect("whole");
        let happens_at = script.front().map(|(at, _)| *at);
        if happens_at.is_none_or(|at| until.is_some_and(|until| until < at)) {
            self.set(until.expect("a time to wait for"));
            return None;
        }
        let (at, happening) = script.pop_front()?;
        match happening {
            Happening::Sleep(until) => {
                self.set(until);
                None
            }
            Happening::Say(message) => {
                self.set(at.max(now));
                Some(message)
            }
        }
    }
}

/// A time in which something is wrong.
#[derive(Clone, Copy)]
pub(crate) struct Trouble {
    pub(crate) what: What,
    pub(crate) from: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The store has no room for another point.
    DiskFull,
    /// A source is not where it should be.
    SourceGone(&'static str),
}

impl Trouble {
    fn lasts_at(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.until
    }
}

/// The troubles, for those who cause them.
type Troubles = Arc<Mutex<Vec<Trouble>>>;

/// A store that has no room for another point as long as its disk is full.
fn store(memory: &Arc<Memory>, troubles: &Troubles) -> Arc<Faulty> {
    let (clock, troubles) = (Arc::clone(memory), Arc::clone(troubles));
    let inner = Arc::clone(memory);
    Faulty::new(inner, move |operation| {
        let is_point = operation.action == Action::Put && operation.name.starts_with("points/");
        let troubles = troubles.lock().expect("whole");
        let is_full = |one: &Trouble| one.what == What::DiskFull && one.lasts_at(clock.now());
        match is_point && troubles.iter().any(is_full) {
            true => Fate::Fail(ErrorKind::StorageFull),
            false => Fate::Pass,
        }
    })
}

pub(crate) struct World {
    pub(crate) vault: Strongroom,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) journal: Journal,
    pub(crate) policy: Policy,
    troubles: Troubles,
    pub(crate) events: Mutex<Vec<Event>>,
    rules: Rules,
    since: DateTime<Utc>,
    runs: Mutex<BTreeMap<Duty, LastRuns>>,
    failures: Mutex<BTreeMap<Duty, Failed>>,
    home: TempDir,
}

impl World {
    /// A machine with these sources, whose time begins at `since` and goes on by the script.
    pub(crate) fn new(
        policy: &str,
        sources: &[&str],
        since: DateTime<Utc>,
        script: Vec<(DateTime<Utc>, Happening)>,
    ) -> Self {
        let file = PolicyFile::parse(policy).expect("a policy");
        let zone = file.time_zone.expect("a zone");
        let home = scratch();
        for source in sources {
            std::fs::create_dir(home.path().join(source)).expect("made");
            std::fs::write(home.path().join(source).join("note"), source).expect("written");
        }
        let memory = Memory::new();
        let clock = Arc::new(SimulatedClock {
            memory: Arc::clone(&memory),
            script: Mutex::new(script.into()),
            waits: Mutex::default(),
        });
        clock.set(since);
        let passphrase = Passphrase::new("correct horse battery staple").expect("long enough");
        let troubles = Troubles::default();
        let store = store(&memory, &troubles);
        let vault = Strongroom::init_store(store, &passphrase, &InitOptions::for_tests());
        let vault = vault
            .expect("a vault")
            .with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let names: Vec<SourceName> = sources.iter().copied().map(SourceName::local).collect();
        let timetable = Timetable::new(file.schedule.clone(), zone).with_catch_up(file.catch_up);
        let backups = names.iter().map(|name| Scheduled {
            duty: Duty::backup(name.clone()),
            timetable: timetable.clone(),
        });
        let housekeeping = strongroom_jobs::plan::housekeeping(zone, 7, &names);
        let journal = home.path().join("state");
        std::fs::create_dir(&journal).expect("made");
        Self {
            vault,
            clock,
            journal: Journal::new(journal),
            policy: file.policy(zone),
            troubles,
            events: Mutex::default(),
            rules: Rules::new(backups.chain(housekeeping).collect()),
            since,
            runs: Mutex::default(),
            failures: Mutex::default(),
            home,
        }
    }

    fn now(&self) -> DateTime<Utc> {
        Clock::now(&*self.clock)
    }

    fn options(&self, source: &str, slots: Option<Vec<String>>, cancel: &Cancel) -> BackupOptions {
        let mut options = BackupOptions::new(source, vec![self.path(source)]);
        options.slots = slots;
        options.workers_count = 1;
        options.cancel = cancel.clone();
        options
    }

    fn path(&self, source: &str) -> PathBuf {
        self.home.path().join(source)
    }

    pub(crate) fn expire(&self) -> Result<(), strongroom::Error> {
        let options = ExpireOptions::new(&self.policy);
        let plan = self.vault.plan_expire(&options)?;
        assert_eq!(plan.brakes, [], "{}", self.now());
        self.vault.expire(&plan, false)?;
        Ok(())
    }

    pub(crate) fn meets(&self, trouble: Trouble) {
        self.troubles.lock().expect("whole").push(trouble);
    }

    /// Puts a source where it is now: away, or back.
    fn place(&self, source: &str) {
        let now = self.now();
        let troubles = self.troubles.lock().expect("whole").clone();
        let is_gone = |one: &Trouble| match one.what {
            What::SourceGone(name) => name == source && one.lasts_at(now),
            What::DiskFull => false,
        };
        let (here, away) = (self.path(source), self.path(&format!("{source}.away")));
        let moved = match (troubles.iter().any(is_gone), here.exists()) {
            (true, true) => std::fs::rename(&here, &away),
            (false, false) => std::fs::rename(&away, &here),
            _ => Ok(()),
        };
        moved.expect("moved");
    }

    fn all_points(&self) -> Result<(Option<PointId>, NewPoints), strongroom::Error> {
        let all = self.vault.points()?;
        let all = all.iter().map(catalog_point).collect();
        Ok((None, NewPoints::All(all)))
    }

    fn work(
        &self,
        order: &Order,
        job: &RunningJob,
        cancel: &Cancel,
    ) -> Result<(Option<PointId>, NewPoints), strongroom::Error> {
        let duty = order.duty();
        let monitor = job.monitor();
        let source = duty.source.as_ref().map(|source| source.name.as_str());
        match (&duty.kind, source) {
            (JobKind::Backup, Some(source)) => {
                let slots = match order {
                    Order::Scheduled(start) => {
                        Some(start.due.slots.iter().map(ToString::to_string).collect())
                    }
                    Order::Asked(_) => None,
                };
                self.place(source);
                let options = self.options(source, slots, cancel);
                let made = self.vault.backup(&options, &*monitor)?.recovery_point;
                let id = made.expect("no dry run").to_string();
                let point = catalog_point(&self.vault.point(&id)?);
                Ok((Some(PointId::new(id)), NewPoints::One(Box::new(point))))
            }
            (JobKind::Expire, _) => {
                self.expire()?;
                self.all_points()
            }
            (JobKind::Sweep, _) => {
                self.vault.sweep(&SweepOptions::default())?;
                self.all_points()
            }
            (JobKind::Verify, _) => {
                let report = self.vault.verify(&VerifyOptions::default(), &*monitor)?;
                assert_eq!(report.damaged.len(), 0);
                Ok((None, NewPoints::Unknown))
            }
            _ => Ok((None, NewPoints::Unknown)),
        }
    }
}

impl Host for World {
    fn rules(&self, _now: DateTime<Utc>) -> Rules {
        self.rules.clone()
    }

    fn halts(&self) -> Halts {
        Halts::default()
    }

    fn last_runs(&self, duty: &Duty, _now: DateTime<Utc>) -> LastRuns {
        let runs = self.runs.lock().expect("whole");
        let known = runs.get(duty).cloned();
        known.unwrap_or_else(|| LastRuns::since(self.since))
    }

    fn keep_last_runs(&self, duty: &Duty, runs: &LastRuns) {
        let mut all = self.runs.lock().expect("whole");
        all.insert(duty.clone(), runs.clone());
    }

    fn last_failure(&self, duty: &Duty) -> Option<Failed> {
        self.failures.lock().expect("whole").get(duty).copied()
    }

    fn keep_last_failure(&self, duty: &Duty, failed: Option<&Failed>) {
        let mut all = self.failures.lock().expect("whole");
        match failed {
            Some(failed) => all.insert(duty.clone(), *failed),
            None => all.remove(duty),
        };
    }

    fn running(&self) -> BTreeSet<Duty> {
        self.journal.running_duties().expect("readable")
    }

    fn run(&self, order: &Order, cancel: &Cancel) -> Outcome {
        let duty = order.duty();
        let new = NewJob::new(duty.kind.clone(), duty.source.clone());
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let job = self
            .journal
            .begin(new, None, cancel.clone(), clock)
            .expect("written down");
        let (recovery_point, points) = match self.work(order, &job, cancel) {
            Ok(done) => done,
            Err(error) => {
                let is_gone = matches!(error, strongroom::Error::NothingToBackUp(_));
                assert!(error.is_full() || is_gone, "{error}");
                let code = if is_gone { "source_gone" } else { "disk_full" };
                let failure = Failure {
                    code: code.to_owned(),
                    message: error.to_string(),
                    help: None,
                };
                let ended = job.end(Ending::Failed(failure), NewPoints::Unknown, None);
                ended.expect("written down");
                return Outcome::Failed;
            }
        };
        let ending = Ending::Completed { recovery_point };
        job.end(ending, points, None).expect("written down");
        Outcome::Done
    }

    fn tidy(&self, now: DateTime<Utc>) {
        let tidied = self.journal.with_catalog(now, |catalog| {
            let snapshot = catalog.snapshot()?;
            let mut all = Vec::new();
            for one in &self.rules.duties {
                if let (JobKind::Backup, Some(source)) = (&one.duty.kind, &one.duty.source) {
                    let known = snapshot.source(source)?;
                    let newest = known.and_then(|known| known.newest);
                    all.push(Silence {
                        source: source.clone(),
                        since: newest.map_or(self.since, |newest| newest.taken_at),
                        timetable: Some(&one.timetable),
                    });
                }
            }
            let changes = silences(&all, now);
            catalog.change(|change| {
                let apply = |one: &strongroom_jobs::AlertChange| one.apply(change, now).map(drop);
                changes.iter().try_for_each(apply)
            })?;
            Ok(())
        });
        tidied.expect("tidy");
    }

    fn tell(&self, event: &Event) {
        self.events.lock().expect("whole").push(event.clone());
    }
}

/// In memory where that can be had: a month of jobs waits for the disk a few thousand times.
fn scratch() -> TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).expect("a home")
}
