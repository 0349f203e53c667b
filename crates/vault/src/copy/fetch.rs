//! Sealed blocks out of packs of the source, checked as far as the keys at hand permit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use strongroom_chunking::ChunkHasher;
use strongroom_crypto::{BlockContext, BlockType, open_block};
use tokio::task::JoinSet;

use crate::directory::read_toc;
use crate::error::in_object;
use crate::format::{
    BlockCodec, BlockName, BlockRow, BlockRowDraft, FormatError, ObjectKind, ObjectName, PackId,
    Toc, padme,
};
use crate::{Error, PackDirectory, Result, Vault};

/// Blocks that are wanted of one pack.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pack: PackId,
    pub(super) kind: ObjectKind,
    object_bytes: u64,
    /// Of all blocks, about this share of the bytes is wanted.
    blocks_count: u32,
    blake3: Option<[u8; 32]>,
    blocks: Vec<(u16, BlockName)>,
}

/// A block that is as its table says.
type Good = (BlockRowDraft, Bytes);

/// What came of them.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    pub(super) good: Vec<Good>,
    pub(super) bad: Vec<(BlockName, Bad)>,
    /// Not there any more: the source was swept.
    pub(super) gone: Vec<BlockName>,
}

/// Why a block is not brought over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// Name of the object that is damaged.
    pub(super) object: String,
    pub(super) reason: String,
}

impl Bad {
    /// What an error tells, which may name an object itself.
    pub(super) fn told_by(error: &Error, object: &str) -> Self {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        match error {
            Error::Missing { object } => Self {
                object: object.clone(),
                reason: "it is missing".to_owned(),
            },
            Error::Object { object, source } => Self {
                object: object.clone(),
                reason: source.to_string(),
            },
            other => Self {
                object: object.to_owned(),
                reason: cause.unwrap_or_else(|| other.to_string()),
            },
        }
    }
}

/// Sorts blocks by the packs in which the source has them; those that it does not have are returned apart.
pub(super) fn by_pack(
    packs: &PackDirectory,
    blocks: impl Iterator<Item = BlockName>,
) -> (Vec<Wanted>, Vec<BlockName>) {
    let mut wanted: HashMap<PackId, Wanted> = HashMap::new();
    let mut gone = Vec::new();
    for name in blocks {
        let found = packs.resolve(name);
        let Some((entry, position)) =
            found.and_then(|(pack, position)| Some((packs.entry(&pack)?, position)))
        else {
            gone.push(name);
            continue;
        };
        let pack = wanted.entry(entry.pack_id).or_insert_with(|| Wanted {
            pack: entry.pack_id,
            kind: entry.kind,
            object_bytes: entry.object_bytes,
            blocks_count: entry.blocks_count,
            blake3: entry.blake3,
            blocks: Vec::new(),
        });
        pack.blocks.push((position, name));
    }
    let mut wanted: Vec<Wanted> = wanted.into_values().collect();
    wanted.sort_unstable_by_key(|pack| pack.pack);
    for pack in &mut wanted {
        pack.blocks.sort_unstable();
    }
    (wanted, gone)
}

/// Bytes of a pack, on their way.
pub(super) struct Reading {
    wanted: Wanted,
    /// One task, which ends with this: bytes that nobody waits for would keep others off the line.
    bytes: JoinSet<Result<Read>>,
}

enum Read {
    /// The whole object, with its table.
    Whole(Toc, Bytes),
    /// The wanted blocks in their order, checked.
    Blocks(Vec<Result<Good>>),
}

/// Begins to read a pack. With keys that open blocks, single blocks are read where few are wanted; without, the whole
/// object is, because only its hash tells whether it is as it was. Of several copies the first that passes is taken.
pub(super) fn begin(source: &Vault, checker: &Arc<Checker>, wanted: Wanted) -> Reading {
    let is_dense = wanted.blocks.len() * 2 >= wanted.blocks_count as usize;
    let has_others = source.store().as_mirror().is_some();
    // Where there are others, a copy must be told from a good one as it is read.
    let is_told = wanted.blake3.is_some() || !has_others;
    let is_whole = (is_dense && is_told) || !checker.opens_blocks();
    let (vault, checker, of) = (source.clone(), Arc::clone(checker), wanted.clone());
    let mut bytes = JoinSet::new();
    bytes.spawn(async move {
        if !is_whole {
            return read_blocks(&vault, &checker, &of).await;
        }
        let name = of.object_name(&vault);
        let check = |bytes: Bytes| Ok((whole(&vault, &of, &bytes)?, bytes));
        let read = vault.store().read_checked(&name, of.object_bytes, check);
        let (toc, bytes) = read.await?.value;
        Ok(Read::Whole(toc, bytes))
    });
    Reading { wanted, bytes }
}

