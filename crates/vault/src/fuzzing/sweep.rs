//! What sweep and deletion leave in a store: signed objects, marks and plans, links and ends, remaps.

use strongroom_crypto::signing::SigningKey;
use strongroom_crypto::{Role, SecretKey, SeededEntropy, framed_len, object_key, seal_frames};

use super::objects::is_too_deep;
use super::{OBJECT_ID, OTHER_VAULT, VAULT, key, other_key, with_a_bit_turned};
use crate::format::{
    ChunkAddress, DomainId, End, FormatError, Header, Link, Mark, Notice, ObjectKind, ObjectName,
    Plan, Remap, SessionId, Signer, Signers, open_signed, seal_signed,
};

const DOMAIN: DomainId = DomainId::from_bytes([0x22; 8]);
const CYCLE: u64 = 7;

fn name_of(cycle: u64) -> ObjectName {
    ObjectName::Mark {
        domain: DOMAIN,
        cycle,
    }
}

fn signing_key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&SecretKey::from_bytes([seed; 32]))
}

/// A signed object: as a document that is signed, and as an extension of 65 bytes in front of a document, which nobody
/// here has signed.
pub fn signed(bytes: &[u8]) -> bool {
    let signers = Signers {
        owner: Some(signing_key(1).public_key()),
        maintenance: None,
    };
    let open = |object: &[u8], name: &ObjectName, kind, signers: &Signers| {
        open_signed(kind, name, object, &key(), &VAULT, signers)
    };
    let (kind, name) = (ObjectKind::Mark, name_of(CYCLE));
    let signer = Signer::new(Role::Owner, signing_key(1)).expect("owners sign");
    let entropy = SeededEntropy::new(1);
    let object = seal_signed(kind, &name, bytes, &key(), &VAULT, &signer, &entropy).expect("short");
    let opened = open(&object, &name, kind, &signers).expect("its own");
    assert!(opened.0 == Role::Owner && opened.1 == bytes);
    let (other_kind, other_name) = (ObjectKind::Plan, name_of(CYCLE + 1));
    assert!(open(&object, &name, other_kind, &signers).is_err());
    assert!(open(&object, &other_name, kind, &signers).is_err());
    assert!(open(&with_a_bit_turned(&object), &name, kind, &signers).is_err());
    let strangers = Signers {
        owner: None,
        maintenance: signers.owner,
    };
    assert!(open(&object, &name, kind, &strangers).is_err());
    assert!(open_signed(kind, &name, &object, &other_key(), &VAULT, &signers).is_err());
    assert!(open_signed(kind, &name, &object, &key(), &OTHER_VAULT, &signers).is_err());
    let (ext, plain) = bytes.split_at(bytes.len().min(65));
    let forged = open(&forged(kind, ext, plain), &name, kind, &signers);
    let error = forged.expect_err("nobody has signed it");
    matches!(
        error,
        FormatError::Crypto(strongroom_crypto::Error::BadSignature)
    )
}

fn forged(kind: ObjectKind, ext: &[u8], plain: &[u8]) -> Vec<u8> {
    let body_len = framed_len(plain.len()) as u64;
    let front = Header::new(kind, OBJECT_ID, body_len).encode(ext);
    let key = object_key(&key(), VAULT.as_bytes(), &front, ext);
    let body = seal_frames(&key, kind.number(), plain).expect("short");
    [front.as_slice(), ext, &body].concat()
}

/// The table of a mark or plan: each is tried.
pub fn sweep_table(plain: &[u8]) -> bool {
    let mark = Mark::decode(plain);
    if let Ok(mark) = &mark {
        assert!(mark.packs.len() <= 65_536 && mark.packs.is_sorted_by(|a, b| a.0 < b.0));
        assert!(mark.packs.iter().all(|(_, kind)| kind.is_pack()));
        assert!(mark.packs.iter().all(|(pack, _)| mark.condemns(pack)));
        assert!(mark.encode() == plain, "a mark has one form only");
    }
    let plan = Plan::decode(plain);
    if let Ok(plan) = &plan {
        assert!(plan.names.len() <= 65_536 && plan.names.is_sorted_by(|a, b| a < b));
        assert!(plan.encode() == plain, "a plan has one form only");
    }
    mark.is_ok() || plan.is_ok()
}

/// The document of a chain link or of the end of a cycle: each is tried, under the name that it gives itself.
pub fn sweep_document(text: &[u8]) -> bool {
    let document = serde_json::from_slice::<serde_json::Value>(text).unwrap_or_default();
    let number = |field: &str| document.get(field).and_then(serde_json::Value::as_u64);
    let sid = document.get("sid").and_then(serde_json::Value::as_str);
    let sid = sid.and_then(|sid| sid.parse::<SessionId>().ok());
    let sid = sid.unwrap_or(SessionId::new(0, [0; 10]));
    let n = number("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let link = Link::decode(text, &sid, n);
    if let Ok(link) = &link {
        let again = link.encode().expect("a link that was read can be written");
        assert_eq!(Link::decode(&again, &sid, n).expect("its own"), *link);
        assert!(Link::decode(text, &sid, n ^ 1).is_err());
        let other = SessionId::new(sid.taken_millis() ^ 1, [0; 10]);
        assert!(Link::decode(text, &other, n).is_err());
    }
    let cycle = number("cycle").unwrap_or(CYCLE);
    let end = End::decode(text, cycle);
    if let Ok(end) = &end {
        let again = end.encode().expect("an end that was read can be written");
        assert_eq!(End::decode(&again, cycle).expect("its own"), *end);
        assert!(End::decode(text, cycle ^ 1).is_err());
    }
    assert!(!is_too_deep(text) || (link.is_err() && end.is_err()));
    link.is_ok() || end.is_ok()
}

/// The table of a damage notice.
pub fn notice(plain: &[u8]) -> bool {
    let Ok(notice) = Notice::decode(plain) else {
        return false;
    };
    assert!(notice.packs.len() <= 65_536 && notice.packs.is_sorted_by(|a, b| a.pack < b.pack));
    for hurt in &notice.packs {
        assert!(hurt.kind.is_pack() && hurt.positions.is_sorted_by(|a, b| a < b));
    }
    assert!(
        notice.encode() == plain,
        "a damage notice has one form only"
    );
    true
}

/// The table of a remap.
pub fn remap(plain: &[u8]) -> bool {
    let Ok(remap) = Remap::decode(plain) else {
        return false;
    };
    let again = remap.encode();
    assert_eq!(Remap::decode(&again).expect("its own"), remap);
    // The table of packs may name more than are used; nothing else has two forms.
    assert!(again.len() < plain.len() || again == plain);
    let mut last: Option<ChunkAddress> = None;
    for run in &remap.runs {
        assert!(
            last.is_none_or(|last| last < run.old),
            "ascending, no overlap"
        );
        let old = ChunkAddress {
            chunk: run.old.chunk.saturating_add(run.count - 1),
            ..run.old
        };
        let new = run.resolve(old).expect("the last chunk of the run");
        assert_eq!(new.block_name(), run.new.block_name());
        assert_eq!(new.chunk - run.new.chunk, run.count - 1);
        assert_eq!(run.resolve(run.old), Some(run.new));
        last = Some(old);
    }
    true
}
