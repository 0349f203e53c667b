//! Which entries a backup leaves out.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{Error, Result};

/// Compiled exclude patterns.
///
/// A pattern with a slash anywhere but at its end is matched against the absolute path, others against every
/// name. A pattern that begins with no slash but holds one may match at any depth. A trailing slash is ignored:
/// an excluded directory is not entered, so everything below it is left out, too.
#[derive(Debug)]
pub(crate) struct Excludes {
    paths: GlobSet,
    names: GlobSet,
}

impl Excludes {
    pub(crate) fn new(patterns: &[String]) -> Result<Self> {
        let (mut paths, mut names) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let fail = |source| Error::Pattern {
                pattern: pattern.clone(),
                source,
            };
            let text = pattern.trim_end_matches('/');
            if text.is_empty() {
                continue;
            }
            let build = |glob: &str| {
                GlobBuilder::new(glob)
                    .literal_separator(true)
                    .backslash_escape(true)
                    .build()
            };
            if !text.contains('/') {
                names.add(build(text).map_err(fail)?);
            } else if text.starts_with('/') || text.starts_with("**") {
                paths.add(build(text).map_err(fail)?);
            } else {
                paths.add(build(&format!("**/{text}")).map_err(fail)?);
            }
        }
        let whole = |source| Error::Pattern {
            pattern: patterns.join(", "),
            source,
        };
        Ok(Self {
            paths: paths.build().map_err(whole)?,
            names: names.build().map_err(whole)?,
        })
    }

    /// True when the entry of this name at this absolute path is to be left out.
    pub(crate) fn matches(&self, path: &[u8], name: &[u8]) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let path_of = |bytes| std::path::Path::new(std::ffi::OsStr::from_bytes(bytes));
        (!self.names.is_empty() && self.names.is_match(path_of(name)))
            || (!self.paths.is_empty() && self.paths.is_match(path_of(path)))
    }

    /// True when nothing is excluded by pattern, so that paths need not be built for it.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.paths.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excluded(patterns: &[&str], path: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(|&p| p.to_owned()).collect();
        let name = path.rsplit('/').next().unwrap();
        Excludes::new(&patterns)
            .unwrap()
            .matches(path.as_bytes(), name.as_bytes())
    }

    #[test]
    fn names_match_anywhere_and_paths_from_the_root() {
        assert!(excluded(&["*.tmp"], "/a/b/c.tmp"));
        assert!(!excluded(&["*.tmp"], "/a/b/c.tmpx"));
        assert!(excluded(&["/a/b"], "/a/b"));
        assert!(!excluded(&["/a/b"], "/x/a/b"));
        assert!(excluded(&["cache/old"], "/home/cache/old"));
        assert!(excluded(&["**/.cache/**"], "/home/u/.cache/x"));
        assert!(excluded(&["node_modules/"], "/src/node_modules"));
        assert!(!excluded(&["/a/*"], "/a/b/c"));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Excludes::new(&["[".to_owned()]).unwrap_err();
        assert!(error.to_string().contains('['));
    }
}
