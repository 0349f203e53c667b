//! Copies in a bad world: damage, sweeps in the middle, keys that may not, places that are full or another's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use object_store::ObjectStoreExt;
use strongroom::crypto::{BlockContext, KdfCost, Passphrase, Role, SlotSecret, seal_block};
use strongroom::vault::format::{
    BlockName, BlockRowDraft, ChunkAddress, ObjectKind, ObjectName, PackBuilder, PackId, Remap,
    RemapId, seal_signed,
};
use strongroom::vault::wrap::{Action, Fate, Faulty};
use strongroom::vault::{BlockReader, Error as VaultError, SweepOptions};
use strongroom::{Error, Strongroom};

use crate::copy::{Home, Store, copy, ids_of, memory, names, open, open_as, options, try_copy};

/// Name of the data pack that holds most of what only the last point needs.
fn newest_pack(home: &Home, before: &[String]) -> String {
    let mut new = names(&home.vault, "d");
    new.retain(|name| !before.contains(name));
    new.pop().expect("a pack")
}

fn flip(home: &Home, name: &str) {
    let path = name.to_owned().into();
    let got = home.vault.wait(home.store.get(&path)).expect("there");
    let mut bytes = home.vault.wait(got.bytes()).expect("read").to_vec();
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 1;
    let put = home.store.put(&path, bytes.into());
    home.vault.wait(put).expect("written");
}

#[test]
fn a_damaged_pack_keeps_its_point_away_and_no_other() {
    for role in [None, Some(Role::Maintenance)] {
        let mut home = Home::new(2);
        let before = names(&home.vault, "d");
        home.write(0, 99);
        let hurt = home.back_up();
        let pack = newest_pack(&home, &before);
        flip(&home, &pack);
        let credential = role.map(|role| home.credential(role));
        let copier = match &credential {
            Some(credential) => open_as(&home.store, credential),
            None => open(&home.store),
        };
        let target = memory();
        let report = copy(&copier, &target);
        assert_eq!(report.copied, home.ids()[..2], "{role:?}");
        let [damage] = report.damaged.as_slice() else {
            panic!("{:?}", report.damaged);
        };
        assert_eq!(
            (damage.object.as_str(), &damage.points[..]),
            (pack.as_str(), &[hurt][..])
        );
        home.holds(&target, &home.ids()[..2]);
        // Once it is whole again, it follows.
        flip(&home, &pack);
        assert_eq!(copy(&copier, &target).copied, [hurt]);
        home.holds(&target, &home.ids());
    }
}

#[test]
fn a_maintenance_host_copies_without_reading_a_name() {
    let home = Home::new(2);
    let credential = home.credential(Role::Maintenance);
    let host = open_as(&home.store, &credential);
    assert!(host.points().is_err(), "names are not its business");
    home.vault.hold(&home.ids()[0], None, "").expect("held");
    let target = memory();
    let report = copy(&host, &target);
    assert_eq!((report.copied.len(), report.holds_copied_count), (2, 1));
    home.holds(&target, &home.ids());
}

#[test]
fn an_agent_copies_and_deletes_nothing() {
    let home = Home::new(2);
    let credential = home.credential(Role::Agent);
    let agent = open_as(&home.store, &credential);
    home.vault.hold(&home.ids()[0], None, "").expect("held");
    let target = memory();
    let report = copy(&agent, &target);
    assert_eq!((report.copied.len(), report.holds_left_count), (2, 1));
    home.holds(&target, &home.ids());
    let at_target = open_as(&target, &credential);
    let denied = |outcome: strongroom::Result<()>| {
        matches!(outcome, Err(Error::Vault(VaultError::NotPermitted(_))))
    };
    assert!(denied(at_target.delete(&home.ids()[0], "")));
    home.vault.delete(&home.ids()[1], "").expect("deleted");
    let mut with_deletions = options(&target);
    with_deletions.with_deletions = true;
    assert!(denied(try_copy(&agent, &with_deletions).map(drop)));
}

