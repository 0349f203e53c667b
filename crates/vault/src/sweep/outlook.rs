//! What a vault would need less if some points were gone.

use std::collections::HashSet;

use super::cycles::Cycles;
use super::liveness::Liveness;
use crate::chain;
use crate::format::{SessionId, Standing};
use crate::remaps::Remaps;
use crate::{BlockReader, PackDirectory, Result, Vault};

/// Bytes of packs, now and then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Bytes of all packs.
    pub held_bytes: u64,
    /// Bytes that some point needs now and none would need then. Of a pack of which a part is needed, so is that part
    /// of its bytes.
    pub freed_bytes: u64,
}

/// What would not be needed any more if these points were gone for ever.
///
/// # Errors
/// When a manifest or list cannot be read, or the store fails.
pub async fn outlook(
    vault: &Vault,
    reader: &BlockReader,
    without: &HashSet<SessionId>,
) -> Result<Outlook> {
    let dead = Cycles::read(vault).await?.dead;
    let mut directory = PackDirectory::list_without(vault, &dead).await?;
    directory.load_packs(vault).await?;
    let remaps = Remaps::load(vault).await?;
    let mut chains = chain::all(vault).await?;
    let mut now = Liveness::gather(vault, reader, &chains).await?;
    for point in without {
        chains.entry(*point).or_default().state.standing = Standing::Gone;
    }
    let mut then = Liveness::gather(vault, reader, &chains).await?;
    for live in [&mut now, &mut then] {
        live.follow(&remaps, |name| directory.resolve(name).is_some());
    }
    let mut outlook = Outlook::default();
    for (entry, blocks) in directory.held() {
        let needed = |live: &Liveness| {
            blocks
                .iter()
                .filter(|name| live.of_block(name).is_some())
                .count()
        };
        let given_up = needed(&now).saturating_sub(needed(&then)) as u128;
        let part = u128::from(entry.object_bytes) * given_up / (blocks.len().max(1) as u128);
        outlook.held_bytes += entry.object_bytes;
        outlook.freed_bytes += u64::try_from(part).unwrap_or(entry.object_bytes);
    }
    Ok(outlook)
}
