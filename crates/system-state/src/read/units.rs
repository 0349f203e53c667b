//! The machine's own links below `/etc/systemd/system`.

use crate::facts::Units;

/// From pairs of (path below `/etc/systemd/system`, target of the link).
pub(crate) fn parse<'t>(links: impl Iterator<Item = (&'t str, &'t str)>) -> Units {
    let mut units = Units::default();
    for (path, target) in links {
        match path.split_once('/') {
            Some((dir, unit)) if is_wish(dir) && !unit.contains('/') => {
                units.enabled.insert(unit.to_owned());
            }
            None if target == "/dev/null" => {
                units.masked.insert(path.to_owned());
            }
            None if path == "default.target" => {
                let name = target.rsplit('/').next().unwrap_or(target);
                units.default_target = Some(name.to_owned());
            }
            _ => {}
        }
    }
    units
}

fn is_wish(dir: &str) -> bool {
    [".wants", ".requires", ".upholds"]
        .iter()
        .any(|end| dir.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_masks_and_the_default() {
        let links = [
            (
                "multi-user.target.wants/ssh.service",
                "/lib/systemd/system/ssh.service",
            ),
            ("getty.target.wants/getty@tty1.service", "/lib/x"),
            ("sshd.service", "/lib/systemd/system/ssh.service"),
            ("bad.service", "/dev/null"),
            ("default.target", "/lib/systemd/system/multi-user.target"),
            ("ssh.service.d/own.conf", "/x"),
        ];
        let units = parse(links.into_iter());
        let enabled: Vec<&String> = units.enabled.iter().collect();
        assert_eq!(enabled, ["getty@tty1.service", "ssh.service"]);
        assert!(units.masked.contains("bad.service") && units.masked.len() == 1);
        assert_eq!(units.default_target.as_deref(), Some("multi-user.target"));
    }
}
