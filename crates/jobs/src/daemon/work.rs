//! Jobs that the loop has started.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::Scope;

use chrono::{DateTime, Utc};
use strongroom::Cancel;
use strongroom_policy::Due;

use super::{Daemon, Event, Message, Order};
use crate::duty::Duty;
use crate::outcome::Outcome;
use crate::plan::DutyStanding;

/// A job that runs.
#[derive(Debug)]
pub(super) struct AtWork {
    pub(super) duty: Duty,
    /// The run that it is made for; `None` for one that a person has asked for.
    due: Option<Due>,
    cancel: Cancel,
}

impl<'h> Daemon<'h> {
    pub(super) fn begin<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        order: Order,
        now: DateTime<Utc>,
    ) where
        'h: 'scope,
    {
        self.numbers += 1;
        let (number, cancel) = (self.numbers, Cancel::new());
        self.host.tell(&Event::started(&order, now));
        let work = AtWork {
            duty: order.duty().clone(),
            due: match &order {
                Order::Scheduled(start) => Some(start.due.clone()),
                Order::Asked(_) => None,
            },
            cancel: cancel.clone(),
        };
        self.at_work.insert(number, work);
        let (host, sender) = (self.host, self.sender.clone());
        let run = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| host.run(&order, &cancel)));
            let outcome = outcome.unwrap_or(Outcome::Failed);
            // Nobody listens any more only when the loop itself is gone.
            drop(sender.send(Message::Ended { number, outcome }));
        };
        let name = format!("job-{number}");
        let spawned = std::thread::Builder::new()
            .name(name)
            .spawn_scoped(scope, run);
        if let Err(error) = spawned {
            tracing::warn!(%error, "a job cannot be started");
            self.note_end(number, Outcome::Failed);
        }
    }

    pub(super) fn note(&mut self, message: Message) {
        match message {
            Message::Ended { number, outcome } => self.note_end(number, outcome),
            Message::Ask(asked) => self.asked.push_back(asked),
            Message::Wake | Message::Stop => {}
        }
    }

    fn note_end(&mut self, number: u64, outcome: Outcome) {
        let Some(work) = self.at_work.remove(&number) else {
            return;
        };
        let now = self.clock.now();
        if let Some(due) = &work.due {
            self.note_run(&work.duty, due, outcome, now);
        }
        self.host.tell(&Event::Ended {
            kind: work.duty.kind,
            source: work.duty.source,
            outcome,
            at: now,
        });
    }

    fn note_run(&self, duty: &Duty, due: &Due, outcome: Outcome, now: DateTime<Utc>) {
        let mut known = DutyStanding {
            runs: self.host.last_runs(duty, now),
            failed: self.host.last_failure(duty),
        };
        let failed = known.failed;
        if known.note(due, outcome, now) {
            self.host.keep_last_runs(duty, &known.runs);
        }
        if known.failed != failed {
            self.host.keep_last_failure(duty, known.failed.as_ref());
        }
    }

    /// Stops what runs, and waits for it. What was due and is stopped by this is due again.
    pub(super) fn stop(&mut self) {
        self.host.tell(&Event::Stopping {
            running_count: self.at_work.len(),
        });
        for work in self.at_work.values() {
            work.cancel.cancel();
        }
        while !self.at_work.is_empty() {
            match self.inbox.recv() {
                // The program has stopped it, not a person.
                Ok(Message::Ended {
                    number,
                    outcome: Outcome::Stopped,
                }) => self.note_end(number, Outcome::Interrupted),
                Ok(Message::Ended { number, outcome }) => self.note_end(number, outcome),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}
