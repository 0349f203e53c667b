//! LVM by its commands: what is run, in which order, and what happens when one fails.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use strongroom_snapshots::{Choice, Error, Keeper, Method, Mount, Result, Tools, choose};

/// Writes down what it is asked, and refuses what begins with the word.
#[derive(Debug, Clone, Default)]
struct Scripted {
    asked: Rc<RefCell<Vec<String>>>,
    refused: &'static str,
    pool: &'static str,
}

impl Tools for Scripted {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let line = [&[program], arguments].concat().join(" ");
        self.asked.borrow_mut().push(line);
        if !self.refused.is_empty() && program == self.refused {
            return Err(Error::Tool {
                program: program.to_owned(),
                said: "no".to_owned(),
            });
        }
        Ok(format!("  vg|data|{}\n", self.pool))
    }
}

fn on_lvm() -> Choice {
    let mounts = ["/srv", "/srv/live"].map(|point| Mount {
        point: point.into(),
        file_system: if point == "/srv" { "xfs" } else { "nfs" }.to_owned(),
        device: format!("/dev/mapper{point}"),
    });
    let is_volume = |device: &str| device == "/dev/mapper/srv";
    choose(
        &mounts,
        &[PathBuf::from("/srv")],
        &[Method::Lvm],
        |_| None,
        is_volume,
    )
}

#[test]
fn a_thick_volume_is_snapshotted_mounted_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let tools = Scripted::default();
    let keeper = Keeper::new(dir.path(), tools.clone());
    let taken = keeper.take("a", &on_lvm()).unwrap();
    let at = dir.path().join("a-0");
    let stand_ins: Vec<_> = taken
        .stand_ins()
        .iter()
        .map(|one| (one.path.as_path(), one.read_at.as_path()))
        .collect();
    assert_eq!(
        stand_ins,
        [
            (Path::new("/srv"), at.as_path()),
            (Path::new("/srv/live"), Path::new("/srv/live"))
        ],
        "what is mounted below is no part of the snapshot"
    );
    assert_eq!(taken.methods(), [Method::Lvm]);
    assert!(
        keeper.remove_stale().is_empty() && at.is_dir(),
        "it is in use"
    );
    assert!(taken.release().is_empty());
    assert_eq!(
        *tools.asked.borrow(),
        [
            "lvs --noheadings --separator | --options vg_name,lv_name,pool_lv /dev/mapper/srv"
                .to_owned(),
            "lvcreate --snapshot --yes --name strongroom-snapshot-a-0 --extents 10%ORIGIN vg/data"
                .to_owned(),
            format!(
                "mount -o ro,nouuid /dev/vg/strongroom-snapshot-a-0 {}",
                at.display()
            ),
            "lvs --noheadings vg/strongroom-snapshot-a-0".to_owned(),
            "lvremove --yes vg/strongroom-snapshot-a-0".to_owned(),
        ]
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_thin_volume_needs_no_size() {
    let dir = tempfile::tempdir().unwrap();
    let tools = Scripted {
        pool: "pool",
        ..Scripted::default()
    };
    drop(
        Keeper::new(dir.path(), tools.clone())
            .take("a", &on_lvm())
            .unwrap(),
    );
    let asked = tools.asked.borrow().join("\n");
    assert!(
        asked.contains("--setactivationskip n vg/data") && !asked.contains("--extents"),
        "{asked}"
    );
    assert!(
        asked.ends_with("lvremove --yes vg/strongroom-snapshot-a-0"),
        "dropped is released: {asked}"
    );
}

#[test]
fn what_was_made_before_a_failure_is_removed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let tools = Scripted {
        refused: "mount",
        ..Scripted::default()
    };
    let error = Keeper::new(dir.path(), tools.clone())
        .take("a", &on_lvm())
        .unwrap_err();
    assert_eq!(error.to_string(), "mount: no");
    assert!(
        tools
            .asked
            .borrow()
            .iter()
            .any(|line| line.starts_with("lvremove"))
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_removed_now_is_removed_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let stuck = Scripted {
        refused: "lvremove",
        ..Scripted::default()
    };
    let taken = Keeper::new(dir.path(), stuck).take("a", &on_lvm()).unwrap();
    assert_eq!(taken.release().len(), 1);
    let tools = Scripted::default();
    assert!(
        Keeper::new(dir.path(), tools.clone())
            .remove_stale()
            .is_empty()
    );
    assert!(
        tools
            .asked
            .borrow()
            .contains(&"lvremove --yes vg/strongroom-snapshot-a-0".to_owned())
    );
    assert!(
        Keeper::new(dir.path(), tools.clone())
            .remove_stale()
            .is_empty()
    );
    assert_eq!(
        tools.asked.borrow().len(),
        2,
        "once is enough: {:?}",
        tools.asked
    );
}
