//! A store whose operations go wrong as a judge decides.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result,
};

use super::pages::Pages;
use super::{Action, Operation, lock};

/// What becomes of an operation. What makes no sense for its [`Action`] is a [`Fate::Pass`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is done.
    Pass,
    /// It fails with an error of the operating system and has no effect.
    Fail(std::io::ErrorKind),
    /// It fails as a server's "busy" does (429, 503) and has no effect.
    Busy,
    /// It is done, but its caller is told of a broken connection.
    LoseReply,
    /// It is done, and then fails with an error of the operating system: its caller does not live to see the answer.
    FailAfter(std::io::ErrorKind),
    /// It is done, after so long by tokio's clock.
    Slow(Duration),
    /// A write is not done, but its caller is told that the object exists (a 409 of a create that did not land).
    ClaimExists,
    /// A write is done, and arrives a second time when [`Faulty::deliver`] is called.
    Repeat,
    /// A read is answered with so many bytes at most.
    Truncate(usize),
    /// A read is answered with one bit turned: this one, counted from the front and over and over.
    Flip(usize),
    /// A listing shows objects that were deleted by way of this store, too.
    ShowDeleted,
}

pub(super) type Judge = dyn FnMut(&Operation) -> Fate + Send;

/// A store that lets a judge decide over every operation.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    judge: Arc<Mutex<Box<Judge>>>,
    page_entries: usize,
    late: Mutex<Vec<(Path, PutPayload)>>,
    deleted: Arc<Mutex<BTreeMap<Path, ObjectMeta>>>,
}

