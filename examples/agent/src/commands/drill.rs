//! `drill`: really restoring a point, and remembering that it worked.

use std::path::PathBuf;

use serde_json::json;
use strongroom::{DrillReport, PointView};
use strongroom_catalog::{Drill, PointId, SourceName};

use crate::access::{self, Access, Need};
use crate::commands::restore;
use crate::fail::{Code, Fail, Result};
use crate::output::progress::Progress;
use crate::output::{Colour, human, json};
use crate::run::{Agent, now};
use crate::settings;
use crate::state::{Proven, make_private_dir};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A directory with room for the whole point; what is restored there is removed again [default: the cache directory]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// With latest: the newest point of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The point: an id, a unique prefix of one, or latest
    #[arg(default_value = "latest")]
    point: String,
}

impl Args {
    pub(crate) fn source(&self) -> Option<String> {
        self.source.clone()
    }
}

pub(crate) fn run(agent: &Agent, args: &Args) -> Result<Code> {
    let access = access::open(agent, Need::Any)?;
    let vault_id = access.vault_id();
    let point = match (&args.source, args.point.as_str()) {
        (Some(source), "latest") => restore::newest(standing(&access)?, Some(source), None)?,
        _ => access.vault.point(&args.point)?,
    };
    let chosen = args.scratch.clone().or(agent.globals.cache_dir.clone());
    let dir = chosen.unwrap_or_else(settings::default_cache_dir);
    let fail = |error| Fail::own_file("make a scratch directory in", &dir, &error);
    make_private_dir(&dir).map_err(fail)?;
    let scratch = tempfile::Builder::new()
        .prefix("drill-")
        .tempdir_in(&dir)
        .map_err(fail)?;
    let progress = Progress::start(agent);
    let report = access
        .vault
        .drill(&point.id, scratch.path(), &agent.cancel(), &progress)?;
    let elapsed = progress.finish();
    let is_proven = report.problems_count == 0;
    agent.current.note_drill(noted(&point, &report));
    if is_proven {
        let mut drills = agent.state.drills(&vault_id)?;
        let proven = Proven {
            point: point.id,
            at: now(),
        };
        drills.insert(point.source.clone(), proven);
        agent.state.keep_drills(&vault_id, &drills)?;
    }
    let document = json!({
        "recovery_point": point.id.to_string(),
        "source": point.source,
        "is_proven": is_proven,
        "entries_count": report.entries_count,
        "written_bytes": report.written_bytes,
        "problems": json::skipped(&report.problems),
        "problems_count": report.problems_count,
        "elapsed_secs": elapsed.as_secs_f64(),
    });
    agent.out.result(&document, || {
        summary(agent, &point, &report, &human::duration(elapsed))
    })?;
    Ok(if is_proven { Code::Done } else { Code::Damage })
}

/// Points that are not deleted, newest first.
fn standing(access: &Access) -> Result<Vec<PointView>> {
    let mut points = access.vault.points()?;
    points.retain(|point| point.deleted_at.is_none());
    Ok(points)
}

fn noted(point: &PointView, report: &DrillReport) -> Drill {
    let source = SourceName::local(point.source.clone());
    let mut drill = Drill::new(source, PointId::new(point.id.to_string()), now());
    drill.files_count = report.entries_count;
    drill.restored_bytes = report.written_bytes;
    drill.differing_count = report.problems_count;
    drill
}

fn summary(agent: &Agent, point: &PointView, report: &DrillReport, elapsed: &str) -> String {
    let head = if report.problems_count == 0 {
        agent.out.paint(Colour::Good, "proven restorable")
    } else {
        agent.out.paint(Colour::Bad, "not restorable as it was")
    };
    let fields = [
        ("entries compared", human::count(report.entries_count)),
        ("bytes restored", human::bytes(report.written_bytes)),
        ("time", elapsed.to_owned()),
    ];
    let source = human::clean(&point.source);
    let mut text = format!(
        "{head}: recovery point {} of {source}\n\n{}",
        point.id,
        human::fields(&fields)
    );
    text.push_str(&human::skipped(&report.problems, report.problems_count));
    text
}
