//! Golden vectors of trees: these records and extents give these bytes, for ever. And the codec against any bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use strongroom_vault::format::PackId;

use super::piece::{encoded_len, extent_pieces, read_extents, read_records};
use super::{Capture, Content, Extent, Extras, PieceWriter, Record};
use crate::fs::{Kind, Meta, Time};

type Vectors = BTreeMap<String, String>;

const PACK: PackId = PackId::from_bytes([0x44; 16]);
const OTHER_PACK: PackId = PackId::from_bytes([0x45; 16]);

fn meta(kind: Kind, ino: u64) -> Meta {
    Meta {
        kind,
        mode: 0o640,
        uid: 1000,
        gid: 100,
        mtime: Time {
            secs: 1_800_000_000,
            nanos: 123_456_789,
        },
        ctime: Time {
            secs: 1_800_000_005,
            nanos: 999_999_999,
        },
        btime: None,
        ino,
        dev: 0,
        nlink: 0,
        size: 0,
        blocks: 0,
        rdev: (0, 0),
    }
}

fn record(name: &[u8], kind: Kind, ino: u64) -> Record {
    Record {
        name: name.to_vec(),
        meta: meta(kind, ino),
        content: Content::Empty,
        extras: Extras::default(),
    }
}

fn file(name: &[u8], size: u64, content: Content) -> Record {
    let mut record = record(name, Kind::File, 4711);
    record.meta.size = size;
    record.content = content;
    record
}

fn run(pack: PackId, block: u16, first: u16, count: u16) -> Extent {
    Extent::Run {
        pack,
        block,
        first,
        count,
    }
}

/// A record of every kind.
fn kinds() -> Vec<Record> {
    let mut link = record(b"c-link", Kind::Symlink, 13);
    link.meta.mode = 0o777;
    link.extras.target = Some(b"../\xff target\n".to_vec());
    let mut tty = record(b"f-char", Kind::CharDevice, 15);
    tty.meta.rdev = (4, 64);
    let mut disk = record(b"g-block", Kind::BlockDevice, 14);
    disk.meta.rdev = (259, 1_048_575);
    vec![
        file(b"a-file", 5, Content::Inline(b"hello".to_vec())),
        record(b"b-directory", Kind::Directory, 12),
        link,
        record(b"d-fifo", Kind::Fifo, u64::MAX),
        record(b"e-socket", Kind::Socket, 0),
        tty,
        disk,
    ]
}

/// Every extension at once, in one record; and one of a later version.
fn extensions() -> Record {
    let mut record = file(&[0xff; 255], 0, Content::Empty);
    record.meta.mode = 0o7777;
    record.meta.mtime = Time {
        secs: -62_135_596_800,
        nanos: 0,
    };
    record.meta.btime = Some(Time { secs: -1, nanos: 1 });
    record.extras = Extras {
        target: None,
        hard_link: Some((2049, u64::MAX)),
        xattrs: vec![
            (b"security.capability".to_vec(), vec![1, 0, 0, 2]),
            (b"user.empty".to_vec(), Vec::new()),
        ],
        capture: Some(Capture::Torn),
        rules: None,
        device: Some(65_024),
        unknown: vec![(8, b"later".to_vec()), (300, Vec::new())],
    };
    record
}

fn contents() -> Vec<(&'static str, Record)> {
    let mixed = vec![
        run(PACK, 0, 0, 1),
        Extent::Hole(4096),
        run(OTHER_PACK, 65_535, 1, 65_534),
        run(PACK, 127, 128, 2),
        Extent::Hole(u64::MAX >> 1),
    ];
    vec![
        ("inline", file(b"f", 1, Content::Inline(b"x".to_vec()))),
        (
            "inline, 512 bytes",
            file(b"f", 512, Content::Inline(vec![7; 512])),
        ),
        (
            "extents and holes",
            file(b"f", 1 << 40, Content::Extents(mixed)),
        ),
        (
            "extents by reference",
            file(b"f", 1 << 45, Content::Indirect(vec![run(PACK, 3, 2, 9)])),
        ),
    ]
}

fn piece(records: &[Record]) -> Vec<u8> {
    let mut writer = PieceWriter::default();
    for record in records {
        assert_eq!(writer.push(record), None, "one piece");
    }
    writer.finish().expect("a piece")
}

/// Names whose records fill pieces, and where those end.
fn piece_ends() -> String {
    let mut writer = PieceWriter::default();
    let mut ends = Vec::new();
    for number in 0..2000 {
        let name = format!("name {number:05}");
        let inline = Content::Inline(vec![b'.'; 100]);
        if let Some(done) = writer.push(&file(name.as_bytes(), 100, inline)) {
            ends.push(format!("{name}: {} bytes", done.len()));
        }
    }
    ends.join("; ")
}

