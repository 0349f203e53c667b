//! Journals as bytes, and what hostile bytes do.

use std::convert::Infallible;

use strongroom_catalog::{Catalog, Error, JobEvent, JobKind, JobState, NewJob, Resolution};

use crate::support::{Dice, at, everything, journals, step};

fn lived(steps_count: u64) -> Catalog {
    let catalog = Catalog::in_memory().unwrap();
    (0..steps_count).for_each(|number| step(&catalog, number).unwrap());
    catalog
}

fn saved(catalog: &Catalog) -> Vec<u8> {
    let mut bytes = Vec::new();
    catalog
        .snapshot()
        .unwrap()
        .export_journals(&mut bytes)
        .unwrap();
    bytes
}

#[test]
fn saved_journals_and_listed_points_give_the_catalog_back() {
    let catalog = lived(30);
    catalog
        .change(|change| change.end_interrupted_jobs(at(9000)))
        .unwrap();
    let bytes = saved(&catalog);
    let other = Catalog::in_memory().unwrap();
    let imported = other.import_journals(&bytes[..]).unwrap();
    assert!(imported.taken_count > 100);
    assert_eq!((imported.known_count, imported.unknown_count), (0, 0));
    let snapshot = catalog.snapshot().unwrap();
    let points: Vec<_> = snapshot.points().map(Result::unwrap).collect();
    other
        .rebuild(points.into_iter().map(Ok::<_, Infallible>))
        .unwrap();
    assert_eq!(everything(&other), everything(&catalog));
    let again = other.import_journals(&bytes[..]).unwrap();
    assert_eq!(
        (again.taken_count, again.known_count),
        (0, imported.taken_count)
    );
    assert_eq!(everything(&other), everything(&catalog));
    assert_eq!(saved(&other), bytes);
}

#[test]
fn an_older_copy_takes_nothing_back() {
    let catalog = lived(10);
    let old = saved(&catalog);
    (10..25).for_each(|number| step(&catalog, number).unwrap());
    catalog
        .change(|change| change.end_interrupted_jobs(at(9000)))
        .unwrap();
    let open: Vec<_> = catalog
        .snapshot()
        .unwrap()
        .open_alerts()
        .map(Result::unwrap)
        .collect();
    for alert in open {
        catalog
            .change(|change| change.resolve_alert(&alert.key, Resolution::ByPerson, at(9000)))
            .unwrap();
    }
    let before = everything(&catalog);
    assert_eq!(catalog.import_journals(&old[..]).unwrap().taken_count, 0);
    assert_eq!(everything(&catalog), before);
}

#[test]
fn a_job_that_ran_when_it_was_saved_has_ended() {
    let catalog = Catalog::in_memory().unwrap();
    let job = catalog.change(|change| {
        let id = change
            .create_job(NewJob::new(JobKind::Sweep, None), at(0))?
            .id;
        change.note_job(id, &JobEvent::Started, at(5))
    });
    let id = job.unwrap().id;
    let running = saved(&catalog);
    let other = Catalog::in_memory().unwrap();
    other.import_journals(&running[..]).unwrap();
    let job = other.snapshot().unwrap().job(id).unwrap().unwrap();
    assert_eq!((job.state, job.ended_at), (JobState::Failed, Some(at(5))));
    // What it really came to counts more than that guess.
    catalog
        .change(|change| {
            change.note_job(
                id,
                &JobEvent::Completed {
                    recovery_point: None,
                },
                at(6),
            )
        })
        .unwrap();
    other.import_journals(&saved(&catalog)[..]).unwrap();
    let job = other.snapshot().unwrap().job(id).unwrap().unwrap();
    assert_eq!(
        (job.state, job.ended_at),
        (JobState::Completed, Some(at(6)))
    );
}

