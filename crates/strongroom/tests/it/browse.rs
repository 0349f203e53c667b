//! A point at random: any bytes of a file, any entry, from any position of a directory on.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use strongroom::{Entry, PointTree, Position, Strongroom};
use tempfile::TempDir;

use crate::support::{backup, random_bytes, vault};

struct World {
    dir: TempDir,
    vault: Strongroom,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = vault();
        Self { dir, vault }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
    }

    fn browse(&self) -> PointTree {
        let report = backup(&self.vault, self.dir.path());
        let point = report.recovery_point.expect("no dry run");
        self.vault.browse(&point).expect("opened")
    }

    fn find(&self, tree: &PointTree, below: &str) -> Entry {
        let path = self.dir.path().join(below);
        let names = path.strip_prefix("/").expect("absolute").iter();
        names.fold(tree.root(), |dir, name| {
            let found = tree.lookup(&dir, name.as_encoded_bytes());
            found.expect("readable").expect("there")
        })
    }
}

#[test]
fn any_bytes_of_any_file_are_those_of_the_source() {
    let world = World::new();
    for size in [0, 1, 512, 513, 262_145, 5_000_001] {
        world.write(&size.to_string(), &random_bytes(size as u64, size));
    }
    let tree = world.browse();
    for size in [0_usize, 1, 512, 513, 262_145, 5_000_001] {
        let expected = random_bytes(size as u64, size);
        let entry = world.find(&tree, &size.to_string());
        let file = tree.open_file(&entry).expect("opened");
        let steps = [
            0,
            1,
            size / 3,
            size / 2,
            size.saturating_sub(1),
            size,
            size + 7,
        ];
        // From the end to the beginning, too: what was learned on the way must not matter.
        for at in steps.into_iter().chain(steps.into_iter().rev()) {
            for len in [0, 1, 4096, 1_300_000, usize::MAX] {
                let (from, to) = (at.min(size), at.saturating_add(len).min(size));
                let found = file.read_at(at as u64, len).expect("read");
                assert!(found == expected[from..to], "{len} bytes at {at} of {size}");
            }
        }
    }
}

#[test]
fn holes_are_told_and_read_as_zeros() {
    let world = World::new();
    let sparse = File::create(world.dir.path().join("sparse")).expect("created");
    sparse.set_len(40 << 20).expect("set");
    sparse.write_all_at(&[7; 4096], 20 << 20).expect("written");
    let tree = world.browse();
    let entry = world.find(&tree, "sparse");
    let file = tree.open_file(&entry).expect("opened");
    let data = file.next_data(0).expect("known").expect("there is some");
    assert!(data <= 20 << 20 && data > 19 << 20, "{data}");
    assert_eq!(file.next_hole(0).expect("known"), Some(0));
    assert_eq!(file.next_hole(40 << 20).expect("known"), None);
    assert_eq!(file.next_data(39 << 20).expect("known"), None);
    assert!(tree.allocated_bytes(&entry) < 2 << 20);
    let around = file.read_at((20 << 20) - 10, 20).expect("read");
    assert_eq!(around, [[0; 10], [7; 10]].concat());
}

#[test]
fn a_large_directory_is_listed_from_any_position_and_looked_up() {
    let world = World::new();
    for number in 0..3000 {
        world.write(&format!("crowd/a rather long name {number}"), b"");
    }
    let tree = world.browse();
    let crowd = world.find(&tree, "crowd");
    let all: Vec<(Position, Entry)> = tree
        .read_dir(&crowd, Position::START)
        .expect("opened")
        .map(|next| next.expect("readable"))
        .collect();
    assert_eq!(all.len(), 3000);
    assert!(all.is_sorted_by(|a, b| a.1.name() < b.1.name() && a.0 < b.0));
    for (index, (behind, entry)) in all.iter().enumerate().step_by(97) {
        let again = Position::from_number(behind.to_number());
        let mut rest = tree.read_dir(&crowd, again).expect("opened");
        let next = rest.next().map(|next| next.expect("readable").1.place());
        assert_eq!(next, all.get(index + 1).map(|(_, entry)| entry.place()));
        let found = tree.lookup(&crowd, entry.name()).expect("readable");
        assert_eq!(found.map(|found| found.place()), Some(entry.place()));
        let again = tree.entry(entry.place()).expect("readable");
        assert_eq!(again.name(), entry.name());
    }
    for missing in [&b"a"[..], b"a rather long name 15000", b"zz", b""] {
        assert!(tree.lookup(&crowd, missing).expect("readable").is_none());
    }
}

#[test]
fn names_of_one_file_are_counted() {
    let world = World::new();
    world.write("a/first", b"x");
    world.write("alone", b"y");
    for name in ["second", "a/third"] {
        let (from, to) = (
            world.dir.path().join("a/first"),
            world.dir.path().join(name),
        );
        fs::hard_link(from, to).expect("linked");
    }
    let tree = world.browse();
    let (first, third) = (world.find(&tree, "a/first"), world.find(&tree, "a/third"));
    assert_eq!(first.hard_link(), third.hard_link());
    assert_eq!(tree.links_count(&third), 3);
    assert_eq!(tree.links_count(&world.find(&tree, "alone")), 1);
}
