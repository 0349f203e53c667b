//! Changes of recovery points, and of what follows from them.

use super::Change;
use crate::error::{Error, Result};
use crate::point::{Point, PointId};
use crate::record::Record;
use crate::source::{NewestPoint, Source, SourceName};
use crate::store::{Reading, Span, Table};

/// Value of an entry of the order by source: whether the point is deleted.
pub(crate) fn deleted_mark(point: &Point) -> [u8; 1] {
    [u8::from(point.is_deleted())]
}

impl Change {
    /// Notes a point, or what has changed about it: deleted, held, kept by other rules.
    ///
    /// # Errors
    /// [`Error::Limit`] when its id or the name of its source is empty or too long.
    pub fn put_point(&self, point: &Point) -> Result<()> {
        let before = self.get::<Point>(&point.key())?;
        self.put(point)?;
        if let Some(before) = before {
            self.write
                .remove(Table::PointsBySource, &before.source_key())?;
            self.count(&before.source, |source| subtract(source, &before))?;
        }
        let mark = deleted_mark(point);
        self.write
            .put(Table::PointsBySource, &point.source_key(), &mark)?;
        self.count(&point.source, |source| add(source, point))
    }

    /// Notes that a point is no more; true when it was known.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn remove_point(&self, id: &PointId) -> Result<bool> {
        let key = id.as_str().as_bytes();
        let Some(point) = self.get::<Point>(key)? else {
            return Ok(false);
        };
        self.write.remove(Table::Points, key)?;
        self.write
            .remove(Table::PointsBySource, &point.source_key())?;
        self.count(&point.source, |source| subtract(source, &point))?;
        Ok(true)
    }

    /// Makes what a source adds up to right again after one of its points has come, gone or changed.
    fn count(&self, name: &SourceName, tally: impl FnOnce(&mut Source)) -> Result<()> {
        let known = self.get(&name.prefix())?;
        let mut source = known.unwrap_or_else(|| Source::without_points(name.clone()));
        tally(&mut source);
        if source.points_count + source.deleted_count == 0 {
            self.write.remove(Table::Sources, &source.key())?;
            return Ok(());
        }
        source.newest = self.newest(name)?;
        self.put(&source)
    }

    fn newest(&self, name: &SourceName) -> Result<Option<NewestPoint>> {
        let prefix = name.prefix();
        let id_at = prefix.len() + 12;
        for entry in self
            .write
            .scan(Table::PointsBySource, Span::prefix(&prefix))
        {
            let (key, mark) = entry?;
            if mark == [0] {
                let point = self.get::<Point>(key.get(id_at..).unwrap_or_default())?;
                let missing = || Error::corrupt("a table names a point that is not there");
                return point.map(NewestPoint::of).ok_or_else(missing).map(Some);
            }
        }
        Ok(None)
    }
}

impl NewestPoint {
    pub(crate) fn of(point: Point) -> Self {
        Self {
            taken_at: point.taken_at,
            logical_bytes: point.logical_bytes,
            id: point.id,
        }
    }
}

/// Counts a point in.
pub(crate) fn add(source: &mut Source, point: &Point) {
    if point.is_deleted() {
        source.deleted_count += 1;
    } else {
        source.points_count += 1;
        // Modulo 2⁶⁴, so that taking away gives back what was there, whatever the points say.
        source.stored_bytes = source.stored_bytes.wrapping_add(point.stored_bytes);
    }
}

fn subtract(source: &mut Source, point: &Point) {
    if point.is_deleted() {
        source.deleted_count = source.deleted_count.saturating_sub(1);
    } else {
        source.points_count = source.points_count.saturating_sub(1);
        source.stored_bytes = source.stored_bytes.wrapping_sub(point.stored_bytes);
    }
}