#[test]
fn key_slots_follow_the_source_as_far_as_the_key_may() {
    let home = Home::new(1);
    let target = memory();
    let agent = home.credential(Role::Agent);
    let maintenance = home.credential(Role::Maintenance);
    copy(&home.vault, &target);
    let _opens = open_as(&target, &agent);
    let new = Passphrase::new("another horse, another staple").expect("long enough");
    let now = chrono::DateTime::UNIX_EPOCH;
    let vault = home.vault.vault();
    let label = "second";
    let add = vault.add_slot(&new, Role::Owner, KdfCost::MINIMUM, label, now);
    let second = home.vault.wait(add).expect("a slot");
    copy(&home.vault, &target);
    let by_second = || Strongroom::open_store(Arc::clone(&target), SlotSecret::Passphrase(&new));
    assert!(by_second().is_ok());

    // Both are revoked at home.
    let remove = |slot| home.vault.wait(vault.remove_slot(slot)).expect("removed");
    remove(second);
    remove(strongroom::vault::format::SlotId::from_bytes(
        *agent.slot_id(),
    ));
    let report = copy(&open_as(&home.store, &maintenance), &target);
    assert_eq!(
        (report.slots_removed_count, report.slots_stale_count),
        (1, 1)
    );
    let secret = SlotSecret::Credential(&agent);
    let opened = Strongroom::open_store(Arc::clone(&target), secret);
    assert!(matches!(opened, Err(Error::Vault(VaultError::WrongKey))));
    assert!(
        by_second().is_ok(),
        "a person's passphrase is for the owner to remove"
    );
    let report = copy(&home.vault, &target);
    assert_eq!(
        (report.slots_removed_count, report.slots_stale_count),
        (1, 0)
    );
    assert!(matches!(
        by_second(),
        Err(Error::Vault(VaultError::WrongKey))
    ));
    home.holds(&target, &home.ids());
}

#[test]
fn another_vault_is_refused_and_so_is_what_is_left_of_one() {
    let home = Home::new(1);
    let other = Home::new(0);
    let refused = try_copy(&home.vault, &options(&other.store));
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::OtherVault { .. }))),
        "{refused:?}"
    );
    let config = "config".into();
    let delete = other.store.delete(&config);
    other.vault.wait(delete).expect("deleted");
    let refused = try_copy(&home.vault, &options(&other.store));
    assert!(
        matches!(refused, Err(Error::Vault(VaultError::Missing { .. }))),
        "{refused:?}"
    );
}

#[test]
fn a_full_or_unreachable_target_is_told() {
    let home = Home::new(1);
    for kind in [
        std::io::ErrorKind::StorageFull,
        std::io::ErrorKind::NotConnected,
    ] {
        let target: Store = Faulty::new(memory(), move |one| {
            if one.action == Action::Put && one.name.starts_with("d/") {
                Fate::Fail(kind)
            } else {
                Fate::Pass
            }
        });
        let Err(Error::Vault(error)) = try_copy(&home.vault, &options(&target)) else {
            panic!("it has no room");
        };
        assert_eq!(error.io_kind(), Some(kind));
    }
}

#[test]
fn a_cancelled_copy_keeps_whole_points_and_leaves_no_session_open() {
    let home = Home::new(2);
    let target = memory();
    let options = options(&target);
    options.cancel.cancel();
    assert!(matches!(
        try_copy(&home.vault, &options),
        Err(Error::Cancelled)
    ));
    home.holds(&target, &[]);
    let cancel = strongroom::Cancel::new();
    let stop = cancel.clone();
    let stopping: Store = Faulty::new(Arc::clone(&target), move |one| {
        if one.action == Action::Put && one.name.starts_with("d/") {
            stop.cancel();
        }
        Fate::Pass
    });
    let mut options = crate::copy::options(&stopping);
    options.cancel = cancel;
    assert!(matches!(
        try_copy(&home.vault, &options),
        Err(Error::Cancelled)
    ));
    let swept = open(&target).sweep(&SweepOptions::default());
    assert_eq!(swept.expect("a sweep").waiting_for, []);
    copy(&home.vault, &target);
    home.holds(&target, &home.ids());
}

/// The source is swept in the middle of a copy: a point goes, and blocks of the others move to new packs.
#[test]
fn a_sweep_of_the_source_in_the_middle_loses_nothing() {
    for after in [0, 2, 5] {
        let home = Home::new(3);
        let first = home.ids()[0];
        let (left, swept) = (AtomicU64::new(after), AtomicBool::new(false));
        let inner = Arc::clone(&home.store);
        let sweeping: Store = Faulty::new(Arc::clone(&home.store), move |one| {
            let is_pack = matches!(ObjectName::parse(&one.name), Some(ObjectName::Pack { .. }));
            if one.action != Action::Get || !is_pack {
                return Fate::Pass;
            }
            let down = |left: u64| left.checked_sub(1);
            let is_due = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, down)
                .is_err();
            if is_due && !swept.swap(true, Ordering::Relaxed) {
                let inner = Arc::clone(&inner);
                let sweeper = std::thread::spawn(move || {
                    let vault = open(&inner);
                    vault.delete_now(&first, "").expect("purged");
                    for _ in 0..2 {
                        vault.sweep(&SweepOptions::default()).expect("a sweep");
                    }
                });
                sweeper.join().expect("it sweeps");
            }
            Fate::Pass
        });
        let target = memory();
        let report = copy(&open_as(&sweeping, &home.agent), &target);
        assert!(report.damaged.is_empty(), "{after}: {report:?}");
        copy(&home.vault, &target);
        let there = ids_of(&open_as(&target, &home.agent));
        assert!(
            home.ids()[1..].iter().all(|id| there.contains(id)),
            "{after}"
        );
        home.holds(&target, &there);
        home.holds(&home.store, &home.ids()[1..]);
    }
}

