//! Documents of `--json`. Fields are added, never renamed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use strongroom::fs::Kind;
use strongroom::{
    BackupReport, Change, Difference, EntryView, History, HistoryFinding, Judged, PointView,
    RestoreReport, VerifyReport,
};

use crate::fail::Fail;

/// An instant, RFC 3339 in UTC.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Bytes as text; where that loses something, also as hexadecimal digits.
#[derive(Debug, Serialize)]
pub(crate) struct Path<'a> {
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
}

impl<'a> Path<'a> {
    fn new(path: &'a [u8]) -> Self {
        Self {
            path: String::from_utf8_lossy(path),
            path_hex: hex_unless_text(path),
        }
    }
}

fn hex_unless_text(bytes: &[u8]) -> Option<String> {
    let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    std::str::from_utf8(bytes).is_err().then(hex)
}

/// `{"error": …}`
#[derive(Debug, Serialize)]
pub(crate) struct Failure<'a> {
    error: FailureBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_kit: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct FailureBody<'a> {
    id: &'static str,
    code: u8,
    message: &'a str,
    causes: &'a [String],
    help: &'a str,
}

impl Failure<'_> {
    /// The error alone, for a document that holds more.
    pub(crate) fn body(&self) -> serde_json::Value {
        serde_json::json!(self.error)
    }
}

impl<'a> From<&'a Fail> for Failure<'a> {
    fn from(fail: &'a Fail) -> Self {
        let Fail {
            problem,
            code,
            message,
            causes,
            help,
            recovery_kit,
            is_of_request: _,
        } = fail;
        Self {
            error: FailureBody {
                id: problem.entry().id,
                code: *code as u8,
                message,
                causes,
                help,
            },
            recovery_kit: recovery_kit.as_deref(),
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Skipped<'a> {
    #[serde(flatten)]
    path: Path<'a>,
    reason: &'a str,
}

pub(crate) fn skipped(skipped: &[strongroom::Skipped]) -> Vec<Skipped<'_>> {
    skipped
        .iter()
        .map(|one| Skipped {
            path: Path::new(&one.path),
            reason: &one.reason,
        })
        .collect()
}

#[derive(Debug, Serialize)]
pub(crate) struct Backup<'a> {
    recovery_point: Option<String>,
    source: &'a str,
    state: &'static str,
    taken_at: String,
    files_count: u64,
    dirs_count: u64,
    files_new_count: u64,
    files_changed_count: u64,
    files_unchanged_count: u64,
    logical_bytes: u64,
    unique_bytes: u64,
    stored_bytes: u64,
    skipped: Vec<Skipped<'a>>,
    skipped_count: u64,
    elapsed_secs: f64,
    dry_run: bool,
    /// `files` as they were while they were read, or how the snapshots that were read were made.
    pub(crate) consistency: String,
    vault: &'a str,
    /// Where a generated passphrase stands, as long as it stands on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recovery_kit: Option<String>,
    /// The command that brings the point back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restore_command: Option<String>,
}

impl<'a> Backup<'a> {
    pub(crate) fn new(report: &'a BackupReport, vault: &'a str, elapsed_secs: f64) -> Self {
        Self {
            recovery_point: report.recovery_point.map(|id| id.to_string()),
            source: &report.source,
            state: report.state.as_str(),
            taken_at: time(report.taken_at),
            files_count: report.files_count,
            dirs_count: report.dirs_count,
            files_new_count: report.files_new_count,
            files_changed_count: report.files_changed_count,
            files_unchanged_count: report.files_unchanged_count,
            logical_bytes: report.logical_bytes,
            unique_bytes: report.unique_bytes,
            stored_bytes: report.stored_bytes,
            skipped: skipped(&report.skipped),
            skipped_count: report.skipped_count,
            elapsed_secs,
            dry_run: report.recovery_point.is_none(),
            consistency: String::new(),
            vault,
            recovery_kit: None,
            restore_command: None,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Point<'a> {
    recovery_point: String,
    source: &'a str,
    taken_at: String,
    state: &'static str,
    logical_bytes: u64,
    kept_because: Vec<&'static str>,
    expires_at: Option<String>,
    hold_until: Option<String>,
    deleted_at: Option<String>,
    tags: &'a BTreeMap<String, String>,
    files_count: u64,
    host: &'a str,
    roots: Vec<Path<'a>>,
    /// When this machine has last restored it in a drill.
    proven_restorable_at: Option<String>,
}

impl<'a> Point<'a> {
    pub(crate) fn new(
        point: &'a PointView,
        proven_at: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            proven_restorable_at: proven_at.map(time),
            recovery_point: point.id.to_string(),
            source: &point.source,
            taken_at: time(point.taken_at),
            state: point.state.as_str(),
            logical_bytes: point.logical_bytes,
            kept_because: kept_because(point, now),
            expires_at: point.retain_until.map(time),
            hold_until: point.hold_until.map(time),
            deleted_at: point.deleted_at.map(time),
            tags: &point.tags,
            files_count: point.files_count,
            host: &point.host,
            roots: point.roots.iter().map(|root| Path::new(root)).collect(),
        }
    }

    /// With what the policy says of it.
    pub(crate) fn judged(mut self, judged: &Judged) -> Self {
        self.kept_because = judged.kept_because();
        self.expires_at = judged.verdict.expires_at().map(time);
        self
    }

    /// The protection of its source was stopped, and its points are kept.
    pub(crate) fn kept_forever(mut self) -> Self {
        self.kept_because = vec!["protection_stopped"];
        self.expires_at = None;
        self
    }
}

/// Reasons that stand in the point itself.
pub(crate) fn kept_because(point: &PointView, now: DateTime<Utc>) -> Vec<&'static str> {
    let is_ahead = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until > now);
    let reasons = [
        ("hold", point.hold_until),
        ("retain_until", point.retain_until),
    ];
    reasons
        .into_iter()
        .filter(|(reason, until)| is_ahead(*until) || (point.is_held && *reason == "hold"))
        .map(|(reason, _)| reason)
        .collect()
}

