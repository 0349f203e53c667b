//! `policy simulate`: what would exist, and why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use strongroom_policy::{Policy, Scenario, SimulatedPoint, Simulation, simulate};

use super::{file, history, times};
use crate::fail::{Code, Fail, Result};
use crate::output::human::{self, Align};
use crate::run::Agent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Runs begin here
    #[arg(long, value_name = "TIME")]
    from: String,
    /// The time that is asked about; a run due at it is made
    #[arg(long, value_name = "TIME")]
    until: String,
    /// The run due at this time fails
    #[arg(long, value_name = "TIME")]
    fail: Vec<String>,
    /// An ad-hoc point is made at this time
    #[arg(long, value_name = "TIME")]
    adhoc: Vec<String>,
    /// Points that exist before, as `points --json` prints them
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Document<'a> {
    points: Vec<PointDocument<'a>>,
    by_rule: BTreeMap<&'static str, usize>,
    distinct_count: usize,
    runs_count: usize,
    failed_count: usize,
    expired_count: usize,
}

#[derive(Debug, Serialize)]
struct PointDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_point: Option<&'a str>,
    taken_at: String,
    kind: &'static str,
    kept_because: Vec<&'static str>,
    expires_at: Option<String>,
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let read = file::read(&args.policy)?;
    let zone = times::zone(&read.policy);
    let policy = read.policy.policy(zone);
    let scenario = scenario(args, zone)?;
    let history = match &args.history {
        Some(path) => history::read(path)?,
        None => Vec::new(),
    };
    let end = simulate(&policy, &history, &scenario);
    if let Some(at) = end.unmatched_failures.first() {
        return Err(no_run_at(*at, &policy, &scenario));
    }
    if agent.out.json {
        agent.out.document(&document(&end))?;
    } else {
        agent.out.text(&text(&end, zone))?;
    }
    Ok(Code::Done)
}

fn scenario(args: &Args, zone: Tz) -> Result<Scenario> {
    let from = times::instant("--from", &args.from, zone)?;
    let until = times::instant("--until", &args.until, zone)?;
    if until < from {
        let help = "give a time for --until that is not before --from";
        return Err(Fail::usage("--until is before --from", help));
    }
    let mut scenario = Scenario::new(from, until);
    for text in &args.fail {
        scenario = scenario.failing(times::instant("--fail", text, zone)?);
    }
    for text in &args.adhoc {
        scenario = scenario.with_adhoc(times::instant("--adhoc", text, zone)?);
    }
    Ok(scenario)
}

fn no_run_at(at: DateTime<Utc>, policy: &Policy, scenario: &Scenario) -> Fail {
    let zone = policy.time_zone;
    let next = policy.next_after(at).map(|due| due.at);
    let next = next.filter(|due_at| *due_at <= scenario.until);
    let help = match next {
        Some(due_at) => format!(
            "the next run after it is due at {}",
            times::local(due_at, zone)
        ),
        None => "see `policy next` for the times at which runs are due, between --from and --until"
            .to_owned(),
    };
    let shown = times::local(at, zone);
    Fail::usage(format!("no run is due at {shown}, so none can fail"), help)
}

fn document(end: &Simulation<String>) -> Document<'_> {
    Document {
        points: end.points.iter().map(point).collect(),
        by_rule: end
            .by_rule
            .iter()
            .map(|(rule, count)| (rule.as_str(), *count))
            .collect(),
        distinct_count: end.points.len(),
        runs_count: end.runs_count,
        failed_count: end.failed_count,
        expired_count: end.expired_count,
    }
}

fn point(point: &SimulatedPoint<String>) -> PointDocument<'_> {
    let id = point.verdict.id.as_deref();
    PointDocument {
        recovery_point: id.filter(|id| !id.is_empty()),
        taken_at: times::utc(point.verdict.taken_at),
        kind: point.kind.as_str(),
        kept_because: point.verdict.kept_because().collect(),
        expires_at: point.verdict.expires_at().map(times::utc),
    }
}

fn text(end: &Simulation<String>, zone: Tz) -> String {
    let columns = [
        ("taken", Align::Left),
        ("kind", Align::Left),
        ("kept because", Align::Left),
        ("expires", Align::Left),
    ];
    let rows: Vec<_> = end
        .points
        .iter()
        .map(|point| {
            let expires_at = point.verdict.expires_at();
            vec![
                times::shown(point.verdict.taken_at, zone),
                point.kind.as_str().to_owned(),
                point.verdict.kept_because().collect::<Vec<_>>().join(", "),
                expires_at.map_or_else(|| "no date".to_owned(), |at| times::shown(at, zone)),
            ]
        })
        .collect();
    let rules: Vec<_> = end
        .by_rule
        .iter()
        .map(|(rule, count)| format!("{rule} {count}"))
        .collect();
    let points = human::counted(u64::try_from(end.points.len()).unwrap_or(u64::MAX), "point");
    let mut summary = format!("{points} from {} runs", end.runs_count - end.failed_count);
    if !rules.is_empty() {
        summary.push_str(&format!("; by rule: {}", rules.join(", ")));
    }
    if rows.is_empty() {
        summary
    } else {
        format!("{}\n\n{summary}", human::table(&columns, &rows))
    }
}
