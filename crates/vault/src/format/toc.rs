//! Tables of contents (format.md §7).

use strongroom_chunking::ChunkId;
use strongroom_crypto::{BLOCK_OVERHEAD, BlockType, SecretKey, object_key, open_frames};

use super::header::{HEADER_BYTES, Header, ObjectKind};
use super::ids::{BlockName, PackId, VaultId};
use super::wire::Reader;
use super::{FormatError, PACK_MAX_BYTES};

/// What readers refuse must not be written.
fn check_limits(
    row: &BlockRowDraft,
    stored_len: u32,
    blocks_count: usize,
) -> Result<(), FormatError> {
    FormatError::limit("the number of blocks", blocks_count as u64 + 1, 65_535)?;
    FormatError::limit(
        "the length of a block",
        u64::from(row.raw_len),
        u64::from(BLOCK_MAX_BYTES),
    )?;
    FormatError::limit(
        "the stored length of a block",
        u64::from(stored_len),
        u64::from(row.raw_len) + 1024,
    )?;
    let longest = row.chunks.iter().map(|(_, raw_len)| *raw_len).max();
    FormatError::limit(
        "the length of a chunk",
        u64::from(longest.unwrap_or_default()),
        u64::from(CHUNK_MAX_BYTES),
    )
}

/// Where the table begins in a pack: after header and extension.
pub const TOC_AT: usize = HEADER_BYTES + EXT_BYTES;
pub(crate) const EXT_BYTES: usize = 8;
pub(crate) const TOC_MAX_BYTES: u64 = 16 << 20;
pub(crate) const BLOCKS_MAX_COUNT: u64 = 65_535;
const BLOCK_MAX_BYTES: u32 = 16 << 20;
const CHUNK_MAX_BYTES: u32 = (16 << 20) - 1;
const PAGE: usize = 4096;

/// One block of a pack.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct BlockRow {
    /// Its name for ever.
    pub birth: BlockName,
    /// What it holds.
    pub block_type: BlockType,
    /// 0 raw, 1 zstd.
    pub codec: u8,
    /// Epoch of its key.
    pub key_epoch: u32,
    /// Sealed bytes.
    pub stored_len: u32,
    /// Bytes of its chunks.
    pub raw_len: u32,
    /// How many chunks it holds.
    pub chunk_count: u16,
    /// Number of its first chunk among all of the pack.
    first_chunk: u32,
    /// Where it begins, from the end of the table.
    offset: u64,
}

/// One chunk of a block.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct ChunkRow {
    /// Keyed hash of its bytes.
    pub id: ChunkId,
    /// Its length.
    pub raw_len: u32,
}

/// A block that is about to be put into a pack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockRowDraft {
    /// Its name for ever.
    pub birth: BlockName,
    /// What it holds.
    pub block_type: BlockType,
    /// 0 raw, 1 zstd.
    pub codec: u8,
    /// Epoch of its key.
    pub key_epoch: u32,
    /// Bytes of its chunks.
    pub raw_len: u32,
    /// Id and length of each chunk, in order.
    pub chunks: Vec<(ChunkId, u32)>,
}

impl BlockRowDraft {
    /// How many chunks it holds.
    #[must_use]
    pub fn chunks_count(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX)
    }
}

/// What stands in a pack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Toc {
    blocks: Vec<BlockRow>,
    chunks: Vec<ChunkRow>,
    toc_len: u32,
}

impl Toc {
    /// All blocks, in the order in which they lie in the pack.
    #[must_use]
    pub fn blocks(&self) -> &[BlockRow] {
        &self.blocks
    }

    /// All chunks, block by block.
    #[must_use]
    pub fn chunks(&self) -> &[ChunkRow] {
        &self.chunks
    }

    /// Sealed bytes of the table.
    #[must_use]
    pub fn sealed_len(&self) -> u32 {
        self.toc_len
    }

    /// The block at this position.
    #[must_use]
    pub fn block(&self, position: u16) -> Option<&BlockRow> {
        self.blocks.get(usize::from(position))
    }

    /// The chunks of the block at this position.
    #[must_use]
    pub fn chunks_of(&self, position: u16) -> &[ChunkRow] {
        let Some(row) = self.block(position) else {
            return &[];
        };
        let first = row.first_chunk as usize;
        self.chunks
            .get(first..first + usize::from(row.chunk_count))
            .unwrap_or_default()
    }

    /// A chunk by position of its block and its number there.
    #[must_use]
    pub fn chunk(&self, position: u16, chunk: u16) -> Option<&ChunkRow> {
        self.chunks_of(position).get(usize::from(chunk))
    }

    /// Every chunk with the position of its block and its number there.
    pub fn addressed_chunks(&self) -> impl Iterator<Item = (u16, u16, &ChunkRow)> {
        (0..u16::MAX).zip(&self.blocks).flat_map(|(position, _)| {
            (0..u16::MAX)
                .zip(self.chunks_of(position))
                .map(move |(number, row)| (position, number, row))
        })
    }

