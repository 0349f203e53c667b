//! `notices`: who hears of alerts, and whether notices arrive.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use strongroom_notices::{
    Audience, Channels, Error, Failing, Frequency, Notice, Settings, test_notices,
};

use crate::fail::{Code, Fail, Result};
use crate::output::{Colour, human, json as json_output, tell};
use crate::run::{Agent, now};
use crate::settings;
use crate::telling::{Desk, sent, with_proxy};

/// How long another process that tells is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Send a test notice through every channel, and tell which failed and what to do
    Test(TestArgs),
    /// Show who hears of what, and whom notices do not reach
    Show,
    /// Tell what is due
    #[command(hide = true)]
    Deliver,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Only this channel: mail, journal, or the name of a webhook or command
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
}

pub(crate) fn run(agent: &Agent, command: &Command) -> Result<Code> {
    let settings = || {
        let settings = settings::notices(&agent.globals, &agent.state, &agent.host())?;
        Ok::<_, Fail>(with_proxy(&agent.globals, settings))
    };
    match command {
        Command::Test(args) => test(agent, &settings()?, args),
        Command::Show => show(agent, &settings()?),
        Command::Deliver => deliver(agent),
    }
}

/// Tells what is due, once whoever tells just now has ended.
fn deliver(agent: &Agent) -> Result<Code> {
    let mut desk = Desk::new(agent)?;
    let until = Instant::now() + PATIENCE;
    let mut teller = loop {
        match desk.teller()? {
            Some(teller) => break teller,
            None if Instant::now() < until => std::thread::sleep(POLL),
            None => {
                return Err(Fail::new(
                    Code::Busy,
                    "another process tells",
                    "wait for it",
                ));
            }
        }
    };
    let round = desk.round(&mut teller)?;
    match round.troubles.into_iter().next() {
        Some(fail) => Err(fail),
        None => Ok(Code::Done),
    }
}

fn test(agent: &Agent, settings: &Settings, args: &TestArgs) -> Result<Code> {
    let channels = Channels::new(settings, Box::new(tell));
    let is_asked = |notice: &Notice| match &args.channel {
        Some(name) => notice.destination.channel == *name,
        None => true,
    };
    let notices: Vec<Notice> = test_notices(settings, now())
        .into_iter()
        .filter(is_asked)
        .collect();
    if notices.is_empty() {
        let name = args.channel.clone().unwrap_or_default();
        let help = "run `strongroom-agent notices show` to see which channels there are";
        return Err(Fail::usage(format!("there is no channel {name:?}"), help));
    }
    let outcomes: Vec<(Notice, Option<Error>)> = notices
        .into_iter()
        .map(|notice| {
            let error = channels.send(&notice).err();
            (notice, error)
        })
        .collect();
    let has_failed = outcomes.iter().any(|(_, error)| error.is_some());
    let document: Vec<Value> = outcomes.iter().map(outcome_document).collect();
    agent.out.result(&document, || {
        let lines: Vec<String> = outcomes
            .iter()
            .map(|outcome| outcome_text(agent, outcome))
            .collect();
        lines.join("\n")
    })?;
    Ok(if has_failed { Code::Failed } else { Code::Done })
}

fn outcome_document((notice, error): &(Notice, Option<Error>)) -> Value {
    json!({
        "channel": notice.destination.channel,
        "recipient": notice.destination.recipient,
        "state": if error.is_some() { "failed" } else { "ok" },
        "error": error.as_ref().map(reason),
        "help": error.as_ref().map(Error::help),
    })
}

fn outcome_text(agent: &Agent, (notice, error): &(Notice, Option<Error>)) -> String {
    let to = human::clean(&notice.destination.to_string());
    match error {
        None => format!("{}      {to}", agent.out.paint(Colour::Good, "ok")),
        Some(error) => format!(
            "{}  {to}: {}\n        help: {}",
            agent.out.paint(Colour::Bad, "failed"),
            human::clean(&reason(error)),
            error.help()
        ),
    }
}

fn reason(error: &Error) -> String {
    let fail = Fail::usage(error.to_string(), "");
    match std::error::Error::source(error) {
        Some(cause) => {
            let fail = fail.because(cause);
            [&[fail.message][..], &fail.causes].concat().join(": ")
        }
        None => fail.message,
    }
}

fn show(agent: &Agent, settings: &Settings) -> Result<Code> {
    let sent = sent(&agent.state)?;
    let failing = |audience: &Audience| {
        let name = audience.destination.to_string();
        let mut all = sent.failing();
        all.find(|(failing, _)| *failing == name)
            .map(|(_, failing)| failing.clone())
    };
    let audiences: Vec<(Audience, Option<Failing>)> = settings
        .audiences()
        .into_iter()
        .map(|audience| {
            let failing = failing(&audience);
            (audience, failing)
        })
        .collect();
    let document = json!({
        "machine": settings.machine,
        "frequency": frequency(settings.frequency),
        "resolutions": settings.resolutions,
        "destinations": audiences.iter().map(audience_document).collect::<Vec<_>>(),
    });
    agent.out.result(&document, || text(settings, &audiences))?;
    Ok(Code::Done)
}

fn frequency(frequency: Frequency) -> &'static str {
    match frequency {
        Frequency::Each => "each",
        Frequency::Hourly => "hourly",
    }
}

fn audience_document((audience, failing): &(Audience, Option<Failing>)) -> Value {
    let failing = failing.as_ref();
    json!({
        "channel": audience.destination.channel,
        "recipient": audience.destination.recipient,
        "severities": audience.severities,
        "failing_since": failing.map(|failing| json_output::time(failing.since)),
        "next_at": failing.map(|failing| json_output::time(failing.next_at)),
        "reason": failing.map(|failing| &failing.reason),
    })
}

fn text(settings: &Settings, audiences: &[(Audience, Option<Failing>)]) -> String {
    let how = match settings.frequency {
        Frequency::Each => "each alert at once",
        Frequency::Hourly => "once an hour what is not over; security at once",
    };
    let mut lines = vec![format!("{} tells {how}:", human::clean(&settings.machine))];
    for (audience, failing) in audiences {
        let severities = audience.severities.iter().rev();
        let mut words: Vec<String> = severities
            .map(|severity| format!("{severity:?}").to_lowercase())
            .collect();
        words.insert(0, "security".to_owned());
        let to = human::clean(&audience.destination.to_string());
        lines.push(format!("  {to}: {}", words.join(", ")));
        lines.extend(failing.iter().map(|failing| {
            let since = human::time(failing.since);
            format!(
                "    not reached since {since}: {}",
                human::clean(&failing.reason)
            )
        }));
    }
    lines.join("\n")
}
