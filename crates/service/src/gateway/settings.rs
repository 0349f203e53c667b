//! What a gateway is made of, and what it puts up with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// What time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// A clock that is read so.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

/// Certificates of a handshake are checked by it, too.
impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let secs = u64::try_from(self.now().timestamp()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(secs)))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Where a gateway keeps what, and its limits.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Certificates, tokens, revocations: mode 0700.
    pub state_dir: PathBuf,
    /// The vaults.
    pub pool_dir: PathBuf,
    /// What it puts up with.
    pub limits: Limits,
    /// What time it is.
    pub clock: Clock,
}

/// What one agent may have, and how fast it may come by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of objects that it has made and that still stand.
    pub bytes: u64,
    /// Number of such objects.
    pub objects: u64,
    /// Bytes that it may add in a second, averaged over a minute.
    pub bytes_per_sec: u64,
    /// Requests in a second, averaged over a minute.
    pub requests_per_sec: u64,
}

/// What a gateway puts up with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at the same time: 1024.
    pub connections: usize,
    /// Connections of one address at the same time: 256. Agents behind one router share it.
    pub connections_per_peer: usize,
    /// Handshakes at the same time: 64; others wait for their turn within [`Limits::handshake`].
    pub handshakes: usize,
    /// From the first byte to the end of the handshake: 10 s.
    pub handshake: Duration,
    /// From the end of one request to the end of the next one's header, so also an idle connection: 60 s.
    pub header: Duration,
    /// A body of which nothing arrives for so long is given up, as is an answer of which nobody takes anything: 60 s.
    pub idle: Duration,
    /// A body may arrive no slower than this, bytes per second: 4096.
    pub slowest_bytes_per_sec: u64,
    /// A connection is closed after so many requests that were malformed or refused: 32.
    pub bad_requests: u32,
    /// How long a certificate is good: 30 days. Its holder renews it after two thirds.
    pub certificate: Duration,
    /// No object is taken that would leave less room on the disk, bytes: 1 GiB.
    pub keep_free_bytes: u64,
    /// What each agent may have, if nothing else is said.
    pub quota: Quota,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_peer: 256,
            handshakes: 64,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            slowest_bytes_per_sec: 4096,
            bad_requests: 32,
            certificate: Duration::from_secs(30 * 86_400),
            keep_free_bytes: 1 << 30,
            quota: Quota {
                bytes: u64::MAX,
                objects: u64::MAX,
                bytes_per_sec: 1 << 30,
                requests_per_sec: 500,
            },
        }
    }
}
