//! Keys: bytes whose order is the order that is asked for.

use chrono::{DateTime, Utc};

/// A text that others follow: nothing that is a prefix of another one is taken for it, and the order is that of texts.
/// It ends with two zeros, and a zero in it is followed by 255.
pub(crate) fn push_text(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        key.push(byte);
        if byte == 0 {
            key.push(u8::MAX);
        }
    }
    key.extend_from_slice(&[0, 0]);
}

/// An instant; earlier ones first.
pub(crate) fn push_instant(key: &mut Vec<u8>, at: DateTime<Utc>) {
    key.extend_from_slice(&instant(at));
}

/// An instant; later ones first.
pub(crate) fn push_instant_descending(key: &mut Vec<u8>, at: DateTime<Utc>) {
    key.extend(instant(at).map(|byte| !byte));
}

/// A number; higher ones first.
pub(crate) fn push_number_descending(key: &mut Vec<u8>, number: u64) {
    key.extend_from_slice(&(!number).to_be_bytes());
}

/// The number at the end of a key that was made by [`push_number_descending`].
pub(crate) fn last_number_descending(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| !u64::from_be_bytes(*bytes))
}

fn instant(at: DateTime<Utc>) -> [u8; 12] {
    // With the highest bit turned over, negative numbers come first.
    let secs = at.timestamp().cast_unsigned() ^ (1 << 63);
    let mut bytes = [0; 12];
    let (of_secs, of_nanos) = bytes.split_at_mut(8);
    of_secs.copy_from_slice(&secs.to_be_bytes());
    of_nanos.copy_from_slice(&at.timestamp_subsec_nanos().to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_instants_sort_as_instants_do() {
        let instants: Vec<DateTime<Utc>> = [
            "-0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "1970-01-01T00:00:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T01:00:00.000000001Z",
            "2026-06-30T23:59:60Z",
            "9999-12-31T23:59:59Z",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        for pair in instants.windows(2) {
            let (mut ascending, mut descending) = ([vec![], vec![]], [vec![], vec![]]);
            for (at, instant) in pair.iter().enumerate() {
                push_instant(&mut ascending[at], *instant);
                push_instant_descending(&mut descending[at], *instant);
            }
            assert!(ascending[0] < ascending[1], "{pair:?}");
            assert!(descending[0] > descending[1], "{pair:?}");
        }
    }

    #[test]
    fn texts_sort_as_texts_do_and_none_is_a_prefix() {
        let texts = [
            "", "\0", "\0\0", "\0a", "\u{1}", "a", "a\0", "a\0b", "a/b", "ab", "b", "é",
        ];
        let key = |first: &str, second: &str| {
            let mut key = Vec::new();
            push_text(&mut key, first);
            push_text(&mut key, second);
            key
        };
        let pairs = || {
            texts
                .iter()
                .flat_map(|first| texts.map(|second| (*first, second)))
        };
        for (one, other) in pairs().flat_map(|one| pairs().map(move |other| (one, other))) {
            let (own, others) = (key(one.0, one.1), key(other.0, other.1));
            assert_eq!(one.cmp(&other), own.cmp(&others), "{one:?} {other:?}");
            assert!(
                one == other || !others.starts_with(&own),
                "{one:?} {other:?}"
            );
        }
    }
}
