//! The state of backups as Prometheus text.

mod gauge;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::{DateTime, Utc};
use strongroom_catalog::{
    AlertClass, JobKind, JobState, ObjectKind, Severity, Snapshot, SourceName, VerifyLevel,
};

use crate::document::word;
use crate::error::{Error, Result};
use crate::sent::Sent;
use gauge::Gauge;

const LEVELS: [VerifyLevel; 3] = [
    VerifyLevel::Structure,
    VerifyLevel::Hashes,
    VerifyLevel::Data,
];

/// The exposition text of all that a catalog knows and of when each source is due next.
///
/// # Errors
/// When the catalog cannot be read.
pub fn metrics(
    snapshot: &Snapshot,
    next_due: &BTreeMap<SourceName, DateTime<Utc>>,
    sent: &Sent,
    now: DateTime<Utc>,
) -> Result<String> {
    let mut text = sources(snapshot, next_due, now)?;
    text.push_str(&verified(snapshot)?);
    text.push_str(&jobs(snapshot)?);
    text.push_str(&alerts(snapshot)?);
    let mut failing = Gauge::new(
        "strongroom_notices_failing_destinations",
        "Recipients whom notices do not reach.",
    );
    failing.set(&[], sent.failing().count());
    let mut written = Gauge::new(
        "strongroom_metrics_timestamp_seconds",
        "When this text was made.",
    );
    written.set(&[], now.timestamp());
    Ok(text + &failing.text() + &written.text())
}

/// Replaces a file of the node exporter's textfile collector, which must end with `.prom`, in one step.
///
/// # Errors
/// [`Error::File`].
pub fn write_textfile(path: &Path, text: &str) -> Result<()> {
    let replace = || {
        // The collector reads all that ends with `.prom`, and must not see a half.
        let beside = path.with_extension(format!("prom.{}", std::process::id()));
        let written = File::create(&beside).and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.write_all(text.as_bytes())
        });
        let renamed = written.and_then(|()| fs::rename(&beside, path));
        if renamed.is_err() {
            // What matters is the first failure.
            drop(fs::remove_file(&beside));
        }
        renamed
    };
    replace().map_err(|source: io::Error| Error::File {
        what: "file of metrics",
        path: path.to_owned(),
        source,
    })
}

fn sources(
    snapshot: &Snapshot,
    next_due: &BTreeMap<SourceName, DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<String> {
    let gauge = Gauge::new;
    let mut success = gauge(
        "strongroom_backup_last_success_timestamp_seconds",
        "When the last backup of a source succeeded.",
    );
    let mut age = gauge(
        "strongroom_backup_last_success_age_seconds",
        "How long ago that was when this text was made.",
    );
    let mut points = gauge(
        "strongroom_recovery_points",
        "Recovery points of a source that are not deleted.",
    );
    let mut stored = gauge(
        "strongroom_stored_bytes",
        "What the recovery points of a source have stored.",
    );
    let mut logical = gauge(
        "strongroom_logical_bytes",
        "Bytes of all files in the newest recovery point of a source.",
    );
    let mut drill = gauge(
        "strongroom_drill_last_success_timestamp_seconds",
        "When a source was last proven restorable.",
    );
    let mut due = gauge(
        "strongroom_backup_next_due_timestamp_seconds",
        "When the next backup of a source is due.",
    );
    let mut names: BTreeSet<SourceName> = next_due.keys().cloned().collect();
    for source in snapshot.sources() {
        names.insert(source?.name);
    }
    for name in &names {
        let labels = [
            ("machine", name.machine.as_str()),
            ("source", name.name.as_str()),
        ];
        let known = snapshot.source(name)?;
        let newest = known.as_ref().and_then(|source| source.newest.as_ref());
        let job = snapshot.last_job(name, &JobKind::Backup, |job| job.state.is_success())?;
        let ended = job.and_then(|job| job.ended_at);
        if let Some(at) = ended.max(newest.map(|newest| newest.taken_at)) {
            success.set(&labels, at.timestamp());
            age.set(&labels, (now - at).num_seconds().max(0));
        }
        if let Some(source) = &known {
            points.set(&labels, source.points_count);
            stored.set(&labels, source.stored_bytes);
        }
        if let Some(newest) = newest {
            logical.set(&labels, newest.logical_bytes);
        }
        if let Some(proof) = snapshot.last_proof(name)? {
            drill.set(&labels, proof.at.timestamp());
        }
        if let Some(at) = next_due.get(name) {
            due.set(&labels, at.timestamp());
        }
    }
    let gauges = [success, age, points, stored, logical, drill, due];
    Ok(gauges.iter().map(Gauge::text).collect())
}

fn verified(snapshot: &Snapshot) -> Result<String> {
    let mut newest = Gauge::new(
        "strongroom_verified_newest_timestamp_seconds",
        "When a pack was last found good, by how closely it was looked at.",
    );
    let mut oldest = Gauge::new(
        "strongroom_verified_oldest_timestamp_seconds",
        "When the pack that has waited longest was last found good.",
    );
    for level in LEVELS {
        let mut span: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
        for verified in snapshot.verified(ObjectKind::Pack, level) {
            let at = verified?.at;
            let (first, last) = span.unwrap_or((at, at));
            span = Some((first.min(at), last.max(at)));
        }
        let word = word(level);
        if let Some((first, last)) = span {
            newest.set(&[("level", &word)], last.timestamp());
            oldest.set(&[("level", &word)], first.timestamp());
        }
    }
    Ok(newest.text() + &oldest.text())
}

fn jobs(snapshot: &Snapshot) -> Result<String> {
    let mut counts: BTreeMap<(String, JobState), u64> = BTreeMap::new();
    for job in snapshot.jobs() {
        let job = job?;
        let kind = job.kind.to_string();
        for state in JobState::ALL {
            let count = counts.entry((kind.clone(), state)).or_default();
            *count += u64::from(state == job.state);
        }
    }
    let mut gauge = Gauge::new("strongroom_jobs", "Jobs that the catalog knows.");
    for ((kind, state), count) in &counts {
        gauge.set(&[("kind", kind), ("state", state.as_str())], count);
    }
    Ok(gauge.text())
}

fn alerts(snapshot: &Snapshot) -> Result<String> {
    use Severity::{Critical, Error, Informational, Warning};
    let mut counts: BTreeMap<(Severity, bool), u64> = [Informational, Warning, Error, Critical]
        .into_iter()
        .flat_map(|severity| [((severity, false), 0), ((severity, true), 0)])
        .collect();
    for alert in snapshot.open_alerts() {
        let alert = alert?;
        let key = (alert.severity, alert.class == AlertClass::Security);
        *counts.entry(key).or_default() += 1;
    }
    let mut gauge = Gauge::new("strongroom_alerts", "Alerts that are not resolved.");
    for ((severity, is_security), count) in &counts {
        let labels = [
            ("severity", word(severity)),
            ("security", is_security.to_string()),
        ];
        gauge.set(
            &labels
                .each_ref()
                .map(|(name, value)| (*name, value.as_str())),
            count,
        );
    }
    Ok(gauge.text())
}
