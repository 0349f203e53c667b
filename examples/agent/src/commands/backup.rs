//! `backup`: one recovery point now.

mod background;
mod due;
mod first;
mod mounts;
mod snapshot;
mod system_state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use strongroom::vault::format::SessionId;
use strongroom::{BackupOptions, BackupReport, PointState, Strongroom};
use strongroom_catalog::{JobKind, NewJob, Point, PointId, SourceName};
use strongroom_jobs::NewPoints;
use strongroom_notices::SecurityEvent;
use strongroom_policy::Snapshot;

use crate::access::{self, Access, Need, Place};
use crate::create;
use crate::fail::{Code, Fail, Result};
use crate::journal::{self, Ends};
use crate::output::progress::Progress;
use crate::output::{Colour, human, json};
use crate::run::Agent;
use crate::security;
use crate::slots;
use crate::state::Lock;
use crate::values;
use first::FirstRun;

/// What to read, and under which name.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Selection {
    /// Folders and files to protect
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Name under which the recovery points form one history [default: last name of the first path]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Leave out what matches: *.tmp, cache/, /home/*/Downloads
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// File with one pattern a line; # begins a comment
    #[arg(long, value_name = "FILE")]
    exclude_from: Vec<PathBuf>,
    /// Leave out larger files: 500M, 1.5G
    #[arg(long, value_name = "SIZE", value_parser = values::bytes)]
    exclude_larger_than: Option<u64>,
    /// Of directories that hold a CACHEDIR.TAG, keep only the directory
    #[arg(long)]
    exclude_caches: bool,
    /// Do not cross into other file systems
    #[arg(long)]
    one_file_system: bool,
    /// Keep a pair with the recovery point
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = values::tag)]
    tags: Vec<(String, String)>,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: Selection,
    /// The recovery point may not expire before
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    hold_until: Option<DateTime<Utc>>,
    /// Keep the recovery point until
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    retain_until: Option<DateTime<Utc>>,
    /// Read from snapshots of the file systems: none reads files as they are, auto takes snapshots where it can
    #[arg(long, value_name = "HOW", value_parser = values::snapshot)]
    snapshot: Option<Snapshot>,
    /// Back up what this system is: its configuration, and lists of packages, users, units, disks and more
    #[arg(long, conflicts_with_all = ["paths", "one_file_system", "snapshot"])]
    system_state: bool,
    /// With --system-state: of the system whose root directory is this, such as one mounted for rescue
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        requires = "system_state"
    )]
    system_root: PathBuf,
    /// With --system-state: compare each file of each package with what the package says, which takes minutes
    #[arg(long, requires = "system_state")]
    verify_packages: bool,
    /// Only what the policy of this machine says is due now; without paths, all of its sources or that of --source
    #[arg(long)]
    due: bool,
    /// Go on though nothing is mounted or nothing is left where there was something
    #[arg(long)]
    as_it_is: bool,
    /// Have the daemon do it, which goes on when this terminal closes
    #[arg(long, conflicts_with_all = ["due", "dry_run"])]
    background: bool,
    /// Read and compare, write nothing to the vault
    #[arg(long)]
    dry_run: bool,
}

/// What a backup came to.
struct Made {
    document: serde_json::Value,
    text: String,
    code: Code,
    recovery_point: Option<PointId>,
    /// What even whoever asks for quiet must learn.
    note: Option<String>,
}

impl Made {
    fn print(self, agent: &Agent) -> Result<Code> {
        agent.out.result(&self.document, || self.text)?;
        if let (Some(note), true) = (self.note, agent.out.quiet) {
            agent.out.note(&note);
        }
        Ok(self.code)
    }
}

impl Ends for Made {
    fn code(&self) -> Code {
        self.code
    }

    fn recovery_point(&self) -> Option<PointId> {
        self.recovery_point.clone()
    }
}

/// How a source is read, beside what of it.
#[derive(Clone, Copy)]
struct Reading {
    snapshot: Snapshot,
    as_it_is: bool,
}

impl Reading {
    fn of(args: &Args) -> Self {
        Self {
            snapshot: args.snapshot.unwrap_or_default(),
            as_it_is: args.as_it_is,
        }
    }
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    if args.due {
        return due::run(agent, args);
    }
    if args.background {
        return background::run(agent, args);
    }
    let options = options(agent, args)?;
    let reading = Reading::of(args);
    as_job(agent, options, |options| run_once(agent, options, reading))?.print(agent)
}

/// Does a backup as a job that others see, unless it writes nothing.
fn as_job(
    agent: &Agent,
    options: BackupOptions,
    act: impl FnOnce(BackupOptions) -> Result<Made>,
) -> Result<Made> {
    if options.dry_run {
        return act(options);
    }
    let source = SourceName::local(options.source.clone());
    let mut new = NewJob::new(JobKind::Backup, Some(source));
    new.slots.clone_from(&options.slots);
    let cancel = agent.interrupts.token();
    journal::as_job(agent, new, cancel, || act(options))
}

fn run_once(agent: &Agent, options: BackupOptions, reading: Reading) -> Result<Made> {
    let place = access::place(agent)?;
    let lock = match &place {
        Some(place) => {
            let id = slots::claimed_id(&agent.location(&place.url))?;
            Some(agent.state.lock(&id, &options.source)?)
        }
        None => None,
    };
    let (access, first) = open(agent, place, &options)?;
    let id = access.vault_id();
    let made =
        mounts::look(agent, &access.vault, &id, &options, reading.as_it_is).and_then(|seen| {
            let made = make(
                agent,
                options,
                &access,
                first.as_ref(),
                lock,
                reading.snapshot,
            )?;
            if made.recovery_point.is_some() {
                seen.remember(agent, &id)?;
            }
            Ok(made)
        });
    // Whatever went wrong: the only key must not be lost with it.
    made.map_err(|fail| match &first {
        Some(first) => first.with_failure(&agent.out, fail),
        None => fail,
    })
}

fn make(
    agent: &Agent,
    mut options: BackupOptions,
    access: &Access,
    first: Option<&FirstRun>,
    lock: Option<Lock>,
    snapshot: Snapshot,
) -> Result<Made> {
    let _lock = match lock {
        Some(lock) => lock,
        None => agent.state.lock(&access.vault_id(), &options.source)?,
    };
    let held = snapshot::hold(agent, snapshot, &mut options)?;
    let progress = Progress::start(agent);
    if progress.is_watched() {
        progress.expect(last_bytes(&access.vault, &options.source));
    }
    let report = access.vault.backup(&options, &progress)?;
    let elapsed = progress.finish();
    let consistency = held.consistency();
    held.release(agent);
    if let Some(point) = &report.recovery_point {
        let noted = || Ok(NewPoints::One(Box::new(noted(&options, &report, point))));
        agent.current.note_points(noted)?;
        give_places_what_they_lack(agent, access);
        note_changes(agent, access, &report);
        note_head(agent, access, point);
    }

    let restore = report
        .recovery_point
        .map(|id| restore_command(agent, &id.to_string()));
    let kit = first::kit(agent, access);
    let mut document = json::Backup::new(&report, &access.url, elapsed.as_secs_f64());
    let snapshots = (consistency != "files").then(|| consistency.clone());
    document.consistency = consistency;
    document.restore_command.clone_from(&restore);
    document.recovery_kit.clone_from(&kit);
    let mut text = summary(agent, &report, access, &human::duration(elapsed));
    if let Some(snapshots) = snapshots {
        text.push_str(&format!("\n  read from snapshots ({snapshots})"));
    }
    text.push_str(&human::skipped(&report.skipped, report.skipped_count));
    match (first, &kit) {
        (Some(first), _) => text.push_str(&first.text(&agent.out)),
        (None, Some(kit)) => text.push_str(&first::reminder(kit)),
        (None, None) => {}
    }
    if let Some(command) = &restore {
        text.push_str(&format!("\n\nto restore:  {command}"));
    }
    let is_complete = report.state == PointState::Complete;
    Ok(Made {
        document: serde_json::json!(document),
        text,
        code: if is_complete {
            Code::Done
        } else {
            Code::Warnings
        },
        recovery_point: report.recovery_point.map(|id| PointId::new(id.to_string())),
        note: first.map(|first| first.text(&agent.out).trim().to_owned()),
    })
}

/// The new point as the catalog keeps it.
fn noted(options: &BackupOptions, report: &BackupReport, id: &SessionId) -> Point {
    let source = SourceName::local(report.source.clone());
    let mut point = Point::new(id.to_string(), source, report.taken_at);
    point.slots.clone_from(&options.slots);
    if report.state != PointState::Complete {
        point.state = strongroom_catalog::PointState::Partial;
    }
    point.files_count = report.files_count;
    point.dirs_count = report.dirs_count;
    point.skipped_count = report.skipped_count;
    point.logical_bytes = report.logical_bytes;
    point.unique_bytes = report.unique_bytes;
    point.stored_bytes = report.stored_bytes;
    point.tags.clone_from(&options.tags);
    point.hold = options.hold_until.map(strongroom_catalog::Hold::Until);
    point.retain_until = options.retain_until;
    point
}

/// Many files that have changed at once may be somebody's doing. The point stands whatever comes of this.
fn note_changes(agent: &Agent, access: &Access, report: &BackupReport) {
    match agent.state.compare(&access.vault_id(), report) {
        Ok(Some(compared)) => {
            let event = SecurityEvent::BackedUp {
                source: SourceName::local(report.source.clone()),
                run: compared.run,
                history: compared.history,
            };
            security::note(agent, &[event]);
        }
        Ok(None) => {}
        Err(fail) => agent.out.note(&format!(
            "note: how much has changed is not remembered: {}",
            fail.message
        )),
    }
}

/// The point stands, so nothing here makes the run fail; what is not done now, the next run does.
fn give_places_what_they_lack(agent: &Agent, access: &Access) {
    let lagging = match access.vault.catch_up(false) {
        Ok(told) => told
            .into_iter()
            .filter_map(|place| Some(format!("{}: {}", place.place, place.away?)))
            .collect(),
        Err(error) => vec![Fail::from(error).message],
    };
    for place in lagging {
        let place = human::clean(&place);
        agent.out.note(&format!(
            "note: a place of the vault is away and lacks what is new ({place}); \
             `strongroom-agent vault catch-up` gives it what it lacks"
        ));
    }
}

/// Remembers the new point as the furthest of its source, unless the vault lacks what was seen before: then that is told.
/// The point stands whatever comes of this.
fn note_head(agent: &Agent, access: &Access, point: &SessionId) {
    let vault_id = access.vault_id();
    let noted = || -> Result<Option<String>> {
        let before = agent.state.remembered(&vault_id)?;
        let (after, finding) = access.vault.note_point(point, &before)?;
        agent.state.remember(&vault_id, &after)?;
        Ok(finding.map(|finding| format!("recovery point {}: {}", finding.point, finding.reason)))
    };
    let warning = match noted() {
        Ok(warning) => warning,
        Err(fail) => Some(fail.message),
    };
    if let Some(warning) = warning {
        agent.out.note(&format!(
            "warning: the history of this source: {warning}; `strongroom-agent status` tells more"
        ));
    }
}

fn options(agent: &Agent, args: &Args) -> Result<BackupOptions> {
    let mut options = match args.system_state {
        true => {
            let state = system_state::gather(agent, &args.system_root, args.verify_packages)?;
            let mut selection = args.selection.clone();
            selection.paths = state.roots;
            selection
                .source
                .get_or_insert_with(|| "system-state".to_owned());
            let mut options = selection.options(agent)?;
            options.lacking = state.lacking;
            options
        }
        false => args.selection.options(agent)?,
    };
    options.hold_until = args.hold_until;
    options.retain_until = args.retain_until;
    options.dry_run = args.dry_run;
    Ok(options)
}

impl Selection {
    /// Options of a backup by this machine.
    pub(super) fn options(&self, agent: &Agent) -> Result<BackupOptions> {
        if self.paths.is_empty() {
            let help = "name what to protect, such as /home";
            return Err(Fail::usage("no path is given", help));
        }
        let mut roots = Vec::new();
        for path in &self.paths {
            let fail = |error| {
                Fail::usage(
                    format!("{path:?} is no usable path"),
                    "give the path from the root",
                )
                .because(&error)
            };
            roots.push(std::path::absolute(path).map_err(fail)?);
        }
        let mut options = BackupOptions::new(self.source()?, roots);
        options.excludes.clone_from(&self.exclude);
        for path in &self.exclude_from {
            let fail = |error| {
                let help = "give --exclude-from a text file that this user may read";
                let message = format!("cannot read the patterns in {}", path.display());
                Fail::usage(message, help).because(&error)
            };
            let text = std::fs::read_to_string(path).map_err(fail)?;
            options.excludes.extend(values::pattern_lines(&text));
        }
        options.exclude_larger_than_bytes = self.exclude_larger_than;
        options.exclude_caches = self.exclude_caches;
        options.one_file_system = self.one_file_system;
        options.tags = BTreeMap::from_iter(self.tags.iter().cloned());
        options.machine = agent.state.machine()?;
        // Only now is it certain that the state directory is there: a first run makes it.
        options.excludes.extend(own_files(agent, &options.roots));
        options.host = agent.host();
        options.cancel = agent.cancel();
        Ok(options)
    }

    /// The name that is given, or the last name of the first path.
    fn source(&self) -> Result<String> {
        match &self.source {
            Some(name) if name.trim().is_empty() => Err(Fail::usage(
                "the name of the source is empty",
                "give --source a name, such as home",
            )),
            Some(name) => Ok(name.clone()),
            None => {
                let first = self.paths.first().map(std::path::absolute);
                let first = first.and_then(std::result::Result::ok);
                Ok(source_name(first.as_deref().unwrap_or(Path::new("/"))))
            }
        }
    }
}

/// The configured vault, or the embedded one of a first run; a dry run makes none.
fn open(
    agent: &Agent,
    place: Option<Place>,
    options: &BackupOptions,
) -> Result<(Access, Option<FirstRun>)> {
    match place {
        Some(place) => Ok((access::open_at(agent, place, Need::Any)?, None)),
        None if options.dry_run => Ok((create::passing(agent)?, None)),
        None => {
            first::check_roots(&options.roots)?;
            first::make(agent).map(|(access, first)| (access, Some(first)))
        }
    }
}

/// Name of a source that is given none.
fn source_name(first: &Path) -> String {
    first.file_name().map_or_else(
        || "root".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A pattern that keeps out this machine's own files, with the keys of the vault. A root that is named inside of them is
/// meant as it is.
fn own_files(agent: &Agent, roots: &[PathBuf]) -> Option<String> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let state = agent.state.dir().ok().and_then(real)?;
    let mut roots = roots.iter().filter_map(|root| real(root));
    roots
        .any(|root| state.starts_with(&root) && root != state)
        .then(|| literal(&state))
}

/// A pattern that matches just this path.
fn literal(path: &Path) -> String {
    let mut pattern = String::new();
    for letter in path.to_string_lossy().chars() {
        match letter {
            // A byte that is no text.
            char::REPLACEMENT_CHARACTER => pattern.push('?'),
            '*' | '?' | '[' | ']' | '{' | '}' | '!' | '\\' => pattern.extend(['\\', letter]),
            letter => pattern.push(letter),
        }
    }
    pattern
}

/// Size of the newest point of the source. Only a bar depends on it.
fn last_bytes(vault: &Strongroom, source: &str) -> u64 {
    let points = vault.points().unwrap_or_default();
    points
        .iter()
        .find(|point| point.source == source)
        .map_or(0, |point| point.logical_bytes)
}

/// The command that brings a point back, as it works from everywhere. It holds no secret: a command that prints a
/// passphrase often holds one.
fn restore_command(agent: &Agent, point: &str) -> String {
    let absolute = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        path.to_string_lossy().into_owned()
    };
    let program = std::env::args()
        .next()
        .unwrap_or_else(|| "strongroom-agent".to_owned());
    let mut words = vec![match program.contains('/') {
        true => absolute(Path::new(&program)),
        false => program,
    }];
    let mut flag = |name: &str, value: String| words.extend([name.to_owned(), value]);
    if let Some(path) = &agent.globals.config {
        flag("--config", absolute(path));
    }
    if let (false, Ok(dir)) = (agent.state.is_default(), agent.state.dir()) {
        flag("--state-dir", absolute(dir));
    }
    if let Some(url) = agent.globals.vault.as_deref() {
        flag(
            "--vault",
            access::absolute(url).unwrap_or_else(|_| url.to_owned()),
        );
    }
    if let Some(path) = &agent.globals.passphrase_file {
        flag("--passphrase-file", absolute(path));
    }
    words.extend(["restore", point].map(str::to_owned));
    words.extend(["--target".to_owned(), absolute(Path::new("restored"))]);
    words
        .iter()
        .map(|word| human::quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn summary(agent: &Agent, report: &BackupReport, access: &Access, elapsed: &str) -> String {
    let colour = if report.state == PointState::Complete {
        Colour::Good
    } else {
        Colour::Doubtful
    };
    let state = agent.out.paint(colour, report.state.as_str());
    let point = match report.recovery_point {
        Some(id) => format!("recovery point {id} of {}", report.source),
        None => format!("dry run of {}: nothing was written", report.source),
    };
    let count = human::count;
    let files = format!(
        "{} in {} ({} new, {} changed, {} unchanged)",
        human::counted(report.files_count, "file"),
        if report.dirs_count == 1 {
            "1 directory".to_owned()
        } else {
            format!("{} directories", count(report.dirs_count))
        },
        count(report.files_new_count),
        count(report.files_changed_count),
        count(report.files_unchanged_count)
    );
    let sizes = format!(
        "{}, of which {} new, {} stored",
        human::bytes(report.logical_bytes),
        human::bytes(report.unique_bytes),
        human::bytes(report.stored_bytes)
    );
    let vault = match access.url.as_str() {
        create::PASSING => "none yet: the first backup makes one".to_owned(),
        url => url.to_owned(),
    };
    let fields = [
        ("files", files),
        ("size", sizes),
        ("taken", human::time(report.taken_at)),
        ("time", elapsed.to_owned()),
        ("vault", vault),
    ];
    format!("{state}: {point}\n\n{}", human::fields(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named_after_the_first_path() {
        assert_eq!(source_name(Path::new("/home/me")), "me");
        assert_eq!(source_name(Path::new("/home/me/")), "me");
        assert_eq!(source_name(Path::new("/")), "root");
    }
}
