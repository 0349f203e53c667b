//! The whole terminal, as long as it is held; afterwards it is as it was, also after a panic.

use std::io::{self, Write};
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::draw::Row;
use super::keys;
use super::state::{Event, Size};

/// The other screen, no cursor, no wrapping.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// A terminal that does not know its size.
const USUAL: Size = Size {
    width: 80,
    height: 24,
};
/// What follows Escape within this time belongs to it.
const ESCAPE_WAIT: Duration = Duration::from_millis(50);

pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    pub(super) fn take() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        let held = Self { before };
        write(ENTER)?;
        Ok(held)
    }

    /// Everything anew, as many rows as there are: a screen is small.
    pub(super) fn show(&self, rows: &[Row]) -> io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                text.push_str("\r\n");
            }
            // Before the text: behind a row that is full, the cursor is still on its last cell.
            text.push_str("\x1b[2K");
            match row.is_chosen {
                true => text.push_str(&format!("\x1b[7m{}\x1b[0m", row.text)),
                false => text.push_str(&row.text),
            }
        }
        write(&text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whoever has closed the terminal does not see it.
        let _is_seen = write(LEAVE).is_ok();
        let _is_there = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before).is_ok();
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

pub(super) fn size() -> Size {
    match tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            width: size.ws_col.into(),
            height: size.ws_row.into(),
        },
        _ => USUAL,
    }
}

/// Tells keys until nobody listens or the terminal is gone.
pub(super) fn listen(events: &Sender<Event>) {
    let mut bytes = Vec::new();
    loop {
        let is_complete = bytes.is_empty() || has_more();
        let mut keys = Vec::new();
        if is_complete {
            let mut read = [0; 256];
            match rustix::io::read(io::stdin(), &mut read) {
                Ok(0) => break,
                Ok(len) => bytes.extend(read.iter().take(len)),
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => break,
            }
            keys.extend(keys::decode(&mut bytes));
        } else {
            keys.extend(keys::alone(&mut bytes));
        }
        for key in keys {
            if events.send(Event::Key(key)).is_err() {
                return;
            }
        }
    }
    // It may not listen any more.
    let _is_heard = events.send(Event::Stop).is_ok();
}

fn has_more() -> bool {
    let stdin = io::stdin();
    let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
    let wait = Timespec::try_from(ESCAPE_WAIT).ok();
    matches!(poll(&mut ready, wait.as_ref()), Ok(1..))
}
