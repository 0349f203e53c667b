//! The keys of one domain.

use zeroize::Zeroizing;

use crate::{BlockType, SecretKey, context};

/// All keys that follow from a domain's root key. Machines of one domain share chunks; domains share nothing.
#[derive(Debug)]
pub struct DomainKeys {
    root: SecretKey,
    chunk_ids: [SecretKey; 3],
    list: SecretKey,
    toc: SecretKey,
    point: SecretKey,
    names: SecretKey,
    control: SecretKey,
    source: SecretKey,
}

impl DomainKeys {
    /// Derives them from the root key (`DK`).
    #[must_use]
    pub fn from_root(root: SecretKey) -> Self {
        let derive = |context| root.derive(context, &[]);
        Self {
            chunk_ids: [
                derive(context::CHUNK_ID_DATA),
                derive(context::CHUNK_ID_TREE),
                derive(context::CHUNK_ID_LIST),
            ],
            list: derive(context::LIST),
            toc: derive(context::TABLE_OF_CONTENTS),
            point: derive(context::MANIFEST),
            names: derive(context::NAMES),
            control: derive(context::CONTROL),
            source: derive(context::SOURCE_ID),
            root,
        }
    }

    /// Key of chunk ids of one type.
    #[must_use]
    pub fn chunk_id_key(&self, block_type: BlockType) -> &[u8; 32] {
        let [data, tree, list] = &self.chunk_ids;
        match block_type {
            BlockType::Data => data.expose(),
            BlockType::Tree => tree.expose(),
            BlockType::List => list.expose(),
        }
    }

    /// The chunker's secret table: 256 × u64, little-endian.
    #[must_use]
    pub fn gear_table(&self) -> Box<Zeroizing<[u8; 2048]>> {
        let mut table = Box::new(Zeroizing::new([0; 2048]));
        self.root
            .derive_into(context::GEAR_TABLE, &[], table.as_mut_slice());
        table
    }

    /// Key of data blocks of an epoch.
    #[must_use]
    pub fn data(&self, epoch: u32) -> SecretKey {
        self.root.derive(context::DATA, &epoch.to_le_bytes())
    }

    /// Key of tree blocks of an epoch.
    #[must_use]
    pub fn tree(&self, epoch: u32) -> SecretKey {
        self.root.derive(context::TREE, &epoch.to_le_bytes())
    }

    /// Key that opens blocks of a type and epoch.
    #[must_use]
    pub fn block(&self, block_type: BlockType, epoch: u32) -> SecretKey {
        match block_type {
            BlockType::Data => self.data(epoch),
            BlockType::Tree => self.tree(epoch),
            BlockType::List => self.list.duplicate(),
        }
    }

    /// Key of list blocks.
    #[must_use]
    pub fn list(&self) -> &SecretKey {
        &self.list
    }

    /// Key of tables of contents and index segments.
    #[must_use]
    pub fn toc(&self) -> &SecretKey {
        &self.toc
    }

    /// Key of the structure section of manifests.
    #[must_use]
    pub fn point(&self) -> &SecretKey {
        &self.point
    }

    /// Key of the names section of manifests.
    #[must_use]
    pub fn names(&self) -> &SecretKey {
        &self.names
    }

    /// Key of registrations, pins, checkpoints and fences.
    #[must_use]
    pub fn control(&self) -> &SecretKey {
        &self.control
    }

    /// Id of a source in names of objects; tells nothing about its name.
    #[must_use]
    pub fn source_id(&self, name: &str) -> [u8; 8] {
        let id = crate::mac(&self.source, &[name.as_bytes()]);
        id.first_chunk().copied().unwrap_or_default()
    }

    pub(crate) fn root(&self) -> &SecretKey {
        &self.root
    }
}
