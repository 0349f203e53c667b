//! Names of the users and groups that own entries of a point.

use std::collections::{BTreeMap, BTreeSet};

use crate::fs::Meta;

/// The ids seen in a run. Names come from `/etc/passwd` and `/etc/group`; they are information for people,
/// restores go by number.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
    last: Option<(u32, u32)>,
}

impl Owners {
    pub(crate) fn note(&mut self, meta: &Meta) {
        if self.last == Some((meta.uid, meta.gid)) {
            return;
        }
        self.last = Some((meta.uid, meta.gid));
        self.users.insert(meta.uid);
        self.groups.insert(meta.gid);
    }

    pub(crate) fn users(&self) -> BTreeMap<String, String> {
        named("/etc/passwd", &self.users)
    }

    pub(crate) fn groups(&self) -> BTreeMap<String, String> {
        named("/etc/group", &self.groups)
    }
}

fn named(file: &str, ids: &BTreeSet<u32>) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let entries = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id: u32 = fields.nth(1)?.parse().ok()?;
        ids.contains(&id).then(|| (id.to_string(), name.to_owned()))
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_named_where_the_machine_names_it() {
        let names = named("/etc/passwd", &BTreeSet::from([0, 4_000_000_000]));
        assert_eq!(names.get("0").map(String::as_str), Some("root"));
        assert_eq!(names.len(), 1);
    }
}
