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

/// Follows the policy that is in force: one that is set while a command runs is kept by it from then on, and one that is not
/// good leaves the one before.
#[derive(Debug)]
pub(crate) struct Throttle {
    pace: PolicyPace,
    followed: Mutex<Followed>,
}

#[derive(Debug)]
struct Followed {
    /// The policy file; `None` where none is followed.
    path: Option<PathBuf>,
    /// The last good one that a daemon has read.
    in_force: Option<PathBuf>,
    looked_at: Option<Instant>,
    /// When it was written, as it was read last, and its length.
    version: Option<(SystemTime, u64)>,
}

impl Throttle {
    /// That of the policy of this machine, or of the one that a daemon has named.
    pub(crate) fn of(state: &State, named: Option<&Path>) -> Self {
        let path = named.map(Path::to_owned).or_else(|| file::path(state).ok());
        Self::following(path, file::in_force(state).ok())
    }

    fn following(path: Option<PathBuf>, in_force: Option<PathBuf>) -> Self {
        Self {
            pace: PolicyPace::new(None, chrono_tz::UTC),
            followed: Mutex::new(Followed {
                path,
                in_force,
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
        let in_force = followed.in_force.clone();
        let stored = file::stored_at(&path).or_else(|fail| {
            // The daemon goes on by the last good one, and so does this.
            let known = in_force.and_then(|path| file::stored_at(&path).ok().flatten());
            known.map(Some).ok_or(fail)
        });
        match stored? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_is_not_good_leaves_the_throttle_in_force() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path()));
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let slow = "time_zone = \"UTC\"\n[throttle]\nwork_hours = \"00:00-24:00\"\n\
                    work_rate = \"512 Kbps\"\nother_rate = \"512 Kbps\"\n";
        write("policy.toml", "throttle = 7\n");
        assert!(
            Throttle::of(&state, None).follow().is_err(),
            "none was ever good"
        );
        write("policy-in-force.toml", slow);
        let throttle = Throttle::of(&state, None);
        throttle.follow().unwrap();
        assert!(throttle.rate().is_some());
        // A job of the daemon goes by what the daemon names, whatever else is there.
        write("policy.toml", "");
        let named = dir.path().join("policy-in-force.toml");
        let throttle = Throttle::of(&state, Some(&named));
        throttle.follow().unwrap();
        assert!(throttle.rate().is_some());
        let throttle = Throttle::of(&state, None);
        throttle.follow().unwrap();
        assert!(throttle.rate().is_none());
    }
}
