//! The slow model: what a person sees who watches the clock.

use std::collections::HashSet;

use chrono::{
    DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;
use strongroom_policy::{Due, SlotId};

/// Days of one offset throughout, or the days around a change.
pub(super) struct Stretch {
    first: NaiveDate,
    /// Not part of it.
    end: NaiveDate,
    offset_before_secs: i32,
    offset_after_secs: i32,
    has_change: bool,
}

impl Stretch {
    pub(super) fn has_change(&self) -> bool {
        self.has_change
    }

    /// The instants at which its first day begins and its last day ends.
    pub(super) fn instants(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let midnight = |date: NaiveDate, secs: i32| {
            (date.and_time(NaiveTime::MIN) - TimeDelta::seconds(i64::from(secs))).and_utc()
        };
        (
            midnight(self.first, self.offset_before_secs),
            midnight(self.end, self.offset_after_secs),
        )
    }
}

fn offset_secs(at: DateTime<Utc>, zone: Tz) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc())
        .fix()
        .local_minus_utc()
}

fn shown(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    at.naive_utc() + TimeDelta::seconds(i64::from(offset_secs(at, zone)))
}

/// Cuts the time between two instants, and some days more, into stretches.
pub(super) fn stretches(
    zone: Tz,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
) -> impl Iterator<Item = Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    let step = TimeDelta::hours(3);
    let mut at = first - TimeDelta::days(3);
    let start = shown(at, zone).date();
    while at < last + TimeDelta::days(3) {
        let (before, after) = (offset_secs(at, zone), offset_secs(at + step, zone));
        if before != after {
            let day = |at, days: i64| shown(at, zone).date() + TimeDelta::days(days);
            // A change may skip a day, so that two days before it are three dates.
            let (first, end) = (day(at, -2), day(at + step, 3));
            match found.last_mut() {
                Some(previous) if previous.end >= first => {
                    previous.end = end;
                    previous.offset_after_secs = after;
                }
                _ => found.push(Stretch {
                    first,
                    end,
                    offset_before_secs: before,
                    offset_after_secs: after,
                    has_change: true,
                }),
            }
        }
        at += step;
    }
    let mut all = Vec::new();
    let (mut date, mut offset) = (start, offset_secs(first - TimeDelta::days(3), zone));
    for stretch in found {
        all.push(quiet(date, stretch.first, offset));
        (date, offset) = (stretch.end, stretch.offset_after_secs);
        all.push(stretch);
    }
    all.push(quiet(date, last.date_naive() + Days::new(3), offset));
    all.into_iter()
}

fn quiet(first: NaiveDate, end: NaiveDate, offset_secs: i32) -> Stretch {
    Stretch {
        first,
        end,
        offset_before_secs: offset_secs,
        offset_after_secs: offset_secs,
        has_change: false,
    }
}

/// A schedule by its plain meaning: times of day, and a test of dates.
pub(super) struct Model {
    times: Vec<NaiveTime>,
    is_day: Box<dyn Fn(NaiveDate) -> bool>,
    is_interval: bool,
    /// Whether each minute of the day is one of the times.
    minutes: Vec<bool>,
}

impl Model {
    pub(super) fn fixed(
        times: Vec<NaiveTime>,
        is_day: impl Fn(NaiveDate) -> bool + 'static,
    ) -> Self {
        let mut minutes = vec![false; 1440];
        for time in &times {
            minutes[usize::try_from(time.num_seconds_from_midnight() / 60).unwrap()] = true;
        }
        let is_day = Box::new(is_day);
        Self {
            times,
            is_day,
            is_interval: false,
            minutes,
        }
    }

    pub(super) fn interval(
        times: Vec<NaiveTime>,
        is_day: impl Fn(NaiveDate) -> bool + 'static,
    ) -> Self {
        Self {
            is_interval: true,
            ..Self::fixed(times, is_day)
        }
    }

    pub(super) fn runs(&self, stretch: &Stretch, zone: Tz) -> Vec<Due> {
        if stretch.has_change {
            self.watched(stretch, zone)
        } else {
            self.quiet(stretch)
        }
    }

    fn quiet(&self, stretch: &Stretch) -> Vec<Due> {
        let dates = stretch
            .first
            .iter_days()
            .take_while(|date| *date < stretch.end);
        let offset = TimeDelta::seconds(i64::from(stretch.offset_before_secs));
        let run = |local: NaiveDateTime| Due {
            at: (local - offset).and_utc(),
            slots: vec![SlotId::new(local)],
        };
        let days = dates.filter(|date| (self.is_day)(*date));
        days.flat_map(|date| self.times.iter().map(move |time| run(date.and_time(*time))))
            .collect()
    }

    /// Watches the clock, minute by minute. Where it shows half a minute, by half minutes.
    fn watched(&self, stretch: &Stretch, zone: Tz) -> Vec<Due> {
        let (from, until) = stretch.instants();
        let offsets = [stretch.offset_before_secs, stretch.offset_after_secs];
        let step = if offsets.iter().any(|secs| secs % 60 != 0) {
            30
        } else {
            60
        };
        // Civil minutes up to this one have been shown, or skipped.
        let mut reached = shown_secs(from.timestamp(), zone) - 60;
        let mut seen = HashSet::new();
        let mut runs = Vec::new();
        let mut at = from.timestamp();
        while at < until.timestamp() {
            let now = shown_secs(at, zone);
            let mut slots = Vec::new();
            if self.is_interval {
                if let Some(local) = self.slot(now) {
                    let again = seen.contains(&now);
                    slots.push(if again {
                        SlotId::second_occurrence(local)
                    } else {
                        SlotId::new(local)
                    });
                }
                seen.insert(now);
            }
            while reached + 60 <= now {
                reached += 60;
                if !self.is_interval
                    && let Some(local) = self.slot(reached)
                {
                    slots.push(SlotId::new(local));
                }
            }
            if !slots.is_empty() {
                let at = DateTime::from_timestamp(at, 0).unwrap();
                runs.push(Due { at, slots });
            }
            at += step;
        }
        runs
    }

    fn slot(&self, shown_secs: i64) -> Option<NaiveDateTime> {
        let minute = usize::try_from(shown_secs.rem_euclid(86_400) / 60).unwrap();
        if shown_secs % 60 != 0 || !self.minutes[minute] {
            return None;
        }
        let local = DateTime::from_timestamp(shown_secs, 0).unwrap().naive_utc();
        (self.is_day)(local.date()).then_some(local)
    }
}

fn shown_secs(at: i64, zone: Tz) -> i64 {
    let utc = DateTime::from_timestamp(at, 0).unwrap();
    at + i64::from(offset_secs(utc, zone))
}
