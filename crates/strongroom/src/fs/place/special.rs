//! Entries that are neither files nor directories.

use std::io;

use rustix::fs::{AtFlags, FileType, Mode};

use super::TargetDir;
use crate::fs::entry::{Kind, check_name};

impl TargetDir {
    /// Makes a symlink with exactly this target, which need not exist.
    ///
    /// # Errors
    /// Those of `symlink(2)`: `AlreadyExists` when anything has that name.
    pub fn make_symlink(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        check_name(name)?;
        Ok(rustix::fs::symlinkat(target, self.handle()?.fd(), name)?)
    }

    /// Makes a named pipe; `mode` is lessened by the umask until attributes are applied.
    ///
    /// # Errors
    /// Those of `mknod(2)`.
    pub fn make_fifo(&self, name: &[u8], mode: u16) -> io::Result<()> {
        self.make_node(name, FileType::Fifo, mode, 0)
    }

    /// Makes the name of a socket, to which nobody listens.
    ///
    /// # Errors
    /// Those of `mknod(2)`.
    pub fn make_socket(&self, name: &[u8], mode: u16) -> io::Result<()> {
        self.make_node(name, FileType::Socket, mode, 0)
    }

    /// Makes a device; `rdev` is its major and minor number.
    ///
    /// # Errors
    /// Those of `mknod(2)`: `PermissionDenied` for an ordinary user. `InvalidInput` for another kind.
    pub fn make_device(
        &self,
        name: &[u8],
        kind: Kind,
        mode: u16,
        rdev: (u32, u32),
    ) -> io::Result<()> {
        let file_type = match kind {
            Kind::CharDevice => FileType::CharacterDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is not a device",
                ));
            }
        };
        self.make_node(name, file_type, mode, rustix::fs::makedev(rdev.0, rdev.1))
    }

    /// Gives an entry that is not a directory one more name, in this directory. A symlink is not followed.
    ///
    /// # Errors
    /// Those of `link(2)`: `AlreadyExists` when anything has the new name, `CrossesDevices` between file systems.
    pub fn make_link(
        &self,
        existing: &Self,
        existing_name: &[u8],
        new_name: &[u8],
    ) -> io::Result<()> {
        check_name(existing_name)?;
        check_name(new_name)?;
        Ok(rustix::fs::linkat(
            existing.handle()?.fd(),
            existing_name,
            self.handle()?.fd(),
            new_name,
            AtFlags::empty(),
        )?)
    }

    fn make_node(&self, name: &[u8], file_type: FileType, mode: u16, dev: u64) -> io::Result<()> {
        check_name(name)?;
        let mode = Mode::from_raw_mode(u32::from(mode));
        Ok(rustix::fs::mknodat(
            self.handle()?.fd(),
            name,
            file_type,
            mode,
            dev,
        )?)
    }
}
