//! `cat`: the bytes of one file.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use strongroom::Strongroom;
use strongroom::vault::format::SessionId;

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::Out;
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An id, a unique prefix of one, or latest
    point: String,
    /// Absolute, or relative to a backed-up folder
    path: OsString,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let point = access.vault.point(&args.point)?.id;
    print(&agent.out, &access.vault, &point, &args.path)
}

/// Writes a file to standard output.
pub(crate) fn print(
    out: &Out,
    vault: &Strongroom,
    point: &SessionId,
    path: &OsStr,
) -> Result<Code> {
    let mut stream = out.stream();
    vault.cat(point, path.as_bytes(), &mut stream)?;
    stream.flush()?;
    Ok(Code::Done)
}
