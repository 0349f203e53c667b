//! Notices as programs read them: the JSON of webhooks and commands.

use chrono::SecondsFormat;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use strongroom_catalog::Alert;

use crate::notice::{Item, Notice};
use crate::text;

/// Fields are added freely; what changes its meaning raises this.
const VERSION: u32 = 1;

/// A notice as one JSON document. Its fields stand in docs/guide/notices.md.
#[must_use]
pub fn document(notice: &Notice) -> Value {
    let alerts: Vec<Value> = notice.items.iter().map(item).collect();
    json!({
        "version": VERSION,
        "notice": notice.id,
        "machine": notice.machine,
        "at": rfc(notice.at),
        "test": notice.is_test(),
        "security": notice.is_about_security(),
        "subject": text::subject(notice),
        "alerts": alerts,
    })
}

fn item(Item { telling, alert }: &Item) -> Value {
    json!({
        "telling": telling,
        "alert": alert.id,
        "key": alert.key,
        "code": alert.code,
        "class": alert.class,
        "severity": alert.severity,
        "state": alert.state,
        "message": alert.message,
        "help": alert.help,
        "source": alert.source.as_ref().map(ToString::to_string),
        "job": alert.job,
        "first_seen_at": rfc(alert.first_seen_at),
        "last_seen_at": rfc(alert.last_seen_at),
        "seen_count": alert.seen_count,
        "resolved_at": alert.resolved_at.map(rfc),
        "resolution": alert.resolution,
    })
}

/// The word that a value is in JSON.
pub(crate) fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// What tells an alert in logs, beside its message.
pub(crate) fn fields(alert: &Alert) -> [(&'static str, String); 6] {
    let source = alert.source.as_ref().map(ToString::to_string);
    [
        ("STRONGROOM_ALERT", alert.id.to_string()),
        ("STRONGROOM_KEY", alert.key.clone()),
        ("STRONGROOM_CODE", alert.code.clone()),
        ("STRONGROOM_CLASS", word(alert.class)),
        ("STRONGROOM_SEVERITY", word(alert.severity)),
        ("STRONGROOM_SOURCE", source.unwrap_or_default()),
    ]
}

fn rfc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
