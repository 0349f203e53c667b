//! Secrets: read when they are needed, wiped when they were used, never shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Result};

const MAX_BYTES: usize = 4096;

/// The bytes of a secret. There is deliberately no way to print it.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The first line of a file.
    pub(crate) fn read(what: &'static str, path: &Path) -> Result<Self> {
        let fail = |source: io::Error| Error::File {
            what,
            path: path.to_owned(),
            source,
        };
        // Room for all of it from the start, so that growing leaves no copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        let file = File::open(path).map_err(fail)?;
        let mut limited = file.take(MAX_BYTES as u64 + 1);
        limited.read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() > MAX_BYTES {
            return Err(fail(io::Error::other("it is longer than 4 KiB")));
        }
        if let Some(end) = bytes.iter().position(|byte| b"\r\n".contains(byte)) {
            bytes.truncate(end);
        }
        if bytes.is_empty() {
            return Err(fail(io::Error::other("its first line is empty")));
        }
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
