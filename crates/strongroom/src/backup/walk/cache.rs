//! Directories that their programs call caches (<https://bford.info/cachedir/>).

use crate::fs::{Directory, Kind};

const TAG: &[u8] = b"CACHEDIR.TAG";
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// True when the directory holds a regular file of the name that begins with the signature: a name alone proves nothing.
pub(super) fn is_tagged(dir: &Directory) -> bool {
    let Ok(meta) = dir.stat(TAG) else {
        return false;
    };
    let mut begin = Vec::new();
    let mut read = || {
        dir.open_file(TAG, &meta)?
            .read_up_to(SIGNATURE.len(), &mut begin)
    };
    meta.kind == Kind::File && read().is_ok() && begin == SIGNATURE
}
