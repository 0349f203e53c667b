//! The throttle of this machine's policy, kept by every vault that the agent opens.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use strongroom::vault::{Direction, Pace};
use strongroom::{PolicyPace, Strongroom};
use strongroom_policy::Rate;

use crate::commands::policy::file;
use crate::fail::Result;
use crate::state::State;

/// Between two looks whether another policy was set.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Follows the policy file: a policy that is set while a command runs is kept by it from then on.
#[derive(Debug)]
pub(crate) struct Throttle {
    pace: PolicyPace,
    followed: Mutex<Followed>,
}

#[derive(Debug)]
struct Followed {
    /// The policy file; `None` where none is followed.
    path: Option<PathBuf>,
    looked_at: Option<Instant>,
    /// When it was written, as it was read last, and its length.
    version: Option<(SystemTime, u64)>,
}

impl Throttle {
    pub(crate) fn of(state: &State) -> Self {
        Self::following(file::path(state).ok())
    }

    fn following(path: Option<PathBuf>) -> Self {
        Self {
            pace: PolicyPace::new(None, chrono_tz::UTC),
            followed: Mutex::new(Followed {
                path,
                looked_at: None,
                version: None,
            }),
        }
    }

    /// Makes a vault keep it. Where the policy cannot be read, nothing is held back, and the error says why.
    pub(crate) fn apply(self: &Arc<Self>, vault: &Strongroom) -> Result<()> {
        let pace: Arc<dyn Pace> = Arc::<Self>::clone(self);
        vault.set_pace(Some(pace));
        self.follow()
    }

    /// Holds nothing back from now on, whatever the policy says.
    pub(crate) fn turn_off(&self) {
        self.followed().path = None;
        self.pace.change(None, chrono_tz::UTC);
    }

    /// The rate that binds now; `None` where it is as fast as any may be.
    pub(crate) fn rate(&self) -> Option<Rate> {
        self.pace.rate().filter(|rate| *rate < Rate::MOST)
    }

    /// Bytes that have had their turn, both ways.
    pub(crate) fn passed_bytes(&self) -> u64 {
        self.pace.passed_bytes()
    }

    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the policy if it was not looked at for a while and is another one than before.
    fn follow(&self) -> Result<()> {
        let mut followed = self.followed();
        let is_new = |at: Instant| at.elapsed() < LOOK_EVERY;
        let Some(path) = followed.path.clone() else {
            return Ok(());
        };
        if followed.looked_at.is_some_and(is_new) {
            return Ok(());
        }
        followed.looked_at = Some(Instant::now());
        let version = version(&path);
        if version == followed.version {
            return Ok(());
        }
        followed.version = version;
        match file::stored_at(&path)? {
            None => self.pace.change(None, chrono_tz::UTC),
            Some(read) => {
                let zone = file::zone(&read.policy);
                self.pace.change(read.policy.throttle, zone);
            }
        }
        Ok(())
    }
}

fn version(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

impl Pace for Throttle {
    fn take(&self, direction: Direction, bytes: u64) -> Option<Duration> {
        // A file that is damaged while a command runs changes nothing: the last policy that could be read counts.
        let _read_before = self.follow();
        self.pace.take(direction, bytes)
    }
}
