//! Listings that come in pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, Result};

use super::faulty::{Fate, Judge, after, before, judge};
use super::{Action, lock};

/// One listing, page by page.
pub(super) struct Pages {
    pub(super) inner: Arc<dyn ObjectStore>,
    pub(super) judge: Arc<Mutex<Box<Judge>>>,
    pub(super) deleted: Arc<Mutex<BTreeMap<Path, ObjectMeta>>>,
    pub(super) prefix: Option<Path>,
    /// Name of the last entry so far.
    pub(super) last: Option<Path>,
    pub(super) entries: usize,
}

impl Pages {
    async fn next(&mut self) -> Result<Option<Vec<ObjectMeta>>> {
        let shown = self
            .prefix
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let fate = judge(&self.judge, Action::List, &shown, 0);
        before(fate).await?;
        let prefix = self.prefix.as_ref();
        let listed = match &self.last {
            None => self.inner.list(prefix),
            Some(last) => self.inner.list_with_offset(prefix, last),
        };
        let mut page: Vec<ObjectMeta> = listed.try_collect().await?;
        if fate == Fate::ShowDeleted {
            let deleted = lock(&self.deleted);
            let belongs = |path: &Path| {
                prefix.is_none_or(|prefix| path.prefix_matches(prefix))
                    && self.last.as_ref().is_none_or(|last| path > last)
                    && !page.iter().any(|meta| meta.location == *path)
            };
            let ghosts: Vec<ObjectMeta> = deleted
                .values()
                .filter(|meta| belongs(&meta.location))
                .cloned()
                .collect();
            drop(deleted);
            page.extend(ghosts);
        }
        page.sort_by(|one, other| one.location.cmp(&other.location));
        let is_last = page.len() <= self.entries;
        page.truncate(self.entries);
        if let Some(last) = page.last().filter(|_| !is_last) {
            self.last = Some(last.location.clone());
        }
        // An empty page ends it: after the last one there is nothing more to ask for.
        if is_last {
            self.entries = 0;
        }
        after(fate, Some(page))
    }

    pub(super) fn stream(self) -> BoxStream<'static, Result<ObjectMeta>> {
        futures::stream::try_unfold(self, |mut pages| async move {
            if pages.entries == 0 {
                return Ok::<_, Error>(None);
            }
            let page = pages.next().await?;
            Ok(page.map(|page| (futures::stream::iter(page.into_iter().map(Ok)), pages)))
        })
        .try_flatten()
        .boxed()
    }
}
