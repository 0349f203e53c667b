//! An object store as a vault needs it: deadlines, retries, create-once with read-back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
};

use strongroom_crypto::Entropy;

use crate::error::io_kind;
use crate::{Error, Result};

/// Tries of one operation, the first included.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Every operation may take this long, and longer in proportion to its bytes.
const DEADLINE: Duration = Duration::from_secs(90);
/// Slowest link that is waited for.
const SLOWEST_BYTES_PER_SEC: u64 = 32 << 10;

/// Outcome of [`Store::create_once`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object is there, with our content.
    Ours,
    /// Someone else made it before; this is its content.
    Theirs(Bytes),
}

/// One line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Name of the object.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub written_at: DateTime<Utc>,
}

/// An object store behind deadlines and retries. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
}

/// What an operation came to, as far as trying again is concerned.
enum Failure {
    /// No other outcome is to be expected.
    Final(object_store::Error),
    /// The next try may go better; it may even have worked.
    Passing(object_store::Error),
    /// No answer within the deadline; it may have worked.
    Silence,
}

impl Failure {
    fn of(error: object_store::Error) -> Self {
        use object_store::Error as E;
        use std::io::ErrorKind as K;
        match &error {
            E::Generic { .. } | E::JoinError { .. } => match io_kind(&error) {
                None
                | Some(
                    K::TimedOut
                    | K::Interrupted
                    | K::WouldBlock
                    | K::ConnectionReset
                    | K::ConnectionRefused
                    | K::ConnectionAborted
                    | K::NotConnected
                    | K::BrokenPipe
                    | K::UnexpectedEof,
                ) => Self::Passing(error),
                Some(_) => Self::Final(error),
            },
            _ => Self::Final(error),
        }
    }

    fn into_error(self, action: &'static str, object: &str) -> Error {
        match self {
            Self::Final(object_store::Error::NotFound { .. }) => Error::Missing {
                object: object.to_owned(),
            },
            Self::Final(source) | Self::Passing(source) => Error::Store {
                action,
                object: object.to_owned(),
                source,
            },
            Self::Silence => Error::TimedOut {
                action,
                object: object.to_owned(),
            },
        }
    }
}

