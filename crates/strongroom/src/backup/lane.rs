//! Decides which block goes into which pack, so that packs fill up to a padded size with little waste.
//!
//! Pure bookkeeping: a lane hands out slots, takes sealed blocks back in any order and says when a pack is
//! complete. One pack is *filling*; when it is about full, it is *topped up*: its last blocks are cut to the
//! room that is left before the next padded size, one at a time, while a new pack is filling already.

use strongroom_vault::format::{BlockRowDraft, ObjectKind, PackBuilder, PackId, padme};

/// A pack is finished when less than this is left before its padded size.
const WORTH_TOPPING_BYTES: u64 = 96 << 10;
/// Most chunks of one block: bounds the table of a pack whose blocks are still being filled.
pub(crate) const BLOCK_CHUNKS_MAX: usize = 8192;
/// A pack is full when its table would be longer; readers take 16 MiB.
const TABLE_FULL_BYTES: u64 = 12 << 20;
/// A pack is full when it has this many blocks; readers take 65 535.
const BLOCKS_FULL: u16 = 60_000;

/// A place in a pack for one block that is still to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) pack: PackId,
    pub(crate) ordinal: u16,
    /// Raw bytes after which the block should end.
    pub(crate) target_bytes: usize,
}

/// A sealed block on its way into its slot.
#[derive(Debug)]
pub(crate) struct SealedBlock {
    pub(crate) slot: Slot,
    pub(crate) row: BlockRowDraft,
    pub(crate) sealed: Vec<u8>,
}

struct OpenPack {
    builder: PackBuilder,
    pack: PackId,
    next_ordinal: u16,
    /// Raw targets of the slots that are out.
    outstanding_bytes: u64,
    outstanding_count: usize,
    sealed_bytes: u64,
    chunks_count: u64,
}

impl OpenPack {
    fn new(kind: ObjectKind, pack: PackId) -> Self {
        Self {
            builder: PackBuilder::new(kind, pack),
            pack,
            next_ordinal: 0,
            outstanding_bytes: 0,
            outstanding_count: 0,
            sealed_bytes: 0,
            chunks_count: 0,
        }
    }

    /// Size of the object if it were finished now, before padding.
    fn object_bytes(&self) -> u64 {
        let table = 8 + 40 * u64::from(self.next_ordinal) + 19 * self.chunks_count;
        72 + table.next_multiple_of(4096) + 16 + self.sealed_bytes
    }

    /// True when another block might make the table, or the number of blocks, too large.
    fn is_table_full(&self) -> bool {
        let open = (self.outstanding_count as u64 + 1) * BLOCK_CHUNKS_MAX as u64;
        let table = 8 + 40 * u64::from(self.next_ordinal) + 19 * (self.chunks_count + open);
        table > TABLE_FULL_BYTES || self.next_ordinal >= BLOCKS_FULL
    }

    fn room_bytes(&self) -> u64 {
        let now = self.object_bytes();
        padme(now).saturating_sub(now)
    }

    fn slot(&mut self, target_bytes: usize) -> Slot {
        let slot = Slot {
            pack: self.pack,
            ordinal: self.next_ordinal,
            target_bytes,
        };
        self.next_ordinal += 1;
        self.outstanding_bytes += target_bytes as u64;
        self.outstanding_count += 1;
        slot
    }
}

/// The open packs of one kind.
pub(crate) struct Lane {
    kind: ObjectKind,
    pack_bytes: u64,
    block_bytes: usize,
    filling: Option<OpenPack>,
    topping: Option<OpenPack>,
    /// Packs that are full, but wait for blocks that are still being filled.
    closing: Vec<OpenPack>,
    /// Stored over raw bytes of what was sealed so far, in 1/1024.
    ratio_1024: u64,
}

impl Lane {
    pub(crate) fn new(kind: ObjectKind, pack_bytes: u64, block_bytes: usize) -> Self {
        Self {
            kind,
            pack_bytes,
            block_bytes,
            filling: None,
            topping: None,
            closing: Vec::new(),
            ratio_1024: 1024,
        }
    }

    /// A pack that is complete, to be sent before another slot is asked for.
    pub(crate) fn take_complete(&mut self) -> Option<PackBuilder> {
        if let Some(index) = self
            .closing
            .iter()
            .position(|pack| pack.outstanding_count == 0)
        {
            return Some(self.closing.swap_remove(index).builder);
        }
        let is_complete = |pack: &mut OpenPack| {
            pack.outstanding_count == 0
                && (pack.room_bytes() < WORTH_TOPPING_BYTES || pack.is_table_full())
        };
        self.topping.take_if(is_complete).map(|pack| pack.builder)
    }

    /// A slot for the next block. `fresh_id` names a new pack should one be begun.
    pub(crate) fn reserve(&mut self, fresh_id: PackId) -> Slot {
        let ratio = self.ratio_1024;
        let block_bytes = self.block_bytes;
        if let Some(topping) = self
            .topping
            .as_mut()
            .filter(|pack| pack.outstanding_count == 0)
        {
            let raw = topping.room_bytes() * 1024 * 15 / 16 / ratio.max(16);
            let target = usize::try_from(raw).unwrap_or(usize::MAX);
            return topping.slot(target.min(block_bytes));
        }
        let full = self.filling.take_if(|pack| {
            let expected = pack.outstanding_bytes + block_bytes as u64;
            pack.is_table_full() || pack.object_bytes() + expected * ratio / 1024 > self.pack_bytes
        });
        if let Some(full) = full {
            // Only one pack is topped up at a time; another that is full gets no more blocks.
            if self.topping.is_none() {
                self.topping = Some(full);
            } else {
                self.closing.push(full);
            }
        }
        self.filling
            .get_or_insert_with(|| OpenPack::new(self.kind, fresh_id))
            .slot(block_bytes)
    }

