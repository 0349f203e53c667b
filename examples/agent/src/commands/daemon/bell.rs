//! The thread that tells people of alerts, and how it is called: it holds up no job, whatever a mail server does.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use strongroom_jobs::Event;
use strongroom_jobs::socket::Listeners;
use strongroom_notices::Teller;

use super::host::{text, trouble};
use crate::fail::{Code, Fail, Result};
use crate::journal;
use crate::output::Told;
use crate::run::{Agent, now};
use crate::telling::Desk;

/// How long the end of the daemon waits for what is being told.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Calls the thread that tells.
#[derive(Clone)]
pub(super) struct Bell {
    rope: SyncSender<Ring>,
    watch: Arc<Mutex<Watch>>,
    ended: Arc<Mutex<Receiver<()>>>,
    catalog: PathBuf,
}

enum Ring {
    /// Something may have happened.
    Look,
    /// Look once more, then end.
    End,
}

/// When it is to be called though nobody rings.
#[derive(Default)]
struct Watch {
    looked_at: DateTime<Utc>,
    look_at: Option<DateTime<Utc>>,
    /// When the catalog was written, as of the last look: a command by hand that was killed has told nobody.
    written_at: Option<SystemTime>,
}

impl Bell {
    /// Starts the thread.
    pub(super) fn hang(agent: &Agent, listeners: Listeners) -> Result<Self> {
        let (rope, rings) = sync_channel(1);
        let (end, ended) = sync_channel(1);
        let bell = Self {
            rope,
            watch: Arc::default(),
            ended: Arc::new(Mutex::new(ended)),
            catalog: journal::journal(agent)?.catalog_path(),
        };
        let mut crier = Crier {
            desk: Desk::new(agent)?,
            teller: None,
            told: Told::new(&agent.out),
            listeners,
            troubles: Vec::new(),
        };
        let shared = bell.clone();
        let tell = move || {
            crier.tell(&rings, &shared);
            // Nobody waits for it any more only when the daemon has gone on without it.
            let _sent = end.send(());
        };
        let spawned = std::thread::Builder::new()
            .name("notices".to_owned())
            .spawn(tell);
        spawned.map_err(|error| {
            let help = "raise the limit of threads (ulimit -u), then run it again";
            Fail::new(Code::Failed, "cannot tell of alerts", help).because(&error)
        })?;
        Ok(bell)
    }

    /// There may be something to tell.
    pub(super) fn ring(&self) {
        // Where it was rung already, it is looked once.
        drop(self.rope.try_send(Ring::Look));
    }

    /// Rings if it is time.
    pub(super) fn tick(&self, now: DateTime<Utc>) {
        let watch = self.watch();
        let is_time = watch.look_at.is_some_and(|at| at <= now) || now < watch.looked_at;
        let is_written = watch.written_at != self.written_at();
        drop(watch);
        if is_time || is_written {
            self.ring();
        }
    }

    /// Has it look once more, and waits a while for it.
    pub(super) fn take_down(&self) {
        let until = Instant::now() + PATIENCE;
        while self.rope.try_send(Ring::End).is_err() && Instant::now() < until {
            std::thread::sleep(POLL);
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // What has not arrived by then is told by the next daemon.
        let _in_time = ended.recv_timeout(PATIENCE);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written_at(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.catalog)
            .and_then(|file| file.modified())
            .ok()
    }
}

/// Who tells.
struct Crier {
    desk: Desk,
    teller: Option<Teller>,
    told: Told,
    listeners: Listeners,
    /// What was wrong the last time: told once.
    troubles: Vec<String>,
}

impl Crier {
    fn tell(&mut self, rings: &Receiver<Ring>, bell: &Bell) {
        while let Ok(ring) = rings.recv() {
            let looked_at = now();
            let look_at = self.look().unwrap_or_else(|fail| {
                self.complain(vec![fail]);
                // It is tried again within a minute.
                Some(looked_at)
            });
            *bell.watch() = Watch {
                looked_at,
                look_at,
                written_at: bell.written_at(),
            };
            if let Ring::End = ring {
                return;
            }
        }
    }

    /// Tells what is due; when to look again.
    fn look(&mut self) -> Result<Option<DateTime<Utc>>> {
        if self.teller.is_none() {
            self.teller = self.desk.teller()?;
        }
        let Some(teller) = &mut self.teller else {
            // A command by hand tells just now, perhaps without what is new.
            return Ok(Some(now()));
        };
        let round = self.desk.round(teller)?;
        self.complain(round.troubles);
        Ok(round.look_at)
    }

    fn complain(&mut self, fails: Vec<Fail>) {
        let texts: Vec<String> = fails.iter().map(|fail| trouble("notices", fail)).collect();
        for message in texts.iter().filter(|text| !self.troubles.contains(text)) {
            let event = Event::Trouble {
                message: message.clone(),
            };
            self.told.line(&event, || text(&event));
            self.listeners.tell(&event);
        }
        self.troubles = texts;
    }
}