impl Store {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self { inner }
    }

    /// The store itself.
    #[must_use]
    pub fn inner(&self) -> &Arc<dyn ObjectStore> {
        &self.inner
    }

    async fn within<T>(
        bytes: u64,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Failure> {
        let deadline = DEADLINE + Duration::from_secs(bytes / SLOWEST_BYTES_PER_SEC);
        match tokio::time::timeout(deadline, work).await {
            Ok(outcome) => outcome.map_err(Failure::of),
            Err(_elapsed) => Err(Failure::Silence),
        }
    }

    async fn retry<T, F: Future<Output = object_store::Result<T>>>(
        action: &'static str,
        object: &str,
        bytes: u64,
        mut work: impl FnMut() -> F,
    ) -> Result<T> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match Self::within(bytes, work()).await {
                Ok(value) => return Ok(value),
                Err(failure @ Failure::Final(_)) => return Err(failure.into_error(action, object)),
                Err(Failure::Passing(error)) => {
                    tracing::debug!(action, object, %error, "trying again");
                }
                Err(Failure::Silence) => tracing::debug!(action, object, "no answer, trying again"),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Self::within(bytes, work())
            .await
            .map_err(|failure| failure.into_error(action, object))
    }

    /// Creates an object that must not exist. An unclear answer is settled by reading the object back: on success
    /// the object is durable and holds exactly these bytes, or someone else's.
    ///
    /// # Errors
    /// When the store refuses, or stays unclear after all tries.
    pub async fn create_once(&self, name: &str, parts: &[Bytes]) -> Result<Created> {
        let path = Path::from(name);
        let bytes: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let mut pause = FIRST_PAUSE;
        let mut last = Failure::Silence;
        for _ in 0..TRIES {
            let payload: PutPayload = parts.iter().cloned().collect();
            let options = PutOptions {
                mode: PutMode::Create,
                ..PutOptions::default()
            };
            match Self::within(bytes, self.inner.put_opts(&path, payload, options)).await {
                Ok(_) => return Ok(Created::Ours),
                Err(Failure::Final(object_store::Error::AlreadyExists { path, source })) => {
                    last = Failure::Final(object_store::Error::AlreadyExists { path, source });
                }
                Err(failure @ Failure::Final(_)) => return Err(failure.into_error("create", name)),
                Err(failure) => last = failure,
            }
            // Ours may have landed before the answer was lost, or a store may claim that it exists when it does not.
            match self.read(name, u64::MAX).await {
                Ok(found) if is_equal(&found, parts) => return Ok(Created::Ours),
                Ok(found) => return Ok(Created::Theirs(found)),
                Err(Error::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(last.into_error("create", name))
    }

    /// Reads a whole object of at most `max_bytes`.
    ///
    /// # Errors
    /// [`Error::Missing`], or when the store fails or the object is larger.
    pub async fn read(&self, name: &str, max_bytes: u64) -> Result<Bytes> {
        let path = Path::from(name);
        let outcome = Self::retry("read", name, 256 << 20, || async {
            let got = self.inner.get_opts(&path, GetOptions::default()).await?;
            if got.meta.size > max_bytes {
                Ok(Err(got.meta.size))
            } else {
                got.bytes().await.map(Ok)
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
    ///
    /// # Errors
    /// [`Error::Missing`], or when the store fails or the range begins behind the end.
    pub async fn read_range(&self, name: &str, range: std::ops::Range<u64>) -> Result<Bytes> {
        let path = Path::from(name);
        let bytes = range.end.saturating_sub(range.start);
        let get = || async {
            let range = Some(GetRange::Bounded(range.clone()));
            let options = GetOptions {
                range,
                ..GetOptions::default()
            };
            self.inner.get_opts(&path, options).await?.bytes().await
        };
        let failure = match Self::within(bytes, get()).await {
            Ok(read) => return Ok(read),
            Err(failure) => failure,
        };
        // Stores word "the range begins behind the end" in as many ways as there are stores.
        if !matches!(
            failure,
            Failure::Final(object_store::Error::NotFound { .. })
        ) {
            let meta = Self::retry("look at", name, 0, || self.inner.head(&path)).await?;
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
            Failure::Passing(_) | Failure::Silence => Self::retry("read", name, bytes, get).await,
        }
    }

    /// All objects below a prefix, in no order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let path = Path::from(prefix);
        Self::retry("list", prefix, 64 << 20, || async {
            let line = |meta: object_store::ObjectMeta| Listed {
                name: meta.location.to_string(),
                bytes: meta.size,
                written_at: meta.last_modified,
            };
            self.inner
                .list(Some(&path))
                .map_ok(line)
                .try_collect()
                .await
        })
        .await
    }

    /// Length of an object.
    ///
    /// # Errors
    /// [`Error::Missing`], or when the store fails.
    pub async fn length(&self, name: &str) -> Result<u64> {
        let path = Path::from(name);
        let meta = Self::retry("look for", name, 0, || self.inner.head(&path)).await?;
        Ok(meta.size)
    }

    /// Whether an object exists.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn exists(&self, name: &str) -> Result<bool> {
        match self.length(name).await {
            Ok(_) => Ok(true),
            Err(Error::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What time it is by the store's clock: when an object that is written now was written.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn now(&self, entropy: &dyn Entropy) -> Result<DateTime<Utc>> {
        let mut random = [0; 16];
        entropy.fill(&mut random)?;
        let name = format!("probe/{}", crate::format::SlotId::from_bytes(random));
        self.create_once(&name, &[Bytes::from_static(b"clock")])
            .await?;
        let path = Path::from(name.as_str());
        let meta = Self::retry("look at", &name, 0, || self.inner.head(&path)).await;
        self.delete(&name).await?;
        Ok(meta?.last_modified)
    }

    /// Deletes an object; one that does not exist is deleted already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let path = Path::from(name);
        match Self::retry("delete", name, 0, || self.inner.delete(&path)).await {
            Err(Error::Missing { .. }) => Ok(()),
            outcome => outcome,
        }
    }
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
