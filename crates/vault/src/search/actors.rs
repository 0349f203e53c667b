//! Those who delete, hold, purge and sweep, those who read, and a network that delivers twice.

use bytes::Bytes;
use strongroom_crypto::Role;

use super::process::Process;
use super::settle::read_back;
use super::{World, pause};
use crate::format::{LinkOp, ObjectKind, ObjectName, PackId, Segment, SegmentPack, SessionId};
use crate::wrap::Dice;
use crate::{Error, PackDirectory, Result, SweepOptions, chain, points, sweep};

/// Sweeps now and then; silent sessions are fenced after none, a few or many seconds.
pub(super) async fn sweeper(world: World, number: u64) {
    let name = format!("sweeper {number}");
    let mut dice = world.dice(&name, 0);
    for run in 1..=world.setup.sweeps_count {
        if !world.begin(&name, run, &mut dice, 3000).await {
            return;
        }
        let Ok(process) = Process::start(&world, Role::Maintenance, &name, run).await else {
            continue;
        };
        let patience = [0, 0, 2, 200];
        let at = if world.setup.script.is_some() {
            3
        } else {
            dice.below(4)
        };
        let at = usize::try_from(at).unwrap_or(0);
        let options = SweepOptions {
            fence_after: std::time::Duration::from_secs(patience[at]),
            tidy_from_count: 1,
            ..SweepOptions::default()
        };
        // A sweeper that waits for a session comes back soon.
        for _ in 0..2 {
            let swept = sweep(&process.vault, &process.reader, &options, process.now()).await;
            let Ok(report) = swept else { break };
            let deleted = &world.shadow.packs_deleted_count;
            deleted.set(deleted.get() + report.packs_deleted_count);
            if report.waiting_for.is_empty() {
                break;
            }
            pause(&mut dice, 2000).await;
        }
    }
}

/// Deletes, undeletes, holds, releases and purges points, whichever come.
pub(super) async fn retention(world: World) {
    let mut dice = world.dice("retention", 0);
    let mut process = None;
    for link in 1..=world.setup.links_count {
        if !world.begin("retention", link, &mut dice, 2000).await {
            return;
        }
        let alive = match process.take() {
            Some(alive) => alive,
            None => match Process::start(&world, Role::Owner, "retention", link).await {
                Ok(started) => started,
                Err(_died) => continue,
            },
        };
        let added = if world.setup.script.is_some() {
            purge_all(&world, &alive).await
        } else {
            add_link(&world, &alive, &mut dice).await
        };
        if added.is_ok() {
            process = Some(alive);
        }
    }
}

