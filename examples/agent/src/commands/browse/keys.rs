//! Keys, from the bytes that a terminal sends.

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C.
    Interrupt,
}

const ESCAPE: u8 = 0x1b;

/// Takes the keys that are complete off the front. What is left may be the beginning of one.
pub(super) fn decode(bytes: &mut Vec<u8>) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((key, len)) = first(rest) {
        keys.extend(key);
        rest = rest.get(len..).unwrap_or_default();
    }
    *bytes = rest.to_vec();
    keys
}

/// What the beginning of a key is when nothing follows it: the key Escape, or nothing.
pub(super) fn alone(bytes: &mut Vec<u8>) -> Option<Key> {
    let key = (bytes.first() == Some(&ESCAPE)).then_some(Key::Escape);
    bytes.clear();
    key
}

/// The first key, if it means something, and how many bytes it is; `None` when it is not complete.
fn first(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let first = *bytes.first()?;
    let key = match first {
        ESCAPE => return sequence(bytes),
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        3 => Key::Interrupt,
        8 | 127 => Key::Backspace,
        0..0x20 => return Some((None, 1)),
        _ => return letter(bytes),
    };
    Some((Some(key), 1))
}

fn letter(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let len = match bytes.first()? {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    };
    let letter = std::str::from_utf8(bytes.get(..len)?).ok();
    let letter = letter.and_then(|text| text.chars().next());
    Some((letter.map(Key::Letter), len))
}

/// `ESC [ … letter`, `ESC [ … ~` or `ESC O letter`. Escape with anything else is Escape, and the other key after it.
fn sequence(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    match bytes.get(1)? {
        b'[' => {}
        b'O' => return Some((named(*bytes.get(2)?), 3)),
        _ => return Some((Some(Key::Escape), 1)),
    }
    let parameters = bytes.get(2..)?;
    let len = parameters
        .iter()
        .position(|byte| (0x40..=0x7e).contains(byte))?;
    let key = match (*parameters.get(len)?, parameters.get(..len)?) {
        (b'~', b"1" | b"7") => Some(Key::Home),
        (b'~', b"4" | b"8") => Some(Key::End),
        (b'~', b"5") => Some(Key::PageUp),
        (b'~', b"6") => Some(Key::PageDown),
        (last, _) => named(last),
    };
    Some((key, len + 3))
}

fn named(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'F' => Key::End,
        b'H' => Key::Home,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Key> {
        let mut bytes = text.as_bytes().to_vec();
        let mut keys = decode(&mut bytes);
        keys.extend(alone(&mut bytes));
        keys
    }

    #[test]
    fn keys_are_told_apart() {
        use Key::{Backspace, Down, End, Enter, Escape, Home, Interrupt, Left, Letter, PageUp};
        assert_eq!(all("aö\r"), [Letter('a'), Letter('ö'), Enter]);
        assert_eq!(all("\u{1b}[B\u{1b}OD\u{1b}[5~"), [Down, Left, PageUp]);
        assert_eq!(all("\u{1b}[1~\u{1b}[F\u{1b}[1;5D"), [Home, End, Left]);
        assert_eq!(all("\u{1b}"), [Escape]);
        assert_eq!(all("\u{1b}q"), [Escape, Letter('q')]);
        assert_eq!(all("\u{7f}\u{3}\u{1}"), [Backspace, Interrupt]);
        assert_eq!(all("\u{1b}[15~x"), [Letter('x')]);
    }

    #[test]
    fn a_key_may_come_in_pieces() {
        let mut bytes = vec![ESCAPE, b'['];
        assert_eq!(decode(&mut bytes), []);
        bytes.push(b'A');
        assert_eq!(decode(&mut bytes), [Key::Up]);
        bytes.extend("é".as_bytes().iter().take(1));
        assert_eq!(decode(&mut bytes), []);
        bytes.extend("é".as_bytes().iter().skip(1));
        assert_eq!(decode(&mut bytes), [Key::Letter('é')]);
    }
}
