//! The vault: configured, open, on a store that keeps its promises.

use strongroom::PointView;

use super::Check;
use crate::access::{self, Need};
use crate::fail::Fail;
use crate::run::Agent;
use crate::slots;

/// Checks the vault as far as it can be reached; returns its points.
pub(super) fn check(agent: &Agent, checks: &mut Vec<Check>) -> Option<Vec<PointView>> {
    let vault = Check::new(
        "vault",
        "a vault that can be opened with a passphrase or this machine's credential",
    );
    let place = match access::place(agent) {
        Ok(Some(place)) => place,
        Ok(None) => {
            let help =
                "run `strongroom-agent backup PATH` to make one here, or name one with --vault";
            checks.push(vault.warning("none is configured", help));
            return None;
        }
        Err(fail) => {
            checks.push(vault.fail(&fail));
            return None;
        }
    };
    let opened = access::open_at(agent, place, Need::Any)
        .and_then(|access| Ok((access.vault.points().map_err(Fail::from)?, access)));
    let (points, access) = match opened {
        Ok(opened) => opened,
        Err(fail) => {
            checks.push(vault.fail(&fail));
            return None;
        }
    };
    checks.push(vault.ok(format!("{} ({})", access.url, access.vault_id())));
    let store = Check::new(
        "store",
        "a place that refuses a second create, lists and reads what was written",
    );
    checks.push(match slots::probe_store(&access.vault) {
        Ok(()) => store.ok("refuses a second create, lists and reads what was written"),
        Err(fail) => store.fail(&fail),
    });
    Some(points)
}
