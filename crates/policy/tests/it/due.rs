//! What is due now: on time, after sleep, over changes of the zone, and with a clock that goes astray.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use strongroom_policy::{
    CatchUp, Daily, Decision, Due, Jitter, LastRuns, Missed, Schedule, SlotId, Timetable,
};

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}

fn slot(text: &str) -> SlotId {
    text.parse().unwrap()
}

fn daily(times: &[&str]) -> Schedule {
    let times = times.iter().map(|time| time.parse().unwrap()).collect();
    Schedule::Daily(Daily { times })
}

fn timetable(times: &[&str]) -> Timetable {
    Timetable::new(daily(times), Tz::UTC)
}

fn run(timetable: &Timetable, runs: &mut LastRuns, now: &str) -> (Due, Missed) {
    match timetable.due_now(runs, at(now)) {
        Decision::Run { due, missed } => {
            runs.record(&due, at(now));
            (due, missed)
        }
        other => panic!("{now}: {other}"),
    }
}

fn wait(timetable: &Timetable, runs: &LastRuns, now: &str) -> (DateTime<Utc>, Missed) {
    match timetable.due_now(runs, at(now)) {
        Decision::Wait {
            until: Some(until),
            missed,
        } => (until, missed),
        other => panic!("{now}: {other}"),
    }
}

#[test]
fn nothing_is_due_that_was_due_before_the_beginning() {
    let timetable = timetable(&["02:00"]);
    let runs = LastRuns::since(at("2026-03-02T02:00:00"));
    let (until, missed) = wait(&timetable, &runs, "2026-03-02T02:00:05");
    assert_eq!(until, at("2026-03-03T02:00:00"));
    assert_eq!(missed, Missed::default());
}

#[test]
fn a_slot_runs_once_in_its_time() {
    let timetable = timetable(&["02:00", "14:00"]);
    let mut runs = LastRuns::since(at("2026-03-02T00:00:00"));
    let (until, _) = wait(&timetable, &runs, "2026-03-02T01:59:59");
    assert_eq!(until, at("2026-03-02T02:00:00"));
    let (due, missed) = run(&timetable, &mut runs, "2026-03-02T02:00:00");
    assert_eq!(due.slots, [slot("2026-03-02T02:00")]);
    assert_eq!(missed, Missed::default());
    let (until, _) = wait(&timetable, &runs, "2026-03-02T02:00:00");
    assert_eq!(until, at("2026-03-02T14:00:00"));
}

#[test]
fn one_run_makes_up_for_all_that_were_missed() {
    let timetable = timetable(&["02:00", "14:00"]);
    let mut runs = LastRuns::since(at("2026-03-02T00:00:00"));
    let (due, missed) = run(&timetable, &mut runs, "2026-03-04T20:00:00");
    assert_eq!(due.slots, [slot("2026-03-04T14:00")]);
    assert_eq!(missed.slots_count, 5);
    assert_eq!(missed.first, Some(slot("2026-03-02T02:00")));
    wait(&timetable, &runs, "2026-03-04T20:00:01");
}

#[test]
fn what_was_missed_is_skipped_where_so_chosen() {
    let timetable = timetable(&["02:00", "14:00"]).with_catch_up(CatchUp::Skip);
    let mut runs = LastRuns::since(at("2026-03-02T00:00:00"));
    let (until, missed) = wait(&timetable, &runs, "2026-03-02T02:10:01");
    assert_eq!(until, at("2026-03-02T14:00:00"));
    assert_eq!(missed.first, Some(slot("2026-03-02T02:00")));
    assert_eq!(missed.slots_count, 1);
    // Ten minutes late is on time.
    let (due, missed) = run(&timetable, &mut runs, "2026-03-02T14:10:00");
    assert_eq!(due.slots, [slot("2026-03-02T14:00")]);
    assert_eq!(missed.slots_count, 1);
    let (_, missed) = wait(&timetable, &runs, "2026-03-02T14:10:00");
    assert_eq!(missed.slots_count, 0);
}

#[test]
fn a_skipped_hour_makes_one_run_of_all_its_slots() {
    let timetable = Timetable::new(daily(&["02:00", "02:30", "03:00"]), Tz::Europe__Paris);
    let mut runs = LastRuns::since(at("2026-03-28T12:00:00"));
    let (due, missed) = run(&timetable, &mut runs, "2026-03-29T01:00:00");
    let slots = ["2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T03:00"];
    assert_eq!(due.slots, slots.map(slot));
    assert_eq!(missed.slots_count, 0);
    assert!(slots.iter().all(|text| runs.has_run(slot(text))));
}

