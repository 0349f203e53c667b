//! From arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind;
use strongroom::vault::{StoreSettings, VaultUrl};
use strongroom::{Cancel, Clock, SystemClock};
use strongroom_service::client::Gateways;

use crate::cli::{Cli, Command, Globals};
use crate::commands;
use crate::fail::{Code, Fail, Result};
use crate::journal::{self, Current};
use crate::limits;
use crate::output::{JsonArray, Out, human};
use crate::proxy::Proxy;
use crate::settings;
use crate::signals::Interrupts;
use crate::state::State;
use crate::telling;
use crate::throttle::Throttle;

/// What every command works with.
pub(crate) struct Agent {
    pub(crate) globals: Globals,
    pub(crate) out: Out,
    pub(crate) state: State,
    pub(crate) throttle: Arc<Throttle>,
    /// Where requests to clouds go through.
    pub(crate) proxy: Option<Proxy>,
    pub(crate) interrupts: Interrupts,
    pub(crate) current: Current,
}

impl Agent {
    /// A token that Ctrl-C uses from now on.
    pub(crate) fn cancel(&self) -> Cancel {
        self.interrupts.cancel()
    }

    /// From now on every Ctrl-C is told here, and none ends the program.
    pub(crate) fn hear_interrupts(&self, ear: impl Fn() + Send + 'static) {
        self.interrupts.hear(ear);
    }

    /// A JSON array for results of any number.
    pub(crate) fn json_array(&self) -> JsonArray<'_> {
        let dir = self.globals.cache_dir.clone();
        JsonArray::new(&self.out, &dir.unwrap_or_else(settings::default_cache_dir))
    }

    /// A vault's URL with what it is reached with: the environment's settings, the proxy, and this machine's enrolments.
    pub(crate) fn location(&self, url: &str) -> VaultUrl {
        let settings = self.store_settings();
        let settings = match &self.proxy {
            Some(proxy) => settings.with_proxy(proxy.url()),
            None => settings,
        };
        VaultUrl::new(url, settings)
    }

    /// The same, reached without any proxy.
    pub(crate) fn direct_location(&self, url: &str) -> VaultUrl {
        VaultUrl::new(url, self.store_settings().without_proxy())
    }

    fn store_settings(&self) -> StoreSettings {
        let settings = StoreSettings::from_env();
        match self.state.gateways() {
            Ok(dir) => settings.with_gateway(Arc::new(Gateways::new(&dir, now))),
            Err(_) => settings,
        }
    }

    /// Whether points of this machine bear this name: its own, or one that it goes on for.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        let registration = self.state.registration().ok().flatten();
        host == self.host()
            || registration.is_some_and(|it| it.host == host || it.former_hosts.contains(host))
    }

    /// What cannot be remembered is told, and keeps nobody from looking: a rescue system may have no place for it.
    pub(crate) fn note_unkept(&self, kept: Result<()>) {
        if let Err(fail) = kept {
            let message = human::clean(&fail.message);
            self.out
                .note(&format!("note: what was seen is not remembered: {message}"));
        }
    }

    /// Name of this machine.
    pub(crate) fn host(&self) -> String {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    }
}

/// The present instant.
pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    SystemClock.now()
}

pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let (out, outcome) = match Cli::try_parse_from(&args) {
        Ok(cli) => {
            let out = Out::new(&cli.globals);
            (out.clone(), start(cli, out))
        }
        Err(error) => {
            let is_json = args
                .iter()
                .take_while(|arg| *arg != "--")
                .any(|arg| arg == "--json");
            (Out::plain(is_json), usage(&error))
        }
    };
    let code = outcome.unwrap_or_else(|fail| {
        out.failure(&fail);
        fail.code
    });
    ExitCode::from(code as u8)
}

fn start(cli: Cli, out: Out) -> Result<Code> {
    limits::raise_open_files();
    let interrupts = Interrupts::listen()?;
    let (globals, state) = settings::complete(cli.globals)?;
    let throttle = Arc::new(Throttle::of(&state, globals.policy_in_force.as_deref()));
    let proxy = Proxy::of(&globals)?;
    let agent = Agent {
        globals,
        out: out.at_pace(Arc::clone(&throttle)),
        state,
        throttle,
        proxy,
        interrupts,
        current: Current::default(),
    };
    let outcome = match journal::job_of(&agent, &cli.command) {
        Some((new, cancel)) => {
            journal::as_job(&agent, new, cancel, || dispatch(&agent, &cli.command))
        }
        None => dispatch(&agent, &cli.command),
    };
    telling::after(&agent);
    outcome
}

