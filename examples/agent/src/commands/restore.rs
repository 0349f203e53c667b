//! `restore`: bringing files back.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, ValueEnum};
use strongroom::{PointState, PointView, RestoreOptions, RestoreReport, RestoreTarget, Strongroom};

use crate::access::{self, Need};
use crate::commands::cat;
use crate::fail::{Code, Fail, Result};
use crate::output::progress::Progress;
use crate::output::{Colour, human, json};
use crate::run::Agent;
use crate::values;

#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("destination").required(true).args(["target", "original", "stdout"])))]
pub(crate) struct Args {
    /// An id, a unique prefix of one, or latest; may be left out with --time
    #[arg(required_unless_present = "time")]
    point: Option<String>,
    /// What to restore: absolute, or relative to a backed-up folder [default: everything]
    #[arg(value_name = "PATH")]
    paths: Vec<OsString>,
    /// The newest recovery point that was taken at this time or before; POINT, if given, is latest
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    time: Option<DateTime<Utc>>,
    /// With latest or --time: only recovery points of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Restore below this directory, each backed-up folder or PATH under its last name
    #[arg(long, value_name = "DIR")]
    target: Option<PathBuf>,
    /// Restore to where it was backed up from
    #[arg(long)]
    original: bool,
    /// Print the bytes of the one file PATH
    #[arg(long, conflicts_with_all = ["strip_root", "on_conflict", "delete_extra", "dry_run", "verify", "no_ownership"])]
    stdout: bool,
    /// Put the content of a single folder into the target itself
    #[arg(long, conflicts_with = "original")]
    strip_root: bool,
    /// What to do when a name exists: copy keeps it and writes "YYYY-MM-DD HH-mm Copy of NAME"
    #[arg(long, value_name = "HOW", value_enum, default_value = "copy")]
    on_conflict: OnConflict,
    /// Remove what the recovery point does not hold from restored folders
    #[arg(long)]
    delete_extra: bool,
    /// Tell what would happen, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Read everything back and compare
    #[arg(long)]
    verify: bool,
    /// Do not set owners and groups
    #[arg(long)]
    no_ownership: bool,
    /// As fast as it can, whatever the throttle of the policy says
    #[arg(long)]
    no_throttle: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnConflict {
    /// Keep the existing one, write a copy beside it
    Copy,
    /// Keep the existing one, write nothing
    Skip,
    /// Make the existing one equal to the recovery point
    Overwrite,
}

impl From<OnConflict> for strongroom::OnConflict {
    fn from(on_conflict: OnConflict) -> Self {
        match on_conflict {
            OnConflict::Copy => Self::Copy,
            OnConflict::Skip => Self::Skip,
            OnConflict::Overwrite => Self::Overwrite,
        }
    }
}

impl Args {
    /// Whether files are written, and not only told or printed.
    pub(crate) fn writes(&self) -> bool {
        !(self.dry_run || self.stdout)
    }

