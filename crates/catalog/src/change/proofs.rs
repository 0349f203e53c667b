//! Changes of what proves that data is there, and of the history of sizes.

use super::Change;
use crate::error::Result;
use crate::proof::{Drill, ObjectKind, Verified, VerifyLevel};
use crate::record::{Record, encode};
use crate::sample::Sample;
use crate::store::Table;

impl Change {
    /// Notes objects that were found good; the latest time of each counts.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) when a name is empty or too long.
    pub fn note_verified(&self, verified: impl IntoIterator<Item = Verified>) -> Result<()> {
        for found in verified {
            let known = self.get::<Verified>(&found.key())?;
            if known.is_none_or(|known| known.at < found.at) {
                self.write
                    .put(Table::Verified, &found.key(), &encode(&found)?)?;
            }
        }
        Ok(())
    }

    /// Forgets that an object was found good: it is gone, or found damaged.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn remove_verified(&self, kind: ObjectKind, object: &str) -> Result<()> {
        for level in [
            VerifyLevel::Structure,
            VerifyLevel::Hashes,
            VerifyLevel::Data,
        ] {
            let key = Verified::key_of(kind, level, object);
            self.write.remove(Table::Verified, &key)?;
        }
        Ok(())
    }

    /// Notes a drill.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) when a name is empty or too long.
    pub fn note_drill(&self, drill: &Drill) -> Result<()> {
        self.put(drill)
    }

    /// Notes how much there was at one instant.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) when a name is empty or too long.
    pub fn note_sample(&self, sample: &Sample) -> Result<()> {
        self.put(sample)
    }
}
