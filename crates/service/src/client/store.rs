//! The vault of a server as an object store.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, Method, StatusCode};
use object_store::client::{HttpRequest, HttpRequestBody, HttpResponse};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, Extensions, GetOptions, GetRange, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};
use strongroom_vault::StoreSettings;

use super::enrolment::Enrolment;
use super::line::{Line, Now, header};
use super::multipart::Gathered;
use crate::wire::{HASH_HEADER, Listing, WRITTEN_AT_HEADER};

const STORE: &str = "gateway";
/// Deletions at the same time.
const DELETES: usize = 8;

/// The vault of a server. Nothing can be overwritten, and agents can delete nothing. Clones share its connections.
#[derive(Debug, Clone)]
pub struct GatewayStore {
    line: Arc<Line>,
}

impl fmt::Display for GatewayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.url().fmt(f)
    }
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic {
        store: STORE,
        source: Box::new(error),
    }
}

fn unsupported<T>(operation: &str) -> Result<T> {
    Err(Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "the vault of a server".to_owned(),
    })
}

/// What the caller of an answer's status must know.
fn checked(answer: HttpResponse, location: &str) -> Result<HttpResponse> {
    let (path, status) = (location.to_owned(), answer.status());
    let source = || {
        Box::new(std::io::Error::other(format!(
            "the server answered {status}"
        )))
    };
    match status {
        status if status.is_success() => Ok(answer),
        StatusCode::NOT_FOUND => Err(Error::NotFound {
            path,
            source: source(),
        }),
        StatusCode::PRECONDITION_FAILED => Err(Error::AlreadyExists {
            path,
            source: source(),
        }),
        _ => Err(Error::Generic {
            store: STORE,
            source: source(),
        }),
    }
}

impl GatewayStore {
    /// The vault of an enrolment. One with a path is kept there when it has been renewed.
    ///
    /// # Errors
    /// When the certificates or the proxy cannot be used.
    pub fn new(
        enrolment: Enrolment,
        path: Option<PathBuf>,
        settings: StoreSettings,
        now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    ) -> crate::Result<Self> {
        let now: Now = now;
        Ok(Self {
            line: Arc::new(Line::new(enrolment, path, settings, now)?),
        })
    }

    fn request(&self, method: Method, location: &Path) -> Result<HttpRequest> {
        let what = format!("o/{location}");
        self.line
            .request(method, &what, HttpRequestBody::empty())
            .map_err(generic)
    }

    async fn send(&self, request: HttpRequest, location: &str) -> Result<HttpResponse> {
        let answer = self.line.send(request).await.map_err(generic)?;
        checked(answer, location)
    }