fn dispatch(agent: &Agent, command: &Command) -> Result<Code> {
    match command {
        Command::Vault(command) => commands::vault::run(agent, command),
        Command::Backup(args) => commands::backup::run(agent, args),
        Command::Points(args) => commands::points::run(agent, args),
        Command::Policy(command) => commands::policy::run(agent, command),
        Command::Notices(command) => commands::notices::run(agent, command),
        Command::Ls(args) => commands::ls::run(agent, args),
        Command::Find(args) => commands::find::run(agent, args),
        Command::Cat(args) => commands::cat::run(agent, args),
        Command::Diff(args) => commands::diff::run(agent, args),
        Command::Restore(args) => commands::restore::run(agent, args),
        Command::SystemState(command) => commands::system_state::run(agent, command),
        Command::Browse(args) => commands::browse::run(agent, args),
        Command::Mount(args) => commands::mount::run(agent, args),
        Command::Delete(args) => commands::delete::delete(agent, args),
        Command::Undelete(args) => commands::delete::undelete(agent, args),
        Command::Hold(args) => commands::hold::run(agent, args),
        Command::Expire(args) => commands::expire::run(agent, args),
        Command::Sweep(args) => commands::sweep::run(agent, args),
        Command::Copy(args) => commands::copy::run(agent, args),
        Command::Seed(command) => commands::seed::run(agent, command),
        Command::Verify(args) => commands::verify::run(agent, args),
        Command::Repair(args) => commands::repair::run(agent, args),
        Command::Drill(args) => commands::drill::run(agent, args),
        Command::Daemon(args) => commands::daemon::run(agent, args),
        Command::Jobs(args) => commands::jobs::run(agent, args),
        Command::Alerts(args) => commands::alerts::run(agent, args),
        Command::Pause(args) => commands::pause::pause(agent, args),
        Command::Resume(args) => commands::pause::resume(agent, args),
        Command::StopProtection(args) => commands::stop_protection::run(agent, args),
        Command::Register(args) => commands::register::register(agent, args),
        Command::Unregister => commands::register::unregister(agent),
        Command::Status(args) => commands::status::run(agent, args),
        Command::Check(args) => commands::check::run(agent, args),
        Command::Completions(args) => commands::pages::completions(agent, args),
        Command::Man(args) => commands::pages::man(agent, args),
    }
}

/// Help and version are printed; anything else is bad usage in our own words.
fn usage(error: &clap::Error) -> Result<Code> {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        error.print()?;
        return Ok(Code::Done);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Err(Fail::usage(
            "no command is given",
            "run `strongroom-agent --help` to see the commands",
        ));
    }
    let (message, help) = usage_text(&error.render().to_string());
    Err(Fail::usage(message, help))
}

/// The first paragraph of clap's text is the message; tips and usage are the help.
fn usage_text(text: &str) -> (String, String) {
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        paragraph
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(" ")
    });
    let first = paragraphs.next().unwrap_or_default();
    let message = first
        .strip_prefix("error: ")
        .unwrap_or(&first)
        .trim()
        .to_owned();
    let mut help = Vec::new();
    for paragraph in paragraphs.map(|paragraph| paragraph.trim().to_owned()) {
        if let Some(tip) = paragraph.strip_prefix("tip: ") {
            help.push(tip.to_owned());
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            help.push(format!("usage: {usage}"));
        }
    }
    help.push("`--help` tells more".to_owned());
    (message, help.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(args: &[&str]) -> (String, String) {
        let error = Cli::try_parse_from(args).unwrap_err();
        usage_text(&error.render().to_string())
    }

    #[test]
    fn usage_errors_are_one_line_and_a_next_step() {
        let (message, help) = text_of(&["strongroom-agent", "restore"]);
        assert!(
            message.starts_with("the following required arguments were not provided:"),
            "{message}"
        );
        assert!(
            message.contains("<POINT>") && !message.contains('\n'),
            "{message}"
        );
        assert!(help.contains("usage: strongroom-agent restore"), "{help}");
        let (message, help) = text_of(&["strongroom-agent", "points", "--jsom"]);
        assert!(message.contains("--jsom"), "{message}");
        assert!(help.contains("--json"), "{help}");
    }
}