    /// Whether this pack could be sent but for blocks that are still being filled.
    pub(crate) fn is_waiting(&self, pack: PackId) -> bool {
        self.closing.iter().any(|closing| closing.pack == pack)
            || self.topping.as_ref().is_some_and(|top| top.pack == pack)
    }

    /// Puts a sealed block where its slot is; false when its pack is not open, which would lose the block.
    #[must_use]
    pub(crate) fn put(&mut self, block: SealedBlock) -> bool {
        let (raw, stored) = (u64::from(block.row.raw_len), block.sealed.len() as u64);
        if raw >= 64 << 10 {
            self.ratio_1024 = (self.ratio_1024 * 7 + stored * 1024 / raw.max(1)) / 8;
        }
        let id = block.slot.pack;
        let open = [self.topping.as_mut(), self.filling.as_mut()];
        let Some(pack) = open
            .into_iter()
            .flatten()
            .chain(&mut self.closing)
            .find(|pack| pack.pack == id)
        else {
            return false;
        };
        pack.outstanding_bytes -= block.slot.target_bytes as u64;
        pack.outstanding_count -= 1;
        pack.sealed_bytes += stored;
        pack.chunks_count += u64::from(block.row.chunks_count());
        pack.builder
            .put_block(block.slot.ordinal, block.row, block.sealed);
        true
    }

    /// All packs that hold anything. Every slot must have been filled.
    pub(crate) fn flush(&mut self) -> Vec<PackBuilder> {
        let closing = std::mem::take(&mut self.closing);
        [self.topping.take(), self.filling.take()]
            .into_iter()
            .flatten()
            .chain(closing)
            .filter(|pack| pack.next_ordinal > 0)
            .map(|pack| pack.builder)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use strongroom_chunking::ChunkId;
    use strongroom_crypto::BlockType;
    use strongroom_vault::format::BlockName;

    use super::*;

    const PACK_BYTES: u64 = 1 << 20;
    const BLOCK_BYTES: usize = 64 << 10;

    fn lane() -> Lane {
        Lane::new(ObjectKind::DataPack, PACK_BYTES, BLOCK_BYTES)
    }

    fn id(number: u64) -> PackId {
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(number.to_le_bytes()) {
            *to = from;
        }
        PackId::from_bytes(id)
    }

    fn block(slot: Slot, chunks: usize) -> SealedBlock {
        SealedBlock {
            slot,
            row: BlockRowDraft {
                birth: BlockName {
                    pack: slot.pack,
                    ordinal: slot.ordinal,
                },
                block_type: BlockType::Data,
                codec: 0,
                key_epoch: 0,
                raw_len: u32::try_from(slot.target_bytes).unwrap(),
                chunks: vec![(ChunkId::from_bytes([0; 16]), 1); chunks],
            },
            sealed: vec![0; slot.target_bytes],
        }
    }

    /// One worker keeps its slot for ever; the others go on. No pack grows beyond what it should be.
    #[test]
    fn a_slot_that_stays_out_makes_no_pack_grow() {
        let mut lane = lane();
        let kept = lane.reserve(id(0));
        let mut sealed_bytes = std::collections::HashMap::new();
        for number in 1..400 {
            while lane.take_complete().is_some() {}
            let slot = lane.reserve(id(number));
            let bytes = sealed_bytes.entry(slot.pack).or_insert(0);
            *bytes += slot.target_bytes as u64;
            assert!(*bytes < 2 * PACK_BYTES, "{bytes} bytes for one pack");
            assert!(lane.put(block(slot, 1)));
        }
        assert!(lane.is_waiting(kept.pack));
        assert!(lane.put(block(kept, 1)));
        assert!(lane.take_complete().is_some());
    }

    #[test]
    fn a_pack_is_full_before_its_table_is_too_long() {
        let mut lane = lane();
        let mut chunks = std::collections::HashMap::new();
        for number in 0..400 {
            while lane.take_complete().is_some() {}
            let slot = lane.reserve(id(number));
            let sum = chunks.entry(slot.pack).or_insert(0);
            *sum += BLOCK_CHUNKS_MAX as u64;
            assert!(19 * *sum < 16 << 20, "{sum} chunks in one pack");
            let mut block = block(slot, BLOCK_CHUNKS_MAX);
            // Well compressed: the bytes alone would never fill the pack.
            block.sealed = vec![0; 100];
            assert!(lane.put(block));
        }
    }

    #[test]
    fn a_block_of_a_pack_that_is_not_open_is_refused() {
        let mut lane = lane();
        let slot = lane.reserve(id(1));
        let foreign = Slot {
            pack: id(2),
            ..slot
        };
        assert!(!lane.put(block(foreign, 1)));
    }
}
