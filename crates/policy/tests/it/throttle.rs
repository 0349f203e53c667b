//! Rates, work hours over midnight and over changes of a zone, and buckets that are exact.

use std::time::Duration;

use chrono::{
    DateTime, Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc, Weekday, WeekdaySet,
};
use chrono_tz::Tz;
use proptest::prelude::*;
use strongroom_policy::{
    Direction, Moment, Rate, Throttle, ThrottleCalendar, TokenBucket, WorkHours, civil_time,
};

fn at(text: &str) -> DateTime<Utc> {
    format!("{text}Z").parse().unwrap()
}

fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

fn calendar(days: &[Weekday], hours: &str) -> ThrottleCalendar {
    let days = days.iter().copied().collect();
    ThrottleCalendar::new(days, hours.parse().unwrap())
        .with_rates(rate("512 Kbps"), rate("2048 Kbps"))
}

#[test]
fn rates_tell_bits_from_bytes() {
    let rates = [
        ("512 Kbps", 512_000),
        ("512Kbps", 512_000),
        ("512 kbps", 512_000),
        ("512000 bps", 512_000),
        ("64 KBps", 512_000),
        ("64000 Bps", 512_000),
        ("2048 Kbps", 2_048_000),
        ("1 Mbps", 1_000_000),
        ("1 MBps", 8_000_000),
        ("1.5 MBps", 12_000_000),
        ("0.512 Mbps", 512_000),
        ("1.024 Mbps", 1_024_000),
        ("1 Gbps", 1_000_000_000),
        ("1 GBps", 8_000_000_000),
        ("1023 MBps", 8_184_000_000),
        ("8.184 Gbps", 8_184_000_000),
    ];
    for (text, bits) in rates {
        let rate = rate(text);
        assert_eq!(rate.bits_per_sec(), bits, "{text}");
        assert_eq!(
            rate.to_string().parse::<Rate>(),
            Ok(rate),
            "{text} as {rate}"
        );
    }
}

#[test]
fn rates_out_of_range_and_other_text_are_refused() {
    for text in [
        "511 Kbps",
        "511.999 Kbps",
        "63.9 KBps",
        "0 Kbps",
        "1024 MBps",
        "1023.001 MBps",
        "8.185 Gbps",
    ] {
        let error = text.parse::<Rate>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{text} is not within 512 Kbps and 1023 MBps")
        );
    }
    for (text, unit) in [
        ("512 KBPS", "KBPS"),
        ("512 mbps", "mbps"),
        ("512 Kb/s", "Kb/s"),
        ("512 KiBps", "KiBps"),
    ] {
        let error = text.parse::<Rate>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{unit}` is not one of")),
            "{error}"
        );
    }
    for text in [
        "",
        "512",
        "1.2345 Mbps",
        "1. Mbps",
        ". Mbps",
        "1.2.3 Mbps",
        "99999999999999999999 bps",
    ] {
        let error = text.parse::<Rate>().unwrap_err().to_string();
        assert!(error.contains("is not a rate such as"), "{text}: {error}");
    }
    assert!("-512 Kbps".parse::<Rate>().is_err());
    assert!("18446744073709551615 GBps".parse::<Rate>().is_err());
    assert_eq!(Rate::from_bits_per_sec(511_999), None);
    assert_eq!(Rate::from_bits_per_sec(8_184_000_001), None);
}

#[test]
fn work_hours_are_read_strictly() {
    for good in [
        "09:00-18:00",
        "22:00-06:00",
        "00:00-24:00",
        "09:00-24:00",
        "00:00-00:01",
    ] {
        assert_eq!(good.parse::<WorkHours>().unwrap().to_string(), good);
    }
    assert_eq!(
        "22:00-00:00".parse::<WorkHours>().unwrap().to_string(),
        "22:00-24:00"
    );
    for bad in [
        "",
        "09:00",
        "09:00-",
        "9-18",
        "09:00-09:00",
        "00:00-00:00",
        "24:00-09:00",
        "09:00-18:00-20:00",
    ] {
        let error = bad.parse::<WorkHours>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{bad}` is not a stretch of the day")),
            "{error}"
        );
    }
}

