//! Doing the steps of a plan.

use std::io;

use serde::Serialize;

use crate::commands::{Commands, Output};
use crate::plan::{Plan, Step};

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
#[non_exhaustive]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is not, or not wholly; the steps after it were tried all the same.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A step and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Done {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// How it went.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Does all steps in order, each to its end whatever became of the others: a plan made again has what is still to be done.
/// Files are put back by the caller, who has them; `told` learns of each step before it begins, and may end it all by `false`.
pub fn apply(
    plan: &Plan,
    commands: &dyn Commands,
    mut put_back: impl FnMut(&[String]) -> Result<(), String>,
    mut told: impl FnMut(&Step) -> bool,
) -> Vec<Done> {
    let mut done = Vec::new();
    for step in &plan.steps {
        if !told(step) {
            break;
        }
        let outcome = match step {
            Step::PutBack { paths } => put_back(paths),
            other => run(other, commands),
        };
        let outcome = match outcome {
            Ok(()) => Outcome::Done,
            Err(reason) => Outcome::Failed { reason },
        };
        done.push(Done {
            step: step.clone(),
            outcome,
        });
    }
    done
}

fn run(step: &Step, commands: &dyn Commands) -> Result<(), String> {
    let one = |program: &str, arguments: &[&str], input: &str| {
        said(program, commands.run(program, arguments, input.as_bytes()))
    };
    match step {
        Step::CreateGroup { name, gid } => one("groupadd", &["--gid", &gid.to_string(), name], ""),
        Step::CreateUser { name, account } => {
            let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
            let mut arguments = vec!["--uid", &uid, "--gid", &gid, "--no-create-home"];
            arguments.extend(["--comment", &account.comment]);
            for (flag, value) in [("--home-dir", &account.home), ("--shell", &account.shell)] {
                if !value.is_empty() {
                    arguments.extend([flag, value]);
                }
            }
            arguments.push(name);
            one("useradd", &arguments, "")
        }
        // Never as an argument: everybody sees those.
        Step::SetPassword { user, password } => one(
            "chpasswd",
            &["--encrypted"],
            &format!("{user}:{}\n", password.expose()),
        ),
        Step::JoinGroup { user, group } => {
            one("usermod", &["--append", "--groups", group, user], "")
        }
        Step::InstallPackages { manager, packages } => install(manager, packages, commands),
        Step::MaskUnit { unit } => one("systemctl", &["mask", unit], ""),
        Step::EnableUnit { unit } => one("systemctl", &["enable", unit], ""),
        Step::PutBack { .. } => Ok(()),
    }
}

/// All at once; where that fails, one by one, so that a package which is no more does not keep out the others.
fn install(manager: &str, packages: &[String], commands: &dyn Commands) -> Result<(), String> {
    let keep_ours = [
        "Dpkg::Options::=--force-confold",
        "Dpkg::Options::=--force-confdef",
    ];
    let (program, before): (_, Vec<&str>) = match manager {
        "dpkg" => (
            "apt-get",
            vec![
                "--yes",
                "--quiet",
                "-o",
                keep_ours[0],
                "-o",
                keep_ours[1],
                "install",
            ],
        ),
        _ => ("dnf", vec!["--assumeyes", "--quiet", "install"]),
    };
    if program == "apt-get" {
        said(program, commands.run(program, &["--quiet", "update"], &[]))?;
    }
    let attempt = |names: &[&str]| {
        let arguments: Vec<&str> = before.iter().chain(names).copied().collect();
        said(program, commands.run(program, &arguments, &[]))
    };
    let names: Vec<&str> = packages.iter().map(String::as_str).collect();
    if attempt(&names).is_ok() {
        return Ok(());
    }
    let failed = names
        .into_iter()
        .filter_map(|name| Some((name, attempt(&[name]).err()?)));
    let failed: Vec<(&str, String)> = failed.collect();
    match failed.first() {
        None => Ok(()),
        Some((_, why)) => {
            let names: Vec<&str> = failed.iter().map(|(name, _)| *name).collect();
            Err(format!("not installed: {} ({why})", names.join(", ")))
        }
    }
}

fn said(program: &str, outcome: io::Result<Output>) -> Result<(), String> {
    match outcome {
        Ok(output) if output.success => Ok(()),
        Ok(output) => {
            let line = output.stderr.lines().find(|line| !line.trim().is_empty());
            Err(format!(
                "{program}: {}",
                line.unwrap_or("it failed and says nothing")
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("{program} is not installed"))
        }
        Err(error) => Err(format!("{program}: {error}")),
    }
}
