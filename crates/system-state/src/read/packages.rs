//! The books of `dpkg`, `apt` and `rpm`.

use std::collections::BTreeSet;

use crate::facts::Packages;

/// `/var/lib/dpkg/status` and `/var/lib/apt/extended_states`.
pub(crate) fn dpkg(status: &str, extended: &str) -> Packages {
    let native = native(status);
    let mut packages = Packages {
        manager: "dpkg".to_owned(),
        ..Packages::default()
    };
    for paragraph in status.split("\n\n") {
        let (Some(name), Some(state)) = (field(paragraph, "Package"), field(paragraph, "Status"))
        else {
            continue;
        };
        let name = full_name(name, field(paragraph, "Architecture"), &native);
        let words: Vec<&str> = state.split_whitespace().collect();
        let [want, flag, state] = words.as_slice() else {
            continue;
        };
        if *want == "hold" {
            packages.held.insert(name.clone());
        }
        match (*flag, *state) {
            (_, "not-installed" | "config-files") => {}
            ("ok", "installed") => {
                let version = field(paragraph, "Version").unwrap_or_default();
                packages.installed.insert(name, version.to_owned());
            }
            (flag, state) => {
                let state = if flag == "ok" { state } else { flag };
                packages.broken.insert(name, state.to_owned());
            }
        }
    }
    for paragraph in extended.split("\n\n") {
        if let (Some(name), Some("1")) = (
            field(paragraph, "Package"),
            field(paragraph, "Auto-Installed"),
        ) {
            let name = full_name(name, field(paragraph, "Architecture"), &native);
            // apt notes `all` packages under the machine's own architecture; all names here are without either.
            packages.automatic.insert(name);
        }
    }
    let is_installed = |name: &String| packages.installed.contains_key(name);
    packages.automatic.retain(is_installed);
    packages
}

/// The output of `rpm -qa --queryformat '%{NAME}\t%{EVR}\n'`; `wanted` that of `dnf repoquery --userinstalled`, if there is one.
pub(crate) fn rpm(all: &str, wanted: Option<&str>) -> Packages {
    let lines = all.lines().filter_map(|line| line.split_once('\t'));
    // Keys of repositories are listed as packages.
    let lines = lines.filter(|(name, _)| *name != "gpg-pubkey");
    let installed = lines
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect();
    let mut packages = Packages {
        manager: "rpm".to_owned(),
        installed,
        ..Packages::default()
    };
    if let Some(wanted) = wanted {
        let wanted: BTreeSet<&str> = wanted.lines().map(str::trim).collect();
        let names = packages.installed.keys();
        let automatic = names.filter(|name| !wanted.contains(name.as_str()));
        packages.automatic = automatic.cloned().collect();
    }
    packages
}

/// The architecture of `dpkg` itself is the machine's.
fn native(status: &str) -> String {
    let mut paragraphs = status.split("\n\n");
    let own = paragraphs.find(|paragraph| field(paragraph, "Package") == Some("dpkg"));
    let own = own.and_then(|paragraph| field(paragraph, "Architecture"));
    own.unwrap_or_default().to_owned()
}

fn full_name(name: &str, architecture: Option<&str>, native: &str) -> String {
    match architecture {
        Some(other) if other != "all" && other != native => format!("{name}:{other}"),
        _ => name.to_owned(),
    }
}

fn field<'t>(paragraph: &'t str, key: &str) -> Option<&'t str> {
    paragraph.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name == key).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_of_dpkg_and_apt() {
        let paragraph = |name: &str, state: &str, arch: &str| {
            format!(
                "Package: {name}\nStatus: {state}\nArchitecture: {arch}\nVersion: 1.0-{name}\nDescription: x\n Package: no\n\n"
            )
        };
        let status = [
            paragraph("dpkg", "install ok installed", "amd64"),
            paragraph("libc6", "install ok installed", "amd64"),
            paragraph("libc6", "install ok installed", "i386"),
            paragraph("docs", "hold ok installed", "all"),
            paragraph("gone", "deinstall ok config-files", "amd64"),
            paragraph("torn", "install ok half-configured", "amd64"),
            paragraph("lost", "install reinstreq installed", "amd64"),
        ]
        .concat();
        let extended = "Package: libc6\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: docs\nArchitecture: amd64\nAuto-Installed: 0\n\nPackage: gone\nArchitecture: amd64\nAuto-Installed: 1\n";
        let packages = dpkg(&status, extended);
        let wanted: Vec<&String> = packages.wanted().collect();
        assert_eq!(wanted, ["docs", "dpkg", "libc6:i386"]);
        assert_eq!(packages.installed["libc6"], "1.0-libc6");
        assert!(packages.held.contains("docs") && packages.held.len() == 1);
        assert_eq!(packages.broken["torn"], "half-configured");
        assert_eq!(packages.broken["lost"], "reinstreq");
        assert!(!packages.installed.contains_key("gone"));
    }

    #[test]
    fn what_rpm_says() {
        let packages = rpm("bash\t5.2-1\ngpg-pubkey\t1-2\nlibx\t1-1\n", Some("bash\n"));
        assert_eq!(packages.installed.len(), 2);
        assert_eq!(packages.wanted().collect::<Vec<_>>(), ["bash"]);
    }
}
