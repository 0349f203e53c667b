//! Golden vector of a damage notice, and what must not open as one.

use strongroom_crypto::signing::SigningKey;
use strongroom_crypto::{Role, SecretKey, SeededEntropy};
use strongroom_vault::format::{
    HurtPack, Notice, NoticeId, ObjectKind, ObjectName, Signer, Signers, open_signed, seal_signed,
};

use crate::vectors::{
    DOMAIN, OTHER_PACK, PACK, VAULT, Vectors, are_as_they_were, hex, ring, vector_file,
};

fn signers() -> Signers {
    Signers {
        owner: ring().owner_public_key(),
        maintenance: ring().maintenance_public_key(),
    }
}

fn name(id: u8) -> ObjectName {
    ObjectName::Notice {
        domain: DOMAIN,
        notice: NoticeId::from_bytes([id; 16]),
    }
}

fn notice() -> Notice {
    Notice {
        packs: vec![
            HurtPack {
                pack: PACK,
                kind: ObjectKind::DataPack,
                positions: vec![0, 3, 4, 700],
            },
            HurtPack {
                pack: OTHER_PACK,
                kind: ObjectKind::MetaPack,
                positions: Vec::new(),
            },
        ],
    }
}

fn seal(signer: &Signer, entropy: &SeededEntropy) -> Vec<u8> {
    let ring = ring();
    let key = ring.domain().expect("an owner's").toc();
    let plain = notice().encode();
    let (kind, name) = (ObjectKind::Notice, name(0x99));
    seal_signed(kind, &name, &plain, key, &VAULT, signer, entropy).expect("sealed")
}

fn owner() -> Signer {
    let (role, key) = ring().signing_key().expect("an owner's");
    Signer::new(role, key).expect("owners sign")
}

fn all() -> Vectors {
    let object = seal(&owner(), &SeededEntropy::new(8));
    Vectors::from([
        (format!("plain {}", name(0x99)), hex(&notice().encode())),
        (name(0x99).to_string(), hex(&object)),
    ])
}

#[test]
fn the_layout_is_as_it_was() {
    are_as_they_were(&vector_file("notice.json"), &all());
}

/// Writes the golden file. Run once for a new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_notice_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(vector_file("notice.json"), text + "\n").expect("written");
}

#[test]
fn a_notice_opens_only_under_its_name_and_from_who_may_sign() {
    let ring = ring();
    let key = ring.domain().expect("an owner's").toc();
    let open = |object: &[u8], name: &ObjectName| {
        open_signed(ObjectKind::Notice, name, object, key, &VAULT, &signers())
    };
    let object = seal(&owner(), &SeededEntropy::new(9));
    let (role, plain) = open(&object, &name(0x99)).expect("ours");
    assert_eq!(
        (role, Notice::decode(&plain).expect("its own")),
        (Role::Owner, notice())
    );
    assert!(
        open(&object, &name(0x98)).is_err(),
        "a replay under another name"
    );
    let own = SigningKey::from_seed(&SecretKey::from_bytes([1; 32]));
    let forger = Signer::new(Role::Maintenance, own).expect("it claims to be");
    assert!(open(&seal(&forger, &SeededEntropy::new(10)), &name(0x99)).is_err());
    for at in [64, 65, 100, object.len() - 1] {
        let mut bytes = object.clone();
        bytes[at] ^= 1;
        assert!(open(&bytes, &name(0x99)).is_err(), "{at}");
    }
}

#[test]
fn tables_have_one_form_only() {
    assert_eq!(
        Notice::decode(&notice().encode()).expect("its own"),
        notice()
    );
    let turned = Notice {
        packs: notice().packs.into_iter().rev().collect(),
    };
    assert!(Notice::decode(&turned.encode()).is_err());
    let mut longer = notice().encode();
    longer.push(0);
    assert!(Notice::decode(&longer).is_err());
    let beyond = [&[1, 1][..], PACK.as_bytes(), &[3, 1, 0x80, 0x80, 4]].concat();
    assert!(Notice::decode(&beyond).is_err(), "position 65 536");
    let no_pack = [&[1, 1][..], PACK.as_bytes(), &[5, 0]].concat();
    assert!(Notice::decode(&no_pack).is_err());
}
