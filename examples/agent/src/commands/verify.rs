//! `verify`: checking what the vault holds.

use std::time::Duration;

use strongroom::{Damage, History, VerifyBudget, VerifyLevel, VerifyOptions, VerifyReport};

use crate::access::{self, Access, Need};
use crate::fail::{Code, Result};
use crate::output::progress::Progress;
use crate::output::{Colour, human, json};
use crate::run::{Agent, now};
use crate::values;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read and check all stored bytes, too
    #[arg(long)]
    read_data: bool,
    /// Compare all stored bytes with the hashes in the index: needs no key of content
    #[arg(long, conflicts_with = "read_data")]
    hashes: bool,
    /// Read and check the bytes of this share of the packs, those first that were not read for the longest time
    #[arg(long, value_name = "PERCENT", value_parser = values::percent)]
    sample: Option<f64>,
    /// Do not read again what was found good within this time, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    max_age: Option<Duration>,
    /// Read no more than this: bytes, such as 10G, or a time, such as 2h
    #[arg(long, value_name = "SIZE|DURATION", value_parser = budget)]
    budget: Option<VerifyBudget>,
    /// Only this point: an id, a unique prefix of one, or latest [default: all]
    point: Option<String>,
}

fn budget(text: &str) -> Result<VerifyBudget, String> {
    if let Ok(time) = values::duration(text) {
        return Ok(VerifyBudget::Time(time));
    }
    let help = "a budget is a size, such as 10G, or a time: 90s, 30min, 2h";
    values::bytes(text)
        .map(VerifyBudget::Bytes)
        .map_err(|_| help.to_owned())
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Maintenance)?;
    let vault_id = access.vault_id();
    let mut options = options(agent, args, &access)?;
    options.cancel = agent.cancel();
    let progress = Progress::start(agent);
    let report = access.vault.verify(&options, &progress)?;
    let elapsed = progress.finish();
    if !report.verified.is_empty() {
        let mut verified = options.verified;
        verified.extend(&report.verified);
        agent.note_unkept(agent.state.keep_verified(&vault_id, &verified, now()));
    }
    let remembered = agent.state.remembered(&vault_id)?;
    let history = access.vault.history(&remembered)?;
    let seen = history.remember(&remembered);
    agent.note_unkept(agent.state.remember(&vault_id, &seen));
    let document = json::Verify::new(&report, &history, elapsed.as_secs_f64());
    agent.out.result(&document, || {
        summary(agent, &report, &history, &human::duration(elapsed))
    })?;
    let is_suspect = history
        .findings
        .iter()
        .any(|finding| finding.problem.is_certain());
    Ok(if report.damaged.is_empty() && !is_suspect {
        Code::Done
    } else {
        Code::Damage
    })
}

fn options(agent: &Agent, args: &Args, access: &Access) -> Result<VerifyOptions> {
    let mut options = VerifyOptions::default();
    let reads = args.sample.is_some() || args.budget.is_some() || args.max_age.is_some();
    if args.hashes {
        options.level = VerifyLevel::Hashes;
    } else if args.read_data || reads {
        options.level = VerifyLevel::Data;
    }
    options.sample_percent = args.sample;
    options.budget = args.budget;
    options.max_age = args.max_age;
    // A hash says less than an opened block, so that it is neither looked up nor remembered as one.
    if options.level == VerifyLevel::Data {
        options.verified = agent.state.verified(&access.vault_id())?;
    }
    if let Some(text) = &args.point {
        options.points.push(access.vault.point(text)?.id);
    }
    Ok(options)
}

fn summary(agent: &Agent, report: &VerifyReport, history: &History, elapsed: &str) -> String {
    let head = if report.damaged.is_empty() {
        agent.out.paint(Colour::Good, "no damage found")
    } else {
        agent.out.paint(
            Colour::Bad,
            &format!(
                "damaged: {}",
                human::counted(report.damaged.len() as u64, "object")
            ),
        )
    };
    let mut fields = vec![
        ("points", human::count(report.points_count)),
        ("packs", human::count(report.packs_count)),
        (
            "bytes read and checked",
            human::bytes(report.verified_bytes),
        ),
        ("time", elapsed.to_owned()),
    ];
    if report.packs_left_count > 0 {
        let left = human::count(report.packs_left_count);
        fields.insert(2, ("packs left for another time", left));
    }
    let mut text = format!("{head}\n\n{}", human::fields(&fields));
    text.push_str(&damage_text(&report.damaged));
    if !report.damaged.is_empty() {
        text.push_str("\n\nThe points named above are hurt; the others can be restored. ");
        text.push_str(if report.is_noted {
            "The vault has a notice of the damage: the next backup stores anew what is still at its source, and then \
             `strongroom-agent repair` gives it back to the points that are hurt."
        } else {
            "Back up again what is still at its source, then run `strongroom-agent repair`; or bring back from another \
             copy of the vault what is damaged."
        });
    }
    if !report.superseded.is_empty() {
        let count = human::counted(report.superseded.len() as u64, "object");
        text.push_str(&format!(
            "\n\ndamaged, too, but needed by no point: {count}"
        ));
        text.push_str(&damage_text(&report.superseded));
    }
    text.push_str(&super::seen::history_text(history));
    text
}

fn damage_text(damaged: &[Damage]) -> String {
    let mut text = String::new();
    for damage in damaged {
        text.push_str(&format!(
            "\n\n{}: {}",
            human::clean(&damage.object),
            human::clean(&damage.reason)
        ));
        for point in &damage.points {
            text.push_str(&format!("\n  hurts recovery point {point}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets() {
        assert_eq!(
            budget("2h"),
            Ok(VerifyBudget::Time(Duration::from_secs(7200)))
        );
        assert_eq!(budget("10G"), Ok(VerifyBudget::Bytes(10 << 30)));
        assert_eq!(budget("10m"), Ok(VerifyBudget::Bytes(10 << 20)));
        assert!(budget("much").is_err());
    }
}
