//! What can be mended is mended, what cannot is named, nothing is made up, and whoever dies in between can be followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use strongroom::crypto::{Role, SlotSecret};
use strongroom::vault::format::SessionId;
use strongroom::vault::wrap::{Fate, Faulty};
use strongroom::vault::{Error as VaultError, SweepOptions};
use strongroom::{Error, NoMonitor, RepairOptions, RepairReport, Strongroom};

use crate::heal::Place;

fn repair(vault: &Strongroom) -> RepairReport {
    let options = RepairOptions::default();
    vault.repair(&options, &NoMonitor).expect("a repair")
}

fn planned(vault: &Strongroom) -> RepairReport {
    let mut options = RepairOptions::default();
    options.dry_run = true;
    vault.repair(&options, &NoMonitor).expect("a plan")
}

/// Paths that stay hurt, of the first point that is named.
fn lost(report: &RepairReport) -> Vec<String> {
    let paths = report.plan.lost.iter().flat_map(|lost| &lost.paths);
    let names = paths.map(|path| String::from_utf8_lossy(path).into_owned());
    names
        .map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
        .collect()
}

fn sweep_twice(place: &Place) {
    for _ in 0..2 {
        let swept = place.reopened().sweep(&SweepOptions::default());
        assert_eq!(swept.expect("a sweep").waiting_for, []);
    }
}

/// A vault with one point, one pack of which is hurt so many bytes from its end; the damage is noted.
fn hurt_place(from_end: usize) -> (Place, String) {
    let mut place = Place::new();
    place.back_up();
    let pack = place.largest_pack();
    place.hurt(&pack, from_end);
    assert!(place.verify().is_noted);
    (place, pack)
}

#[test]
fn a_flipped_bit_is_healed_from_the_source() {
    let (mut place, pack) = hurt_place(200_000);
    assert!(!place.is_whole(0));
    let before = planned(&place.vault);
    assert!(before.plan.remaps.is_empty(), "nothing to heal from yet");
    assert!(!lost(&before).is_empty());
    place.back_up();
    assert_eq!(
        place.verify().damaged.len(),
        1,
        "the old point is still hurt"
    );
    let plan = planned(&place.vault);
    assert!(
        !plan.plan.remaps.is_empty() && plan.plan.lost.is_empty(),
        "{plan:?}"
    );
    assert_eq!(
        place.names("remap"),
        Vec::<String>::new(),
        "a plan writes nothing"
    );
    let done = repair(&place.vault);
    assert_eq!(done.plan, plan.plan);
    assert!(place.is_whole(0) && place.is_whole(1));
    let verified = place.verify();
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    assert_eq!(
        verified.superseded.len(),
        1,
        "it is still there, but needed by nobody"
    );
    assert!(repair(&place.vault).plan.is_empty(), "once is enough");
    sweep_twice(&place);
    assert!(place.is_whole(0) && place.is_whole(1));
    assert!(place.verify().damaged.is_empty());
    assert!(
        place.names("d").contains(&pack),
        "its other blocks are needed"
    );
}

#[test]
fn what_has_no_copy_is_named_and_kept() {
    let (mut place, pack) = hurt_place(200_000);
    place.write(0, 500);
    for number in 1..12 {
        place.write(number, 500 + number);
    }
    place.back_up();
    let report = repair(&place.vault);
    let names = lost(&report);
    assert!(
        !names.is_empty() && names.len() < 12,
        "exactly those files: {names:?}"
    );
    assert_eq!(report.plan.lost.len(), 1);
    assert_eq!(report.plan.lost[0].point, place.points[0].0);
    assert_eq!(place.verify().damaged.len(), 1);
    sweep_twice(&place);
    assert!(
        place.names("d").contains(&pack),
        "what is damaged may be needed yet"
    );
    // What is named is what does not come back.
    let out = tempfile::tempdir().expect("a directory");
    let target = out.path().join("out");
    let restored = crate::support::restore_point(&place.reopened(), &place.points[0].0, &target);
    let mut skipped: Vec<String> = restored
        .skipped
        .iter()
        .map(|one| String::from_utf8_lossy(&one.path).into_owned())
        .map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
        .collect();
    skipped.sort();
    assert_eq!(skipped, names);
}

