//! Stores around stores, for tests and simulations.
//!
//! [`recording`] counts what is asked of a store; [`Faulty`] lets chosen operations fail.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// An object is written.
    Put,
    /// An object, a range of it or its length is read.
    Get,
    /// Names are listed.
    List,
    /// An object is deleted.
    Delete,
}

/// One operation on a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What.
    pub action: Action,
    /// On which object or prefix.
    pub name: String,
    /// Bytes written; 0 for anything else.
    pub bytes: u64,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done.
    Pass,
    /// It fails with an error of the operating system and has no effect.
    Fail(std::io::ErrorKind),
    /// It is done, but its caller is told of a broken connection.
    LoseReply,
}

type Judge = dyn FnMut(&Operation) -> Fate + Send;

/// A store that lets a judge decide over every operation.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    judge: Mutex<Box<Judge>>,
}

impl Faulty {
    /// Wraps a store; `judge` is asked before each operation.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        judge: impl FnMut(&Operation) -> Fate + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            judge: Mutex::new(Box::new(judge)),
        })
    }

    fn fate(&self, action: Action, name: &(dyn fmt::Display + Sync), bytes: u64) -> Fate {
        let operation = Operation {
            action,
            name: name.to_string(),
            bytes,
        };
        let mut judge = self.judge.lock().unwrap_or_else(PoisonError::into_inner);
        (*judge)(&operation)
    }
}

fn failure(kind: std::io::ErrorKind) -> Error {
    Error::Generic {
        store: "faulty",
        source: Box::new(std::io::Error::from(kind)),
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

/// What [`recording`] has seen. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Operation>>>);

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All operations since the last call, in order.
    #[must_use]
    pub fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut self.lock())
    }

    /// Names of the objects written so far.
    #[must_use]
    pub fn written(&self) -> Vec<String> {
        let log = self.lock();
        log.iter()
            .filter(|operation| operation.action == Action::Put)
            .map(|put| put.name.clone())
            .collect()
    }
}

/// A store that writes down every operation before passing it on.
pub fn recording(inner: Arc<dyn ObjectStore>) -> (Arc<dyn ObjectStore>, Log) {
    let log = Log::default();
    let seen = log.clone();
    let store = Faulty::new(inner, move |operation| {
        seen.lock().push(operation.clone());
        Fate::Pass
    });
    (store, log)
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let bytes = payload.content_length() as u64;
        let work = self.inner.put_opts(location, payload, options);
        match self.fate(Action::Put, location, bytes) {
            Fate::Pass => work.await,
            Fate::Fail(kind) => Err(failure(kind)),
            Fate::LoseReply => {
                work.await?;
                Err(failure(std::io::ErrorKind::ConnectionReset))
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match self.fate(Action::Put, location, 0) {
            Fate::Fail(kind) => Err(failure(kind)),
            _ => self.inner.put_multipart_opts(location, options).await,
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fate(Action::Get, location, 0) {
            Fate::Pass => self.inner.get_opts(location, options).await,
            Fate::Fail(kind) => Err(failure(kind)),
            Fate::LoseReply => Err(failure(std::io::ErrorKind::ConnectionReset)),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.fate(Action::Get, location, 0) {
            Fate::Pass => self.inner.get_ranges(location, ranges).await,
            Fate::Fail(kind) => Err(failure(kind)),
            Fate::LoseReply => Err(failure(std::io::ErrorKind::ConnectionReset)),
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.fate(Action::Delete, &"", 0) {
            Fate::Fail(kind) => futures::stream::once(async move { Err(failure(kind)) }).boxed(),
            _ => self.inner.delete_stream(locations),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.fate(
            Action::List,
            &prefix.map(ToString::to_string).unwrap_or_default(),
            0,
        ) {
            Fate::Pass => self.inner.list(prefix),
            Fate::Fail(kind) => futures::stream::once(async move { Err(failure(kind)) }).boxed(),
            Fate::LoseReply => {
                futures::stream::once(async { Err(failure(std::io::ErrorKind::ConnectionReset)) })
                    .boxed()
            }
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.fate(
            Action::List,
            &prefix.map(ToString::to_string).unwrap_or_default(),
            0,
        ) {
            Fate::Fail(kind) => futures::stream::once(async move { Err(failure(kind)) }).boxed(),
            _ => self.inner.list_with_offset(prefix, offset),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}
