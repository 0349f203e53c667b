//! Finds out whether a store keeps the promises that a vault stands on (format.md §15).

use bytes::Bytes;
use futures::future::join_all;
use strongroom_crypto::Entropy;

use crate::store::{Created, Store};
use crate::{Error, RefusalKind, Result};

const CONTENDERS: u8 = 8;

/// Makes, reads, lists and deletes one small object.
///
/// # Errors
/// [`Error::StoreRefused`] when the store breaks a promise; any other error when it cannot be used at all.
pub async fn probe(store: &Store, entropy: &dyn Entropy) -> Result<()> {
    let mut random = [0; 16];
    entropy.fill(&mut random)?;
    let name = format!("probe/{}", crate::format::SlotId::from_bytes(random));
    let outcome = contend(store, &name).await;
    let cleaned = store.delete(&name).await;
    outcome?;
    match cleaned {
        // Agents are better off without the right to delete; what is left here may be deleted by anyone.
        Err(error)
            if error
                .refusal()
                .is_some_and(|it| it.kind == RefusalKind::Denied) =>
        {
            Ok(())
        }
        cleaned => cleaned,
    }
}

async fn contend(store: &Store, name: &str) -> Result<()> {
    let refuse = |reason: &str| Error::StoreRefused {
        reason: reason.to_owned(),
    };
    let content = |contender: u8| Bytes::from(vec![contender; 64]);
    let contents: Vec<[Bytes; 1]> = (0..CONTENDERS)
        .map(|contender| [content(contender)])
        .collect();
    let creates = contents.iter().map(|parts| store.create_once(name, parts));
    let mut winner = None;
    for (outcome, [content]) in join_all(creates).await.into_iter().zip(&contents) {
        if outcome? == Created::Ours && winner.replace(content).is_some() {
            return Err(refuse(
                "two writers could create one object at the same time",
            ));
        }
    }
    let winner =
        winner.ok_or_else(|| refuse("an object cannot be created if it does not exist yet"))?;
    let gone = |error| match error {
        Error::Missing { .. } => refuse("an object that was created cannot be read"),
        other => other,
    };
    if store.read(name, 1 << 20).await.map_err(gone)? != *winner {
        return Err(refuse("an object was overwritten although it existed"));
    }
    if store.read_range(name, 3..7).await? != winner.slice(3..7) {
        return Err(refuse("a ranged read returns other bytes than asked for"));
    }
    let listed = store.list("probe").await?;
    if !listed
        .iter()
        .any(|line| line.name == name && line.bytes == winner.len() as u64)
    {
        return Err(refuse("a listing does not show an object that was created"));
    }
    Ok(())
}
