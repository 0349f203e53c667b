//! One store over several disks.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::open_directory;
use crate::error::io_kind;

/// Directories of several disks as one store. Each object lies whole on one of them: a new one on the first that has
/// room. The directories are made if need be. One process at a time may write: whether a name is taken is asked of all
/// disks, then the object is created on one.
///
/// # Errors
/// As [`open_url`](crate::open_url), for any of them.
pub fn open_disks(directories: &[PathBuf]) -> crate::Result<Arc<dyn ObjectStore>> {
    let open = |path: &PathBuf| open_directory(path, true);
    let disks = directories
        .iter()
        .map(open)
        .collect::<crate::Result<Vec<_>>>()?;
    Ok(Arc::new(Disks {
        disks,
        filling: AtomicUsize::new(0),
    }))
}

#[derive(Debug)]
struct Disks {
    disks: Vec<Arc<dyn ObjectStore>>,
    /// All before it were found full.
    filling: AtomicUsize,
}

impl fmt::Display for Disks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} disks", self.disks.len())
    }
}

impl Disks {
    async fn holder(&self, location: &Path) -> Result<Option<&Arc<dyn ObjectStore>>> {
        for disk in &self.disks {
            match disk.head(location).await {
                Ok(_) => return Ok(Some(disk)),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn unsupported<T>(operation: &str) -> Result<T> {
        Err(Error::NotImplemented {
            operation: operation.to_owned(),
            implementer: "several disks".to_owned(),
        })
    }
}

fn is_full(error: &Error) -> bool {
    matches!(
        io_kind(error),
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    )
}

#[async_trait]
impl ObjectStore for Disks {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if let Some(holder) = self.holder(location).await? {
            return holder.put_opts(location, payload, options).await;
        }
        let mut at = self.filling.load(Ordering::Relaxed);
        loop {
            let Some(disk) = self.disks.get(at) else {
                return Self::unsupported("a put without disks");
            };
            let put = disk.put_opts(location, payload.clone(), options.clone());
            match put.await {
                // Something smaller may fit there later; but what has room is looked for from here on.
                Err(error) if is_full(&error) && at + 1 < self.disks.len() => at += 1,
                outcome => {
                    self.filling.fetch_max(at, Ordering::Relaxed);
                    return outcome;
                }
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        _location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Self::unsupported("multipart upload")
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let mut missing = None;
        for disk in &self.disks {
            match disk.get_opts(location, options.clone()).await {
                Err(error @ Error::NotFound { .. }) => missing = Some(error),
                outcome => return outcome,
            }
        }
        match missing {
            Some(error) => Err(error),
            None => Self::unsupported("a get without disks"),
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let disks = Arc::new(Self {
            disks: self.disks.clone(),
            filling: AtomicUsize::new(0),
        });
        locations
            .then(move |location| {
                let disks = Arc::clone(&disks);
                async move {
                    let location = location?;
                    if let Some(holder) = disks.holder(&location).await? {
                        holder.delete(&location).await?;
                    }
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let lists: Vec<_> = self.disks.iter().map(|disk| disk.list(prefix)).collect();
        stream::iter(lists).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let mut all = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
            extensions: Default::default(),
        };
        for disk in &self.disks {
            let listed = disk.list_with_delimiter(prefix).await?;
            all.common_prefixes.extend(listed.common_prefixes);
            all.objects.extend(listed.objects);
        }
        all.common_prefixes.sort();
        all.common_prefixes.dedup();
        Ok(all)
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Self::unsupported("copy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::PutMode;

    #[tokio::test]
    async fn objects_are_found_wherever_they_lie_and_names_are_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let directories = [dir.path().join("a"), dir.path().join("b")];
        let store = open_disks(&directories).unwrap();
        std::fs::create_dir(dir.path().join("b/d")).unwrap();
        std::fs::write(dir.path().join("b/d/second"), "second").unwrap();
        let create = |name: &'static str| {
            let store = Arc::clone(&store);
            async move {
                let options = PutOptions::from(PutMode::Create);
                store
                    .put_opts(&Path::from(name), "new".into(), options)
                    .await
            }
        };
        create("d/first").await.unwrap();
        assert!(dir.path().join("a/d/first").exists());
        let taken = create("d/second").await;
        assert!(matches!(taken, Err(Error::AlreadyExists { .. })));
        let read = store.get(&Path::from("d/second")).await.unwrap();
        assert_eq!(read.bytes().await.unwrap(), "second");
        let missing = store.get(&Path::from("d/third")).await;
        assert!(matches!(missing, Err(Error::NotFound { .. })));
        let names = store
            .list(Some(&Path::from("d")))
            .map(|meta| meta.unwrap().location);
        assert_eq!(names.collect::<Vec<_>>().await.len(), 2);
        store.delete(&Path::from("d/second")).await.unwrap();
        assert!(!dir.path().join("b/d/second").exists());
    }
}
