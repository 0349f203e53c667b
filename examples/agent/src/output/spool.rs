//! Bytes that wait until there are no more of them: a few in memory, many in a nameless file.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use strongroom::Error;

use crate::fail::Result;
use crate::state::make_private_dir;

/// What is kept in memory at most, bytes.
const HELD_MAX_BYTES: usize = 1 << 20;

/// The file has no name and vanishes with the process.
pub(super) struct Spool {
    dir: PathBuf,
    held: Held,
}

enum Held {
    Memory(Vec<u8>),
    File(BufWriter<File>),
}

impl Spool {
    /// A spool whose file, should it need one, is in this directory, which is made if need be.
    pub(super) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            held: Held::Memory(Vec::new()),
        }
    }

    /// What a callback of the engine returns when the spool fails.
    pub(super) fn fail(&self, source: io::Error) -> Error {
        Error::File {
            action: "keep a long result in",
            path: self.dir.clone(),
            source,
        }
    }

    /// Everything that was written, in order.
    pub(super) fn copy_to(self, out: &mut impl Write) -> Result<()> {
        let dir = self.dir;
        let fail = |source| Error::File {
            action: "keep a long result in",
            path: dir,
            source,
        };
        match self.held {
            Held::Memory(bytes) => super::unless_unread(out.write_all(&bytes))?,
            Held::File(file) => {
                let rewound = file.into_inner().map_err(io::IntoInnerError::into_error);
                let rewound = rewound.and_then(|mut file| file.rewind().map(|()| file));
                let mut file = rewound.map_err(fail)?;
                super::unless_unread(io::copy(&mut file, out).map(|_bytes| ()))?;
            }
        }
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.held {
            Held::File(file) => file.write(bytes),
            Held::Memory(held) if held.len() + bytes.len() <= HELD_MAX_BYTES => held.write(bytes),
            Held::Memory(held) => {
                make_private_dir(&self.dir)?;
                let mut file = BufWriter::new(tempfile::tempfile_in(&self.dir)?);
                file.write_all(held)?;
                self.held = Held::File(file);
                self.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.held {
            Held::Memory(_) => Ok(()),
            Held::File(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_need_no_file_and_many_come_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("cache");
        for (count, needs_file) in [(10_u32, false), (400_000, true)] {
            let mut spool = Spool::new(&place);
            for number in 0..count {
                spool.write_all(&number.to_le_bytes()).unwrap();
            }
            assert_eq!(place.exists(), needs_file);
            let mut bytes = Vec::new();
            spool.copy_to(&mut bytes).unwrap();
            let expected: Vec<u8> = (0..count).flat_map(u32::to_le_bytes).collect();
            assert!(bytes == expected);
        }
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
    }
}