async fn add_link(world: &World, process: &Process, dice: &mut Dice) -> Result<()> {
    let vault = &process.vault;
    let all = points::all(vault).await?;
    let Some(point) = all.get(usize::try_from(dice.below(all.len() as u64)).unwrap_or(0)) else {
        return Ok(());
    };
    let ops: &[LinkOp] = match dice.below(10) {
        0 => &[LinkOp::Hold],
        1 => &[LinkOp::Release],
        2 => &[LinkOp::Delete, LinkOp::Undelete],
        3 => &[LinkOp::Undelete],
        4 => &[LinkOp::Hold, LinkOp::Delete, LinkOp::Purge],
        _ => &[LinkOp::Delete, LinkOp::Purge],
    };
    for op in ops {
        let was = world
            .shadow
            .get(point.sid)
            .is_some_and(|seen| seen.may_be_gone);
        let is_purge = *op == LinkOp::Purge;
        if is_purge {
            world.shadow.note(point.sid, |seen| seen.may_be_gone = true);
        }
        match chain::append(vault, point, *op, None, "search", process.now()).await {
            // A purge that was refused purges nothing; only one that nobody answered may have.
            Err(Error::NotInThisState { .. }) if is_purge => {
                world.shadow.note(point.sid, |seen| seen.may_be_gone = was);
            }
            Ok(_) | Err(Error::NotInThisState { .. } | Error::NameTaken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Purges whatever stands.
async fn purge_all(world: &World, process: &Process) -> Result<()> {
    let vault = &process.vault;
    for point in points::all(vault).await? {
        if chain::of_point(vault, &point).await?.is_gone() {
            continue;
        }
        let shadow = &world.shadow;
        shadow.note(point.sid, |seen| seen.may_be_gone = true);
        for op in [LinkOp::Delete, LinkOp::Purge] {
            chain::append(vault, &point, op, None, "search", process.now()).await?;
        }
    }
    Ok(())
}

/// Reads points that stand; a reader lives long and remembers where things were.
pub(super) async fn reader(world: World, number: u64) {
    let name = format!("reader {number}");
    let mut dice = world.dice(&name, 0);
    let Ok(process) = Process::start(&world, Role::Agent, &name, 1).await else {
        return;
    };
    for _ in 0..6 {
        pause(&mut dice, 3000).await;
        let Ok(all) = points::all(&process.vault).await else {
            return;
        };
        for point in all {
            let Some(seen) = world.shadow.get(point.sid) else {
                continue;
            };
            let outcome = read_back(&process.reader, &seen).await;
            let is_wrong = match &outcome {
                Err(error) => error.is_corruption(),
                Ok(is_same) => !is_same,
            };
            // What was purged meanwhile may go under the reader's hands.
            let decided = points::decision(&process.vault, &point).await;
            let is_point = matches!(decided, Ok(Some(true)));
            let may_be_gone = world
                .shadow
                .get(point.sid)
                .is_some_and(|seen| seen.may_be_gone);
            if is_wrong && is_point && !may_be_gone {
                let what = format!("a reader cannot read {}: {outcome:?}", point.sid);
                world.shadow.lose(what);
            }
        }
    }
}

/// Has a key of the index, as every agent, and names a pack that is not there as the home of all that it finds.
pub(super) async fn liar(world: World, number: u64) {
    let name = format!("liar {number}");
    let mut dice = world.dice(&name, 0);
    for lie in 1..=2 {
        if !world.begin(&name, lie, &mut dice, 5000).await {
            return;
        }
        if let Ok(process) = Process::start(&world, Role::Agent, &name, lie).await {
            let _lied = tell_a_lie(&process, &mut dice).await;
        }
    }
}

async fn tell_a_lie(process: &Process, dice: &mut Dice) -> Result<()> {
    let vault = &process.vault;
    for kind in [ObjectKind::DataPack, ObjectKind::MetaPack] {
        let mut moved = Vec::new();
        let packs = PackDirectory::list(vault).await?;
        for pack in packs.packs().filter(|pack| pack.kind == kind) {
            let toc = process.reader.toc(pack.pack_id, kind).await?;
            let births = toc.blocks().iter().map(|row| row.birth);
            moved.extend(births.zip(u16::try_from(moved.len()).unwrap_or(0)..));
        }
        // The first of all ids: of two packs that keep the same, a sweep takes it.
        let mut id = [0; 16];
        id[15] = u8::try_from(dice.below(256)).unwrap_or(0);
        let lie = SegmentPack {
            pack_id: PackId::from_bytes(id),
            kind,
            object_bytes: 1000,
            toc_len: 100,
            block_count: u32::try_from(moved.len()).unwrap_or(0),
            blake3: [0; 32],
            moved,
            writer: None,
        };
        let segment = Segment {
            packs: vec![lie],
            entries: Vec::new(),
        };
        let mut random = [0; 10];
        vault.entropy().fill(&mut random)?;
        let name = ObjectName::Segment {
            domain: *vault.domain_id(),
            session: SessionId::new(0, random),
            number: 0,
        };
        let object = segment.seal(vault.toc_key()?, vault.id(), &**vault.entropy())?;
        let object = Bytes::from(object);
        vault
            .store()
            .create_once(&name.to_string(), &[object])
            .await?;
    }
    Ok(())
}

/// Delivers writes a second time, late.
pub(super) async fn network(world: World) {
    let mut dice = world.dice("network", 0);
    for delivery in 1..=40 {
        if !world.begin("network", delivery, &mut dice, 6000).await {
            return;
        }
        if world.setup.script.is_some() {
            while world.network.deliver(0).await.is_ok_and(|left| left > 0) {}
            continue;
        }
        let _left = world
            .network
            .deliver(usize::try_from(dice.below(4)).unwrap_or(0))
            .await;
    }
}
