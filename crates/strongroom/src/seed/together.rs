//! Which disks belong together: decided from their labels alone.

use std::path::PathBuf;

use super::label::{Label, Text, VERSION};
use super::problem::SeedProblem;

/// The labels to write: those that are there, and the next numbers for the disks that have none.
pub(super) fn continued(
    disks: Vec<(PathBuf, Option<Label>)>,
    vault_id: &str,
    fresh_id: &str,
) -> Result<Vec<Label>, SeedProblem> {
    let known: Vec<Label> = disks
        .iter()
        .filter_map(|(_, label)| label.clone())
        .collect();
    if disks.is_empty() {
        return Err(SeedProblem::NoDisk);
    }
    check_same(&known, vault_id)?;
    let numbers: Vec<u32> = known.iter().map(|label| label.text.disk).collect();
    let highest = numbers.iter().max().copied().unwrap_or(0);
    // A disk in the middle that is not given would be missed at the other end.
    if let Some(number) = (1..=highest).find(|number| !numbers.contains(number)) {
        let count = highest;
        return Err(SeedProblem::MissingDisk { number, count });
    }
    let first = known.first().map(|label| &label.text);
    let seed_id = first.map_or(fresh_id, |text| &text.seed_id).to_owned();
    let exports_count = first.map_or(0, |text| text.exports_count);
    let mut next = highest;
    let mut labels: Vec<Label> = disks
        .into_iter()
        .map(|(directory, label)| {
            label.unwrap_or_else(|| {
                next += 1;
                Label {
                    directory,
                    text: Text {
                        version: VERSION,
                        vault_id: vault_id.to_owned(),
                        seed_id: seed_id.clone(),
                        disk: next,
                        finished: None,
                        exports_count,
                    },
                }
            })
        })
        .collect();
    labels.sort_by_key(|label| label.text.disk);
    Ok(labels)
}

/// Labels in order of their disks.
pub(super) fn check_whole(labels: &[Label], vault_id: &str) -> Result<(), SeedProblem> {
    check_same(labels, vault_id)?;
    let newest = labels.iter().max_by_key(|label| label.text.exports_count);
    let Some(newest) = newest else {
        return Err(SeedProblem::NoDisk);
    };
    let behind = |label: &&Label| label.text.exports_count < newest.text.exports_count;
    if let Some(label) = labels.iter().find(behind) {
        return Err(SeedProblem::Outdated(label.text.disk));
    }
    let counts = labels.iter().map(|label| label.text.finished.as_ref());
    let Some(counts) = counts
        .map(|finished| finished.map(|finished| finished.disks_count))
        .collect::<Option<Vec<u32>>>()
    else {
        return Err(SeedProblem::Unfinished);
    };
    let count = counts.iter().max().copied().unwrap_or(0);
    let is_given = |number: &u32| labels.iter().any(|label| label.text.disk == *number);
    match (1..=count).find(|number| !is_given(number)) {
        Some(number) => Err(SeedProblem::MissingDisk { number, count }),
        None => Ok(()),
    }
}

/// Disks of one seed, each once.
fn check_same(labels: &[Label], vault_id: &str) -> Result<(), SeedProblem> {
    for (at, label) in labels.iter().enumerate() {
        if label.text.vault_id != vault_id {
            return Err(SeedProblem::OtherVault {
                directory: label.directory.clone(),
                found: label.text.vault_id.clone(),
                expected: vault_id.to_owned(),
            });
        }
        for other in labels.iter().take(at) {
            if other.text.seed_id != label.text.seed_id {
                let (one, other) = (other.directory.clone(), label.directory.clone());
                return Err(SeedProblem::Mixed(one, other));
            }
            if other.text.disk == label.text.disk {
                return Err(SeedProblem::Twice(label.text.disk));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::label::{Finished, id_of};
    use super::*;

    fn label(disk: u32, change: impl FnOnce(&mut Text)) -> Label {
        let mut text = Text {
            version: VERSION,
            vault_id: "v".to_owned(),
            seed_id: "s".to_owned(),
            disk,
            finished: Some(Finished {
                disks_count: 2,
                contents: String::new(),
            }),
            exports_count: 1,
        };
        change(&mut text);
        Label {
            directory: PathBuf::from(format!("/{disk}")),
            text,
        }
    }

    #[test]
    fn disks_that_do_not_belong_together_are_told_apart() {
        let check = |labels: &[Label]| check_whole(labels, "v");
        let (first, second) = (label(1, |_| {}), label(2, |_| {}));
        assert_eq!(check(&[first.clone(), second.clone()]), Ok(()));
        assert_eq!(check(&[]), Err(SeedProblem::NoDisk));
        let missing = |number| SeedProblem::MissingDisk { number, count: 2 };
        assert_eq!(check(std::slice::from_ref(&first)), Err(missing(2)));
        assert_eq!(check(std::slice::from_ref(&second)), Err(missing(1)));
        let twice = check(&[first.clone(), first.clone()]);
        assert_eq!(twice, Err(SeedProblem::Twice(1)));
        let foreign = label(2, |text| text.seed_id = "other".to_owned());
        let mixed = check(&[first.clone(), foreign]);
        assert!(matches!(mixed, Err(SeedProblem::Mixed(..))), "{mixed:?}");
        let foreign = label(2, |text| text.vault_id = "other".to_owned());
        let other = check(&[first.clone(), foreign]);
        assert!(
            matches!(other, Err(SeedProblem::OtherVault { .. })),
            "{other:?}"
        );
        let old = label(1, |text| text.exports_count = 0);
        assert_eq!(check(&[old, second]), Err(SeedProblem::Outdated(1)));
        let open = label(2, |text| text.finished = None);
        assert_eq!(check(&[first, open]), Err(SeedProblem::Unfinished));
    }

    #[test]
    fn an_export_goes_on_with_its_disks_and_takes_more() {
        let given = |label: Option<Label>, at: &str| (PathBuf::from(at), label);
        let fresh = continued(vec![given(None, "/a"), given(None, "/b")], "v", "new").unwrap();
        let numbers: Vec<_> = fresh.iter().map(|label| label.text.disk).collect();
        assert_eq!((numbers, id_of(&fresh).as_str()), (vec![1, 2], "new"));
        let known = || given(Some(label(1, |_| {})), "/1");
        let more = continued(vec![given(None, "/c"), known()], "v", "new").unwrap();
        let numbers: Vec<_> = more
            .iter()
            .map(|label| (label.text.disk, label.directory.to_str()))
            .collect();
        assert_eq!(numbers, [(1, Some("/1")), (2, Some("/c"))]);
        assert_eq!(id_of(&more), "s");
        let gap = continued(vec![given(Some(label(2, |_| {})), "/2")], "v", "new");
        let missing = SeedProblem::MissingDisk {
            number: 1,
            count: 2,
        };
        assert_eq!(gap.unwrap_err(), missing);
        let foreign = label(1, |text| text.vault_id = "w".to_owned());
        assert!(continued(vec![given(Some(foreign), "/1")], "v", "new").is_err());
    }
}
