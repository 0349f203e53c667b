//! From the paths that a caller names to the way down from `/`.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::monitor::Skipped;
use crate::protected::Protected;
use crate::{Error, Result};

/// Most bytes of the paths of all roots: they stand in the manifest, twice as long where they are not UTF-8.
const ROOTS_MAX_BYTES: usize = 1 << 20;

/// The backed-up roots and the directories on the way to them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Roots {
    /// Absolute real paths, sorted, none below another.
    pub(crate) paths: Vec<Vec<u8>>,
    /// Names to follow, sorted, by the path of the directory that holds them.
    way: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    /// Roots that cannot be reached, with the reason.
    pub(crate) missing: Vec<Skipped>,
}

impl Roots {
    /// Resolves symlinks on the way, and at the end where they lead to a directory.
    pub(crate) fn resolve(given: &[PathBuf], protected: &Protected) -> Result<Self> {
        let mut roots = Self::default();
        let mut found = Vec::new();
        for path in given {
            if !path.is_absolute() {
                return Err(Error::NotAbsolute(path.clone()));
            }
            match real_path(path) {
                Ok(real) if protected.covers(&real) => roots.missing.push(Skipped {
                    path: path.as_os_str().as_bytes().to_vec(),
                    reason: "it belongs to the vault that the point goes to".to_owned(),
                }),
                Ok(real) => found.push(real.as_os_str().as_bytes().to_vec()),
                Err(error) => roots.missing.push(Skipped {
                    path: path.as_os_str().as_bytes().to_vec(),
                    reason: format!("cannot reach it: {error}"),
                }),
            }
        }
        let bytes: usize = found.iter().map(Vec::len).sum();
        if bytes > ROOTS_MAX_BYTES {
            return Err(Error::TooManyRoots);
        }
        if found.is_empty() {
            return Err(Error::NothingToBackUp(roots.missing));
        }
        found.sort();
        found.dedup();
        for path in found {
            if !roots.paths.iter().any(|above| is_below(&path, above)) {
                roots.add(path);
            }
        }
        Ok(roots)
    }

    fn add(&mut self, path: Vec<u8>) {
        let mut above = Vec::new();
        for name in path
            .split(|&byte| byte == b'/')
            .filter(|name| !name.is_empty())
        {
            let key = if above.is_empty() {
                b"/".to_vec()
            } else {
                above.clone()
            };
            let names = self.way.entry(key).or_default();
            if let Err(place) = names.binary_search_by(|have| have.as_slice().cmp(name)) {
                names.insert(place, name.to_vec());
            }
            above.push(b'/');
            above.extend_from_slice(name);
        }
        self.paths.push(path);
    }

    /// The names to follow in a directory on the way to a root; `None` where everything is taken.
    pub(crate) fn names_in(&self, path: &[u8]) -> Option<&[Vec<u8>]> {
        if self.paths.iter().any(|root| root == path) {
            return None;
        }
        self.way.get(path).map(Vec::as_slice)
    }
}

fn real_path(path: &Path) -> std::io::Result<PathBuf> {
    let linked = std::fs::symlink_metadata(path)?;
    if !linked.is_symlink() || std::fs::metadata(path).is_ok_and(|meta| meta.is_dir()) {
        return std::fs::canonicalize(path);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return std::fs::canonicalize(path);
    };
    Ok(std::fs::canonicalize(parent)?.join(name))
}

/// True when `path` is `above` or below it.
pub(crate) fn is_below(path: &[u8], above: &[u8]) -> bool {
    above == b"/"
        || path == above
        || (path.starts_with(above) && path.get(above.len()) == Some(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_roots_are_one_and_the_way_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let base = std::fs::canonicalize(dir.path()).unwrap();
        std::fs::create_dir_all(base.join("a/b")).unwrap();
        std::fs::write(base.join("f"), "x").unwrap();
        let roots = Roots::resolve(
            &[
                base.join("a/b"),
                base.join("a"),
                base.join("f"),
                base.join("gone"),
            ],
            &Protected::default(),
        )
        .unwrap();
        let bytes = |path: PathBuf| path.as_os_str().as_bytes().to_vec();
        assert_eq!(
            roots.paths,
            vec![bytes(base.join("a")), bytes(base.join("f"))]
        );
        assert_eq!(roots.missing.len(), 1);
        assert_eq!(
            roots.names_in(&bytes(base.clone())).unwrap(),
            &[b"a".to_vec(), b"f".to_vec()]
        );
        assert!(roots.names_in(&bytes(base.join("a"))).is_none());
        assert!(matches!(
            Roots::resolve(&[base.join("gone")], &Protected::default()),
            Err(Error::NothingToBackUp(missing)) if missing.len() == 1
        ));
    }

    #[test]
    fn the_whole_machine_is_one_root() {
        let roots = Roots::resolve(&[PathBuf::from("/")], &Protected::default()).unwrap();
        assert_eq!(roots.paths, vec![b"/".to_vec()]);
        assert!(roots.names_in(b"/").is_none());
    }
}
