//! A search through schedules of real code: writers, sweepers, readers and retention on one store in memory.
//!
//! Every actor has a store of its own around the shared one, which makes each operation wait by a clock that stands
//! still: tokio's paused time jumps to whoever is next. Nothing else takes time, all runs on one thread, and random
//! numbers come from the seed, so that a seed is a schedule. How long an actor's operations take changes now and then,
//! from a millisecond to half a minute: that lets one sleep while others run whole cycles.
//!
//! [`shadow`] knows what every point must give back. What the search looks for is in [`settle`].

mod actors;
mod process;
mod rules;
mod script;
mod settle;
mod shadow;
mod tests;
mod writer;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::{LocalBoxFuture, join_all};

use crate::wrap::{Dice, Faulty, Memory, Weather};
use process::Origin;
use shadow::Shadow;

/// Who takes part, and what goes wrong.
#[derive(Clone, Copy, Debug)]
struct Setup {
    writers_count: u64,
    /// Backups of each writer.
    backups_count: u64,
    sweepers_count: u64,
    /// Sweeps of each sweeper.
    sweeps_count: u64,
    /// Links that retention adds.
    links_count: u64,
    readers_count: u64,
    /// Agents that write into the index what is not so.
    liars_count: u64,
    /// Different contents there are in all.
    contents_count: u64,
    /// Entries of a page of a listing.
    page_entries: usize,
    /// Operations of a thousand at which a process dies.
    deaths: u16,
    weather: Weather,
    /// What dice do not decide.
    script: Option<&'static script::Script>,
}

/// How a schedule went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    operations_count: u64,
    points_count: u64,
    packs_deleted_count: u64,
    /// Hash over all operations, in order.
    trace: u64,
}

/// What several actors share.
#[derive(Clone)]
struct World {
    origin: &'static Origin,
    memory: Arc<Memory>,
    /// The store that all others are around; it has the weather.
    network: Arc<Faulty>,
    shadow: Rc<Shadow>,
    began: (DateTime<Utc>, tokio::time::Instant),
    seed: u64,
    setup: Setup,
}

/// Runs one schedule; an error says what was lost or left over.
fn run(setup: Setup, seed: u64) -> Result<Outcome, String> {
    let origin = Origin::shared();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let local = async {
        let memory = origin.memory.fork();
        let judge = setup.weather.judge(seed);
        let world = World {
            origin,
            network: Faulty::new(memory.clone(), judge),
            began: (memory.now(), tokio::time::Instant::now()),
            memory,
            shadow: Rc::default(),
            seed,
            setup,
        };
        join_all(actors(&world)).await;
        settle::settle(&world).await
    };
    runtime.block_on(local)
}

fn actors(world: &World) -> Vec<LocalBoxFuture<'static, ()>> {
    let setup = world.setup;
    let mut actors: Vec<LocalBoxFuture<'static, ()>> = Vec::new();
    for number in 0..setup.writers_count {
        actors.push(Box::pin(writer::writer(world.clone(), number)));
    }
    for number in 0..setup.sweepers_count {
        actors.push(Box::pin(actors::sweeper(world.clone(), number)));
    }
    for number in 0..setup.readers_count {
        actors.push(Box::pin(actors::reader(world.clone(), number)));
    }
    for number in 0..setup.liars_count {
        actors.push(Box::pin(actors::liar(world.clone(), number)));
    }
    if setup.links_count > 0 {
        actors.push(Box::pin(actors::retention(world.clone())));
    }
    if setup.weather.repeat > 0 {
        actors.push(Box::pin(actors::network(world.clone())));
    }
    actors
}

/// Waits a while, by paused time.
async fn pause(dice: &mut Dice, most_millis: u64) {
    tokio::time::sleep(Duration::from_millis(1 + dice.below(most_millis))).await;
}
