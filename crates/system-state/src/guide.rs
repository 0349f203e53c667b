//! What a person reads first.

use std::collections::BTreeMap;

use crate::facts::SystemState;
use crate::index::{Index, PartState};

/// The guide of a tree.
pub(crate) fn write(
    state: &SystemState,
    index: &Index,
    files: &BTreeMap<String, Vec<u8>>,
) -> String {
    let system = &state.system;
    let mut out = format!(
        "# The state of {}\n\n{}, kernel {}, time zone {}.\n\n",
        or(&system.host, "a machine without a name"),
        or(&system.name, "an unknown system"),
        or(&system.kernel, "not running"),
        or(&system.time_zone, "not set"),
    );
    out.push_str(
        "This directory says what the machine was; beside it in the recovery point stand its configuration files. \
         `index.json` lists both for programs. It holds passwords as the system keeps them: keep it to yourself.\n\n",
    );
    findings(&mut out, index);
    out.push_str("## On a new machine, step by step\n\n");
    for (index, step) in steps(state, files).iter().enumerate() {
        out.push_str(&format!("{}. {step}\n", index + 1));
    }
    parts(&mut out, index);
    out
}

fn steps(state: &SystemState, files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let has = |name: &str| files.keys().any(|file| file.starts_with(name));
    let mut steps = Vec::new();
    if has("storage/disks.json") {
        steps.push(
            "Look at `storage/disks.json`: which disks there were, how large, and what was mounted where. Make at least \
             as much room.".to_owned(),
        );
        steps.push(
            "Partition by hand. `storage/DISK.sfdisk` has each table: `sfdisk /dev/DISK < storage/DISK.sfdisk` writes \
             it **and destroys what is on that disk**; edit device and sizes first.".to_owned(),
        );
    }
    if has("storage/mdadm.conf") {
        steps.push("Make the arrays: `storage/mdadm.conf` has level, devices and names; `mdadm --create` makes them.".to_owned());
    }
    if has("storage/logical-volumes.json") {
        steps.push(
            "Make the volumes: `storage/logical-volumes.json` has them; `/etc/lvm/backup` in the point is what \
             `vgcfgrestore` reads.".to_owned(),
        );
    }
    steps.push(format!(
        "Install a minimal {} and the agent on it. Give it vault and passphrase, and `strongroom-agent points --source \
         SYSTEM` shows the point of this state.",
        or(&state.system.name, "system of the same release")
    ));
    steps.push(
        "`strongroom-agent system-state apply POINT --dry-run` shows which users, files, packages and units come back; \
         without `--dry-run` it does it.".to_owned(),
    );
    if has("storage/fstab") {
        steps.push(
            "Compare `storage/fstab` with `/etc/fstab`: mount what is to be mounted, by the new UUIDs of `blkid`.".to_owned(),
        );
    }
    if has("boot/kernel-command-line") {
        steps.push(
            "Compare `boot/kernel-command-line` and `/etc/default/grub` of the point with the new ones, then \
             `update-grub`.".to_owned(),
        );
    }
    if has("network/") {
        steps.push(
            "Compare `network/addresses.json` with `ip address`; the configuration of the network is in `/etc` of the \
             point and is not put back by itself.".to_owned(),
        );
    }
    steps.push(
        "Restore the data from the other points: homes, databases, whatever this machine served."
            .to_owned(),
    );
    steps.push("Restart, and look at `systemctl --failed`.".to_owned());
    steps
}

fn findings(out: &mut String, index: &Index) {
    if index.findings.is_empty() {
        return;
    }
    out.push_str("## What is missing, or was not in order\n\n");
    for finding in &index.findings {
        out.push_str(&format!(
            "* {}: {}\n",
            finding.reason.as_str(),
            finding.detail
        ));
    }
    out.push('\n');
}

fn parts(out: &mut String, index: &Index) {
    out.push_str("\n## What is here\n\n| part | state | files |\n|---|---|---|\n");
    for entry in &index.parts {
        let state = match entry.state {
            PartState::Complete => "complete",
            PartState::Incomplete => "incomplete",
            PartState::Absent => "none",
        };
        let part = format!("{:?}", entry.part).to_lowercase();
        out.push_str(&format!(
            "| {part} | {state} | {} |\n",
            entry.files.join(" ")
        ));
    }
    out.push_str(&format!(
        "\nKept as they are, beside it: {}\n",
        index.roots.join(" ")
    ));
}

fn or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}
