//! `verify`: checking what the vault holds.

use strongroom::{VerifyOptions, VerifyReport};

use crate::access::{self, Need};
use crate::fail::{Code, Result};
use crate::output::progress::Progress;
use crate::output::{Colour, human, json};
use crate::run::Agent;
use crate::values;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Read and check all stored bytes, too
    #[arg(long)]
    read_data: bool,
    /// Read and check the bytes of this share of the packs
    #[arg(long, value_name = "PERCENT", value_parser = values::percent)]
    sample: Option<f64>,
    /// Only this point: an id, a unique prefix of one, or latest [default: all]
    point: Option<String>,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let mut options = VerifyOptions::default();
    options.read_data = args.read_data || args.sample.is_some();
    options.sample_percent = args.sample;
    if let Some(text) = &args.point {
        options.points.push(access.vault.point(text)?.id);
    }
    options.cancel = agent.cancel();
    let progress = Progress::start(&agent.out);
    let report = access.vault.verify(&options, &progress)?;
    let elapsed = progress.finish();
    agent
        .out
        .result(&json::Verify::new(&report, elapsed.as_secs_f64()), || {
            summary(agent, &report, &human::duration(elapsed))
        })?;
    Ok(if report.damaged.is_empty() {
        Code::Done
    } else {
        Code::Damage
    })
}

fn summary(agent: &Agent, report: &VerifyReport, elapsed: &str) -> String {
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
    let fields = [
        ("points", human::count(report.points_count)),
        ("packs", human::count(report.packs_count)),
        (
            "bytes read and checked",
            human::bytes(report.verified_bytes),
        ),
        ("time", elapsed.to_owned()),
    ];
    let mut text = format!("{head}\n\n{}", human::fields(&fields));
    for damage in &report.damaged {
        text.push_str(&format!(
            "\n\n{}: {}",
            human::clean(&damage.object),
            human::clean(&damage.reason)
        ));
        for point in &damage.points {
            text.push_str(&format!("\n  hurts recovery point {point}"));
        }
    }
    if !report.damaged.is_empty() {
        text.push_str("\n\nThe points named above are hurt; the others can be restored. Bring back from another copy of \
                       the vault what is damaged, or back up again what is still at its source.");
    }
    text
}