#[test]
fn the_example_of_the_original_works_on_monday_and_tuesday_from_nine_to_six() {
    let calendar = calendar(&[Weekday::Mon, Weekday::Tue], "09:00-18:00");
    let rates = [
        ("2026-03-02T08:59:59", "2048 Kbps"), // Monday
        ("2026-03-02T09:00:00", "512 Kbps"),
        ("2026-03-02T17:59:59", "512 Kbps"),
        ("2026-03-02T18:00:00", "2048 Kbps"),
        ("2026-03-03T12:00:00", "512 Kbps"),
        ("2026-03-04T12:00:00", "2048 Kbps"),
    ];
    for (now, expected) in rates {
        assert_eq!(calendar.rate_at(at(now), Tz::UTC), rate(expected), "{now}");
    }
    let change = |now| calendar.next_change_after(at(now), Tz::UTC).unwrap();
    assert_eq!(change("2026-03-02T09:00:00"), at("2026-03-02T18:00:00"));
    assert_eq!(change("2026-03-03T18:00:00"), at("2026-03-09T09:00:00"));
}

#[test]
fn hours_over_midnight_belong_to_the_day_they_start_on() {
    let calendar = calendar(&[Weekday::Fri], "22:00-06:00");
    let is_work = |now| calendar.is_work(at(now), Tz::UTC);
    assert!(!is_work("2026-03-06T05:59:59"), "Friday before it starts");
    assert!(is_work("2026-03-06T22:00:00"));
    assert!(is_work("2026-03-07T05:59:59"), "Saturday, until it ends");
    assert!(!is_work("2026-03-07T06:00:00"));
    assert!(!is_work("2026-03-07T22:00:00"));
}

#[test]
fn a_calendar_without_changes_says_so() {
    let every_day = WeekdaySet::ALL.iter(Weekday::Mon).collect::<Vec<_>>();
    for calendar in [
        calendar(&every_day, "00:00-24:00"),
        calendar(&[], "09:00-18:00"),
    ] {
        assert_eq!(
            calendar.next_change_after(at("2026-03-28T12:00:00"), Tz::Europe__Paris),
            None
        );
    }
}

/// Work hours minute by minute, counted through the week.
fn is_work(days: WeekdaySet, start: u32, end: u32, local: NaiveDateTime) -> bool {
    let minute = local.hour() * 60 + local.minute() + 1440 * local.weekday().num_days_from_monday();
    (0..7).any(|day| {
        let weekday = Weekday::try_from(u8::try_from(day).unwrap()).unwrap();
        let length = if end > start {
            end - start
        } else {
            end + 1440 - start
        };
        let since = (minute + 7 * 1440 - (day * 1440 + start)) % (7 * 1440);
        days.contains(weekday) && since < length
    })
}

fn minute_time(minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn calendars_are_what_the_clock_shows_minute_by_minute(
        days in proptest::collection::vec(0u8..7, 0..7),
        start in 0u32..1440,
        end in 0u32..1440,
        (zone, around) in prop_oneof![
            Just((Tz::Europe__Paris, "2026-03-29T00:00:00")),
            Just((Tz::Europe__Paris, "2026-10-25T00:00:00")),
            Just((Tz::Australia__Lord_Howe, "2026-04-04T12:00:00")),
            Just((Tz::Pacific__Apia, "2011-12-30T10:00:00")),
        ],
    ) {
        prop_assume!(start != end);
        let days: WeekdaySet = days.into_iter().map(|day| Weekday::try_from(day).unwrap()).collect();
        let hours = format!("{}-{}", minute_time(start).format("%H:%M"), minute_time(end).format("%H:%M"));
        let calendar = ThrottleCalendar::new(days, hours.parse().unwrap());
        let mut now = at(around) - TimeDelta::days(2);
        let mut was_work = is_work(days, start, end, civil_time(now, zone));
        let mut next = calendar.next_change_after(now, zone);
        for _ in 0..4 * 1440 {
            now += TimeDelta::minutes(1);
            let is_work = is_work(days, start, end, civil_time(now, zone));
            prop_assert_eq!(calendar.is_work(now, zone), is_work, "{} at {}", hours, now);
            prop_assert_eq!(next == Some(now), is_work != was_work, "{} at {}: {:?}", hours, now, next);
            if is_work != was_work {
                next = calendar.next_change_after(now, zone);
            }
            was_work = is_work;
        }
    }

    #[test]
    fn buckets_are_exact(
        bits_per_sec in 512_000u64..=8_184_000_000,
        takes in proptest::collection::vec((0u64..5_000_000, 0u64..2_000_000_000), 1..60),
    ) {
        let rate = Rate::from_bits_per_sec(bits_per_sec).unwrap();
        let mut bucket = TokenBucket::new(rate);
        let burst_bits = u128::from(bucket.capacity_bytes()) * 8;
        let (mut now, mut taken_bits, mut largest_bits) = (Duration::ZERO, 0u128, 0u128);
        for (bytes, pause_nanos) in takes {
            now += Duration::from_nanos(pause_nanos);
            if let Err(wait) = bucket.take(bytes, now) {
                prop_assert!(!wait.is_zero());
                let almost = wait - Duration::from_nanos(1);
                prop_assert!(bucket.clone().take(bytes, now + almost).is_err(), "waited too long");
                now += wait;
                prop_assert_eq!(bucket.take(bytes, now), Ok(()), "waited too short");
            }
            taken_bits += u128::from(bytes) * 8;
            largest_bits = largest_bits.max(u128::from(bytes) * 8);
            // Times a billion, so that nothing is rounded.
            let debt_bits = largest_bits.saturating_sub(burst_bits);
            let allowed = (burst_bits + debt_bits) * 1_000_000_000 + now.as_nanos() * u128::from(bits_per_sec);
            prop_assert!(taken_bits * 1_000_000_000 <= allowed);
        }
    }

    #[test]
    fn a_greedy_sender_gets_all_that_the_rate_gives(
        bits_per_sec in 512_000u64..=100_000_000,
        bytes in 1u64..60_000,
    ) {
        let mut bucket = TokenBucket::new(Rate::from_bits_per_sec(bits_per_sec).unwrap());
        let burst = bucket.capacity_bytes();
        let (mut now, mut taken) = (Duration::ZERO, 0u64);
        let mut takes = 0u32;
        while taken <= burst + 500 * bytes {
            match bucket.take(bytes, now) {
                Ok(()) => {
                    taken += bytes;
                    takes += 1;
                }
                Err(wait) => now += wait,
            }
        }
        // Each wait is rounded up by less than a nanosecond, and what it brings too much is kept.
        let sent_nanos = u128::from(taken - burst) * 8 * 1_000_000_000 / u128::from(bits_per_sec);
        prop_assert!(now.as_nanos() <= sent_nanos + 1, "{now:?} for {takes} takes");
    }
}

