//! A connection to a server that fails as it is told to.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(10);

/// What happens to connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// All goes through.
    None,
    /// New connections are closed at once, old ones when something is sent.
    Refuse,
    /// A connection is closed once so many bytes went towards the server, the next so many times.
    Cut {
        /// How many bytes go through.
        after_bytes: usize,
        /// How often.
        times: u32,
    },
    /// Nothing moves, and nothing is closed.
    Stall,
    /// Requests get this answer instead of the server's.
    Answer(String),
    /// Requests reach the server, but the connection closes instead of its answer, the next so many times.
    LoseAnswers {
        /// How often.
        times: u32,
    },
}

#[derive(Debug)]
struct Shared {
    fault: Mutex<Fault>,
    hits: AtomicU32,
    is_over: AtomicBool,
}

impl Shared {
    fn fault(&self) -> Fault {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts down a fault that happens a number of times; whether it happens now.
    fn spend(&self) -> bool {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let (Fault::Cut { times: left, .. } | Fault::LoseAnswers { times: left }) = &mut *fault
        else {
            return false;
        };
        if *left == 0 {
            return false;
        }
        *left -= 1;
        self.hits.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// Passes connections on to a server of this machine.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a port of its own.
    #[must_use]
    pub fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            fault: Mutex::new(Fault::None),
            hits: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
        });
        let seen = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if seen.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(client), shared) = (client, Arc::clone(&seen)) else {
                    continue;
                };
                std::thread::spawn(move || connect(&shared, client, server_port));
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what happens from now on.
    pub fn set(&self, fault: Fault) {
        *self
            .shared
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How often the fault has been felt so far.
    #[must_use]
    pub fn hits(&self) -> u32 {
        self.shared.hits.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _wakes_up = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream, server_port: u16) {
    if shared.fault() == Fault::Refuse {
        shared.hit();
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else {
        return;
    };
    let (Ok(from), Ok(to)) = (server.try_clone(), client.try_clone()) else {
        return;
    };
    let other = Arc::clone(shared);
    let answers = std::thread::spawn(move || relay_answers(&other, from, to));
    relay_requests(shared, &client, &server);
    let _closed = (
        client.shutdown(Shutdown::Both),
        server.shutdown(Shutdown::Both),
    );
    let _joined = answers.join();
}

/// Reads what there is, looking up now and then; `None` when the connection is over.
fn read(shared: &Shared, stream: &mut impl Read, buffer: &mut [u8]) -> Option<usize> {
    loop {
        if shared.is_over.load(Ordering::Relaxed) {
            return None;
        }
        match stream.read(buffer) {
            Ok(0) => return None,
            Ok(read) => return Some(read),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
    }
}

fn relay_requests(shared: &Shared, mut client: &TcpStream, mut server: &TcpStream) {
    let _set = client.set_read_timeout(Some(TICK));
    let (mut buffer, mut passed) = (vec![0; 16 << 10], 0);
    while let Some(read) = read(shared, &mut client, &mut buffer) {
        let bytes = buffer.get(..read).unwrap_or_default();
        wait_while_stalled(shared);
        passed += read;
        match shared.fault() {
            Fault::Refuse => {
                shared.hit();
                return;
            }
            Fault::Cut { after_bytes, .. } if passed > after_bytes && shared.spend() => return,
            Fault::Answer(answer) => {
                shared.hit();
                let _sent = client.write_all(answer.as_bytes());
                let _closed = client.shutdown(Shutdown::Write);
                // What is still on its way is taken, or the client would not see the answer for the reset.
                let mut late = 0;
                while let Ok(more) = client.read(&mut buffer) {
                    late += more;
                    if more == 0 || late > 64 << 20 {
                        return;
                    }
                }
                return;
            }
            _ => {}
        }
        if server.write_all(bytes).is_err() {
            return;
        }
    }
}

fn relay_answers(shared: &Shared, mut server: TcpStream, mut client: TcpStream) {
    let _set = server.set_read_timeout(Some(TICK));
    let mut buffer = vec![0; 64 << 10];
    while let Some(read) = read(shared, &mut server, &mut buffer) {
        wait_while_stalled(shared);
        let is_lost = matches!(shared.fault(), Fault::LoseAnswers { .. }) && shared.spend();
        let bytes = buffer.get(..read).unwrap_or_default();
        if is_lost || client.write_all(bytes).is_err() {
            break;
        }
    }
    let _closed = (
        client.shutdown(Shutdown::Both),
        server.shutdown(Shutdown::Both),
    );
}

fn wait_while_stalled(shared: &Shared) {
    let mut is_counted = false;
    while shared.fault() == Fault::Stall && !shared.is_over.load(Ordering::Relaxed) {
        if !is_counted {
            shared.hit();
            is_counted = true;
        }
        std::thread::sleep(TICK);
    }
}
