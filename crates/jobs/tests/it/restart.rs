//! A daemon that is started anew goes on where the one before was.

use strongroom_jobs::daemon::Message;
use strongroom_jobs::{Daemon, Event, Outcome};

use crate::world::{Happening, Trouble, What, World, at};

const POLICY: &str = r#"
    time_zone = "UTC"
    schedule.daily = { times = ["02:00"] }
"#;

#[test]
fn how_often_a_run_has_failed_is_not_forgotten() {
    // The disk is full from the run on. A try each time that a daemon is started would be forty of them; by the rule they come
    // after 15, 45, 105, 225, 465 and 705 minutes, and then no more before the next run.
    let since = at("2026-03-10T00:00:00Z");
    let stops = (1..=40).map(|number| since + chrono::TimeDelta::minutes(number * 20));
    let stops = stops.map(|at| (at, Happening::Say(Message::Stop)));
    let world = World::new(POLICY, &["home"], since, stops.collect());
    world.meets(Trouble {
        what: What::DiskFull,
        from: since,
        until: at("2026-03-12T00:00:00Z"),
    });
    for _ in 0..40 {
        Daemon::new(&world, &*world.clock).run();
    }
    let events = world.events.lock().expect("whole");
    let tries: Vec<i64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Ended {
                outcome: Outcome::Failed,
                at: ended_at,
                ..
            } => Some((*ended_at - at("2026-03-10T02:00:00Z")).num_minutes()),
            _ => None,
        })
        .collect();
    assert_eq!(tries, [0, 15, 45, 105, 225, 465]);
}
