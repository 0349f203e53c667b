use strongroom_policy::{Policy, PolicyFile};

use super::*;

fn policy(text: &str) -> Policy {
    let file = PolicyFile::parse(text).expect("a good policy");
    file.policy(strongroom_policy::chrono_tz::UTC)
}

const WEEK: &str = r#"
    schedule.daily = { times = ["12:00"] }
    retention.daily = { keep_days = 7 }
"#;

fn day(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000 + number) + TimeDelta::hours(12)
}

/// A scheduled point of that day, which the store had an hour later.
fn point(number: i64) -> PointView {
    let taken_at = day(number);
    let millis = u64::try_from(taken_at.timestamp_millis()).expect("positive");
    PointView {
        id: SessionId::new(millis, [0; 10]),
        source: "home".to_owned(),
        host: String::new(),
        taken_at,
        written_at: Some(taken_at + TimeDelta::hours(1)),
        previous: None,
        slots: Some(vec![taken_at.format("%Y-%m-%dT%H:%M").to_string()]),
        state: PointState::Complete,
        logical_bytes: 0,
        files_count: 0,
        roots: Vec::new(),
        tags: BTreeMap::new(),
        hold_until: None,
        is_held: false,
        deleted_at: None,
        retain_until: None,
    }
}

fn expiring(points: &[PointView], now: DateTime<Utc>) -> Vec<i64> {
    let policy = policy(WEEK);
    let plan = make(points, &ExpireOptions::new(&policy), now);
    assert_eq!(plan.kept.len() + plan.expiring.len(), points.len());
    let number = |judged: &Judged| {
        let millis = i64::try_from(judged.verdict.id.taken_millis()).expect("small");
        (millis - day(0).timestamp_millis()) / 86_400_000
    };
    plan.expiring.iter().map(number).collect()
}

#[test]
fn a_week_is_kept() {
    let points: Vec<_> = (0..10).map(point).collect();
    assert_eq!(expiring(&points, day(9)), [0, 1, 2]);
}

/// A clock that is ten years off says nothing about when a point was taken; the store's does.
#[test]
fn what_the_store_saw_decides() {
    let mut points: Vec<_> = (0..10).map(point).collect();
    points[0].taken_at -= TimeDelta::days(3650);
    points[0].written_at = Some(day(5));
    points[1].taken_at += TimeDelta::days(3650);
    points[4].written_at = Some(day(-3));
    let policy = policy(WEEK);
    let judged = judge(&points, &ExpireOptions::new(&policy), day(9));
    let of = |number: usize| {
        let id = points[number].id;
        let mut found = judged.iter();
        found.find(|point| point.verdict.id == id).expect("judged")
    };
    assert!(of(0).is_kept(), "it is old only by its own clock");
    assert!(!of(1).is_kept(), "it is new only by its own clock");
    assert!(!of(4).is_kept(), "the store had it before it was taken");
    assert!(of(5).is_kept());
}

#[test]
fn the_last_point_stays_and_deleted_or_damaged_ones_do_not_count() {
    let policy = policy(
        r#"
        schedule.daily = { times = ["12:00"] }
        retention.daily = { keep_days = 7 }
        retention.adhoc = { keep_days = 1 }
        security.minimums = false
    "#,
    );
    let mut points: Vec<_> = (0..4).map(point).collect();
    for point in &mut points {
        point.slots = None;
    }
    points[2].deleted_at = Some(day(3));
    points[3].state = PointState::Damaged;
    // Its source is not silent: the schedule has not been due twice since then.
    let options = ExpireOptions::new(&policy);
    let plan = make(&points, &options, day(1) + TimeDelta::hours(25));
    let kept: Vec<_> = plan.kept.iter().map(|point| point.verdict.id).collect();
    assert_eq!(kept, [points[1].id]);
    assert_eq!(plan.kept[0].kept_because(), ["last_point"]);
    assert_eq!(plan.expiring.len(), 1);
}

#[test]
fn many_at_once_need_a_look_source_by_source() {
    let mut points: Vec<_> = (0..30).map(point).collect();
    points.extend((22..30).map(|number| PointView {
        source: "other".to_owned(),
        ..point(number)
    }));
    let policy = policy(WEEK);
    let plan = make(&points, &ExpireOptions::new(&policy), day(29));
    assert_eq!((plan.expiring.len(), plan.brakes.len()), (24, 1));
    let permitted: Vec<_> = plan.permitted(false).map(|point| &point.source).collect();
    assert_eq!(permitted, ["other"]);
    assert_eq!(plan.permitted(true).count(), 24);
}

/// Yearly marks of a slot are not handed on when the point that had them is deleted.
#[test]
fn a_deleted_point_leaves_no_missed_slot() {
    let policy = policy(
        r#"
        schedule.daily = { times = ["12:00"] }
        retention.daily = { keep_days = 7 }
        retention.monthly = { on = ["last"], keep_months = 12 }
        security.minimums = false
    "#,
    );
    let mut points: Vec<_> = (0..60).map(point).collect();
    for number in 1..60 {
        points[number].previous = Some(points[number - 1].id);
    }
    let month_end = |point: &PointView| {
        let next = point.taken_at + TimeDelta::days(1);
        next.format("%d").to_string() == "01"
    };
    let first_of_month = points.iter().position(month_end).expect("in 60 days") + 1;
    let options = ExpireOptions::new(&policy);
    let because = |points: &[PointView]| {
        let judged = judge(points, &options, day(first_of_month as i64 + 3));
        let id = points[first_of_month].id;
        let found = judged.iter().find(|point| point.verdict.id == id);
        found.expect("judged").kept_because()
    };
    assert_eq!(because(&points), ["daily"]);
    points[first_of_month - 1].deleted_at = Some(day(first_of_month as i64));
    assert_eq!(because(&points), ["daily"]);
    // Had it never been, the mark would be handed on.
    points[first_of_month].previous = Some(points[first_of_month - 2].id);
    points[first_of_month - 1].state = PointState::Damaged;
    assert_eq!(because(&points), ["daily", "monthly"]);
}