#[test]
fn a_pack_that_is_gone_is_healed_by_what_the_index_says() {
    let mut place = Place::new();
    place.back_up();
    let pack = place.largest_pack();
    place.remove(&pack);
    let found = place.verify();
    assert_eq!(
        (found.damaged.len(), found.damaged[0].object.as_str()),
        (1, pack.as_str())
    );
    assert!(place.back_up().unique_bytes > 0);
    let report = repair(&place.vault);
    assert!(report.plan.lost.is_empty(), "{:?}", report.plan.lost);
    assert!(place.is_whole(0));
    assert!(place.verify().damaged.is_empty());
}

/// Which chunks a pack had, every holder of the domain's keys can claim: where two claims differ, none is believed.
#[test]
fn contradictory_claims_about_a_lost_pack_heal_nothing() {
    use strongroom::vault::format::{
        ObjectKind, ObjectName, PackId, Segment, SegmentEntry, SegmentPack,
    };
    let mut place = Place::new();
    place.back_up();
    let name = place.names("d").remove(0);
    place.remove(&name);
    place.back_up();
    let Some(ObjectName::Pack { pack, .. }) = ObjectName::parse(&name) else {
        panic!("{name}")
    };
    // The first chunk of another pack, claimed to have been in the lost one.
    let vault = place.vault.vault();
    let other = place.names("d").pop().expect("another");
    let Some(ObjectName::Pack { pack: other, .. }) = ObjectName::parse(&other) else {
        panic!("{other}")
    };
    let reader = strongroom::vault::BlockReader::new(vault.clone(), 1 << 20, 1 << 20);
    let toc = place
        .vault
        .wait(reader.toc(other, ObjectKind::DataPack))
        .expect("its table");
    let claim = |pack_id: PackId, block| SegmentEntry {
        prefix: toc.chunks()[0].id.prefix(),
        pack: u32::from(pack_id != pack),
        block,
        chunk: 0,
    };
    let lie = Segment {
        packs: vec![SegmentPack {
            pack_id: pack,
            kind: ObjectKind::DataPack,
            object_bytes: 1,
            toc_len: 1,
            block_count: 4,
            blake3: [0; 32],
            moved: Vec::new(),
            writer: None,
        }],
        entries: (0..4).map(|block| claim(pack, block)).collect(),
    };
    let key = vault.domain().expect("an owner's").toc();
    let object = lie
        .seal(key, vault.id(), &**vault.entropy())
        .expect("sealed");
    let segment = ObjectName::Segment {
        domain: *vault.domain_id(),
        session: SessionId::new(0, [0; 10]),
        number: 0,
    };
    place.put(&segment.to_string(), object);
    let report = repair(&place.vault);
    assert!(
        !report.plan.lost.is_empty(),
        "the first chunks of its blocks are in doubt"
    );
    assert!(!place.is_whole(0));
    // Nothing wrong comes back: is_whole looks at that.
}

#[test]
fn sound_blocks_move_out_of_a_damaged_pack() {
    // The padding: every block is whole, but the pack is not what was written.
    let (place, pack) = hurt_place(1);
    let plan = planned(&place.vault);
    assert!(
        !plan.plan.moves.is_empty() && plan.plan.lost.is_empty(),
        "{plan:?}"
    );
    repair(&place.vault);
    assert!(place.verify().damaged.is_empty());
    sweep_twice(&place);
    assert!(
        !place.names("d").contains(&pack),
        "nobody needs it any more"
    );
    assert!(place.is_whole(0));
    assert!(place.verify().superseded.is_empty());
}

#[test]
fn a_pack_cut_short_keeps_what_it_still_holds() {
    let mut place = Place::new();
    place.back_up();
    let pack = place.largest_pack();
    let mut bytes = place.read(&pack);
    bytes.truncate(bytes.len() * 2 / 3);
    place.put(&pack, bytes);
    let hurt = place.verify();
    assert_eq!(hurt.damaged.len(), 1, "{:?}", hurt.damaged);
    let report = repair(&place.vault);
    assert!(!report.plan.moves.is_empty(), "blocks before the cut");
    assert!(!report.plan.lost.is_empty());
    place.back_up();
    repair(&place.vault);
    assert!(place.is_whole(0) && place.is_whole(1));
    assert!(place.verify().damaged.is_empty());
}

#[test]
fn a_lost_index_is_made_again() {
    let mut place = Place::new();
    place.back_up();
    for name in place.names("index") {
        place.hurt(&name, 30);
    }
    let found = place.verify();
    assert_eq!(found.damaged.len(), 1);
    assert!(found.damaged[0].object.starts_with("index/"));
    let report = repair(&place.vault);
    assert_eq!(
        report.plan.index.len(),
        place.names("d").len() + place.names("m").len()
    );
    let verified = place.verify();
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    assert_eq!(place.back_up().unique_bytes, 0);
    for name in place.names("index") {
        place.remove(&name);
    }
    repair(&place.vault);
    assert!(planned(&place.vault).plan.is_empty());
    assert!(place.is_whole(0));
}

