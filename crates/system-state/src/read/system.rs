//! Which system it is.

use crate::facts::System;

/// From `os-release` and the single lines of other files.
pub(crate) fn parse(os_release: &str, host: &str, zone: &str, kernel: &str) -> System {
    let value = |key: &str| {
        let mut lines = os_release.lines().filter_map(|line| line.split_once('='));
        let found = lines.find(|(name, _)| *name == key);
        let value = found.map(|(_, value)| value.trim().trim_matches(['"', '\'']));
        value.unwrap_or_default().to_owned()
    };
    System {
        host: host.trim().to_owned(),
        distribution: value("ID"),
        release: value("VERSION_ID"),
        name: value("PRETTY_NAME"),
        kernel: kernel.trim().to_owned(),
        architecture: String::new(),
        time_zone: zone.trim().to_owned(),
    }
}
