//! Points of a vault as the catalog keeps them.

use strongroom::{PointState as ViewState, PointView};
use strongroom_catalog::{Hold, Point, PointId, PointState, SourceName};

/// A point as the catalog keeps it.
#[must_use]
pub fn catalog_point(view: &PointView) -> Point {
    let mut point = Point::new(
        view.id.to_string(),
        SourceName::local(source_name(view)),
        view.taken_at,
    );
    point.written_at = view.written_at;
    point.previous = view.previous.map(|id| PointId::new(id.to_string()));
    point.slots.clone_from(&view.slots);
    point.state = match view.state {
        ViewState::Complete => PointState::Complete,
        ViewState::Partial => PointState::Partial,
        ViewState::Damaged => PointState::Damaged,
    };
    point.files_count = view.files_count;
    point.logical_bytes = view.logical_bytes;
    point.tags.clone_from(&view.tags);
    point.hold = match (view.is_held, view.hold_until) {
        (true, _) => Some(Hold::Open),
        (false, until) => until.map(Hold::Until),
    };
    point.retain_until = view.retain_until;
    point.deleted_at = view.deleted_at;
    point
}

/// The name of the source of a point whose manifest is damaged is not known.
fn source_name(view: &PointView) -> &str {
    if view.source.is_empty() {
        "?"
    } else {
        &view.source
    }
}