#[test]
fn a_clock_that_goes_back_gives_nothing() {
    let mut bucket = TokenBucket::new(rate("800 Kbps")); // 100,000 bytes a second
    assert_eq!(bucket.take(100_000, Duration::from_secs(10)), Ok(()));
    assert_eq!(
        bucket.take(50_000, Duration::from_secs(1)),
        Err(Duration::from_millis(500))
    );
    assert_eq!(
        bucket.take(50_000, Duration::from_secs(10)),
        Err(Duration::from_millis(500))
    );
    assert_eq!(bucket.take(50_000, Duration::from_millis(10_500)), Ok(()));
}

#[test]
fn more_than_a_bucket_holds_waits_for_a_full_one_and_is_paid_off_after() {
    let mut bucket = TokenBucket::new(rate("800 Kbps"));
    assert_eq!(bucket.take(50_000, Duration::ZERO), Ok(()));
    assert_eq!(
        bucket.take(300_000, Duration::ZERO),
        Err(Duration::from_millis(500))
    );
    assert_eq!(bucket.take(300_000, Duration::from_millis(500)), Ok(()));
    assert_eq!(
        bucket.take(1, Duration::from_millis(500)),
        Err(Duration::from_nanos(2_000_010_000))
    );
    let mut idle = TokenBucket::new(rate("800 Kbps"));
    assert_eq!(
        idle.take(100_000, Duration::MAX),
        Ok(()),
        "a bucket holds no more than a second's worth"
    );
    assert!(idle.take(1, Duration::MAX).is_err());
    assert_eq!(
        idle.take(u64::MAX, Duration::MAX),
        Err(Duration::from_secs(1))
    );
}

#[test]
fn a_throttle_changes_its_rate_with_the_calendar() {
    let start = at("2026-03-02T17:59:50"); // Monday, ten seconds before work ends
    let mut throttle = Throttle::new(calendar(&[Weekday::Mon], "09:00-18:00"), Tz::UTC);
    let moment = |secs: u32| Moment {
        at: start + TimeDelta::seconds(i64::from(secs)),
        monotonic: Duration::from_secs(u64::from(secs)),
    };
    let mut sent = [0u64; 20];
    for (second, sent) in (0..20).zip(&mut sent) {
        while throttle
            .take(Direction::Upload, 1000, moment(second))
            .is_ok()
        {
            *sent += 1000;
        }
    }
    assert!(
        sent[..10].iter().all(|bytes| *bytes == 64_000),
        "512 Kbps: {sent:?}"
    );
    assert!(
        sent[11..].iter().all(|bytes| *bytes == 256_000),
        "2048 Kbps: {sent:?}"
    );
    // The other direction has its own bucket.
    assert_eq!(
        throttle.take(Direction::Restore, 64_000, moment(19)),
        Ok(())
    );
}
