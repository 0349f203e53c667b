//! Asking for a passphrase on a terminal, without showing it.

use std::io::{IsTerminal, Read};
use std::sync::{Mutex, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::fail::{Code, Fail, Result};
use crate::output::{tell, tell_part};

/// Longest line that is read, bytes.
const LINE_MAX_BYTES: usize = 4096;

/// True when a person can be asked.
pub(crate) fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for one line. Call only when [`is_possible`].
pub(crate) fn line(question: &str) -> Result<Zeroizing<Vec<u8>>> {
    let fail = |error: &std::io::Error| {
        let help = "give the passphrase with --passphrase-file";
        Fail::new(Code::Key, "cannot ask for the passphrase", help).because(error)
    };
    tell_part(&format!("{question}: "));
    let silence = Silence::begin().map_err(|error| fail(&error))?;
    let line = read(&mut std::io::stdin().lock());
    drop(silence);
    tell("");
    match line {
        Ok(Some(line)) => Ok(line),
        Ok(None) => Err(Fail::new(
            Code::Cancelled,
            "cancelled",
            "run the command again when you like",
        )),
        Err(error) => Err(fail(&error)),
    }
}

/// How the terminal was before a question made it silent. A signal ends the program without unwinding, so what it has to
/// put right stands where its thread finds it.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Ends a question as far as the terminal is concerned; false when none is open.
pub(crate) fn end() -> bool {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    before.is_some_and(|before| {
        let restored = tcsetattr(std::io::stdin(), OptionalActions::Flush, &before);
        debug_assert!(restored.is_ok());
        true
    })
}

/// Echo is off and keys come one by one, Ctrl-C, too: nothing that is typed can leave the terminal silent.
struct Silence;

impl Silence {
    fn begin() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        let mut shared = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)?;
        *shared = Some(before);
        Ok(Self)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        end();
    }
}

/// Edits a line from single keys; `None` when the person gives up.
fn read(keys: &mut impl Read) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_MAX_BYTES));
    let mut key = Zeroizing::new([0]);
    loop {
        if keys.read(key.as_mut_slice())? == 0 {
            return Ok(None);
        }
        let [pressed] = *key;
        match pressed {
            b'\n' | b'\r' => return Ok(Some(line)),
            CTRL_C => return Ok(None),
            CTRL_D if line.is_empty() => return Ok(None),
            BACKSPACE | DELETE => erase(&mut line),
            CTRL_U => line.clear(),
            byte if line.len() < LINE_MAX_BYTES => line.push(byte),
            _ => {}
        }
    }
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

/// Removes the last character, which may be several bytes.
fn erase(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Option<String> {
        let line = read(&mut keys.as_bytes()).unwrap()?;
        Some(String::from_utf8(line.to_vec()).unwrap())
    }

    #[test]
    fn a_line_can_be_edited_and_given_up() {
        assert_eq!(typed("secret\nmore").as_deref(), Some("secret"));
        assert_eq!(
            typed("se\u{7f}\u{7f}\u{7f}öx\u{8}\u{8}b\r").as_deref(),
            Some("b")
        );
        assert_eq!(typed("abc\u{15}d\n").as_deref(), Some("d"));
        assert_eq!(typed("abc\u{3}\n"), None);
        assert_eq!(typed("\u{4}"), None);
        assert_eq!(typed("unfinished"), None);
    }
}
