//! Copies of blocks: which there are, and which are known to be damaged.

use std::sync::Arc;

use super::{PackDirectory, PackEntry};
use crate::format::{BlockName, ChunkAddress, Notice, PackId, Remap, RemapId};
use crate::notices::Notices;
use crate::rule::{self, Rule};
use crate::sweep::{Contents, Cycles, Held, Unusable};
use crate::{Result, Vault};

impl Vault {
    /// What nothing new may refer to: what an unfinished sweep condemns, and what a plan has ever named.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn unusable(&self) -> Result<Unusable> {
        Ok(Cycles::read(self).await?.unusable())
    }
}

impl PackDirectory {
    pub(super) fn take_notices(&mut self, notices: Notices) {
        for entry in &mut self.packs {
            entry.is_hurt = notices.names_any_of(&entry.pack_id);
        }
        self.notices = notices;
    }

    /// Takes in what somebody has just found damaged.
    pub fn note_damage(&mut self, notice: &Notice) {
        self.notices.add(notice);
        for hurt in &notice.packs {
            let position = self.positions.get(&hurt.pack).copied();
            let entry = position.and_then(|position| self.packs.get_mut(position as usize));
            if let Some(entry) = entry {
                entry.is_hurt = true;
            }
        }
    }

    /// What is known to be damaged.
    #[must_use]
    pub fn notices(&self) -> &Notices {
        &self.notices
    }

    pub(super) fn is_hurt(&self, pack: &PackId, position: u16) -> bool {
        self.notices.names(pack, position)
    }

    /// Takes in where chunks are, or will be, stored anew.
    pub fn add_remap(&mut self, remap: &Remap) {
        Arc::make_mut(&mut self.remaps).add(RemapId::from_bytes([0; 16]), remap);
    }

    /// All copies of a block that the store lists, also those that are known to be damaged.
    pub fn copies(&self, name: BlockName) -> impl Iterator<Item = (PackId, u16)> {
        let born = self.is_listed(&name.pack);
        let born = born.then_some((name.pack, name.ordinal));
        let moved = self.moved.get(&name).into_iter().flatten();
        let moved = moved.filter_map(|&(position, at)| {
            let entry = self.packs.get(position as usize)?;
            let is_found =
                entry.listed && (rule::holds(Rule::FindableCopy) || entry.indexed_bytes.is_some());
            is_found.then_some((entry.pack_id, at))
        });
        born.into_iter().chain(moved)
    }

    /// Where a block is now: in the pack of its birth, or where it was moved to. Copies that are known to be damaged are
    /// none.
    #[must_use]
    pub fn resolve(&self, name: BlockName) -> Option<(PackId, u16)> {
        self.copies(name)
            .find(|(pack, at)| !self.is_hurt(pack, *at))
    }

    /// Without the blocks of which the pack holds a hurt copy while another stands: a hurt copy is still all there is
    /// where no other stands.
    pub(super) fn counting(&self, mut held: Held) -> Held {
        if held.is_hurt {
            let counts = |(position, name): (u16, BlockName)| {
                let is_needed = !self.is_hurt(&held.pack, position) || self.resolve(name).is_none();
                is_needed.then_some(name)
            };
            let names = (0..=u16::MAX).zip(held.blocks()).filter_map(counts);
            held.contents = Contents::Given(names.collect());
        }
        held
    }

    /// Where the bytes of a chunk may be read, the most promising place first: undamaged copies of its block, then of the
    /// one that it was stored anew in, and at last copies that were found damaged. Each with the address that the chunk
    /// has there.
    #[must_use]
    pub fn places_of(&self, at: ChunkAddress) -> Vec<(ChunkAddress, PackId, u16)> {
        let sound = |at: ChunkAddress| {
            let copies = self.copies(at.block_name());
            let sound = copies.filter(|(pack, position)| !self.is_hurt(pack, *position));
            sound.map(move |(pack, position)| (at, pack, position))
        };
        let hurt = self
            .copies(at.block_name())
            .filter(|(pack, position)| self.is_hurt(pack, *position))
            .map(|(pack, position)| (at, pack, position));
        let anew = self.remapped(at);
        sound(at)
            .chain(anew.into_iter().flat_map(sound))
            .chain(hurt)
            .collect()
    }

    /// The packs that the store lists and no readable index segment names, but whose own table can be read; those that are
    /// damaged as a whole are missed by nobody.
    pub fn unindexed(&self) -> impl Iterator<Item = &PackEntry> {
        let packs = self.unindexed.iter();
        let packs = packs.filter(|pack| !self.notices.names_all_of(pack));
        packs.filter_map(|pack| self.entry(pack))
    }
}
