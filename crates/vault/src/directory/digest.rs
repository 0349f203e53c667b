//! What is kept in memory of a segment: all of a small one, of a large one a filter and where its entries begin.

use bytes::Bytes;
use strongroom_chunking::SegmentFilter;
use strongroom_crypto::{SecretKey, object_key, open_frames, seal_frames};

use super::kept;
use super::pages::{ENTRIES_APART, Fence, PageMap};
use crate::error::in_object;
use crate::format::wire::{Reader, Writer};
use crate::format::{
    FormatError, Frames, HEADER_BYTES, ObjectKind, ObjectName, SegmentEntry, SegmentFront,
    SegmentPack, open_object,
};
use crate::{Result, Vault};

/// A segment of so many chunks is large: its filter takes at most 2.5 bytes for each.
const LARGE_COUNT: u64 = 100_000;
const VERSION: u8 = 1;

/// What a directory needs of a segment.
pub(super) struct Digest {
    pub(super) packs: Vec<SegmentPack>,
    /// Chunks of each pack.
    pub(super) chunks_counts: Vec<u32>,
    pub(super) chunks: Chunks,
}

/// Where its chunks lie.
pub(super) enum Chunks {
    /// All entries.
    All(Vec<SegmentEntry>),
    /// How to find one.
    Filtered {
        filter: SegmentFilter,
        pages: PageMap,
    },
}

impl Digest {
    /// From what is kept on this machine, or from the segment itself.
    pub(super) async fn load(vault: &Vault, name: ObjectName, takes_kept: bool) -> Result<Self> {
        let key = vault.toc_key()?;
        if let Some(dir) = vault.index_dir().filter(|_| takes_kept) {
            let digest = kept::read_digest(dir, name);
            if let Some(digest) = digest.and_then(|file| open(vault, key, name, &file)) {
                return Ok(digest);
            }
            let segment = kept::read_segment(dir, name);
            if let Some(digest) = segment.and_then(|object| Self::of(vault, key, &object).ok()) {
                digest.keep(vault, name, None);
                return Ok(digest.0);
            }
        }
        let max_bytes = ObjectKind::Segment.max_bytes();
        let make = |object: Bytes| Self::of(vault, key, &object).map(|made| (object, made));
        let object = name.to_string();
        let read = vault.store().read_checked(&object, max_bytes, make).await?;
        let (object, made) = read.value;
        if takes_kept {
            made.keep(vault, name, Some(&object));
        }
        Ok(made.0)
    }

    fn of(vault: &Vault, key: &SecretKey, object: &[u8]) -> Result<Made, FormatError> {
        let plain = open_object(ObjectKind::Segment, key, vault.id(), object)?;
        let front = SegmentFront::read(&plain)?;
        let header = object
            .first_chunk::<HEADER_BYTES>()
            .ok_or(FormatError::Truncated("an object"))?;
        let is_large = front.entries_count >= LARGE_COUNT;
        let mut chunks_counts = vec![0_u32; front.packs.len()];
        let (mut entries, mut prefixes, mut fences) = (Vec::new(), Vec::new(), Vec::new());
        let mut previous_prefix = 0;
        let mut number = 0;
        front.scan(&plain, |offset, entry| {
            if let Some(count) = chunks_counts.get_mut(entry.pack as usize) {
                *count += 1;
            }
            if !is_large {
                entries.push(entry);
                return;
            }
            prefixes.push(entry.prefix);
            if number % ENTRIES_APART == 0 {
                let offset = offset as u64;
                fences.push(Fence {
                    previous_prefix,
                    offset,
                });
            }
            number += 1;
            previous_prefix = entry.prefix;
        })?;
        // Without a filter, which only hostile prefixes prevent, all is kept in memory.
        let filter = is_large
            .then(|| SegmentFilter::new(prefixes).ok())
            .flatten();
        let front_bytes = plain.get(..front.entries_at).unwrap_or_default().to_vec();
        let chunks = match filter {
            Some(filter) => Chunks::Filtered {
                filter,
                pages: PageMap {
                    frames: Frames::of(header, ObjectKind::Segment, key, vault.id())?,
                    fences,
                    plain_bytes: plain.len() as u64,
                },
            },
            None if is_large => {
                front.scan(&plain, |_, entry| entries.push(entry))?;
                Chunks::All(entries)
            }
            None => Chunks::All(entries),
        };
        let digest = Self {
            packs: front.packs,
            chunks_counts,
            chunks,
        };
        Ok(Made(digest, *header, front_bytes))
    }
}

