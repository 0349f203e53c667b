//! Remaps: where the chunks of rewritten blocks are now (format.md §12).

use std::collections::BTreeSet;

use super::FormatError;
use super::ids::{BlockName, ChunkAddress, PackId};
use super::wire::{Reader, Writer};

const VERSION: u8 = 1;
const RUNS_MAX: u64 = 1 << 20;

/// Consecutive chunks of a block that were stored anew as consecutive chunks of another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemapRun {
    /// First chunk, by its old address.
    pub old: ChunkAddress,
    /// How many chunks.
    pub count: u16,
    /// First chunk, by its new address.
    pub new: ChunkAddress,
}

impl RemapRun {
    /// The new address of a chunk, if this run moves it.
    #[must_use]
    pub fn resolve(&self, at: ChunkAddress) -> Option<ChunkAddress> {
        if at.block_name() != self.old.block_name() {
            return None;
        }
        let offset = at.chunk.checked_sub(self.old.chunk)?;
        (offset < self.count).then_some(ChunkAddress {
            chunk: self.new.chunk.checked_add(offset)?,
            ..self.new
        })
    }
}

/// A sealed set of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remap {
    /// Ascending by old address, without overlap.
    pub runs: Vec<RemapRun>,
}

impl Remap {
    /// A remap of these chunks, old address and new address.
    #[must_use]
    pub fn of_chunks(mut chunks: Vec<(ChunkAddress, ChunkAddress)>) -> Self {
        chunks.sort_unstable();
        chunks.dedup_by_key(|(old, _)| *old);
        let mut runs: Vec<RemapRun> = Vec::new();
        for (old, new) in chunks {
            let grown = runs
                .last_mut()
                .filter(|run| run.count < u16::MAX)
                .filter(|run| follows(run.old, run.count, old) && follows(run.new, run.count, new));
            match grown {
                Some(run) => run.count += 1,
                None => runs.push(RemapRun { old, count: 1, new }),
            }
        }
        Self { runs }
    }

    /// The table, to be sealed and signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let packs: BTreeSet<PackId> = self
            .runs
            .iter()
            .flat_map(|run| [run.old.pack, run.new.pack])
            .collect();
        let packs: Vec<PackId> = packs.into_iter().collect();
        let position = |pack: &PackId| packs.binary_search(pack).unwrap_or_default() as u64;
        let mut out = Writer::new();
        out.u8(VERSION);
        out.varint(packs.len() as u64);
        for pack in &packs {
            out.raw(pack.as_bytes());
        }
        out.varint(self.runs.len() as u64);
        for run in &self.runs {
            out.varint(position(&run.old.pack));
            out.varint(u64::from(run.old.block));
            out.varint(u64::from(run.old.chunk));
            out.varint(u64::from(run.count));
            out.varint(position(&run.new.pack));
            out.varint(u64::from(run.new.block));
            out.varint(u64::from(run.new.chunk));
        }
        out.into_vec()
    }

    /// Reads a table.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn decode(plain: &[u8]) -> Result<Self, FormatError> {
        let input = &mut Reader::new(plain);
        if input.u8()? != VERSION {
            return Err(FormatError::Malformed("a remap of an unknown version"));
        }
        let packs = read_packs(input)?;
        let count = input.varint()?;
        FormatError::limit("the runs of a remap", count, RUNS_MAX)?;
        let mut runs: Vec<RemapRun> = Vec::new();
        for _ in 0..count {
            let run = read_run(input, &packs)?;
            let follows = runs.last().is_none_or(|last| is_behind(last, &run));
            if !follows {
                return Err(FormatError::Malformed(
                    "the runs of a remap are out of order",
                ));
            }
            runs.push(run);
        }
        if input.is_empty() {
            Ok(Self { runs })
        } else {
            Err(FormatError::Malformed("bytes follow a remap"))
        }
    }
}

/// The blocks that a remap leads to.
impl Remap {
    /// Names of the blocks that hold the chunks now.
    pub fn targets(&self) -> impl Iterator<Item = BlockName> {
        self.runs.iter().map(|run| run.new.block_name())
    }
}

fn follows(first: ChunkAddress, count: u16, next: ChunkAddress) -> bool {
    first.block_name() == next.block_name() && first.chunk.checked_add(count) == Some(next.chunk)
}

fn is_behind(last: &RemapRun, run: &RemapRun) -> bool {
    let end = u32::from(last.old.chunk) + u32::from(last.count);
    match last.old.block_name().cmp(&run.old.block_name()) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => end <= u32::from(run.old.chunk),
        std::cmp::Ordering::Greater => false,
    }
}

fn read_packs(input: &mut Reader<'_>) -> Result<Vec<PackId>, FormatError> {
    let count = input.varint()?;
    let mut packs: Vec<PackId> = Vec::new();
    for _ in 0..count {
        let pack = PackId::from_bytes(input.array()?);
        if packs.last().is_some_and(|last| *last >= pack) {
            return Err(FormatError::Malformed(
                "the packs of a remap are out of order",
            ));
        }
        packs.push(pack);
    }
    Ok(packs)
}

fn read_run(input: &mut Reader<'_>, packs: &[PackId]) -> Result<RemapRun, FormatError> {
    let (old_pack, old_block, old_chunk) = (input.varint()?, input.varint()?, input.varint()?);
    let count: u16 = small(input.varint()?)?;
    let (new_pack, new_block, new_chunk) = (input.varint()?, input.varint()?, input.varint()?);
    let address = |pack: u64, block, chunk| -> Result<ChunkAddress, FormatError> {
        let pack = usize::try_from(pack).ok().and_then(|at| packs.get(at));
        Ok(ChunkAddress {
            pack: *pack.ok_or(FormatError::Malformed("a remap names no pack"))?,
            block: small(block)?,
            chunk: small(chunk)?,
        })
    };
    let run = RemapRun {
        old: address(old_pack, old_block, old_chunk)?,
        count,
        new: address(new_pack, new_block, new_chunk)?,
    };
    let fits = |first: u16| u32::from(first) + u32::from(count) <= u32::from(u16::MAX) + 1;
    if count == 0 || !fits(run.old.chunk) || !fits(run.new.chunk) {
        return Err(FormatError::Malformed(
            "a run of a remap has no chunks, or too many",
        ));
    }
    if run.old.block_name() == run.new.block_name() {
        return Err(FormatError::Malformed(
            "a remap leads back to the same block",
        ));
    }
    Ok(run)
}

fn small(value: u64) -> Result<u16, FormatError> {
    u16::try_from(value).map_err(|_| FormatError::Malformed("a number of a remap is too large"))
}
