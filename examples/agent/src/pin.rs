//! The security PIN that a command was given.

use strongroom::vault::{Error, PinProblem, Protected};

use crate::access::Access;
use crate::fail::Result;
use crate::prompt;
use crate::run::now;
use crate::secret::Given;

#[derive(Debug, clap::Args)]
pub(crate) struct Pin {
    /// Security PIN, where the owner has turned on that this asks for one; asked for on a terminal
    #[arg(long, value_name = "PIN")]
    pin: Option<String>,
}

impl Pin {
    /// Lets an operation pass: uses up the PIN where one is asked for.
    pub(crate) fn require(&self, access: &Access, operation: Protected) -> Result<()> {
        let vault = access.vault.vault();
        let require = |pin| {
            let outcome = access.vault.wait(vault.require_pin(operation, pin, now()));
            outcome.map_err(strongroom::Error::from)
        };
        match require(self.pin.as_deref()) {
            Err(strongroom::Error::Vault(Error::Pin(PinProblem::Needed(_))))
                if prompt::is_possible() =>
            {
                let typed = Given::ask(&format!("Security PIN for {}", operation.as_str()))?;
                Ok(require(typed.as_text())?)
            }
            outcome => Ok(outcome?),
        }
    }
}
