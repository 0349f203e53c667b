//! Finds whole records in a file, whatever the rest of it looks like.
//!
//! Records carry their own hash, and the database writes each in one piece. So nothing of the structure around them is
//! needed, and nothing of it can lead astray. Older states of a record may lie there too: the newest counts.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::alert::Alert;
use crate::catalog::Catalog;
use crate::change::Change;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::journal::JournalRecord;
use crate::proof::{Drill, Verified};
use crate::record::{Frame, JOURNAL_MAX_BYTES, MAGIC, Record};
use crate::sample::Sample;

/// Bytes that are looked through at once; a record that begins in them ends in twice as many.
const WINDOW_BYTES: usize = 4 * JOURNAL_MAX_BYTES;

impl Catalog {
    /// Takes in all records of journals that are whole in a file, and tells how many there are.
    pub(super) fn salvage(&self, path: &Path) -> Result<u64> {
        let failed = |source| Error::Io {
            doing: "read what is left of",
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        self.change(|change| {
            let (mut found_count, mut window, mut is_end) = (0, Vec::new(), false);
            while !is_end {
                let wanted = (WINDOW_BYTES + JOURNAL_MAX_BYTES - window.len()) as u64;
                let read = file.by_ref().take(wanted).read_to_end(&mut window);
                is_end = (read.map_err(failed)? as u64) < wanted;
                let until = if is_end { window.len() } else { WINDOW_BYTES };
                let (done_bytes, count) = change.carve(&window, until)?;
                found_count += count;
                window.drain(..done_bytes.min(window.len()));
            }
            Ok(found_count)
        })
    }
}

impl Change {
    /// Takes in the records that begin before an offset. Returns where the next one may begin, and how many were new.
    fn carve(&self, bytes: &[u8], until: usize) -> Result<(usize, u64)> {
        let (mut at, mut found_count) = (0, 0);
        while at < until {
            let rest = bytes.get(at..).unwrap_or_default();
            let next = rest.windows(MAGIC.len()).position(|window| window == MAGIC);
            let Some(offset) = next.filter(|offset| at + offset < until) else {
                break;
            };
            at += offset;
            let frame = bytes.get(at..).and_then(Frame::parse);
            match frame.filter(|frame| frame.len() <= JOURNAL_MAX_BYTES) {
                Some(frame) => {
                    found_count += u64::from(self.take_in(&frame)?);
                    at += frame.len();
                }
                None => at += 1,
            }
        }
        Ok((at.max(until), found_count))
    }

    /// True when the record belongs to a journal and was not known.
    fn take_in(&self, frame: &Frame<'_>) -> Result<bool> {
        let record = match frame.kind {
            Job::KIND => frame.record().map(JournalRecord::Job),
            Alert::KIND => frame.record().map(JournalRecord::Alert),
            Verified::KIND => frame.record().map(JournalRecord::Verified),
            Drill::KIND => frame.record().map(JournalRecord::Drill),
            Sample::KIND => frame.record().map(JournalRecord::Sample),
            _ => return Ok(false),
        };
        // One of a newer version is left where it lies.
        let Some(record) = record.ok().filter(JournalRecord::is_consistent) else {
            return Ok(false);
        };
        match self.merge(record) {
            Err(Error::Limit { .. }) => Ok(false),
            merged => merged,
        }
    }
}
