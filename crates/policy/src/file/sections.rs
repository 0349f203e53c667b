//! Reads sources, `[security]` and `[hooks]`.

use super::reader::{Fields, Node};
use super::retention::shown;
use super::{Hooks, Security, SourceSpec};

const SOURCE_KEYS: &[&str] = &["name", "paths", "exclude"];
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
    let paths = fields.required("paths", "[\"/home\"]").and_then(|node| {
        let paths = texts(&node, "[\"/home\"]")?;
        if paths.is_empty() {
            node.problem("names no path", "write for example [\"/home\"]");
        }
        for path in paths.iter().filter(|path| !path.starts_with('/')) {
            let rule = format!("`{}` is not an absolute path", shown(path));
            node.problem(rule, "write it from the root, such as \"/home\"");
        }
        Some(paths)
    });
    let exclude = match fields.get("exclude") {
        None => Some(Vec::new()),
        Some(node) => texts(&node, "[\"**/.cache/**\"]"),
    };
    Some(SourceSpec {
        name: name?,
        paths: paths?,
        exclude: exclude?,
    })
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