    /// Position of a block by its birth name.
    #[must_use]
    pub fn position_of(&self, name: BlockName) -> Option<u16> {
        let at_birth = self
            .block(name.ordinal)
            .is_some_and(|row| row.birth == name);
        if at_birth {
            return Some(name.ordinal);
        }
        let position = self.blocks.iter().position(|row| row.birth == name)?;
        u16::try_from(position).ok()
    }

    /// Bytes of the pack in which the sealed block lies.
    #[must_use]
    pub fn block_range(&self, position: u16) -> Option<std::ops::Range<u64>> {
        let row = self.block(position)?;
        let start = TOC_AT as u64 + u64::from(self.toc_len) + row.offset;
        Some(start..start + u64::from(row.stored_len))
    }

    /// Bytes of header, table and blocks, without padding.
    #[must_use]
    pub fn unpadded_bytes(&self) -> u64 {
        let blocks: u64 = self
            .blocks
            .iter()
            .map(|row| u64::from(row.stored_len))
            .sum();
        TOC_AT as u64 + u64::from(self.toc_len) + blocks
    }

    /// Approximate bytes in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.blocks.len() * size_of::<BlockRow>()
            + self.chunks.len() * size_of::<ChunkRow>()
            + size_of::<Self>()
    }

    pub(crate) fn set_sealed_len(&mut self, toc_len: u32) {
        self.toc_len = toc_len;
    }

    pub(crate) fn push(&mut self, row: &BlockRowDraft, stored_len: u32) -> Result<(), FormatError> {
        let wrong = FormatError::Malformed("a block has too many chunks");
        check_limits(row, stored_len, self.blocks.len())?;
        let offset = self
            .blocks
            .last()
            .map_or(0, |last| last.offset + u64::from(last.stored_len));
        self.blocks.push(BlockRow {
            birth: row.birth,
            block_type: row.block_type,
            codec: row.codec,
            key_epoch: row.key_epoch,
            stored_len,
            raw_len: row.raw_len,
            chunk_count: u16::try_from(row.chunks.len()).map_err(|_| wrong)?,
            first_chunk: u32::try_from(self.chunks.len()).unwrap_or(u32::MAX),
            offset,
        });
        self.chunks.extend(
            row.chunks
                .iter()
                .map(|&(id, raw_len)| ChunkRow { id, raw_len }),
        );
        Ok(())
    }

    /// The plaintext of the table.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let len = (8 + 40 * self.blocks.len() + 19 * self.chunks.len()).next_multiple_of(PAGE);
        let mut out = Vec::with_capacity(len);
        out.extend_from_slice(
            &u32::try_from(self.blocks.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        out.extend_from_slice(
            &u32::try_from(self.chunks.len())
                .unwrap_or(u32::MAX)
                .to_le_bytes(),
        );
        for row in &self.blocks {
            out.extend_from_slice(row.birth.pack.as_bytes());
            out.extend_from_slice(&row.birth.ordinal.to_le_bytes());
            out.extend_from_slice(&[row.block_type as u8, row.codec]);
            out.extend_from_slice(&row.key_epoch.to_le_bytes());
            out.extend_from_slice(&row.stored_len.to_le_bytes());
            out.extend_from_slice(&row.raw_len.to_le_bytes());
            out.extend_from_slice(&row.chunk_count.to_le_bytes());
            out.extend_from_slice(&[0; 6]);
        }
        for row in &self.chunks {
            out.extend_from_slice(row.id.as_bytes());
            let [a, b, c, _] = row.raw_len.to_le_bytes();
            out.extend_from_slice(&[a, b, c]);
        }
        out.resize(len, 0);
        out
    }

    /// Opens the table from the beginning of a pack (at least [`toc_extent`] bytes of it).
    ///
    /// # Errors
    /// When the bytes are damaged, of another pack, or their numbers contradict each other.
    pub fn open(
        pack: &[u8],
        kind: ObjectKind,
        pack_id: PackId,
        vault_id: &VaultId,
        key: &SecretKey,
    ) -> Result<Self, FormatError> {
        let (header, ext) = Header::parse(pack, kind)?;
        if header.object_id != *pack_id.as_bytes() {
            return Err(FormatError::WrongObject);
        }
        let (toc_len, block_count) = lengths(&header, ext)?;
        let cut = FormatError::Truncated("a table of contents");
        let sealed = pack.get(TOC_AT..TOC_AT + toc_len as usize).ok_or(cut)?;
        let bytes = pack
            .first_chunk()
            .ok_or(FormatError::Truncated("an object"))?;
        let object_key = object_key(key, vault_id.as_bytes(), bytes, ext);
        let plain = open_frames(&object_key, kind.number(), sealed)?;
        let mut toc = Self::decode(&plain, kind)?;
        toc.toc_len = toc_len;
        let stored: u64 = toc.blocks.iter().map(|row| u64::from(row.stored_len)).sum();
        if toc.blocks.len() != block_count as usize
            || stored + u64::from(toc_len) != header.body_len
        {
            return Err(FormatError::Malformed(
                "a pack's header and table of contents differ",
            ));
        }
        Ok(toc)
    }

    /// Reads the plaintext of the table.
    pub(crate) fn decode(plain: &[u8], kind: ObjectKind) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        let (block_count, chunk_count) = (input.u32()?, input.u32()?);
        FormatError::limit(
            "the number of blocks",
            u64::from(block_count),
            BLOCKS_MAX_COUNT,
        )?;
        let needed = 8 + 40 * u64::from(block_count) + 19 * u64::from(chunk_count);
        if plain.len() as u64 != needed.next_multiple_of(PAGE as u64) {
            return Err(FormatError::Malformed(
                "a table of contents has the wrong length",
            ));
        }
        let mut toc = Self {
            blocks: Vec::with_capacity(block_count as usize),
            chunks: Vec::with_capacity(chunk_count as usize),
            toc_len: 0,
        };
        let (mut offset, mut chunks_before) = (0, 0);
        for _ in 0..block_count {
            let row = read_block(input, kind, chunks_before, offset)?;
            offset += u64::from(row.stored_len);
            chunks_before += u32::from(row.chunk_count);
            toc.blocks.push(row);
        }
        for _ in 0..chunk_count {
            let id = ChunkId::from_bytes(input.array()?);
            toc.chunks.push(ChunkRow {
                id,
                raw_len: input.u24()?,
            });
        }
        if chunks_before != chunk_count || input.rest().iter().any(|&byte| byte != 0) {
            return Err(FormatError::Malformed(
                "a table of contents counts its chunks wrongly",
            ));
        }
        for (position, row) in (0..=u16::MAX).zip(&toc.blocks) {
            let raw: u64 = toc
                .chunks_of(position)
                .iter()
                .map(|chunk| u64::from(chunk.raw_len))
                .sum();
            if raw != u64::from(row.raw_len)
                || toc
                    .chunks_of(position)
                    .iter()
                    .any(|chunk| chunk.raw_len == 0)
            {
                return Err(FormatError::Malformed(
                    "the chunks of a block do not add up",
                ));
            }
        }
        Ok(toc)
    }
}

