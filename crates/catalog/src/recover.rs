//! A catalog in place of one that is lost or damaged, with what is left of it.

mod carve;

use std::error::Error as StdError;
use std::path::{Path, PathBuf};

use crate::catalog::{Catalog, Options};
use crate::error::{Error, Result};
use crate::point::Point;
use crate::store;

/// A catalog, and how it came to be.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The catalog.
    pub catalog: Catalog,
    /// What was wrong with the one that stood there, if anything.
    pub recovery: Option<Recovery>,
}

/// What was done about a damaged catalog.
#[derive(Debug)]
#[non_exhaustive]
pub struct Recovery {
    /// What was wrong with it.
    pub cause: Error,
    /// Where it lies now; nothing removes it.
    pub moved_to: PathBuf,
    /// Records of journals that were still whole and are in the new catalog.
    pub salvaged_count: u64,
}

impl Catalog {
    /// Opens the catalog at a path. A damaged one is moved aside, to the same name with `.corrupt-1` and so on, and a new
    /// one takes over what of its journals is whole, as it was last or a little before. A new catalog, for whatever
    /// reason, [needs to be rebuilt](Self::needs_rebuild). Any number of processes may do this at once: one recovers it, and
    /// nobody sees a half.
    ///
    /// # Errors
    /// Those of [`Catalog::open`] but [`Error::Corrupt`].
    pub fn open_or_recover(path: impl AsRef<Path>, options: Options) -> Result<Opened> {
        let path = path.as_ref();
        let cause = match Self::open_or_create(path, options) {
            Ok(catalog) => {
                let recovery = None;
                return Ok(Opened { catalog, recovery });
            }
            Err(error) if error.is_corrupt() => error,
            Err(error) => return Err(error),
        };
        // From here on only one process goes on; another one is told that it is in use.
        let alone = store::recover_alone(path)?;
        match Self::open_or_create(path, options) {
            Err(error) if error.is_corrupt() => {}
            // Somebody else has recovered it meanwhile.
            opened => {
                let (catalog, recovery) = (opened?, None);
                return Ok(Opened { catalog, recovery });
            }
        }
        let moved_to = store::keep_aside(path)?;
        // It gets the name of the damaged one only when it has taken over what was left. Until then the name stands for the
        // damaged one: whoever opens it never meets one that is empty, nor none.
        let draft = store::new_draft(path)?;
        let catalog = Self::open_or_create(&draft, options)?;
        let salvaged_count = catalog.salvage(&moved_to)?;
        store::replace(&draft, path)?;
        drop(alone);
        Ok(Opened {
            catalog,
            recovery: Some(Recovery {
                cause,
                moved_to,
                salvaged_count,
            }),
        })
    }

    /// The same, and rebuilds it from the points if it needs that. They are asked for only then.
    ///
    /// # Errors
    /// Those of [`Catalog::open_or_recover`] and of [`Catalog::rebuild`]. When the points cannot be had, what was
    /// salvaged is safe, and the next call rebuilds.
    pub fn open_or_rebuild<E, I>(
        path: impl AsRef<Path>,
        options: Options,
        points: impl FnOnce() -> I,
    ) -> Result<Opened>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
        I: IntoIterator<Item = Result<Point, E>>,
    {
        let opened = Self::open_or_recover(path, options)?;
        if opened.catalog.needs_rebuild()? {
            opened.catalog.rebuild(points())?;
        }
        Ok(opened)
    }
}
