//! The state directory and the disk that it is on.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Check;
use super::source::Source;
use crate::output::human;
use crate::run::Agent;
use crate::state::write_private;

/// Least space for lists and locks when the source is small, bytes.
const LEAST_BYTES: u64 = 64 << 20;

/// It can be written to, and nobody else can read it.
pub(super) fn directory(agent: &Agent) -> Check {
    let check = Check::new(
        "state directory",
        "a directory that this user can write to and nobody else can read",
    );
    let dir = match agent.state.prepare() {
        Ok(dir) => dir,
        Err(fail) => return check.fail(&fail),
    };
    let probe = dir.join("probe");
    if let Err(fail) = write_private(&probe, b"probe") {
        return check.fail(&fail);
    }
    if let Err(error) = std::fs::remove_file(&probe) {
        return check.failed(format!("{}: {error}", probe.display()), "remove that file");
    }
    let shown = dir.display().to_string();
    match std::fs::metadata(dir) {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => check.warning(
            format!("{shown} has mode {:03o}", meta.permissions().mode() & 0o777),
            format!("chmod 700 {}", human::quoted(&shown)),
        ),
        Ok(_) => check.ok(shown),
        Err(error) => check.failed(
            format!("{shown}: {error}"),
            "choose another place with --state-dir",
        ),
    }
}

/// Its disk has room for 5 % of the source.
pub(super) fn free_space(agent: &Agent, source: Option<&Source>) -> Check {
    let needed_bytes = source
        .map_or(0, |source| source.bytes / 20)
        .max(LEAST_BYTES);
    let needed = match source {
        Some(source) => format!(
            "{}: 5 % of {}",
            human::bytes(needed_bytes),
            human::bytes(source.bytes)
        ),
        None => format!(
            "5 % of the source, at least {}; name the paths to know how much",
            human::bytes(needed_bytes)
        ),
    };
    let check = Check::new("free space", &needed);
    let dir = match agent.state.dir() {
        Ok(dir) => dir,
        Err(fail) => return check.fail(&fail),
    };
    match free_bytes(dir) {
        Ok(free) if free < needed_bytes => check.failed(
            format!("{} free at {}", human::bytes(free), dir.display()),
            "free some space there, or choose another place with --state-dir",
        ),
        Ok(free) => check.ok(format!("{} free at {}", human::bytes(free), dir.display())),
        Err(error) => check.failed(
            format!("{}: {error}", dir.display()),
            "choose another place with --state-dir",
        ),
    }
}

/// What this user may still write where the path, or the nearest directory above it that exists, is.
fn free_bytes(path: &Path) -> std::io::Result<u64> {
    let existing = path
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let stat = rustix::fs::statvfs(existing)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// It bears the name that it has registered with; nothing to check where it has not.
pub(super) fn name(agent: &Agent) -> Option<Check> {
    let registered = agent.state.registration().ok()??.host;
    let host = agent.host();
    let check = Check::new(
        "machine name",
        "the name that this machine has registered with",
    );
    if host == registered {
        return Some(check.ok(human::clean(&host)));
    }
    Some(check.warning(
        format!(
            "{}, registered as {}: backups go on",
            human::clean(&host),
            human::clean(&registered)
        ),
        "register again with a new vault credential, or give the machine its name back",
    ))
}
