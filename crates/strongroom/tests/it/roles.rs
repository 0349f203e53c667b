//! What each role's slot really opens: every key of every role is tried on an object of every kind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use strongroom::crypto::{
    BlockContext, BlockType, KeyRing, Role, SecretKey, SlotSecret, open_block,
};
use strongroom::vault::format::{
    ChunkAddress, HurtPack, MachineId, Manifest, Notice, ObjectKind, ObjectName, Segment, Signer,
    Toc, VaultConfig, open_object, open_signed,
};
use strongroom::vault::{BlockReader, Session, SweepOptions, points};
use strongroom::{
    BackupOptions, Error, NoMonitor, RepairOptions, Strongroom, VerifyLevel, VerifyOptions,
};

use crate::heal::Place;

/// A vault in which an object of every kind stands.
fn full_place() -> Place {
    let mut place = Place::new();
    let mut options = BackupOptions::new("test", vec![place.home()]);
    options.checkpoint_bytes = 200_000;
    options.workers_count = 1;
    let first = place.vault.backup(&options, &NoMonitor).expect("a backup");
    for number in 0..12 {
        place.write(number, 900 + number);
    }
    place.back_up();
    place
        .vault
        .delete_now(&first.recovery_point.expect("a point"), "")
        .expect("purged");
    place
        .vault
        .sweep(&SweepOptions::default())
        .expect("a sweep");
    place.write(0, 3000);
    place.back_up();
    // What the sweep took of the sessions, and what only others leave.
    let vault = place.vault.vault();
    let source = place.vault.wait(points::all(vault)).expect("listed")[0].source;
    let machine = MachineId::from_bytes([1; 16]);
    let begin = || {
        let now = chrono::DateTime::UNIX_EPOCH;
        place
            .vault
            .wait(Session::begin(vault, source, machine, now))
            .expect("a session")
    };
    let session = begin();
    let checkpoint = session.put_checkpoint(0, None, 0, 0, chrono::DateTime::UNIX_EPOCH);
    place.vault.wait(checkpoint).expect("a checkpoint");
    place
        .vault
        .wait(begin().give_up("a test"))
        .expect("a fence");
    let at = |block| ChunkAddress {
        pack: strongroom::vault::format::PackId::from_bytes([1; 16]),
        block,
        chunk: 0,
    };
    place
        .vault
        .wait(vault.remap(&[(at(0), at(1))]))
        .expect("a remap");
    let hurt = HurtPack {
        pack: at(0).pack,
        kind: ObjectKind::DataPack,
        positions: vec![0],
    };
    let notice = Notice { packs: vec![hurt] };
    place
        .vault
        .wait(vault.give_notice(&notice))
        .expect("a notice");
    place
}

/// Every secret that a ring gives out.
fn keys_of(ring: &KeyRing) -> Vec<SecretKey> {
    let mut keys = vec![ring.config_key().duplicate()];
    let some = [
        ring.control(),
        ring.toc(),
        ring.list(),
        ring.point(),
        ring.master(),
    ];
    keys.extend(some.into_iter().flatten().map(SecretKey::duplicate));
    for block_type in [BlockType::Data, BlockType::Tree, BlockType::List] {
        keys.extend(ring.block(block_type, 0));
    }
    keys.extend(ring.domain().map(|domain| domain.names().duplicate()));
    keys.extend(ring.owner_signing_seed());
    keys.extend(ring.maintenance_signing_seed());
    keys
}

