//! What must be true in the end: every point that nobody purged gives back its bytes, and nothing else is left.

use std::collections::BTreeSet;

use strongroom_crypto::Role;

use super::process::Process;
use super::shadow::{Expected, bytes_of};
use super::{Outcome, World};
use crate::format::{ListPiece, ObjectKind};
use crate::sweep::leftovers;
use crate::{BlockReader, Result, SweepOptions, chain, points, sweep};

/// With everybody gone, one undisturbed sweeper runs the open cycle and two more; then all is checked.
pub(super) async fn settle(world: &World) -> Result<Outcome, String> {
    let told = |error: crate::Error| format!("in the end: {error:?}");
    while world.network.deliver(0).await.is_ok_and(|left| left > 0) {}
    let mut calm = world.clone();
    calm.setup.deaths = 0;
    calm.setup.page_entries = usize::MAX;
    calm.network = crate::wrap::Faulty::new(world.memory.clone(), |_| crate::wrap::Fate::Pass);
    let started = Process::start(&calm, Role::Owner, "in the end", 0).await;
    let process = started.map_err(told)?;
    if let Some(loss) = world.shadow.first_loss() {
        return Err(loss);
    }
    check_points(world, &process).await?;
    let options = SweepOptions {
        fence_after: std::time::Duration::ZERO,
        tidy_from_count: 1,
        ..SweepOptions::default()
    };
    let mut deleted = world.shadow.packs_deleted_count.get();
    for _ in 0..3 {
        let swept = sweep(&process.vault, &process.reader, &options, process.now()).await;
        deleted += swept.map_err(told)?.packs_deleted_count;
    }
    let started = Process::start(&calm, Role::Owner, "in the end", 1).await;
    let process = started.map_err(told)?;
    let points_count = check_points(world, &process).await?;
    let left = leftovers(&process.vault, &process.reader)
        .await
        .map_err(told)?;
    if !left.is_empty() {
        return Err(format!("nothing needs {left:?}"));
    }
    let (operations_count, trace) = world.shadow.trace().get();
    Ok(Outcome {
        operations_count,
        points_count,
        packs_deleted_count: deleted,
        trace,
    })
}

/// All points that must stand, and all that do, can be read.
async fn check_points(world: &World, process: &Process) -> Result<u64, String> {
    let told = |error: crate::Error| format!("in the end: {error:?}");
    let vault = &process.vault;
    let mut standing = BTreeSet::new();
    for point in points::all(vault).await.map_err(told)? {
        let chain = chain::of_point(vault, &point).await.map_err(told)?;
        let is_point = points::decision(vault, &point).await.map_err(told)? == Some(true);
        if !is_point || chain.is_gone() {
            continue;
        }
        standing.insert(point.sid);
        let expected = world.shadow.get(point.sid);
        let expected = expected.ok_or_else(|| format!("nobody made {}", point.sid))?;
        match read_back(&process.reader, &expected).await {
            Ok(true) => {}
            outcome => return Err(format!("{} is lost: {outcome:?} {expected:?}", point.sid)),
        }
    }
    for expected in world.shadow.all() {
        let sid = expected.point.sid;
        let must_stand = expected.is_acknowledged && !expected.may_be_gone;
        if must_stand && !standing.contains(&sid) {
            return Err(format!("{sid} was committed, not purged, and is not there"));
        }
    }
    Ok(standing.len() as u64)
}

/// Whether a point gives back what it was made of.
pub(super) async fn read_back(reader: &BlockReader, expected: &Expected) -> Result<bool> {
    for (content, at) in &expected.contents {
        let raw = reader.chunk(*at, ObjectKind::DataPack).await?;
        if raw != bytes_of(*content) {
            return Ok(false);
        }
    }
    reader.chunk(expected.tree, ObjectKind::MetaPack).await?;
    let list = reader.chunk(expected.list, ObjectKind::MetaPack).await?;
    Ok(ListPiece::decode(&list).is_ok())
}
