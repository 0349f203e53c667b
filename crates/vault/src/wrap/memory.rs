//! A store in memory that a simulation can copy and whose clock it sets.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use super::lock;

/// A store in memory. It lists by name, and says that an object was written when its own clock said so.
///
/// The clock begins on 1 January 2026 and stands still.
pub struct Memory {
    objects: InMemory,
    times: Arc<Mutex<Times>>,
}

#[derive(Clone)]
struct Times {
    now: DateTime<Utc>,
    written: BTreeMap<Path, DateTime<Utc>>,
}

impl Times {
    fn correct(&self, meta: &mut ObjectMeta) {
        if let Some(at) = self.written.get(&meta.location) {
            meta.last_modified = *at;
        }
    }
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
        Arc::new(Self {
            objects: InMemory::new(),
            times: Arc::new(Mutex::new(Times {
                now,
                written: BTreeMap::new(),
            })),
        })
    }

    /// A store of its own with the same objects and the same time. No bytes are copied.
    #[must_use]
    pub fn fork(&self) -> Arc<Self> {
        let times = lock(&self.times).clone();
        Arc::new(Self {
            objects: self.objects.fork(),
            times: Arc::new(Mutex::new(times)),
        })
    }

    /// What its clock says.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        lock(&self.times).now
    }

    /// Sets its clock forward, or back.
    pub fn advance(&self, by: TimeDelta) {
        let mut times = lock(&self.times);
        times.now = times.now.checked_add_signed(by).unwrap_or(times.now);
    }

    /// Names of all objects that were written, in order.
    pub async fn names(&self) -> Vec<String> {
        let listed: Vec<Result<ObjectMeta>> = self.objects.list(None).collect().await;
        let names = listed.into_iter().flatten();
        names.map(|meta| meta.location.to_string()).collect()
    }

    fn note(&self, location: &Path) {
        let mut times = lock(&self.times);
        let now = times.now;
        times.written.insert(location.clone(), now);
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Memory {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let done = self.objects.put_opts(location, payload, options).await?;
        self.note(location);
        Ok(done)
    }

    /// The time of such an object is the system's.
    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut got = self.objects.get_opts(location, options).await?;
        lock(&self.times).correct(&mut got.meta);
        Ok(got)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.objects.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let times = Arc::clone(&self.times);
        self.objects
            .list(prefix)
            .map(move |meta| {
                let mut meta = meta?;
                lock(&times).correct(&mut meta);
                Ok(meta)
            })
            .boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let offset = offset.clone();
        let is_behind = move |meta: &Result<ObjectMeta>| {
            let is_behind = !matches!(meta, Ok(meta) if meta.location <= offset);
            futures::future::ready(is_behind)
        };
        self.list(prefix).filter(is_behind).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut listed = self.objects.list_with_delimiter(prefix).await?;
        let times = lock(&self.times);
        listed
            .objects
            .iter_mut()
            .for_each(|meta| times.correct(meta));
        Ok(listed)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await?;
        self.note(to);
        Ok(())
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.objects.rename_opts(from, to, options).await?;
        self.note(to);
        Ok(())
    }
}
