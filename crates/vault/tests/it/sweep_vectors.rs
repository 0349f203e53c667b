//! Golden vectors of what deletion and sweep write, and what must not open.

use strongroom_crypto::signing::SigningKey;
use strongroom_crypto::{Role, SeededEntropy};
use strongroom_vault::format::{
    ChainState, ChunkAddress, End, FormatError, Link, LinkOp, Mark, ObjectKind, ObjectName, Plan,
    Remap, RemapId, Signer, Signers, Standing, open_signed, seal_signed,
};

use crate::vectors::{
    DOMAIN, OTHER_PACK, PACK, SOURCE, VAULT, Vectors, address, are_as_they_were, at, hex, ring,
    sid, vector_file,
};

fn signer() -> Signer {
    let (role, key) = ring().signing_key().expect("an owner's");
    Signer::new(role, key).expect("owners sign")
}

fn signers() -> Signers {
    Signers {
        owner: ring().owner_public_key(),
        maintenance: ring().maintenance_public_key(),
    }
}

fn link(op: LinkOp) -> Link {
    Link {
        v: 1,
        sid: sid(),
        n: 1,
        op,
        until: (op == LinkOp::Hold).then(|| at(1_900_000_000)),
        at: at(1_800_000_000),
        reason: "golden".into(),
        prev: Some([7; 32].into()),
        nonce: "00".repeat(16),
    }
}

fn link_name(number: u32) -> ObjectName {
    ObjectName::Link {
        domain: DOMAIN,
        source: SOURCE,
        session: sid(),
        number,
    }
}

fn mark() -> Mark {
    Mark {
        packs: vec![
            (PACK, ObjectKind::DataPack),
            (OTHER_PACK, ObjectKind::MetaPack),
        ],
        remaps: Vec::new(),
    }
}

/// A mark that condemns remaps, too: the second layout.
fn mark_of_remaps() -> Mark {
    let remaps = [0x77, 0x88].map(|byte| RemapId::from_bytes([byte; 16]));
    Mark {
        remaps: remaps.to_vec(),
        ..mark()
    }
}

fn remap() -> Remap {
    let moved = |chunk| ChunkAddress {
        pack: OTHER_PACK,
        block: 9,
        chunk,
    };
    Remap::of_chunks(vec![
        (address(3), moved(0)),
        (address(4), moved(1)),
        (address(6), moved(2)),
    ])
}

fn all() -> Vectors {
    let (ring, entropy) = (ring(), SeededEntropy::new(5));
    let keys = ring.domain().expect("an owner's");
    let mut out = Vectors::new();
    let public = ring.maintenance_public_key().expect("an owner's");
    out.insert("key maintenance public".into(), hex(&public));
    let mut add = |name: &ObjectName, kind, plain: &[u8]| {
        out.insert(format!("plain {name}"), hex(plain));
        let object = seal_signed(
            kind,
            name,
            plain,
            keys.control(),
            &VAULT,
            &signer(),
            &entropy,
        );
        out.insert(name.to_string(), hex(&object.expect("sealed")));
    };
    let text = link(LinkOp::Hold).encode().expect("short");
    add(&link_name(1), ObjectKind::Link, &text);
    let (domain, cycle) = (DOMAIN, 7);
    let name = ObjectName::Mark { domain, cycle };
    add(&name, ObjectKind::Mark, &mark().encode());
    let plan = Plan {
        names: vec![ObjectName::pack(ObjectKind::DataPack, DOMAIN, PACK).to_string()],
    };
    let name = ObjectName::Plan { domain, cycle };
    add(&name, ObjectKind::Plan, &plan.encode());
    let end = End {
        v: 1,
        cycle,
        deleted_count: 1,
        freed_bytes: 33_554_432,
        at: at(1_800_000_000),
        nonce: "00".repeat(16),
    };
    let name = ObjectName::End { domain, cycle };
    add(&name, ObjectKind::End, &end.encode().expect("short"));
    let name = ObjectName::Remap {
        domain,
        remap: RemapId::from_bytes([0x88; 16]),
    };
    let plain = remap().encode();
    let object = seal_signed(
        ObjectKind::Remap,
        &name,
        &plain,
        keys.toc(),
        &VAULT,
        &signer(),
        &entropy,
    );
    out.insert(format!("plain {name}"), hex(&plain));
    out.insert(name.to_string(), hex(&object.expect("sealed")));
    out
}

#[test]
fn every_layout_is_as_it_was() {
    are_as_they_were(&vector_file("sweep.json"), &all());
}

/// Writes the golden file. Run once for each new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_sweep_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(vector_file("sweep.json"), text + "\n").expect("written");
}

fn with_remaps() -> Vectors {
    let (ring, entropy) = (ring(), SeededEntropy::new(6));
    let keys = ring.domain().expect("an owner's");
    let mut out = Vectors::new();
    let name = ObjectName::Mark {
        domain: DOMAIN,
        cycle: 8,
    };
    let plain = mark_of_remaps().encode();
    let kind = ObjectKind::Mark;
    let object = seal_signed(
        kind,
        &name,
        &plain,
        keys.control(),
        &VAULT,
        &signer(),
        &entropy,
    );
    out.insert(format!("plain {name}"), hex(&plain));
    out.insert(name.to_string(), hex(&object.expect("sealed")));
    out
}

