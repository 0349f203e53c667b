//! Taking snapshots, and removing them whatever happens.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::choose::{Choice, Method, Target};
use crate::tools::Tools;
use crate::{Error, NAME_START, Result};

/// Where a directory is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// Where it belongs.
    pub path: PathBuf,
    /// Where it is read.
    pub read_at: PathBuf,
}

/// Something that was made, and is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum Made {
    /// A btrfs subvolume.
    Subvolume { path: PathBuf },
    /// A logical volume, `group/volume`.
    Volume { name: String },
    /// A mounted file system, and the directory for it.
    Mounted { at: PathBuf },
}

/// Keeps the books of snapshots in a directory that is for nothing else.
#[derive(Debug)]
pub struct Keeper<T> {
    dir: PathBuf,
    tools: T,
}

impl<T: Tools + Clone> Keeper<T> {
    /// With books in this directory, which is made when it is first needed.
    pub fn new(dir: impl Into<PathBuf>, tools: T) -> Self {
        Self {
            dir: dir.into(),
            tools,
        }
    }

    /// Removes what processes that are no more have left; returns why something could not be removed. It is tried again
    /// next time.
    pub fn remove_stale(&self) -> Vec<Error> {
        let mut problems = Vec::new();
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.extension().is_none_or(|end| end != "json") {
                continue;
            }
            let Ok(file) = File::open(&path) else {
                continue;
            };
            // Whoever has made it holds the lock for as long as it lives.
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            // A line that is cut off names something that was not made.
            let lines = fs::read_to_string(&path).unwrap_or_default();
            let lines = lines.lines().map(serde_json::from_str);
            let made: Vec<Made> = lines.filter_map(std::result::Result::ok).collect();
            let failed = undo(&made, &self.tools);
            if failed.is_empty() {
                let _gone = fs::remove_file(&path);
            }
            problems.extend(failed);
        }
        problems
    }

    /// Takes all snapshots of a choice, each under this name, or none of them. What is live below one is named among the
    /// stand-ins, too, as there is nothing of it in the snapshot.
    ///
    /// # Errors
    /// When one cannot be taken; what was made before it is removed.
    pub fn take(&self, name: &str, choice: &Choice) -> Result<Taken<T>> {
        let fail = |path: &Path, source| Error::Journal {
            path: path.to_owned(),
            source,
        };
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir);
        made.map_err(|error| fail(&self.dir, error))?;
        let path = self.dir.join(format!("{name}.json"));
        let book = open_locked(&path).map_err(|error| fail(&path, error))?;
        let mut taken = Taken {
            stand_ins: Vec::new(),
            methods: Vec::new(),
            made: Vec::new(),
            is_ended: false,
            path,
            book,
            tools: self.tools.clone(),
        };
        for (number, target) in choice.targets.iter().enumerate() {
            let read_at = match target.method {
                Method::Btrfs => taken.subvolume(name, number, target)?,
                Method::Lvm => taken.volume(&self.dir, name, number, target)?,
            };
            taken.methods.push(target.method);
            taken.stand_ins.push(StandIn {
                path: target.path.clone(),
                read_at,
            });
        }
        let targets = choice.targets.iter();
        let is_below = |path: &Path| {
            targets
                .clone()
                .any(|target| path.starts_with(&target.path) && path != target.path)
        };
        for live in choice.live.iter().filter(|live| is_below(&live.path)) {
            taken.stand_ins.push(StandIn {
                path: live.path.clone(),
                read_at: live.path.clone(),
            });
        }
        Ok(taken)
    }
}