impl Faulty {
    /// Wraps a store; `judge` is asked before each operation.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        judge: impl FnMut(&Operation) -> Fate + Send + 'static,
    ) -> Arc<Self> {
        Self::with_pages(inner, usize::MAX, judge)
    }

    /// As [`Faulty::new`]; listings come in pages of so many entries, and each page is an operation of its own, between
    /// which the store may change.
    pub fn with_pages(
        inner: Arc<dyn ObjectStore>,
        page_entries: usize,
        judge: impl FnMut(&Operation) -> Fate + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner,
            judge: Arc::new(Mutex::new(Box::new(judge))),
            page_entries: page_entries.max(1),
            late: Mutex::default(),
            deleted: Arc::default(),
        })
    }

    /// Lets the write number `at` of those that are to be [repeated](Fate::Repeat) arrive again, as a create; returns
    /// how many are left. Beyond the last there is nothing to deliver.
    ///
    /// # Errors
    /// Those of the store; that the object exists is none.
    pub async fn deliver(&self, at: usize) -> Result<usize> {
        let (next, left) = {
            let mut late = lock(&self.late);
            let next = (at < late.len()).then(|| late.remove(at));
            (next, late.len())
        };
        if let Some((path, payload)) = next {
            let options = PutMode::Create.into();
            match self.inner.put_opts(&path, payload, options).await {
                Ok(_) | Err(Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    fn fate(&self, action: Action, name: &(dyn fmt::Display + Sync), bytes: u64) -> Fate {
        judge(&self.judge, action, name, bytes)
    }
}

pub(super) fn judge(
    judge: &Mutex<Box<Judge>>,
    action: Action,
    name: &(dyn fmt::Display + Sync),
    bytes: u64,
) -> Fate {
    let operation = Operation {
        action,
        name: name.to_string(),
        bytes,
    };
    (*lock(judge))(&operation)
}

/// What happens before an operation: nothing, a wait or an error.
pub(super) async fn before(fate: Fate) -> Result<()> {
    match fate {
        Fate::Slow(duration) => {
            tokio::time::sleep(duration).await;
            Ok(())
        }
        Fate::Fail(kind) => Err(failure(std::io::Error::from(kind))),
        Fate::Busy => Err(failure("503 Service Unavailable")),
        _ => Ok(()),
    }
}

/// What an operation that was done is told its caller as.
pub(super) fn after<T>(fate: Fate, done: T) -> Result<T> {
    match fate {
        Fate::LoseReply => Err(failure(std::io::Error::from(
            std::io::ErrorKind::ConnectionReset,
        ))),
        Fate::FailAfter(kind) => Err(failure(std::io::Error::from(kind))),
        _ => Ok(done),
    }
}

fn failure(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic {
        store: "faulty",
        source: source.into(),
    }
}

fn spoilt(fate: Fate, bytes: Bytes) -> Bytes {
    match fate {
        Fate::Truncate(most) if bytes.len() > most => bytes.slice(..most),
        Fate::Flip(bit) if !bytes.is_empty() => {
            let mut bytes = bytes.to_vec();
            let at = bit / 8 % bytes.len();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << (bit % 8);
            }
            bytes.into()
        }
        _ => bytes,
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

impl Faulty {
    fn pages(
        &self,
        prefix: Option<&Path>,
        last: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let pages = Pages {
            inner: Arc::clone(&self.inner),
            judge: Arc::clone(&self.judge),
            deleted: Arc::clone(&self.deleted),
            prefix: prefix.cloned(),
            last: last.cloned(),
            entries: self.page_entries,
        };
        pages.stream()
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fate = self.fate(Action::Put, location, payload.content_length() as u64);
        before(fate).await?;
        if fate == Fate::ClaimExists {
            return Err(Error::AlreadyExists {
                path: location.to_string(),
                source: "409 Conflict".into(),
            });
        }
        if fate == Fate::Repeat {
            lock(&self.late).push((location.clone(), payload.clone()));
        }
        let done = self.inner.put_opts(location, payload, options).await?;
        after(fate, done)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fate = self.fate(Action::Put, location, 0);
        before(fate).await?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fate = self.fate(Action::Get, location, 0);
        before(fate).await?;
        let mut got = self.inner.get_opts(location, options).await?;
        if matches!(fate, Fate::Truncate(_) | Fate::Flip(_)) {
            let (meta, range) = (got.meta.clone(), got.range.clone());
            let (attributes, extensions) = (got.attributes.clone(), got.extensions.clone());
            let bytes = spoilt(fate, got.bytes().await?);
            let payload = futures::stream::once(async move { Ok(bytes) }).boxed();
            got = GetResult {
                payload: GetResultPayload::Stream(payload),
                meta,
                range,
                attributes,
                extensions,
            };
        }
        after(fate, got)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let fate = self.fate(Action::Get, location, 0);
        before(fate).await?;
        let got = self.inner.get_ranges(location, ranges).await?;
        after(
            fate,
            got.into_iter().map(|bytes| spoilt(fate, bytes)).collect(),
        )
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, judged) = (Arc::clone(&self.inner), Arc::clone(&self.judge));
        let deleted = Arc::clone(&self.deleted);
        locations
            .then(move |location| {
                let (inner, judged) = (Arc::clone(&inner), Arc::clone(&judged));
                let deleted = Arc::clone(&deleted);
                async move {
                    let location = location?;
                    let fate = judge(&judged, Action::Delete, &location, 0);
                    before(fate).await?;
                    if let Ok(meta) = inner.head(&location).await {
                        lock(&deleted).insert(location.clone(), meta);
                    }
                    inner.delete(&location).await?;
                    after(fate, location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let shown = prefix.map(ToString::to_string).unwrap_or_default();
        let fate = self.fate(Action::List, &shown, 0);
        before(fate).await?;
        after(fate, self.inner.list_with_delimiter(prefix).await?)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let fate = self.fate(Action::Put, to, 0);
        before(fate).await?;
        after(fate, self.inner.copy_opts(from, to, options).await?)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let fate = self.fate(Action::Put, to, 0);
        before(fate).await?;
        after(fate, self.inner.rename_opts(from, to, options).await?)
    }
}