#[test]
fn a_repeated_hour_runs_a_slot_once() {
    let timetable = Timetable::new(daily(&["02:30"]), Tz::Europe__Paris);
    let mut runs = LastRuns::since(at("2026-10-24T12:00:00"));
    let (due, _) = run(&timetable, &mut runs, "2026-10-25T00:30:00");
    assert_eq!(due.at, at("2026-10-25T00:30:00"), "at its first occurrence");
    let (until, _) = wait(&timetable, &runs, "2026-10-25T01:30:00");
    assert_eq!(until, at("2026-10-26T01:30:00"));
}

#[test]
fn a_clock_set_back_runs_nothing_twice() {
    let timetable = timetable(&["02:00"]);
    let mut runs = LastRuns::since(at("2026-03-01T12:00:00"));
    run(&timetable, &mut runs, "2026-03-02T02:00:00");
    for now in [
        "2026-03-02T01:30:00",
        "2026-03-02T02:00:00",
        "2026-03-01T03:00:00",
    ] {
        runs.observe(at(now));
        let (until, _) = wait(&timetable, &runs, now);
        assert_eq!(until, at("2026-03-03T02:00:00"), "{now}");
    }
}

#[test]
fn a_clock_that_was_years_ahead_silences_nothing() {
    let timetable = timetable(&["02:00"]);
    let mut runs = LastRuns::since(at("2026-03-01T12:00:00"));
    run(&timetable, &mut runs, "2026-03-02T02:00:00");
    let (due, missed) = run(&timetable, &mut runs, "2036-03-02T12:00:00");
    assert_eq!(due.slots, [slot("2036-03-02T02:00")]);
    assert_eq!(missed.slots_count, Missed::MOST_COUNTED);
    runs.observe(at("2026-03-02T12:00:00"));
    wait(&timetable, &runs, "2026-03-02T12:00:00");
    let (due, missed) = run(&timetable, &mut runs, "2026-03-03T02:00:00");
    assert_eq!(due.slots, [slot("2026-03-03T02:00")]);
    assert_eq!(missed.slots_count, 0);
}

#[test]
fn a_beginning_years_ahead_silences_nothing() {
    let timetable = timetable(&["02:00"]);
    let mut runs = LastRuns::since(at("2036-03-01T12:00:00"));
    runs.observe(at("2026-03-02T12:00:00"));
    let (due, _) = run(&timetable, &mut runs, "2026-03-02T12:00:00");
    assert_eq!(due.slots, [slot("2026-03-02T02:00")]);
}

#[test]
fn what_ran_survives_json_and_stays_small() {
    let timetable = Timetable::new(Schedule::Cron("* * * * *".parse().unwrap()), Tz::UTC);
    let start = at("2026-03-02T00:00:00");
    let mut runs = LastRuns::since(start);
    for minute in 1..=1000 {
        let now = start + TimeDelta::minutes(minute);
        let Decision::Run { due, missed } = timetable.due_now(&runs, now) else {
            panic!("nothing at {now}");
        };
        assert_eq!((due.at, missed.slots_count), (now, 0));
        runs.record(&due, now);
    }
    let json = serde_json::to_string(&runs).unwrap();
    assert_eq!(json.matches("recorded_at").count(), LastRuns::MOST_KEPT);
    assert_eq!(serde_json::from_str::<LastRuns>(&json).unwrap(), runs);
}

#[test]
fn decisions_are_printed() {
    let timetable = timetable(&["02:00"]);
    let runs = LastRuns::since(at("2026-03-02T00:00:00"));
    let decision = |now| timetable.due_now(&runs, at(now)).to_string();
    assert_eq!(
        decision("2026-03-02T01:00:00"),
        "wait until 2026-03-02T02:00:00Z"
    );
    assert_eq!(
        decision("2026-03-03T03:00:00"),
        "run 2026-03-03T02:00:00Z for 2026-03-03T02:00; missed 1 from 2026-03-02T02:00 on"
    );
}

#[test]
fn a_schedule_that_has_ended_waits_for_ever() {
    let schedule = Schedule::Cron("0 0 29 2 *".parse().unwrap());
    let runs = LastRuns::since(at("2097-01-01T00:00:00"));
    let decision = Timetable::new(schedule, Tz::UTC).due_now(&runs, at("2097-01-01T00:00:00"));
    assert_eq!(decision.to_string(), "wait for ever");
}

