//! `check`: what backups need, and how to mend what is missing.

mod clock;
mod source;
mod state;
mod vault;

use std::path::PathBuf;

use serde::Serialize;

use crate::fail::{Code, Fail, Result};
use crate::output::{Colour, Out};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is to be backed up: tells whether it can be read and how much space is needed
    paths: Vec<PathBuf>,
}

/// Whether one thing is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    found: String,
    needed: String,
    /// What to do; empty when all is well.
    help: String,
}

impl Check {
    fn new(check: &'static str, needed: &str) -> Self {
        Self {
            check,
            state: State::Ok,
            found: String::new(),
            needed: needed.to_owned(),
            help: String::new(),
        }
    }

    fn ok(self, found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            ..self
        }
    }

    fn warning(self, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            found: found.into(),
            help: help.into(),
            ..self
        }
    }

    fn failed(self, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            state: State::Failed,
            found: found.into(),
            help: help.into(),
            ..self
        }
    }

    fn fail(self, fail: &Fail) -> Self {
        let found = std::iter::once(&fail.message)
            .chain(&fail.causes)
            .cloned()
            .collect::<Vec<_>>()
            .join(": ");
        self.failed(found, fail.help.clone())
    }
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let source = source::measure(&args.paths);
    let mut checks = vec![source::user(), state::directory(agent)];
    checks.extend(state::name(agent));
    let opened = vault::check(agent, &mut checks);
    checks.push(state::free_space(agent, source.as_ref()));
    checks.push(clock::check(opened.as_ref()));
    checks.extend(source.as_ref().map(source::readable));
    if agent.out.json {
        agent.out.document(&checks)?;
    } else {
        let shown = checks
            .iter()
            .filter(|check| !agent.out.quiet || check.state != State::Ok);
        let lines: Vec<_> = shown.map(|check| line(&agent.out, check)).collect();
        if !lines.is_empty() {
            agent.out.text(&lines.join("\n"))?;
        }
    }
    let is_failed = checks.iter().any(|check| check.state == State::Failed);
    Ok(if is_failed { Code::Failed } else { Code::Done })
}

fn line(out: &Out, check: &Check) -> String {
    let (colour, word) = match check.state {
        State::Ok => (Colour::Good, "ok     "),
        State::Warning => (Colour::Doubtful, "warning"),
        State::Failed => (Colour::Bad, "failed "),
    };
    let mut line = format!(
        "{}  {:<16}  {}",
        out.paint(colour, word),
        check.check,
        check.found
    );
    if check.state != State::Ok {
        line.push_str(&format!(
            "\n         {:<16}  needed: {}\n         {:<16}  help: {}",
            "", check.needed, "", check.help
        ));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_have_the_fields_that_tools_read() {
        let check = Check::new("clock", "a sane one").failed("1970", "set it");
        let expected = serde_json::json!({
            "check": "clock", "state": "failed", "found": "1970", "needed": "a sane one", "help": "set it",
        });
        assert_eq!(serde_json::to_value(check).unwrap(), expected);
    }
}