fn read_block(
    input: &mut Reader<'_>,
    kind: ObjectKind,
    first_chunk: u32,
    offset: u64,
) -> Result<BlockRow, FormatError> {
    let birth = BlockName {
        pack: PackId::from_bytes(input.array()?),
        ordinal: input.u16()?,
    };
    let block_type = BlockType::try_from(input.u8()?)?;
    let codec = input.u8()?;
    let (key_epoch, stored_len, raw_len) = (input.u32()?, input.u32()?, input.u32()?);
    let chunk_count = input.u16()?;
    let reserved: [u8; 6] = input.array()?;
    FormatError::limit(
        "the length of a block",
        u64::from(raw_len),
        u64::from(BLOCK_MAX_BYTES),
    )?;
    FormatError::limit(
        "the stored length of a block",
        u64::from(stored_len),
        u64::from(raw_len) + 1024,
    )?;
    if codec > 1 || reserved != [0; 6] || (stored_len as usize) < BLOCK_OVERHEAD {
        return Err(FormatError::Malformed(
            "a block's row does not follow the format",
        ));
    }
    if (block_type == BlockType::Data) != (kind == ObjectKind::DataPack) {
        return Err(FormatError::Malformed(
            "a block of the wrong type for its pack",
        ));
    }
    Ok(BlockRow {
        birth,
        block_type,
        codec,
        key_epoch,
        stored_len,
        raw_len,
        chunk_count,
        first_chunk,
        offset,
    })
}

fn lengths(header: &Header, ext: &[u8]) -> Result<(u32, u32), FormatError> {
    let mut fields = Reader::new(ext);
    let (toc_len, block_count) = (fields.u32()?, fields.u32()?);
    FormatError::limit(
        "the length of a table of contents",
        u64::from(toc_len),
        TOC_MAX_BYTES,
    )?;
    FormatError::limit("the length of a pack", header.body_len, PACK_MAX_BYTES)?;
    if !fields.is_empty() || u64::from(toc_len) > header.body_len {
        return Err(FormatError::Malformed(
            "a pack's extension does not follow the format",
        ));
    }
    Ok((toc_len, block_count))
}

/// How many bytes from its beginning hold a pack's table, told by its first [`TOC_AT`] bytes.
///
/// # Errors
/// When these are damaged.
pub fn toc_extent(pack: &[u8], kind: ObjectKind) -> Result<usize, FormatError> {
    let (header, ext) = Header::parse(pack, kind)?;
    let (toc_len, _) = lengths(&header, ext)?;
    Ok(TOC_AT + toc_len as usize)
}
