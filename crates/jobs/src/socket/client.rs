//! Talking to a daemon.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{LINE_MAX_BYTES, Reply, Request, with_short_name};
use crate::daemon::Event;
use crate::error::{Error, Result};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a daemon.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to the daemon whose socket this is.
    ///
    /// # Errors
    /// [`Error::NoDaemon`] when nobody listens there.
    pub fn connect(socket: &Path) -> Result<Self> {
        let connected = with_short_name(socket, |name| UnixStream::connect(name));
        let stream = connected.map_err(|error| match &error {
            Error::Io { source, .. } => match source.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Error::NoDaemon,
                _ => error,
            },
            _ => error,
        })?;
        let timed = stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timed.map_err(Error::io("use the socket", socket))?;
        Ok(Self { stream })
    }

    /// Asks for something, and waits for the answer.
    ///
    /// # Errors
    /// [`Error::Refused`] when the daemon does not do it; [`Error::Protocol`] when what answers is none; [`Error::Io`] when
    /// it does not answer.
    pub fn ask(mut self, request: &Request) -> Result<Reply> {
        self.send(request)?;
        let mut lines = BufReader::new(&self.stream);
        match parse(&line(&mut lines)?)? {
            Reply::Refused { reason } => Err(Error::Refused { reason }),
            reply => Ok(reply),
        }
    }

    /// What happens from now on.
    ///
    /// # Errors
    /// When the daemon cannot be asked.
    pub fn follow(mut self) -> Result<Events> {
        self.send(&Request::Follow)?;
        let unlimited = self.stream.set_read_timeout(None);
        unlimited.map_err(Error::io("use", "the daemon's socket"))?;
        Ok(Events {
            lines: BufReader::new(self.stream),
        })
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        let mut text = serde_json::to_vec(request).map_err(|error| Error::Protocol {
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        let sent = self.stream.write_all(&text);
        sent.map_err(Error::io("write to", "the daemon's socket"))
    }
}

/// Events of a daemon, until it ends.
#[derive(Debug)]
pub struct Events {
    lines: BufReader<UnixStream>,
}

impl Iterator for Events {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        match line(&mut self.lines) {
            Ok(text) if text.is_empty() => None,
            Ok(text) => Some(parse(&text)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A line of bounded length; empty at the end.
fn line(from: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = u64::try_from(LINE_MAX_BYTES).unwrap_or(u64::MAX);
    let read = from.take(limit).read_until(b'\n', &mut text);
    read.map_err(Error::io("read from", "the daemon's socket"))?;
    Ok(text)
}

fn parse<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| Error::Protocol {
        reason: error.to_string(),
    })
}
