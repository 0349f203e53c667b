//! What this machine remembers of a vault: the furthest points that it has seen, when it read which packs, which points it
//! has restored in a drill. Losing it costs time and a chance to notice a vault that was set back; no recovery point.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use strongroom::vault::format::{PackId, SessionId, SourceId};
use strongroom::{Head, Remembered};

use super::{State, make_private_dir, read_private, write_private};
use crate::fail::{Fail, Problem, Result};

/// Packs that were read longer ago than this are forgotten: most of them are gone.
const VERIFIED_KEPT_DAYS: i64 = 800;

/// A point that was really restored and compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proven {
    pub(crate) point: SessionId,
    pub(crate) at: DateTime<Utc>,
}

/// The newest drill of each source, by its name.
pub(crate) type Drills = BTreeMap<String, Proven>;

#[derive(Debug, Default, Serialize, Deserialize)]
struct HeadsFile {
    heads: Vec<HeadEntry>,
    accepted: BTreeSet<SessionId>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HeadEntry {
    source: SourceId,
    point: SessionId,
    seq: u64,
    blake3: String,
}

impl State {
    fn memory_path(&self, vault_id: &str, what: &str) -> Result<PathBuf> {
        Ok(self.dir()?.join("vaults").join(vault_id).join(what))
    }

    pub(super) fn read_memory(&self, vault_id: &str, what: &str) -> Result<Option<String>> {
        let Ok(path) = self.memory_path(vault_id, what) else {
            return Ok(None);
        };
        Ok(read_private(&path)?.map(|text| text.to_string()))
    }

    pub(super) fn keep_memory(&self, vault_id: &str, what: &str, text: &str) -> Result<()> {
        let path = self.memory_path(vault_id, what)?;
        self.prepare()?;
        if let Some(dir) = path.parent() {
            let made = make_private_dir(dir);
            made.map_err(|error| Fail::own_file("make the directory", dir, &error))?;
        }
        write_private(&path, text.as_bytes())
    }

    /// The furthest points that this machine has seen of each source of a vault.
    pub(crate) fn remembered(&self, vault_id: &str) -> Result<Remembered> {
        let Some(text) = self.read_memory(vault_id, "heads.json")? else {
            return Ok(Remembered::default());
        };
        let parsed = serde_json::from_str::<HeadsFile>(&text)
            .ok()
            .and_then(|file| {
                let heads = file.heads.into_iter().map(|entry| {
                    Some(Head {
                        source: entry.source,
                        point: entry.point,
                        seq: entry.seq,
                        blake3: parse_hash(&entry.blake3)?,
                    })
                });
                Some(Remembered {
                    heads: heads.collect::<Option<_>>()?,
                    accepted: file.accepted,
                })
            });
        let help = "remove the file: this machine then remembers anew what it sees, and cannot tell whether it saw more";
        parsed.ok_or_else(|| {
            let path = self.memory_path(vault_id, "heads.json");
            let path = path
                .map(|path| path.display().to_string())
                .unwrap_or_default();
            Fail::usage(format!("{path} does not parse"), help).named(Problem::StateDamaged)
        })
    }

    pub(crate) fn remember(&self, vault_id: &str, remembered: &Remembered) -> Result<()> {
        if self.remembered(vault_id)? == *remembered {
            return Ok(());
        }
        let entry = |head: &Head| HeadEntry {
            source: head.source,
            point: head.point,
            seq: head.seq,
            blake3: head
                .blake3
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        };
        let file = HeadsFile {
            heads: remembered.heads.iter().map(entry).collect(),
            accepted: remembered.accepted.clone(),
        };
        let text = serde_json::json!(file).to_string();
        self.keep_memory(vault_id, "heads.json", &format!("{text}\n"))
    }

    /// At which roots of which sources a file system was mounted, as it was kept.
    pub(crate) fn mounts(&self, vault_id: &str) -> Result<Option<String>> {
        self.read_memory(vault_id, "mounts.json")
    }

    pub(crate) fn keep_mounts(&self, vault_id: &str, text: &str) -> Result<()> {
        self.keep_memory(vault_id, "mounts.json", &format!("{text}\n"))
    }

    /// The newest generation of a vault that this machine has seen.
    pub(crate) fn generation(&self, vault_id: &str) -> Result<u64> {
        let Some(text) = self.read_memory(vault_id, "generation")? else {
            return Ok(0);
        };
        text.trim().parse().map_err(|_| {
            let help = "remove the file if the vault's places show the newest generation";
            Fail::usage("the remembered generation does not parse", help)
                .named(Problem::StateDamaged)
        })
    }

