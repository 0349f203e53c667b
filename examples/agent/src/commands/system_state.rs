//! `system-state`: bringing the safe parts of a system back.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;
use strongroom::{NoMonitor, PointView, RestoreOptions, RestoreTarget, Strongroom};
use strongroom_system_state::{
    Choice, Done, Files, Index, Outcome, Plan, Step, SystemCommands, SystemState, TREE_NAME, apply,
    plan, put_back, take,
};

use crate::access::{self, Need};
use crate::commands::restore::{OnConflict, newest};
use crate::fail::{Code, Fail, Result};
use crate::output::{human, tell_part};
use crate::run::Agent;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Plan what is to be brought back, show it, and do it: users, files, packages and units are added, nothing is
    /// removed, and disks, boot loader and network are never touched
    Apply(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An id, a unique prefix of one, or latest: the newest of the source
    point: String,
    /// With latest: the source of the state
    #[arg(long, value_name = "NAME", default_value = "system-state")]
    source: String,
    /// Only these parts
    #[arg(long, value_name = "PART", value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// The system that is changed, by its root directory
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// What to do when a file exists and differs: copy keeps it and writes "YYYY-MM-DD HH-mm Copy of NAME"
    #[arg(long, value_name = "HOW", value_enum, default_value = "copy")]
    on_conflict: OnConflict,
    /// Show the plan, do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Accounts,
    Files,
    Packages,
    Units,
}

/// A state in a point.
struct Kept<'a> {
    vault: &'a Strongroom,
    point: PointView,
    index: Index,
    state: SystemState,
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    let Command::Apply(args) = command;
    let access = access::open(agent, Need::Any)?;
    let point = match args.point.as_str() {
        "latest" => newest(access.vault.points()?, Some(&args.source), None)?,
        text => access.vault.point(text)?,
    };
    let kept = Kept::read(&access.vault, point)?;
    let root = std::path::absolute(&args.root)?;
    let commands = SystemCommands::new(&root);
    let present = take(&root, &commands, false).state;
    let choice = choice(&args.only);
    let files = match choice.files {
        true => kept.files()?,
        false => Files::default(),
    };
    let plan = plan(&kept.state, &present, files, choice);
    if args.dry_run || plan.steps.is_empty() {
        return show(agent, &kept, &plan, args.dry_run);
    }
    if !agent.out.json {
        agent.out.text(&plan_text(&plan))?;
    }
    confirm(agent, args)?;
    let cancel = agent.cancel();
    let back = |paths: &[String]| kept.put_back(agent, args, &root, paths);
    let told = |step: &Step| {
        agent.out.note(&words(step));
        !cancel.is_cancelled()
    };
    let done = apply(&plan, &commands, back, told);
    if cancel.is_cancelled() {
        return Err(strongroom::Error::Cancelled.into());
    }
    finish(agent, &kept, &plan, &done)
}

impl<'a> Kept<'a> {
    fn read(vault: &'a Strongroom, point: PointView) -> Result<Self> {
        let tree = tree_of(&point)?;
        let file = |name: &str| {
            let path = [tree.as_slice(), b"/", name.as_bytes()].concat();
            let mut bytes = Vec::new();
            let read = vault.cat(&point.id, &path, &mut bytes);
            read.map(|_| bytes)
        };
        let index = Index::parse(&file("index.json")?).map_err(unreadable)?;
        let state = SystemState::load(&index, |name| file(name).ok()).map_err(unreadable)?;
        Ok(Self {
            vault,
            point,
            index,
            state,
        })
    }

    /// Where a path of the system stands in the point.
    fn in_point(&self, path: &str) -> Vec<u8> {
        let root = self.index.root.trim_end_matches('/');
        [root.as_bytes(), path.as_bytes()].concat()
    }

    /// The configuration in the point, parted.
    fn files(&self) -> Result<Files> {
        let prefix = self.index.root.trim_end_matches('/');
        let roots = self.index.roots.iter();
        let roots = roots.filter_map(|root| root.strip_prefix(prefix).map(str::to_owned));
        let is_kept = |root: &String| self.point.roots.contains(&self.in_point(root));
        let roots: Vec<String> = roots.filter(is_kept).collect();
        put_back(&roots, |path| {
            let mut below = Vec::new();
            let mut each = |entry: strongroom::EntryView| {
                let text = String::from_utf8(entry.path).ok();
                let own = text.as_deref().and_then(|text| text.strip_prefix(prefix));
                below.extend(own.map(str::to_owned));
                Ok(())
            };
            self.vault
                .list(&self.point.id, Some(&self.in_point(path)), false, &mut each)?;
            below.retain(|one| one != path);
            Ok(below)
        })
    }

