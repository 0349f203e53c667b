//! A month of schedules in seconds: over a change of the clock, with failures, a machine that sleeps and a disk that is full.
//! What is there in the end is what the policy's own simulation says, and what a person was told is what was to be expected.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use strongroom::ExpireOptions;
use strongroom_jobs::catalog::{Alert, AlertState, Severity, SourceName};
use strongroom_jobs::daemon::{Asked, Message};
use strongroom_jobs::{Daemon, Duty, catalog_point};
use strongroom_policy::{Point, Policy, Scenario, SlotId, simulate};

use crate::world::{Happening, Trouble, What, World, at};

const POLICY: &str = r#"
    time_zone = "Europe/Paris"
    schedule.daily = { times = ["02:30", "18:00"] }
    [retention]
    daily = { keep_days = 7 }
    weekly = { days = ["sat"], times = ["18:00"], keep_weeks = 4 }
    monthly = { on = "last sat", times = ["02:30"], keep_months = 12 }
"#;

/// A point as it is compared: when, for which slots, why it is kept and until when.
type Told = (
    DateTime<Utc>,
    Option<Vec<String>>,
    Vec<String>,
    Option<DateTime<Utc>>,
);

/// What the policy's simulation says is there. Runs that were made late are its history.
fn expected(policy: &Policy, scenario: &Scenario, late: &[(&str, &str)]) -> Vec<Told> {
    let late = late.iter().map(|(taken_at, slot)| {
        let slot: SlotId = slot.parse().expect("a slot");
        Point::scheduled((), at(taken_at), vec![slot])
    });
    let late: Vec<Point<()>> = late.collect();
    let slots_at = |taken_at: DateTime<Utc>| {
        let known = late.iter().find(|point| point.taken_at == taken_at);
        let slots = known.map(|point| point.slots.clone()).or_else(|| {
            let due = policy.runs(taken_at, taken_at).next();
            due.map(|due| due.slots)
        });
        slots.map(|slots| slots.iter().map(ToString::to_string).collect())
    };
    let simulated = simulate(policy, &late, scenario);
    assert!(simulated.unmatched_failures.is_empty());
    let points = simulated.points.iter().map(|point| {
        let verdict = &point.verdict;
        let reasons = verdict.kept_because().map(str::to_owned).collect();
        (
            verdict.taken_at,
            slots_at(verdict.taken_at),
            reasons,
            verdict.expires_at(),
        )
    });
    points.collect()
}

/// What is there.
fn found(world: &World, source: &str, now: DateTime<Utc>) -> Vec<Told> {
    let views = world.vault.points().expect("points");
    let judged = world.vault.judge(&ExpireOptions::new(&world.policy), now);
    let judged = judged.expect("judged");
    let of_source = judged.iter().filter(|point| point.source == source);
    let told = of_source.map(|point| {
        let view = views
            .iter()
            .find(|view| view.id == point.verdict.id)
            .expect("listed");
        let reasons = point
            .kept_because()
            .into_iter()
            .map(str::to_owned)
            .collect();
        (
            view.taken_at,
            view.slots.clone(),
            reasons,
            point.verdict.expires_at(),
        )
    });
    told.collect()
}

fn alerts(world: &World, now: DateTime<Utc>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = world
        .journal
        .with_catalog(now, |catalog| {
            Ok(catalog.snapshot()?.alerts().collect::<Result<_, _>>()?)
        })
        .expect("readable");
    alerts.sort_by_key(|alert| (alert.first_seen_at, alert.key.clone()));
    alerts
}

/// The month: when it begins and ends, and when somebody asks for a backup by hand.
const SINCE: &str = "2026-03-10T12:00:00Z";
const UNTIL: &str = "2026-04-10T12:00:00Z";
const ASKED_AT: &str = "2026-04-05T09:00:00Z";

/// What is left of it.
fn month() -> World {
    let ask = Message::Ask(Asked {
        duty: Duty::backup(SourceName::local("home")),
        job: None,
        args: Vec::new(),
        dir: PathBuf::new(),
    });
    let script = vec![
        (
            at("2026-03-21T08:00:00Z"),
            Happening::Sleep(at("2026-03-24T07:00:00Z")),
        ),
        (at(ASKED_AT), Happening::Say(ask)),
        (at(UNTIL), Happening::Say(Message::Stop)),
    ];
    let world = World::new(POLICY, &["home", "music"], at(SINCE), script);
    let meets = |what, from, until| {
        world.meets(Trouble {
            what,
            from: at(from),
            until: at(until),
        });
    };
    meets(
        What::DiskFull,
        "2026-03-17T12:00:00Z",
        "2026-03-18T20:00:00Z",
    );
    let gone = What::SourceGone("music");
    meets(gone, "2026-04-01T12:00:00Z", "2026-04-02T12:00:00Z");
    Daemon::new(&world, &*world.clock).run();
    world.expire().expect("expired");
    world
}