    pub(crate) fn keep_generation(&self, vault_id: &str, number: u64) -> Result<()> {
        self.keep_memory(vault_id, "generation", &format!("{number}\n"))
    }

    /// Notes that a vault was open. That it cannot be noted harms nothing; more than one note a minute tells nobody more.
    pub(crate) fn note_contact(&self, vault_id: &str, now: DateTime<Utc>) {
        let before = self.last_contact(vault_id).ok().flatten();
        let is_due = before.is_none_or(|before| (now - before).abs() >= TimeDelta::minutes(1));
        if is_due && self.dir().is_ok_and(Path::is_dir) {
            drop(self.keep_memory(vault_id, "contact", &format!("{}\n", now.to_rfc3339())));
        }
    }

    /// When a vault was open last.
    pub(crate) fn last_contact(&self, vault_id: &str) -> Result<Option<DateTime<Utc>>> {
        let text = self.read_memory(vault_id, "contact")?;
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    /// When this machine has last read packs of a vault and found them good. What does not parse was never read.
    pub(crate) fn verified(&self, vault_id: &str) -> Result<BTreeMap<PackId, DateTime<Utc>>> {
        let text = self.read_memory(vault_id, "verified")?.unwrap_or_default();
        let line = |line: &str| {
            let (pack, secs) = line.split_once(' ')?;
            let at = DateTime::from_timestamp(secs.parse().ok()?, 0)?;
            Some((pack.parse().ok()?, at))
        };
        Ok(text.lines().filter_map(line).collect())
    }

    pub(crate) fn keep_verified(
        &self,
        vault_id: &str,
        verified: &BTreeMap<PackId, DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let is_kept = |at: &DateTime<Utc>| now - *at < TimeDelta::days(VERIFIED_KEPT_DAYS);
        let kept = verified.iter().filter(|(_, at)| is_kept(at));
        let lines: Vec<String> = kept
            .map(|(pack, at)| format!("{pack} {}\n", at.timestamp()))
            .collect();
        self.keep_memory(vault_id, "verified", &lines.concat())
    }

    /// What this machine has restored in drills. What does not parse proves nothing.
    pub(crate) fn drills(&self, vault_id: &str) -> Result<Drills> {
        let text = self.read_memory(vault_id, "drills.json")?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    }

    pub(crate) fn keep_drills(&self, vault_id: &str, drills: &Drills) -> Result<()> {
        let text = serde_json::json!(drills).to_string();
        self.keep_memory(vault_id, "drills.json", &format!("{text}\n"))
    }
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(&dir.path().join("state")));
        assert_eq!(state.remembered("v").unwrap(), Remembered::default());
        let remembered = Remembered {
            heads: vec![Head {
                source: SourceId::from_bytes([1; 8]),
                point: SessionId::new(5, [2; 10]),
                seq: 7,
                blake3: [0xab; 32],
            }],
            accepted: BTreeSet::from([SessionId::new(9, [9; 10])]),
        };
        state.remember("v", &remembered).unwrap();
        assert_eq!(state.remembered("v").unwrap(), remembered);
        assert_eq!(state.remembered("other").unwrap(), Remembered::default());
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let verified = BTreeMap::from([
            (PackId::from_bytes([3; 16]), now),
            (PackId::from_bytes([4; 16]), DateTime::UNIX_EPOCH),
        ]);
        state.keep_verified("v", &verified, now).unwrap();
        let kept = state.verified("v").unwrap();
        assert_eq!(kept, BTreeMap::from([(PackId::from_bytes([3; 16]), now)]));
        let drills = Drills::from([(
            "home".to_owned(),
            Proven {
                point: SessionId::new(5, [2; 10]),
                at: now,
            },
        )]);
        state.keep_drills("v", &drills).unwrap();
        assert_eq!(state.drills("v").unwrap(), drills);
    }

    #[test]
    fn a_damaged_memory_of_heads_is_told_and_others_only_cost_time() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path()));
        let of_vault = dir.path().join("vaults/v");
        std::fs::create_dir_all(&of_vault).unwrap();
        for file in ["heads.json", "verified", "drills.json"] {
            std::fs::write(of_vault.join(file), "{ nonsense").unwrap();
        }
        assert!(
            state
                .remembered("v")
                .unwrap_err()
                .message
                .contains("heads.json")
        );
        assert!(state.verified("v").unwrap().is_empty());
        assert!(state.drills("v").unwrap().is_empty());
    }
}
