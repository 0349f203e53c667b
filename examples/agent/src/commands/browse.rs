//! `browse`: looking for what is lost by date, on the whole terminal, and bringing it back.
//!
//! | module | is |
//! |---|---|
//! | `state` | what the screen is about: (state, event) → (state, effects), and nothing else |
//! | `days`, `times`, `folder`, `search`, `order` | its screens, from the calendar to the restore |
//! | `draw` | what is seen of a state |
//! | `keys` | keys, from bytes |
//! | `terminal` | the terminal, which is as it was afterwards |
//! | `worker` | effects that take time |

mod days;
mod draw;
mod folder;
mod keys;
mod order;
mod search;
mod state;
mod terminal;
#[cfg(test)]
mod tests;
mod times;
mod worker;

use std::io::{IsTerminal, stdin, stdout};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use chrono::Local;
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;
use strongroom::{Cancel, PointState, PointView, RestoreReport};
use strongroom_catalog::{JobKind, NewJob, SourceName};

use crate::access::{self, Need};
use crate::fail::{Code, Fail, Result};
use crate::journal::{self, Ends};
use crate::run::Agent;
use state::{Effect, Event, Order, Point, Request, State};
use terminal::Terminal;
use worker::Worker;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only recovery points of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    if agent.out.json || !(stdin().is_terminal() && stdout().is_terminal()) {
        let help = "without one, use `points`, `ls POINT`, `find GLOB` and `restore POINT PATH`";
        return Err(Fail::usage("browse needs a terminal", help));
    }
    let access = access::open(agent, Need::Any)?;
    let mut points = access.vault.points()?;
    points.retain(|point| {
        let is_wanted = args
            .source
            .as_ref()
            .is_none_or(|name| point.source == *name);
        is_wanted && point.state != PointState::Damaged && point.deleted_at.is_none()
    });
    let state = State::new(points.iter().map(shown).collect(), terminal::size());
    let (events, received) = channel();
    let worker = Worker {
        vault: access.vault,
        points: Arc::new(points),
        protected: agent.state.dir().ok().map(Into::into).into_iter().collect(),
        events: events.clone(),
    };
    let fail = |error: std::io::Error| {
        let help = "use `points`, `ls` and `restore` instead";
        Fail::new(Code::Failed, "cannot use this terminal", help).because(&error)
    };
    let mut signals = Signals::new([SIGWINCH]).map_err(fail)?;
    let terminal = Terminal::take().map_err(fail)?;
    hear(agent, &events);
    let sizes = events.clone();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if sizes.send(Event::Resized(terminal::size())).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || terminal::listen(&events));
    let mut session = Session {
        agent,
        state,
        worker,
        terminal,
        received,
        cancel: Cancel::new(),
        is_seen: true,
        is_over: false,
    };
    session.go_on(None)?;
    Ok(Code::Done)
}

fn hear(agent: &Agent, events: &Sender<Event>) {
    let events = events.clone();
    agent.hear_interrupts(move || {
        // It may have ended already.
        let _is_heard = events.send(Event::Stop).is_ok();
    });
}

fn shown(point: &PointView) -> Point {
    Point {
        source: point.source.clone(),
        host: point.host.clone(),
        taken_at: point.taken_at.with_timezone(&Local).naive_local(),
        files_count: point.files_count,
        logical_bytes: point.logical_bytes,
        is_partial: point.state == PointState::Partial,
    }
}

/// What a restore has come to, as soon as it has.
type Outcome = std::result::Result<RestoreReport, Fail>;

struct Session<'a> {
    agent: &'a Agent,
    state: State,
    worker: Worker,
    terminal: Terminal,
    received: Receiver<Event>,
    /// Stops what was asked for last.
    cancel: Cancel,
    is_seen: bool,
    is_over: bool,
}

impl Session<'_> {
    /// Until the person leaves, or until a restore has ended; then that is what came of it.
    fn go_on(&mut self, restore: Option<&Receiver<Outcome>>) -> Result<Option<RestoreReport>> {
        while !self.is_over {
            let event = self.next();
            let effects = self.state.handle(event);
            for effect in effects {
                self.carry_out(effect);
            }
            if let Some(Ok(outcome)) = restore.map(Receiver::try_recv) {
                return outcome.map(Some);
            }
        }
        Ok(None)
    }

    /// Shows what there is and waits for what happens.
    fn next(&mut self) -> Event {
        if self.is_seen && self.terminal.show(&draw::draw(&self.state)).is_err() {
            // The terminal is gone: what is being written is stopped first, as by a signal.
            self.is_seen = false;
            return Event::Stop;
        }
        self.received.recv().unwrap_or(Event::Stop)
    }

    fn carry_out(&mut self, effect: Effect) {
        self.cancel.cancel();
        let cancel = Cancel::new();
        self.cancel = cancel.clone();
        match effect {
            Effect::List(request, point, path) => self.worker.list(request, point, path, cancel),
            Effect::Search(request, points, glob) => {
                self.worker.search(request, points, glob, cancel);
            }
            Effect::Plan(request, order) => self.worker.plan(request, order, cancel),
            Effect::Restore(request, order) => self.restore(request, order),
            Effect::Cancel => {}
            Effect::Quit => self.is_over = true,
        }
    }

    /// A job like any other: it is in `jobs`, and can be stopped there. Its failure is on the screen.
    fn restore(&mut self, request: Request, order: Order) {
        let source = self.state.points.get(order.point);
        let source = source.map(|point| SourceName::local(point.source.clone()));
        let (agent, cancel) = (self.agent, self.cancel.clone());
        let new = NewJob::new(JobKind::Restore, source);
        let outcome = journal::as_job(agent, new, cancel.clone(), || {
            let (ended, ending) = channel();
            let job = agent.current.monitor();
            self.worker.restore(request, order, cancel, job, ended);
            self.go_on(Some(&ending)).map(Done)
        });
        drop(outcome);
    }
}

struct Done(Option<RestoreReport>);

impl Ends for Done {
    fn code(&self) -> Code {
        match &self.0 {
            None => Code::Cancelled,
            Some(report) if report.damaged_count > 0 => Code::Damage,
            Some(report) if report.skipped_count > 0 => Code::Warnings,
            Some(_) => Code::Done,
        }
    }
}