fn hex(bytes: &[u8]) -> String {
    if bytes.len() > 4096 {
        return format!("{} bytes, blake3 {}", bytes.len(), blake3::hash(bytes));
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn many_extents(count: u16) -> Vec<Extent> {
    (0..count)
        .map(|number| {
            run(
                if number % 2 == 0 { PACK } else { OTHER_PACK },
                number,
                0,
                1,
            )
        })
        .collect()
}

fn all() -> Vectors {
    let mut out = Vectors::new();
    out.insert("piece, every kind".into(), hex(&piece(&kinds())));
    out.insert(
        "piece, every extension".into(),
        hex(&piece(&[extensions()])),
    );
    for (name, record) in contents() {
        out.insert(format!("piece, {name}"), hex(&piece(&[record])));
    }
    out.insert(
        "piece, the root".into(),
        hex(&piece(&[record(b"", Kind::Directory, 0)])),
    );
    out.insert("where pieces end".into(), piece_ends());
    for count in [1, 300, 4000] {
        let shown: Vec<String> = extent_pieces(&many_extents(count))
            .iter()
            .map(|piece| hex(piece))
            .collect();
        out.insert(format!("extent pieces, {count} extents"), shown.join("; "));
    }
    out
}

fn golden_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors/tree.json")
}

#[test]
fn every_tree_layout_is_as_it_was() {
    let text = std::fs::read_to_string(golden_file()).expect("the golden file");
    let golden: Vectors = serde_json::from_str(&text).expect("JSON");
    assert_eq!(golden, all());
}

/// Writes the golden file. Run once for each new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn write_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(golden_file(), text + "\n").expect("written");
}

#[test]
fn what_was_written_is_read() {
    let mut records = kinds();
    records.push(extensions());
    records.extend(contents().into_iter().map(|(_, record)| record));
    assert_eq!(read_records(&piece(&records)).expect("readable"), records);
    let extents = many_extents(4000);
    let mut read = Vec::new();
    for piece in extent_pieces(&extents) {
        read.extend(read_extents(&piece).expect("readable"));
    }
    assert_eq!(read, extents);
    assert_eq!(encoded_len(&extents[..1]), 4);
}

#[test]
fn a_cut_piece_is_refused_or_ends_between_records() {
    let records = kinds();
    let whole = piece(&records);
    for len in 0..whole.len() {
        if let Ok(read) = read_records(&whole[..len]) {
            assert_eq!(read, records[..read.len()], "{len} bytes");
        }
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [&b"."[..], b"..", b"a/b", b"a\0", &[b'n'; 256]] {
        let bytes = piece(&[record(name, Kind::File, 1)]);
        assert!(read_records(&bytes).is_err(), "{name:?}");
    }
}

/// A piece with one record of this kind and these encoded extensions.
fn with_extensions(kind: u8, extensions: &[u8]) -> Vec<u8> {
    let front = [kind, 1, b'n', 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let content = if kind <= 2 { &[0][..] } else { &[] };
    let record = [&front, content, extensions].concat();
    let len = u8::try_from(record.len()).expect("short");
    [&[1, 0, len], record.as_slice()].concat()
}

#[test]
fn a_known_tag_holds_its_value_and_nothing_else() {
    for (kind, tag, value) in [
        (6, 2, &[4, 64][..]),
        (1, 3, &[4, 64]),
        (1, 5, &[4, 64]),
        (1, 6, &[1]),
        (1, 7, &[9]),
    ] {
        let len = u8::try_from(value.len()).expect("short");
        let exact = [&[tag, len], value].concat();
        assert!(
            read_records(&with_extensions(kind, &exact)).is_ok(),
            "{tag}"
        );
        let longer = [&[tag, len + 1], value, &[0]].concat();
        assert!(
            read_records(&with_extensions(kind, &longer)).is_err(),
            "{tag}"
        );
    }
}

#[test]
fn only_devices_have_a_device_number() {
    let number = [2, 2, 4, 64];
    for kind in 1..=7 {
        let read = read_records(&with_extensions(kind, &number));
        assert_eq!(read.is_ok(), kind >= 6, "{kind}");
    }
}

#[test]
fn an_extended_attribute_beyond_the_limit_is_damage() {
    let mut record = record(b"n", Kind::Fifo, 1);
    for (len, is_read) in [(64 << 10, true), ((64 << 10) + 1, false)] {
        record.extras.xattrs = vec![(b"user.a".to_vec(), vec![7; len])];
        let mut writer = PieceWriter::default();
        let piece = writer.push(&record).expect("a piece ends behind it");
        assert_eq!(read_records(&piece).is_ok(), is_read, "{len}");
    }
}

fn any_extent() -> impl Strategy<Value = Extent> {
    prop_oneof![
        (0..u64::MAX >> 1).prop_map(Extent::Hole),
        (any::<bool>(), any::<u16>(), any::<u16>(), 1..=u16::MAX).prop_filter_map(
            "chunks of a block are numbered with 16 bits",
            |(which, block, first, count)| {
                first.checked_add(count)?;
                Some(run(
                    if which { PACK } else { OTHER_PACK },
                    block,
                    first,
                    count,
                ))
            }
        ),
    ]
}

proptest! {
    #[test]
    fn any_file_is_read_as_it_was_written(
        name in "[^/\0]{1,60}".prop_filter("a name", |name| name != "." && name != ".."),
        (size, ino, secs, nanos) in (any::<u64>(), any::<u64>(), any::<i64>(), 0..1_000_000_000_u32),
        extents in prop::collection::vec(any_extent(), 0..50),
    ) {
        let mut record = file(name.as_bytes(), size, Content::Extents(extents));
        record.meta.ino = ino;
        record.meta.mtime = Time { secs, nanos };
        let records = vec![record.clone(), record];
        prop_assert_eq!(read_records(&piece(&records)).expect("readable"), records);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if let Some(version) = bytes.first_mut() {
            *version = 1;
        }
        let _records = read_records(&bytes);
        let _extents = read_extents(&bytes);
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = piece(&kinds());
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _records = read_records(&bytes);
    }
}
