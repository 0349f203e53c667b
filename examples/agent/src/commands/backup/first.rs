//! The first run: nothing is configured, so a vault is made on this machine.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use strongroom::Skipped;

use crate::access::Access;
use crate::create;
use crate::fail::{Fail, Result};
use crate::kit;
use crate::output::{Colour, Out, human};
use crate::run::Agent;

/// What the person has to be told.
pub(super) struct FirstRun {
    vault: String,
    /// `None` when the passphrase was given.
    pub(super) kit: Option<PathBuf>,
}

pub(super) fn make(agent: &Agent) -> Result<(Access, FirstRun)> {
    let _lock = agent.state.lock_first_run()?;
    let created = create::embedded(agent)?;
    let first = FirstRun {
        vault: created.access.url.clone(),
        kit: created.kit,
    };
    Ok((created.access, first))
}

/// Refuses to make a vault for a backup that has nothing to read.
pub(super) fn check_roots(roots: &[PathBuf]) -> Result<()> {
    let mut missing = Vec::new();
    for root in roots {
        match std::fs::metadata(root) {
            Ok(_) => return Ok(()),
            Err(error) => missing.push(Skipped {
                path: root.as_os_str().as_bytes().to_vec(),
                reason: error.to_string(),
            }),
        }
    }
    Err(strongroom::Error::NothingToBackUp(missing).into())
}

/// Where the kit of the vault stands, as long as it stands on this machine.
pub(super) fn kit(agent: &Agent, access: &Access) -> Option<String> {
    let dir = agent.state.dir().ok()?;
    let kit = kit::of_vault(dir, &access.vault_id()).ok().flatten()?;
    Some(kit.display().to_string())
}

/// What later runs say as long as the kit stands on this machine.
pub(super) fn reminder(kit: &str) -> String {
    format!(
        "\n\nThe recovery kit {kit} holds the passphrase of the vault.\n\
         Keep it somewhere else, and remove it from this machine then."
    )
}

impl FirstRun {
    /// The failure of what was to follow; it tells about the vault and its key all the same.
    pub(super) fn with_failure(&self, out: &Out, fail: Fail) -> Fail {
        if !out.json {
            out.note(self.text(out).trim());
            out.note("");
        }
        Fail {
            recovery_kit: self.kit.as_ref().map(|kit| kit.display().to_string()),
            ..fail
        }
    }

    pub(super) fn text(&self, out: &Out) -> String {
        let mut fields = vec![("vault", self.vault.clone())];
        let warning = match &self.kit {
            Some(kit) => {
                fields.push(("recovery kit", kit.display().to_string()));
                "The recovery kit holds the passphrase. Keep it somewhere else, too: print it, or copy it to a\n\
                 password manager or another machine. Without it nobody can read the vault once this machine is lost."
            }
            None => {
                "Keep the passphrase somewhere else than on this machine: without it nobody can read the vault."
            }
        };
        format!(
            "\n\nNo vault was configured, so one was made on this machine:\n{}\n{}\n\
             A vault on the disk that it protects survives mistakes, not the loss of the disk: copy it, or make\n\
             another one elsewhere with `strongroom-agent vault init --vault URL`.",
            human::fields(&fields),
            out.paint(Colour::Strong, warning)
        )
    }
}
