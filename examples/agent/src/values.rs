//! Values of flags as people write them.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use strongroom::Strongroom;

use crate::output::human;

/// A number of bytes: `10`, `10K`, `10MiB`, `1.5G`. Units are powers of 1024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => {
            return Err(
                "a size is a number with an optional unit: 512, 10K, 10MiB, 1.5G".to_owned(),
            );
        }
    };
    let too_large = || "the size is too large".to_owned();
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(too_large);
    }
    let number: f64 = number
        .parse()
        .map_err(|_| "a size begins with a number: 10K, 1.5G".to_owned())?;
    let bytes = number * (1_u64 << shift) as f64;
    if bytes >= u64::MAX as f64 {
        return Err(too_large());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    let bytes = bytes as u64;
    Ok(bytes)
}

/// How files are read: `none`, `auto`, `btrfs` or `lvm`.
pub(crate) fn snapshot(text: &str) -> Result<strongroom_policy::Snapshot, String> {
    let named = strongroom_policy::Snapshot::named(text);
    named.ok_or_else(|| "write none, auto, btrfs or lvm".to_owned())
}

/// A time: `90s`, `30min`, `6h`, `7d`, `2w`. Minutes are `min`, as `m` is a size.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let help = "a time is a whole number with a unit: 90s, 30min, 6h, 7d, 2w";
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let secs = match unit.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(help.to_owned()),
    };
    let number = number.parse::<u64>().map_err(|_| help.to_owned())?;
    let secs = number.checked_mul(secs).ok_or("the time is too long")?;
    Ok(std::time::Duration::from_secs(secs))
}

/// A limit of memory, bytes.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let least = Strongroom::MAX_MEMORY_LEAST_BYTES;
    match bytes(text)? {
        bytes if bytes < least => Err(format!("at least {} are needed", human::bytes(least))),
        bytes => Ok(bytes),
    }
}

/// URL of a proxy.
pub(crate) fn proxy(text: &str) -> Result<String, String> {
    let known = ["http", "https", "socks5", "socks5h"];
    match text.split_once("://") {
        Some((scheme, place)) if known.contains(&scheme) && !place.is_empty() => {
            Ok(text.to_owned())
        }
        _ => Err("a proxy is http://host:port, https://… or socks5://…".to_owned()),
    }
}

/// An instant: RFC 3339, or `YYYY-MM-DD` with an optional `HH:MM` in local time.
pub(crate) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let local = civil(text)
        .ok_or("a time is 2026-01-31, \"2026-01-31 18:00\" (local) or 2026-01-31T18:00:00Z")?;
    let instant = Local.from_local_datetime(&local).earliest();
    instant
        .map(|instant| instant.to_utc())
        .ok_or_else(|| "the clock skips this local time".to_owned())
}

/// A civil time as people write it.
pub(crate) fn civil(text: &str) -> Option<NaiveDateTime> {
    let text = text.replace('T', " ");
    for format in ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(&text, format) {
            return Some(local);
        }
    }
    Some(
        NaiveDate::parse_from_str(&text, "%Y-%m-%d")
            .ok()?
            .and_time(NaiveTime::MIN),
    )
}

/// `KEY=VALUE`.
pub(crate) fn tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a tag is KEY=VALUE".to_owned()),
    }
}

/// Name of a vault: 2–50 characters, a letter first, then letters, digits and hyphens.
pub(crate) fn vault_name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !(2..=50).contains(&text.chars().count()) {
        return Err("a name has 2 to 50 characters".to_owned());
    }
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(is_allowed) {
        return Err("a name begins with a letter and holds letters, digits and hyphens".to_owned());
    }
    Ok(text.to_owned())
}

/// A share: `10` or `10%`, above 0 and at most 100.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').parse::<f64>();
    number
        .ok()
        .filter(|share| *share > 0.0 && *share <= 100.0)
        .ok_or_else(|| "a share is a number above 0 and at most 100".to_owned())
}

/// Lines of a file of patterns; empty lines and those that begin with `#` do not count.
pub(crate) fn pattern_lines(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().map(str::trim_end);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("10"), Ok(10));
        assert_eq!(bytes("10K"), Ok(10 << 10));
        assert_eq!(bytes("10MiB"), Ok(10 << 20));
        assert_eq!(bytes("1.5G"), Ok(3 << 29));
        assert_eq!(bytes("2 tb"), Ok(2 << 40));
        assert_eq!(bytes("0"), Ok(0));
        for wrong in ["", "K", "-1", "1.2.3M", "10X", "99999999999T", "1e3"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations() {
        let secs = |text| duration(text).map(|time| time.as_secs());
        assert_eq!(secs("90s"), Ok(90));
        assert_eq!(secs("30 min"), Ok(1800));
        assert_eq!(secs("2w"), Ok(1_209_600));
        for wrong in [
            "",
            "h",
            "1.5h",
            "10m",
            "-1d",
            "7 days",
            "99999999999999999w",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_and_proxies() {
        assert_eq!(memory("48M"), Ok(48 << 20));
        assert!(memory("47M").is_err() && memory("much").is_err());
        assert!(proxy("http://a:1").is_ok() && proxy("socks5://a").is_ok());
        for wrong in ["", "a:1", "ftp://a", "http://"] {
            assert!(proxy(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(
            time("2026-01-31T18:00:00+01:00").unwrap().to_rfc3339(),
            "2026-01-31T17:00:00+00:00"
        );
        let local = Local
            .with_ymd_and_hms(2026, 1, 31, 18, 5, 0)
            .unwrap()
            .to_utc();
        assert_eq!(time("2026-01-31 18:05").unwrap(), local);
        assert_eq!(time("2026-01-31T18:05:00").unwrap(), local);
        assert_eq!(
            time("2026-01-31").unwrap(),
            Local
                .with_ymd_and_hms(2026, 1, 31, 0, 0, 0)
                .unwrap()
                .to_utc()
        );
        for wrong in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-01-31 25:00",
            "31.01.2026",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_tags_and_shares() {
        assert!(vault_name("a1").is_ok() && vault_name(&"a".repeat(50)).is_ok());
        for wrong in ["a", "1a", "-a", "a_b", "ä1", "", &"a".repeat(51)] {
            assert!(vault_name(wrong).is_err(), "{wrong}");
        }
        assert_eq!(tag("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(tag("=b").is_err() && tag("a").is_err());
        assert_eq!(percent("10%"), Ok(10.0));
        assert!(percent("0").is_err() && percent("101").is_err() && percent("NaN").is_err());
    }

    #[test]
    fn comments_are_no_patterns() {
        let lines: Vec<_> = pattern_lines("# no\n\n*.tmp\n/a b/\r\n").collect();
        assert_eq!(lines, ["*.tmp", "/a b/"]);
    }
}
