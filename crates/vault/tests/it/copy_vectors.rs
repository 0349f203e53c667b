//! Golden vector of a copied point, and what must not open as one.

use strongroom_crypto::SeededEntropy;
use strongroom_vault::format::{
    COPIED_FRONT_BYTES, CopiedPoint, FormatError, Header, ObjectKind, SessionId,
};

use crate::vectors::{SOURCE, VAULT, Vectors, are_as_they_were, at, hex, ring, sid, vector_file};

fn copier() -> SessionId {
    SessionId::new(1_800_000_900_000, [3; 10])
}

/// What stands behind the document; its content is not looked at here.
fn manifest() -> Vec<u8> {
    (0..200).collect()
}

fn document() -> CopiedPoint {
    CopiedPoint {
        v: 1,
        sid: copier(),
        of: sid(),
        source: SOURCE,
        manifest: (*blake3::hash(&manifest()).as_bytes()).into(),
        written_at: at(1_800_000_100),
        pin: 2,
        copied_at: at(1_800_000_900),
        writer: "golden".into(),
        nonce: "0f".repeat(16),
    }
}

fn seal(copied: &CopiedPoint) -> Vec<u8> {
    let ring = ring();
    let key = ring.point().expect("an owner's");
    let sealed = copied.seal(&manifest(), key, &VAULT, &SeededEntropy::new(8));
    sealed.expect("short")
}

fn open(object: &[u8]) -> Result<CopiedPoint, FormatError> {
    let ring = ring();
    let key = ring.point().expect("an owner's");
    let (copied, found) = CopiedPoint::open(object, key, &VAULT)?;
    assert_eq!(found, manifest());
    Ok(copied)
}

fn all() -> Vectors {
    let mut out = Vectors::new();
    out.insert("copied point".into(), hex(&seal(&document())));
    out
}

#[test]
fn every_layout_is_as_it_was() {
    are_as_they_were(&vector_file("copy.json"), &all());
}

/// Writes the golden file. Run once for each new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_copy_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(vector_file("copy.json"), text + "\n").expect("written");
}

#[test]
fn every_bit_of_a_copied_point_is_bound() {
    let object = seal(&document());
    assert_eq!(open(&object).expect("its own"), document());
    for at in 0..object.len() {
        let mut bytes = object.clone();
        bytes[at] ^= 1;
        assert!(open(&bytes).is_err(), "{at}");
        assert!(open(&object[..at]).is_err(), "cut at {at}");
    }
    let ring = ring();
    let other = ring.control().expect("an owner's");
    assert!(CopiedPoint::open(&object, other, &VAULT).is_err());
}

#[test]
fn the_front_alone_tells_which_point_it_is() {
    let ring = ring();
    let key = ring.point().expect("an owner's");
    let mut longest = document();
    longest.writer = "w".repeat(3700);
    let object = seal(&longest);
    let front = &object[..usize::try_from(COPIED_FRONT_BYTES).expect("small")];
    assert!(front.len() < object.len());
    let opened = CopiedPoint::open_front(front, key, &VAULT);
    assert_eq!(opened.expect("it suffices"), longest);
}

#[test]
fn a_reader_from_before_copied_points_names_the_bit() {
    let object = seal(&document());
    assert_eq!(object[8], 17);
    let incompat = u32::from_le_bytes(object[12..16].try_into().expect("four bytes"));
    assert_eq!(incompat, 1 << 7, "bits 0 to 2 are what such readers know");
    let (header, _) = Header::parse_any(&object).expect("ours");
    assert_eq!(header.kind, ObjectKind::CopiedPoint);
}

#[test]
fn a_copy_of_itself_or_of_an_unknown_version_does_not_open() {
    let mut copied = document();
    copied.of = copied.sid;
    assert!(matches!(
        open(&seal(&copied)),
        Err(FormatError::Malformed(_))
    ));
    copied = document();
    copied.v = 2;
    assert!(open(&seal(&copied)).is_err());
    let long = CopiedPoint {
        writer: "w".repeat(5000),
        ..document()
    };
    let ring = ring();
    let key = ring.point().expect("an owner's");
    let sealed = long.seal(&manifest(), key, &VAULT, &SeededEntropy::new(8));
    assert!(matches!(sealed, Err(FormatError::Limit { .. })));
}
