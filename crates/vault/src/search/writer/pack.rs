//! Packs of one writer, and what lies in them.

use std::collections::BTreeMap;

use strongroom_chunking::ChunkId;
use strongroom_crypto::{BLOCK_NONCE_LEN, BlockContext, BlockType, seal_block};

use super::Known;
use crate::Result;
use crate::format::wire::{Reader, Writer as Wire};
use crate::format::{
    BlockName, BlockRowDraft, BlockUse, ChunkAddress, ListPiece, ObjectKind, PackBuilder, PackId,
    PackUse, Segment, SegmentEntry, SegmentPack, Toc,
};
use crate::search::process::Process;

/// A pack that is being filled.
pub(super) struct Filling {
    pub(super) pack: PackId,
    pub(super) builder: PackBuilder,
    pub(super) blocks_count: u16,
}

impl Filling {
    pub(super) fn new(process: &Process, kind: ObjectKind) -> Result<Self> {
        let pack = process.vault.new_pack_id()?;
        Ok(Self {
            pack,
            builder: PackBuilder::new(kind, pack),
            blocks_count: 0,
        })
    }

    /// Adds a block of one chunk.
    pub(super) fn add(
        &mut self,
        process: &Process,
        block_type: BlockType,
        id: ChunkId,
        raw: &[u8],
    ) -> Result<ChunkAddress> {
        let vault = &process.vault;
        let raw_len = u32::try_from(raw.len()).unwrap_or(u32::MAX);
        let context = BlockContext {
            vault_id: *vault.id().as_bytes(),
            domain_id: *vault.domain_id().as_bytes(),
            birth_pack: *self.pack.as_bytes(),
            birth_ordinal: self.blocks_count,
            block_type,
            codec: 0,
            raw_len,
        };
        let mut payload = vec![0; BLOCK_NONCE_LEN];
        payload.extend_from_slice(raw);
        let key = vault.domain()?.block(block_type, 0);
        seal_block(&key, &context, &mut payload, &**vault.entropy())?;
        let row = BlockRowDraft {
            birth: BlockName {
                pack: self.pack,
                ordinal: self.blocks_count,
            },
            block_type,
            codec: 0,
            key_epoch: 0,
            raw_len,
            chunks: vec![(id, raw_len)],
        };
        self.builder.put_block(self.blocks_count, row, payload);
        let block = self.blocks_count;
        self.blocks_count += 1;
        Ok(ChunkAddress {
            pack: self.pack,
            block,
            chunk: 0,
        })
    }
}

pub(super) fn add_to_segment(segment: &mut Segment, pack: SegmentPack, toc: &Toc) {
    let position = u32::try_from(segment.packs.len()).unwrap_or(u32::MAX);
    segment.packs.push(pack);
    for (block, chunk, row) in toc.addressed_chunks() {
        segment.entries.push(SegmentEntry {
            prefix: row.id.prefix(),
            pack: position,
            block,
            chunk,
        });
    }
}

/// The reference list of a point: each chunk once.
pub(super) fn list_of(uses: &[ChunkAddress]) -> ListPiece {
    let mut packs: BTreeMap<PackId, BTreeMap<u16, Vec<u32>>> = BTreeMap::new();
    for at in uses {
        let counts = packs
            .entry(at.pack)
            .or_default()
            .entry(at.block)
            .or_default();
        let chunk = usize::from(at.chunk);
        if counts.len() <= chunk {
            counts.resize(chunk + 1, 0);
        }
        counts[chunk] += 1;
    }
    let blocks = |blocks: BTreeMap<u16, Vec<u32>>| {
        let uses = blocks.into_iter();
        uses.map(|(ordinal, counts)| BlockUse { ordinal, counts })
            .collect()
    };
    let packs = packs.into_iter().map(|(pack, used)| PackUse {
        pack,
        blocks: blocks(used),
    });
    ListPiece {
        packs: packs.collect(),
    }
}

pub(super) fn encode_tree(contents: &[(u64, ChunkAddress)]) -> Vec<u8> {
    let mut out = Wire::new();
    for (content, at) in contents {
        out.varint(*content);
        out.raw(at.pack.as_bytes());
        out.varint(u64::from(at.block));
        out.varint(u64::from(at.chunk));
    }
    out.into_vec()
}

pub(super) fn decode_tree(raw: &[u8]) -> Result<Known> {
    let input = &mut Reader::new(raw);
    let mut known = Known::new();
    while !input.is_empty() {
        let content = input.varint()?;
        let at = ChunkAddress {
            pack: PackId::from_bytes(input.array()?),
            block: u16::try_from(input.varint()?).unwrap_or(u16::MAX),
            chunk: u16::try_from(input.varint()?).unwrap_or(u16::MAX),
        };
        known.insert(content, at);
    }
    Ok(known)
}
