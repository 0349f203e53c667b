//! Arguments.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use strongroom_crypto::Role;
use strongroom_service::{AgentId, VaultName};

/// Keeps the vaults of many machines
#[derive(Debug, clap::Parser)]
#[command(name = "strongroom-server", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Where the server keeps its certificates and tokens
    #[arg(
        long,
        global = true,
        env = "STRONGROOM_SERVER_STATE_DIR",
        default_value = "/var/lib/strongroom-server"
    )]
    pub(crate) state_dir: PathBuf,
    /// Where the vaults lie; below the state directory unless given
    #[arg(long, global = true, env = "STRONGROOM_SERVER_POOL_DIR")]
    pub(crate) pool_dir: Option<PathBuf>,
    /// Print one JSON document, or one a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make the state, the pool, and a vault in it
    Init {
        /// Name of the vault: 2 to 50 letters, digits and hyphens, a letter first
        #[arg(long)]
        vault: VaultName,
    },
    /// Serve agents until it is interrupted
    Serve {
        /// Where to listen
        #[arg(long, default_value = "0.0.0.0:7443")]
        listen: SocketAddr,
    },
    /// Let machines in
    #[command(subcommand)]
    Credentials(Credentials),
    /// Know and shut out machines
    #[command(subcommand)]
    Agents(Agents),
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Credentials {
    /// Make a token with which a machine can enrol once; earlier ones of the same agent are worthless then
    Issue {
        /// The vault that it may reach
        #[arg(long)]
        vault: VaultName,
        /// What the server calls the machine
        #[arg(long)]
        agent: AgentId,
        /// owner, agent, maintenance or monitor; only an owner can fill a vault that nobody has made yet
        #[arg(long, default_value = "agent", value_parser = role)]
        role: Role,
        /// For how long the token is good, days
        #[arg(long, default_value = "10d", value_parser = days)]
        valid: i64,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Agents {
    /// Make all certificates of a machine worthless, at once
    Disable {
        /// What the server calls it
        agent: AgentId,
    },
    /// Take a machine back that was disabled
    Approve {
        /// What the server calls it
        agent: AgentId,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_str(text).map_err(|error| error.to_string())
}

fn days(text: &str) -> Result<i64, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse().ok());
    days.filter(|days| (1..=365).contains(days))
        .ok_or_else(|| "1d to 365d".to_owned())
}
