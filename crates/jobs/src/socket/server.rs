//! Listening for clients: none of them holds up the daemon or another one, whatever it does.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{LINE_MAX_BYTES, Reply, Request, with_short_name};
use crate::daemon::Event;
use crate::error::{Error, Result};

/// Clients at once; one more is sent away.
const CLIENTS_MAX_COUNT: usize = 32;
/// A client that says nothing for so long is sent away.
const PATIENCE: Duration = Duration::from_secs(20);
/// A client that takes nothing for so long is sent away.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// Events that wait for a client; one that lets more come is sent away.
const EVENTS_MAX_COUNT: usize = 256;

/// Those who want to know what happens.
#[derive(Debug, Clone, Default)]
pub struct Listeners(Arc<Mutex<Vec<SyncSender<Event>>>>);

impl Listeners {
    /// Tells all of them, and waits for none.
    pub fn tell(&self, event: &Event) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|listener| listener.try_send(event.clone()).is_ok());
    }

    fn listen(&self) -> Receiver<Event> {
        let (sender, receiver) = sync_channel(EVENTS_MAX_COUNT);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(sender);
        receiver
    }
}

/// The socket of a daemon. Only the user that it runs as, and root, are answered.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    listeners: Listeners,
}

/// Answers a request that can be answered at once.
pub type Answer = dyn Fn(Request) -> Reply + Send + Sync;

impl Server {
    /// Listens at a path, in a directory that is the user's own. What stands there is left by a daemon that is gone: the
    /// caller holds the lock that says so.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(path: &Path, listeners: Listeners) -> Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::io("remove", path)(error));
            }
            _ => {}
        }
        let listener = with_short_name(path, |name| UnixListener::bind(name))?;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, private).map_err(Error::io("protect", path))?;
        Ok(Self {
            listener,
            listeners,
        })
    }

    /// Answers clients for as long as the process lives, each from a thread of its own.
    pub fn serve(self, answer: Arc<Answer>) {
        let count = Arc::new(AtomicUsize::new(0));
        for stream in self.listener.incoming() {
            let Ok(stream) = stream else {
                // Out of file descriptors, most likely: it passes.
                std::thread::sleep(Duration::from_secs(1));
                continue;
            };
            if !is_trusted(&stream) || count.load(Ordering::Relaxed) >= CLIENTS_MAX_COUNT {
                continue;
            }
            count.fetch_add(1, Ordering::Relaxed);
            let (answer, counted) = (Arc::clone(&answer), Arc::clone(&count));
            let listeners = self.listeners.clone();
            let talk = move || {
                if let Err(error) = talk(&stream, &listeners, &*answer) {
                    tracing::debug!(%error, "a client is sent away");
                }
                counted.fetch_sub(1, Ordering::Relaxed);
            };
            let spawned = std::thread::Builder::new()
                .name("client".to_owned())
                .spawn(talk);
            if spawned.is_err() {
                count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// The user of this process, or root.
fn is_trusted(stream: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(stream);
    peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid() || peer.uid.is_root())
}

fn talk(stream: &UnixStream, listeners: &Listeners, answer: &Answer) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(WRITE_PATIENCE))?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut text = Vec::new();
        let limit = u64::try_from(LINE_MAX_BYTES).unwrap_or(u64::MAX);
        lines.by_ref().take(limit).read_until(b'\n', &mut text)?;
        if text.is_empty() {
            return Ok(());
        }
        match serde_json::from_slice(&text) {
            Ok(Request::Follow) => return follow(stream, &listeners.listen()),
            Ok(request) => send(stream, &answer(request))?,
            Err(error) => {
                let reason = error.to_string();
                // What follows may be the rest of a line that is too long.
                return send(stream, &Reply::Refused { reason });
            }
        }
    }
}

fn follow(stream: &UnixStream, events: &Receiver<Event>) -> std::io::Result<()> {
    loop {
        let event = events.recv_timeout(PATIENCE);
        match event {
            Ok(event) => send(stream, &event)?,
            // Somebody who is gone is noticed here, and not only with the next event.
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if is_gone(stream) => return Ok(()),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn is_gone(stream: &UnixStream) -> bool {
    let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
    matches!(
        rustix::net::recv(stream, &mut [0_u8; 1][..], flags),
        Ok((_, 0))
    )
}

fn send(mut stream: &UnixStream, message: &impl serde::Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(message)?;
    text.push(b'\n');
    stream.write_all(&text)
}
