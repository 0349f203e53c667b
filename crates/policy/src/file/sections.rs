//! Reads sources, `[security]` and `[hooks]`.

use super::reader::{Fields, Node};
use super::retention::shown;
use super::{Hooks, Security, Snapshot, SourceSpec};

const SOURCE_KEYS: &[&str] = &[
    "name",
    "paths",
    "exclude",
    "exclude_larger_than",
    "exclude_caches",
    "one_file_system",
    "snapshot",
    "system_state",
];
const SECURITY_KEYS: &[&str] = &["soft_delete_days", "minimums"];
const HOOK_KEYS: &[&str] = &["before_backup", "after_backup", "timeout_secs"];

/// Characters that names of sources must not hold, since consoles and URLs show them.
const FORBIDDEN: &str = "<>%&:\\?/#";

pub(super) fn sources(node: &Node<'_, '_>) -> Vec<SourceSpec> {
    let example = "[ { name = \"home\", paths = [\"/home\"] } ]";
    let mut sources: Vec<SourceSpec> = Vec::new();
    for node in node.array(example).unwrap_or_default() {
        let Some(fields) = node.table(SOURCE_KEYS, "{ name = \"home\", paths = [\"/home\"] }")
        else {
            continue;
        };
        let Some(source) = source(&fields) else {
            continue;
        };
        if sources.iter().any(|other| other.name == source.name) {
            let rule = format!("there are two sources named `{}`", shown(&source.name));
            fields.problem(rule, "give each source a name of its own");
        }
        sources.push(source);
    }
    sources
}

fn source(fields: &Fields<'_, '_>) -> Option<SourceSpec> {
    let name = fields
        .required("name", "\"home\"")
        .and_then(|node| source_name(&node));
    let flag = |key| fields.get(key).map_or(Some(false), |node| node.boolean());
    let system_state = flag("system_state")?;
    let paths = match system_state {
        true => no_paths(fields),
        false => paths(fields),
    };
    let exclude = match fields.get("exclude") {
        None => Some(Vec::new()),
        Some(node) => texts(&node, "[\"**/.cache/**\"]"),
    };
    let larger = fields.get("exclude_larger_than");
    let larger = larger.map_or(Some(None), |node| file_size(&node).map(Some));
    let snapshot = fields
        .get("snapshot")
        .map_or(Some(Snapshot::None), |node| snapshot(&node));
    let (exclude_caches, one_file_system) = (flag("exclude_caches"), flag("one_file_system"));
    Some(SourceSpec {
        name: name?,
        paths: paths?,
        exclude: exclude?,
        exclude_larger_than_bytes: larger?,
        exclude_caches: exclude_caches?,
        one_file_system: one_file_system?,
        snapshot: snapshot?,
        system_state,
    })
}

fn paths(fields: &Fields<'_, '_>) -> Option<Vec<String>> {
    fields.required("paths", "[\"/home\"]").and_then(|node| {
        let paths = texts(&node, "[\"/home\"]")?;
        if paths.is_empty() {
            node.problem("names no path", "write for example [\"/home\"]");
        }
        for path in paths.iter().filter(|path| !path.starts_with('/')) {
            let rule = format!("`{}` is not an absolute path", shown(path));
            node.problem(rule, "write it from the root, such as \"/home\"");
        }
        Some(paths)
    })
}

/// The state of a system says itself what belongs to it.
fn no_paths(fields: &Fields<'_, '_>) -> Option<Vec<String>> {
    for key in ["paths", "one_file_system", "snapshot"] {
        if let Some(node) = fields.get(key) {
            node.problem(
                "does not go with system_state, which is read as a whole",
                "remove it, or make a source of its own for these paths",
            );
            return None;
        }
    }
    Some(Vec::new())
}

fn snapshot(node: &Node<'_, '_>) -> Option<Snapshot> {
    let name = node.text("\"auto\"")?;
    let snapshot = Snapshot::named(name);
    if snapshot.is_none() {
        let rule = format!("`{}` is no way to take a snapshot", shown(name));
        node.problem(rule, "write \"none\", \"auto\", \"btrfs\" or \"lvm\"");
    }
    snapshot
}

/// `500M`: a whole number and a unit of powers of 1024.
fn file_size(node: &Node<'_, '_>) -> Option<u64> {
    let text = node.text("\"500M\"")?;
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text.get(digits.len()..).unwrap_or_default().trim() {
        "" | "B" => Some(0),
        "K" | "KiB" => Some(10),
        "M" | "MiB" => Some(20),
        "G" | "GiB" => Some(30),
        "T" | "TiB" => Some(40),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(shift);
    let bytes = bytes.and_then(|(number, shift)| number.checked_mul(1 << shift));
    if bytes.is_none() {
        let rule = format!("`{}` is no size", shown(text));
        node.problem(rule, "write a whole number with a unit: \"500M\", \"2G\"");
    }
    bytes
}

fn source_name(node: &Node<'_, '_>) -> Option<String> {
    let name = node.text("\"home\"")?;
    if name.trim().is_empty() {
        node.problem("is empty", "write a short name such as \"home\"");
        return None;
    }
    let is_bad = |c: &char| c.is_control() || FORBIDDEN.contains(*c);
    if let Some(bad) = name.chars().find(is_bad) {
        let rule = format!("must not hold `{}`", bad.escape_debug());
        node.problem(rule, "use letters, digits, spaces, hyphens and dots");
        return None;
    }
    Some(name.to_owned())
}

fn texts(node: &Node<'_, '_>, example: &str) -> Option<Vec<String>> {
    let nodes = node.array(example)?;
    let texts = nodes.iter().map(|node| {
        let text = node.text("\"…\"")?;
        if text.is_empty() {
            node.problem("is empty", "remove it or write something");
        }
        Some(text.to_owned())
    });
    texts.collect()
}

pub(super) fn security(node: &Node<'_, '_>) -> Option<Security> {
    let fields = node.table(SECURITY_KEYS, "{ soft_delete_days = 14, minimums = true }")?;
    let default = Security::default();
    let days = fields.get("soft_delete_days");
    let minimums = fields.get("minimums");
    Some(Security {
        soft_delete_days: match days {
            Some(node) => node.number(14, 180, "")?,
            None => default.soft_delete_days,
        },
        minimums: match minimums {
            Some(node) => node.boolean()?,
            None => default.minimums,
        },
    })
}

pub(super) fn hooks(node: &Node<'_, '_>) -> Option<Hooks> {
    let fields = node.table(
        HOOK_KEYS,
        "{ before_backup = [\"/usr/local/bin/quiesce\"] }",
    )?;
    let example = "[\"/usr/local/bin/quiesce\"]";
    let commands = |name| match fields.get(name) {
        Some(node) => texts(&node, example),
        None => Some(Vec::new()),
    };
    let (before_backup, after_backup) = (commands("before_backup"), commands("after_backup"));
    let timeout_secs = match fields.get("timeout_secs") {
        Some(node) => node.number(1, 86_400, "")?,
        None => Hooks::default().timeout_secs,
    };
    Some(Hooks {
        before_backup: before_backup?,
        after_backup: after_backup?,
        timeout_secs,
    })
}
