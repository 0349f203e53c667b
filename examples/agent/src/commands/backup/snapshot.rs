//! Reading a source from snapshots of its file systems.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use strongroom::{BackupOptions, StandIn};
use strongroom_policy::Snapshot;
use strongroom_snapshots::{
    Choice, Error, Keeper, Method, NAME_START, SystemTools, Taken, Tools, choose, parse_mounts,
};

use crate::fail::{Code, Fail, Result};
use crate::output::human;
use crate::run::Agent;

/// Inode number of the top of a btrfs subvolume.
const SUBVOLUME: u64 = 256;

/// How a source is read, and the snapshots for as long as it is.
#[derive(Default)]
pub(super) struct Held(Option<Taken<SystemTools>>);

impl Held {
    /// `files`, or how the snapshots were made.
    pub(super) fn consistency(&self) -> String {
        let methods = self.0.as_ref().map(Taken::methods).unwrap_or_default();
        match methods.is_empty() {
            true => "files".to_owned(),
            false => methods
                .iter()
                .map(|method| method.as_str())
                .collect::<Vec<_>>()
                .join("+"),
        }
    }

    /// Removes the snapshots. The point stands, so what is left over is only told.
    pub(super) fn release(self, agent: &Agent) {
        for error in self.0.map(Taken::release).unwrap_or_default() {
            tell_left_over(agent, &error);
        }
    }
}

/// Takes the snapshots that are wanted and has the backup read them. What is read as it is nevertheless is told; where a
/// method is asked for by name and nothing can be read from such a snapshot, that is a failure.
pub(super) fn hold(agent: &Agent, wanted: Snapshot, options: &mut BackupOptions) -> Result<Held> {
    let methods: &[Method] = match wanted {
        Snapshot::Auto => &[Method::Btrfs, Method::Lvm],
        Snapshot::Btrfs => &[Method::Btrfs],
        Snapshot::Lvm => &[Method::Lvm],
        _ => return Ok(Held::default()),
    };
    if options.dry_run {
        return Ok(Held::default());
    }
    let keeper = Keeper::new(agent.state.prepare()?.join("snapshots"), SystemTools);
    for error in keeper.remove_stale() {
        tell_left_over(agent, &error);
    }
    let choice = decide(&options.roots, methods)?;
    let name = format!("{}-{}", std::process::id(), crate::run::now().timestamp());
    let taken = match choice.targets.is_empty() {
        true => Err("no file system of this source has them".to_owned()),
        false => keeper
            .take(&name, &choice)
            .map_err(|error| error.to_string()),
    };
    match taken {
        Ok(taken) => {
            for live in choice.live.iter().filter(|live| !live.is_pseudo()) {
                let path = human::clean(&live.path.to_string_lossy());
                agent.out.note(&format!(
                    "note: {path} ({}) is read as it is, without a snapshot",
                    live.file_system
                ));
            }
            use_snapshots(options, &taken);
            Ok(Held(Some(taken)))
        }
        Err(why) if wanted == Snapshot::Auto => {
            agent.out.note(&format!(
                "note: files are read as they are, without a snapshot: {}",
                human::clean(&why)
            ));
            Ok(Held::default())
        }
        Err(why) => Err(Fail::new(
            Code::Failed,
            format!("no {} snapshot can be taken: {why}", wanted.as_str()),
            "snapshots need root and the tools of the file system; `auto` reads files as they are where it must",
        )),
    }
}

fn decide(roots: &[PathBuf], methods: &[Method]) -> Result<Choice> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    // A root that is not there is told by the backup itself.
    let real = roots
        .iter()
        .filter_map(|root| std::fs::canonicalize(root).ok());
    let real: Vec<PathBuf> = real.collect();
    let is_top = |path: &&Path| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_dir() && meta.ino() == SUBVOLUME)
    };
    let subvolume = |path: &Path| path.ancestors().find(is_top).map(Path::to_owned);
    let is_volume = |device: &str| {
        device.starts_with("/dev/") && SystemTools.run("lvs", &["--noheadings", device]).is_ok()
    };
    Ok(choose(
        &parse_mounts(&mounts),
        &real,
        methods,
        subvolume,
        is_volume,
    ))
}

fn use_snapshots(options: &mut BackupOptions, taken: &Taken<SystemTools>) {
    options.stand_ins = taken
        .stand_ins()
        .iter()
        .map(|one| StandIn {
            path: one.path.clone(),
            read_at: one.read_at.clone(),
        })
        .collect();
    // Those of other runs are no part of any source.
    options.excludes.push(format!("{NAME_START}*"));
    let methods = taken.methods();
    let methods: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    let tag = options.tags.entry("snapshot".to_owned());
    tag.or_insert_with(|| methods.join("+"));
}

fn tell_left_over(agent: &Agent, error: &Error) {
    let error = human::clean(&error.to_string());
    agent.out.note(&format!(
        "warning: a snapshot is left over, the next run tries to remove it: {error}"
    ));
}
