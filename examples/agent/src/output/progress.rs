//! What a long call is doing, on a terminal or in plain lines.

mod bars;
mod counters;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use strongroom::{Monitor, Phase, Skipped};
use strongroom_jobs::JobMonitor;

use super::{human, tell};
use crate::run::Agent;
use crate::throttle::Throttle;
use bars::Bars;
use counters::Counters;

/// Between two looks at the counters on a terminal.
const TICK: Duration = Duration::from_millis(200);
/// Between two lines elsewhere.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Counts what a call reports and shows it until dropped.
pub(crate) struct Progress {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
    started_at: Instant,
}

struct Shared {
    counters: Counters,
    bars: Option<Bars>,
    throttle: Option<Arc<Throttle>>,
    is_verbose: bool,
    /// The job that is written down as it goes.
    job: Option<Arc<JobMonitor>>,
    is_over: AtomicBool,
}

impl Progress {
    /// Begins to show, as far as the flags and the terminal allow.
    pub(crate) fn start(agent: &Agent) -> Self {
        let out = &agent.out;
        let is_terminal = std::io::stderr().is_terminal();
        let shared = Arc::new(Shared {
            counters: Counters::default(),
            bars: (out.progress && is_terminal).then(Bars::new),
            throttle: out.throttle.clone(),
            is_verbose: out.verbose,
            job: agent.current.monitor(),
            is_over: AtomicBool::new(false),
        });
        let ticking = Arc::clone(&shared);
        // Without a thread for it there is no progress, but still a backup.
        let spawn = || {
            std::thread::Builder::new()
                .name("progress".to_owned())
                .spawn(move || ticking.tick())
                .ok()
        };
        let ticker = if out.progress { spawn() } else { None };
        Self {
            shared,
            ticker,
            started_at: Instant::now(),
        }
    }

    /// True when a person is watching.
    pub(crate) fn is_watched(&self) -> bool {
        self.shared.bars.is_some()
    }

    /// How many bytes there were last time: what the time left is guessed from.
    pub(crate) fn expect(&self, bytes: u64) {
        self.shared.counters.expect(bytes);
        self.tell_job(|job| job.expect(bytes));
    }

    fn tell_job(&self, tell: impl FnOnce(&JobMonitor)) {
        if let Some(job) = &self.shared.job {
            tell(job);
        }
    }

    /// Ends the display; returns the time since the start.
    pub(crate) fn finish(self) -> Duration {
        self.started_at.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            let ended = ticker.join();
            debug_assert!(ended.is_ok());
        }
        if let Some(bars) = &self.shared.bars {
            bars.clear();
        }
    }
}

impl Shared {
    fn tick(&self) {
        let (mut rates, mut last_line) = (counters::Rates::default(), Instant::now());
        while !self.is_over.load(Ordering::Acquire) {
            std::thread::park_timeout(TICK);
            let seen = self.counters.look(self.throttle.as_deref());
            rates.update(&seen);
            match &self.bars {
                Some(bars) => bars.show(&seen, &rates),
                None if last_line.elapsed() >= LINE_EVERY => {
                    last_line = Instant::now();
                    tell(&bars::line(&seen, &rates));
                }
                None => {}
            }
        }
    }
}

impl Monitor for Progress {
    fn phase(&self, phase: Phase) {
        self.shared.counters.phase(phase);
        self.tell_job(|job| job.phase(phase));
    }

    /// Counts of names found include directories; only bytes tell how much is left.
    fn found(&self, files_count: u64, bytes: u64) {
        self.shared.counters.found(bytes);
        self.tell_job(|job| job.found(files_count, bytes));
    }

    fn done(&self, files_count: u64, bytes: u64) {
        self.shared.counters.done(files_count, bytes);
        self.tell_job(|job| job.done(files_count, bytes));
    }

    fn transferred(&self, bytes: u64) {
        self.shared.counters.transferred(bytes);
    }

    fn current(&self, path: &[u8]) {
        if self.shared.bars.is_some() {
            self.shared.counters.current(path);
        }
    }

    fn warning(&self, warning: &Skipped) {
        self.tell_job(|job| job.warning(warning));
        if self.shared.is_verbose {
            let line = format!(
                "skipped {}: {}",
                human::path(&warning.path),
                human::clean(&warning.reason)
            );
            match &self.shared.bars {
                Some(bars) => bars.print(&line),
                None => tell(&line),
            }
        }
    }
}
