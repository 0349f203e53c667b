//! `daemon`: runs what is due when it is due, in the foreground, until it is told to stop.

mod bell;
mod child;
mod host;
mod notify;
mod rules;
mod tidy;

use std::path::Path;
use std::sync::Arc;

use strongroom_catalog::{JobKind, NewJob};
use strongroom_jobs::daemon::{Asked, Message, SystemDaemonClock};
use strongroom_jobs::socket::{Client, Listeners, Reply, Request, Server};
use strongroom_jobs::{Daemon, Event, Journal};

use crate::access;
use crate::fail::{Code, Fail, Result};
use crate::journal;
use crate::run::{Agent, now};
use bell::Bell;
use host::AgentHost;
use notify::Supervisor;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Start backups of the schedule later by up to so many seconds, each time the same for one run of this machine
    #[arg(long, value_name = "SECS", default_value_t = 0)]
    jitter: u32,
    /// How many jobs run at once
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    access::required_place(agent)?;
    let _lock = agent.state.lock_daemon()?;
    let started_at = now();
    let journal = journal::journal(agent)?;
    for job in journal.give_up_scheduled(started_at)? {
        let id = job.id;
        agent.out.note(&format!(
            "note: job {id} was never begun by the daemon before"
        ));
    }
    let listeners = Listeners::default();
    let server = Server::bind(&agent.state.socket()?, listeners.clone())?;
    let bell = Bell::hang(agent, listeners.clone())?;
    let host = AgentHost::new(agent, args, journal.clone(), listeners, bell.clone())?;
    let clock = SystemDaemonClock;
    let daemon = Daemon::new(&host, &clock);
    let answer = answer(journal, daemon.sender(), bell.clone(), started_at);
    let serve = move || server.serve(answer);
    let spawned = std::thread::Builder::new()
        .name("socket".to_owned())
        .spawn(serve);
    spawned.map_err(|error| {
        let help = "raise the limit of threads (ulimit -u), then run it again";
        Fail::new(Code::Failed, "cannot listen at the socket", help).because(&error)
    })?;
    agent.interrupts.tell_daemon(daemon.sender());
    host.show(&Event::Ready {
        at: started_at,
        process: std::process::id(),
    });
    Supervisor.tell("READY=1");
    bell.ring();
    daemon.run();
    bell.take_down();
    Ok(match agent.interrupts.is_interrupted() {
        true => Code::Cancelled,
        false => Code::Done,
    })
}

/// Answers what clients want. What they want run is written down before they hear of it.
fn answer(
    journal: Journal,
    daemon: std::sync::mpsc::Sender<Message>,
    bell: Bell,
    since: chrono::DateTime<chrono::Utc>,
) -> Arc<dyn Fn(Request) -> Reply + Send + Sync> {
    let daemon = std::sync::Mutex::new(daemon);
    let send = move |message| {
        let daemon = daemon
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match daemon.send(message) {
            Ok(()) => Reply::Done,
            Err(_) => refused("the daemon is stopping"),
        }
    };
    Arc::new(move |request| match request {
        Request::Run { duty, args, dir } => {
            if duty.kind != JobKind::Backup || !args.iter().any(|word| word == "backup") {
                return refused("only backups are run on request");
            }
            let new = NewJob::new(duty.kind.clone(), duty.source.clone());
            let job = match journal.schedule(new, now()) {
                Ok(job) => job.id,
                Err(error) => return refused(&error.to_string()),
            };
            let asked = Asked {
                duty,
                job: Some(job),
                args,
                dir,
            };
            match send(Message::Ask(asked)) {
                Reply::Done => Reply::Scheduled { job },
                reply => reply,
            }
        }
        Request::Wake => {
            bell.ring();
            send(Message::Wake)
        }
        Request::Status => Reply::Status {
            process: std::process::id(),
            since,
        },
        _ => refused("this version does not know that"),
    })
}

fn refused(reason: &str) -> Reply {
    Reply::Refused {
        reason: reason.to_owned(),
    }
}

/// Tells a daemon that something has changed; true if one runs. It looks by itself within a minute.
pub(crate) fn wake(agent: &Agent) -> bool {
    let asked = agent.state.socket().and_then(|socket| {
        let client = Client::connect(&socket)?;
        Ok(client.ask(&Request::Wake)?)
    });
    matches!(asked, Ok(Reply::Done))
}

/// The global flags of this process, as they mean the same in another directory and with another environment.
pub(crate) fn global_words(agent: &Agent) -> Result<Vec<String>> {
    let globals = &agent.globals;
    let mut words = Vec::new();
    let mut flag = |name: &str, value: String| words.push(format!("--{name}={value}"));
    flag("state-dir", absolute_text(agent.state.dir()?)?);
    if let Some(url) = &globals.vault {
        flag("vault", access::absolute(url)?);
    }
    let paths = [
        ("passphrase-file", &globals.passphrase_file),
        ("config", &globals.config),
        ("cache-dir", &globals.cache_dir),
        ("proxy-password-file", &globals.proxy_password_file),
    ];
    for (name, path) in paths {
        if let Some(path) = path {
            flag(name, absolute_text(path)?);
        }
    }
    if let Some(command) = &globals.passphrase_command {
        flag("passphrase-command", command.clone());
    }
    if let Some(bytes) = globals.max_memory {
        flag("max-memory", bytes.to_string());
    }
    // A password is not for the eyes of everybody who lists processes.
    if let Some(proxy) = &agent.proxy {
        flag("proxy", proxy.shown());
    }
    Ok(words)
}

/// An absolute path as text.
pub(crate) fn absolute_text(path: &Path) -> Result<String> {
    let help = "use a path that is text in UTF-8";
    let fail = || Fail::usage(format!("{} is no usable path", path.display()), help);
    let absolute = std::path::absolute(path).map_err(|error| fail().because(&error))?;
    absolute.to_str().map(str::to_owned).ok_or_else(fail)
}
