//! JSON documents inside objects, within their limits.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::FormatError;

const MAX_DEPTH: usize = 16;

pub(crate) fn write<T: Serialize>(
    what: &'static str,
    value: &T,
    max_bytes: u64,
) -> Result<Vec<u8>, FormatError> {
    let text = serde_json::to_vec(value).map_err(|source| FormatError::Json { what, source })?;
    FormatError::limit(what, text.len() as u64, max_bytes)?;
    Ok(text)
}

pub(crate) fn read<T: DeserializeOwned>(
    what: &'static str,
    text: &[u8],
    max_bytes: u64,
) -> Result<T, FormatError> {
    FormatError::limit(what, text.len() as u64, max_bytes)?;
    if depth(text) > MAX_DEPTH {
        return Err(FormatError::Malformed("a document is nested too deeply"));
    }
    serde_json::from_slice(text).map_err(|source| FormatError::Json { what, source })
}

fn depth(text: &[u8]) -> usize {
    let (mut now, mut most, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                now += 1;
                most = most.max(now);
            }
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}
