//! What goes together and what does not: a pure function of manifests and memory.

use std::collections::{HashMap, HashSet};

use strongroom_vault::format::{SessionId, SourceId};

use super::{Absent, Head, History, HistoryFinding, HistoryProblem, Node, Remembered};

pub(super) fn judge(nodes: &[Node], absent: &Absent, remembered: &Remembered) -> History {
    let by_id: HashMap<SessionId, &Node> =
        nodes.iter().map(|node| (node.head.point, node)).collect();
    let is_explained = |sid: &SessionId| {
        absent.gone.contains(sid)
            || absent.damaged.contains(sid)
            || remembered.accepted.contains(sid)
    };
    let mut heads: HashMap<SourceId, Head> = HashMap::new();
    let mut children: HashMap<SessionId, Vec<&Node>> = HashMap::new();
    let mut findings = Vec::new();
    for node in nodes {
        let head = heads.entry(node.head.source).or_insert(node.head);
        if (head.seq, head.point) < (node.head.seq, node.head.point) {
            *head = node.head;
        }
        if let Some(prev) = &node.prev {
            children.entry(prev.sid).or_default().push(node);
        }
        findings.extend(link_problem(node, &by_id, &is_explained));
    }
    for siblings in children.values_mut().filter(|siblings| siblings.len() > 1) {
        siblings.sort_by_key(|node| node.head.point);
        for node in siblings.iter().skip(1) {
            let on = node.prev.as_ref().map(|prev| prev.sid.to_string());
            let reason = format!(
                "it was built on {}, as another point was: two runs at the same time, or a history that forks",
                on.unwrap_or_default()
            );
            findings.push(finding(
                HistoryProblem::Fork,
                &node.head,
                node.head.point,
                reason,
            ));
        }
    }
    let copied: HashSet<SourceId> = nodes
        .iter()
        .filter(|node| node.is_copied)
        .map(|node| node.head.source)
        .collect();
    // What was copied from elsewhere may lag behind what this machine has seen there.
    for seen in remembered
        .heads
        .iter()
        .filter(|seen| !copied.contains(&seen.source))
    {
        findings.extend(memory_problem(
            seen,
            &by_id,
            heads.get(&seen.source),
            &is_explained,
        ));
    }
    findings.sort_by_key(|finding| (finding.source, finding.point, finding.problem));
    let mut heads: Vec<Head> = heads.into_values().collect();
    heads.sort_by_key(|head| head.source);
    History { heads, findings }
}

pub(super) fn finding(
    problem: HistoryProblem,
    of: &Head,
    point: SessionId,
    reason: String,
) -> HistoryFinding {
    HistoryFinding {
        problem,
        source: of.source,
        point,
        reason,
    }
}

/// What is wrong between a point and the one that it was built on.
fn link_problem(
    node: &Node,
    by_id: &HashMap<SessionId, &Node>,
    is_explained: &impl Fn(&SessionId) -> bool,
) -> Option<HistoryFinding> {
    let own = node.head.point;
    let Some(prev) = &node.prev else {
        let reason = || format!("it is number {}, but built on none", node.head.seq);
        return (node.head.seq != 1)
            .then(|| finding(HistoryProblem::OutOfOrder, &node.head, own, reason()));
    };
    let Some(parent) = by_id.get(&prev.sid) else {
        // A second copy of a vault need not have all points.
        if node.is_copied || is_explained(&prev.sid) {
            return None;
        }
        let reason = format!("{own} was built on it; it is not there, and nobody has purged it");
        return Some(finding(
            HistoryProblem::Missing,
            &node.head,
            prev.sid,
            reason,
        ));
    };
    if parent.head.blake3 != *prev.blake3.as_bytes() {
        let reason = format!("{own} was built on another manifest than the one that stands here");
        return Some(finding(
            HistoryProblem::Replaced,
            &node.head,
            prev.sid,
            reason,
        ));
    }
    let follows = parent.head.seq.checked_add(1) == Some(node.head.seq);
    if follows && parent.head.source == node.head.source {
        return None;
    }
    let reason = format!(
        "it is number {}, but built on number {} of {}",
        node.head.seq,
        parent.head.seq,
        if parent.head.source == node.head.source {
            "its source"
        } else {
            "another source"
        }
    );
    Some(finding(HistoryProblem::OutOfOrder, &node.head, own, reason))
}