async fn read_blocks(vault: &Vault, checker: &Checker, of: &Wanted) -> Result<Read> {
    let (toc, _) = read_toc(vault, of.pack, of.kind).await?;
    let name = of.object_name(vault);
    let mut blocks = Vec::new();
    for (position, block) in &of.blocks {
        let range = toc.block_range(*position).unwrap_or_default();
        let check = |sealed| checker.check(vault, &toc, *position, *block, sealed);
        let read = vault.store().read_range_checked(&name, range, check).await;
        blocks.push(read.map(|read| read.value));
    }
    Ok(Read::Blocks(blocks))
}

impl Wanted {
    fn object_name(&self, vault: &Vault) -> String {
        ObjectName::pack(self.kind, *vault.domain_id(), self.pack).to_string()
    }
}

/// Waits for a pack and checks its blocks.
///
/// # Errors
/// When the store fails; damage stands in what is returned.
pub(super) async fn finish(source: &Vault, checker: &Checker, reading: Reading) -> Result<Fetched> {
    let Reading { wanted, mut bytes } = reading;
    let read = match bytes.join_next().await {
        Some(Ok(read)) => read,
        Some(Err(died)) => return Err(Error::Died(died.to_string())),
        None => return Err(Error::Died("it was never begun".to_owned())),
    };
    match read.and_then(|read| checker.take(source, &wanted, read)) {
        Ok(fetched) => Ok(fetched),
        Err(Error::Missing { .. }) => Ok(Fetched {
            gone: wanted.blocks.iter().map(|(_, name)| *name).collect(),
            ..Fetched::default()
        }),
        // With the key, each block speaks for itself.
        Err(error) if error.is_corruption() && checker.opens_blocks() => {
            match read_blocks(source, checker, &wanted).await {
                Ok(read) => checker.take(source, &wanted, read),
                Err(error) => all_bad(source, &wanted, error),
            }
        }
        Err(error) => all_bad(source, &wanted, error),
    }
}

fn all_bad(source: &Vault, wanted: &Wanted, error: Error) -> Result<Fetched> {
    if !error.is_corruption() {
        return Err(error);
    }
    let bad = Bad::told_by(&error, &wanted.object_name(source));
    let bad = wanted.blocks.iter().map(|(_, name)| (*name, bad.clone()));
    Ok(Fetched {
        bad: bad.collect(),
        ..Fetched::default()
    })
}

/// Checks sealed blocks with the keys at hand.
pub(super) struct Checker {
    /// One for each type of block, with the domain's keys.
    hashers: Vec<(BlockType, ChunkHasher)>,
    codecs: Mutex<Vec<BlockCodec>>,
}

impl Checker {
    pub(super) fn new(source: &Vault) -> Self {
        let types = [BlockType::Data, BlockType::Tree, BlockType::List];
        let hashers = source.keys().domain().map(|domain| {
            let hasher = |of| (of, ChunkHasher::new(domain.chunk_id_key(of)));
            types.map(hasher).to_vec()
        });
        Self {
            hashers: hashers.unwrap_or_default(),
            codecs: Mutex::default(),
        }
    }

    fn opens_blocks(&self) -> bool {
        !self.hashers.is_empty()
    }