/// One entry of a point.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    /// In `find`: where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_point: Option<String>,
    #[serde(flatten)]
    path: Path<'a>,
    kind: &'static str,
    size_bytes: u64,
    modified_at: Option<String>,
    mode: String,
    uid: u32,
    gid: u32,
    target: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

impl<'a> Entry<'a> {
    pub(crate) fn new(entry: &'a EntryView, point: Option<String>) -> Self {
        let meta = &entry.meta;
        let modified = DateTime::from_timestamp(meta.mtime.secs, meta.mtime.nanos);
        Self {
            recovery_point: point,
            path: Path::new(&entry.path),
            kind: kind(meta.kind),
            size_bytes: meta.size,
            modified_at: modified.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            mode: format!("{:04o}", meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            target: entry.target.as_deref().map(String::from_utf8_lossy),
            target_hex: entry.target.as_deref().and_then(hex_unless_text),
            problem: entry.problem,
        }
    }
}

/// Name of a kind.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice => "char_device",
        Kind::BlockDevice => "block_device",
    }
}

/// One difference between two points.
#[derive(Debug, Serialize)]
pub(crate) struct Diff<'a> {
    #[serde(flatten)]
    path: Path<'a>,
    change: &'static str,
}

impl<'a> Diff<'a> {
    pub(crate) fn new(difference: &'a Difference) -> Self {
        let change = match difference.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Modified => "modified",
            Change::Metadata => "metadata",
        };
        Self {
            path: Path::new(&difference.path),
            change,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Restore<'a> {
    recovery_point: String,
    files_count: u64,
    dirs_count: u64,
    written_bytes: u64,
    reused_bytes: u64,
    conflicts_count: u64,
    removed_count: u64,
    skipped: Vec<Skipped<'a>>,
    skipped_count: u64,
    elapsed_secs: f64,
    dry_run: bool,
}

impl<'a> Restore<'a> {
    pub(crate) fn new(
        point: String,
        report: &'a RestoreReport,
        elapsed_secs: f64,
        dry_run: bool,
    ) -> Self {
        Self {
            recovery_point: point,
            files_count: report.files_count,
            dirs_count: report.dirs_count,
            written_bytes: report.written_bytes,
            reused_bytes: report.reused_bytes,
            conflicts_count: report.conflicts_count,
            removed_count: report.removed_count,
            skipped: skipped(&report.skipped),
            skipped_count: report.skipped_count,
            elapsed_secs,
            dry_run,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Verify<'a> {
    points_count: u64,
    packs_count: u64,
    verified_bytes: u64,
    damaged: Vec<Damage<'a>>,
    /// Damaged, but needed by no point.
    superseded: Vec<Damage<'a>>,
    packs_left_count: u64,
    /// The vault has got a notice of what was new of the damage.
    is_noted: bool,
    history: Vec<Finding<'a>>,
    elapsed_secs: f64,
}

/// Something in a history that does not go together.
#[derive(Debug, Serialize)]
pub(crate) struct Finding<'a> {
    problem: &'static str,
    /// False where honest runs can have caused it.
    is_certain: bool,
    source_id: String,
    recovery_point: String,
    reason: &'a str,
}

pub(crate) fn findings(history: &History) -> Vec<Finding<'_>> {
    fn finding(one: &HistoryFinding) -> Finding<'_> {
        Finding {
            problem: one.problem.as_str(),
            is_certain: one.problem.is_certain(),
            source_id: one.source.to_string(),
            recovery_point: one.point.to_string(),
            reason: &one.reason,
        }
    }
    history.findings.iter().map(finding).collect()
}

#[derive(Debug, Serialize)]
struct Damage<'a> {
    object: &'a str,
    reason: &'a str,
    points: Vec<String>,
}

impl<'a> Verify<'a> {
    pub(crate) fn new(report: &'a VerifyReport, history: &'a History, elapsed_secs: f64) -> Self {
        let damage = |one: &'a strongroom::Damage| Damage {
            object: &one.object,
            reason: &one.reason,
            points: one.points.iter().map(ToString::to_string).collect(),
        };
        Self {
            points_count: report.points_count,
            packs_count: report.packs_count,
            verified_bytes: report.verified_bytes,
            damaged: report.damaged.iter().map(damage).collect(),
            superseded: report.superseded.iter().map(damage).collect(),
            packs_left_count: report.packs_left_count,
            is_noted: report.is_noted,
            history: findings(history),
            elapsed_secs,
        }
    }
}

#[cfg(test)]
mod tests;
