//! A function for each command.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use strongroom::{Clock as _, SystemClock};
use strongroom_crypto::Role;
use strongroom_service::gateway::{
    Authority, Clock, FileTokens, Gateway, Limits, Pool, Revocations, Settings,
};
use strongroom_service::{AgentId, Identity, VaultName};
use strongroom_vault::format::VaultConfig;

use crate::cli::{Agents, Cli, Command, Credentials};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn now() -> DateTime<Utc> {
    SystemClock.now()
}

pub(crate) fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Init { vault } => init(cli, vault),
        Command::Serve { listen } => serve(cli, *listen),
        Command::Credentials(Credentials::Issue {
            vault,
            agent,
            role,
            valid,
        }) => issue(cli, vault, agent, *role, *valid),
        Command::Agents(Agents::Disable { agent }) => {
            Ok(Revocations::open(&cli.state_dir).revoke(agent)?)
        }
        Command::Agents(Agents::Approve { agent }) => {
            Ok(Revocations::open(&cli.state_dir).readmit(agent)?)
        }
    }
}

fn pool_dir(cli: &Cli) -> PathBuf {
    cli.pool_dir
        .clone()
        .unwrap_or_else(|| cli.state_dir.join("pool"))
}

fn tell(cli: &Cli, document: &Value, text: &str) {
    if cli.json {
        println!("{document}");
    } else {
        println!("{text}");
    }
}

fn init(cli: &Cli, vault: &VaultName) -> Result<()> {
    Authority::open(&cli.state_dir, now())?;
    let path = Pool::add_vault(&pool_dir(cli), vault)?
        .display()
        .to_string();
    let text = format!(
        "vault {vault} lies in {path}\nnext: strongroom-agent vault init --vault {path}; then strongroom-server credentials issue --vault {vault} --agent NAME"
    );
    tell(cli, &json!({"vault": vault, "path": path}), &text);
    Ok(())
}

fn serve(cli: &Cli, listen: SocketAddr) -> Result<()> {
    let settings = Settings {
        state_dir: cli.state_dir.clone(),
        pool_dir: pool_dir(cli),
        limits: Limits::default(),
        clock: Clock::new(now),
    };
    let tokens = Arc::new(FileTokens::open(&cli.state_dir)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let (interrupt, interrupted) = tokio::sync::oneshot::channel();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || signals.forever().next().map(|_| interrupt.send(())));
    runtime.block_on(async {
        let gateway = Gateway::bind(settings, tokens, listen).await?;
        let address = gateway.address()?;
        tell(
            cli,
            &json!({"event": "listening", "address": address.to_string()}),
            &format!("listening on {address}"),
        );
        gateway
            .serve(async {
                // A thread that dies sends nothing, and that ends it, too.
                let _ended = interrupted.await;
            })
            .await;
        Ok(())
    })
}

fn issue(cli: &Cli, vault: &VaultName, agent: &AgentId, role: Role, days: i64) -> Result<()> {
    let config = pool_dir(cli)
        .join("vaults")
        .join(vault.as_str())
        .join("config");
    let domain = match role {
        Role::Owner => None,
        _ => {
            let content = std::fs::read(&config).map_err(|error| {
                format!(
                    "nobody has made the vault yet, which an owner does ({}: {error})",
                    config.display()
                )
            })?;
            VaultConfig::parse_unverified(&content)?
                .domains
                .first()
                .copied()
        }
    };
    let identity = Identity {
        agent: agent.clone(),
        role,
        vault: vault.clone(),
        domain,
    };
    let now = now();
    let authority = Authority::open(&cli.state_dir, now)?;
    let token = FileTokens::open(&cli.state_dir)?.issue(&identity, now + TimeDelta::days(days))?;
    let document = json!({
        "vault": vault,
        "agent": agent,
        "role": role.to_string(),
        "token": token.secret,
        "expires_at": token.expires_at,
        "authority_pem": authority.certificate_pem(),
    });
    println!("{document:#}");
    Ok(())
}