    fn take(&self, source: &Vault, wanted: &Wanted, read: Read) -> Result<Fetched> {
        let name = wanted.object_name(source);
        let blocks = match read {
            Read::Whole(toc, bytes) => {
                let slice = |position| {
                    let range = toc.block_range(position).unwrap_or_default();
                    let at = usize::try_from(range.start).unwrap_or(usize::MAX)
                        ..usize::try_from(range.end).unwrap_or(usize::MAX);
                    let inside = bytes.get(at).map(|block| bytes.slice_ref(block));
                    inside.ok_or(FormatError::Truncated("a pack"))
                };
                let check = |(position, block): &(u16, BlockName)| {
                    let sealed = slice(*position)?;
                    self.check(source, &toc, *position, *block, sealed)
                };
                let checked = wanted.blocks.iter().map(check);
                checked.map(|block| in_object(&name, block)).collect()
            }
            Read::Blocks(blocks) => blocks,
        };
        let mut fetched = Fetched::default();
        for ((_, block), checked) in wanted.blocks.iter().zip(blocks) {
            match checked {
                Ok(good) => fetched.good.push(good),
                Err(Error::Missing { .. }) => fetched.gone.push(*block),
                Err(error) if error.is_corruption() => {
                    fetched.bad.push((*block, Bad::told_by(&error, &name)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(fetched)
    }

    /// A block whose row says what was asked for and, with the keys, whose chunks have the ids that the table says.
    fn check(
        &self,
        source: &Vault,
        toc: &Toc,
        position: u16,
        name: BlockName,
        sealed: Bytes,
    ) -> Result<Good, FormatError> {
        let row = toc.block(position).filter(|row| row.birth == name);
        let row = row.ok_or(FormatError::Malformed(
            "a block is named that its pack does not hold",
        ))?;
        if sealed.len() != row.stored_len as usize {
            return Err(FormatError::Truncated("a block"));
        }
        let chunks = toc.chunks_of(position);
        if let Some(key) = source
            .keys()
            .block(row.block_type, row.key_epoch)
            .filter(|_| self.opens_blocks())
        {
            let context = BlockContext {
                vault_id: *source.id().as_bytes(),
                domain_id: *source.domain_id().as_bytes(),
                birth_pack: *row.birth.pack.as_bytes(),
                birth_ordinal: row.birth.ordinal,
                block_type: row.block_type,
                codec: row.codec,
                raw_len: row.raw_len,
            };
            let mut payload = sealed.to_vec();
            let payload = open_block(&key, &context, &mut payload)?;
            let raw = self.decompress(row, payload)?;
            let hasher = self.hashers.iter().find(|(of, _)| *of == row.block_type);
            let mut rest = raw.as_slice();
            for chunk in chunks {
                let cut = FormatError::Truncated("a block");
                let split = rest.split_at_checked(chunk.raw_len as usize);
                let (bytes, after) = split.ok_or(cut)?;
                if hasher.is_none_or(|(_, hasher)| hasher.id(bytes) != chunk.id) {
                    return Err(FormatError::Malformed(
                        "a chunk does not have the id that its pack says",
                    ));
                }
                rest = after;
            }
        }
        let draft = BlockRowDraft {
            birth: row.birth,
            block_type: row.block_type,
            codec: row.codec,
            key_epoch: row.key_epoch,
            raw_len: row.raw_len,
            chunks: chunks.iter().map(|row| (row.id, row.raw_len)).collect(),
        };
        Ok((draft, sealed))
    }

    fn decompress(&self, row: &BlockRow, payload: &[u8]) -> Result<Vec<u8>, FormatError> {
        let codecs = || self.codecs.lock().unwrap_or_else(PoisonError::into_inner);
        let pooled = codecs().pop();
        let mut codec = match pooled {
            Some(codec) => codec,
            None => BlockCodec::new()?,
        };
        let raw = codec.decompress(row.codec, payload, row.raw_len);
        codecs().push(codec);
        raw
    }
}

/// A whole pack: its length, its hash where the index has one, and its table.
fn whole(source: &Vault, wanted: &Wanted, bytes: &Bytes) -> Result<Toc, FormatError> {
    let denied = strongroom_crypto::Error::NotPermitted("a key for the index");
    let key = source.keys().toc().ok_or(denied)?;
    let toc = Toc::open(bytes, wanted.kind, wanted.pack, source.id(), key)?;
    if bytes.len() as u64 != padme(toc.unpadded_bytes()) {
        return Err(FormatError::Truncated("a pack"));
    }
    if wanted
        .blake3
        .is_some_and(|hash| hash != *blake3::hash(bytes).as_bytes())
    {
        return Err(FormatError::Malformed(
            "a pack has another hash than the index says",
        ));
    }
    Ok(toc)
}
