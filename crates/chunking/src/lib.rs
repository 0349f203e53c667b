//! Content-defined chunks, keyed chunk ids, and a table of what was seen before.
//!
//! The crate is pure: no I/O of its own, no clock, no randomness, no async. It knows nothing of vaults and can be
//! used alone.
//!
//! ```
//! use strongroom_chunking::{ChunkHasher, ChunkSizes, Chunker, GearTable, Masks, PrefixTable};
//!
//! let sizes = ChunkSizes::default(); // 16, 64 and 256 KiB
//! let chunker = Chunker::new(sizes, Masks::for_average(sizes.avg_bytes()), GearTable::from_bytes(&[7; 2048]));
//! let hasher = ChunkHasher::new(&[1; 32]);
//! let mut seen = PrefixTable::new();
//! for (number, chunk) in chunker.cuts(&vec![0; 1_000_000]).enumerate() {
//!     seen.insert(hasher.id(chunk).prefix(), number as u64);
//! }
//! assert_eq!(seen.len(), 4);
//! ```
//!
//! | module | is |
//! |---|---|
//! | `sizes` | chunk sizes and masks, checked in release builds, too |
//! | `gear` | the secret table of the rolling hash |
//! | `cut` | cut points in slices: FastCDC v2020 with a secret gear table |
//! | `scan` | the hot loops: portable, and two for AVX-512; the only module with `unsafe` is `scan::avx512` |
//! | `fixed` | chunks of one size, for images |
//! | `stream` | either kind of chunks of any `Read` |
//! | `id` | keyed chunk ids |
//! | `seen` | a compact table from id prefix to place |
//! | `filter`, `dedup` | a front of two bytes per chunk before look-ups in an index that is kept elsewhere |
//! | `error` | what can be wrong with parameters |

mod cut;
mod dedup;
mod error;
mod filter;
mod fixed;
mod gear;
mod id;
mod scan;
mod seen;
mod sizes;
mod stream;

pub use cut::{Chunker, Cut};
pub use dedup::{Dedup, Segments};
pub use error::{Error, Result};
pub use filter::SegmentFilter;
pub use fixed::FixedChunker;
pub use gear::GearTable;
pub use id::{ChunkHasher, ChunkId, ParseChunkIdError};
pub use scan::Scan;
pub use seen::PrefixTable;
pub use sizes::{ChunkSizes, Masks};
pub use stream::ChunkStream;
