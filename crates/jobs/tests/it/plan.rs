//! What is started when: the pure plan.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Europe::Paris;
use strongroom_jobs::catalog::{JobKind, SourceName};
use strongroom_jobs::plan::{DutyStanding, next};
use strongroom_jobs::{Duty, Outcome, Pause, Rules, Scheduled, Standing, Start};
use strongroom_policy::{LastRuns, Schedule, SlotId, Timetable};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn timetable(line: &str) -> Timetable {
    Timetable::new(Schedule::Cron(line.parse().expect("a line")), Paris)
}

fn backup(source: &str) -> Duty {
    Duty::backup(SourceName::local(source))
}

/// Two sources at 02:30 in Paris, an expire at 04:00.
fn rules() -> Rules {
    let scheduled = |duty, line| Scheduled {
        duty,
        timetable: timetable(line),
    };
    Rules::new(vec![
        scheduled(Duty::housekeeping(JobKind::Expire), "0 4 * * *"),
        scheduled(backup("home"), "30 2 * * *"),
        scheduled(backup("music"), "30 2 * * *"),
    ])
}

fn standing(rules: &Rules, since: &str) -> Standing {
    let mut standing = Standing::default();
    for one in &rules.duties {
        let known = DutyStanding::new(LastRuns::since(at(since)));
        standing.duties.insert(one.duty.clone(), known);
    }
    standing
}

fn names(start: &[Start]) -> Vec<String> {
    start.iter().map(|start| start.duty.to_string()).collect()
}

/// Ends what `next` starts with an outcome.
fn end(standing: &mut Standing, start: &Start, outcome: Outcome, now: DateTime<Utc>) {
    let known = standing.duties.get_mut(&start.duty).expect("known");
    known.note(&start.due, outcome, now);
}

#[test]
fn nothing_before_its_time_and_everything_in_order() {
    let rules = rules();
    let mut standing = standing(&rules, "2026-03-10T12:00:00Z");
    let early = next(&standing, &rules, at("2026-03-10T20:00:00Z"));
    assert_eq!(early.start, []);
    assert_eq!(early.look_at, Some(at("2026-03-11T01:30:00Z")));

    // In the morning all three are due, but two may run: backups first.
    let morning = at("2026-03-11T06:00:00Z");
    let due = next(&standing, &rules, morning);
    assert_eq!(names(&due.start), ["backup of home", "backup of music"]);
    standing.running = due.start.iter().map(|start| start.duty.clone()).collect();
    let full = next(&standing, &rules, morning);
    assert_eq!((full.start.len(), full.look_at), (0, None));
    for start in &due.start {
        end(&mut standing, start, Outcome::Done, morning);
    }
    standing.running.clear();
    let rest = next(&standing, &rules, morning);
    assert_eq!(names(&rest.start), ["expire"]);
    assert_eq!(rest.look_at, Some(at("2026-03-12T01:30:00Z")));
}

#[test]
fn one_job_of_a_source_and_one_of_housekeeping_at_a_time() {
    let mut rules = rules();
    rules.most_at_once = 9;
    rules.duties.push(Scheduled {
        duty: Duty::of(JobKind::Drill, SourceName::local("home")),
        timetable: timetable("0 3 * * *"),
    });
    rules.duties.push(Scheduled {
        duty: Duty::housekeeping(JobKind::Sweep),
        timetable: timetable("0 5 * * *"),
    });
    let mut standing = standing(&rules, "2026-03-10T12:00:00Z");
    let now = at("2026-03-11T06:00:00Z");
    let first = next(&standing, &rules, now);
    assert_eq!(
        names(&first.start),
        ["backup of home", "backup of music", "expire"]
    );
    // Somebody restores, which is no duty: only what excludes it waits.
    standing.running = BTreeSet::from([Duty::of(JobKind::Restore, SourceName::local("home"))]);
    let other = next(&standing, &rules, now);
    assert_eq!(names(&other.start), ["backup of music", "expire"]);
}

#[test]
fn a_failed_run_is_tried_again_until_the_next_is_due() {
    let rules = rules();
    let mut standing = standing(&rules, "2026-03-10T12:00:00Z");
    let due_at = at("2026-03-11T01:30:00Z");
    let mut now = due_at;
    let mut tries = Vec::new();
    while now < at("2026-03-12T03:00:00Z") {
        let due = next(&standing, &rules, now);
        for start in due
            .start
            .iter()
            .filter(|start| start.duty != backup("music"))
        {
            if start.duty == backup("home") {
                tries.push((now - due_at).num_minutes());
                end(&mut standing, start, Outcome::Failed, now);
            } else {
                end(&mut standing, start, Outcome::Done, now);
            }
        }
        standing.duties.remove(&backup("music"));
        let again = next(&standing, &rules, now);
        now = again.look_at.expect("something to come").max(now);
    }
    // Pauses of 15, 30, 60, 120, 240 and 240 minutes, then the run of the next day, and its tries.
    assert_eq!(tries[..8], [0, 15, 45, 105, 225, 465, 705, 1440]);
}

