//! Makes the derived tables anew from all recovery points there are.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use crate::catalog::Catalog;
use crate::change::{Change, add, deleted_mark};
use crate::error::{Error, Result};
use crate::meta::Meta;
use crate::point::Point;
use crate::record::{Record, encode};
use crate::source::{NewestPoint, Source};
use crate::store::{Reading, Span, Table};

/// Points that are sorted and written together: the table is then filled in order, piece by piece.
const BATCH_COUNT: usize = 8192;

impl Catalog {
    /// Replaces all points, and what follows from them, by these, in any order; journals stay. Of two points of one id
    /// the later one counts. Either all of it is done or nothing: until then everybody reads what was there. Returns
    /// how many points there are.
    ///
    /// Memory is bounded by the cache, a few thousand points, and what the sources add up to. A million points take the
    /// least writing when they come roughly in the order of their ids, as stores list them.
    ///
    /// # Errors
    /// [`Error::Points`] when the points end with an error of their own; [`Error::Limit`] when an id or a name is empty
    /// or too long.
    pub fn rebuild<E>(&self, points: impl IntoIterator<Item = Result<Point, E>>) -> Result<u64>
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.change(|change| {
            for table in Table::DERIVED {
                change.write.clear(table)?;
            }
            let mut batch = BTreeMap::new();
            for point in points {
                let point = point.map_err(|error| Error::Points(error.into()))?;
                batch.insert(point.id.clone(), point);
                if batch.len() == BATCH_COUNT {
                    change.add_points(&std::mem::take(&mut batch))?;
                }
            }
            change.add_points(&batch)?;
            let points_count = change.sum_up()?;
            Meta::default().put(&change.write)?;
            Ok(points_count)
        })
    }
}

impl Change {
    /// Adds points to tables that hold all but what the sources add up to.
    fn add_points<I: Ord>(&self, points: &BTreeMap<I, Point>) -> Result<()> {
        let mut by_id = BTreeMap::new();
        let mut by_source = BTreeMap::new();
        for point in points.values() {
            if let Some(before) = self.get::<Point>(&point.key())? {
                self.write
                    .remove(Table::PointsBySource, &before.source_key())?;
            }
            by_id.insert(point.key(), encode(point)?);
            by_source.insert(point.source_key(), deleted_mark(point));
        }
        let by_id = by_id.iter().map(|(key, value)| (&**key, &**value));
        self.write.put_all(Table::Points, by_id)?;
        let by_source = by_source.iter().map(|(key, value)| (&**key, &value[..]));
        self.write.put_all(Table::PointsBySource, by_source)
    }

    /// What the points of each source add up to, and how many there are in all.
    fn sum_up(&self) -> Result<u64> {
        let (mut sources, mut points_count) = (BTreeMap::new(), 0);
        for entry in self.write.scan(Table::Points, Span::all()) {
            let point: Point = crate::record::decode(&entry?.1)?;
            let prefix = point.source.prefix();
            let source = sources
                .entry(prefix)
                .or_insert_with(|| Source::without_points(point.source.clone()));
            add(source, &point);
            points_count += 1;
            let order = (point.taken_at, &point.id);
            // The order of the table by source: newest first, and among twins the lesser id.
            let is_newer = |newest: &NewestPoint| {
                order.0 > newest.taken_at || order.0 == newest.taken_at && *order.1 < newest.id
            };
            if !point.is_deleted() && source.newest.as_ref().is_none_or(is_newer) {
                source.newest = Some(NewestPoint::of(point));
            }
        }
        for source in sources.values() {
            self.put(source)?;
        }
        Ok(points_count)
    }
}
