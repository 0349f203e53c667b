//! Sending what is due.

use std::sync::mpsc::{Receiver, Sender, channel};

use strongroom_notices::{
    Channel, Channels, Delivery, Destination, Error, Notice, Result, deliver, failing_alerts,
};

use crate::world::{World, said};

const MAIL: &str = "[notices.mail]\nserver = \"mx\"\nfrom = \"a@example.org\"\n\
                    to = [\"b@example.org\", \"c@example.org\"]\n\
                    [[notices.command]]\nname = \"pager\"\nrun = [\"/bin/page\"]\n";

/// Tells what it was given, and fails as it is told to.
#[derive(Debug)]
struct Double {
    seen: Sender<String>,
    fails: fn(&Notice) -> Result<()>,
}

impl Channel for Double {
    fn send(&self, notice: &Notice) -> Result<()> {
        self.seen.send(said(notice)).unwrap();
        (self.fails)(notice)
    }
}

fn channels(world: &World, fails: fn(&Notice) -> Result<()>) -> (Channels, Receiver<String>) {
    let (seen, receiver) = channel();
    let mut channels = Channels::new(&world.settings, Box::new(|_| ()));
    channels.add(
        "mail",
        Double {
            seen: seen.clone(),
            fails,
        },
    );
    channels.add(
        "pager",
        Double {
            seen,
            fails: |_| Ok(()),
        },
    );
    (channels, receiver)
}

fn send(world: &mut World, channels: &Channels) -> Vec<Delivery> {
    let (due, now) = (world.due(), world.now);
    deliver(due, channels, &mut world.sent, || now, |_| Ok(())).unwrap()
}

fn timed_out() -> Result<()> {
    Err(Error::TimedOut {
        place: "mx".into(),
        timeout_secs: 30,
    })
}

#[test]
fn a_server_that_is_away_is_tried_once_and_nobody_is_forgotten() {
    let mut world = World::new(MAIL);
    world.job("one:home");
    world.job("two:home");
    let (dead, seen) = channels(&world, |_| timed_out());
    let deliveries = send(&mut world, &dead);
    let tries: Vec<String> = seen.try_iter().collect();
    assert_eq!(
        tries,
        [
            "mail to b@example.org: raised one:home",
            "pager: raised one:home",
            "pager: raised two:home"
        ]
    );
    assert_eq!(deliveries[0].told().count(), 0);
    assert_eq!(deliveries[1].told().count(), 1);
    assert_eq!(world.sent.failing().count(), 2);
    assert!(send(&mut world, &dead).is_empty());
    world.pass(1);
    let (alive, seen) = channels(&world, |_| Ok(()));
    send(&mut world, &alive);
    assert_eq!(seen.try_iter().count(), 4);
    assert_eq!(world.sent.failing().count(), 0);
    assert_eq!(world.due(), []);
}

#[test]
fn one_who_is_refused_keeps_it_from_nobody_else() {
    let mut world = World::new(MAIL);
    world.job("one:home");
    let (channels, seen) = channels(&world, |notice| {
        match notice.destination.recipient.as_deref() {
            Some("b@example.org") => Err(Error::Refused {
                place: "mx".into(),
                said: "550".into(),
                is_passing: false,
            }),
            _ => Ok(()),
        }
    });
    send(&mut world, &channels);
    assert_eq!(seen.try_iter().count(), 3);
    let failing: Vec<&str> = world.sent.failing().map(|(name, _)| name).collect();
    assert_eq!(failing, ["mail to b@example.org"]);
}

#[test]
fn nothing_is_sent_when_what_is_sent_cannot_be_noted() {
    let mut world = World::new(MAIL);
    world.job("one:home");
    let (channels, seen) = channels(&world, |_| Ok(()));
    let (due, now) = (world.due(), world.now);
    let full = |_: &strongroom_notices::Sent| {
        Err(Error::Record {
            reason: "the disk is full".into(),
        })
    };
    assert!(deliver(due, &channels, &mut world.sent, || now, full).is_err());
    assert_eq!(seen.try_iter().count(), 0);
}

#[test]
fn a_destination_that_fails_for_an_hour_is_an_alert_until_it_does_not() {
    let mut world = World::new(MAIL);
    world.job("one:home");
    let (dead, _seen) = channels(&world, |_| timed_out());
    let destinations: Vec<Destination> = world.settings.destinations();
    for minute in 0..=60 {
        send(&mut world, &dead);
        let (raised, _) = failing_alerts(&world.sent, &destinations, world.now);
        assert_eq!(
            raised.len(),
            if minute < 60 { 0 } else { 2 },
            "minute {minute}"
        );
        world.pass(1);
    }
    let (raised, over) = failing_alerts(&world.sent, &destinations, world.now);
    assert_eq!(raised[0].key, "notices_failing:mail to b@example.org");
    assert!(
        raised[0].message.contains("mx did not answer within 30 s"),
        "{}",
        raised[0].message
    );
    assert_eq!(over, ["notices_failing:journal", "notices_failing:pager"]);
    world.pass(60);
    let (alive, _seen) = channels(&world, |_| Ok(()));
    send(&mut world, &alive);
    assert_eq!(failing_alerts(&world.sent, &destinations, world.now).0, []);
}
