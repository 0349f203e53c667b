//! What is mounted.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub point: PathBuf,
    /// Kind of the file system, such as `ext4`.
    pub file_system: String,
    /// What: mostly a device.
    pub device: String,
}

/// Reads `/proc/self/mountinfo`, in the order of mounting; lines that are none are passed over.
#[must_use]
pub fn parse_mounts(text: &str) -> Vec<Mount> {
    let mounts = text.lines().filter_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let mut what = what.split(' ');
        Some(Mount {
            point: PathBuf::from(OsString::from_vec(unescape(place.split(' ').nth(4)?))),
            file_system: what.next()?.to_owned(),
            device: String::from_utf8_lossy(&unescape(what.next()?)).into_owned(),
        })
    });
    mounts.collect()
}

/// Blanks and backslashes stand as `\040`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| first == b'\\');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_blanks_and_optional_fields() {
        let text = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
                    30 22 0:5 /@home /my\\040home rw - btrfs /dev/sd\\134b rw,subvol=/@home\nno line\n";
        let mounts = parse_mounts(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[1].point, PathBuf::from("/my home"));
        assert_eq!(
            (mounts[1].file_system.as_str(), mounts[1].device.as_str()),
            ("btrfs", "/dev/sd\\b")
        );
    }
}
