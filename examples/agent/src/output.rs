//! What goes to standard output and standard error.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod progress;

use std::cell::Cell;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::rc::Rc;

use serde::Serialize;

use crate::cli::Globals;
use crate::fail::{Code, Fail};

/// How results are shown.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) progress: bool,
    /// Standard output understands colour.
    colour: bool,
    /// Something stands on standard output that an error document must not be mixed with.
    is_started: Rc<Cell<bool>>,
}

impl Out {
    pub(crate) fn new(globals: &Globals) -> Self {
        Self {
            quiet: globals.quiet,
            verbose: globals.verbose,
            progress: !(globals.quiet || globals.no_progress || globals.json),
            ..Self::plain(globals.json)
        }
    }

    /// Before flags are known.
    pub(crate) fn plain(json: bool) -> Self {
        Self {
            json,
            quiet: false,
            verbose: false,
            progress: false,
            colour: may_colour(&io::stdout()),
            is_started: Rc::default(),
        }
    }

    /// Standard output for a result of any length.
    pub(crate) fn stream(&self) -> Stream<'_> {
        Stream {
            out: self,
            started: None,
        }
    }

    /// The one document of a command.
    pub(crate) fn document(&self, document: &impl Serialize) -> io::Result<()> {
        let mut out = self.stream();
        serde_json::to_writer(&mut out, document)?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// The result for a person; it ends without a line break.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        let mut out = self.stream();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// The one or the other; a summary is not shown when quiet.
    pub(crate) fn result(
        &self,
        document: &impl Serialize,
        summary: impl FnOnce() -> String,
    ) -> io::Result<()> {
        match (self.json, self.quiet) {
            (true, _) => self.document(document),
            (false, true) => Ok(()),
            (false, false) => self.text(&summary()),
        }
    }

    /// Something to know beside the result.
    #[expect(clippy::unused_self, reason = "all output goes through here")]
    pub(crate) fn note(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Why the command failed.
    pub(crate) fn failure(&self, fail: &Fail) {
        if fail.code == Code::Done {
            return;
        }
        // Where to put it matters more than whether it arrives: there is no other place to complain.
        if self.json && !self.is_started.get() {
            drop(self.document(&json::Failure::from(fail)));
            return;
        }
        let mut err = io::stderr().lock();
        drop(err.write_all(failure_text(fail, may_colour(&io::stderr())).as_bytes()));
    }

    /// Text in a colour, where colours are understood.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        paint(self.colour, colour, text)
    }
}

/// What stands out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Colour {
    Good,
    Doubtful,
    Bad,
    Strong,
}

fn paint(is_on: bool, colour: Colour, text: &str) -> String {
    let code = match colour {
        Colour::Good => "32",
        Colour::Doubtful => "33",
        Colour::Bad => "1;31",
        Colour::Strong => "1",
    };
    if is_on {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

fn may_colour(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn failure_text(fail: &Fail, colour: bool) -> String {
    let mut text = format!(
        "{} {}\n",
        paint(colour, Colour::Bad, "error:"),
        human::clean(&fail.message)
    );
    for cause in &fail.causes {
        text.push_str(&format!("cause: {}\n", human::clean(cause)));
    }
    text.push_str(&format!(
        "{} {}\n",
        paint(colour, Colour::Strong, "help:"),
        fail.help
    ));
    text
}

/// Standard output, buffered. Once something was written, errors are told as text.
pub(crate) struct Stream<'a> {
    out: &'a Out,
    started: Option<BufWriter<StdoutLock<'static>>>,
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.is_started.set(true);
        let begin = || BufWriter::with_capacity(64 << 10, io::stdout().lock());
        self.started.get_or_insert_with(begin).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.started.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// A JSON array that is written entry by entry; nothing appears before the first one is there.
pub(crate) struct JsonArray<'a> {
    stream: Stream<'a>,
    is_empty: bool,
}

impl<'a> JsonArray<'a> {
    pub(crate) fn new(out: &'a Out) -> Self {
        Self {
            stream: out.stream(),
            is_empty: true,
        }
    }

    pub(crate) fn push(&mut self, entry: &impl Serialize) -> io::Result<()> {
        let separator = if self.is_empty { b"[\n" } else { b",\n" };
        self.is_empty = false;
        self.stream.write_all(separator)?;
        serde_json::to_writer(&mut self.stream, entry)?;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        let end: &[u8] = if self.is_empty { b"[]\n" } else { b"\n]\n" };
        self.stream.write_all(end)?;
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_lines() {
        let fail = Fail::new(Code::Failed, "cannot read /a\u{1b}", "look")
            .because(&io::Error::other("gone"));
        assert_eq!(
            failure_text(&fail, false),
            "error: cannot read /a\\u{1b}\ncause: gone\nhelp: look\n"
        );
    }
}
