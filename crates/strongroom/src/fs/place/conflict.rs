//! The name of a copy beside an entry that is kept.

use crate::fs::entry::NAME_MAX_BYTES;

/// The name under which an entry is restored when its own is taken: `STAMP Copy of NAME`, for the second and later
/// attempts `STAMP Copy (ATTEMPT) of NAME`.
///
/// `stamp` is `YYYY-MM-DD HH-mm`. A name that would be longer than 255 bytes is shortened at its end, not within a
/// character of UTF-8.
///
/// # Examples
/// ```
/// use strongroom::fs::conflict_name;
///
/// assert_eq!(conflict_name(b"notes", "2024-05-06 07-08", 1), b"2024-05-06 07-08 Copy of notes");
/// assert_eq!(conflict_name(b"notes", "2024-05-06 07-08", 2), b"2024-05-06 07-08 Copy (2) of notes");
/// ```
#[must_use]
pub fn conflict_name(name: &[u8], stamp: &str, attempt: u32) -> Vec<u8> {
    let mut copy = match attempt {
        0 | 1 => format!("{stamp} Copy of "),
        _ => format!("{stamp} Copy ({attempt}) of "),
    }
    .into_bytes();
    let room = NAME_MAX_BYTES.saturating_sub(copy.len());
    copy.extend_from_slice(shortened(name, room));
    copy.truncate(NAME_MAX_BYTES);
    copy
}

fn shortened(name: &[u8], len: usize) -> &[u8] {
    // The byte after the cut tells whether the cut is within a character; one has at most three such bytes.
    let is_within = |at: &usize| {
        name.get(*at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    let cut = (len.saturating_sub(3)..=len)
        .rev()
        .find(|at| !is_within(at))
        .unwrap_or(len);
    name.get(..cut).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_named_within_255_bytes() {
        let stamp = "2024-05-06 07-08";
        let prefix = stamp.len() + " Copy of ".len();
        assert_eq!(
            conflict_name(b"a.txt", stamp, 1),
            b"2024-05-06 07-08 Copy of a.txt"
        );
        assert_eq!(
            conflict_name(b"a.txt", stamp, 12),
            b"2024-05-06 07-08 Copy (12) of a.txt"
        );
        for filler in 0..4 {
            let name = format!("{}{}", "x".repeat(filler), "💾".repeat(62));
            let copy = conflict_name(name.as_bytes(), stamp, 1);
            assert!(std::str::from_utf8(&copy).is_ok());
            assert!((252..=255).contains(&copy.len()), "{}", copy.len());
        }
        assert_eq!(conflict_name(&[0xbf; 255], stamp, 1).len(), 255);
        assert_eq!(
            conflict_name(&[b'x'; 255 - 25], stamp, 1).len(),
            prefix + 255 - 25
        );
        assert_eq!(conflict_name(&[b'x'; 255], &"s".repeat(300), 1).len(), 255);
    }
}