#[test]
fn marks_of_remaps_are_as_they_were() {
    are_as_they_were(&vector_file("sweep_remaps.json"), &with_remaps());
}

/// Writes the golden file. Run once, when the layout was new.
#[test]
#[ignore = "writes golden vectors"]
fn make_mark_of_remaps_vectors() {
    let text = serde_json::to_string_pretty(&with_remaps()).expect("JSON");
    std::fs::write(vector_file("sweep_remaps.json"), text + "\n").expect("written");
}

/// A mark that this program cannot read condemns something nevertheless: it is not passed over like a void one.
#[test]
fn a_mark_of_another_layout_is_not_void() {
    let mut plain = mark().encode();
    plain[0] = 3;
    let refused = Mark::decode(&plain).expect_err("unknown");
    assert!(!refused.is_corruption(), "{refused}");
}

#[test]
fn a_link_opens_only_as_what_it_is_and_from_who_may_sign() {
    let (ring, entropy) = (ring(), SeededEntropy::new(6));
    let key = ring.domain().expect("an owner's").control();
    let plain = link(LinkOp::Delete).encode().expect("short");
    let seal = |signer: &Signer| {
        let name = link_name(1);
        let sealed = seal_signed(
            ObjectKind::Link,
            &name,
            &plain,
            key,
            &VAULT,
            signer,
            &entropy,
        );
        sealed.expect("sealed")
    };
    let open = |name: &ObjectName, object: &[u8], signers: &Signers| {
        open_signed(ObjectKind::Link, name, object, key, &VAULT, signers)
    };
    let object = seal(&signer());
    assert_eq!(
        open(&link_name(1), &object, &signers()).expect("ours"),
        (Role::Owner, plain.clone())
    );
    // Under another name, it is a replay.
    assert!(open(&link_name(2), &object, &signers()).is_err());
    let nobody = Signers::default();
    assert!(open(&link_name(1), &object, &nobody).is_err());
    // An agent has the sealing key, but can only sign with a key of its own.
    let own = SigningKey::from_seed(&strongroom_crypto::SecretKey::from_bytes([1; 32]));
    let forged = seal(&Signer::new(Role::Owner, own).expect("it claims to be"));
    assert!(open(&link_name(1), &forged, &signers()).is_err());
    for at in [64, 70, 128, object.len() - 1] {
        let mut bytes = object.clone();
        bytes[at] ^= 1;
        assert!(open(&link_name(1), &bytes, &signers()).is_err(), "{at}");
    }
    assert!(Link::decode(&plain, &sid(), 2).is_err());
    let state = ChainState::default().after(&link(LinkOp::Delete), Role::Owner);
    assert!(matches!(state.standing, Standing::Deleted(_)));
}

#[test]
fn tables_come_back_and_refuse_what_is_out_of_order() {
    assert_eq!(Mark::decode(&mark().encode()).expect("its own"), mark());
    let turned = Mark {
        packs: mark().packs.into_iter().rev().collect(),
        remaps: Vec::new(),
    };
    assert!(Mark::decode(&turned.encode()).is_err());
    let condemning = mark_of_remaps();
    assert_eq!(
        Mark::decode(&condemning.encode()).expect("its own"),
        condemning
    );
    assert!(condemning.condemns_remap(&RemapId::from_bytes([0x77; 16])));
    assert!(!mark().condemns_remap(&RemapId::from_bytes([0x77; 16])));
    let turned = Mark {
        remaps: condemning.remaps.into_iter().rev().collect(),
        ..mark()
    };
    assert!(Mark::decode(&turned.encode()).is_err());
    let mut empty = mark().encode();
    empty[0] = 2;
    empty.push(0);
    assert!(Mark::decode(&empty).is_err(), "a mark has one form only");
    assert!(mark().condemns(&PACK));
    let plan = Plan {
        names: vec!["a".into(), "b".into()],
    };
    assert_eq!(Plan::decode(&plan.encode()).expect("its own"), plan);
    let twice = Plan {
        names: vec!["a".into(), "a".into()],
    };
    assert!(Plan::decode(&twice.encode()).is_err());
}

#[test]
fn a_remap_leads_old_addresses_to_new_ones() {
    let remap = remap();
    assert_eq!(remap.runs.len(), 2, "consecutive chunks are one run");
    assert_eq!(Remap::decode(&remap.encode()).expect("its own"), remap);
    let found: Vec<Option<u16>> = (2..8)
        .map(|chunk| {
            let at = address(chunk);
            let new = remap.runs.iter().find_map(|run| run.resolve(at));
            new.map(|new| new.chunk)
        })
        .collect();
    assert_eq!(found, [None, Some(0), Some(1), None, Some(2), None]);
    let overlapping = Remap {
        runs: remap.runs.repeat(2),
    };
    let refused = Remap::decode(&overlapping.encode());
    assert!(matches!(refused, Err(FormatError::Malformed(_))));
    assert_eq!(RemapId::from_bytes([1; 16]).to_string(), "01".repeat(16));
}
