//! `ls`: what a recovery point holds.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use strongroom::EntryView;
use strongroom::fs::Kind;

use crate::access::{self, Need};
use crate::fail::{Code, Result, stdout_error};
use crate::output::{human, json};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An id, a unique prefix of one, or latest
    point: String,
    /// Absolute, or relative to a backed-up folder [default: what stands in the backed-up folders]
    path: Option<OsString>,
    /// Everything below, too
    #[arg(long, short)]
    recursive: bool,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let point = access.vault.point(&args.point)?.id;
    let path = args.path.as_deref().map(OsStrExt::as_bytes);
    if agent.out.json {
        let mut array = agent.json_array();
        access
            .vault
            .list(&point, path, args.recursive, &mut |entry| {
                array.push(&json::Entry::new(&entry, None))
            })?;
        array.finish()?;
    } else {
        let mut out = agent.out.stream();
        access
            .vault
            .list(&point, path, args.recursive, &mut |entry| {
                writeln!(out, "{}", line(&entry)).map_err(stdout_error)
            })?;
        out.flush()?;
    }
    Ok(Code::Done)
}

/// One entry in a line of fixed columns: lines are written as entries come.
pub(crate) fn line(entry: &EntryView) -> String {
    let meta = &entry.meta;
    let size = match meta.kind {
        Kind::File => human::bytes(meta.size),
        Kind::CharDevice | Kind::BlockDevice => format!("{}, {}", meta.rdev.0, meta.rdev.1),
        _ => "-".to_owned(),
    };
    let mut line = format!(
        "{} {:>5} {:>5} {size:>10}  {}  {}",
        permissions(meta.kind, meta.mode),
        meta.uid,
        meta.gid,
        human::file_time(meta.mtime),
        human::path(&entry.path)
    );
    if let Some(target) = &entry.target {
        line.push_str(&format!(" -> {}", human::path(target)));
    }
    if let Some(problem) = entry.problem {
        line.push_str(&format!("  ({problem})"));
    }
    line
}

/// `-rwxr-xr-x`, as `ls` writes it.
fn permissions(kind: Kind, mode: u16) -> String {
    let mut text = String::with_capacity(10);
    text.push(match kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
    });
    for (shift, special, letters) in [
        (6, 0o4000, ['s', 'S']),
        (3, 0o2000, ['s', 'S']),
        (0, 0o1000, ['t', 'T']),
    ] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        let [with, without] = letters;
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => with,
            (true, false) => without,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_look_as_people_know_them() {
        assert_eq!(permissions(Kind::File, 0o644), "-rw-r--r--");
        assert_eq!(permissions(Kind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(permissions(Kind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(permissions(Kind::Symlink, 0o2640), "lrw-r-S---");
    }
}
