//! What the backup left out on purpose: a restore does not take it for extra.

use crate::backup::Excludes;
use crate::fs::{Kind, Meta};
use crate::options::RestoreOptions;
use crate::tree::Record;
use crate::{Error, Result};

/// The rules of the backup, as the point has kept them.
#[derive(Debug, Default)]
pub(crate) struct Spared {
    excludes: Option<Excludes>,
    larger_than_bytes: Option<u64>,
}

impl Spared {
    /// Nothing, unless extra entries are to be removed.
    ///
    /// # Errors
    /// When the point holds a pattern that is none: then nothing may be removed.
    pub(crate) fn new(root: &Record, options: &RestoreOptions) -> Result<Self> {
        let rules = root.extras.rules.as_ref();
        let Some(rules) = rules.filter(|_| options.delete_extra) else {
            return Ok(Self::default());
        };
        let excludes = Excludes::new(&rules.patterns)
            .map_err(|_| Error::TreeDamaged("an exclude pattern is not valid"))?;
        Ok(Self {
            excludes: Some(excludes),
            larger_than_bytes: rules.larger_than_bytes,
        })
    }

    /// True when the backup would have left out what stands under this path of the point.
    pub(crate) fn matches(&self, path: &[u8], name: &[u8], found: &Meta) -> bool {
        let is_excluded = |excludes: &Excludes| excludes.matches(path, name);
        let is_larger = |limit| found.kind == Kind::File && found.size > limit;
        self.excludes.as_ref().is_some_and(is_excluded)
            || self.larger_than_bytes.is_some_and(is_larger)
    }
}