/// Metadata: trees and lists of both points stand in two packs; whichever is hurt, the next backup and a repair bring the
/// points back, or say that they are lost.
#[test]
fn damaged_metadata_is_healed_or_told() {
    for number in 0..2 {
        for whole in [false, true] {
            let mut place = Place::new();
            place.back_up();
            place.write(3, 77);
            place.back_up();
            let packs = place.names("m");
            let Some(pack) = packs.get(number).cloned() else {
                continue;
            };
            if whole {
                place.remove(&pack);
            } else {
                let len = place.read(&pack).len();
                place.hurt(&pack, len - 4_400);
            }
            let what = format!("{pack}, whole: {whole}");
            place.verify();
            place.back_up();
            let report = repair(&place.vault);
            let told: Vec<SessionId> = report.plan.lost.iter().map(|lost| lost.point).collect();
            for (number, (point, _)) in place.points.iter().enumerate() {
                let opened = place.reopened().list(point, None, true, &mut |_| Ok(()));
                let is_whole = opened.is_ok() && place.is_whole(number);
                assert!(
                    is_whole != told.contains(point),
                    "{what}: point {number} {told:?}"
                );
            }
            assert!(place.is_whole(2), "{what}");
        }
    }
}

/// A list is derived from the tree, whoever has lost it: sweeps, which stop without it, go on.
#[test]
fn a_lost_list_is_counted_again() {
    let mut place = Place::new();
    place.back_up();
    let read = {
        let vault = place.vault.vault();
        let points = place
            .vault
            .wait(strongroom::vault::points::all(vault))
            .expect("listed");
        let read = place
            .vault
            .wait(strongroom::vault::points::read(vault, &points[0]));
        read.expect("read").expect("a point")
    };
    let at = read.structure.list[0].address();
    let reader = strongroom::vault::BlockReader::new(place.vault.vault().clone(), 1 << 20, 1 << 20);
    let kind = strongroom::vault::format::ObjectKind::MetaPack;
    let toc = place
        .vault
        .wait(reader.toc(at.pack, kind))
        .expect("its table");
    let range = toc.block_range(at.block).expect("its block");
    let name = strongroom::vault::format::ObjectName::pack(
        kind,
        *place.vault.vault().domain_id(),
        at.pack,
    );
    let mut bytes = place.read(&name.to_string());
    bytes[usize::try_from(range.start).expect("small") + 30] ^= 1;
    place.put(&name.to_string(), bytes);
    let found = place.verify();
    assert!(!found.damaged.is_empty());
    assert!(
        place.reopened().sweep(&SweepOptions::default()).is_err(),
        "what is needed is not known"
    );
    let report = repair(&place.vault);
    assert_eq!(report.plan.lists.len(), 1, "{report:?}");
    assert!(report.plan.lost.is_empty());
    let verified = place.verify();
    assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    sweep_twice(&place);
    assert!(place.is_whole(0));
}

#[test]
fn a_point_without_a_manifest_comes_back_as_one_that_says_so() {
    for (is_gone, is_tidied) in [(false, false), (true, false), (true, true)] {
        let mut place = Place::new();
        place.back_up();
        place.write(1, 55);
        place.back_up();
        place.write(2, 66);
        place.back_up();
        if is_tidied {
            // What its session has written stands in a segment that a sweep wrote for all three.
            let mut options = SweepOptions::default();
            options.tidy_from_count = 1;
            let report = place.vault.sweep(&options).expect("a sweep");
            assert_eq!(report.segments_merged_count, 3);
            assert_eq!(place.names("index").len(), 1);
        }
        let lost_point = place.points[1].0;
        let manifest = place
            .names("points")
            .into_iter()
            .find(|name| name.ends_with(&lost_point.to_string()))
            .expect("its manifest");
        if is_gone {
            place.remove(&manifest);
        } else {
            place.hurt(&manifest, 40);
        }
        let report = repair(&place.vault);
        assert_eq!(report.salvaged.len(), 1, "{report:?}");
        let (new, of) = report.salvaged[0];
        assert_eq!(of, lost_point);
        let vault = place.reopened();
        let view = vault.point(&new.to_string()).expect("a point");
        assert_eq!(view.source, "test (salvaged)");
        assert_eq!(view.tags["salvaged-from"], lost_point.to_string());
        assert_eq!(
            view.state.as_str(),
            "partial",
            "what was skipped is not known"
        );
        assert_eq!(vault.point("latest").expect("one").id, place.points[2].0);
        let tree = place.points[1].1.clone();
        place.points.push((new, tree));
        assert!(place.is_whole(3));
        assert!(repair(&place.vault).salvaged.is_empty(), "once is enough");
        let damaged = place.verify().damaged;
        assert_eq!(damaged.len(), usize::from(!is_gone), "{damaged:?}");
    }
}

