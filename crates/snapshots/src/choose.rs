//! Which file systems of a source are read from a snapshot, and which as they are. Pure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::mounts::Mount;

/// How a snapshot is made.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A read-only snapshot of a btrfs subvolume, in it.
    Btrfs,
    /// A snapshot of a logical volume, mounted read-only.
    Lvm,
}

impl Method {
    /// `btrfs` or `lvm`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Btrfs => "btrfs",
            Self::Lvm => "lvm",
        }
    }
}

/// What is to be snapshotted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// How.
    pub method: Method,
    /// The subvolume, or where the volume is mounted.
    pub path: PathBuf,
    /// The device of it.
    pub device: String,
    /// The file system on it.
    pub file_system: String,
}

/// A part of a source that is read as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Live {
    /// A root, or a file system below one.
    pub path: PathBuf,
    /// The file system there.
    pub file_system: String,
}

/// How the parts of a source are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// Snapshots to take.
    pub targets: Vec<Target>,
    /// All else.
    pub live: Vec<Live>,
}

/// File systems that hold nothing of their own.
const PSEUDO: [&str; 18] = [
    "autofs",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "proc",
    "pstore",
    "securityfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

/// Decides for the file systems of these real roots and for those mounted below them. `subvolume` gives the top of the btrfs
/// subvolume that a path is in, `is_volume` whether a device is a logical volume.
#[must_use]
pub fn choose(
    mounts: &[Mount],
    roots: &[PathBuf],
    methods: &[Method],
    subvolume: impl Fn(&Path) -> Option<PathBuf>,
    is_volume: impl Fn(&str) -> bool,
) -> Choice {
    let mut targets = BTreeMap::new();
    let mut live = Vec::new();
    // Of mounts on one place the last one is seen.
    let seen = |path: &Path| mounts.iter().rev().find(|mount| mount.point == path);
    let below = mounts.iter().map(|mount| &mount.point);
    let below = below.filter(|point| {
        roots
            .iter()
            .any(|root| point.starts_with(root) && *point != root)
    });
    for path in roots.iter().chain(below) {
        let Some(mount) = path.ancestors().find_map(seen) else {
            continue;
        };
        let top = match mount.file_system.as_str() {
            "btrfs" if methods.contains(&Method::Btrfs) => {
                subvolume(path).map(|top| (Method::Btrfs, top))
            }
            _ if methods.contains(&Method::Lvm) && is_volume(&mount.device) => {
                Some((Method::Lvm, mount.point.clone()))
            }
            _ => None,
        };
        match top {
            Some((method, path)) => {
                targets.entry(path.clone()).or_insert(Target {
                    method,
                    path,
                    device: mount.device.clone(),
                    file_system: mount.file_system.clone(),
                });
            }
            None => live.push(Live {
                path: path.clone(),
                file_system: mount.file_system.clone(),
            }),
        }
    }
    live.sort_by(|one, other| one.path.cmp(&other.path));
    live.dedup();
    Choice {
        targets: targets.into_values().collect(),
        live,
    }
}

impl Live {
    /// True where nothing is that a snapshot would keep.
    #[must_use]
    pub fn is_pseudo(&self) -> bool {
        PSEUDO.contains(&self.file_system.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &str, file_system: &str, device: &str) -> Mount {
        Mount {
            point: point.into(),
            file_system: file_system.to_owned(),
            device: device.to_owned(),
        }
    }

    fn paths(choice: &Choice) -> (Vec<String>, Vec<String>) {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        (
            choice
                .targets
                .iter()
                .map(|one| format!("{} {}", one.method.as_str(), text(&one.path)))
                .collect(),
            choice.live.iter().map(|one| text(&one.path)).collect(),
        )
    }

    #[test]
    fn each_file_system_of_a_source_is_decided_by_itself() {
        let mounts = [
            mount("/", "ext4", "/dev/mapper/vg-root"),
            mount("/proc", "proc", "proc"),
            mount("/home", "btrfs", "/dev/sdb"),
            mount("/home/me/nas", "nfs", "nas:/"),
            mount("/other", "ext4", "/dev/sdc"),
        ];
        let subvolume = |path: &Path| {
            Some(
                if path.starts_with("/home/me") {
                    "/home/me"
                } else {
                    "/home"
                }
                .into(),
            )
        };
        let decide = |roots: &[&str], methods: &[Method]| {
            let roots: Vec<PathBuf> = roots.iter().map(PathBuf::from).collect();
            paths(&choose(&mounts, &roots, methods, subvolume, |device| {
                device.starts_with("/dev/mapper")
            }))
        };
        let both = [Method::Btrfs, Method::Lvm];
        let (targets, live) = decide(&["/"], &both);
        assert_eq!(targets, ["lvm /", "btrfs /home"]);
        assert_eq!(live, ["/home/me/nas", "/other", "/proc"]);
        let (targets, live) = decide(
            &["/home/me/docs", "/home/me/music", "/etc"],
            &[Method::Btrfs],
        );
        assert_eq!(targets, ["btrfs /home/me"], "once for both");
        assert_eq!(live, ["/etc"]);
        assert_eq!(decide(&["/home"], &[]).0, Vec::<String>::new());
    }
}
