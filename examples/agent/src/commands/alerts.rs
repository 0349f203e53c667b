//! `alerts`: what a person should know, until it is over.

use serde_json::{Value, json};
use strongroom_catalog::{Alert, AlertClass, AlertState, Severity};
use strongroom_jobs::alerts::SETTLED_DAYS;

use crate::fail::{Code, Fail, Result};
use crate::journal;
use crate::output::{Colour, human, json};
use crate::run::{Agent, now};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Those that are over, too
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Tell that somebody has seen it and acts
    Ack {
        /// Id of the alert, as `alerts` shows it
        alert: String,
    },
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    if let Some(Command::Ack { alert }) = &args.command {
        return acknowledge(agent, alert);
    }
    let journal = journal::journal(agent)?;
    let mut alerts: Vec<Alert> = journal.with_catalog(now(), |catalog| {
        Ok(catalog
            .snapshot()?
            .alerts()
            .collect::<strongroom_catalog::Result<_>>()?)
    })?;
    alerts.retain(|alert| args.all || alert.is_open());
    if agent.out.json {
        agent
            .out
            .document(&alerts.iter().map(document).collect::<Vec<_>>())?;
    } else {
        agent.out.text(&text(agent, &alerts))?;
    }
    Ok(Code::Done)
}

fn acknowledge(agent: &Agent, id: &str) -> Result<Code> {
    let id = id
        .parse()
        .map_err(|error: strongroom_catalog::ParseIdError| {
            Fail::usage(
                error.to_string(),
                "run `strongroom-agent alerts` to see the ids",
            )
        })?;
    let now = now();
    let alert = journal::journal(agent)?.with_catalog(now, |catalog| {
        Ok(catalog.change(|change| change.acknowledge_alert(id, now))?)
    })?;
    agent.out.result(&document(&alert), || match alert.class {
        AlertClass::Security => {
            format!("alert {id} is taken up; it is shown for {SETTLED_DAYS} days more")
        }
        _ => format!("alert {id} is taken up; it ends when its cause does"),
    })?;
    Ok(Code::Done)
}

fn document(alert: &Alert) -> Value {
    let class = match alert.class {
        AlertClass::Security => "security",
        AlertClass::Job => "job",
        AlertClass::Health => "health",
    };
    json!({
        "alert": alert.id.to_string(),
        "key": alert.key,
        "severity": severity(alert.severity),
        "class": class,
        "code": alert.code,
        "message": alert.message,
        "help": alert.help,
        "source": alert.source.as_ref().map(ToString::to_string),
        "job": alert.job.map(|job| job.to_string()),
        "state": state(alert.state),
        "first_seen_at": json::time(alert.first_seen_at),
        "last_seen_at": json::time(alert.last_seen_at),
        "seen_count": alert.seen_count,
        "acknowledged_at": alert.acknowledged_at.map(json::time),
        "resolved_at": alert.resolved_at.map(json::time),
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "informational",
        Severity::Warning => "warning",
        Severity::Error => "error",
        Severity::Critical => "critical",
    }
}

fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Active => "active",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Resolved => "resolved",
    }
}

fn text(agent: &Agent, alerts: &[Alert]) -> String {
    if alerts.is_empty() {
        return agent.out.paint(Colour::Good, "nothing to tell");
    }
    let now = now();
    let one = |alert: &Alert| {
        let colour = match alert.severity {
            Severity::Critical | Severity::Error => Colour::Bad,
            Severity::Warning | Severity::Informational => Colour::Doubtful,
        };
        let seen = match alert.seen_count {
            1 => human::ago(alert.first_seen_at, now),
            count => format!(
                "{count} times, last {}",
                human::ago(alert.last_seen_at, now)
            ),
        };
        let mut text = format!(
            "{}  {}  {} ({}, {seen})",
            alert.id,
            agent.out.paint(colour, severity(alert.severity)),
            human::clean(&alert.message),
            state(alert.state),
        );
        if let Some(help) = &alert.help {
            text.push_str(&format!("\n    help: {}", human::clean(help)));
        }
        text
    };
    alerts.iter().map(one).collect::<Vec<_>>().join("\n")
}