#[test]
fn jitter_delays_evenly_and_always_by_the_same() {
    let schedule = daily(&["02:00"]);
    let due = schedule
        .next_after(at("2026-03-02T00:00:00"), Tz::UTC)
        .unwrap();
    let mut counts = HashMap::new();
    for seed in 0..6000 {
        let jitter = Jitter {
            seed,
            most_secs: 59,
        };
        let delay = jitter.delay(&due);
        assert_eq!(delay, jitter.delay(&due));
        *counts.entry(delay.num_seconds()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 60, "every second from 0 to 59");
    assert!(
        counts.values().all(|count| (50..200).contains(count)),
        "{counts:?}"
    );
    assert_eq!(Jitter::default().delay(&due), TimeDelta::zero());
}

#[test]
fn jitter_never_reaches_the_next_run() {
    let jitter = Jitter {
        seed: 7,
        most_secs: 86_400,
    };
    let timetable = Timetable::new(daily(&["02:00", "02:10"]), Tz::UTC).with_jitter(jitter);
    let mut due = timetable
        .schedule
        .next_after(at("2026-03-02T00:00:00"), Tz::UTC)
        .unwrap();
    for _ in 0..50 {
        let next = timetable.schedule.next_after(due.at, Tz::UTC).unwrap();
        let start = timetable.start_of(&due);
        assert!(due.at <= start && start < next.at);
        due = next;
    }
    // Until the start there is nothing to do, from then on there is.
    let runs = LastRuns::since(due.at - TimeDelta::seconds(1));
    let start = timetable.start_of(&due);
    assert!(start > due.at, "this seed delays this slot");
    let early = timetable.due_now(&runs, start - TimeDelta::seconds(1));
    assert_eq!(
        early,
        Decision::Wait {
            until: Some(start),
            missed: Missed::default()
        }
    );
    assert!(matches!(
        timetable.due_now(&runs, start),
        Decision::Run { .. }
    ));
}

/// Moves of the clock, minutes: mostly a little forward, now and then far, or back.
fn moves() -> impl Strategy<Value = Vec<i64>> {
    let a_move = prop_oneof![
        6 => 1i64..120,
        2 => 120i64..6000,
        1 => -120i64..0,
        1 => -100_000i64..100_000,
    ];
    proptest::collection::vec(a_move, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_the_clock_moves_no_slot_runs_twice_and_none_is_lost_for_long(
        moves in moves(),
        zone in prop_oneof![Just(Tz::UTC), Just(Tz::Europe__Paris), Just(Tz::Australia__Lord_Howe)],
    ) {
        let timetable = Timetable::new(daily(&["02:15", "08:00", "20:00"]), zone);
        let mut now = at("2026-10-20T00:00:00");
        let mut runs = LastRuns::since(now);
        let mut ran: Vec<SlotId> = Vec::new();
        let mut ask = |now: DateTime<Utc>| -> Result<(), TestCaseError> {
            runs.observe(now);
            if let Decision::Run { due, .. } = timetable.due_now(&runs, now) {
                prop_assert!(due.at <= now);
                prop_assert!(due.slots.iter().all(|slot| !ran.contains(slot)), "{due} again");
                ran.extend(&due.slots);
                runs.record(&due, now);
            }
            Ok(())
        };
        for minutes in moves {
            now += TimeDelta::minutes(minutes);
            ask(now)?;
        }
        // Then the clock is right and goes on evenly.
        let (start, end) = (now, now + TimeDelta::days(4));
        while now < end {
            now += TimeDelta::minutes(10);
            ask(now)?;
        }
        let settled = start + TimeDelta::days(1);
        for due in timetable.schedule.between(settled, end, zone) {
            prop_assert!(due.slots.iter().all(|slot| ran.contains(slot)), "{due} did not run");
        }
    }

    #[test]
    fn a_clock_that_only_goes_on_runs_the_last_of_every_gap(
        steps in proptest::collection::vec(1i64..5000, 1..60),
    ) {
        let timetable = Timetable::new(daily(&["02:15", "20:00"]), Tz::Europe__Paris);
        let mut now = at("2026-10-20T00:00:00");
        let mut runs = LastRuns::since(now);
        for minutes in steps {
            let before = now;
            now += TimeDelta::minutes(minutes);
            let slots: Vec<SlotId> = timetable
                .schedule
                .between(before, now, Tz::Europe__Paris)
                .flat_map(|due| due.slots)
                .collect();
            match timetable.due_now(&runs, now) {
                Decision::Run { due, missed } => {
                    prop_assert_eq!(due.slots.last(), slots.last());
                    prop_assert_eq!(missed.slots_count + due.slots.len(), slots.len());
                    runs.record(&due, now);
                }
                _ => prop_assert!(slots.is_empty(), "{:?} did not run", slots),
            }
        }
    }
}
