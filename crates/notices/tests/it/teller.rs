//! Who tells, over days and deaths, with a record in a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use chrono::TimeDelta;
use strongroom_notices::{
    Channel, Channels, Destination, Error, Notice, Result, Sent, Teller, look_at,
};

use crate::world::{World, said};

const MAIL: &str = "[notices.mail]\nserver = \"mx\"\nfrom = \"a@example.org\"\n\
                    to = [\"b@example.org\"]\n\
                    [[notices.command]]\nname = \"pager\"\nrun = [\"/bin/page\"]\n";

/// A server that is away as long as it is told so.
#[derive(Debug)]
struct Server {
    seen: Sender<String>,
    is_away: Arc<AtomicBool>,
}

impl Channel for Server {
    fn send(&self, notice: &Notice) -> Result<()> {
        self.seen.send(said(notice)).unwrap();
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(Error::TimedOut {
                place: "mx".into(),
                timeout_secs: 30,
            }),
            false => Ok(()),
        }
    }
}

struct Desk {
    world: World,
    channels: Channels,
    is_away: Arc<AtomicBool>,
    mail: Receiver<String>,
    pager: Receiver<String>,
}

impl Desk {
    fn new() -> Self {
        let world = World::new(MAIL);
        let is_away = Arc::new(AtomicBool::new(false));
        let mut channels = Channels::new(&world.settings, Box::new(|_| ()));
        let mut add = |name: &str, is_away: &Arc<AtomicBool>| {
            let (seen, receiver) = channel();
            let is_away = Arc::clone(is_away);
            channels.add(name, Server { seen, is_away });
            receiver
        };
        let mail = add("mail", &is_away);
        let pager = add("pager", &Arc::default());
        Self {
            world,
            channels,
            is_away,
            mail,
            pager,
        }
    }

    /// What a daemon does when it is called.
    fn round(&self, teller: &mut Teller) {
        let (settings, now) = (&self.world.settings, self.world.now);
        teller.admit(settings, now);
        for _ in 0..3 {
            let alerts = self.world.alerts();
            let due = teller.due(&alerts, settings, now);
            let told = teller.tell(due, &self.channels, || now);
            let follow_up = teller.follow_up(&alerts, &told, settings, now);
            let applied = |change: &_| follow_up.apply(change, now);
            self.world.catalog.change(applied).unwrap();
            if !follow_up.is_news() {
                return;
            }
        }
        panic!("there is no end of news");
    }
}

fn take(path: &Path) -> Teller {
    Teller::take(path).unwrap().expect("nobody else tells")
}

#[test]
fn a_day_without_a_mail_server_is_an_alert_and_then_one_summary() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notices.json");
    let mut desk = Desk::new();
    desk.is_away.store(true, Ordering::SeqCst);
    let mut teller = take(&path);
    let mut next = None;
    for minute in 0..24 * 60 {
        let mut is_changed = minute == 0;
        if minute % 60 == 7 {
            desk.world.job(&format!("backup_failed:{minute}"));
            is_changed = true;
        }
        if minute % 120 == 30 {
            desk.world
                .resolve(&format!("backup_failed:{}", minute - 23));
            is_changed = true;
        }
        if minute % 311 == 0 {
            // The machine is started anew.
            drop(teller);
            teller = take(&path);
        }
        let now = desk.world.now;
        if is_changed || next.is_some_and(|at| at <= now) {
            desk.round(&mut teller);
            next = look_at(
                &desk.world.alerts(),
                &desk.world.settings,
                teller.sent(),
                now,
            );
        } else {
            // Whoever waits as it is told to misses nothing.
            let due = teller.due(&desk.world.alerts(), &desk.world.settings, now);
            assert_eq!(due, [], "minute {minute}");
        }
        desk.world.pass(1);
    }
    // After 1, 2, 4, 8, 16 and 32 minutes, and then hourly.
    let tries = desk.mail.try_iter().count();
    assert!((25..=31).contains(&tries), "{tries}");
    let paged: Vec<String> = desk.pager.try_iter().collect();
    let failing = "pager: raised notices_failing:mail to b@example.org".to_owned();
    assert_eq!(paged.iter().filter(|said| **said == failing).count(), 1);
    assert_eq!(
        paged.len(),
        24 + 12 + 1,
        "each alert, and the end of every other"
    );

    desk.is_away.store(false, Ordering::SeqCst);
    desk.world.now = next.expect("it is tried again").max(desk.world.now);
    desk.round(&mut teller);
    let mails: Vec<String> = desk.mail.try_iter().collect();
    // All in one; and that mail arrives again, which is news that came after.
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert_eq!(mails[0].matches("raised backup_failed").count(), 12);
    assert_eq!(mails[0].matches("passed backup_failed").count(), 12);
    assert_eq!(mails[0].matches("raised notices_failing").count(), 1);
    assert!(mails[1].ends_with(": resolved notices_failing:mail to b@example.org"));
    desk.round(&mut teller);
    assert_eq!(desk.mail.try_iter().count(), 0);
}

#[test]
fn whoever_dies_while_sending_sends_again_and_not_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notices.json");
    let mut desk = Desk::new();
    desk.world.job("backup_failed:home");
    // What is durable when a process is killed while it sends.
    let mut sent = Sent::default();
    sent.admit(&desk.world.settings, desk.world.now);
    sent.trying(&Destination::channel("pager"), desk.world.now);
    sent.store(&path).unwrap();
    for start in 0..5 {
        let mut teller = take(&path);
        desk.round(&mut teller);
        let told = usize::from(start == 0);
        assert_eq!(desk.mail.try_iter().count(), told, "start {start}");
        assert_eq!(desk.pager.try_iter().count(), 0, "start {start}");
        desk.world.now += TimeDelta::seconds(10);
    }
    desk.world.pass(1);
    desk.round(&mut take(&path));
    assert_eq!(
        desk.pager.try_iter().collect::<Vec<_>>(),
        ["pager: raised backup_failed:home"]
    );
    assert_eq!(desk.mail.try_iter().count(), 0);
}

#[test]
fn one_process_tells_at_a_time_and_a_damaged_record_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notices.json");
    fs::write(&path, "{ nonsense").unwrap();
    let desk = Desk::new();
    desk.world.security("points_deleted:home");
    let mut teller = take(&path);
    assert!(Teller::take(&path).unwrap().is_none());
    let trouble = teller.trouble().expect("it is told");
    assert!(matches!(trouble, Error::Record { .. }), "{trouble}");
    assert!(dir.path().join("notices.json.damaged").exists());
    desk.round(&mut teller);
    assert_eq!(desk.mail.try_iter().count(), 1);
    drop(teller);
    let mut teller = take(&path);
    assert!(teller.trouble().is_none());
    desk.round(&mut teller);
    assert_eq!(desk.mail.try_iter().count(), 0);
}

#[test]
fn a_record_that_cannot_be_kept_keeps_nobody_from_hearing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notices.json");
    let desk = Desk::new();
    let mut teller = take(&path);
    // Even root cannot write there.
    fs::create_dir(dir.path().join("notices.new")).unwrap();
    desk.world.security("points_deleted:home");
    desk.round(&mut teller);
    desk.round(&mut teller);
    assert_eq!(desk.mail.try_iter().count(), 1, "and once");
    assert!(matches!(teller.trouble(), Some(Error::File { .. })));
}