#[test]
fn what_a_person_stopped_is_settled_and_what_the_program_stopped_is_not() {
    let rules = rules();
    let now = at("2026-03-11T01:30:00Z");
    for (outcome, is_settled) in [
        (Outcome::Done, true),
        (Outcome::DoneWithWarnings, true),
        (Outcome::Stopped, true),
        (Outcome::Failed, false),
        (Outcome::Busy, false),
        (Outcome::Interrupted, false),
    ] {
        let mut standing = standing(&rules, "2026-03-10T12:00:00Z");
        let due = next(&standing, &rules, now);
        end(&mut standing, &due.start[0], outcome, now);
        // After a restart nobody remembers that it has failed.
        standing
            .duties
            .get_mut(&backup("home"))
            .expect("known")
            .failed = None;
        let again = next(&standing, &rules, now);
        let starts = names(&again.start).contains(&"backup of home".to_owned());
        assert_eq!(starts, !is_settled, "{outcome:?}");
    }
}

#[test]
fn what_is_paused_waits_for_the_end_of_the_pause() {
    let rules = rules();
    let mut standing = standing(&rules, "2026-03-10T12:00:00Z");
    let since = at("2026-03-10T12:00:00Z");
    let until = at("2026-03-11T09:00:00Z");
    let pause = Pause {
        since,
        until: Some(until),
    };
    standing
        .halts
        .pause(Some(&SourceName::local("home")), pause);
    let now = at("2026-03-11T02:00:00Z");
    let due = next(&standing, &rules, now);
    assert_eq!(names(&due.start), ["backup of music"]);
    assert_eq!(due.look_at, Some(at("2026-03-11T03:00:00Z")));
    standing.halts.pause(None, Pause { since, until: None });
    let none = next(&standing, &rules, now);
    assert_eq!((none.start.len(), none.look_at), (0, None));
    standing.halts.resume(None);
    let after = next(&standing, &rules, until);
    assert_eq!(names(&after.start), ["backup of home", "backup of music"]);
}

/// A clock that is set about at will: every slot runs at most once, and none of them is lost for good.
#[test]
fn a_clock_that_jumps_neither_repeats_nor_loses_runs() {
    let mut rules = rules();
    rules.duties.truncate(2);
    let mut standing = standing(&rules, "2026-03-01T12:00:00Z");
    let mut now = at("2026-03-01T12:00:00Z");
    let mut ran: Vec<SlotId> = Vec::new();
    // Hours by which the clock goes on; those below zero and the large ones are jumps.
    let steps = [
        20,
        9,
        -20,
        22,
        24,
        24 * 40,
        -24 * 40,
        24,
        24,
        -3,
        3,
        24,
        24 * 3,
        24,
        -1,
        24,
    ];
    for hours in steps {
        now += TimeDelta::hours(hours);
        standing.observe(now);
        for start in next(&standing, &rules, now).start {
            if start.duty == backup("home") {
                ran.extend(&start.due.slots);
            }
            end(&mut standing, &start, Outcome::Done, now);
        }
        let again = next(&standing, &rules, now);
        assert_eq!(again.start, [], "{now}");
    }
    let distinct: BTreeSet<_> = ran.iter().collect();
    assert_eq!(distinct.len(), ran.len(), "{ran:?}");
    let days: Vec<String> = ran.iter().map(ToString::to_string).collect();
    assert!(days.len() >= 8, "{days:?}");
}

#[test]
fn a_slot_in_the_hour_that_spring_skips_runs_once() {
    let rules = rules();
    let mut standing = standing(&rules, "2026-03-28T12:00:00Z");
    let first = next(&standing, &rules, at("2026-03-28T13:00:00Z"));
    assert_eq!(first.look_at, Some(at("2026-03-29T01:00:00Z")));
    let now = at("2026-03-29T01:00:00Z");
    let due = next(&standing, &rules, now);
    assert_eq!(due.start[0].due.slots[0].to_string(), "2026-03-29T02:30");
    end(&mut standing, &due.start[0], Outcome::Done, now);
    assert_eq!(
        names(&next(&standing, &rules, now).start),
        ["backup of music"]
    );
}
