//! A source that is not there: a file system that is not mounted leaves an empty directory, which is no state of the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use strongroom::{BackupOptions, Strongroom};

use crate::fail::{Code, Fail, Result};
use crate::run::Agent;

/// What a source was like: roots at which a file system was mounted, as paths.
type Mounted = BTreeSet<String>;

/// What was seen of the roots of a source.
pub(super) struct Seen {
    mounted: Mounted,
    source: String,
}

/// Looks whether all is mounted that was mounted when the source was last backed up, and whether anything is left of it.
pub(super) fn look(
    agent: &Agent,
    vault: &Strongroom,
    vault_id: &str,
    options: &BackupOptions,
    as_it_is: bool,
) -> Result<Seen> {
    let mounted = options.roots.iter().filter(|root| is_mounted(root));
    let seen = Seen {
        mounted: mounted.map(|root| text(root)).collect(),
        source: options.source.clone(),
    };
    if as_it_is {
        return Ok(seen);
    }
    let before = known(agent, vault_id)?;
    let before = before.get(&options.source).cloned().unwrap_or_default();
    let lost = options.roots.iter().find(|root| {
        let root = text(root);
        before.contains(&root) && !seen.mounted.contains(&root)
    });
    if let Some(root) = lost {
        let message = format!(
            "no file system is mounted at {}, and one was when {:?} was last backed up",
            root.display(),
            options.source
        );
        return Err(gone(message, "mount it and run the backup again"));
    }
    if options.roots.iter().all(is_empty) && has_files(vault, options)? {
        let message = format!(
            "nothing is left of {:?}: what was to be backed up is empty, and was not before",
            options.source
        );
        return Err(gone(
            message,
            "look whether it is mounted, and who has emptied it",
        ));
    }
    Ok(seen)
}

fn gone(message: String, help: &str) -> Fail {
    let help = format!("{help}; if it is as it should be, run `backup --as-it-is` once");
    Fail::new(Code::Failed, message, help)
}

impl Seen {
    /// Remembers it for the next time.
    pub(super) fn remember(self, agent: &Agent, vault_id: &str) -> Result<()> {
        let mut all = known(agent, vault_id)?;
        if all.get(&self.source) == Some(&self.mounted) {
            return Ok(());
        }
        all.insert(self.source, self.mounted);
        agent
            .state
            .keep_mounts(vault_id, &serde_json::json!(all).to_string())
    }
}

/// What does not parse tells nothing: then only an empty source is noticed.
fn known(agent: &Agent, vault_id: &str) -> Result<BTreeMap<String, Mounted>> {
    let text = agent.state.mounts(vault_id)?;
    let known = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(known.unwrap_or_default())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Bind mounts count, too: they have the device of what they show.
fn is_mounted(root: &PathBuf) -> bool {
    let found = statx(CWD, root, AtFlags::empty(), StatxFlags::TYPE);
    found.is_ok_and(|found| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

fn is_empty(root: &PathBuf) -> bool {
    let entries = std::fs::read_dir(root);
    entries.is_ok_and(|mut entries| entries.next().is_none())
}

fn has_files(vault: &Strongroom, options: &BackupOptions) -> Result<bool> {
    let points = vault.points()?;
    let is_own = |point: &&strongroom::PointView| {
        point.source == options.source && point.host == options.host && point.deleted_at.is_none()
    };
    let newest = points.iter().find(is_own);
    Ok(newest.is_some_and(|point| point.logical_bytes > 0))
}
