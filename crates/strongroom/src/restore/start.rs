//! What is restored, and where its top lands.

use std::collections::HashMap;

use crate::backup::is_below;
use crate::fs::Kind;
use crate::look::{OpenPoint, trim_slashes};
use crate::options::{RestoreOptions, RestoreTarget};
use crate::tree::Record;
use crate::{Error, Result};

/// One root or chosen path.
pub(crate) struct Start {
    /// Its absolute path in the point.
    pub(crate) path: Vec<u8>,
    pub(crate) record: Record,
    /// Directories from the target down to the one that it lands in; made when absent.
    pub(crate) way: Vec<Record>,
    /// Its content lands in the target itself.
    pub(crate) is_whole: bool,
}

/// Finds what the options name.
pub(crate) fn resolve(open: &OpenPoint, options: &RestoreOptions) -> Result<Vec<Start>> {
    let mut paths = Vec::new();
    for path in &options.paths {
        paths.push(open.resolve(path)?);
    }
    if options.paths.is_empty() {
        paths = open.roots.iter().map(|root| absolute(root)).collect();
    }
    paths.sort();
    paths.dedup();
    if options.strip_root && paths.len() != 1 {
        return Err(Error::NotOneRoot(paths.len()));
    }
    let landings = match &options.target {
        RestoreTarget::Original => in_full(&paths),
        RestoreTarget::Directory(_) if options.strip_root => {
            paths.iter().map(|path| (path.clone(), 0)).collect()
        }
        RestoreTarget::Directory(_) => below_a_directory(&paths),
    };
    landings
        .into_iter()
        .map(|(path, names_count)| start(open, options, path, names_count))
        .collect()
}

fn start(
    open: &OpenPoint,
    options: &RestoreOptions,
    path: Vec<u8>,
    names_count: usize,
) -> Result<Start> {
    let record = open.record(&path)?;
    if options.strip_root && record.meta.kind != Kind::Directory {
        return Err(Error::WrongKind {
            path,
            needed: "directory",
        });
    }
    let mut way = Vec::new();
    let mut above = parent(&path);
    for _ in 1..names_count {
        way.push(open.record(above)?);
        above = parent(above);
    }
    way.reverse();
    Ok(Start {
        path,
        record,
        way,
        is_whole: names_count == 0,
    })
}

/// A path of the point, and how many of its last names it keeps in the target: none where its content lands in the
/// target itself.
type Landing = (Vec<u8>, usize);

/// All names are kept. What lies below another path comes with that.
fn in_full(paths: &[Vec<u8>]) -> Vec<Landing> {
    let is_inner = |path: &[u8]| {
        let mut others = paths.iter().filter(|other| other.as_slice() != path);
        others.any(|other| is_below(path, other))
    };
    paths
        .iter()
        .filter(|path| !is_inner(path))
        .map(|path| (path.clone(), names(path).count()))
        .collect()
}

/// Each path keeps its last name. Two of one name would land on each other: they are kept in full; and all are, where
/// that is not enough to keep them apart.
fn below_a_directory(paths: &[Vec<u8>]) -> Vec<Landing> {
    let mut uses: HashMap<&[u8], usize> = HashMap::new();
    for path in paths {
        *uses.entry(last_name(path)).or_default() += 1;
    }
    let landings: Vec<Landing> = paths
        .iter()
        .map(|path| {
            let is_unique = uses.get(last_name(path)) == Some(&1);
            let all_count = names(path).count();
            let kept_count = if is_unique {
                all_count.min(1)
            } else {
                all_count
            };
            (path.clone(), kept_count)
        })
        .collect();
    let kept: Vec<Vec<&[u8]>> = landings
        .iter()
        .map(|(path, count)| names(path).skip(names(path).count() - count).collect())
        .collect();
    let collides = kept.iter().enumerate().any(|(index, one)| {
        let mut others = kept.iter().enumerate().filter(|(other, _)| *other != index);
        others.any(|(_, other)| one.starts_with(other))
    });
    if collides { in_full(paths) } else { landings }
}

fn absolute(root: &[u8]) -> Vec<u8> {
    match trim_slashes(root) {
        b"" => b"/".to_vec(),
        path => path.to_vec(),
    }
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
        .filter(|name| !name.is_empty())
}

fn last_name(path: &[u8]) -> &[u8] {
    names(path).last().unwrap_or_default()
}

/// The directory that holds this path; `/` for `/`.
pub(crate) fn parent(path: &[u8]) -> &[u8] {
    let above = path.len() - last_name(path).len();
    path.get(..above.saturating_sub(1).max(1)).unwrap_or(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landed(paths: &[&str]) -> Vec<(String, usize)> {
        let paths: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let text = |path| String::from_utf8(path).unwrap();
        let landings = below_a_directory(&paths).into_iter();
        landings.map(|(path, count)| (text(path), count)).collect()
    }

    fn expected(paths: &[(&str, usize)]) -> Vec<(String, usize)> {
        let owned = |&(path, count): &(&str, usize)| (path.to_owned(), count);
        paths.iter().map(owned).collect()
    }

    #[test]
    fn equal_names_are_kept_apart() {
        assert_eq!(landed(&["/a/b", "/c"]), expected(&[("/a/b", 1), ("/c", 1)]));
        assert_eq!(
            landed(&["/a/x", "/b/x", "/c/d"]),
            expected(&[("/a/x", 2), ("/b/x", 2), ("/c/d", 1)])
        );
        assert_eq!(landed(&["/"]), expected(&[("/", 0)]));
    }

    #[test]
    fn what_would_land_in_another_path_keeps_its_own() {
        assert_eq!(
            landed(&["/a/x", "/b/x", "/q/a"]),
            expected(&[("/a/x", 2), ("/b/x", 2), ("/q/a", 2)])
        );
        assert_eq!(landed(&["/", "/a/b"]), expected(&[("/", 0)]));
        assert_eq!(landed(&["/a", "/a/x/a"]), expected(&[("/a", 1)]));
    }

    #[test]
    fn parents_end_at_the_root() {
        let above = [b"/a/b".as_slice(), b"/a", b"/"].map(parent);
        assert_eq!(above, [b"/a".as_slice(), b"/", b"/"]);
    }
}
