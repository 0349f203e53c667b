//! Commands and the flags that all of them have.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::values;

/// Encrypted, deduplicated backup of this machine.
#[derive(Debug, Parser)]
#[command(name = "strongroom-agent", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 failed, nothing committed; 2 bad usage or configuration; 3 done, but \
    some entries were skipped; 4 damage found; 5 wrong passphrase or key; 6 vault unreachable, refused or not \
    permitted; 7 another job is running; 130 cancelled."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Where the vault is: a path, file:///path, s3://bucket/path, az://container/path or gs://bucket/path [env:
    /// STRONGROOM_VAULT]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) vault: Option<String>,

    /// Vault credential: tells where the vault is and which one it must be, where no --vault is given
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,

    /// File that holds the passphrase [env: STRONGROOM_PASSPHRASE_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,

    /// Shell command that prints the passphrase
    #[arg(
        long,
        global = true,
        value_name = "CMD",
        conflicts_with = "passphrase_file"
    )]
    pub(crate) passphrase_command: Option<String>,

    /// Where this machine's own files are [env: STRONGROOM_STATE_DIR] [default: $XDG_STATE_HOME/strongroom; for root
    /// /var/lib/strongroom]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// TOML file with defaults of these flags [default: config.toml in the state directory, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where long results wait until they are complete, and large parts of the index are kept [default:
    /// $XDG_CACHE_HOME/strongroom; for root /var/cache/strongroom]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Share out about this much memory, at least 48M, among packs, workers and caches; not bounded are the index of
    /// what the vault holds and what a passphrase costs
    #[arg(long, global = true, value_name = "SIZE", value_parser = values::memory)]
    pub(crate) max_memory: Option<u64>,

    /// Proxy for vaults in a cloud [default: HTTPS_PROXY or HTTP_PROXY]; without effect on vaults in a directory
    #[arg(long, global = true, value_name = "URL", value_parser = values::proxy)]
    pub(crate) proxy: Option<String>,

    /// File that holds the password of the proxy, where --proxy names a user but no password [env:
    /// STRONGROOM_PROXY_PASSWORD, the password itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) proxy_password_file: Option<PathBuf>,

    /// Print one JSON document
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print no progress and no summary
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Tell every skipped entry when it happens, and which vault and key are used
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    /// Print no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,

    /// The daemon has started this
    #[arg(long, global = true, hide = true)]
    pub(crate) scheduled: bool,

    /// The job that the daemon has written down for this
    #[arg(long, global = true, hide = true, value_name = "ID")]
    pub(crate) job: Option<String>,

    /// The policy that the daemon goes by
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    pub(crate) policy_in_force: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a vault, see what it is, manage its keys
    #[command(subcommand)]
    Vault(commands::vault::Command),
    /// Make one recovery point now
    Backup(commands::backup::Args),
    /// List recovery points, newest first
    Points(commands::points::Args),
    /// Check, set and show when points are made and how long they are kept; tell what would happen
    #[command(subcommand)]
    Policy(commands::policy::Command),
    /// Tell who hears of alerts, and test that notices arrive
    #[command(subcommand)]
    Notices(commands::notices::Command),
    /// List what a recovery point holds
    Ls(commands::ls::Args),
    /// Find entries by name or path in recovery points
    Find(commands::find::Args),
    /// Print the bytes of one file
    Cat(commands::cat::Args),
    /// Tell how one recovery point differs from another
    Diff(commands::diff::Args),
    /// Bring files back
    Restore(commands::restore::Args),
    /// Bring the safe parts of a system back from a recovery point of its state
    #[command(subcommand)]
    SystemState(commands::system_state::Command),
    /// Look for files by date on the whole terminal, and bring them back
    Browse(commands::browse::Args),
    /// Show one or all recovery points as a read-only file system, until it is unmounted
    Mount(commands::mount::Args),
    /// Delete the recovery points that the policy keeps no longer
    Expire(commands::expire::Args),
    /// Delete recovery points: softly, unless told otherwise
    Delete(commands::delete::DeleteArgs),
    /// Take back the deletion of recovery points
    Undelete(commands::delete::UndeleteArgs),
    /// Keep a recovery point from expiring
    Hold(commands::hold::Args),
    /// Free what no recovery point needs
    Sweep(commands::sweep::Args),
    /// Bring recovery points to a second copy of the vault, sealed as they are
    Copy(commands::copy::Args),
    /// Make a first backup on disks, and bring it into the vault elsewhere
    #[command(subcommand)]
    Seed(commands::seed::Command),
    /// Check what the vault holds
    Verify(commands::verify::Args),
    /// Mend what is damaged, and name what stays hurt
    Repair(commands::repair::Args),
    /// Restore a recovery point to a scratch place and compare: proves that it can be done
    Drill(commands::drill::Args),
    /// Run what is due when it is due, in the foreground
    Daemon(commands::daemon::Args),
    /// List jobs, newest first, and stop one
    Jobs(commands::jobs::Args),
    /// List what a person should know, and take it up
    Alerts(commands::alerts::Args),
    /// Start no scheduled jobs for a while
    Pause(commands::pause::PauseArgs),
    /// End a pause, or protect a source again
    Resume(commands::pause::ResumeArgs),
    /// Protect a source no longer, and say what becomes of its points
    StopProtection(commands::stop_protection::Args),
    /// Join a vault with its vault credential: this machine then backs up and restores without a passphrase
    Register(commands::register::Args),
    /// Leave the vault: this machine forgets what opens it; its recovery points stay
    Unregister,
    /// Tell which machine and vault this is, how old the newest points are, and whether the vault shows all that was seen
    Status(commands::status::Args),
    /// Check that backups can work here, and tell how to mend what is wrong
    Check(commands::check::Args),
    /// Print a completion script for a shell
    Completions(commands::pages::CompletionsArgs),
    /// Write manual pages
    Man(commands::pages::ManArgs),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        let cli = Cli::try_parse_from(["a", "points", "--vault", "/v", "--json"]).unwrap();
        assert_eq!(cli.globals.vault.as_deref(), Some("/v"));
        let cli = Cli::try_parse_from(["a", "--json", "vault", "key", "list"]).unwrap();
        assert!(cli.globals.json);
    }

    #[test]
    fn a_restore_has_exactly_one_destination() {
        let restore =
            |more: &[&str]| Cli::try_parse_from([&["a", "restore", "latest"], more].concat());
        assert!(restore(&[]).is_err());
        assert!(restore(&["--target", "x", "--original"]).is_err());
        assert!(restore(&["a/b", "--target", "x"]).is_ok());
    }
}
