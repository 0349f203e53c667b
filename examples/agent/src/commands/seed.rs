//! `seed`: a first backup that travels on disks.

use std::path::PathBuf;

use serde_json::{Value, json};
use strongroom::vault::is_same_place;
use strongroom::{
    BackupOptions, CopyOptions, CopyTarget, PointState, SeedDisk, SeedExport, SeedImport,
};

use crate::access::{self, Access, Need};
use crate::commands::backup;
use crate::fail::{Code, Fail, Result};
use crate::output::progress::Progress;
use crate::output::{human, json};
use crate::run::Agent;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Back up onto disks instead of into the vault
    Export(ExportArgs),
    /// Bring what was exported onto disks into the vault
    Import(ImportArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    selection: backup::Selection,
    /// Directory on a disk; several, where one disk does not suffice
    #[arg(long, value_name = "DIR", required = true)]
    to: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// Directory on a disk of the seed; all of them
    #[arg(long, value_name = "DIR", required = true)]
    from: Vec<PathBuf>,
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::Export(args) => export(agent, args),
        Command::Import(args) => import(agent, args),
    }
}

fn export(agent: &Agent, args: &ExportArgs) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let disks = absolute(&args.to)?;
    refuse_vault(&access, &disks)?;
    let options: BackupOptions = args.selection.options(agent)?;
    let what = format!("seed of {}", options.source);
    let _lock = agent.state.lock(&access.vault_id(), &what)?;
    let progress = Progress::start(agent);
    let exported = access.vault.export_seed(&disks, &options, &progress);
    let exported = exported.map_err(where_full)?;
    let elapsed = progress.finish();
    let document = exported_document(&exported, elapsed.as_secs_f64());
    agent.out.result(&document, || {
        let mut text = exported_text(&exported, &human::duration(elapsed));
        let backup = &exported.backup;
        text.push_str(&human::skipped(&backup.skipped, backup.skipped_count));
        text
    })?;
    Ok(match exported.backup.state {
        PointState::Complete => Code::Done,
        _ => Code::Warnings,
    })
}

fn import(agent: &Agent, args: &ImportArgs) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let disks = absolute(&args.from)?;
    let _lock = agent.state.lock(&access.vault_id(), "seed import")?;
    let store = access.vault.vault().store().clone();
    let mut options = CopyOptions::new(CopyTarget::Store(store));
    options.machine = agent.state.machine()?;
    options.cancel = agent.cancel();
    let progress = Progress::start(agent);
    let imported = access.vault.import_seed(&disks, &options, &progress)?;
    let elapsed = progress.finish();
    let document = imported_document(&imported, elapsed.as_secs_f64());
    agent.out.result(&document, || {
        imported_text(&imported, &human::duration(elapsed))
    })?;
    Ok(Code::Done)
}

fn absolute(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let one = |path: &PathBuf| {
        std::path::absolute(path).map_err(|error| {
            let help = "give the path from the root";
            Fail::usage(format!("{path:?} is no usable path"), help).because(&error)
        })
    };
    paths.iter().map(one).collect()
}

fn refuse_vault(access: &Access, disks: &[PathBuf]) -> Result<()> {
    let same = |disk: &&PathBuf| {
        disk.to_str()
            .is_some_and(|disk| is_same_place(&access.url, disk))
    };
    match disks.iter().find(same) {
        Some(disk) => {
            let help = "name a directory on a disk that travels";
            let message = format!("{} is the vault itself", disk.display());
            Err(Fail::usage(message, help))
        }
        None => Ok(()),
    }
}

/// What is full are the disks, not the vault.
fn where_full(error: strongroom::Error) -> Fail {
    let is_full = error.is_full();
    let mut fail = Fail::from(error);
    if is_full {
        "attach one more disk, and run the same command with one more --to DIR; what is on the disks is reused"
            .clone_into(&mut fail.help);
    }
    fail
}

fn disks_of(disks: &[SeedDisk]) -> Vec<Value> {
    let one = |disk: &SeedDisk| {
        json!({
            "disk": disk.number,
            "path": disk.directory.display().to_string(),
            "objects_count": disk.objects_count,
            "bytes": disk.bytes,
        })
    };
    disks.iter().map(one).collect()
}

fn disk_lines(disks: &[SeedDisk]) -> String {
    let one = |disk: &SeedDisk| {
        let (bytes, directory) = (human::bytes(disk.bytes), disk.directory.display());
        format!(
            "\ndisk {} of {}  {bytes}  {directory}",
            disk.number,
            disks.len()
        )
    };
    disks.iter().map(one).collect()
}

fn exported_document(exported: &SeedExport, elapsed_secs: f64) -> Value {
    let backup = &exported.backup;
    json!({
        "seed": exported.seed_id,
        "recovery_point": backup.recovery_point.map(|id| id.to_string()),
        "source": backup.source,
        "state": backup.state.as_str(),
        "taken_at": json::time(backup.taken_at),
        "files_count": backup.files_count,
        "logical_bytes": backup.logical_bytes,
        "stored_bytes": backup.stored_bytes,
        "disks": disks_of(&exported.disks),
        "elapsed_secs": elapsed_secs,
    })
}

fn exported_text(exported: &SeedExport, elapsed: &str) -> String {
    let backup = &exported.backup;
    let fields = [
        ("seed", exported.seed_id.clone()),
        ("files", human::count(backup.files_count)),
        ("size", human::bytes(backup.logical_bytes)),
        ("time", elapsed.to_owned()),
    ];
    format!(
        "exported {} onto {}\n\n{}\n{}\n\nBring all disks to a machine that reaches the vault, and run there:\n  \
         strongroom-agent seed import --vault URL --from DIR…",
        human::clean(&backup.source),
        human::counted(exported.disks.len() as u64, "disk"),
        human::fields(&fields),
        disk_lines(&exported.disks)
    )
}

fn imported_document(imported: &SeedImport, elapsed_secs: f64) -> Value {
    let copied = imported.copied.iter().map(ToString::to_string);
    json!({
        "seed": imported.seed_id,
        "copied": copied.collect::<Vec<_>>(),
        "present_count": imported.present_count,
        "copied_bytes": imported.copied_bytes,
        "disks": disks_of(&imported.disks),
        "elapsed_secs": elapsed_secs,
    })
}

fn imported_text(imported: &SeedImport, elapsed: &str) -> String {
    let fields = [
        ("seed", imported.seed_id.clone()),
        ("bytes", human::bytes(imported.copied_bytes)),
        ("there before", human::count(imported.present_count)),
        ("time", elapsed.to_owned()),
    ];
    format!(
        "brought {} into the vault\n\n{}\n{}\n\nThe next backup of the source sends only what has changed since. \
         The disks can be wiped.",
        human::counted(imported.copied.len() as u64, "recovery point"),
        human::fields(&fields),
        disk_lines(&imported.disks)
    )
}
