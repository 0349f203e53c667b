//! Who is told what, when.

use chrono::TimeDelta;
use strongroom_catalog::{AlertClass, Resolution, Severity};
use strongroom_notices::{
    BUNDLE_COUNT, Destination, Error, NOTICE_MAX_COUNT, OWED_DAYS, SECURITY_OWED_DAYS,
};

use crate::world::World;

const PAGER: &str = "[[notices.command]]\nname = \"pager\"\nrun = [\"/bin/page\"]\n";

fn each() -> World {
    World::new(PAGER)
}

fn hourly() -> World {
    World::new(&format!("frequency = \"hourly\"\n{PAGER}"))
}

#[test]
fn each_alert_is_told_once_and_its_end_too() {
    let mut world = each();
    world.job("backup_failed:home");
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
    world.pass(1);
    world.job("backup_failed:home");
    assert_eq!(world.tell(), [""; 0]);
    world.resolve("backup_failed:home");
    assert_eq!(world.tell(), ["pager: resolved backup_failed:home"]);
    assert_eq!(world.tell(), [""; 0]);
    world.job("backup_failed:home");
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
}

#[test]
fn what_becomes_worse_is_told_again() {
    let mut world = each();
    let raise = |world: &World, severity| world.raise("disk:home", AlertClass::Health, severity);
    raise(&world, Severity::Informational);
    assert_eq!(world.tell(), [""; 0]); // not of interest
    raise(&world, Severity::Warning);
    assert_eq!(world.tell(), ["pager: raised disk:home"]);
    raise(&world, Severity::Error);
    assert_eq!(world.tell(), ["pager: worse disk:home"]);
    raise(&world, Severity::Warning);
    assert_eq!(world.tell(), [""; 0]);
}

#[test]
fn what_came_and_went_before_it_could_be_told_is_told_once_for_three_days() {
    let mut world = each();
    world.pass(1);
    world.job("backup_failed:home");
    world.pass(1);
    world.resolve("backup_failed:home");
    assert_eq!(world.due().len(), 1);
    let back = world.now;
    world.now += TimeDelta::days(OWED_DAYS);
    assert_eq!(world.due(), []);
    world.now = back;
    assert_eq!(world.tell(), ["pager: passed backup_failed:home"]);
    assert_eq!(world.tell(), [""; 0]);
}

#[test]
fn who_is_new_hears_of_what_is_open_and_not_of_what_is_over() {
    let mut world = each();
    world.job("backup_failed:old");
    world.pass(1);
    world.resolve("backup_failed:old");
    world.job("backup_failed:home");
    world.pass(1);
    world.sent = strongroom_notices::Sent::default();
    world.sent.admit(&world.settings, world.now);
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
}

#[test]
fn a_digest_tells_what_is_not_over_once_the_hour_is() {
    let mut world = hourly();
    world.pass(5);
    world.job("backup_failed:home");
    world.job("backup_failed:mail");
    world.pass(50);
    world.resolve("backup_failed:mail"); // came and went within the hour
    assert_eq!(world.tell(), [""; 0]);
    world.pass(5); // 13:00
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
    world.pass(10);
    world.job("restore_failed:home");
    world.resolve("backup_failed:home");
    world.pass(49);
    assert_eq!(world.tell(), [""; 0]);
    world.pass(1); // 14:00
    assert_eq!(
        world.tell(),
        ["pager: raised restore_failed:home, resolved backup_failed:home"]
    );
    world.pass(60);
    assert_eq!(world.tell(), [""; 0]);
}

#[test]
fn there_is_one_digest_in_an_hour_whatever_happens() {
    let mut world = hourly();
    world.job("backup_failed:home");
    let silenced = world.job("backup_failed:mail");
    let until = world.now + TimeDelta::minutes(70);
    let silence = |id| {
        world
            .catalog
            .change(|change| change.silence_alert(id, until))
    };
    silence(silenced.id).unwrap();
    world.pass(65); // 13:05
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
    world.pass(10); // 13:15, no longer silent
    assert_eq!(world.tell(), [""; 0]);
    world.pass(45); // 14:00
    assert_eq!(world.tell(), ["pager: raised backup_failed:mail"]);
}

#[test]
fn a_clock_that_was_set_back_keeps_no_digest() {
    let mut world = hourly();
    world.job("backup_failed:home");
    world.pass(60);
    assert_eq!(world.tell().len(), 1);
    world.now -= TimeDelta::days(3000);
    world.job("restore_failed:home");
    world.pass(60);
    assert_eq!(world.tell(), ["pager: raised restore_failed:home"]);
}

