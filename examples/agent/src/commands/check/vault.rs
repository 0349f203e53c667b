//! The vault: configured, open, on a store that keeps its promises.

use std::time::Duration;

use strongroom::PointView;

use super::Check;
use crate::access::{self, Need};
use crate::fail::Fail;
use crate::run::Agent;
use crate::slots;

/// How long the place may take to answer without the proxy.
const DIRECT_TIMEOUT: Duration = Duration::from_secs(15);

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
    let url = place.url.clone();
    let opened = access::open_at(agent, place, Need::Any)
        .and_then(|access| Ok((access.vault.points().map_err(Fail::from)?, access)));
    let (points, access) = match opened {
        Ok(opened) => opened,
        Err(fail) => {
            checks.push(vault.fail(&fail));
            checks.extend(proxy(agent, &url, false));
            return None;
        }
    };
    checks.extend(proxy(agent, &url, true));
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

/// Whether the proxy is a help or a hindrance; nothing to check without one, or where the vault is no cloud's.
fn proxy(agent: &Agent, url: &str, gets_through: bool) -> Option<Check> {
    let proxy = agent.proxy.as_ref()?.shown();
    if access::is_path(url) || url.starts_with("file:") {
        return None;
    }
    let check = Check::new("proxy", "a way to the vault's place");
    let directly = slots::is_reached(&agent.direct_location(url), DIRECT_TIMEOUT);
    Some(match (gets_through, directly) {
        (true, true) => check.ok(format!("{proxy} gets through; the place is reached without it, too")),
        (true, false) => check.ok(format!("{proxy} gets through; without it the place is not reached")),
        (false, true) => check.failed(
            format!("{proxy} does not get through; without it the place is reached"),
            "mend what the check of the vault says, or leave --proxy out",
        ),
        (false, false) => check.failed(
            format!("the place is reached neither through {proxy} nor without it"),
            "mend what the check of the vault says; ask whoever runs the proxy whether it permits the place",
        ),
    })
}
