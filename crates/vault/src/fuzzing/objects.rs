//! Objects that are one document: header, configuration, manifest, control objects.

use std::fmt::Debug;

use strongroom_crypto::{SecretKey, SeededEntropy, framed_len, mac, object_key, seal_frames};

use super::{OBJECT_ID, OTHER_VAULT, VAULT, key, other_key, sealed, with_a_bit_turned};
use crate::format::{
    Checkpoint, CopiedPoint, EXT_MAX_BYTES, Fence, FormatError, HEADER_BYTES, Header, Manifest,
    Names, ObjectKind, PathText, Pin, Registration, VaultConfig, VaultId,
};

const MAGIC: [u8; 8] = [0x89, b'S', b'R', b'V', 0x0d, 0x0a, 0x1a, 0x0a];

/// The beginning of an object: as it is, and with magic and check put right so that its fields are reached.
pub fn header(bytes: &[u8]) -> bool {
    let as_it_is = check_header(bytes);
    let mut repaired = bytes.to_vec();
    if let Some(magic) = repaired.first_chunk_mut() {
        *magic = MAGIC;
    }
    let ext_len = repaired.get(44..).and_then(|rest| rest.first_chunk());
    let ext_end = ext_len.map_or(0, |len| HEADER_BYTES + u32::from_le_bytes(*len) as usize);
    if let (Some(bound), Some(ext)) = (repaired.get(..56), repaired.get(HEADER_BYTES..ext_end)) {
        let hash = blake3::Hasher::new().update(bound).update(ext).finalize();
        let stored = repaired.iter_mut().skip(56).take(8);
        stored
            .zip(hash.as_bytes())
            .for_each(|(to, from)| *to = *from);
    }
    check_header(&repaired) || as_it_is
}

fn check_header(object: &[u8]) -> bool {
    let Ok((header, ext)) = Header::parse_any(object) else {
        return false;
    };
    assert!(header.ext_len <= EXT_MAX_BYTES && ext.len() == header.ext_len as usize);
    assert!(header.body_len <= header.kind.max_bytes());
    assert_eq!(
        header.incompat & !0b1000_0111,
        0,
        "unknown features are refused"
    );
    let front = header.encode(ext);
    let again = [front.as_slice(), ext].concat();
    assert_eq!(
        Header::parse(&again, header.kind).expect("its own"),
        (header, ext)
    );
    let whole = object.get(..HEADER_BYTES + ext.len()).expect("parsed");
    assert!(Header::parse_any(&with_a_bit_turned(whole)).is_err());
    if let Ok(body) = header.body(object) {
        assert_eq!(body.len() as u64, header.body_len);
        assert_eq!(HEADER_BYTES + ext.len() + body.len(), object.len());
    }
    true
}

/// A document that is nested deeper than the format allows.
pub(super) fn is_too_deep(text: &[u8]) -> bool {
    fn depth(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
            serde_json::Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    serde_json::from_slice(text).is_ok_and(|value| depth(&value) > 16)
}

/// The document of a configuration.
pub fn config(text: &[u8]) -> bool {
    let vault_id = serde_json::from_slice::<serde_json::Value>(text)
        .ok()
        .and_then(|document| document.get("vault_id")?.as_str()?.parse::<VaultId>().ok())
        .unwrap_or(VAULT);
    let body_len = text.len() as u64 + 32;
    let front = Header::new(ObjectKind::Config, *vault_id.as_bytes(), body_len).encode(&[]);
    let code = mac(&key(), &[b"config", front.split_at(56).0, text]);
    let object = [front.as_slice(), text, &code].concat();
    assert!(VaultConfig::open(&object, &other_key()).is_err());
    assert!(VaultConfig::open(&with_a_bit_turned(&object), &key()).is_err());
    let Ok(config) = VaultConfig::open(&object, &key()) else {
        assert!(VaultConfig::parse_unverified(&object).is_err());
        return false;
    };
    assert!(!is_too_deep(text), "depth is limited");
    assert_eq!(config.format, 1);
    assert_eq!(config.vault_id, vault_id);
    let chunker = &config.chunker;
    assert!((64..=1 << 20).contains(&chunker.min_bytes));
    assert!((256..=4 << 20).contains(&chunker.avg_bytes));
    assert!((1024..=(16 << 20) - 2).contains(&chunker.max_bytes));
    assert!(chunker.min_bytes <= chunker.avg_bytes && chunker.avg_bytes <= chunker.max_bytes);
    assert!(config.block_bytes <= 16 << 20 && config.tree_block_bytes <= 16 << 20);
    assert!(config.data_pack_bytes <= 160 << 20 && config.meta_pack_bytes <= 160 << 20);
    let again = config.seal(&key()).expect("within all bounds");
    assert_eq!(VaultConfig::open(&again, &key()).expect("its own"), config);
    true
}

/// A registration, pin, checkpoint or fence: each document is tried as each of them.
pub fn control(text: &[u8]) -> bool {
    let (key, entropy) = (key(), SeededEntropy::new(1));
    let accepted = [
        document(ObjectKind::Registration, text, Registration::open, |it| {
            it.seal(&key, &VAULT, &entropy)
        }),
        document(ObjectKind::Pin, text, Pin::open, |it| {
            it.seal(&key, &VAULT, &entropy)
        }),
        document(ObjectKind::Checkpoint, text, Checkpoint::open, |it| {
            it.seal(&key, &VAULT, &entropy)
        }),
        document(ObjectKind::Fence, text, Fence::open, |it| {
            it.seal(&key, &VAULT, &entropy)
        }),
    ];
    accepted.contains(&true)
}

fn document<T: PartialEq + Debug>(
    kind: ObjectKind,
    text: &[u8],
    open: impl Fn(&[u8], &SecretKey, &VaultId) -> Result<T, FormatError>,
    seal: impl Fn(&T) -> Result<Vec<u8>, FormatError>,
) -> bool {
    let Ok(value) = open(&sealed(kind, text), &key(), &VAULT) else {
        return false;
    };
    assert!(!is_too_deep(text), "depth is limited");
    let again = seal(&value).expect("a document that was read can be written");
    assert_eq!(open(&again, &key(), &VAULT).expect("its own"), value);
    true
}

/// Structure and names of a manifest, with a zero byte between them.
pub fn manifest(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|&byte| byte == 0);
    let (structure, names) = bytes.split_at(at.unwrap_or(bytes.len()));
    let names = names.strip_prefix(&[0]).unwrap_or(names);
    let object = manifest_of(structure, names);
    let opened = (
        Manifest::open_structure(&object, &VAULT, &key()),
        Manifest::open_names(&object, &VAULT, &other_key()),
    );
    for (key, vault) in [(key(), OTHER_VAULT), (other_key(), VAULT)] {
        assert!(Manifest::open_structure(&object, &vault, &key).is_err());
    }
    for (key, vault) in [(key(), VAULT), (other_key(), OTHER_VAULT)] {
        assert!(Manifest::open_names(&object, &vault, &key).is_err());
    }
    let changed = with_a_bit_turned(&object);
    assert!(
        Manifest::open_structure(&changed, &VAULT, &key()).is_err()
            || Manifest::open_names(&changed, &VAULT, &other_key()).is_err()
    );
    if let Ok(structure) = &opened.0 {
        assert!(structure.v == 1 && structure.vault_id == VAULT);
    }
    check_texts(bytes, opened.1.as_ref().ok());
    let (Ok(structure), Ok(names_read)) = opened else {
        return false;
    };
    assert!(!is_too_deep(structure_text(bytes)) && !is_too_deep(names));
    let entropy = SeededEntropy::new(1);
    let again = Manifest::seal(&structure, &names_read, &key(), &other_key(), &entropy)
        .expect("a manifest that was read can be written");
    let structure_again = Manifest::open_structure(&again, &VAULT, &key()).expect("its own");
    assert_eq!(structure_again, structure);
    let names_again = Manifest::open_names(&again, &VAULT, &other_key()).expect("its own");
    assert_eq!(names_again, names_read);
    true
}

