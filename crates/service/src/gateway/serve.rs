//! Connections: how many, how slow, whose.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, Holder};
use super::connection::Connection;
use super::line::Line;
use super::pool::Pool;
use super::revoked::Revocations;
use super::settings::Settings;
use super::tokens::TokenStore;
use super::usage::{Usage, Used};
use crate::{AgentId, Error, Result};

const HEADERS_MAX: usize = 40;
const HEADER_MAX_BYTES: usize = 16 << 10;
const SERVED_AT_ONCE_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// The gateway of a server.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    shared: Arc<Shared>,
}

/// What all connections use.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) authority: Authority,
    pub(super) tokens: Arc<dyn TokenStore>,
    pub(super) revocations: Revocations,
    pub(super) pool: Pool,
    pub(super) usage: Usage,
    peers: Mutex<HashMap<IpAddr, usize>>,
}

impl Gateway {
    /// Opens what a gateway needs, counts what every agent has, and listens.
    ///
    /// # Errors
    /// When the state or the pool cannot be used, or the address is taken.
    pub async fn bind(
        settings: Settings,
        tokens: Arc<dyn TokenStore>,
        address: SocketAddr,
    ) -> Result<Self> {
        let now = settings.clock.now();
        let authority = Authority::open(&settings.state_dir, now)?;
        let tls = authority.server_config(&settings.clock)?;
        let pool = Pool::open(&settings.pool_dir)?;
        let usage = Usage::new(settings.limits.quota);
        pool.count(|agent, used| usage.add(&agent, used))
            .map_err(Error::file(&settings.pool_dir))?;
        let listener = TcpListener::bind(address).await;
        let listener =
            listener.map_err(|error| Error::Unreachable(format!("{address}: {error}")))?;
        let revocations = Revocations::open(&settings.state_dir);
        let peers = Mutex::default();
        let shared = Shared {
            settings,
            authority,
            tokens,
            revocations,
            pool,
            usage,
            peers,
        };
        Ok(Self {
            listener,
            tls,
            shared: Arc::new(shared),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What an agent has.
    #[must_use]
    pub fn used(&self, agent: &AgentId) -> Used {
        self.shared.usage.used(agent)
    }

    /// Serves until `stop` is over. What is under way then is cut, which harms nothing.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let limits = &self.shared.settings.limits;
        let connections = Arc::new(Semaphore::new(limits.connections));
        let handshakes = Arc::new(Semaphore::new(limits.handshakes));
        let mut running = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return,
                Some(_ended) = running.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                // No descriptors are left: some connection will end.
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(SERVED_AT_ONCE_PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
                tracing::debug!(%peer, "too many connections");
                continue;
            };
            let Some(peer) = Peer::admit(&self.shared, peer.ip()) else {
                continue;
            };
            let tls = TlsAcceptor::from(Arc::clone(&self.tls));
            let (shared, handshakes) = (Arc::clone(&self.shared), Arc::clone(&handshakes));
            running.spawn(async move {
                if let Err(error) = converse(shared, tls, handshakes, stream).await {
                    tracing::debug!(peer = %peer.address, %error, "a connection ended");
                }
                drop((peer, permit));
            });
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn converse(
    shared: Arc<Shared>,
    tls: TlsAcceptor,
    handshakes: Arc<Semaphore>,
    stream: TcpStream,
) -> Result<(), Failure> {
    let limits = &shared.settings.limits;
    stream.set_nodelay(true)?;
    let handshake = async {
        let _turn = handshakes.acquire().await.map_err(io::Error::other)?;
        tls.accept(Line::new(stream, limits.handshake)).await
    };
    let stream = tokio::time::timeout(limits.handshake, handshake).await??;
    let (_, session) = stream.get_ref();
    let holder = match session.peer_certificates() {
        Some([certificate, ..]) => Some(Holder::of(certificate)?),
        _ => None,
    };
    // From here on the other end has the patience of a request.
    let mut stream = stream;
    stream.get_mut().0.set_idle(limits.idle);
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_MAX_BYTES)
        .half_close(false);
    let connection = Arc::new(Connection::new(Arc::clone(&shared), holder));
    let service = hyper::service::service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { Ok::<_, std::convert::Infallible>(connection.answer(request).await) }
    });
    builder
        .serve_connection(TokioIo::new(stream), service)
        .await?;
    Ok(())
}

/// One connection of an address, counted as long as it lives.
struct Peer {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Peer {
    fn admit(shared: &Arc<Shared>, address: IpAddr) -> Option<Self> {
        let mut peers = shared.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(address).or_default();
        if *count >= shared.settings.limits.connections_per_peer {
            tracing::debug!(%address, "too many connections of one address");
            return None;
        }
        *count += 1;
        Some(Self {
            shared: Arc::clone(shared),
            address,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut peers = self
            .shared
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.address);
            }
        }
    }
}
