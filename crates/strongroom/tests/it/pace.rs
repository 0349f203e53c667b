//! The throttle of a policy: its rates, its hours, and that whoever waits for it can stop.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc, Weekday};
use object_store::memory::InMemory;
use strongroom::policy::chrono_tz::Tz;
use strongroom::policy::{Rate, ThrottleCalendar};
use strongroom::vault::{Direction, Pace, Store};
use strongroom::{
    BackupOptions, Cancel, Clock, Error, NoMonitor, PolicyPace, RestoreOptions, RestoreTarget,
    VerifyLevel, VerifyOptions,
};
use tokio::time::Instant;

use crate::support::{backup, differences, random_bytes, restore, vault};

const SECOND: Duration = Duration::from_secs(1);

/// A Monday that began at this time with the test, and whose seconds are those of the test's runtime.
#[derive(Debug)]
struct Monday {
    at: DateTime<Utc>,
    began: Instant,
}

impl Clock for Monday {
    fn now(&self) -> DateTime<Utc> {
        self.at + self.began.elapsed()
    }
}

fn calendar(work: &str, other: &str) -> ThrottleCalendar {
    let rate = |text: &str| text.parse::<Rate>().expect("a rate");
    let days = [Weekday::Mon].into_iter().collect();
    let hours = "09:00-18:00".parse().expect("hours");
    ThrottleCalendar::new(days, hours).with_rates(rate(work), rate(other))
}

fn pace_at(time: &str, calendar: ThrottleCalendar) -> Arc<PolicyPace> {
    let clock = Monday {
        at: format!("2026-01-05T{time}Z").parse().expect("a time"),
        began: Instant::now(),
    };
    Arc::new(PolicyPace::with_clock(
        Some(calendar),
        Tz::UTC,
        Arc::new(clock),
    ))
}

fn paced(pace: &Arc<PolicyPace>) -> Store {
    let store = Store::new(Arc::new(InMemory::new()));
    let pace: Arc<dyn Pace> = Arc::<PolicyPace>::clone(pace);
    store.set_pace(Some(pace));
    store
}

/// Two uploads at a time without end.
fn upload_on_and_on(store: &Store) {
    for lane in ["d", "m"] {
        let store = store.clone();
        tokio::spawn(async move {
            let parts = [vec![7; 4 << 20].into()];
            for number in 0.. {
                let name = format!("{lane}/{number}");
                store.create_once(&name, &parts).await.expect("created");
                store.delete(&name).await.expect("deleted");
            }
        });
    }
}

async fn passed_in(pace: &PolicyPace, time: Duration) -> f64 {
    let before = pace.passed_bytes();
    tokio::time::sleep(time).await;
    (pace.passed_bytes() - before) as f64
}

/// Within 5 %.
fn assert_rate(passed_bytes: f64, secs: f64, text: &str) {
    let rate: Rate = text.parse().expect("a rate");
    let share = passed_bytes / secs / (rate.bits_per_sec() as f64 / 8.0);
    assert!((0.95..1.05).contains(&share), "{text}: {share}");
}

#[tokio::test(start_paused = true)]
async fn thirty_seconds_keep_to_every_rate() {
    for rate in ["512 Kbps", "2048 Kbps", "1.5 MBps", "100 Mbps", "100 MBps"] {
        let pace = pace_at("10:00:00", calendar(rate, "1023 MBps"));
        upload_on_and_on(&paced(&pace));
        // What may go at once, a second's worth, is within the tolerance.
        assert_rate(passed_in(&pace, 30 * SECOND).await, 30.0, rate);
        assert_rate(passed_in(&pace, 30 * SECOND).await, 30.0, rate);
        pace.change(Some(calendar("512 Kbps", "512 Kbps")), Tz::UTC);
    }
}

#[tokio::test(start_paused = true)]
async fn work_hours_begin_and_end_while_packs_are_on_their_way() {
    let pace = pace_at("08:59:30", calendar("512 Kbps", "8 Mbps"));
    upload_on_and_on(&paced(&pace));
    assert_rate(passed_in(&pace, 29 * SECOND).await, 28.9, "8 Mbps");
    assert_eq!(pace.rate(), "8 Mbps".parse().ok());
    tokio::time::sleep(2 * SECOND).await;
    assert_rate(passed_in(&pace, 30 * SECOND).await, 30.0, "512 Kbps");
    assert_eq!(pace.rate(), "512 Kbps".parse().ok());
    tokio::time::sleep(Duration::from_secs(9 * 3600 - 32)).await;
    assert_rate(passed_in(&pace, 30 * SECOND).await, 30.0, "8 Mbps");
}