#[test]
fn who_may_not_sign_may_plan_only() {
    let (mut place, _) = hurt_place(200_000);
    place.back_up();
    let credential = place.credential(Role::Agent);
    let secret = SlotSecret::Credential(&credential);
    let agent = Strongroom::open_store(Arc::clone(&place.store), secret).expect("opened");
    assert!(!planned(&agent).plan.remaps.is_empty());
    let refused = agent.repair(&RepairOptions::default(), &NoMonitor);
    assert!(matches!(
        refused,
        Err(Error::Vault(VaultError::NotPermitted(_)))
    ));
    assert!(!place.is_whole(0));
}

/// The worker dies at its n-th write, before it or after it took effect: what was whole stays whole, and the next one
/// mends the rest.
fn dies_everywhere(step: u64) -> u64 {
    let (mut place, pack) = hurt_place(200_000);
    place.back_up();
    // All sorts of work: chunks to remap, an index to write, blocks to move.
    let other = place
        .names("d")
        .into_iter()
        .find(|name| *name != pack)
        .expect("one");
    place.hurt(&other, 1);
    assert!(place.verify().is_noted);
    for name in place.names("index") {
        place.hurt(&name, 30);
    }
    let credential = (
        place.credential(Role::Agent),
        place.credential(Role::Maintenance),
    );
    let names = place.names("").into_iter();
    let objects: Vec<(String, Vec<u8>)> = names
        .map(|name| (name.clone(), place.read(&name)))
        .collect();
    let mut cuts = 0;
    for after in [false, true] {
        for cut in (1..).step_by(usize::try_from(step).expect("small")) {
            restock(&place, &objects);
            let left = AtomicU64::new(cut);
            let dying = Faulty::new(Arc::clone(&place.store), move |_| {
                let count = |left: u64| Some(left.saturating_sub(1));
                match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count) {
                    Ok(1) if after => Fate::LoseReply,
                    Ok(0 | 1) => Fate::Fail(std::io::ErrorKind::PermissionDenied),
                    _ => Fate::Pass,
                }
            });
            let outcome = open_both(dying, &credential)
                .map(|vault| vault.repair(&RepairOptions::default(), &NoMonitor));
            cuts += 1;
            let survivor = open_both(Arc::clone(&place.store), &credential).expect("opened");
            repair(&survivor);
            assert!(
                planned(&survivor).plan.is_empty(),
                "cut {cut}, after: {after}"
            );
            let mut options = SweepOptions::default();
            options.fence_after = std::time::Duration::ZERO;
            for _ in 0..3 {
                survivor.sweep(&options).expect("a sweep");
            }
            assert!(
                place.is_whole(0) && place.is_whole(1),
                "cut {cut}, after: {after}"
            );
            let damaged = crate::heal::verify(&survivor).damaged;
            assert!(damaged.is_empty(), "cut {cut}, after: {after}: {damaged:?}");
            if matches!(outcome, Ok(Ok(_))) {
                break;
            }
        }
    }
    eprintln!("{cuts} cut points");
    cuts
}

/// Puts the vault back to what it was.
fn restock(place: &Place, objects: &[(String, Vec<u8>)]) {
    for name in place.names("") {
        place.remove(&name);
    }
    for (name, bytes) in objects {
        place.put(name, bytes.clone());
    }
}

fn open_both(
    store: Arc<dyn object_store::ObjectStore>,
    (agent, maintenance): &(
        strongroom::crypto::Credential,
        strongroom::crypto::Credential,
    ),
) -> strongroom::Result<Strongroom> {
    Strongroom::open_store_with(store, agent, maintenance)
}

#[test]
fn dying_while_repairing_loses_nothing() {
    assert!(dies_everywhere(9) > 10);
}

#[test]
#[ignore = "soak: minutes"]
fn soak_dying_at_any_operation_of_a_repair_loses_nothing() {
    assert!(dies_everywhere(1) > 100);
}
