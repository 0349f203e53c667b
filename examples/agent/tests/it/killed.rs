//! Many agents on one vault, killed again and again while another deletes and sweeps: nothing that was committed is lost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::machine::{Ended, Machine, PASSPHRASE, Variables, content, random_bytes};

type Content = Vec<(PathBuf, Vec<u8>)>;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

#[derive(Default)]
struct Tally {
    killed: AtomicU64,
    committed: AtomicU64,
    deleted: AtomicU64,
    packs_deleted: AtomicU64,
}

/// Kills the child after so long; `None` if it had ended by itself.
fn kill_after(child: &mut Child, delay: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + delay;
    while Instant::now() < until {
        if child.try_wait().expect("a child").is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    child.kill().expect("killed");
    Some(child.wait().expect("ended"))
}

/// Runs a command that is killed so many times out of six; what it left if it ended by itself.
fn run(
    machine: &Machine,
    args: &[&str],
    dice: &mut Dice,
    tally: &Tally,
    kills: u64,
) -> Option<Ended> {
    let mut child = machine.start(args);
    let longest = if dice.roll(6) < kills { 900 } else { 60_000 };
    let delay = Duration::from_millis(dice.roll(longest));
    if kill_after(&mut child, delay).is_some() {
        tally.killed.fetch_add(1, Ordering::Relaxed);
        return None;
    }
    Some(Ended::new(args, child.wait_with_output().expect("ends")))
}

fn backups(
    machine: &Machine,
    seed: u64,
    stop: &AtomicBool,
    tally: &Tally,
) -> BTreeMap<String, Content> {
    let mut dice = Dice(seed);
    let mut made = BTreeMap::new();
    let source = format!("home{seed}");
    for round in 0.. {
        std::thread::sleep(Duration::from_millis(dice.roll(600)));
        let name = format!("home/{}", dice.roll(8));
        let len = usize::try_from(dice.roll(900_000)).expect("small");
        machine.write(&name, random_bytes(seed << 32 | round, len));
        let args = ["backup", "home", "--source", &source, "--json"];
        let is_last = stop.load(Ordering::Relaxed);
        let ended = match is_last {
            true => Some(machine.run(&args)),
            false => run(machine, &args, &mut dice, tally, 4),
        };
        if let Some(ended) = ended {
            ended.ends_with(0);
            let id = ended.document()["recovery_point"]
                .as_str()
                .expect("an id")
                .to_owned();
            made.insert(id, content(&machine.path("home")));
            tally.committed.fetch_add(1, Ordering::Relaxed);
        }
        if is_last {
            break;
        }
    }
    made
}

/// Deletes some of what is not the newest of its source, for ever, and sweeps; both are killed, too.
fn housekeeping(machine: &Machine, stop: &AtomicBool, tally: &Tally) {
    let mut dice = Dice(99);
    while !stop.load(Ordering::Relaxed) {
        let points = machine.json(&["points"]);
        let mut newest = std::collections::BTreeSet::new();
        let older =
            points.as_array().expect("a list").iter().filter(|point| {
                !newest.insert(point["source"].as_str().expect("a name").to_owned())
            });
        let mut older: Vec<&str> = older
            .map(|point| point["recovery_point"].as_str().expect("an id"))
            .collect();
        for _ in 0..dice.roll(older.len() as u64 + 1) {
            let at = dice.roll(older.len() as u64);
            let id = older.swap_remove(usize::try_from(at).expect("small"));
            if let Some(ended) = run(machine, &["delete", id], &mut dice, tally, 3) {
                ended.ends_with(0);
                tally.deleted.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Some(ended) = run(machine, &["sweep", "--json"], &mut dice, tally, 1) {
            ended.ends_with(0);
            let packs = ended.document()["packs_deleted_count"]
                .as_u64()
                .expect("a number");
            tally.packs_deleted.fetch_add(packs, Ordering::Relaxed);
        }
    }
}

/// Restores every point that stands, and compares those whose content is known: how many stood, how many were compared.
fn compare(keeper: &Machine, made: &BTreeMap<String, Content>) -> (usize, usize) {
    let points = keeper.json(&["points"]);
    let ids: Vec<&str> = points
        .as_array()
        .expect("a list")
        .iter()
        .map(|point| point["recovery_point"].as_str().expect("an id"))
        .collect();
    // Starting a process takes as long as restoring these few files: one for each core.
    let compared = std::thread::scope(|scope| {
        let half = ids.len().div_ceil(2).max(1);
        let workers: Vec<_> = ids
            .chunks(half)
            .map(|ids| scope.spawn(|| ids.iter().filter(|id| restores(keeper, id, made)).count()))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("every point restores"))
            .sum()
    });
    (ids.len(), compared)
}

/// Restores a point; false if there is nothing to compare it with, since whoever made it was killed before telling.
fn restores(keeper: &Machine, id: &str, made: &BTreeMap<String, Content>) -> bool {
    let target = format!("back/{id}");
    let restore = ["restore", id, "--strip-root", "--target", &target];
    keeper.run(&restore).ends_with(0);
    let restored = content(&keeper.path(&target));
    std::fs::remove_dir_all(keeper.path(&target)).expect("removed");
    let Some(expected) = made.get(id) else {
        return false;
    };
    assert_eq!(restored, *expected, "{id}");
    true
}

/// Where the vault stands.
enum Place {
    /// At a URL, with the settings that its agents need.
    Cloud(String, Variables),
    /// In a directory of the machine that keeps house.
    Local,
}

impl Place {
    /// `None` where the server is not installed.
    fn s3() -> Option<Self> {
        let server = strongroom_test_servers::s3()?;
        let url = format!("s3://{}/storm", server.new_bucket());
        Some(Self::Cloud(url, server.variables(server.port())))
    }

    /// `None` where the server is not installed.
    fn azure() -> Option<Self> {
        let server = strongroom_test_servers::azure()?;
        let url = format!("az://{}/storm", server.new_container());
        Some(Self::Cloud(url, server.variables(server.port())))
    }

    /// The machine that keeps house in a new vault, and the agents that share it.
    fn populate(self, agents: u64) -> (Machine, Vec<Machine>) {
        let (url, variables) = match self {
            Self::Cloud(url, variables) => (Some(url), variables),
            Self::Local => (None, Variables::new()),
        };
        let keeper = Machine::with_variables(variables.clone());
        let vault = url.unwrap_or_else(|| keeper.vault());
        let join = |machine: &Machine, how: &[&str]| {
            let file = machine.passphrase_file("passphrase", PASSPHRASE);
            let place = ["--vault", &vault, "--passphrase-file", &file];
            machine.run(&[how, &place].concat()).ends_with(0);
        };
        join(&keeper, &["vault", "init", "--no-soft-delete"]);
        let machines: Vec<Machine> = (0..agents)
            .map(|_| Machine::with_variables(variables.clone()))
            .collect();
        for machine in &machines {
            join(machine, &["vault", "attach"]);
        }
        (keeper, machines)
    }
}

fn storm(place: Place, agents: u64, duration: Duration) {
    let (keeper, machines) = place.populate(agents);
    let (stop, tally) = (AtomicBool::new(false), Tally::default());
    let made = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for (seed, machine) in (1..).zip(&machines) {
            let (stop, tally, made) = (&stop, &tally, &made);
            scope.spawn(move || {
                let own = backups(machine, seed, stop, tally);
                made.lock().expect("whole").extend(own);
            });
        }
        scope.spawn(|| housekeeping(&keeper, &stop, &tally));
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
    });
    // Nobody runs any more: two cycles leave nothing open.
    let mut swept_at_rest = 0;
    for cycle in 0..2 {
        let swept = keeper.json(&["sweep"]);
        swept_at_rest += swept["packs_deleted_count"].as_u64().expect("a number");
        assert!(
            cycle == 0 || swept["waiting_for"] == serde_json::json!([]),
            "{swept}"
        );
    }
    keeper.run(&["verify", "--read-data"]).ends_with(0);
    let (standing, compared) = compare(&keeper, &made.into_inner().expect("whole"));
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    eprintln!(
        "{agents} agents, {} s: {} processes killed, {} points told, {} deleted, {} packs swept beside them and {swept_at_rest} after, {compared} of {standing} points compared",
        duration.as_secs(),
        count(&tally.killed),
        count(&tally.committed),
        count(&tally.deleted),
        count(&tally.packs_deleted),
    );
    assert!(
        compared >= usize::try_from(agents).expect("small"),
        "the last runs were not killed"
    );
    assert!(count(&tally.killed) > 0);
}

const BRIEF: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(300);

#[test]
fn agents_that_are_killed_lose_nothing() {
    storm(Place::Local, 3, BRIEF);
}

#[test]
fn agents_that_are_killed_lose_nothing_in_s3() {
    if let Some(place) = Place::s3() {
        storm(place, 3, BRIEF);
    }
}

#[test]
fn agents_that_are_killed_lose_nothing_in_azure() {
    if let Some(place) = Place::azure() {
        storm(place, 3, BRIEF);
    }
}

#[test]
#[ignore = "soak: five minutes"]
fn soak_agents_that_are_killed_lose_nothing() {
    storm(Place::Local, 8, LONG);
}

#[test]
#[ignore = "soak: five minutes"]
fn soak_agents_that_are_killed_lose_nothing_in_s3() {
    if let Some(place) = Place::s3() {
        storm(place, 8, LONG);
    }
}

#[test]
#[ignore = "soak: five minutes"]
fn soak_agents_that_are_killed_lose_nothing_in_azure() {
    if let Some(place) = Place::azure() {
        storm(place, 8, LONG);
    }
}