#[test]
fn a_month_comes_to_what_the_policy_says() {
    let world = month();
    let (since, until) = (at(SINCE), at(UNTIL));
    // The disk is full for three runs; the tries of the third, after 15, 45, 105 and 225 minutes, come to a success. Six runs
    // are slept through; the last of them is made up for on waking.
    let full = [
        "2026-03-17T17:00:00Z",
        "2026-03-18T01:30:00Z",
        "2026-03-18T17:00:00Z",
    ];
    let slept = [
        "2026-03-21T17:00:00Z",
        "2026-03-22T01:30:00Z",
        "2026-03-22T17:00:00Z",
        "2026-03-23T01:30:00Z",
        "2026-03-23T17:00:00Z",
        "2026-03-24T01:30:00Z",
    ];
    let failing = |scenario: Scenario, due: &[&str]| {
        due.iter()
            .fold(scenario, |scenario, due| scenario.failing(at(due)))
    };
    let both = failing(failing(Scenario::new(since, until), &full), &slept);
    let late = [
        ("2026-03-18T20:45:00Z", "2026-03-18T18:00"),
        ("2026-03-24T07:00:00Z", "2026-03-24T02:30"),
    ];
    let home = expected(&world.policy, &both.clone().with_adhoc(at(ASKED_AT)), &late);
    assert_eq!(found(&world, "home", until), home);
    // The mount of this one was away for two runs; the last try of the second, after 705 minutes, finds it again.
    let gone = ["2026-04-01T16:00:00Z", "2026-04-02T00:30:00Z"];
    let late = [&late[..], &[("2026-04-02T12:15:00Z", "2026-04-02T02:30")]].concat();
    let music = expected(&world.policy, &failing(both, &gone), &late);
    assert_eq!(found(&world, "music", until), music);
    // The layers are all met, among them one that a later run has inherited, and something has expired.
    let reasons: BTreeSet<&String> = home.iter().flat_map(|told| &told.2).collect();
    let reasons: Vec<&str> = reasons.into_iter().map(String::as_str).collect();
    assert_eq!(reasons, ["adhoc", "daily", "monthly", "weekly"]);
    let woken = home
        .iter()
        .find(|told| told.0 == at("2026-03-24T07:00:00Z"));
    assert_eq!(
        woken.map(|told| told.2.clone()),
        Some(vec!["weekly".to_owned()])
    );

    told_alerts(&world, until);
    catalog_is_that_of_the_vault(&world, until);
    // Two backups, four of housekeeping and four rounds of tidying a day, and tries: no more looks than there are reasons.
    let days = 28;
    assert!(
        world.clock.waits_count() < days * 16,
        "{}",
        world.clock.waits_count()
    );
}

fn told_alerts(world: &World, until: DateTime<Utc>) {
    let told = alerts(world, until);
    let told: Vec<_> = told
        .iter()
        .map(|alert| {
            assert_eq!(alert.state, AlertState::Resolved, "{}", alert.key);
            assert_eq!(alert.severity, Severity::Critical);
            let (key, count) = (alert.key.as_str(), alert.seen_count);
            (
                key,
                alert.code.as_str(),
                count,
                alert.first_seen_at,
                alert.resolved_at.expect("over"),
            )
        })
        .collect();
    // Six tries of the first run, seven of the second, four of the third.
    let (full, free) = (at("2026-03-17T17:00:00Z"), at("2026-03-18T20:45:00Z"));
    let woken = at("2026-03-24T07:00:00Z");
    let gone = at("2026-04-01T16:00:00Z");
    assert_eq!(
        told,
        [
            ("backup_failed:home", "disk_full", 17, full, free),
            ("backup_failed:music", "disk_full", 17, full, free),
            ("no_backup:home", "no_backup", 1, woken, woken),
            ("no_backup:music", "no_backup", 1, woken, woken),
            (
                "backup_failed:music",
                "source_gone",
                12,
                gone,
                at("2026-04-02T12:15:00Z")
            ),
        ]
    );
}

/// The catalog that jobs have kept holds what one made anew from the vault would.
fn catalog_is_that_of_the_vault(world: &World, until: DateTime<Utc>) {
    let views = world.vault.points().expect("points");
    let mut fresh: Vec<_> = views.iter().map(catalog_point).collect();
    fresh.sort_by(|one, other| one.id.cmp(&other.id));
    // The last expire was made by hand, and told nobody.
    fresh.iter_mut().for_each(|point| {
        point.deleted_at = point.deleted_at.filter(|at| *at < until);
    });
    let kept: Vec<strongroom_jobs::catalog::Point> = world
        .journal
        .with_catalog(until, |catalog| {
            Ok(catalog.snapshot()?.points().collect::<Result<_, _>>()?)
        })
        .expect("readable");
    let ids = |points: &[strongroom_jobs::catalog::Point]| {
        let ids = points
            .iter()
            .map(|point| (point.taken_at, point.id.clone()));
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&kept), ids(&fresh));
    for (kept, fresh) in kept.iter().zip(&fresh) {
        assert_eq!(kept, fresh);
    }
}