/// What of an object one key opens.
fn opened(place: &Place, name: &ObjectName, object: &[u8], key: &SecretKey) -> Vec<&'static str> {
    let vault = place.vault.vault();
    let id = vault.id();
    let signers = vault.signers();
    let plain = |kind| open_object(kind, key, id, object).is_ok();
    let signed = |kind| open_signed(kind, name, object, key, id, &signers).is_ok();
    let found: &[(&str, bool)] = &match name {
        ObjectName::Config => [("config", VaultConfig::open(object, key).is_ok())].to_vec(),
        ObjectName::Pack { is_data, pack, .. } => {
            let kind = if *is_data {
                ObjectKind::DataPack
            } else {
                ObjectKind::MetaPack
            };
            let mut found = vec![("table", Toc::open(object, kind, *pack, id, key).is_ok())];
            found.extend(blocks(place, kind, *pack, object, key));
            found
        }
        ObjectName::Segment { .. } => {
            vec![("segment", Segment::open(object, key, id, |_| {}).is_ok())]
        }
        ObjectName::Point { .. } => vec![
            (
                "structure",
                Manifest::open_structure(object, id, key).is_ok(),
            ),
            ("names", Manifest::open_names(object, id, key).is_ok()),
            ("fence", plain(ObjectKind::Fence)),
        ],
        ObjectName::Registration { .. } => vec![("registration", plain(ObjectKind::Registration))],
        ObjectName::Pin { .. } => vec![("pin", plain(ObjectKind::Pin))],
        ObjectName::Checkpoint { .. } => vec![("checkpoint", plain(ObjectKind::Checkpoint))],
        ObjectName::Mark { .. } => vec![("mark", signed(ObjectKind::Mark))],
        ObjectName::Plan { .. } => vec![("plan", signed(ObjectKind::Plan))],
        ObjectName::End { .. } => vec![("end", signed(ObjectKind::End))],
        ObjectName::Link { .. } => vec![("link", signed(ObjectKind::Link))],
        ObjectName::Remap { .. } => vec![("remap", signed(ObjectKind::Remap))],
        ObjectName::Notice { .. } => vec![("notice", signed(ObjectKind::Notice))],
        _ => Vec::new(),
    };
    found
        .iter()
        .filter(|(_, is_open)| *is_open)
        .map(|(what, _)| *what)
        .collect()
}

/// The first block of each type in a pack, opened by this key.
fn blocks(
    place: &Place,
    kind: ObjectKind,
    pack: strongroom::vault::format::PackId,
    object: &[u8],
    key: &SecretKey,
) -> Vec<(&'static str, bool)> {
    let vault = place.vault.vault();
    let reader = BlockReader::new(vault.clone(), 1 << 20, 1 << 20);
    let toc = place
        .vault
        .wait(reader.toc(pack, kind))
        .expect("the owner reads it");
    let mut found = Vec::new();
    for (position, row) in (0..).zip(toc.blocks()) {
        let range = toc.block_range(position).expect("there");
        let at = |at: u64| usize::try_from(at).expect("small");
        let (start, end) = (at(range.start), at(range.end));
        let context = BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *vault.domain_id().as_bytes(),
            birth_pack: *row.birth.pack.as_bytes(),
            birth_ordinal: row.birth.ordinal,
            block_type: row.block_type,
            codec: row.codec,
            raw_len: row.raw_len,
        };
        let what = match row.block_type {
            BlockType::Data => "data",
            BlockType::Tree => "tree",
            BlockType::List => "list",
        };
        let mut sealed = object[start..end].to_vec();
        found.push((what, open_block(key, &context, &mut sealed).is_ok()));
    }
    found
}

