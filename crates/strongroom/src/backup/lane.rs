//! Decides which block goes into which pack, so that packs fill up to a padded size with little waste.
//!
//! Pure bookkeeping: a lane hands out slots, takes sealed blocks back in any order and says when a pack is
//! complete. One pack is *filling*; when it is about full, it is *topped up*: its last blocks are cut to the
//! room that is left before the next padded size, one at a time, while a new pack is filling already.

use strongroom_vault::format::{BlockRowDraft, ObjectKind, PackBuilder, PackId, padme};

/// A pack is finished when less than this is left before its padded size.
const WORTH_TOPPING_BYTES: u64 = 96 << 10;

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
            ratio_1024: 1024,
        }
    }

    /// A slot for the next block. `fresh_id` names a new pack should one be begun; a pack that turns out to be
    /// complete is handed out with the slot.
    pub(crate) fn reserve(&mut self, fresh_id: PackId) -> (Slot, Option<PackBuilder>) {
        let mut complete = None;
        if let Some(topping) = self
            .topping
            .as_mut()
            .filter(|pack| pack.outstanding_count == 0)
        {
            let room = topping.room_bytes();
            if room >= WORTH_TOPPING_BYTES && topping.next_ordinal < u16::MAX {
                let raw = room * 1024 * 15 / 16 / self.ratio_1024.max(16);
                let target = usize::try_from(raw)
                    .unwrap_or(usize::MAX)
                    .min(self.block_bytes);
                return (topping.slot(target), None);
            }
            complete = self.topping.take().map(|pack| pack.builder);
        }
        let ratio = self.ratio_1024;
        let full = self.filling.as_ref().is_some_and(|pack| {
            let expected = pack.outstanding_bytes + self.block_bytes as u64;
            pack.object_bytes() + expected * ratio / 1024 > self.pack_bytes
        });
        if full && self.topping.is_none() {
            self.topping = self.filling.take();
        }
        let block_bytes = self.block_bytes;
        let pack = self
            .filling
            .get_or_insert_with(|| OpenPack::new(self.kind, fresh_id));
        (pack.slot(block_bytes), complete)
    }

    /// Puts a sealed block where its slot is; a pack that is complete with it is handed out.
    pub(crate) fn put(&mut self, block: SealedBlock) -> Option<PackBuilder> {
        let (raw, stored) = (u64::from(block.row.raw_len), block.sealed.len() as u64);
        if raw >= 64 << 10 {
            self.ratio_1024 = (self.ratio_1024 * 7 + stored * 1024 / raw.max(1)) / 8;
        }
        let id = block.slot.pack;
        let pack = [self.topping.as_mut(), self.filling.as_mut()]
            .into_iter()
            .flatten()
            .find(|pack| pack.pack == id)?;
        pack.outstanding_bytes -= block.slot.target_bytes as u64;
        pack.outstanding_count -= 1;
        pack.sealed_bytes += stored;
        pack.chunks_count += u64::from(block.row.chunks_count());
        pack.builder
            .put_block(block.slot.ordinal, block.row, block.sealed);
        let done = self.topping.as_ref().is_some_and(|pack| {
            pack.outstanding_count == 0 && pack.room_bytes() < WORTH_TOPPING_BYTES
        });
        if done {
            self.topping.take().map(|pack| pack.builder)
        } else {
            None
        }
    }

    /// All packs that hold anything. Every slot must have been filled.
    pub(crate) fn flush(&mut self) -> Vec<PackBuilder> {
        [self.topping.take(), self.filling.take()]
            .into_iter()
            .flatten()
            .filter(|pack| pack.next_ordinal > 0)
            .map(|pack| pack.builder)
            .collect()
    }
}