/// What is wrong between what was seen before and what stands now.
fn memory_problem(
    seen: &Head,
    by_id: &HashMap<SessionId, &Node>,
    now: Option<&Head>,
    is_explained: &impl Fn(&SessionId) -> bool,
) -> Option<HistoryFinding> {
    match by_id.get(&seen.point) {
        Some(node) if node.head.blake3 == seen.blake3 => None,
        Some(_) => {
            let reason = "this machine has seen another manifest under its name".to_owned();
            Some(finding(HistoryProblem::Replaced, seen, seen.point, reason))
        }
        None if is_explained(&seen.point) => None,
        None => {
            let shown = match now {
                Some(now) => format!("the newest that it shows is number {}", now.seq),
                None => "it shows none of this source".to_owned(),
            };
            let reason = format!(
                "this machine has seen it as number {}; the vault does not show it, and nobody has purged it: {shown}",
                seen.seq
            );
            Some(finding(
                HistoryProblem::RolledBack,
                seen,
                seen.point,
                reason,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strongroom_vault::format::PreviousPoint;

    use super::*;

    fn sid(id: u8) -> SessionId {
        SessionId::new(u64::from(id), [id; 10])
    }

    /// A point `id` with a number, built on another; its hash is 32 times its id.
    fn node(id: u8, seq: u64, prev: Option<u8>) -> Node {
        Node {
            head: Head {
                source: SourceId::from_bytes([1; 8]),
                point: sid(id),
                seq,
                blake3: [id; 32],
            },
            prev: prev.map(|prev| PreviousPoint {
                sid: sid(prev),
                blake3: [prev; 32].into(),
            }),
            is_copied: false,
        }
    }

    fn problems(
        nodes: &[Node],
        absent: &Absent,
        seen: &[Node],
    ) -> Vec<(HistoryProblem, SessionId)> {
        let remembered = Remembered {
            heads: seen.iter().map(|node| node.head).collect(),
            accepted: BTreeSet::new(),
        };
        let history = judge(nodes, absent, &remembered);
        let found = history.findings.iter();
        found.map(|one| (one.problem, one.point)).collect()
    }

    #[test]
    fn a_history_that_goes_together() {
        let nodes = [node(1, 1, None), node(2, 2, Some(1)), node(3, 3, Some(2))];
        assert_eq!(problems(&nodes, &Absent::default(), &nodes[1..2]), []);
        let history = judge(&nodes, &Absent::default(), &Remembered::default());
        assert_eq!(history.heads, [nodes[2].head]);
        assert_eq!(
            history.remember(&Remembered::default()).heads,
            [nodes[2].head]
        );
    }

    #[test]
    fn a_vault_that_shows_less_than_before() {
        use HistoryProblem::{Replaced, RolledBack};
        let nodes = [node(1, 1, None), node(2, 2, Some(1))];
        let seen = [node(3, 3, Some(2))];
        assert_eq!(
            problems(&nodes, &Absent::default(), &seen),
            [(RolledBack, sid(3))]
        );
        assert_eq!(
            problems(&[], &Absent::default(), &seen),
            [(RolledBack, sid(3))]
        );
        let gone = Absent {
            gone: BTreeSet::from([sid(3)]),
            ..Absent::default()
        };
        assert_eq!(problems(&nodes, &gone, &seen), [], "purged");
        let mut other = node(2, 2, Some(1));
        other.head.blake3 = [9; 32];
        let found = problems(&nodes, &Absent::default(), &[other]);
        assert_eq!(found, [(Replaced, sid(2))]);
    }

    #[test]
    fn what_was_seen_is_kept_until_it_is_accepted() {
        let nodes = [node(1, 1, None)];
        let seen = Remembered {
            heads: vec![node(3, 3, Some(2)).head],
            accepted: BTreeSet::new(),
        };
        let history = judge(&nodes, &Absent::default(), &seen);
        assert_eq!(history.remember(&seen), seen);
        let accepted = history.accept(&seen);
        assert_eq!(accepted.heads, [nodes[0].head]);
        let history = judge(&nodes, &Absent::default(), &accepted);
        assert_eq!(history.findings, []);
    }

    #[test]
    fn holes_forgeries_and_forks() {
        use HistoryProblem::{Fork, Missing, OutOfOrder, Replaced};
        let none = Absent::default();
        let hole = [node(1, 1, None), node(3, 3, Some(2))];
        assert_eq!(problems(&hole, &none, &[]), [(Missing, sid(2))]);
        let jump = [node(1, 1, None), node(2, 9, Some(1))];
        assert_eq!(problems(&jump, &none, &[]), [(OutOfOrder, sid(2))]);
        assert_eq!(
            problems(&[node(4, 4, None)], &none, &[]),
            [(OutOfOrder, sid(4))]
        );
        let fork = [node(1, 1, None), node(2, 2, Some(1)), node(3, 2, Some(1))];
        assert_eq!(problems(&fork, &none, &[]), [(Fork, sid(3))]);
        let mut forged = [node(1, 1, None), node(2, 2, Some(1))];
        forged[0].head.blake3 = [7; 32];
        assert_eq!(problems(&forged, &none, &[]), [(Replaced, sid(1))]);
        assert!(!Fork.is_certain() && Missing.is_certain());
    }

    #[test]
    fn a_second_copy_may_lack_points() {
        let copied = |id, seq, prev| Node {
            is_copied: true,
            ..node(id, seq, prev)
        };
        let nodes = [copied(1, 1, None), copied(3, 3, Some(2))];
        let seen = [node(5, 5, Some(4))];
        assert_eq!(problems(&nodes, &Absent::default(), &seen), []);
        let own = [node(1, 1, None), node(3, 3, Some(2))];
        assert_eq!(problems(&own, &Absent::default(), &seen).len(), 2);
    }
}
