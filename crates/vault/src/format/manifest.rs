//! Manifests of recovery points (format.md §12).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, SecretKey, framed_len, object_key, open_frames, seal_frames};

use super::header::{HEADER_BYTES, Header, ObjectKind};
use super::ids::{
    ChunkAddress, DomainId, MachineId, PackId, SessionId, SourceId, VaultId, parse_hex,
};
use super::path::PathText;
use super::wire::Reader;
use super::{FormatError, json};

const SECTION_MAX_BYTES: u64 = 4 << 20;

/// What a point is made of: readable without seeing any name of a file, machine or person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Structure {
    /// 1.
    pub v: u32,
    /// The vault.
    pub vault_id: VaultId,
    /// The domain.
    pub domain: DomainId,
    /// The source.
    pub source: SourceId,
    /// The point itself.
    pub sid: SessionId,
    /// Its number in the source's history, from 1.
    pub seq: u64,
    /// The point that it was built on.
    pub prev: Option<PreviousPoint>,
    /// Sweep cycle that its session had pinned.
    pub pin: u64,
    /// The machine that made it.
    pub machine: MachineId,
    /// When reading began.
    pub started_at: DateTime<Utc>,
    /// When reading ended.
    pub taken_at: DateTime<Utc>,
    /// `complete` or `partial`.
    pub state: String,
    /// Pieces of its reference list.
    pub list: Vec<ListPieceRef>,
    /// Counts and sizes.
    pub stats: PointStats,
    /// The point may not expire before this instant.
    pub hold_until: Option<DateTime<Utc>>,
    /// Explicit retention.
    pub retain_until: Option<DateTime<Utc>>,
    /// Civil times of the scheduled runs that it was made for, as `strongroom-policy` writes them; `None` for a point
    /// outside of any schedule. Maintenance hosts need it to tell how long to keep a point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Vec<String>>,
    /// Program and version that wrote it.
    pub writer: String,
    /// Tells two equal documents apart.
    pub nonce: String,
}

impl Structure {
    /// An empty structure of this vault and domain.
    #[must_use]
    pub fn for_vault(vault_id: &VaultId, domain: &DomainId) -> Self {
        Self {
            v: 1,
            vault_id: *vault_id,
            domain: *domain,
            source: SourceId::from_bytes([0; 8]),
            sid: SessionId::new(0, [0; 10]),
            seq: 1,
            prev: None,
            pin: 0,
            machine: MachineId::from_bytes([0; 16]),
            started_at: DateTime::UNIX_EPOCH,
            taken_at: DateTime::UNIX_EPOCH,
            state: String::new(),
            list: Vec::new(),
            stats: PointStats::default(),
            hold_until: None,
            retain_until: None,
            slots: None,
            writer: String::new(),
            nonce: String::new(),
        }
    }
}

/// The point that another was built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousPoint {
    /// Its id.
    pub sid: SessionId,
    /// Hash of its whole manifest object.
    pub blake3: Blake3Text,
}

/// A hash in hexadecimal.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Blake3Text([u8; 32]);

impl From<[u8; 32]> for Blake3Text {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Blake3Text {
    /// The hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for Blake3Text {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        parse_hex(&text)
            .map(Self)
            .ok_or(FormatError::Malformed("a hash is 64 hexadecimal digits"))
    }
}

impl From<Blake3Text> for String {
    fn from(hash: Blake3Text) -> Self {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a piece of a reference list is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPieceRef {
    /// First birth pack in it.
    pub first: PackId,
    /// Where it lies.
    #[serde(flatten)]
    address: ChunkAddress,
}

impl ListPieceRef {
    /// A piece that begins with this pack.
    #[must_use]
    pub fn new(first: PackId, address: ChunkAddress) -> Self {
        Self { first, address }
    }

    /// Where it lies.
    #[must_use]
    pub fn address(&self) -> ChunkAddress {
        self.address
    }
}

/// Counts and sizes of a point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointStats {
    /// Everything that is no directory.
    pub files_count: u64,
    /// Directories.
    pub dirs_count: u64,
    /// Files that the previous point did not have.
    pub files_new_count: u64,
    /// Files that differ from the previous point.
    pub files_changed_count: u64,
    /// Files equal to the previous point.
    pub files_unchanged_count: u64,
    /// Bytes of all files.
    pub logical_bytes: u64,
    /// New raw file-content bytes.
    pub unique_bytes: u64,
    /// Bytes written to the store before the manifest.
    pub stored_bytes: u64,
    /// Entries that are not, or not wholly, in the point.
    pub skipped_count: u64,
}

/// What a point is called: readable only with the keys of the domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// 1.
    pub v: u32,
    /// Name of the source.
    pub source: String,
    /// Name of the machine.
    pub host: String,
    /// Backed-up roots.
    pub roots: Vec<PathText>,
    /// The root piece of the tree.
    pub tree: ChunkAddress,
    /// Free key–value pairs.
    pub tags: BTreeMap<String, String>,
    /// Names of user ids.
    pub users: BTreeMap<String, String>,
    /// Names of group ids.
    pub groups: BTreeMap<String, String>,
    /// What was left out, at most 1000.
    pub skipped: Vec<SkippedEntry>,
}

