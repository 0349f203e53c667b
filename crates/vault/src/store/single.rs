//! One place behind deadlines and retries.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use strongroom_crypto::Entropy;
use tokio::time::Instant;

use super::outage::{DEFAULT_PATIENCE, Failure, Pauses};
use super::{Created, Listed, receive};
use crate::pace::{Direction, Pace, Pacer, Ticket};
use crate::{Error, Result};

/// Every operation may take this long, and longer in proportion to its bytes.
const DEADLINE: Duration = Duration::from_secs(90);
/// Slowest link that is waited for.
const SLOWEST_BYTES_PER_SEC: u64 = 32 << 10;

/// One object store behind deadlines and retries. Clones share it.
///
/// This is the only layer that tries again: the clouds below it do so never, because only here it is known that an
/// unclear create must be read back, and how long an outage may last.
#[derive(Debug, Clone)]
pub(crate) struct Single {
    inner: Arc<dyn ObjectStore>,
    /// It has answered once: credentials and name are right, and what fails from now on may pass.
    has_answered: Arc<AtomicBool>,
    patience_millis: Arc<AtomicU64>,
    pacer: Pacer,
    /// Its client looks for a [`Ticket`] and sends piece by piece. Any other store takes an object whole, when all of it
    /// has had its turn.
    is_line: bool,
}

