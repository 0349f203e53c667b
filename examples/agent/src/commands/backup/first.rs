//! The first run: nothing is configured, so a vault is made on this machine.

use std::path::PathBuf;

use crate::access::Access;
use crate::create;
use crate::fail::Result;
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

impl FirstRun {
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
