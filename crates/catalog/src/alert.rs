//! Alerts: what a person should know, once, until it is over.

mod change;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::job::JobId;
use crate::record::{Record, check_text};
use crate::source::SourceName;
use crate::store::Table;
use crate::ticket::ticket;

/// The longest key of an alert, in bytes.
pub const ALERT_KEY_MAX_BYTES: usize = 1024;
const CODE_MAX_BYTES: usize = 100;
const MESSAGE_MAX_BYTES: usize = 2000;

ticket! {
    /// Id of an alert, in the order in which alerts are first raised.
    AlertId
}

/// How bad it is; the order is that of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Informational,
    /// Will become worse if nothing is done.
    Warning,
    /// Something did not work.
    Error,
    /// Protection or recovery is not given.
    Critical,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertClass {
    /// Deletions, shortened retention, settings of security. Can be acknowledged, but neither silenced nor made to
    /// resolve themselves.
    Security,
    /// How a job went.
    Job,
    /// The state of machines, stores and sources.
    Health,
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Nobody has taken it up.
    Active,
    /// Somebody has seen it and acts.
    Acknowledged,
    /// It is over. Raised again, it is another alert.
    Resolved,
}

/// How an alert came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Its cause is gone.
    CauseGone,
    /// A person said so.
    ByPerson,
    /// Its time was over.
    TimeOver,
    /// Another alert of the same key took its place.
    Superseded,
}

/// What is told when an alert is raised. Texts that are too long are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewAlert {
    /// Two of one key are one alert, as long as it is not resolved; e.g. `backup_failed:laptop/home`.
    pub key: String,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub class: AlertClass,
    /// A stable word for it.
    pub code: String,
    /// What it is.
    pub message: String,
    /// What to do now.
    pub help: Option<String>,
    /// Whose data it is about.
    pub source: Option<SourceName>,
    /// The job that raised it.
    pub job: Option<JobId>,
    /// When it resolves itself.
    pub resolves_at: Option<DateTime<Utc>>,
}

impl NewAlert {
    /// An alert of a key, without help, source, job or end.
    #[must_use]
    pub fn new(
        key: impl Into<String>,
        class: AlertClass,
        severity: Severity,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            severity,
            class,
            code: code.into(),
            message: message.into(),
            help: None,
            source: None,
            job: None,
            resolves_at: None,
        }
    }
}

/// What a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// How often something has happened to it: of two copies, the one with more is newer.
    pub revision: u64,
    /// What tells it from others.
    pub key: String,
    /// How bad it is now; it may rise and fall.
    pub severity: Severity,
    /// What it is about.
    pub class: AlertClass,
    /// A stable word for it.
    pub code: String,
    /// What it was when it was raised last.
    pub message: String,
    /// What to do now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whose data it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceName>,
    /// The job that raised it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// Where it is in its life.
    pub state: AlertState,
    /// When it was raised first.
    pub first_seen_at: DateTime<Utc>,
    /// When it was raised last.
    pub last_seen_at: DateTime<Utc>,
    /// How often it was raised.
    pub seen_count: u64,
    /// When somebody took it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// When its end came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<DateTime<Utc>>,
    /// How its end came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Before this instant no notice of it is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until: Option<DateTime<Utc>>,
    /// When it resolves itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolves_at: Option<DateTime<Utc>>,
    /// When a person was last told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_at: Option<DateTime<Utc>>,
}

impl Record for Alert {
    const KIND: u8 = 4;
    const TABLE: Table = Table::Alerts;

    fn key(&self) -> Vec<u8> {
        self.id.key()
    }

    fn check(&self) -> Result<()> {
        check_text("the key of an alert", &self.key, ALERT_KEY_MAX_BYTES)?;
        self.source.iter().try_for_each(SourceName::check)
    }
}