impl Names {
    /// Empty names around this tree.
    #[must_use]
    pub fn with_tree(tree: ChunkAddress) -> Self {
        Self {
            v: 1,
            source: String::new(),
            host: String::new(),
            roots: Vec::new(),
            tree,
            tags: BTreeMap::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            skipped: Vec::new(),
        }
    }
}

/// An entry that was left out, or not wholly taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedEntry {
    /// Where.
    pub path: PathText,
    /// Why.
    pub reason: String,
}

/// Seals and opens manifests.
#[derive(Debug)]
pub struct Manifest;

impl Manifest {
    /// The whole object.
    ///
    /// # Errors
    /// When a section is beyond its limit, or there is no entropy.
    pub fn seal(
        structure: &Structure,
        names: &Names,
        point_key: &SecretKey,
        names_key: &SecretKey,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, FormatError> {
        let first = json::write("structure", structure, SECTION_MAX_BYTES)?;
        let second = json::write("names", names, SECTION_MAX_BYTES)?;
        let lens = [framed_len(first.len()), framed_len(second.len())];
        let ext = lens
            .map(|len| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes())
            .concat();
        let mut object_id = [0; 16];
        entropy.fill(&mut object_id)?;
        let body_len = lens.iter().sum::<usize>() as u64;
        let header = Header::new(ObjectKind::Manifest, object_id, body_len).encode(&ext);
        let vault_id = structure.vault_id.as_bytes();
        let mut object = [header.as_slice(), &ext].concat();
        for (class, plain) in [(point_key, first), (names_key, second)] {
            let key = object_key(class, vault_id, &header, &ext);
            object.extend(seal_frames(&key, ObjectKind::Manifest.number(), &plain)?);
        }
        Ok(object)
    }

    /// Opens the structure section.
    ///
    /// # Errors
    /// When the object is damaged or belongs to another vault or key.
    pub fn open_structure(
        object: &[u8],
        vault_id: &VaultId,
        key: &SecretKey,
    ) -> Result<Structure, FormatError> {
        let plain = open_section(object, vault_id, key, true)?;
        let structure: Structure = json::read("structure", &plain, SECTION_MAX_BYTES)?;
        if structure.v != 1 || structure.vault_id != *vault_id {
            return Err(FormatError::Malformed(
                "a manifest of another vault or an unknown version",
            ));
        }
        Ok(structure)
    }

    /// Opens the names section.
    ///
    /// # Errors
    /// As [`Manifest::open_structure`].
    pub fn open_names(
        object: &[u8],
        vault_id: &VaultId,
        key: &SecretKey,
    ) -> Result<Names, FormatError> {
        let plain = open_section(object, vault_id, key, false)?;
        let names: Names = json::read("names", &plain, SECTION_MAX_BYTES)?;
        if names.v == 1 {
            Ok(names)
        } else {
            Err(FormatError::Malformed("a manifest of an unknown version"))
        }
    }
}

fn open_section(
    object: &[u8],
    vault_id: &VaultId,
    key: &SecretKey,
    is_first: bool,
) -> Result<Vec<u8>, FormatError> {
    let (header, ext) = Header::parse(object, ObjectKind::Manifest)?;
    let body = header.body(object)?;
    let mut fields = Reader::new(ext);
    let (first, second) = (fields.u32()? as usize, fields.u32()? as usize);
    if !fields.is_empty() || first.checked_add(second) != Some(body.len()) {
        return Err(FormatError::Malformed(
            "the sections of a manifest do not add up",
        ));
    }
    let bytes = object
        .first_chunk::<HEADER_BYTES>()
        .ok_or(FormatError::Truncated("an object"))?;
    let key = object_key(key, vault_id.as_bytes(), bytes, ext);
    let (structure, names) = body
        .split_at_checked(first)
        .ok_or(FormatError::Truncated("an object"))?;
    let section = if is_first { structure } else { names };
    Ok(open_frames(&key, ObjectKind::Manifest.number(), section)?)
}
