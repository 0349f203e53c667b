//! What belongs to the machine itself, for people to read: none of it is ever applied.

use super::Reader;
use crate::facts::System;
use crate::index::{Part, Reason};

/// What is told of each disk.
const COLUMNS: &str = "NAME,PATH,TYPE,SIZE,FSTYPE,LABEL,UUID,PARTLABEL,PARTUUID,PARTTYPE,MOUNTPOINTS,PTTYPE,MODEL,SERIAL";

impl Reader<'_> {
    pub(super) fn machine(&mut self, system: &System) {
        self.mounts();
        let disks = self.disks();
        self.volumes(&disks);
        self.arrays(&disks);
        self.boot(system);
        self.network();
    }

    fn keep(&mut self, file: &str, text: String) {
        self.files.insert(file.to_owned(), text.into_bytes());
    }

    fn mounts(&mut self) {
        let Some(fstab) = self.text(Part::Mounts, "/etc/fstab") else {
            return self.absent(Part::Mounts);
        };
        self.keep("storage/fstab", fstab);
        let mut files = vec!["storage/fstab"];
        if let Some(mounts) = self.text(Part::Mounts, "/proc/self/mounts") {
            // Mounts of the moment would make each state another one.
            let lasting = mounts.lines().filter(|line| line.starts_with("/dev/"));
            let lasting = lasting.map(|line| format!("{line}\n")).collect();
            self.keep("storage/mounts", lasting);
            files.push("storage/mounts");
        }
        self.part(Part::Mounts, &files);
    }

    /// Returns what `lsblk` says.
    fn disks(&mut self) -> serde_json::Value {
        let arguments = ["--json", "--bytes", "--exclude", "1,7", "--output", COLUMNS];
        let said = self.ask(Part::Disks, "lsblk", &arguments);
        let disks = said.and_then(|said| serde_json::from_str(&said).ok());
        let disks: serde_json::Value = disks.unwrap_or_default();
        let mut files = Vec::new();
        if !disks.is_null() {
            self.write_json("storage/disks.json", &disks);
            files.push("storage/disks.json".to_owned());
        }
        let tops = disks.get("blockdevices").and_then(|disks| disks.as_array());
        for disk in tops.into_iter().flatten() {
            let text = |key: &str| disk.get(key).and_then(|value| value.as_str());
            let (Some(path), Some(name), Some(_)) = (text("path"), text("name"), text("pttype"))
            else {
                continue;
            };
            if let Some(table) = self.ask(Part::Disks, "sfdisk", &["--dump", path]) {
                let file = format!("storage/{}.sfdisk", name.replace('/', "_"));
                self.keep(&file, table);
                files.push(file);
            }
        }
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.part(Part::Disks, &files);
        disks
    }

    fn volumes(&mut self, disks: &serde_json::Value) {
        if !mentions(disks, &["LVM2_member", "lvm"]) {
            return self.absent(Part::Volumes);
        }
        let mut files = Vec::new();
        for (program, file) in [
            ("pvs", "storage/physical-volumes.json"),
            ("vgs", "storage/volume-groups.json"),
            ("lvs", "storage/logical-volumes.json"),
        ] {
            let arguments = [
                "--reportformat",
                "json",
                "--units",
                "b",
                "--all",
                "--options",
                "+all",
            ];
            let arguments = match program {
                "vgs" => [
                    "--reportformat",
                    "json",
                    "--units",
                    "b",
                    "--options",
                    "+vg_all",
                    "--quiet",
                ],
                _ => arguments,
            };
            if let Some(said) = self.ask(Part::Volumes, program, &arguments) {
                self.keep(file, said);
                files.push(file);
            }
        }
        self.part(Part::Volumes, &files);
    }

    fn arrays(&mut self, disks: &serde_json::Value) {
        if !mentions(disks, &["linux_raid_member", "raid"]) {
            return self.absent(Part::Arrays);
        }
        match self.ask(Part::Arrays, "mdadm", &["--detail", "--scan", "--verbose"]) {
            Some(said) => {
                self.keep("storage/mdadm.conf", said);
                self.part(Part::Arrays, &["storage/mdadm.conf"]);
            }
            None => self.part(Part::Arrays, &[]),
        }
    }

    fn boot(&mut self, system: &System) {
        let mut files = Vec::new();
        if let Some(line) = self.text(Part::Boot, "/proc/cmdline") {
            self.keep("boot/kernel-command-line", line);
            self.keep("boot/kernel", format!("{}\n", system.kernel));
            files.extend(["boot/kernel-command-line", "boot/kernel"]);
        }
        if self.root.join("sys/firmware/efi").is_dir()
            && let Some(said) = self.ask(Part::Boot, "efibootmgr", &["--verbose"])
        {
            self.keep("boot/efi-entries", said);
            files.push("boot/efi-entries");
        }
        self.part(Part::Boot, &files);
    }

    fn network(&mut self) {
        let mut files = Vec::new();
        for (what, file) in [
            ("address", "network/addresses.json"),
            ("route", "network/routes.json"),
        ] {
            let Some(said) = self.ask(Part::Network, "ip", &["-json", what]) else {
                // The second time would say the same.
                break;
            };
            match serde_json::from_str::<serde_json::Value>(&said) {
                Ok(mut value) => {
                    forget_moments(&mut value);
                    self.write_json(file, &value);
                    files.push(file);
                }
                Err(error) => self.found(Part::Network, Reason::ToolFailed, format!("ip: {error}")),
            }
        }
        self.part(Part::Network, &files);
    }
}

/// Lifetimes of leases differ at each look.
fn forget_moments(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(values) => values.iter_mut().for_each(forget_moments),
        serde_json::Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("_life_time"));
            fields.values_mut().for_each(forget_moments);
        }
        _ => {}
    }
}

/// Whether the type of a file system or device, here or below, is or begins with one of these.
fn mentions(value: &serde_json::Value, types: &[&str]) -> bool {
    match value {
        serde_json::Value::Array(values) => values.iter().any(|value| mentions(value, types)),
        serde_json::Value::Object(fields) => fields.iter().any(|(key, value)| {
            let is_type = matches!(key.as_str(), "fstype" | "type");
            let text = value.as_str().filter(|_| is_type).unwrap_or_default();
            types.iter().any(|kind| text.starts_with(kind)) || mentions(value, types)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_and_volumes_are_told_by_types_at_any_depth() {
        let disks = serde_json::json!({"blockdevices": [{"name": "raid-shelf", "type": "disk",
            "children": [{"type": "raid1", "fstype": "LVM2_member"}]}]});
        assert!(mentions(&disks, &["raid"]) && mentions(&disks, &["LVM2_member"]));
        let plain = serde_json::json!({"blockdevices": [{"name": "raid-shelf", "type": "disk"}]});
        assert!(!mentions(&plain, &["raid"]));
    }

    #[test]
    fn the_lifetime_of_a_lease_is_no_state() {
        let mut value =
            serde_json::json!([{"addr_info": [{"local": "10.0.0.1", "valid_life_time": 7}]}]);
        forget_moments(&mut value);
        assert_eq!(
            value,
            serde_json::json!([{"addr_info": [{"local": "10.0.0.1"}]}])
        );
    }
}
