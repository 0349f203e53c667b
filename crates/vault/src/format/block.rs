//! Compression of blocks (format.md §7).

use strongroom_crypto::{BLOCK_NONCE_LEN, BLOCK_OVERHEAD};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, DParameter};

use super::FormatError;

const RAW: u8 = 0;
const ZSTD: u8 = 1;
const WINDOW_LOG_MAX: u8 = 24;
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A compressor and a decompressor that are used again for every block of one thread.
pub struct BlockCodec {
    compressor: Compressor<'static>,
    decompressor: Decompressor<'static>,
    level: i32,
    scratch: Vec<u8>,
}

impl std::fmt::Debug for BlockCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockCodec")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl BlockCodec {
    /// Contexts without any block's data in them.
    ///
    /// # Errors
    /// When zstd refuses its parameters.
    pub fn new() -> Result<Self, FormatError> {
        let level = 3;
        let mut compressor = Compressor::new(level).map_err(FormatError::Compression)?;
        for parameter in [
            CParameter::ContentSizeFlag(false),
            CParameter::ChecksumFlag(false),
            CParameter::DictIdFlag(false),
        ] {
            compressor
                .set_parameter(parameter)
                .map_err(FormatError::Compression)?;
        }
        let mut decompressor = Decompressor::new().map_err(FormatError::Compression)?;
        let window = DParameter::WindowLogMax(WINDOW_LOG_MAX.into());
        decompressor
            .set_parameter(window)
            .map_err(FormatError::Compression)?;
        Ok(Self {
            compressor,
            decompressor,
            level,
            scratch: Vec::new(),
        })
    }

    /// The payload of a block behind room for its nonce, and the codec that it is in: zstd where that is smaller.
    ///
    /// # Errors
    /// When zstd refuses the level.
    pub fn compress(&mut self, raw: &[u8], level: i32) -> Result<(Vec<u8>, u8), FormatError> {
        if level != self.level {
            let parameter = CParameter::CompressionLevel(level);
            self.compressor
                .set_parameter(parameter)
                .map_err(FormatError::Compression)?;
            self.level = level;
        }
        // Room for less than `raw`: zstd gives up as soon as compressing does not pay.
        self.scratch.resize(raw.len().saturating_sub(1), 0);
        let (payload, codec) = match self
            .compressor
            .compress_to_buffer(raw, self.scratch.as_mut_slice())
        {
            Ok(len) => (self.scratch.get(..len).unwrap_or_default(), ZSTD),
            Err(_does_not_fit) => (raw, RAW),
        };
        // Exactly what the sealed block takes: packs hold these buffers until they are uploaded.
        let mut out = Vec::with_capacity(payload.len() + BLOCK_OVERHEAD);
        out.resize(BLOCK_NONCE_LEN, 0);
        out.extend_from_slice(payload);
        Ok((out, codec))
    }

    /// The raw bytes of an opened payload: exactly one frame of exactly `raw_len` bytes.
    ///
    /// # Errors
    /// [`FormatError::Decompression`].
    pub fn decompress(
        &mut self,
        codec: u8,
        payload: &[u8],
        raw_len: u32,
    ) -> Result<Vec<u8>, FormatError> {
        let raw_len = raw_len as usize;
        let raw = match codec {
            RAW => payload.to_vec(),
            ZSTD => {
                let frame = zstd::zstd_safe::find_frame_compressed_size(payload);
                if frame.ok() != Some(payload.len()) || !begins_as_allowed(payload) {
                    return Err(FormatError::Decompression);
                }
                let mut raw = Vec::with_capacity(raw_len);
                self.decompressor
                    .decompress_to_buffer(payload, &mut raw)
                    .map_err(|_damaged| FormatError::Decompression)?;
                raw
            }
            _ => return Err(FormatError::Decompression),
        };
        if raw.len() == raw_len {
            Ok(raw)
        } else {
            Err(FormatError::Decompression)
        }
    }
}

/// A frame, and no skippable one, that has neither checksum, content size nor dictionary id, and a window within its
/// limit. zstd itself looks at the limit in streams only.
fn begins_as_allowed(frame: &[u8]) -> bool {
    let Some((magic, &[descriptor, window, ..])) = frame.split_first_chunk() else {
        return false;
    };
    // Five bits of exponent, from 10, and three of mantissa.
    *magic == ZSTD_MAGIC && descriptor == 0 && window <= (WINDOW_LOG_MAX - 10) << 3
}
