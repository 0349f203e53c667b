//! What the fuzz targets of this crate do with bytes.
//!
//! A body takes any bytes, hands them to a parser, checks the laws of `docs/format.md` on what comes out, and tells
//! whether the parser accepted them; a broken law panics.

use crate::backup::Excludes;
use crate::fs::Kind;
use crate::tree::content::addresses;
use crate::tree::piece::{encoded_len, extent_pieces, read_extents, read_records};
use crate::tree::record::is_valid_name;
use crate::tree::{Content, Extent, PieceWriter, Record};

/// Takes any bytes; true when they were accepted.
pub type Body = fn(&[u8]) -> bool;

/// Name and body of every target of this crate.
pub const TARGETS: &[(&str, Body)] = &[
    ("excludes", excludes),
    ("extent_piece", extent_piece),
    ("tree_piece", tree_piece),
];

/// A piece of a directory.
pub fn tree_piece(piece: &[u8]) -> bool {
    let Ok(records) = read_records(piece) else {
        return false;
    };
    records.iter().for_each(check_record);
    let again = written(&records);
    assert!(
        read_back(&again) == records,
        "records come back as they were"
    );
    // Readers accept more than one form; what is written has one only.
    assert!(written(&read_back(&again)) == again);
    true
}

fn written(records: &[Record]) -> Vec<Vec<u8>> {
    let mut writer = PieceWriter::default();
    let mut pieces: Vec<_> = records.iter().filter_map(|it| writer.push(it)).collect();
    pieces.extend(writer.finish());
    pieces
}

fn read_back(pieces: &[Vec<u8>]) -> Vec<Record> {
    let read = |piece: &Vec<u8>| read_records(piece).expect("its own piece");
    pieces.iter().flat_map(read).collect()
}

fn check_record(record: &Record) {
    let (meta, extras) = (&record.meta, &record.extras);
    assert!(record.name.is_empty() || is_valid_name(&record.name));
    assert!(meta.mode <= 0o7777);
    assert!(meta.mtime.nanos < 1_000_000_000 && meta.ctime.nanos < 1_000_000_000);
    assert!(meta.btime.is_none_or(|time| time.nanos < 1_000_000_000));
    assert!(meta.kind == Kind::File || meta.size == 0);
    let holds_content = matches!(meta.kind, Kind::File | Kind::Directory);
    assert!(holds_content || record.content == Content::Empty);
    assert!(
        extras
            .xattrs
            .iter()
            .all(|(_, value)| value.len() <= 64 << 10)
    );
    assert!(extras.unknown.is_sorted_by(|a, b| a.0 < b.0));
    check_extents(record.content.direct());
}

fn check_extents(extents: &[Extent]) {
    for extent in extents {
        let Extent::Run {
            pack,
            block,
            first,
            count,
        } = *extent
        else {
            continue;
        };
        assert!(count > 0);
        let last = addresses(std::slice::from_ref(extent)).last();
        let last = last.expect("at least one chunk");
        assert_eq!((last.pack, last.block), (pack, block));
        assert_eq!(
            u32::from(last.chunk) + 1,
            u32::from(first) + u32::from(count)
        );
        assert!(last.chunk < u16::MAX, "a block has at most 65 535 chunks");
    }
}

/// A piece of extents.
pub fn extent_piece(piece: &[u8]) -> bool {
    let Ok(extents) = read_extents(piece) else {
        return false;
    };
    check_extents(&extents);
    let read = |pieces: &[Vec<u8>]| -> Vec<Extent> {
        let read = |piece: &Vec<u8>| read_extents(piece).expect("its own piece");
        pieces.iter().flat_map(read).collect()
    };
    let again = extent_pieces(&extents);
    assert!(read(&again) == extents, "extents come back as they were");
    let whole: usize = again.iter().map(Vec::len).sum();
    assert!(again.len() > 1 || encoded_len(&extents) <= whole);
    true
}

/// Patterns of what to leave out, one a line; before them a line with the path that is asked for.
pub fn excludes(bytes: &[u8]) -> bool {
    const PATTERNS_MAX_COUNT: usize = 8;
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let texts: Option<Vec<String>> = lines
        .take(PATTERNS_MAX_COUNT)
        .map(|line| String::from_utf8(line.to_vec()).ok())
        .collect();
    let patterns = texts.unwrap_or_default();
    let one = |pattern: &str| Excludes::new(&[pattern.to_owned()]);
    let together = Excludes::new(&patterns);
    let mut is_any = false;
    for pattern in &patterns {
        let Ok(alone) = one(pattern) else {
            assert!(together.is_err(), "a bad pattern is not passed over");
            return false;
        };
        let matches = alone.matches(path, name);
        is_any |= matches;
        check_plain(pattern, path, name, matches);
        let with_slash = one(&format!("{pattern}/")).expect("a slash at the end is ignored");
        assert_eq!(with_slash.matches(path, name), matches, "{pattern:?}");
    }
    let Ok(together) = together else {
        return false;
    };
    assert_eq!(together.matches(path, name), is_any, "{patterns:?}");
    assert!(!together.is_empty() || !is_any);
    !patterns.is_empty()
}

/// Patterns without wildcards against what they plainly mean.
fn check_plain(pattern: &str, path: &[u8], name: &[u8], matches: bool) {
    let text = pattern.trim_end_matches('/');
    let (is_deep, rest) = match text.strip_prefix("**/") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let is_special = |c| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!' | ',');
    // Names that no directory holds are not asked for; globset takes `..` for no name at all.
    if rest.contains(is_special) || rest.contains("//") || !is_valid_name(name) {
        return;
    }
    let rest = rest.as_bytes();
    let is_expected = if text.is_empty() {
        false
    } else if !text.contains('/') {
        name == rest
    } else if text.starts_with('/') {
        path == rest
    } else if is_deep && rest.starts_with(b"/") {
        return;
    } else {
        let ends = path.strip_suffix(rest);
        ends.is_some_and(|before| before.is_empty() || before.ends_with(b"/"))
    };
    assert_eq!(matches, is_expected, "{pattern:?}");
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use super::{TARGETS, replay};

    #[test]
    fn the_corpus_of_every_target_is_replayed() {
        replay::all("strongroom", TARGETS);
    }

    #[test]
    fn mutated_seeds_break_no_law() {
        replay::mutated(TARGETS, 1_000);
    }

    #[test]
    #[ignore = "soak: minutes"]
    fn soak_mutated_seeds_break_no_law() {
        replay::mutated(TARGETS, 50_000);
    }
}
