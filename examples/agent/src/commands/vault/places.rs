//! The places of a mirrored vault: which are there, what they lack.

use serde_json::{Value, json};
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{CaughtUp, Error as VaultError};
use strongroom::{LeftPlace, Strongroom};

use crate::access::{self, Access, Need};
use crate::fail::{Code, Result};
use crate::output::human::{self, Align};
use crate::output::progress::Progress;
use crate::run::Agent;

/// Gives the places what they lack, and the vault the points that only places have which it has left.
pub(super) fn catch_up(agent: &Agent, dry_run: bool) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let told = access.vault.catch_up(dry_run)?;
    let left = bring_over(agent, &access, dry_run)?;
    let is_complete = told
        .iter()
        .all(|place| place.away.is_none() && place.damaged.is_empty())
        && left.iter().all(|place| place.damaged.is_empty());
    let lines = told.iter().map(line).chain(left.iter().map(left_line));
    let document = Value::from_iter(lines);
    agent.out.result(&document, || match told.is_empty() {
        true => "this vault is in one place".to_owned(),
        false => table(&told.iter().collect::<Vec<_>>()) + &left_text(&left, dry_run),
    })?;
    Ok(if is_complete {
        Code::Done
    } else {
        Code::Warnings
    })
}

/// What only places have that the vault has left.
fn bring_over(agent: &Agent, access: &Access, dry_run: bool) -> Result<Vec<LeftPlace>> {
    let vault = &access.vault;
    if vault.vault().store().left_places().is_empty() {
        return Ok(Vec::new());
    }
    let progress = Progress::start(agent);
    let cancel = agent.cancel();
    if dry_run {
        return Ok(vault.bring_over([0; 16], true, &cancel, &progress)?);
    }
    let what = "bringing over what a place has that the vault has left";
    let _lock = agent.state.lock(&access.vault_id(), what)?;
    let machine = agent.state.machine()?;
    let left = vault.bring_over(machine, false, &cancel, &progress)?;
    if left.iter().any(|place| !place.points.is_empty()) {
        vault.catch_up(false)?;
    }
    Ok(left)
}

fn left_line(place: &LeftPlace) -> Value {
    let ids = |points: &[strongroom::vault::format::SessionId]| -> Vec<String> {
        points.iter().map(ToString::to_string).collect()
    };
    let damaged = place.damaged.iter().map(|damage| {
        json!({
            "object": damage.object,
            "reason": damage.reason,
            "points": ids(&damage.points),
        })
    });
    json!({
        "place": place.place,
        "has_left": true,
        "away": place.away,
        "brought_over": ids(&place.points),
        "damaged": damaged.collect::<Vec<_>>(),
    })
}

/// Silent about places that have nothing of their own.
fn left_text(left: &[LeftPlace], dry_run: bool) -> String {
    let mut text = String::new();
    for place in left {
        let url = human::clean(&place.place);
        if let Some(reason) = &place.away {
            text.push_str(&format!(
                "\n\n{url}, which the vault has left: {}",
                human::clean(reason)
            ));
        }
        let verb = if dry_run { "would be" } else { "was" };
        for point in &place.points {
            text.push_str(&format!(
                "\n\nrecovery point {point} {verb} brought over from {url}"
            ));
        }
        for damage in &place.damaged {
            let (object, reason) = (human::clean(&damage.object), human::clean(&damage.reason));
            for point in &damage.points {
                text.push_str(&format!(
                    "\n\nrecovery point {point} stays at {url} only: {object}: {reason}"
                ));
            }
        }
    }
    text
}

/// What one place lacked and got.
pub(super) fn line(place: &CaughtUp) -> Value {
    json!({
        "place": place.place,
        "away": place.away,
        "lacking_count": place.lacking_count,
        "lacking_bytes": place.lacking_bytes,
        "copied_count": place.copied_count,
        "copied_bytes": place.copied_bytes,
        "deleted_count": place.deleted_count,
        "damaged": place.damaged,
    })
}

/// The same of several places as a table.
pub(super) fn table(told: &[&CaughtUp]) -> String {
    let row = |place: &&CaughtUp| {
        let state = match (&place.away, place.damaged.len()) {
            (Some(reason), _) => human::clean(&format!("away: {reason}")),
            (None, 0) => "up".to_owned(),
            (None, damaged) => format!("{damaged} damaged everywhere"),
        };
        vec![
            human::clean(&place.place),
            human::count(place.lacking_count),
            human::bytes(place.lacking_bytes),
            human::count(place.copied_count),
            human::count(place.deleted_count),
            state,
        ]
    };
    let columns = [
        ("place", Align::Left),
        ("lacked", Align::Right),
        ("size", Align::Right),
        ("copied", Align::Right),
        ("deleted", Align::Right),
        ("state", Align::Left),
    ];
    human::table(&columns, &told.iter().map(row).collect::<Vec<_>>())
}

/// What each place is for, whether it is there, and by how much it lags; empty for a vault in one place.
pub(super) fn describe(vault: &Strongroom) -> Result<Value> {
    let lags = match vault.catch_up(true) {
        Ok(lags) => lags,
        // Without the one that decides it is not known what anybody lacks.
        Err(strongroom::Error::Vault(VaultError::PlaceAway { .. })) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let places = vault.vault().store().places();
    Ok(Value::from_iter(places.iter().map(|place| {
        let lag = lags.iter().find(|lag| lag.place == place.url);
        let lag = lag.filter(|lag| lag.away.is_none());
        json!({
            "url": place.url,
            "mode": mode(place.mode),
            "is_up": place.away.is_none(),
            "reason": place.away,
            "lacking_count": lag.map(|lag| lag.lacking_count),
            "lacking_bytes": lag.map(|lag| lag.lacking_bytes),
        })
    })))
}

fn mode(mode: PlaceMode) -> &'static str {
    match mode {
        PlaceMode::Decider => "decider",
        PlaceMode::Synchronous => "synchronous",
        PlaceMode::Asynchronous => "asynchronous",
    }
}

/// The places as a table below the other fields.
pub(super) fn text(described: &Value) -> String {
    let Some(places) = described.as_array().filter(|places| !places.is_empty()) else {
        return String::new();
    };
    let row = |place: &Value| {
        let of = |name: &str| place.get(name).cloned().unwrap_or_default();
        let word = |name: &str| human::clean(of(name).as_str().unwrap_or("-"));
        let lag = match (of("lacking_count").as_u64(), of("lacking_bytes").as_u64()) {
            (Some(0), _) => "nothing".to_owned(),
            (Some(count), Some(bytes)) => {
                format!(
                    "{}, {}",
                    human::counted(count, "object"),
                    human::bytes(bytes)
                )
            }
            _ => "not known".to_owned(),
        };
        let state = match of("is_up").as_bool() {
            Some(true) => "up".to_owned(),
            _ => format!("away: {}", word("reason")),
        };
        vec![word("url"), word("mode"), lag, state]
    };
    let columns = [
        ("place", Align::Left),
        ("mode", Align::Left),
        ("lacks", Align::Left),
        ("state", Align::Left),
    ];
    let rows: Vec<_> = places.iter().map(row).collect();
    format!("\n\n{}", human::table(&columns, &rows))
}
