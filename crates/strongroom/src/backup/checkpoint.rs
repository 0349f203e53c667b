//! Checkpoints: what an interrupted run leaves for the next one.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_vault::format::ChunkAddress;
use strongroom_vault::{Error as VaultError, Session};

use super::tally::Tally;
use crate::Result;
use crate::engine::Strongroom;
use crate::options::BackupOptions;

/// When the next checkpoint is due, and its number.
pub(crate) struct Checkpoints<'a> {
    session: Option<&'a Arc<Session>>,
    every: TimeDelta,
    every_bytes: u64,
    last_at: DateTime<Utc>,
    last_bytes: u64,
    next_number: u32,
}

impl<'a> Checkpoints<'a> {
    pub(crate) fn new(
        session: Option<&'a Arc<Session>>,
        options: &BackupOptions,
        now: DateTime<Utc>,
    ) -> Self {
        let secs = i64::try_from(options.checkpoint_secs).unwrap_or(i64::MAX / 1000);
        Self {
            session,
            every: TimeDelta::try_seconds(secs).unwrap_or(TimeDelta::MAX),
            every_bytes: options.checkpoint_bytes,
            last_at: now,
            last_bytes: 0,
            next_number: 0,
        }
    }

    /// True when enough time has gone by or enough was read. A clock that was set back counts as time gone by.
    pub(crate) fn is_due(&self, now: DateTime<Utc>, read_bytes: u64) -> bool {
        let elapsed = now.signed_duration_since(self.last_at);
        self.session.is_some()
            && (elapsed >= self.every
                || elapsed < TimeDelta::zero()
                || read_bytes.saturating_sub(self.last_bytes) >= self.every_bytes)
    }

    /// Writes the next checkpoint; everything that `tree` names must be durable and indexed. Returns its bytes.
    pub(crate) fn write(
        &mut self,
        engine: &Strongroom,
        tree: Option<ChunkAddress>,
        tally: &Tally<'_>,
    ) -> Result<u64> {
        let Some(session) = self.session else {
            return Ok(0);
        };
        let now = engine.now();
        let written = session.put_checkpoint(
            self.next_number,
            tree,
            tally.files_count,
            tally.read_bytes,
            now,
        );
        let bytes = match engine.wait(written) {
            // Only a hint. Packs go on to other places; without the one that decides there will be no point in the end.
            Err(VaultError::PlaceAway { place, reason }) => {
                tracing::warn!(place, reason, "there is no checkpoint");
                0
            }
            written => written?,
        };
        self.next_number += 1;
        self.last_at = now;
        self.last_bytes = tally.read_bytes;
        Ok(bytes)
    }
}