/// The document of a copied point, a zero byte, and what stands for the manifest behind it.
pub fn copied_point(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|&byte| byte == 0);
    let (text, manifest) = bytes.split_at(at.unwrap_or(bytes.len()));
    let ext = u32::try_from(framed_len(text.len())).expect("short");
    let ext = ext.to_le_bytes();
    let body_len = (framed_len(text.len()) + manifest.len()) as u64;
    let kind = ObjectKind::CopiedPoint;
    let front = Header::new(kind, OBJECT_ID, body_len).encode(&ext);
    let sealing = object_key(&key(), VAULT.as_bytes(), &front, &ext);
    let sealed = seal_frames(&sealing, kind.number(), text).expect("short");
    let object = [front.as_slice(), &ext, &sealed, manifest].concat();
    assert!(CopiedPoint::open_front(&object, &key(), &OTHER_VAULT).is_err());
    assert!(CopiedPoint::open_front(&object, &other_key(), &VAULT).is_err());
    let Ok(mut copied) = CopiedPoint::open_front(&object, &key(), &VAULT) else {
        assert!(CopiedPoint::open(&object, &key(), &VAULT).is_err());
        return false;
    };
    assert!(!is_too_deep(text), "depth is limited");
    assert!(copied.v == 1 && copied.of != copied.sid);
    copied.manifest = (*blake3::hash(manifest).as_bytes()).into();
    let entropy = SeededEntropy::new(1);
    if let Ok(again) = copied.seal(manifest, &key(), &VAULT, &entropy) {
        let opened = CopiedPoint::open(&again, &key(), &VAULT).expect("its own");
        assert_eq!(opened, (copied, manifest));
        assert!(CopiedPoint::open(&with_a_bit_turned(&again), &key(), &VAULT).is_err());
    }
    true
}

fn structure_text(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The two sections, sealed as they are: the structure under the key, the names under the other one.
fn manifest_of(structure: &[u8], names: &[u8]) -> Vec<u8> {
    let lens = [framed_len(structure.len()), framed_len(names.len())];
    let ext = lens
        .map(|len| u32::try_from(len).expect("short").to_le_bytes())
        .concat();
    let body_len = lens.iter().sum::<usize>() as u64;
    let front = Header::new(ObjectKind::Manifest, OBJECT_ID, body_len).encode(&ext);
    let mut object = [front.as_slice(), &ext].concat();
    for (class, plain) in [(key(), structure), (other_key(), names)] {
        let key = object_key(&class, VAULT.as_bytes(), &front, &ext);
        let kind = ObjectKind::Manifest.number();
        object.extend(seal_frames(&key, kind, plain).expect("short"));
    }
    object
}

/// Paths come back as the bytes that they were.
fn check_texts(bytes: &[u8], names: Option<&Names>) {
    assert!(PathText::from_bytes(bytes).to_bytes() == bytes);
    for path in names.iter().flat_map(|names| &names.roots) {
        let path = path.to_bytes();
        assert!(PathText::from_bytes(&path).to_bytes() == path);
    }
}