    pub(crate) fn source(&self) -> Option<String> {
        self.source.clone()
    }
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let target = target(args)?;
    if args.no_throttle {
        agent.throttle.turn_off();
    }
    let access = access::open(agent, Need::Any)?;
    let point = chosen(&access.vault, args)?;
    let Some(target) = target else {
        let help = "give the one file to print: restore POINT PATH --stdout";
        let [path] = args.paths.as_slice() else {
            return Err(Fail::usage("--stdout prints exactly one file", help));
        };
        return cat::print(&agent.out, &access.vault, &point.id, path);
    };
    let options = options(agent, args, target);
    let progress = Progress::start(agent);
    if progress.is_watched() && args.paths.is_empty() {
        progress.expect(point.logical_bytes);
    }
    let report = access.vault.restore(&point.id, &options, &progress)?;
    let elapsed = progress.finish();
    let document = json::Restore::new(
        point.id.to_string(),
        &report,
        elapsed.as_secs_f64(),
        args.dry_run,
    );
    agent.out.result(&document, || {
        let text = summary(agent, args, &point, &report, &human::duration(elapsed));
        text + &human::skipped(&report.skipped, report.skipped_count)
    })?;
    Ok(match (report.damaged_count, report.skipped_count) {
        (0, 0) => Code::Done,
        (0, _) => Code::Warnings,
        _ => Code::Damage,
    })
}

/// The recovery point that the flags mean.
fn chosen(vault: &Strongroom, args: &Args) -> Result<PointView> {
    let text = args.point.as_deref().unwrap_or("latest");
    if args.time.is_none() && args.source.is_none() {
        return Ok(vault.point(text)?);
    }
    if text != "latest" {
        let message =
            format!("--time and --source choose among points, but {text:?} is one already");
        let help = "leave POINT out or write latest before paths: restore latest PATH --time TIME --target DIR";
        return Err(Fail::usage(message, help));
    }
    newest(vault.points()?, args.source.as_deref(), args.time)
}

/// The first of points, which come newest first, that is of the source and not younger than the time.
pub(crate) fn newest(
    points: Vec<PointView>,
    source: Option<&str>,
    time: Option<DateTime<Utc>>,
) -> Result<PointView> {
    let mut candidates = points.into_iter().filter(|point| {
        point.state != PointState::Damaged
            && source.is_none_or(|source| point.source == source)
            && time.is_none_or(|time| point.taken_at <= time)
    });
    let Some(newest) = candidates.next() else {
        let of = source.map_or(String::new(), |source| format!(" of {source:?}"));
        let until = time.map_or(String::new(), |time| {
            format!(" was taken at {} or before", human::time(time))
        });
        let message = match time {
            Some(_) => format!("no recovery point{of}{until}"),
            None => format!("there is no recovery point{of}"),
        };
        let help = "run `strongroom-agent points` to see which recovery points there are";
        return Err(Fail::new(Code::Failed, message, help));
    };
    match candidates.find(|point| point.source != newest.source) {
        Some(other) => Err(Fail::usage(
            format!(
                "there are recovery points of {:?} and of {:?}",
                newest.source, other.source
            ),
            "choose one with --source NAME",
        )),
        None => Ok(newest),
    }
}

/// Where to; `None` is standard output.
fn target(args: &Args) -> Result<Option<RestoreTarget>> {
    let Some(dir) = &args.target else {
        return Ok(args.original.then_some(RestoreTarget::Original));
    };
    let dir = std::path::absolute(dir).map_err(|error| {
        Fail::usage("--target is no usable path", "give --target a directory").because(&error)
    })?;
    Ok(Some(RestoreTarget::Directory(dir)))
}

fn options(agent: &Agent, args: &Args, target: RestoreTarget) -> RestoreOptions {
    let mut options = RestoreOptions::new(target);
    options.paths = args
        .paths
        .iter()
        .map(|path| path.as_bytes().to_vec())
        .collect();
    options.strip_root = args.strip_root;
    options.on_conflict = args.on_conflict.into();
    options.delete_extra = args.delete_extra;
    options.dry_run = args.dry_run;
    options.verify = args.verify;
    options.no_ownership = args.no_ownership;
    // Old keys and notes of this machine must not take the place of those in use.
    options
        .protected
        .extend(agent.state.dir().ok().map(Into::into));
    options.cancel = agent.cancel();
    options
}

fn summary(
    agent: &Agent,
    args: &Args,
    point: &PointView,
    report: &RestoreReport,
    elapsed: &str,
) -> String {
    let head = match (args.dry_run, report.skipped_count) {
        (true, _) => agent
            .out
            .paint(Colour::Doubtful, "dry run, nothing was written"),
        (false, 0) => agent.out.paint(Colour::Good, "restored"),
        (false, _) => agent.out.paint(Colour::Doubtful, "restored with warnings"),
    };
    let target = args
        .target
        .as_ref()
        .map_or("original places".to_owned(), |dir| {
            dir.display().to_string()
        });
    let mut fields = vec![
        (
            "from",
            format!(
                "recovery point {} of {}, {}",
                point.id,
                point.source,
                human::time(point.taken_at)
            ),
        ),
        ("to", target),
        ("files", human::count(report.files_count)),
        ("directories", human::count(report.dirs_count)),
        ("written", human::bytes(report.written_bytes)),
    ];
    if report.reused_bytes > 0 {
        fields.push(("already there", human::bytes(report.reused_bytes)));
    }
    if report.conflicts_count > 0 {
        fields.push(("names that existed", human::count(report.conflicts_count)));
    }
    if args.delete_extra {
        fields.push(("removed", human::count(report.removed_count)));
    }
    fields.push(("time", elapsed.to_owned()));
    format!("{head}\n\n{}", human::fields(&fields))
}
