//! What is restored, and where its top lands.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

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
    /// The directory that it lands in; made when absent.
    pub(crate) into: PathBuf,
    /// Its name there; `None` where its content lands in the directory itself.
    pub(crate) name: Option<Vec<u8>>,
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
    let mut uses: HashMap<Vec<u8>, usize> = HashMap::new();
    for path in &paths {
        *uses.entry(last_name(path).to_vec()).or_default() += 1;
    }
    let mut starts = Vec::new();
    for path in paths {
        let record = open.record(&path)?;
        let is_dir = record.meta.kind == Kind::Directory;
        if options.strip_root && !is_dir {
            return Err(Error::WrongKind {
                path,
                needed: "directory",
            });
        }
        let name = last_name(&path).to_vec();
        let whole = options.strip_root || name.is_empty();
        let parent = path.get(..path.len() - name.len()).unwrap_or_default();
        let into = match &options.target {
            RestoreTarget::Original if options.strip_root => as_path(&path),
            RestoreTarget::Original => as_path(parent),
            // Two of one name would land on each other: they keep their whole path.
            RestoreTarget::Directory(dir)
                if !whole && uses.get(&name).copied().unwrap_or(0) > 1 =>
            {
                dir.join(as_path(trim_start(parent)))
            }
            RestoreTarget::Directory(dir) => dir.clone(),
        };
        starts.push(Start {
            path,
            record,
            into,
            name: (!whole).then_some(name),
        });
    }
    Ok(starts)
}

fn absolute(root: &[u8]) -> Vec<u8> {
    match trim_slashes(root) {
        b"" => b"/".to_vec(),
        path => path.to_vec(),
    }
}

fn last_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

fn trim_start(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"/").unwrap_or(path)
}

fn as_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}
