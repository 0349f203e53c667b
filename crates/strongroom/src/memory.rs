//! How much memory an open vault may use, shared out among what takes it.

/// Shares of a limit, or the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Decoded blocks kept for reading, bytes.
    pub(crate) block_cache_bytes: usize,
    /// Tables of contents kept, bytes.
    pub(crate) toc_cache_bytes: usize,
    /// Largest data pack that a backup fills, bytes; metadata packs are at most a quarter of it.
    pub(crate) pack_max_bytes: u64,
    /// Threads that a call may use.
    pub(crate) workers_max_count: usize,
}

/// The program itself, its runtime and the directories on the way down, bytes.
const BASE_BYTES: u64 = 24 << 20;
/// What one worker holds: open block, its compressed form, read buffer, codec; bytes.
const WORKER_BYTES: u64 = 4 << 20;

impl Default for Memory {
    fn default() -> Self {
        Self {
            block_cache_bytes: 24 << 20,
            toc_cache_bytes: 8 << 20,
            pack_max_bytes: u64::MAX,
            workers_max_count: usize::MAX,
        }
    }
}

impl Memory {
    /// The least limit that can be kept, bytes.
    pub(crate) const LEAST_BYTES: u64 = 48 << 20;

    /// Half of what is left for packs (three of each kind at once), a quarter for workers, a quarter for caches.
    pub(crate) fn within(max_bytes: u64) -> Self {
        let rest = max_bytes.max(Self::LEAST_BYTES) - BASE_BYTES;
        let quarter = rest / 4;
        let (default, narrow) = (Self::default(), |bytes: u64| {
            usize::try_from(bytes).unwrap_or(usize::MAX)
        });
        Self {
            block_cache_bytes: narrow(quarter / 4 * 3).min(default.block_cache_bytes),
            toc_cache_bytes: narrow(quarter / 4).min(default.toc_cache_bytes),
            // 3 data packs and 3 of a quarter of their size are 15/4 of one.
            pack_max_bytes: rest / 2 / 15 * 4,
            workers_max_count: narrow(quarter / WORKER_BYTES).max(1),
        }
    }

    /// What all shares come to with so many workers, bytes.
    #[cfg(test)]
    fn total_bytes(self, workers_count: usize) -> u64 {
        let caches = (self.block_cache_bytes + self.toc_cache_bytes) as u64;
        let workers = workers_count.min(self.workers_max_count) as u64;
        BASE_BYTES + caches + workers * WORKER_BYTES + self.pack_max_bytes.min(32 << 20) / 4 * 15
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stay_within_the_limit() {
        for mib in 48..2048 {
            let memory = Memory::within(mib << 20);
            assert!(memory.total_bytes(8) <= mib << 20, "{mib}: {memory:?}");
            assert!(memory.workers_max_count >= 1);
            assert!(memory.pack_max_bytes >= 2 << 20, "{mib}: {memory:?}");
        }
    }

    #[test]
    fn a_large_limit_changes_no_cache() {
        let (large, default) = (Memory::within(u64::MAX), Memory::default());
        assert_eq!(large.block_cache_bytes, default.block_cache_bytes);
        assert_eq!(large.toc_cache_bytes, default.toc_cache_bytes);
    }

    #[test]
    fn too_small_a_limit_counts_as_the_least() {
        assert_eq!(Memory::within(0), Memory::within(Memory::LEAST_BYTES));
    }
}
