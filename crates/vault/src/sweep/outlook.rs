//! What a vault would need less if some points were gone.

use std::collections::HashSet;

use super::cycles::Cycles;
use super::held::{Held, Places};
use super::liveness::Liveness;
use crate::chain;
use crate::format::{SessionId, Standing};
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
    let held: Vec<Held> = directory.held().collect();
    let places = Places::of(held.iter());
    let remaps = directory.remaps();
    let mut chains = chain::all(vault).await?;
    let mut now = Liveness::gather(vault, reader, &chains).await?;
    for point in without {
        chains.entry(*point).or_default().state.standing = Standing::Gone;
    }
    let mut then = Liveness::gather(vault, reader, &chains).await?;
    for live in [&mut now, &mut then] {
        live.settle(&remaps, |name| places.has(name), |_| true);
    }
    let mut outlook = Outlook::default();
    for pack in &held {
        let needed = |live: &Liveness| pack.needed_chunks_count(live);
        let given_up = u64::from(needed(&now).saturating_sub(needed(&then)));
        let part = pack.object_bytes * given_up / u64::from(pack.chunks_count.max(1));
        outlook.held_bytes += pack.object_bytes;
        outlook.freed_bytes += part;
    }
    Ok(outlook)
}
