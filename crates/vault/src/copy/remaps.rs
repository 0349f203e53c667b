//! Remaps that copied points need.

use std::collections::HashSet;

use bytes::Bytes;

use crate::error::in_object;
use crate::format::{ChunkAddress, ObjectKind, ObjectName, Remap, open_signed};
use crate::store::Created;
use crate::{Error, PackDirectory, Result, Vault};

/// More steps from an old address to a new one are damage (format.md §12).
const STEPS_MAX: usize = 64;

/// Brings the remaps over, byte for byte, that lead from these chunks to blocks that the target has; what they lead to
/// must be durable there.
///
/// # Errors
/// When a store fails.
pub(super) async fn bring(
    source: &Vault,
    target: &Vault,
    there: &PackDirectory,
    chunks: &HashSet<ChunkAddress>,
) -> Result<()> {
    let mut remaps = Vec::new();
    let prefix = format!("remap/{}", source.domain_id());
    for line in source.store().list(&prefix).await? {
        if let Some(name @ ObjectName::Remap { .. }) = ObjectName::parse(&line.name) {
            remaps.extend(read(source, &name).await?);
        }
    }
    let mut open: Vec<ChunkAddress> = chunks.iter().copied().collect();
    let mut wanted: HashSet<ObjectName> = HashSet::new();
    for _ in 0..STEPS_MAX {
        let mut next = Vec::new();
        for (name, _, remap) in &remaps {
            for at in &open {
                for new in remap.runs.iter().filter_map(|run| run.resolve(*at)) {
                    wanted.insert(*name);
                    if there.resolve(new.block_name()).is_none() {
                        next.push(new);
                    }
                }
            }
        }
        if next.is_empty() {
            break;
        }
        open = next;
    }
    for (name, object, _) in remaps {
        if wanted.contains(&name) {
            let name = name.to_string();
            let created = target.store().create_once(&name, &[object]).await?;
            if matches!(created, Created::Theirs(_)) {
                return Err(Error::NameTaken { object: name });
            }
        }
    }
    Ok(())
}

/// `None` for one that is damaged or has gone.
async fn read(source: &Vault, name: &ObjectName) -> Result<Option<(ObjectName, Bytes, Remap)>> {
    let read = source
        .store()
        .read(&name.to_string(), ObjectKind::Remap.max_bytes())
        .await;
    let object = match read {
        Err(Error::Missing { .. }) => return Ok(None),
        outcome => outcome?,
    };
    let signers = source.signers();
    let key = source.toc_key()?;
    let open = || {
        let (_, plain) = open_signed(ObjectKind::Remap, name, &object, key, source.id(), &signers)?;
        Remap::decode(&plain)
    };
    match in_object(name, open()) {
        Ok(remap) => Ok(Some((*name, object, remap))),
        Err(error) if error.is_corruption() => {
            tracing::warn!(%error, "a remap cannot be used");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
