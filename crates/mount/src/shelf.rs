//! Where all points stand: `source/date`, and `source/latest`.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use strongroom::vault::format::SessionId;
use strongroom::{PointState, PointView};

/// The name of the link to the newest point of a source.
pub(crate) const LATEST: &str = "latest";
/// Longest name of an entry, bytes.
const NAME_MAX_BYTES: usize = 255;

/// A recovery point in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) name: String,
    pub(crate) id: SessionId,
    pub(crate) taken_at: DateTime<Utc>,
}

/// All points by the name of their source, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shelf(BTreeMap<String, Vec<Placed>>);

impl Shelf {
    /// Gives every point that can be read its place. Of two that would have one name, the later one gets a number;
    /// names stay what they are when newer points come.
    pub(crate) fn arrange(points: &[PointView], name_of: &dyn Fn(DateTime<Utc>) -> String) -> Self {
        let is_shown =
            |point: &&PointView| point.state != PointState::Damaged && point.deleted_at.is_none();
        let mut shown: Vec<&PointView> = points.iter().filter(is_shown).collect();
        shown.sort_by_key(|point| (point.taken_at, point.id));
        let mut hosts: HashMap<&str, &str> = HashMap::new();
        let mut is_shared: HashMap<&str, bool> = HashMap::new();
        for point in &shown {
            let first = hosts.entry(&point.source).or_insert(&point.host);
            *is_shared.entry(&point.source).or_default() |= *first != point.host;
        }
        let mut used: HashSet<(String, String)> = HashSet::new();
        let mut sources: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
        for point in shown {
            let source = match is_shared.get(point.source.as_str()) {
                Some(true) => format!("{}@{}", point.source, point.host),
                _ => point.source.clone(),
            };
            let (source, plain) = (file_name(&source), file_name(&name_of(point.taken_at)));
            let (mut name, mut number) = (plain.clone(), 1);
            while !used.insert((source.clone(), name.clone())) {
                number += 1;
                name = format!("{plain} ({number})");
            }
            sources.entry(source).or_default().push(Placed {
                name,
                id: point.id,
                taken_at: point.taken_at,
            });
        }
        Self(sources)
    }

    /// Names of the sources.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Points of a source, oldest first.
    pub(crate) fn points(&self, source: &str) -> &[Placed] {
        self.0.get(source).map_or(&[], Vec::as_slice)
    }

    /// When the newest point of a source, or of all, was taken.
    pub(crate) fn newest_at(&self, source: Option<&str>) -> Option<DateTime<Utc>> {
        let newest = |points: &[Placed]| points.last().map(|point| point.taken_at);
        match source {
            Some(source) => newest(self.points(source)),
            None => self.0.values().filter_map(|points| newest(points)).max(),
        }
    }
}

/// A name that a file system takes: without slashes and NUL, not too long, not `.` or `..`.
fn file_name(text: &str) -> String {
    let replaced = text.replace(['/', '\0'], "_");
    let name = match replaced.as_str() {
        "" | "." | ".." => "_".to_owned(),
        LATEST => format!("{LATEST}_"),
        _ => replaced,
    };
    let mut end = name.len().min(NAME_MAX_BYTES - " (999)".len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(number: u8, source: &str, host: &str, secs: i64) -> PointView {
        PointView {
            id: SessionId::new(0, [number; 10]),
            source: source.to_owned(),
            host: host.to_owned(),
            taken_at: DateTime::from_timestamp(secs, 0).unwrap(),
            written_at: None,
            previous: None,
            slots: None,
            state: PointState::Complete,
            logical_bytes: 0,
            files_count: 0,
            roots: Vec::new(),
            tags: BTreeMap::new(),
            hold_until: None,
            is_held: false,
            deleted_at: None,
            retain_until: None,
        }
    }

    fn arrange(points: &[PointView]) -> Shelf {
        Shelf::arrange(points, &|at| at.format("%Y-%m-%d %H-%M-%S").to_string())
    }

    fn names(shelf: &Shelf, source: &str) -> Vec<String> {
        let points = shelf.points(source).iter();
        points.map(|point| point.name.clone()).collect()
    }

    #[test]
    fn points_stand_below_their_source_by_date() {
        let shelf = arrange(&[point(2, "home", "a", 86_400), point(1, "home", "a", 0)]);
        assert_eq!(shelf.sources().collect::<Vec<_>>(), ["home"]);
        let expected = ["1970-01-01 00-00-00", "1970-01-02 00-00-00"];
        assert_eq!(names(&shelf, "home"), expected);
        assert_eq!(shelf.newest_at(None).unwrap().timestamp(), 86_400);
    }

    #[test]
    fn names_stay_when_newer_points_come() {
        let mut points = vec![point(1, "home", "a", 0), point(2, "home", "a", 0)];
        let before = names(&arrange(&points), "home");
        assert_eq!(before, ["1970-01-01 00-00-00", "1970-01-01 00-00-00 (2)"]);
        points.insert(0, point(3, "home", "a", 0));
        assert_eq!(names(&arrange(&points), "home").get(..2).unwrap(), before);
    }

    #[test]
    fn sources_of_one_name_on_two_machines_are_kept_apart() {
        let shelf = arrange(&[
            point(1, "home", "a", 0),
            point(2, "home", "b", 0),
            point(3, "x", "b", 0),
        ]);
        let sources: Vec<_> = shelf.sources().collect();
        assert_eq!(sources, ["home@a", "home@b", "x"]);
    }

    #[test]
    fn deleted_and_damaged_points_are_not_shown() {
        let mut points = vec![point(1, "home", "a", 0), point(2, "home", "a", 1)];
        points[0].deleted_at = Some(points[0].taken_at);
        points[1].state = PointState::Damaged;
        assert_eq!(arrange(&points), Shelf::default());
    }

    #[test]
    fn any_source_has_a_name() {
        for (source, expected) in [
            ("a/b", "a_b"),
            ("..", "_"),
            ("", "_"),
            ("latest", "latest_"),
        ] {
            assert_eq!(file_name(source), expected);
        }
        assert!(file_name(&"é".repeat(300)).len() <= NAME_MAX_BYTES);
    }
}
