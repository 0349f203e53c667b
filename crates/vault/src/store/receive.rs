//! What comes from a store, no faster than it may.

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetResult, GetResultPayload, ObjectMeta, ObjectStore};

use super::Listed;
use crate::pace::{Direction, Ticket};

/// What a line of a listing takes on its way, beside the name, bytes.
const LINE_BYTES: u64 = 300;
/// Lines that have their turn together.
const LINES: usize = 64;

/// The bytes of an answer. What lies in a file has its turn before it is read; what comes on a line waits there, because
/// nobody takes the next piece.
pub(super) async fn content(got: GetResult, ticket: &Ticket) -> object_store::Result<Bytes> {
    if ticket.is_free() {
        return got.bytes().await;
    }
    if let GetResultPayload::File(..) = got.payload {
        let bytes = got.range.end.saturating_sub(got.range.start);
        ticket.pass(Direction::FromStore, bytes).await;
        return got.bytes().await;
    }
    let mut whole = BytesMut::new();
    let mut pieces = got.into_stream();
    while let Some(piece) = pieces.try_next().await? {
        ticket.pass(Direction::FromStore, piece.len() as u64).await;
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// All lines of a listing. Those of a directory come for nothing: they have no ticket.
pub(super) async fn listing(
    store: &dyn ObjectStore,
    prefix: &Path,
    ticket: Option<&Ticket>,
) -> object_store::Result<Vec<Listed>> {
    let line = |meta: ObjectMeta| Listed {
        name: meta.location.to_string(),
        bytes: meta.size,
        written_at: meta.last_modified,
    };
    let mut metas = store.list(Some(prefix));
    let (mut lines, mut unpaid_bytes) = (Vec::new(), 0);
    while let Some(meta) = metas.try_next().await? {
        let line = line(meta);
        unpaid_bytes += line.name.len() as u64 + LINE_BYTES;
        lines.push(line);
        if let Some(ticket) = ticket
            && lines.len().is_multiple_of(LINES)
        {
            ticket.pass(Direction::FromStore, unpaid_bytes).await;
            unpaid_bytes = 0;
        }
    }
    Ok(lines)
}
