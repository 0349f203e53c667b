//! `mount`: recovery points as a read-only file system.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use chrono::Local;
use serde::Serialize;
use strongroom::{Monitor, Skipped};
use strongroom_mount::{End, Error, Event, Lease, Mount, MountOptions, Notice, Summary};

use crate::access::{self, Need};
use crate::fail::{Code, Fail, Problem, Result};
use crate::output::{human, tell};
use crate::run::Agent;
use crate::values;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What was backed up stands below DIR under its absolute path; with all, below DIR/SOURCE/DATE TIME, and \
    DIR/SOURCE/latest leads to the newest. It stays mounted until `fusermount3 -u DIR`, Ctrl-C or SIGTERM, or until it \
    was not used for the time of --for; while it is used, four times as long at most. What is in use is not unmounted."
)]
pub(crate) struct Args {
    /// An id, a unique prefix of one, latest, or all
    point: String,
    /// An empty directory
    dir: PathBuf,
    /// Unmount by itself when it was not used for so long: 90s, 30min, 6h
    #[arg(long = "for", value_name = "TIME", value_parser = values::duration, default_value = "6h")]
    idle: Duration,
    /// When it is to end, detach it even while it is in use; who has a file of it open loses it
    #[arg(long)]
    force: bool,
}

/// The document at the end.
#[derive(Serialize)]
struct Document<'a> {
    mount_point: &'a str,
    ended_by: &'static str,
    read_bytes: u64,
    damaged_count: u64,
    failed_count: u64,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let reads = Arc::new(Reads::default());
    let mut options = MountOptions::default();
    options.monitor = Arc::clone(&reads) as Arc<dyn Monitor>;
    options.name_of = Arc::new(|at| {
        let local = at.with_timezone(&Local);
        local.format("%Y-%m-%d %H-%M-%S").to_string()
    });
    let (sender, events) = channel();
    let mount = if args.point == "all" {
        Mount::all(&access.vault, &args.dir, &options, sender.clone())?
    } else {
        let point = access.vault.point(&args.point)?.id;
        Mount::point(&access.vault, &point, &args.dir, &options, sender.clone())?
    };
    agent.hear_interrupts(move || {
        // When it has ended already there is nothing to stop.
        let _is_heard = sender.send(Event::Stop).is_ok();
    });
    let path = mount.path().display().to_string();
    if !agent.out.quiet {
        greet(&mount, &path);
    }
    let lease = Lease::of(args.idle);
    let summary = mount.serve(&lease, args.force, &events, &|notice| stays(&notice, &path))?;
    let document = Document {
        mount_point: &path,
        ended_by: cause(summary.end),
        read_bytes: reads.0.load(Ordering::Relaxed),
        damaged_count: summary.damaged_count,
        failed_count: summary.failed_count,
    };
    agent
        .out
        .result(&document, || farewell(&summary, &document))?;
    Ok(match (summary.damaged_count, summary.failed_count) {
        (0, 0) => Code::Done,
        (0, _) => Code::Warnings,
        _ => Code::Damage,
    })
}

fn greet(mount: &Mount, path: &str) {
    if mount.was_dead() {
        tell(&format!(
            "{path} carried the mount of an agent that was killed: it was taken away"
        ));
    }
    tell(&format!(
        "mounted on {path}; to unmount it, press Ctrl-C or run `fusermount3 -u {path}`"
    ));
}

/// It should have ended, but stays.
fn stays(notice: &Notice<'_>, path: &str) {
    let Notice::Stays(end, error) = notice;
    let next = match end {
        End::Lease => "it is unmounted as soon as nobody uses it".to_owned(),
        _ => format!(
            "end what uses it and try again; `umount --lazy {path}` as root, or `fusermount3 -uz {path}`, detaches it \
             all the same"
        ),
    };
    tell(&format!("still mounted: {error}"));
    tell(&format!("help: {next}"));
}

fn cause(end: End) -> &'static str {
    match end {
        End::Unmounted => "unmounted",
        End::Stopped => "stopped",
        End::Lease => "lease",
    }
}

fn farewell(summary: &Summary, document: &Document<'_>) -> String {
    let mut text = format!(
        "{} is unmounted{}; {} were read",
        document.mount_point,
        match summary.end {
            End::Lease => ": its time was over",
            End::Unmounted | End::Stopped => "",
        },
        human::bytes(document.read_bytes)
    );
    if summary.damaged_count > 0 {
        let count = human::count(summary.damaged_count);
        text.push_str(&format!(
            "\ndamaged files and directories: {count}; run `strongroom-agent verify`"
        ));
    }
    text
}

/// Counts what is read, and tells at once what cannot be.
#[derive(Default)]
struct Reads(AtomicU64);

impl Monitor for Reads {
    fn transferred(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn warning(&self, warning: &Skipped) {
        tell(&format!(
            "cannot read {}: {}",
            human::path(&warning.path),
            human::clean(&warning.reason)
        ));
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        let error = match error {
            Error::Engine(error) => return error.into(),
            error => error,
        };
        let problem = match error {
            Error::NotADirectory(_) => Problem::MountDirectory,
            Error::NotEmpty(_) => Problem::MountNotEmpty,
            Error::Dead(_) => Problem::MountDead,
            Error::NoFuse(_) => Problem::NoFuse,
            Error::NoHelper => Problem::NoFuseHelper,
            _ => Problem::MountFailed,
        };
        let mut fail = Self::known(problem, error.to_string());
        if let Some(source) = std::error::Error::source(&error) {
            fail = fail.because(source);
        }
        fail
    }
}
