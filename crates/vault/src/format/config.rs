//! The configuration (format.md §6).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{SecretKey, mac, verify_mac};

use super::header::{HEADER_BYTES, Header, ObjectKind};
use super::{DomainId, FormatError, VaultId, json};

const MAC_BYTES: usize = 32;
const JSON_MAX_BYTES: u64 = 64 << 10;
/// Bit of ro_compat: the vault is in several places, which only those may write to who know how.
const FEATURE_PLACES: u32 = 1;
/// Places of a vault, at most.
pub(crate) const PLACES_MAX: usize = 3;
const URL_MAX_BYTES: usize = 4096;

/// What a vault is made with. It holds no secret and can be read, but not changed, by the store's operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultConfig {
    /// Version of the format: 1.
    pub format: u32,
    /// Random id of the vault.
    pub vault_id: VaultId,
    /// Name given by its maker.
    pub name: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Domains of keys and deduplication; version 1.0 makes one.
    pub domains: Vec<DomainId>,
    /// How content is cut.
    pub chunker: ChunkerConfig,
    /// Files up to this size lie in their tree record.
    pub inline_bytes: u32,
    /// Raw bytes after which a data block ends.
    pub block_bytes: u32,
    /// Raw bytes after which a tree or list block ends.
    pub tree_block_bytes: u32,
    /// Size at which a data pack is complete.
    pub data_pack_bytes: u64,
    /// Size at which a metadata pack is complete.
    pub meta_pack_bytes: u64,
    /// Level of zstd.
    pub compression_level: i32,
    /// Ed25519 key of the owner, hexadecimal.
    pub owner_public_key: String,
    /// Ed25519 key of maintenance hosts, hexadecimal; without it, only the owner signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_public_key: Option<String>,
    /// `local`, `zone` or `geo`.
    pub redundancy: String,
    /// Days that deleted points stay restorable.
    pub soft_delete_days: u32,
    /// Deleting is immediate.
    pub no_soft_delete: bool,
    /// The places of a mirrored vault, the decider first; empty for a vault in one place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PlaceConfig>,
}

/// One place of a mirrored vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceConfig {
    /// Where it is, as it was named when the vault was made.
    pub url: String,
    /// What it is for.
    pub mode: PlaceMode,
}

/// What a place of a mirrored vault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceMode {
    /// Everything that is decided once is created here first.
    Decider,
    /// It gets everything at once, as long as it can be reached.
    Synchronous,
    /// It gets everything later.
    Asynchronous,
}

/// How content is cut into chunks (format.md §8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkerConfig {
    /// 1: FastCDC v2020 with a keyed gear table.
    pub id: u32,
    /// No chunk is shorter, but the last of a run.
    pub min_bytes: u32,
    /// Chunks are about this long.
    pub avg_bytes: u32,
    /// No chunk is longer.
    pub max_bytes: u32,
    /// Mask below the average size.
    #[serde(with = "hex_u64")]
    pub mask_small: u64,
    /// Mask above the average size.
    #[serde(with = "hex_u64")]
    pub mask_large: u64,
}

mod hex_u64 {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let is_hex =
            text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let value = u64::from_str_radix(&text, 16).map_err(D::Error::custom)?;
        if is_hex {
            Ok(value)
        } else {
            Err(D::Error::custom("a mask is 16 hexadecimal digits"))
        }
    }
}