impl Single {
    /// Wraps a store.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            has_answered: Arc::default(),
            patience_millis: Arc::new(AtomicU64::new(millis(DEFAULT_PATIENCE))),
            pacer: Pacer::default(),
            is_line: false,
        }
    }

    /// Wraps a store that is reached by our own client.
    pub(crate) fn on_line(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            is_line: true,
            ..Self::new(inner)
        }
    }

    /// The same store with a patience of its own.
    pub(crate) fn with_own_patience(&self, patience: Duration) -> Self {
        Self {
            patience_millis: Arc::new(AtomicU64::new(millis(patience))),
            ..self.clone()
        }
    }

    /// The store itself.
    pub(crate) fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    pub(crate) fn set_patience(&self, patience: Duration) {
        self.patience_millis
            .store(millis(patience), Ordering::Relaxed);
    }

    pub(crate) fn set_pace(&self, pace: Option<Arc<dyn Pace>>) {
        self.pacer.set(pace);
    }

    pub(crate) fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    pub(crate) fn is_held(&self) -> bool {
        self.pacer.is_holding()
    }

    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.load(Ordering::Relaxed)
    }

    fn patience(&self) -> Duration {
        if self.has_answered() {
            Duration::from_millis(self.patience_millis.load(Ordering::Relaxed))
        } else {
            Duration::ZERO
        }
    }

    /// Does something within the time that it may take. What the pace held back was no silence of the store's.
    async fn within<T>(
        &self,
        ticket: &Ticket,
        bytes: u64,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failure> {
        use object_store::Error as E;
        let allowed = DEADLINE + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SEC);
        let (began, held_before) = (Instant::now(), ticket.held());
        let deadline = || began + allowed + ticket.held().saturating_sub(held_before);
        let mut work = pin!(work);
        let outcome = loop {
            match tokio::time::timeout_at(deadline(), &mut work).await {
                Ok(outcome) => break outcome,
                Err(_elapsed) if Instant::now() < deadline() => {}
                Err(_elapsed) => return Err(Failure::Silence),
            }
        };
        if let Ok(_) | Err(E::NotFound { .. } | E::AlreadyExists { .. }) = &outcome {
            self.has_answered.store(true, Ordering::Relaxed);
        }
        outcome.map_err(|error| Failure::of(error, self.has_answered()))
    }

    async fn retry<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        action: &'static str,
        object: &str,
        ticket: &Ticket,
        bytes: u64,
        mut work: impl FnMut() -> F,
    ) -> Result<T> {
        let mut pauses = Pauses::for_object(object);
        loop {
            let failure = match self.within(ticket, bytes, work()).await {
                Ok(value) => return Ok(value),
                Err(failure @ Failure::Final(_)) => return Err(failure.into_error(action, object)),
                Err(failure) => failure,
            };
            tracing::debug!(action, object, ?failure, "trying again");
            if !pauses.wait(&failure, ticket.held(), self.patience()).await {
                return Err(failure.into_error(action, object));
            }
        }
    }

    /// Creates an object that must not exist. An unclear answer is settled by reading the object back: on success
    /// the object is durable and holds exactly these bytes, or someone else's.
    pub(crate) async fn create_once(&self, name: &str, parts: &[Bytes]) -> Result<Created> {
        let path = Path::from(name);
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let ticket = self.ticket_to_send(bytes).await;
        let mut pauses = Pauses::for_object(name);
        loop {
            let payload: PutPayload = parts.iter().cloned().collect();
            let options = self.put_options(PutMode::Create, &ticket);
            let put = self.inner.put_opts(&path, payload, options);
            let Err(failure) = self.within(&ticket, bytes, put).await else {
                return Ok(Created::Ours);
            };
            let is_final = match &failure {
                Failure::Final(object_store::Error::AlreadyExists { .. }) => false,
                Failure::Final(_) => true,
                Failure::Passing(_) | Failure::Silence => false,
            };
            if is_final {
                return Err(failure.into_error("create", name));
            }
            // Ours may have landed before the answer was lost, or a store may claim that it exists when it does not.
            match self.read(name, u64::MAX).await {
                Ok(found) if is_equal(&found, parts) => return Ok(Created::Ours),
                Ok(found) => return Ok(Created::Theirs(found)),
                Err(Error::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
            if !pauses.wait(&failure, ticket.held(), self.patience()).await {
                return Err(failure.into_error("create", name));
            }
        }
    }

    /// A ticket for an object of so many bytes. Where there is no line, all of it has its turn now, and once: how often
    /// it must be tried is not the sender's doing.
    async fn ticket_to_send(&self, bytes: u64) -> Ticket {
        if !self.is_line {
            let whole = self.pacer.ticket();
            whole.pass(Direction::ToStore, bytes).await;
        }
        self.pacer.ticket()
    }

    fn put_options(&self, mode: PutMode, ticket: &Ticket) -> PutOptions {
        let mut options = PutOptions::from(mode);
        if self.is_line {
            options.extensions.insert(ticket.clone());
        }
        options
    }

    /// Reads a whole object of at most `max_bytes`.
    pub(crate) async fn read(&self, name: &str, max_bytes: u64) -> Result<Bytes> {
        let path = Path::from(name);
        let ticket = self.pacer.ticket();
        let outcome = self
            .retry("read", name, &ticket, 256 << 20, || async {
                let got = self.inner.get_opts(&path, GetOptions::default()).await?;
                if got.meta.size > max_bytes {
                    Ok(Err(got.meta.size))
                } else {
                    receive::content(got, &ticket).await.map(Ok)
                }
            })
            .await?;
        outcome.map_err(|found| {
            let source = crate::format::FormatError::Limit {
                what: "the length of the object",
                found,
                limit: max_bytes,
            };
            Error::Object {
                object: name.to_owned(),
                source,
            }
        })
    }

    /// Reads a range; shorter only where the object ends.
    pub(crate) async fn read_range(
        &self,
        name: &str,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes> {
        let path = Path::from(name);
        let bytes = range.end.saturating_sub(range.start);
        let ticket = self.pacer.ticket();
        let get = || async {
            let range = Some(GetRange::Bounded(range.clone()));
            let options = GetOptions {
                range,
                ..GetOptions::default()
            };
            receive::content(self.inner.get_opts(&path, options).await?, &ticket).await
        };
        let failure = match self.within(&ticket, bytes, get()).await {
            Ok(read) => return Ok(read),
            Err(failure) => failure,
        };
        // Stores word "the range begins behind the end" in as many ways as there are stores.
        if !matches!(
            failure,
            Failure::Final(object_store::Error::NotFound { .. })
        ) {
            let meta = self
                .retry("look at", name, &ticket, 0, || self.inner.head(&path))
                .await?;
            if meta.size <= range.start {
                let source = crate::format::FormatError::Truncated("the object");
                return Err(Error::Object {
                    object: name.to_owned(),
                    source,
                });
            }
        }
        match failure {
            Failure::Final(_) => Err(failure.into_error("read", name)),
            Failure::Passing(_) | Failure::Silence => {
                self.retry("read", name, &ticket, bytes, get).await
            }
        }
    }

    /// All objects below a prefix, in no order.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let path = Path::from(prefix);
        let ticket = self.pacer.ticket();
        self.retry("list", prefix, &ticket, 64 << 20, || {
            receive::listing(&*self.inner, &path, self.is_line.then_some(&ticket))
        })
        .await
    }

    /// Length of an object.
    pub(crate) async fn length(&self, name: &str) -> Result<u64> {
        let path = Path::from(name);
        let ticket = self.pacer.ticket();
        let meta = self
            .retry("look for", name, &ticket, 0, || self.inner.head(&path))
            .await?;
        Ok(meta.size)
    }

    /// What time it is by the store's clock: when an object that is written now was written.
    pub(crate) async fn now(&self, entropy: &dyn Entropy) -> Result<DateTime<Utc>> {
        let mut random = [0; 16];
        entropy.fill(&mut random)?;
        let name = format!("probe/{}", crate::format::SlotId::from_bytes(random));
        self.create_once(&name, &[Bytes::from_static(b"clock")])
            .await?;
        let path = Path::from(name.as_str());
        let ticket = self.pacer.ticket();
        let meta = self
            .retry("look at", &name, &ticket, 0, || self.inner.head(&path))
            .await;
        self.delete(&name).await?;
        Ok(meta?.last_modified)
    }

    /// Puts good bytes in the place of a copy that is damaged or missing.
    pub(crate) async fn replace(&self, name: &str, content: &Bytes) -> Result<()> {
        let path = Path::from(name);
        let bytes = content.len() as u64;
        let ticket = self.ticket_to_send(bytes).await;
        let put = || {
            let options = self.put_options(PutMode::Overwrite, &ticket);
            self.inner.put_opts(&path, content.clone().into(), options)
        };
        self.retry("mend", name, &ticket, bytes, put).await?;
        Ok(())
    }

    /// Deletes an object; one that does not exist is deleted already.
    pub(crate) async fn delete(&self, name: &str) -> Result<()> {
        let path = Path::from(name);
        let ticket = self.pacer.ticket();
        match self
            .retry("delete", name, &ticket, 0, || self.inner.delete(&path))
            .await
        {
            Err(Error::Missing { .. }) => Ok(()),
            outcome => outcome,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_equal(found: &[u8], parts: &[Bytes]) -> bool {
    let mut rest = found;
    let begins = parts
        .iter()
        .all(|part| match rest.strip_prefix(part.as_ref()) {
            Some(after) => {
                rest = after;
                true
            }
            None => false,
        });
    begins && rest.is_empty()
}
