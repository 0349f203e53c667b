//! `backup --system-state`: what the system is, written down beside its configuration.

use std::path::{Path, PathBuf};

use strongroom::Skipped;
use strongroom_system_state::{SystemCommands, TREE_NAME, take};

use crate::fail::{Code, Fail, Result};
use crate::run::Agent;

/// What a point of the state is made of.
pub(super) struct Gathered {
    pub(super) roots: Vec<PathBuf>,
    pub(super) lacking: Vec<Skipped>,
}

/// Writes the state of the system below a root into the state directory, where the point takes it from.
pub(super) fn gather(agent: &Agent, root: &Path, verify: bool) -> Result<Gathered> {
    let root = std::fs::canonicalize(root).map_err(|error| {
        let message = format!("there is no system below {}", root.display());
        Fail::usage(message, "give --system-root its root directory").because(&error)
    })?;
    let taken = take(&root, &SystemCommands::new(&root), verify);
    let tree = agent.state.prepare()?.join(TREE_NAME);
    taken.write_to(&tree).map_err(|error| {
        let help = "make room, or let this user write there";
        Fail::new(
            Code::Failed,
            "cannot write the state of the system down",
            help,
        )
        .because(&error)
    })?;
    for finding in &taken.index.findings {
        if !finding.reason.is_lack() {
            let reason = finding.reason.as_str();
            agent
                .out
                .note(&format!("note: {reason}: {}", finding.detail));
        }
    }
    let lacking = taken.lacks().map(|finding| Skipped {
        path: tree
            .join("index.json")
            .as_os_str()
            .as_encoded_bytes()
            .to_vec(),
        reason: format!("{}: {}", finding.reason.as_str(), finding.detail),
    });
    Ok(Gathered {
        lacking: lacking.collect(),
        roots: std::iter::once(tree.clone()).chain(taken.roots()).collect(),
    })
}
