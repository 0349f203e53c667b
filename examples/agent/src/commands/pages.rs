//! `completions` and `man`: the flags as pages for shells and readers.

use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::fail::{Code, Fail, Result};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Where to write one page for each command
    dir: PathBuf,
}

pub(crate) fn completions(agent: &Agent, args: &CompletionsArgs) -> Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "strongroom-agent",
        &mut script,
    );
    let mut out = agent.out.stream();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Code::Done)
}

pub(crate) fn man(agent: &Agent, args: &ManArgs) -> Result<Code> {
    let fail = |error| {
        let message = format!("cannot write manual pages to {}", args.dir.display());
        Fail::new(
            Code::Failed,
            message,
            "name a directory that this user may write to",
        )
        .because(&error)
    };
    std::fs::create_dir_all(&args.dir).map_err(fail)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(fail)?;
    let dir = args.dir.display().to_string();
    agent.out.result(&serde_json::json!({ "dir": dir }), || {
        format!("manual pages are in {dir}")
    })?;
    Ok(Code::Done)
}
