//! Times on the command line and in documents, in the zone of a policy.

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use strongroom_policy::{CivilTime, PolicyFile};

use crate::fail::{Fail, Result};
use crate::values;

/// The zone of a policy; of the machine, where the policy names none.
pub(crate) fn zone(policy: &PolicyFile) -> Tz {
    let from_environment = || {
        std::env::var("TZ")
            .ok()?
            .trim_start_matches(':')
            .parse()
            .ok()
    };
    let from_system = || iana_time_zone::get_timezone().ok()?.parse().ok();
    policy
        .time_zone
        .or_else(from_environment)
        .or_else(from_system)
        .unwrap_or(Tz::UTC)
}

/// An instant: RFC 3339, or a civil time in the zone of the policy; one that is skipped is the first instant after it.
pub(super) fn instant(flag: &str, text: &str, zone: Tz) -> Result<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let local = values::civil(text).ok_or_else(|| {
        let message = format!("{flag} {text:?} is not a time");
        let help = "write 2026-01-31T18:00:00Z, or 2026-01-31 or 2026-01-31T18:00 in the time zone of the policy";
        Fail::usage(message, help)
    })?;
    Ok(CivilTime::resolve(local, zone).first())
}

pub(super) fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

pub(super) fn local(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

/// For people.
pub(super) fn shown(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone)
        .format("%a %Y-%m-%d %H:%M %Z")
        .to_string()
}