#[tokio::test(start_paused = true)]
async fn another_policy_counts_at_once() {
    let pace = pace_at("10:00:00", calendar("512 Kbps", "512 Kbps"));
    let store = paced(&pace);
    upload_on_and_on(&store);
    tokio::time::sleep(10 * SECOND).await;
    pace.change(Some(calendar("16 Mbps", "16 Mbps")), Tz::UTC);
    tokio::time::sleep(SECOND).await;
    assert_rate(passed_in(&pace, 30 * SECOND).await, 30.0, "16 Mbps");
    let faster = pace_at("10:00:00", calendar("64 Mbps", "64 Mbps"));
    let replaced: Arc<dyn Pace> = Arc::<PolicyPace>::clone(&faster);
    store.set_pace(Some(replaced));
    tokio::time::sleep(SECOND).await;
    assert_rate(passed_in(&faster, 30 * SECOND).await, 30.0, "64 Mbps");
}

#[tokio::test(start_paused = true)]
async fn uploads_and_restores_have_a_rate_each() {
    let pace = pace_at("10:00:00", calendar("2048 Kbps", "2048 Kbps"));
    let store = paced(&pace);
    let parts = [vec![7; 1 << 20].into()];
    store.create_once("index/1", &parts).await.expect("created");
    tokio::time::sleep(SECOND).await;
    upload_on_and_on(&store);
    let reader = store.clone();
    tokio::spawn(async move {
        loop {
            reader.read("index/1", 2 << 20).await.expect("read");
        }
    });
    assert_rate(passed_in(&pace, 30 * SECOND).await, 60.0, "2048 Kbps");
}

/// A pace by which a call is cancelled once it has got so far.
#[derive(Debug)]
struct Cancelling {
    pace: PolicyPace,
    cancel: Cancel,
    after_bytes: u64,
}

impl Pace for Cancelling {
    fn take(&self, direction: Direction, bytes: u64) -> Option<Duration> {
        if self.pace.passed_bytes() >= self.after_bytes {
            self.cancel.cancel();
        }
        self.pace.take(direction, bytes)
    }
}

fn cancelling(cancel: &Cancel) -> Arc<Cancelling> {
    Arc::new(Cancelling {
        pace: PolicyPace::new(Some(calendar("512 Kbps", "512 Kbps")), Tz::UTC),
        cancel: cancel.clone(),
        after_bytes: 90_000,
    })
}

/// All of it would take a minute: the call ends long before, and the next one finds a vault in order.
#[test]
fn calls_that_wait_for_the_throttle_can_be_cancelled() {
    const CONTENT_BYTES: usize = 4 << 20;
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join("a"), random_bytes(1, CONTENT_BYTES)).expect("written");
    let vault = vault();
    let is_cancelled = |call: &dyn Fn(Cancel) -> strongroom::Result<()>| {
        let cancel = Cancel::new();
        let pace = cancelling(&cancel);
        let set: Arc<dyn Pace> = Arc::<Cancelling>::clone(&pace);
        vault.set_pace(Some(set));
        let outcome = call(cancel);
        assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
        let passed_bytes = pace.pace.passed_bytes();
        assert!(passed_bytes < CONTENT_BYTES as u64 / 4, "{passed_bytes}");
        vault.set_pace(None);
    };
    is_cancelled(&|cancel| {
        let mut options = BackupOptions::new("home", vec![home.clone()]);
        options.cancel = cancel;
        vault.backup(&options, &NoMonitor).map(drop)
    });
    let report = backup(&vault, &home);
    let point = report.recovery_point.expect("a point");
    is_cancelled(&|cancel| {
        let target = RestoreTarget::Directory(dir.path().join("half"));
        let mut options = RestoreOptions::new(target);
        options.cancel = cancel;
        vault.restore(&point, &options, &NoMonitor).map(drop)
    });
    is_cancelled(&|cancel| {
        let mut options = VerifyOptions::default();
        options.level = VerifyLevel::Data;
        options.cancel = cancel;
        vault.verify(&options, &NoMonitor).map(drop)
    });
    let out = dir.path().join("out");
    restore(&vault, &report, &out);
    assert_eq!(differences(&home, &out), "");
}