    pub(super) async fn create(
        &self,
        location: &Path,
        payload: PutPayload,
        extensions: &Extensions,
    ) -> Result<PutResult> {
        let mut hasher = blake3::Hasher::new();
        for piece in &payload {
            hasher.update(piece);
        }
        let mut request = self.request(Method::PUT, location)?;
        header(&mut request, IF_NONE_MATCH.as_str(), "*");
        header(&mut request, HASH_HEADER, &hasher.finalize().to_hex());
        *request.body_mut() = payload.into();
        *request.extensions_mut() = extensions.clone();
        self.send(request, location.as_ref()).await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: Extensions::default(),
        })
    }

    async fn page(&self, prefix: &str, after: &str) -> Result<Listing> {
        let what = format!("list?prefix={prefix}&after={after}");
        let request = self
            .line
            .request(Method::GET, &what, HttpRequestBody::empty());
        let answer = self.send(request.map_err(generic)?, prefix).await?;
        let content = answer.into_body().bytes().await.map_err(generic)?;
        serde_json::from_slice(&content).map_err(generic)
    }

    fn pages(&self, prefix: Option<&Path>, after: &str) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.map(ToString::to_string).unwrap_or_default();
        let first = Some((self.clone(), prefix, after.to_owned()));
        let pages = stream::try_unfold(first, |state| async move {
            let Some((store, prefix, after)) = state else {
                return Ok(None);
            };
            let listing = store.page(&prefix, &after).await?;
            let last = listing.objects.last().map(|line| line.name.clone());
            let next = last
                .filter(|_| listing.more)
                .map(|after| (store, prefix, after));
            let metas = listing.objects.into_iter().map(|line| {
                Ok(ObjectMeta {
                    location: Path::from(line.name),
                    last_modified: line.written_at,
                    size: line.bytes,
                    e_tag: None,
                    version: None,
                })
            });
            Ok::<_, Error>(Some((stream::iter(metas.collect::<Vec<_>>()), next)))
        });
        pages.try_flatten().boxed()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for GatewayStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        match options.mode {
            PutMode::Create => self.create(location, payload, &options.extensions).await,
            PutMode::Overwrite | PutMode::Update(_) => unsupported("to overwrite"),
        }
    }

    /// The object appears when it is complete, and only if there is none.
    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Gathered::new(self.clone(), location.clone())))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_conditional = options.if_match.is_some()
            || options.if_none_match.is_some()
            || options.if_modified_since.is_some()
            || options.if_unmodified_since.is_some()
            || options.version.is_some();
        if is_conditional {
            return unsupported("a conditional read");
        }
        let method = if options.head {
            Method::HEAD
        } else {
            Method::GET
        };
        let mut request = self.request(method, location)?;
        match &options.range {
            None => {}
            Some(GetRange::Bounded(range)) if range.start < range.end => {
                header(
                    &mut request,
                    RANGE.as_str(),
                    &format!("bytes={}-{}", range.start, range.end - 1),
                );
            }
            Some(GetRange::Offset(start)) => {
                header(&mut request, RANGE.as_str(), &format!("bytes={start}-"));
            }
            Some(GetRange::Bounded(_) | GetRange::Suffix(_)) => return unsupported("such a range"),
        }
        let answer = self.send(request, location.as_ref()).await?;
        let (parts, body) = answer.into_parts();
        let (range, size) = extent(parts.status, &parts.headers).ok_or_else(|| {
            generic(std::io::Error::other(
                "the answer does not say what it holds",
            ))
        })?;
        let pieces = body.bytes_stream().map_err(generic);
        Ok(GetResult {
            payload: GetResultPayload::Stream(pieces.boxed()),
            meta: ObjectMeta {
                location: location.clone(),
                last_modified: written_at(&parts.headers).unwrap_or_default(),
                size,
                e_tag: None,
                version: None,
            },
            range,
            attributes: Attributes::default(),
            extensions: Extensions::default(),
        })
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[std::ops::Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        let read = |range: std::ops::Range<u64>| async move {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range)),
                ..GetOptions::default()
            };
            self.get_opts(location, options).await?.bytes().await
        };
        stream::iter(ranges.to_vec())
            .map(read)
            .buffered(DELETES)
            .try_collect()
            .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |location: Result<Path>| {
            let store = store.clone();
            async move {
                let location = location?;
                let request = store.request(Method::DELETE, &location)?;
                store.send(request, location.as_ref()).await?;
                Ok(location)
            }
        };
        locations.map(delete).buffered(DELETES).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(prefix, "")
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.pages(prefix, offset.as_ref())
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let below = prefix
            .map(|prefix| prefix.parts().count())
            .unwrap_or_default();
        let mut all = ListResult {
            common_prefixes: Vec::new(),
            objects: Vec::new(),
            extensions: Extensions::default(),
        };
        let mut metas = self.list(prefix);
        while let Some(meta) = metas.try_next().await? {
            let parts: Vec<_> = meta.location.parts().collect();
            match parts.get(..=below) {
                Some(folder) if parts.len() > below + 1 => {
                    all.common_prefixes.push(folder.iter().cloned().collect());
                }
                _ => all.objects.push(meta),
            }
        }
        all.common_prefixes.dedup();
        Ok(all)
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        unsupported("to copy")
    }

    async fn rename_opts(
        &self,
        _from: &Path,
        _to: &Path,
        _options: object_store::RenameOptions,
    ) -> Result<()> {
        unsupported("to rename")
    }
}

/// Which bytes an answer holds, and how long the object is.
fn extent(status: StatusCode, headers: &HeaderMap) -> Option<(std::ops::Range<u64>, u64)> {
    let text = |name| headers.get(name)?.to_str().ok();
    if status != StatusCode::PARTIAL_CONTENT {
        let size = text(CONTENT_LENGTH)?.parse().ok()?;
        return Some((0..size, size));
    }
    let (range, size) = text(CONTENT_RANGE)?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let (start, last) = range.split_once('-')?;
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    Some((start.parse().ok()?..end, size.parse().ok()?))
}

fn written_at(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(WRITTEN_AT_HEADER)?.to_str().ok()?;
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}