    /// Restores paths of the system below a root, those of each directory together.
    fn put_back(
        &self,
        agent: &Agent,
        args: &Args,
        root: &Path,
        paths: &[String],
    ) -> Result<(), String> {
        let mut by_parent: BTreeMap<&Path, Vec<Vec<u8>>> = BTreeMap::new();
        for path in paths {
            let parent = Path::new(path).parent().unwrap_or(Path::new("/"));
            by_parent
                .entry(parent)
                .or_default()
                .push(self.in_point(path));
        }
        let mut problems = Vec::new();
        for (parent, paths) in by_parent {
            let target = root.join(parent.strip_prefix("/").unwrap_or(parent));
            let mut options = RestoreOptions::new(RestoreTarget::Directory(target));
            options.paths = paths;
            options.on_conflict = args.on_conflict.into();
            options
                .protected
                .extend(agent.state.dir().ok().map(Into::into));
            options.cancel = agent.cancel();
            match self.vault.restore(&self.point.id, &options, &NoMonitor) {
                Ok(report) => problems.extend(report.skipped.iter().map(|skipped| {
                    format!(
                        "{}: {}",
                        String::from_utf8_lossy(&skipped.path),
                        skipped.reason
                    )
                })),
                Err(error) => problems.push(Fail::from(error).message),
            }
        }
        match problems.first() {
            None => Ok(()),
            Some(first) => Err(format!(
                "{} not put back as they were: {first}",
                problems.len()
            )),
        }
    }
}

fn unreadable(error: strongroom_system_state::Error) -> Fail {
    let help = "restore the point as files and read its README.md, or use a newer version";
    Fail::new(Code::Failed, "the state of the system cannot be read", help).because(&error)
}

/// The root of a point that is the tree of a state.
fn tree_of(point: &PointView) -> Result<Vec<u8>> {
    let is_tree = |root: &&Vec<u8>| {
        let path = Path::new(std::ffi::OsStr::from_bytes(root));
        path.file_name().is_some_and(|name| name == TREE_NAME)
    };
    let tree = point.roots.iter().find(is_tree);
    tree.cloned().ok_or_else(|| {
        let message = format!("recovery point {} holds no state of a system", point.id);
        Fail::usage(message, "give one that `backup --system-state` has made")
    })
}

fn choice(only: &[Part]) -> Choice {
    let has = |part| only.is_empty() || only.contains(&part);
    Choice {
        accounts: has(Part::Accounts),
        files: has(Part::Files),
        packages: has(Part::Packages),
        units: has(Part::Units),
    }
}

fn confirm(agent: &Agent, args: &Args) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    if agent.out.json || !std::io::stdin().is_terminal() {
        return Err(Fail::usage(
            "nobody can be asked whether to do this",
            "look at --dry-run, then add --yes",
        ));
    }
    tell_part(&format!(
        "change the system below {}? [y/N] ",
        args.root.display()
    ));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    match line.trim() {
        "y" | "yes" => Ok(()),
        _ => Err(strongroom::Error::Cancelled.into()),
    }
}

fn show(agent: &Agent, kept: &Kept<'_>, plan: &Plan, is_dry: bool) -> Result<Code> {
    let document = json!({
        "recovery_point": kept.point.id.to_string(),
        "dry_run": is_dry,
        "steps": plan.steps,
        "left": plan.left,
    });
    agent.out.result(&document, || plan_text(plan))?;
    Ok(Code::Done)
}

fn finish(agent: &Agent, kept: &Kept<'_>, plan: &Plan, done: &[Done]) -> Result<Code> {
    let document = json!({
        "recovery_point": kept.point.id.to_string(),
        "dry_run": false,
        "steps": done,
        "left": plan.left,
    });
    let failed: Vec<String> = done
        .iter()
        .filter_map(|done| match &done.outcome {
            Outcome::Failed { reason } => {
                Some(format!("  {}: {}", words(&done.step), human::clean(reason)))
            }
            _ => None,
        })
        .collect();
    let done_count = done.len() - failed.len();
    agent.out.result(&document, || {
        let head = format!(
            "{} done, {} failed",
            human::counted(done_count as u64, "step"),
            failed.len()
        );
        std::iter::once(head)
            .chain(failed.clone())
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    Ok(match failed.is_empty() {
        true => Code::Done,
        false => Code::Warnings,
    })
}

fn plan_text(plan: &Plan) -> String {
    let mut text = match plan.steps.is_empty() {
        true => "nothing is to be brought back\n".to_owned(),
        false => "to be done, in this order:\n".to_owned(),
    };
    for step in &plan.steps {
        text.push_str(&format!("  {}\n", words(step)));
    }
    if !plan.left.is_empty() {
        text.push_str("\nleft to you:\n");
    }
    for left in &plan.left {
        let what = human::clean(&left.what);
        text.push_str(&format!(
            "  {what}: {} ({})\n",
            human::clean(&left.detail),
            left.reason
        ));
    }
    text.trim_end().to_owned()
}

fn words(step: &Step) -> String {
    let text = match step {
        Step::CreateGroup { name, gid } => format!("make group {name} with number {gid}"),
        Step::CreateUser { name, account } => {
            format!(
                "make user {name} with number {}, home {}, shell {}",
                account.uid, account.home, account.shell
            )
        }
        Step::SetPassword { user, .. } => format!("give {user} the password that it had"),
        Step::JoinGroup { user, group } => format!("make {user} a member of {group}"),
        Step::PutBack { paths } => format!("put back {}", paths.join(" ")),
        Step::InstallPackages { packages, .. } => format!("install {}", packages.join(" ")),
        Step::MaskUnit { unit } => format!("mask {unit}"),
        Step::EnableUnit { unit } => format!("enable {unit}"),
        other => format!("{other:?}"),
    };
    human::clean(&text)
}
