//! Which configuration is put back, and which is left to a person.

use serde::Serialize;

/// Why a path is not put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Held {
    /// Users and groups are made one by one, by their own steps.
    Accounts,
    /// It names disks, volumes or partitions of the other machine.
    Storage,
    /// A mistake in it keeps the machine from starting.
    Boot,
    /// A mistake in it cuts off whoever is logged in from afar.
    Network,
    /// It tells this machine from others.
    Identity,
    /// A program makes it from other files.
    Generated,
}

impl Held {
    /// As it stands in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Storage => "storage",
            Self::Boot => "boot",
            Self::Network => "network",
            Self::Identity => "identity",
            Self::Generated => "generated",
        }
    }
}

/// What is left to a person, and why.
pub const HELD_BACK: [(&str, Held); 37] = [
    ("/boot", Held::Boot),
    ("/etc/.pwd.lock", Held::Generated),
    ("/etc/NetworkManager", Held::Network),
    ("/etc/alternatives", Held::Generated),
    ("/etc/crypttab", Held::Storage),
    ("/etc/default/grub", Held::Boot),
    ("/etc/default/grub.d", Held::Boot),
    ("/etc/dracut.conf.d", Held::Boot),
    ("/etc/fstab", Held::Storage),
    ("/etc/group", Held::Accounts),
    ("/etc/group-", Held::Accounts),
    ("/etc/grub.d", Held::Boot),
    ("/etc/gshadow", Held::Accounts),
    ("/etc/gshadow-", Held::Accounts),
    ("/etc/hostname", Held::Identity),
    ("/etc/initramfs-tools", Held::Boot),
    ("/etc/kernel", Held::Boot),
    ("/etc/ld.so.cache", Held::Generated),
    ("/etc/lvm", Held::Storage),
    ("/etc/machine-id", Held::Identity),
    ("/etc/mdadm", Held::Storage),
    ("/etc/mdadm.conf", Held::Storage),
    ("/etc/mtab", Held::Generated),
    ("/etc/multipath", Held::Storage),
    ("/etc/netplan", Held::Network),
    ("/etc/network", Held::Network),
    ("/etc/os-release", Held::Generated),
    ("/etc/passwd", Held::Accounts),
    ("/etc/passwd-", Held::Accounts),
    ("/etc/resolv.conf", Held::Network),
    ("/etc/shadow", Held::Accounts),
    ("/etc/shadow-", Held::Accounts),
    ("/etc/subgid", Held::Accounts),
    ("/etc/subuid", Held::Accounts),
    ("/etc/systemd/network", Held::Network),
    ("/etc/udev", Held::Network),
    ("/etc/zfs", Held::Storage),
];

/// Configuration of a system, parted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Paths that are put back, as few as there can be.
    pub back: Vec<String>,
    /// Paths that are left to a person, and why.
    pub held: Vec<(String, Held)>,
}

/// Parts what stands below some roots. `children` gives the paths right below one. All are as on the system itself, whatever
/// root it was read below.
///
/// # Errors
/// Those of `children`.
pub fn put_back<E>(
    roots: &[String],
    mut children: impl FnMut(&str) -> Result<Vec<String>, E>,
) -> Result<Files, E> {
    let mut files = Files::default();
    let mut open: Vec<String> = roots.iter().rev().cloned().collect();
    while let Some(path) = open.pop() {
        let is_below = |path: &str, above: &str| {
            let rest = path.strip_prefix(above);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some(&(_, why)) = HELD_BACK.iter().find(|(one, _)| is_below(&path, one)) {
            files.held.push((path, why));
        } else if path == "/etc" || HELD_BACK.iter().any(|(one, _)| is_below(one, &path)) {
            let mut below = children(&path)?;
            below.sort_unstable_by(|one, other| other.cmp(one));
            open.extend(below);
        } else {
            files.back.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_something_held_back_is_taken_apart() {
        let children = |path: &str| {
            Ok::<_, ()>(match path {
                "/etc" => ["/etc/default", "/etc/fstab", "/etc/ssh", "/etc/fstab.d"]
                    .map(str::to_owned)
                    .to_vec(),
                "/etc/default" => ["/etc/default/cron", "/etc/default/grub"]
                    .map(str::to_owned)
                    .to_vec(),
                other => panic!("{other} is not to be looked into"),
            })
        };
        let roots = ["/boot/grub", "/etc", "/var/spool/cron"].map(str::to_owned);
        let Files { back, held } = put_back(&roots, children).unwrap();
        assert_eq!(
            back,
            [
                "/etc/default/cron",
                "/etc/fstab.d",
                "/etc/ssh",
                "/var/spool/cron"
            ]
        );
        assert_eq!(
            held,
            [
                ("/boot/grub".to_owned(), Held::Boot),
                ("/etc/default/grub".to_owned(), Held::Boot),
                ("/etc/fstab".to_owned(), Held::Storage)
            ]
        );
    }

    #[test]
    fn the_table_is_in_order_and_has_all_that_keeps_a_machine_from_starting() {
        assert!(HELD_BACK.is_sorted_by_key(|(path, _)| *path));
        for path in [
            "/etc/fstab",
            "/etc/crypttab",
            "/etc/shadow",
            "/etc/mdadm",
            "/boot",
        ] {
            assert!(HELD_BACK.iter().any(|(one, _)| *one == path), "{path}");
        }
    }
}
