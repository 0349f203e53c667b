//! Ctrl-C: the first one asks the running call to stop, the second one ends the program. A call that can refuse to end
//! hears each of them.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use strongroom::Cancel;
use strongroom_jobs::JobMonitor;
use strongroom_jobs::daemon::Message;

use crate::fail::{self, Code, Fail, Problem, Result};
use crate::output::tell;
use crate::prompt;

/// Where signals are heard.
pub(crate) struct Interrupts(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    /// What stops the running call.
    token: Cancel,
    /// There is a call that looks at it.
    is_armed: bool,
    /// The job that the process is at: when it ends at once, that was meant.
    job: Option<Arc<JobMonitor>>,
    /// A call that can refuse to end hears each signal.
    ear: Option<Box<dyn Fn() + Send>>,
    /// A daemon, which stops in its own way.
    daemon: Option<Sender<Message>>,
    /// Ctrl-C has stopped the daemon.
    is_interrupted: bool,
}

/// What a signal leads to.
enum Act {
    Continue,
    Tell,
    End,
}

impl Heard {
    fn hear(&mut self, signal: i32) -> Act {
        if let Some(ear) = &self.ear {
            ear();
            return Act::Continue;
        }
        if let Some(daemon) = &self.daemon {
            let message = match signal {
                SIGHUP => Message::Wake,
                _ => Message::Stop,
            };
            // Only after a second signal, or its end, does it not listen any more.
            let is_heard = daemon.send(message).is_ok();
            if signal == SIGHUP {
                return Act::Continue;
            }
            self.daemon = None;
            self.is_interrupted = signal == SIGINT;
            return if is_heard { Act::Tell } else { Act::End };
        }
        // A question waits for a key: nothing else can end it, and nothing has begun.
        if !self.is_armed || self.token.is_cancelled() || prompt::end() {
            return Act::End;
        }
        self.token.cancel();
        Act::Tell
    }
}

impl Interrupts {
    /// Starts to listen. While no call can be cancelled, a signal ends the program at once.
    pub(crate) fn listen() -> Result<Self> {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let fail = |error: std::io::Error| {
            let problem = match fail::is_out_of_files(&error) {
                true => Problem::OpenFiles,
                false => Problem::Memory,
            };
            Fail::known(problem, "cannot listen for signals").because(&error)
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(fail)?;
        let shared = Arc::clone(&heard);
        let listen = move || {
            for signal in signals.forever() {
                let act = lock(&shared).hear(signal);
                match act {
                    Act::Continue => {}
                    Act::Tell => tell("stopping cleanly; once more to stop at once"),
                    Act::End => end(&shared),
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(listen)
            .map_err(fail)?;
        Ok(Self(heard))
    }

    /// The token that the next signal uses.
    pub(crate) fn cancel(&self) -> Cancel {
        let mut heard = lock(&self.0);
        heard.is_armed = true;
        heard.token.clone()
    }

    /// The same, while no call looks at it yet: until then a signal ends the program at once.
    pub(crate) fn token(&self) -> Cancel {
        lock(&self.0).token.clone()
    }

    /// The job that the process is at from now on.
    pub(crate) fn follow(&self, job: Option<Arc<JobMonitor>>) {
        lock(&self.0).job = job;
    }

    /// From now on every signal is told here, and none ends the program.
    pub(crate) fn hear(&self, ear: impl Fn() + Send + 'static) {
        lock(&self.0).ear = Some(Box::new(ear));
    }

    /// From now on signals are told to a daemon.
    pub(crate) fn tell_daemon(&self, daemon: Sender<Message>) {
        lock(&self.0).daemon = Some(daemon);
    }

    /// Whether Ctrl-C has stopped the daemon, rather than whoever manages it.
    pub(crate) fn is_interrupted(&self) -> bool {
        lock(&self.0).is_interrupted
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(heard: &Mutex<Heard>) {
    prompt::end();
    let job = lock(heard).job.take();
    if let Some(job) = job {
        job.give_up();
    }
    signal_hook::low_level::exit(Code::Cancelled as i32);
}