#[test]
fn two_open_alerts_of_one_key_become_one() {
    let (older, newer) = (lived(1), Catalog::in_memory().unwrap());
    step(&newer, 6).unwrap();
    for (into, from) in [(&older, &newer), (&newer, &older)] {
        let bytes = saved(from);
        into.import_journals(&bytes[..]).unwrap();
    }
    let alerts = |catalog: &Catalog| -> Vec<_> {
        let snapshot = catalog.snapshot().unwrap();
        snapshot
            .alerts()
            .map(|alert| (alert.as_ref().unwrap().id, alert.unwrap().resolution))
            .collect()
    };
    assert_eq!(alerts(&older), alerts(&newer));
    assert_eq!(alerts(&older)[0].1, None);
    assert_eq!(alerts(&older)[1].1, Some(Resolution::Superseded));
    assert_eq!(older.snapshot().unwrap().open_alerts().count(), 1);
}

#[test]
fn hostile_bytes_are_refused_and_change_nothing() {
    let good = saved(&lived(6));
    let text = String::from_utf8(good.clone()).unwrap();
    let catalog = lived(2);
    let before = everything(&catalog);
    let refused = |bytes: &[u8], what: &str| {
        let refused = catalog.import_journals(bytes);
        assert!(
            matches!(
                refused,
                Err(Error::Journal { .. } | Error::NewerVersion { .. })
            ),
            "{what}: {refused:?}"
        );
        assert_eq!(everything(&catalog), before, "{what}");
    };
    for cut in (0..good.len()).step_by(101).chain([good.len() - 1]) {
        refused(&good[..cut], &format!("cut at {cut}"));
    }
    let endless = [
        b"{\"journal\":1}\n{\"job\":\"".as_slice(),
        &[b'x'; 3_000_000],
    ]
    .concat();
    refused(&endless, "an endless line");
    refused(
        &[b"{\"journal\":1}\n".as_slice(), &[b'['; 100_000], b"\n"].concat(),
        "nested deeply",
    );
    refused(&[&good[..], b"{}\n"].concat(), "a line after the end");
    refused(
        text.replacen("\"journal\":1", "\"journal\":2", 1)
            .as_bytes(),
        "a newer one",
    );
    refused(
        text.replacen("\"id\":\"1", "\"id\":\"zzzzzzzzzzzz1", 1)
            .as_bytes(),
        "an id beyond all",
    );
    refused(
        text.replacen("\"name\":\"home0\"", "\"name\":\"\"", 1)
            .as_bytes(),
        "no name",
    );
    let long = format!("\"name\":\"{}\"", "n".repeat(2000));
    refused(
        text.replacen("\"name\":\"home0\"", &long, 1).as_bytes(),
        "a long name",
    );
    let line = text.lines().nth(1).unwrap();
    refused(text.replacen(line, "", 1).as_bytes(), "an empty line");
    refused(
        text.replacen(&format!("{line}\n"), "", 1).as_bytes(),
        "a line is missing",
    );
}

#[test]
fn changed_bytes_never_panic_and_never_change_in_part() {
    let good = saved(&lived(4));
    let mut dice = Dice(11);
    for round in 0..300 {
        let catalog = Catalog::in_memory().unwrap();
        let mut bytes = good.clone();
        for _ in 0..=dice.below(3) {
            let place = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            bytes[place] = u8::try_from(dice.below(256)).unwrap();
        }
        if catalog.import_journals(&bytes[..]).is_err() {
            assert!(
                journals(&catalog.snapshot().unwrap()).is_empty(),
                "round {round}"
            );
        } else {
            // What was let in can be read, saved and taken in again.
            let first = saved(&catalog);
            Catalog::in_memory()
                .unwrap()
                .import_journals(&first[..])
                .unwrap();
        }
    }
}

#[test]
fn kinds_of_newer_programs_are_passed_over() {
    let text = String::from_utf8(saved(&lived(2))).unwrap();
    let text = text.replacen("\"job\":", "\"invented_later\":", 1);
    let imported = Catalog::in_memory()
        .unwrap()
        .import_journals(text.as_bytes())
        .unwrap();
    assert_eq!(imported.unknown_count, 1);
}