impl VaultConfig {
    /// The whole object.
    ///
    /// # Errors
    /// When a field is out of bounds.
    pub fn seal(&self, key: &SecretKey) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        let text = json::write("configuration", self, JSON_MAX_BYTES)?;
        let body_len = (text.len() + MAC_BYTES) as u64;
        let mut header = Header::new(ObjectKind::Config, *self.vault_id.as_bytes(), body_len);
        if !self.places.is_empty() {
            header.ro_compat |= FEATURE_PLACES;
        }
        let header = header.encode(&[]);
        let code = mac(key, &[b"config", bound(&header), &text]);
        Ok([header.as_slice(), &text, &code].concat())
    }

    /// The same vault in one place: what its second copy says of itself (format.md §16).
    #[must_use]
    pub fn in_one_place(&self) -> Self {
        Self {
            redundancy: "local".to_owned(),
            places: Vec::new(),
            ..self.clone()
        }
    }

    /// Reads the document without proof: enough to learn the vault id and domain before keys are at hand.
    ///
    /// # Errors
    /// When the object is damaged or of another version.
    pub fn parse_unverified(object: &[u8]) -> Result<Self, FormatError> {
        let (header, text, _) = split(object)?;
        let config: Self = json::read("configuration", text, JSON_MAX_BYTES)?;
        if config.format != 1 {
            let found = u8::try_from(config.format).unwrap_or(u8::MAX);
            return Err(FormatError::UnsupportedVersion { found });
        }
        if header.object_id != *config.vault_id.as_bytes() {
            return Err(FormatError::Malformed(
                "the configuration names another vault than its header",
            ));
        }
        config.check()?;
        Ok(config)
    }

    /// Reads and proves the document.
    ///
    /// # Errors
    /// As [`VaultConfig::parse_unverified`], or when the code does not match.
    pub fn open(object: &[u8], key: &SecretKey) -> Result<Self, FormatError> {
        let (_, text, code) = split(object)?;
        let header = object
            .first_chunk::<HEADER_BYTES>()
            .ok_or(FormatError::Truncated("an object"))?;
        if !verify_mac(key, &[b"config", bound(header), text], code) {
            return Err(FormatError::Malformed(
                "the configuration was changed by someone without the key",
            ));
        }
        Self::parse_unverified(object)
    }

    /// Features of the vault that this program does not know and that forbid it to write: bits of ro_compat.
    ///
    /// # Errors
    /// When the object is damaged or of another version.
    pub fn unknown_features(object: &[u8]) -> Result<u32, FormatError> {
        let (header, _, _) = split(object)?;
        Ok(header.ro_compat & !FEATURE_PLACES)
    }

    /// Bounds of format.md §8 and §13.
    fn check(&self) -> Result<(), FormatError> {
        let wrong = |is_wrong: bool, what| {
            if is_wrong {
                Err(FormatError::Malformed(what))
            } else {
                Ok(())
            }
        };
        let chunker = &self.chunker;
        wrong(
            chunker.id != 1,
            "the configuration names an unknown chunker",
        )?;
        let sizes =
            [chunker.min_bytes, chunker.avg_bytes, chunker.max_bytes].map(|bytes| bytes as usize);
        let [min, avg, max] = sizes;
        let valid = strongroom_chunking::ChunkSizes::new(min, avg, max).is_ok();
        wrong(!valid, "the configuration's chunk sizes are out of bounds")?;
        let blocks = [self.block_bytes, self.tree_block_bytes];
        let valid = blocks
            .iter()
            .all(|bytes| (1 << 12..=8 << 20).contains(bytes));
        wrong(!valid, "the configuration's block sizes are out of bounds")?;
        let packs = [self.data_pack_bytes, self.meta_pack_bytes];
        let valid = packs
            .iter()
            .all(|bytes| (1 << 16..=128 << 20).contains(bytes));
        wrong(!valid, "the configuration's pack sizes are out of bounds")?;
        wrong(
            self.inline_bytes > 64 << 10,
            "the configuration's inline size is out of bounds",
        )?;
        wrong(
            !(1..=22).contains(&self.compression_level),
            "the configuration's compression level is out of bounds",
        )?;
        wrong(
            !(self.places.is_empty() || is_list_of_places(&self.places, 2)),
            "the configuration's places are not one decider and one or two others",
        )?;
        wrong(
            self.domains.is_empty() || self.domains.len() > 1024,
            "the configuration names no domain, or too many",
        )
    }
}

/// One decider, then others up to three in all, each with a URL of usable length.
pub(super) fn is_list_of_places(places: &[PlaceConfig], at_least: usize) -> bool {
    let is_short = |place: &PlaceConfig| !place.url.is_empty() && place.url.len() <= URL_MAX_BYTES;
    let is_other = |place: &PlaceConfig| place.mode != PlaceMode::Decider;
    let [first, others @ ..] = places else {
        return false;
    };
    (at_least..=PLACES_MAX).contains(&places.len())
        && !is_other(first)
        && others.iter().all(is_other)
        && places.iter().all(is_short)
}

fn bound(header: &[u8; HEADER_BYTES]) -> &[u8] {
    header.split_at(56).0
}

fn split(object: &[u8]) -> Result<(Header, &[u8], &[u8; MAC_BYTES]), FormatError> {
    let (header, _) = Header::parse(object, ObjectKind::Config)?;
    let body = header.body(object)?;
    let (text, code) = body
        .split_last_chunk()
        .ok_or(FormatError::Truncated("the configuration"))?;
    Ok((header, text, code))
}