fn open_locked(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Snapshots that exist for as long as this does.
#[derive(Debug)]
pub struct Taken<T: Tools> {
    stand_ins: Vec<StandIn>,
    methods: Vec<Method>,
    made: Vec<Made>,
    is_ended: bool,
    path: PathBuf,
    /// Locked for as long as this lives.
    book: File,
    tools: T,
}

impl<T: Tools> Taken<T> {
    /// Where what is read.
    #[must_use]
    pub fn stand_ins(&self) -> &[StandIn] {
        &self.stand_ins
    }

    /// How the snapshots were made, each method once.
    #[must_use]
    pub fn methods(&self) -> Vec<Method> {
        let mut methods = self.methods.clone();
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    /// Removes the snapshots; returns why something could not be removed. The next [`Keeper::remove_stale`] tries again.
    pub fn release(mut self) -> Vec<Error> {
        self.end()
    }

    fn end(&mut self) -> Vec<Error> {
        if std::mem::replace(&mut self.is_ended, true) {
            return Vec::new();
        }
        let made = std::mem::take(&mut self.made);
        let failed = undo(&made, &self.tools);
        if failed.is_empty() {
            let _gone = fs::remove_file(&self.path);
        }
        failed
    }

    /// Notes, durably, what is about to be made.
    fn note(&mut self, made: Made) -> Result<()> {
        let mut line = serde_json::to_vec(&made).unwrap_or_default();
        line.push(b'\n');
        let written = self
            .book
            .write_all(&line)
            .and_then(|()| self.book.sync_all());
        written.map_err(|source| Error::Journal {
            path: self.path.clone(),
            source,
        })?;
        self.made.push(made);
        Ok(())
    }

    fn subvolume(&mut self, name: &str, number: usize, target: &Target) -> Result<PathBuf> {
        let path = target.path.join(format!("{NAME_START}{name}-{number}"));
        self.note(Made::Subvolume { path: path.clone() })?;
        let (from, to) = (target.path.to_string_lossy(), path.to_string_lossy());
        self.tools
            .run("btrfs", &["subvolume", "snapshot", "-r", &from, &to])?;
        Ok(path)
    }

    fn volume(
        &mut self,
        dir: &Path,
        name: &str,
        number: usize,
        target: &Target,
    ) -> Result<PathBuf> {
        let columns = [
            "--noheadings",
            "--separator",
            "|",
            "--options",
            "vg_name,lv_name,pool_lv",
        ];
        let said = self
            .tools
            .run("lvs", &[&columns[..], &[&target.device]].concat())?;
        let fields: Vec<&str> = said.trim().split('|').map(str::trim).collect();
        let [group, volume, pool] = fields.as_slice() else {
            return Err(Error::Tool {
                program: "lvs".to_owned(),
                said: format!("{} is no logical volume", target.device),
            });
        };
        let snapshot = format!("strongroom-snapshot-{name}-{number}");
        let origin = format!("{group}/{volume}");
        self.note(Made::Volume {
            name: format!("{group}/{snapshot}"),
        })?;
        let common = ["--snapshot", "--yes", "--name", &snapshot];
        // A thin one takes its room from the pool; a thick one needs room for what changes while it is read.
        let room: &[&str] = match pool.is_empty() {
            true => &["--extents", "10%ORIGIN"],
            false => &["--setactivationskip", "n"],
        };
        self.tools
            .run("lvcreate", &[&common, room, &[&origin]].concat())?;
        let at = dir.join(format!("{name}-{number}"));
        self.note(Made::Mounted { at: at.clone() })?;
        fs::create_dir_all(&at).map_err(|source| Error::Journal {
            path: at.clone(),
            source,
        })?;
        let options = match target.file_system.as_str() {
            "xfs" => "ro,nouuid",
            _ => "ro",
        };
        let device = format!("/dev/{group}/{snapshot}");
        self.tools
            .run("mount", &["-o", options, &device, &at.to_string_lossy()])?;
        Ok(at)
    }
}

impl<T: Tools> Drop for Taken<T> {
    fn drop(&mut self) {
        let _later = self.end();
    }
}

/// The newest first. What is not there needs no removal.
fn undo(made: &[Made], tools: &dyn Tools) -> Vec<Error> {
    let mut failed = Vec::new();
    for one in made.iter().rev() {
        let outcome = match one {
            Made::Subvolume { path } if path.symlink_metadata().is_ok() => tools
                .run("btrfs", &["subvolume", "delete", &path.to_string_lossy()])
                .map(drop),
            Made::Mounted { at } if at.is_dir() => unmount(at, tools),
            Made::Volume { name } if tools.run("lvs", &["--noheadings", name]).is_ok() => {
                tools.run("lvremove", &["--yes", name]).map(drop)
            }
            _ => Ok(()),
        };
        failed.extend(outcome.err());
    }
    failed
}

fn unmount(at: &Path, tools: &dyn Tools) -> Result<()> {
    // One that nothing is mounted on is empty and goes at once.
    if fs::remove_dir(at).is_ok() {
        return Ok(());
    }
    tools.run("umount", &[&at.to_string_lossy()])?;
    fs::remove_dir(at).map_err(|source| Error::Journal {
        path: at.to_owned(),
        source,
    })
}