#[test]
fn nothing_keeps_security_quiet() {
    let mut world = World::new(
        "frequency = \"hourly\"\nresolutions = false\n[[notices.command]]\nname = \"pager\"\n\
         run = [\"/bin/page\"]\nseverities = []\n",
    );
    world.job("backup_failed:home");
    let alert = world.security("points_deleted:home");
    let all =
        |what: &str| ["journal", "pager"].map(|to| format!("{to}: {what} points_deleted:home"));
    assert_eq!(world.tell(), all("raised"));
    // Raised again it is told again, but not every second.
    world.security("points_deleted:home");
    world.pass(14);
    assert_eq!(world.tell(), [""; 0]);
    world.pass(1);
    assert_eq!(world.tell(), all("again"));
    world.pass(60);
    assert_eq!(world.tell(), [""; 0]);
    // Acknowledged and resolved before anybody was told.
    let by_person = Resolution::ByPerson;
    world
        .catalog
        .change(|change| change.acknowledge_alert(alert.id, world.now))
        .unwrap();
    let resolve = |world: &World| {
        let resolve = |now| {
            let key = "points_deleted:home";
            world
                .catalog
                .change(|change| change.resolve_alert(key, by_person, now))
        };
        resolve(world.now).unwrap().expect("open")
    };
    resolve(&world);
    assert_eq!(world.tell(), all("resolved"));
    world.security("points_deleted:home");
    resolve(&world);
    world.now += TimeDelta::days(SECURITY_OWED_DAYS - 1);
    assert_eq!(world.tell(), all("passed"));
}

#[test]
fn jobs_that_were_not_meant_to_end_are_told_to_nobody() {
    for mut world in [each(), hourly()] {
        world.job("busy:home");
        world.job("cancelled:home");
        world.pass(60);
        assert_eq!(world.tell(), [""; 0]);
    }
}

#[test]
fn silence_lasts_as_long_as_it_was_wanted() {
    let mut world = each();
    let alert = world.job("backup_failed:home");
    let until = world.now + TimeDelta::minutes(30);
    let silenced = world
        .catalog
        .change(|change| change.silence_alert(alert.id, until));
    silenced.unwrap();
    assert_eq!(world.tell(), [""; 0]);
    world.pass(30);
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
}

#[test]
fn people_hear_what_they_want_to() {
    let mut world = World::new(
        "[notices.mail]\nserver = \"mx\"\nfrom = \"a@example.org\"\nto = [ \"b@example.org\", \
         { address = \"c@example.org\", severities = [\"critical\"] }, \
         { address = \"d@example.org\", severities = [] } ]\n",
    );
    world.raise("disk:home", AlertClass::Health, Severity::Warning);
    assert_eq!(world.tell(), ["mail to b@example.org: raised disk:home"]);
    world.job("backup_failed:home");
    assert_eq!(
        world.tell(),
        ["b", "c"].map(|who| format!("mail to {who}@example.org: raised backup_failed:home"))
    );
    world.security("points_deleted");
    assert_eq!(world.tell().len(), 4); // and the journal
    world.resolve("disk:home");
    assert_eq!(world.tell(), ["mail to b@example.org: resolved disk:home"]);
}

#[test]
fn many_at_once_come_together_and_none_is_left_out() {
    let mut world = each();
    for number in 0..BUNDLE_COUNT {
        world.job(&format!("job:{number}"));
    }
    assert_eq!(world.tell().len(), BUNDLE_COUNT);
    for number in 0..=NOTICE_MAX_COUNT {
        world.job(&format!("more:{number}"));
    }
    let due = world.due();
    assert_eq!(due.len(), 2);
    let told: usize = due.iter().map(|notice| notice.items.len()).sum();
    assert_eq!(told, NOTICE_MAX_COUNT + 1);
    world.tell();
    assert_eq!(world.due(), []);
}

#[test]
fn who_cannot_be_reached_is_tried_less_and_less_and_told_in_the_end() {
    let mut world = each();
    world.job("backup_failed:home");
    let pager = Destination::channel("pager");
    let error = || Error::TimedOut {
        place: "pager".into(),
        timeout_secs: 30,
    };
    let mut pauses = Vec::new();
    while pauses.len() < 83 {
        world.sent.failed(&pager, &error(), world.now);
        let failed_at = world.now;
        while world.due().is_empty() {
            world.pass(1);
        }
        pauses.push((world.now - failed_at).num_minutes());
    }
    assert_eq!(pauses[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(pauses[80..], [1440, 1440, 1440]);
    assert_eq!(world.tell(), ["pager: raised backup_failed:home"]);
    // What does not look as if it will pass is not tried every minute.
    let refused = Error::Refused {
        place: "pager".into(),
        said: "no".into(),
        is_passing: false,
    };
    world.job("restore_failed:home");
    world.sent.failed(&pager, &refused, world.now);
    world.pass(59);
    assert_eq!(world.due(), []);
    world.pass(1);
    assert_eq!(world.due().len(), 1);
}

#[test]
fn a_second_try_has_the_same_id_and_another_telling_another() {
    let mut world = each();
    world.job("backup_failed:home");
    let first = world.due().remove(0);
    world.pass(7);
    world.job("backup_failed:home");
    let second = world.due().remove(0);
    assert_eq!(first.id, second.id);
    assert_ne!(first.at, second.at);
    world.tell();
    world.resolve("backup_failed:home");
    assert_ne!(world.due().remove(0).id, first.id);
}
