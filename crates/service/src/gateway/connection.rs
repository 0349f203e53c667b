//! From a request to an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::answer::{Answer, Refused};
use super::authority::Holder;
use super::serve::Shared;
use super::{certify, objects};
use crate::wire::{self, Ask, ENROL_MAX_BYTES};
use crate::{Identity, VaultName};

/// What a client that is refused may still send.
const DISCARD_MAX_BYTES: u64 = 64 << 20;

/// One connection, and whose it is.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// Nobody, until a token has been exchanged for a certificate and a new connection is made with it.
    pub(super) holder: Option<Holder>,
    bad: AtomicU32,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, holder: Option<Holder>) -> Self {
        Self {
            shared,
            holder,
            bad: AtomicU32::new(0),
        }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let mut body = Upload::new(body, &self.shared);
        // As it was sent: `Uri` would have accepted, or changed, more than names have.
        let target = parts
            .uri
            .path_and_query()
            .map_or("*", |target| target.as_str());
        let is_relative = parts.uri.scheme().is_none() && parts.uri.authority().is_none();
        let ask = wire::parse(&parts.method, if is_relative { target } else { "*" });
        let outcome = match ask {
            Err(malformed) => Err(Refused::from(malformed)),
            Ok(Ask::Enrol) => certify::enrol(self, &mut body).await,
            Ok(ask) => match self.admit() {
                Err(refused) => Err(refused),
                Ok(who) => match ask {
                    Ask::Enrol | Ask::Renew => certify::renew(self, who, &mut body).await,
                    Ask::Create(vault, key) => {
                        objects::create(self, who, &vault, &key, &parts.headers, &mut body).await
                    }
                    Ask::Read(vault, key) => {
                        objects::read(self, who, &vault, &key, &parts.headers).await
                    }
                    Ask::Look(vault, key) => objects::look(self, who, &vault, &key).await,
                    Ask::Delete(vault, key) => objects::delete(self, who, &vault, &key).await,
                    Ask::List(vault, page) => objects::list(self, who, &vault, page).await,
                },
            },
        };
        match outcome {
            Ok(answer) => answer,
            Err(refused) => self.refuse(refused, body).await,
        }
    }

    /// Who asks, if that is still true: also on a connection that was made long ago.
    fn admit(&self) -> Result<&Identity, Refused> {
        let stranger = |code, message| Refused::new(StatusCode::UNAUTHORIZED, code, message);
        let holder = self.holder.as_ref();
        let holder = holder.ok_or_else(|| stranger("no-certificate", "a certificate is needed"))?;
        if holder.expires_at <= self.shared.settings.clock.now() {
            return Err(stranger("expired", "the certificate has expired"));
        }
        match self.shared.revocations.names(holder) {
            Ok(false) => {}
            Ok(true) => {
                return Err(Refused::new(
                    StatusCode::FORBIDDEN,
                    "revoked",
                    "the certificate is revoked",
                ));
            }
            Err(error) => return Err(Refused::failure(&error)),
        }
        self.shared.usage.ask(&holder.identity.agent)?;
        Ok(&holder.identity)
    }

    /// That somebody's vault is asked for, and that it is there.
    pub(super) fn enter(&self, who: &Identity, vault: &VaultName) -> Result<(), Refused> {
        if who.vault != *vault {
            return Err(crate::grammar::Denied::OtherVault.into());
        }
        if !self.shared.pool.has_vault(vault) {
            return Err(Refused::new(
                StatusCode::NOT_FOUND,
                "no-vault",
                "the server has no such vault",
            ));
        }
        Ok(())
    }

    /// An honest client that is refused still sends its body, and hears nothing until it is through.
    async fn refuse(&self, refused: Refused, mut body: Upload) -> Answer {
        let is_known = self.holder.is_some();
        let bad = match refused.is_bad() {
            true => self.bad.fetch_add(1, Ordering::Relaxed) + 1,
            false => 0,
        };
        let max_bytes = if is_known {
            DISCARD_MAX_BYTES
        } else {
            ENROL_MAX_BYTES * 4
        };
        let is_through = body.discard(max_bytes).await;
        let closes = !is_known || !is_through || bad >= self.shared.settings.limits.bad_requests;
        refused.into_answer(closes)
    }
}

/// The body of a request, with deadlines.
#[derive(Debug)]
pub(super) struct Upload {
    body: Incoming,
    idle: Duration,
    slowest_bytes_per_sec: u64,
    deadline: Instant,
}

impl Upload {
    fn new(body: Incoming, shared: &Shared) -> Self {
        let limits = &shared.settings.limits;
        let mut body = Self {
            body,
            idle: limits.idle,
            slowest_bytes_per_sec: limits.slowest_bytes_per_sec.max(1),
            deadline: Instant::now(),
        };
        body.expect_bytes(body.exact_bytes().unwrap_or(0));
        body
    }

    fn expect_bytes(&mut self, bytes: u64) {
        let secs = bytes / self.slowest_bytes_per_sec;
        self.deadline = Instant::now() + self.idle + Duration::from_secs(secs.min(86_400));
    }

    /// What the client has announced.
    pub(super) fn exact_bytes(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<bytes::Bytes>, Refused> {
        loop {
            let until = self.deadline.min(Instant::now() + self.idle);
            let frame = tokio::time::timeout_at(until, self.body.frame()).await;
            let slow = |_elapsed| {
                Refused::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "slow",
                    "the body does not arrive",
                )
            };
            match frame.map_err(slow)? {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    return Err(Refused::new(StatusCode::BAD_REQUEST, "cut", error));
                }
            }
        }
    }

    /// All of a small body.
    pub(super) async fn whole(&mut self, max_bytes: u64) -> Result<Vec<u8>, Refused> {
        let large = || {
            Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "large",
                "the body is too large",
            )
        };
        if self.exact_bytes().is_some_and(|bytes| bytes > max_bytes) {
            return Err(large());
        }
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
            if whole.len() as u64 > max_bytes {
                return Err(large());
            }
        }
        Ok(whole)
    }

    /// Takes what still comes; false when that would be too much, or it is cut.
    async fn discard(&mut self, max_bytes: u64) -> bool {
        if self.body.is_end_stream() {
            return true;
        }
        if self.exact_bytes().is_none_or(|bytes| bytes > max_bytes) {
            return false;
        }
        loop {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }
}