#[test]
fn every_key_of_every_role_on_every_kind_of_object() {
    let place = full_place();
    let names = place.names("");
    let objects: Vec<(ObjectName, Vec<u8>)> = names
        .iter()
        .filter_map(|name| Some((ObjectName::parse(name)?, place.read(name))))
        .collect();
    let mut table: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for role in [Role::Owner, Role::Agent, Role::Maintenance, Role::Monitor] {
        let opens = table.entry(role.to_string()).or_default();
        let vault = if role == Role::Owner {
            place.reopened()
        } else {
            let credential = place.credential(role);
            let secret = SlotSecret::Credential(&credential);
            Strongroom::open_store(Arc::clone(&place.store), secret).expect("opened")
        };
        let ring = vault.vault().keys();
        assert_eq!(ring.role(), role);
        let signs = ring
            .signing_key()
            .and_then(|(role, key)| Signer::new(role, key))
            .is_some();
        assert_eq!(
            signs,
            matches!(role, Role::Owner | Role::Maintenance),
            "{role}"
        );
        for key in keys_of(ring) {
            for (name, object) in &objects {
                opens.extend(opened(&place, name, object, &key));
            }
        }
    }
    let all = BTreeSet::from([
        "checkpoint",
        "config",
        "data",
        "end",
        "fence",
        "link",
        "list",
        "mark",
        "names",
        "notice",
        "pin",
        "plan",
        "registration",
        "remap",
        "segment",
        "structure",
        "table",
        "tree",
    ]);
    assert_eq!(
        table["owner"], all,
        "an object of every kind stands in the vault"
    );
    assert_eq!(table["agent"], all);
    let hidden = BTreeSet::from(["data", "names", "tree"]);
    let maintenance: BTreeSet<&str> = all.difference(&hidden).copied().collect();
    assert_eq!(table["maintenance"], maintenance);
    assert_eq!(table["monitor"], BTreeSet::from(["config", "structure"]));
}

/// `None` for what went well, otherwise whether it was refused for want of a key.
fn refused<T>(outcome: Result<T, Error>) -> Option<bool> {
    let denied = |error: Error| {
        matches!(
            error,
            Error::Vault(strongroom::vault::Error::NotPermitted(_))
        )
    };
    outcome.err().map(denied)
}

#[test]
fn every_call_with_every_role() {
    let place = full_place();
    let standing = place.points[0].0;
    for role in [Role::Agent, Role::Maintenance, Role::Monitor] {
        let credential = place.credential(role);
        let secret = SlotSecret::Credential(&credential);
        let vault = Strongroom::open_store(Arc::clone(&place.store), secret).expect("opened");
        let before = place.names("");
        let level = |level| {
            let mut options = VerifyOptions::default();
            options.level = level;
            refused(vault.verify(&options, &NoMonitor))
        };
        let backup = BackupOptions::new("mine", vec![place.home()]);
        let mut dry = SweepOptions::default();
        dry.dry_run = true;
        let outcomes = [
            ("delete", refused(vault.delete(&standing, ""))),
            ("delete now", refused(vault.delete_now(&standing, ""))),
            ("hold", refused(vault.hold(&standing, None, ""))),
            ("undelete", refused(vault.undelete(&standing, ""))),
            ("release", refused(vault.release(&standing, ""))),
            ("sweep", refused(vault.sweep(&dry))),
            (
                "repair",
                refused(vault.repair(&RepairOptions::default(), &NoMonitor)),
            ),
            ("points", refused(vault.points())),
            ("history", refused(vault.history(&Default::default()))),
            ("verify data", level(VerifyLevel::Data)),
            ("verify hashes", level(VerifyLevel::Hashes)),
            ("backup", refused(vault.backup(&backup, &NoMonitor))),
        ];
        let denied: Vec<&str> = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == Some(true))
            .map(|(call, _)| *call)
            .collect();
        let expected: &[&str] = match role {
            Role::Agent => &[
                "delete",
                "delete now",
                "hold",
                "undelete",
                "release",
                "sweep",
                "repair",
            ],
            Role::Maintenance => &["delete now", "repair", "points", "verify data", "backup"],
            _ => &[
                "delete",
                "delete now",
                "hold",
                "undelete",
                "release",
                "sweep",
                "repair",
                "points",
                "verify data",
                "verify hashes",
                "backup",
            ],
        };
        assert_eq!(denied, expected, "{role}: {outcomes:?}");
        // Whatever was tried, nothing has gone.
        let after: BTreeSet<String> = place.names("").into_iter().collect();
        assert!(before.iter().all(|name| after.contains(name)), "{role}");
    }
}
