//! The policy file: TOML that says when points are made, how long they are kept, and what goes with it.

mod describe;
mod lint;
mod problem;
mod reader;
mod retention;
mod schedule;
mod sections;
mod throttle;
mod words;
mod write;

use chrono_tz::Tz;
use toml::de::DeTable;

pub use lint::Advice;
pub use problem::{Problem, Problems};

use crate::{CatchUp, Policy, Retention, Schedule, ThrottleCalendar};
use reader::{Fields, Node, Reader};

/// One source of a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceSpec {
    /// Its name, unique in the file.
    pub name: String,
    /// Absolute paths that are backed up.
    pub paths: Vec<String>,
    /// Patterns of what is left out.
    pub exclude: Vec<String>,
    /// Larger files are left out, bytes.
    pub exclude_larger_than_bytes: Option<u64>,
    /// What stands in directories with the tag of a cache is left out.
    pub exclude_caches: bool,
    /// File systems below the paths are not crossed into.
    pub one_file_system: bool,
    /// The paths are read from snapshots of their file systems.
    pub snapshot: Snapshot,
    /// The state of the system is what is backed up; there are no paths then.
    pub system_state: bool,
}

/// Whether a source is read from snapshots of its file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Snapshot {
    /// As it is, file by file: nothing is made on the machine that was not asked for.
    #[default]
    None,
    /// Where the file system has them, else as it is, which is told.
    Auto,
    /// From btrfs snapshots; what has none is read as it is, and a source that has none at all is a failure.
    Btrfs,
    /// The same with snapshots of logical volumes.
    Lvm,
}

impl Snapshot {
    /// As it stands in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Auto => "auto",
            Self::Btrfs => "btrfs",
            Self::Lvm => "lvm",
        }
    }

    /// The way that a policy names so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = [Self::None, Self::Auto, Self::Btrfs, Self::Lvm].into_iter();
        all.find(|one| one.as_str() == name)
    }
}

/// `[security]`.
///
/// # Defaults
/// 14 days of soft delete; minimums on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Security {
    /// How long deleted points can be brought back, days: 14 to 180.
    pub soft_delete_days: u32,
    /// Retention has lower bounds, and an edit that shortens it waits a day.
    pub minimums: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            soft_delete_days: 14,
            minimums: true,
        }
    }
}

/// `[hooks]`: commands around a backup.
///
/// # Defaults
/// None; 120 seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hooks {
    /// Commands that run before; one that fails stops the job.
    pub before_backup: Vec<String>,
    /// Commands that run after, whether the backup succeeded or not.
    pub after_backup: Vec<String>,
    /// How long each may take, seconds: 1 to 86,400.
    pub timeout_secs: u32,
}

impl Default for Hooks {
    fn default() -> Self {
        Self {
            before_backup: Vec::new(),
            after_backup: Vec::new(),
            timeout_secs: 120,
        }
    }
}

/// A policy file that keeps all rules.
///
/// # Defaults
/// Everything may be absent: the zone is then that of the machine, the schedule is Sunday 21:00, missed runs are made
/// up for once, and nothing is expired.
///
/// # Examples
/// ```
/// use strongroom_policy::PolicyFile;
///
/// let text = "time_zone = \"Europe/Paris\"\n[schedule]\ndaily = { times = [\"18:00\"] }\n";
/// let file = PolicyFile::parse(text)?;
/// assert_eq!(PolicyFile::parse(&file.to_toml())?, file);
///
/// let wrong = PolicyFile::parse("[schedule]\ndaily = { times = [\"25:00\"] }\n").unwrap_err();
/// assert_eq!((wrong.first().line, wrong.first().column), (2, 20));
/// # Ok::<(), strongroom_policy::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyFile {
    /// The zone of all civil times. When absent, that of the machine.
    pub time_zone: Option<Tz>,
    /// What is backed up.
    pub sources: Vec<SourceSpec>,
    /// When points are made.
    pub schedule: Schedule,
    /// What becomes of runs that were missed.
    pub catch_up: CatchUp,
    /// How long points are kept.
    pub retention: Retention,
    /// When how much of the line may be used.
    pub throttle: Option<ThrottleCalendar>,
    /// Guards.
    pub security: Security,
    /// Commands around a backup.
    pub hooks: Hooks,
}

