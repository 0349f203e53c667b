//! What goes to standard output and standard error.

pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod progress;
mod spool;

use std::cell::Cell;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::Globals;
use crate::fail::{Code, Fail, Result};
use crate::throttle::Throttle;
use spool::Spool;

/// A line on standard error. Where nobody reads it, it is lost: there is no other place to complain.
pub(crate) fn tell(line: &str) {
    tell_part(&format!("{line}\n"));
}

/// As [`tell`], without ending the line.
pub(crate) fn tell_part(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Whoever does not read a result does not make the command fail: what it did is done.
fn unless_unread(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// How results are shown.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    pub(crate) progress: bool,
    /// What progress tells of.
    throttle: Option<Arc<Throttle>>,
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
            throttle: None,
            colour: may_colour(&io::stdout()),
            is_started: Rc::default(),
        }
    }

    /// The same, whose progress tells of the throttle.
    pub(crate) fn at_pace(self, throttle: Arc<Throttle>) -> Self {
        Self {
            throttle: Some(throttle),
            ..self
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
        let mut text = serde_json::to_string(document)?;
        text.push('\n');
        self.whole(&text)
    }

    /// The result for a person; it ends without a line break.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        self.whole(&format!("{text}\n"))
    }

    fn whole(&self, text: &str) -> io::Result<()> {
        let mut out = self.stream();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        unless_unread(written)
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
        tell(text);
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
        tell_part(&failure_text(fail, may_colour(&io::stderr())));
    }

    /// Why a part of the command failed whose other parts go on.
    pub(crate) fn failure_of_part(&self, fail: &Fail) {
        if !self.json {
            tell_part(&failure_text(fail, may_colour(&io::stderr())));
        }
    }

    /// Text in a colour, where colours are understood.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        paint(self.colour, colour, text)
    }
}

/// Lines about what happens, from any thread: an event each.
#[derive(Debug)]
pub(crate) struct Told {
    json: bool,
    quiet: bool,
}

impl Told {
    pub(crate) fn new(out: &Out) -> Self {
        Self {
            json: out.json,
            quiet: out.quiet,
        }
    }

    /// Where nobody reads it, it is lost: what happens goes on.
    pub(crate) fn line(&self, event: &impl Serialize, text: impl FnOnce() -> String) {
        let line = match (self.json, self.quiet) {
            (true, _) => serde_json::to_string(event).unwrap_or_default(),
            (false, true) => return,
            (false, false) => text(),
        };
        let mut out = io::stdout().lock();
        drop(writeln!(out, "{line}").and_then(|()| out.flush()));
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
    text.push_str(&format!("code: {}\n", fail.problem.entry().id));
    if let Some(kit) = &fail.recovery_kit {
        text.push_str(&format!(
            "The vault's passphrase stands in {kit}: keep it somewhere else, too.\n"
        ));
    }
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

/// A JSON array of any length. Nothing of it appears before it is complete, so that a failure on the way can still be
/// the one document of the command.
pub(crate) struct JsonArray<'a> {
    out: &'a Out,
    spool: Spool,
    is_empty: bool,
}

impl<'a> JsonArray<'a> {
    /// An array whose entries wait in memory and, if they are many, in a file in `cache_dir`.
    pub(crate) fn new(out: &'a Out, cache_dir: &Path) -> Self {
        Self {
            out,
            spool: Spool::new(cache_dir),
            is_empty: true,
        }
    }

    pub(crate) fn push(&mut self, entry: &impl Serialize) -> strongroom::Result<()> {
        let separator = if self.is_empty { b"[\n" } else { b",\n" };
        self.is_empty = false;
        let mut add = || {
            self.spool.write_all(separator)?;
            serde_json::to_writer(&mut self.spool, entry)?;
            Ok(())
        };
        let added: io::Result<()> = add();
        added.map_err(|error| self.spool.fail(error))
    }

    /// Writes the array to standard output.
    pub(crate) fn finish(mut self) -> Result<()> {
        let end: &[u8] = if self.is_empty { b"[]\n" } else { b"\n]\n" };
        let ended = self.spool.write_all(end);
        ended.map_err(|error| self.spool.fail(error))?;
        let mut out = self.out.stream();
        self.spool.copy_to(&mut out)?;
        Ok(unless_unread(out.flush())?)
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
            "error: cannot read /a\\u{1b}\ncause: gone\nhelp: look\ncode: failed\n"
        );
    }
}
