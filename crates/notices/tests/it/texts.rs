//! Golden texts: what people read.

use strongroom_catalog::{AlertClass, NewAlert, Severity, SourceName};
use strongroom_notices::{Destination, Item, Notice, Telling, html, plain, subject};

use crate::world::World;

fn notice(alerts: &[(Telling, NewAlert)]) -> Notice {
    let world = World::new("");
    let item = |(telling, new): &(Telling, NewAlert)| {
        let raise = |now| world.catalog.change(|change| change.raise_alert(new, now));
        Item {
            telling: *telling,
            alert: raise(world.now).unwrap(),
        }
    };
    let items = alerts.iter().map(item).collect();
    let to = Destination::person("mail", "admin@example.org");
    Notice::new(to, "laptop", items, world.now)
}

fn failed() -> NewAlert {
    let message = "backup of home has failed: cannot read <a&b>\u{202e}";
    let mut new = NewAlert::new(
        "backup_failed:home",
        AlertClass::Job,
        Severity::Critical,
        "io",
        message,
    );
    new.help = Some("free some space".to_owned());
    new.source = Some(SourceName::local("home"));
    new
}

fn deleted() -> NewAlert {
    let message = "12 recovery points of home were deleted by hand";
    NewAlert::new(
        "points_deleted:home",
        AlertClass::Security,
        Severity::Error,
        "points_deleted",
        message,
    )
}

/// Ids are those of the clock of the test.
const ALERT: &str = "1kmt8a6p00";

#[test]
fn one_alert() {
    let notice = notice(&[(Telling::Raised, failed())]);
    let id = notice.items[0].alert.id.to_string();
    assert_eq!(
        subject(&notice),
        "[Critical] laptop: backup of home has failed: cannot read <a&b>\\u{202e}"
    );
    assert_eq!(
        plain(&notice).replace(&id, ALERT),
        "laptop tells:\n\
         \n\
         [Critical] backup of home has failed: cannot read <a&b>\\u{202e}\n    \
             What to do: free some space\n    \
             Since 2026-03-28 12:00 UTC\n    \
             source home, code io, alert 1kmt8a6p00\n\
         \n\
         -- \n\
         Strongroom on laptop, 2026-03-28 12:00 UTC\n"
    );
    let html = html(&notice);
    assert_eq!(html.replace(&id, ALERT), include_str!("one_alert.html"));
    assert!(!html.contains("http") && !html.contains("src="));
}

#[test]
fn several_alerts() {
    let digest = notice(&[(Telling::Raised, deleted()), (Telling::Resolved, failed())]);
    assert_eq!(subject(&digest), "[Security] laptop: 1 alert, 1 resolved");
    let text = plain(&digest);
    assert!(
        text.starts_with("laptop tells of 1 alert, 1 resolved:\n\n[Security] 12 recovery"),
        "{text}"
    );
    assert!(
        text.contains("\n\n[Resolved] backup of home has failed"),
        "{text}"
    );
    assert!(!text.contains("What to do"), "{text}");
}

#[test]
fn subjects_make_sense_in_a_list() {
    let of = |telling, new| subject(&notice(&[(telling, new)]));
    assert_eq!(
        of(Telling::Raised, deleted()),
        "[Security] laptop: 12 recovery points of home were deleted by hand"
    );
    assert!(of(Telling::Resolved, failed()).starts_with("[Resolved] laptop: backup of home"));
    assert!(of(Telling::Again, deleted()).starts_with("[Security, again] laptop: 12"));
    assert_eq!(subject(&notice(&[])), "[Test] laptop: notices arrive");
    let mut long = failed();
    long.message = "é".repeat(500);
    let long = of(Telling::Raised, long);
    assert_eq!(long.chars().count(), 121);
    assert!(long.ends_with('…'));
    let mut broken = failed();
    broken.message = "one\r\nBcc: all@example.org".to_owned();
    assert_eq!(
        of(Telling::Raised, broken),
        "[Critical] laptop: one\\u{d} Bcc: all@example.org"
    );
}
