//! The daemon: starts what is due when it is due, one loop over a clock.

mod clock;
mod event;
mod host;
mod work;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};

use chrono::{DateTime, TimeDelta, Utc};

use crate::duty::Duty;
use crate::outcome::Outcome;
use crate::plan::{DutyStanding, Rules, Standing, next};

pub use clock::{DaemonClock, SystemDaemonClock};
pub use event::Event;
pub use host::{Asked, Host, Order};
use work::AtWork;

/// How often the host tidies up, hours.
const TIDY_HOURS: i64 = 6;

/// What the loop is told from other threads.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message {
    /// A person wants something done now.
    Ask(Asked),
    /// Something may have changed: look again.
    Wake,
    /// End, after stopping what runs.
    Stop,
    /// A job has ended.
    #[doc(hidden)]
    Ended {
        /// Its number in the loop.
        number: u64,
        /// How it has ended.
        outcome: Outcome,
    },
}

/// Starts the jobs of a machine until it is told to stop.
///
/// It is the only one that starts what is due, holds nothing that a crash could lose, and looks at the clock anew each time:
/// what has run stands in [`LastRuns`](strongroom_policy::LastRuns), which the host keeps, as it does how often a run has
/// failed; a job that did not end is due again.
pub struct Daemon<'h> {
    host: &'h dyn Host,
    clock: &'h dyn DaemonClock,
    inbox: Receiver<Message>,
    sender: Sender<Message>,
    at_work: BTreeMap<u64, AtWork>,
    asked: VecDeque<Asked>,
    numbers: u64,
    tidied_at: Option<DateTime<Utc>>,
    /// What was told of it last.
    waiting: Option<Event>,
}

impl std::fmt::Debug for Daemon<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon")
            .field("at_work", &self.at_work)
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl<'h> Daemon<'h> {
    /// A daemon of this host by this clock.
    #[must_use]
    pub fn new(host: &'h dyn Host, clock: &'h dyn DaemonClock) -> Self {
        let (sender, inbox) = channel();
        Self {
            host,
            clock,
            inbox,
            sender,
            at_work: BTreeMap::new(),
            asked: VecDeque::new(),
            numbers: 0,
            tidied_at: None,
            waiting: None,
        }
    }

    /// Where other threads talk to it.
    #[must_use]
    pub fn sender(&self) -> Sender<Message> {
        self.sender.clone()
    }

    /// Runs until [`Message::Stop`]; what is still running then is stopped and waited for.
    pub fn run(mut self) {
        std::thread::scope(|scope| {
            loop {
                let look_at = self.turn(scope);
                let is_working = !self.at_work.is_empty();
                match self.clock.wait(look_at, is_working, &self.inbox) {
                    Some(Message::Stop) => break,
                    Some(message) => self.note(message),
                    None => {}
                }
                while let Ok(message) = self.inbox.try_recv() {
                    if matches!(message, Message::Stop) {
                        return self.stop();
                    }
                    self.note(message);
                }
            }
            self.stop();
        });
    }

    /// Starts what can be started now; when to look again.
    fn turn<'scope>(
        &mut self,
        scope: &'scope std::thread::Scope<'scope, '_>,
    ) -> Option<DateTime<Utc>>
    where
        'h: 'scope,
    {
        let now = self.clock.now();
        let rules = self.host.rules(now);
        let tidy_at = self.tidy(now);
        let standing = self.standing(&rules, now);
        self.start_asked(scope, &standing, &rules, now);
        let standing = Standing {
            running: self.running(),
            ..standing
        };
        let next = next(&standing, &rules, now);
        for start in next.start {
            self.begin(scope, Order::Scheduled(start), now);
        }
        let look_at = next.look_at.into_iter().chain([tidy_at]).min();
        let waiting = Event::Waiting {
            running_count: self.at_work.len(),
            look_at,
        };
        if self.waiting.as_ref() != Some(&waiting) {
            self.host.tell(&waiting);
            self.waiting = Some(waiting);
        }
        look_at
    }

    /// Has the host tidy up from time to time; when next.
    fn tidy(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        let pause = TimeDelta::hours(TIDY_HOURS);
        // A clock that was set back does not put it off.
        let last = self.tidied_at.filter(|at| *at <= now && now - *at < pause);
        let last = last.unwrap_or_else(|| {
            self.host.tidy(now);
            now
        });
        self.tidied_at = Some(last);
        last + pause
    }

    fn standing(&self, rules: &Rules, now: DateTime<Utc>) -> Standing {
        let mut standing = Standing {
            halts: self.host.halts(),
            running: self.running(),
            ..Standing::default()
        };
        for one in &rules.duties {
            let known = DutyStanding {
                runs: self.host.last_runs(&one.duty, now),
                failed: self.host.last_failure(&one.duty),
            };
            standing.duties.insert(one.duty.clone(), known);
        }
        let before = standing.clone();
        standing.observe(now);
        for (duty, known) in &standing.duties {
            if before
                .duties
                .get(duty)
                .is_some_and(|before| before.runs != known.runs)
            {
                self.host.keep_last_runs(duty, &known.runs);
            }
        }
        standing
    }

    /// What this loop has started, and what anybody else has.
    fn running(&self) -> BTreeSet<Duty> {
        let mut running = self.host.running();
        running.extend(self.at_work.values().map(|work| work.duty.clone()));
        running
    }

    /// What a person asks for does not wait for its time, but for what excludes it.
    fn start_asked<'scope>(
        &mut self,
        scope: &'scope std::thread::Scope<'scope, '_>,
        standing: &Standing,
        rules: &Rules,
        now: DateTime<Utc>,
    ) where
        'h: 'scope,
    {
        let mut waiting = VecDeque::new();
        for asked in std::mem::take(&mut self.asked) {
            let at_work = self.at_work.values().map(|work| &work.duty);
            let mut busy = standing.running.iter().chain(at_work);
            let is_free = !busy.any(|other| other.excludes(&asked.duty));
            if is_free && self.at_work.len() < rules.most_at_once.max(1) {
                self.begin(scope, Order::Asked(asked), now);
            } else {
                waiting.push_back(asked);
            }
        }
        self.asked = waiting;
    }
}