impl Default for PolicyFile {
    fn default() -> Self {
        Self {
            time_zone: None,
            sources: Vec::new(),
            schedule: schedule::default_schedule(),
            catch_up: CatchUp::default(),
            retention: Retention::default(),
            throttle: None,
            security: Security::default(),
            hooks: Hooks::default(),
        }
    }
}

const KEYS: &[&str] = &[
    "time_zone",
    "sources",
    "schedule",
    "retention",
    "throttle",
    "security",
    "hooks",
];

impl PolicyFile {
    /// Reads a file and checks every rule.
    ///
    /// # Errors
    /// [`Problems`] names all that is wrong, each with line, column, key, rule and a suggestion.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let reader = Reader::new(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let span = error.span().unwrap_or_default();
            reader.problem(
                span,
                "",
                format!("is not TOML: {message}"),
                "mend the syntax at this place; texts and times of day stand in quotes",
            );
        }
        let file = errors.is_empty().then(|| Self::read(&reader, &table));
        match (file, Problems::of(reader.into_problems())) {
            (_, Some(problems)) => Err(problems),
            (file, None) => Ok(file.unwrap_or_default()),
        }
    }

    fn read<'t>(reader: &Reader<'t>, table: &toml::Spanned<DeTable<'t>>) -> Self {
        let fields = Fields::new(reader, table.get_ref(), 0..0, String::new(), KEYS);
        let get = |name| fields.get(name);
        let security = get("security").and_then(|node| sections::security(&node));
        let security = security.unwrap_or_default();
        let schedule = get("schedule").and_then(|node| schedule::read(&node));
        let retention =
            get("retention").map(|node| (retention::read(&node, security.minimums), node));
        let (schedule, catch_up) =
            schedule.unwrap_or_else(|| (schedule::default_schedule(), CatchUp::default()));
        if let Some((Some(retention), node)) = &retention
            && !reader.has_problems()
        {
            schedule::check_times(&schedule, retention, node);
        }
        Self {
            time_zone: get("time_zone").and_then(|node| time_zone(&node)),
            sources: get("sources")
                .map(|node| sections::sources(&node))
                .unwrap_or_default(),
            schedule,
            catch_up,
            retention: retention
                .and_then(|(retention, _)| retention)
                .unwrap_or_default(),
            throttle: get("throttle").and_then(|node| throttle::read(&node)),
            security,
            hooks: get("hooks")
                .and_then(|node| sections::hooks(&node))
                .unwrap_or_default(),
        }
    }

    /// The file as TOML that [`PolicyFile::parse`] reads as the same.
    #[must_use]
    pub fn to_toml(&self) -> String {
        write::to_toml(self)
    }

    /// Schedule and retention in the zone of the file, or in this one when it names none.
    #[must_use]
    pub fn policy(&self, machine_zone: Tz) -> Policy {
        let zone = self.time_zone.unwrap_or(machine_zone);
        let mut policy = Policy::new(zone, self.schedule.clone(), self.retention.clone());
        policy.is_guarded = self.security.minimums;
        policy
    }

    /// What the file means, in words: one line for each part. The zone is told with the schedule.
    #[must_use]
    pub fn meaning(&self, zone: Tz) -> Vec<String> {
        describe::meaning(self, zone)
    }

    /// What is allowed but hardly meant.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        lint::advice(self)
    }
}

fn time_zone(node: &Node<'_, '_>) -> Option<Tz> {
    let text = node.text("\"Europe/Paris\"")?;
    let zone = text.parse().ok();
    if zone.is_none() {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let suggestion = match words::nearest(text, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                "write a name of the IANA time zone database, such as \"Europe/Paris\"".to_owned()
            }
        };
        node.problem(
            format!("`{}` is no time zone", retention::shown(text)),
            suggestion,
        );
    }
    zone
}
