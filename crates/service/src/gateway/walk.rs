//! Listings of a folder in order of names, a page at a time, without reading what stands before the page.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::wire::{Line, Listing, Page};

/// A page of the objects below `root` that are accepted by name.
pub(super) fn page(root: &Path, page: &Page, accept: &dyn Fn(&str) -> bool) -> io::Result<Listing> {
    let mut walk = Walk {
        page,
        accept,
        objects: Vec::new(),
    };
    let more = walk.below(&root.join(&page.prefix), &page.prefix)?;
    Ok(Listing {
        objects: walk.objects,
        more,
    })
}

/// Every file below `root`.
pub(super) fn all(root: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            all(&entry.path(), visit)?;
        } else if kind.is_file()
            && let Ok(meta) = entry.metadata()
        {
            visit(&entry.path(), &meta);
        }
    }
    Ok(())
}

struct Walk<'a> {
    page: &'a Page,
    accept: &'a dyn Fn(&str) -> bool,
    objects: Vec<Line>,
}

impl Walk<'_> {
    /// True when the page is full and something follows.
    fn below(&mut self, folder: &Path, name: &str) -> io::Result<bool> {
        for entry in sorted(folder)? {
            let path = match name {
                "" => entry.clone(),
                name => format!("{name}/{entry}"),
            };
            if let Some(inner) = path.strip_suffix('/') {
                let is_behind = path.as_str() > self.page.after.as_str();
                let found = if is_behind || self.page.after.starts_with(&path) {
                    self.below(&folder.join(entry.trim_end_matches('/')), inner)?
                } else {
                    false
                };
                if found {
                    return Ok(true);
                }
                continue;
            }
            if path <= self.page.after || !(self.accept)(&path) {
                continue;
            }
            if self.objects.len() == self.page.limit {
                return Ok(true);
            }
            // What was deleted meanwhile is not shown.
            if let Ok(meta) = fs::metadata(folder.join(&entry)) {
                let written_at = DateTime::<Utc>::from(meta.modified()?);
                self.objects.push(Line {
                    name: path,
                    bytes: meta.len(),
                    written_at,
                });
            }
        }
        Ok(false)
    }
}

/// What a folder holds, folders with a slash at the end: so the order is that of whole names.
fn sorted(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(mut name) = entry.file_name().into_string() else {
            continue;
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            name.push('/');
        }
        if kind.is_dir() || kind.is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_put_together_are_everything_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        // A dot and a hyphen sort before a slash, a digit behind it.
        let mut names = [
            "a", "a-b", "a.b/x", "b/1", "b/1-2", "b/10/z", "b0", "c/d/e/f",
        ]
        .map(str::to_owned)
        .to_vec();
        names.extend((0..30).map(|number| format!("b/many/{number:02}")));
        for name in &names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("one")).expect("made");
            fs::write(path, name).expect("written");
        }
        names.sort_unstable();
        for prefix in ["", "b", "b/many", "c/d", "nothing", "b0"] {
            let below = format!("{prefix}/");
            let is_below = |name: &&String| prefix.is_empty() || name.starts_with(&below);
            let expected: Vec<&String> = names
                .iter()
                .filter(is_below)
                .filter(|name| *name != "b/many/07")
                .collect();
            for limit in [1, 3, 30, 1000] {
                let mut found: Vec<String> = Vec::new();
                loop {
                    let after = found.last().cloned().unwrap_or_default();
                    let asked = Page {
                        prefix: prefix.to_owned(),
                        after,
                        limit,
                    };
                    let listing =
                        page(dir.path(), &asked, &|name| name != "b/many/07").expect("listed");
                    assert!(listing.objects.len() <= limit);
                    found.extend(listing.objects.into_iter().map(|line| line.name));
                    if !listing.more {
                        break;
                    }
                }
                assert_eq!(
                    found.iter().collect::<Vec<_>>(),
                    expected,
                    "{prefix} {limit}"
                );
            }
        }
    }
}