/// Blocks of a pack are born anew in another one: opened, and sealed under their new names. Returns which chunk went where.
fn born_anew(
    home: &Home,
    old: PackId,
    builder: &mut PackBuilder,
    new: PackId,
) -> Vec<(ChunkAddress, ChunkAddress)> {
    let vault = home.vault.vault();
    let reader = BlockReader::new(vault.clone(), 1 << 20, 1 << 20);
    let toc = home.vault.wait(reader.toc(old, ObjectKind::DataPack));
    let toc = toc.expect("read");
    let key = vault.domain().expect("an owner's").data(0);
    let mut chunks = Vec::new();
    for (ordinal, row) in (0..).zip(toc.blocks()) {
        let rows = toc.chunks_of(ordinal);
        let at = |pack, chunk| ChunkAddress {
            pack,
            block: ordinal,
            chunk,
        };
        // Room for the nonce comes first.
        let mut raw = vec![0; 24];
        for (chunk, _) in (0..).zip(rows) {
            let read = reader.chunk(at(old, chunk), ObjectKind::DataPack);
            raw.extend_from_slice(&home.vault.wait(read).expect("read"));
            chunks.push((at(old, chunk), at(new, chunk)));
        }
        let context = BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *vault.domain_id().as_bytes(),
            birth_pack: *new.as_bytes(),
            birth_ordinal: ordinal,
            block_type: row.block_type,
            codec: 0,
            raw_len: row.raw_len,
        };
        seal_block(&key, &context, &mut raw, &**vault.entropy()).expect("sealed");
        let draft = BlockRowDraft {
            birth: BlockName { pack: new, ordinal },
            block_type: row.block_type,
            codec: 0,
            key_epoch: 0,
            raw_len: row.raw_len,
            chunks: rows.iter().map(|row| (row.id, row.raw_len)).collect(),
        };
        builder.put_block(ordinal, draft, raw);
    }
    chunks
}

/// Stores a pack's chunks anew, with a remap, and deletes the pack; returns the remap's name.
fn rewrite(home: &Home, pack: &str) -> String {
    let vault = home.vault.vault();
    let Some(ObjectName::Pack {
        pack: old, domain, ..
    }) = ObjectName::parse(pack)
    else {
        panic!("a pack's name");
    };
    let new = PackId::from_bytes([0xcd; 16]);
    let mut builder = PackBuilder::new(ObjectKind::DataPack, new);
    let chunks = born_anew(home, old, &mut builder, new);
    let keys = vault.domain().expect("an owner's");
    let sealed = builder.finish(vault.id(), &domain, keys.toc());
    let name = ObjectName::pack(ObjectKind::DataPack, domain, new).to_string();
    let parts = sealed.expect("a pack").parts;
    let put = vault.store().create_once(&name, &parts);
    home.vault.wait(put).expect("written");
    let remap = RemapId::from_bytes([7; 16]);
    let name = ObjectName::Remap { domain, remap };
    let object = seal_signed(
        ObjectKind::Remap,
        &name,
        &Remap::of_chunks(chunks).encode(),
        keys.toc(),
        vault.id(),
        &vault.signer().expect("an owner's"),
        &**vault.entropy(),
    );
    let (name, parts) = (name.to_string(), [object.expect("sealed").into()]);
    let put = vault.store().create_once(&name, &parts);
    home.vault.wait(put).expect("written");
    let delete = vault.store().delete(pack);
    home.vault.wait(delete).expect("deleted");
    name
}

#[test]
fn chunks_that_were_stored_anew_come_with_their_remaps() {
    let home = Home::new(1);
    let pack = names(&home.vault, "d").first().cloned().expect("a pack");
    let remap = rewrite(&home, &pack);
    home.holds(&home.store, &home.ids());
    let target = memory();
    let report = copy(&open(&home.store), &target);
    assert_eq!(report.copied, home.ids(), "{report:?}");
    assert_eq!(names(&open(&target), "remap"), [remap]);
    home.holds(&target, &home.ids());
    assert_eq!(copy(&open(&home.store), &target).blocks_copied_count, 0);
}