/// A digest that was made of its segment, with the header and the beginning of that.
struct Made(Digest, [u8; HEADER_BYTES], Vec<u8>);

impl Made {
    /// Writes to this machine what saves reading a large segment the next time. That it cannot is no error.
    fn keep(&self, vault: &Vault, name: ObjectName, object: Option<&[u8]>) {
        if let Some(dir) = vault.index_dir()
            && let Some(file) = self.seal(vault, name)
        {
            if let Some(object) = object {
                kept::write_segment(dir, name, object);
            }
            kept::write_digest(dir, name, &file);
        }
    }

    /// The digest of a large segment as a file: the header of the segment, a nonce, and framed what the digest says.
    fn seal(&self, vault: &Vault, name: ObjectName) -> Option<Vec<u8>> {
        let Self(digest, header, front) = self;
        let Chunks::Filtered { filter, pages } = &digest.chunks else {
            return None;
        };
        let mut out = Writer::new();
        out.u8(VERSION);
        out.bytes(front);
        digest
            .chunks_counts
            .iter()
            .for_each(|count| out.varint(u64::from(*count)));
        out.varint(pages.plain_bytes);
        out.varint(pages.fences.len() as u64);
        let mut last = Fence {
            previous_prefix: 0,
            offset: 0,
        };
        for fence in &pages.fences {
            out.varint(fence.previous_prefix - last.previous_prefix);
            out.varint(fence.offset - last.offset);
            last = *fence;
        }
        out.raw(&filter.to_bytes());
        let mut nonce = [0; 16];
        vault.entropy().fill(&mut nonce).ok()?;
        let key = key_of(vault, vault.toc_key().ok()?, header, name, &nonce);
        let body = seal_frames(&key, ObjectKind::Segment.number(), &out.into_vec()).ok()?;
        Some([header.as_slice(), &nonce, &body].concat())
    }
}

/// Never a key of an object: no extension of one begins like that.
fn key_of(
    vault: &Vault,
    class: &SecretKey,
    header: &[u8; HEADER_BYTES],
    name: ObjectName,
    nonce: &[u8; 16],
) -> SecretKey {
    let extension = format!("local digest of {name} ");
    let extension = [extension.as_bytes(), nonce].concat();
    object_key(class, vault.id().as_bytes(), header, &extension)
}

/// `None` when the file is not what was written.
fn open(vault: &Vault, class: &SecretKey, name: ObjectName, file: &[u8]) -> Option<Digest> {
    let (header, rest) = file.split_first_chunk()?;
    let (nonce, body) = rest.split_first_chunk()?;
    let key = key_of(vault, class, header, name, nonce);
    let plain = open_frames(&key, ObjectKind::Segment.number(), body).ok()?;
    let read = || -> Result<Option<Digest>> {
        let frames = Frames::of(header, ObjectKind::Segment, class, vault.id());
        let frames = in_object(&name, frames)?;
        in_object(&name, decode(&plain, frames))
    };
    read().ok().flatten()
}

fn decode(plain: &[u8], frames: Frames) -> Result<Option<Digest>, FormatError> {
    let input = &mut Reader::new(plain);
    if input.u8()? != VERSION {
        return Ok(None);
    }
    let front = SegmentFront::read(input.bytes()?)?;
    let mut chunks_counts = Vec::new();
    for _ in &front.packs {
        chunks_counts.push(u32::try_from(input.varint()?).unwrap_or(u32::MAX));
    }
    let plain_bytes = input.varint()?;
    let mut fences = Vec::new();
    let (mut previous_prefix, mut offset) = (0_u64, 0_u64);
    for _ in 0..input.varint()? {
        previous_prefix = previous_prefix.saturating_add(input.varint()?);
        offset = offset.saturating_add(input.varint()?).min(plain_bytes);
        fences.push(Fence {
            previous_prefix,
            offset,
        });
    }
    let filter = SegmentFilter::from_bytes(input.rest());
    Ok(filter.map(|filter| Digest {
        packs: front.packs,
        chunks_counts,
        chunks: Chunks::Filtered {
            filter,
            pages: PageMap {
                frames,
                fences,
                plain_bytes,
            },
        },
    }))
}
