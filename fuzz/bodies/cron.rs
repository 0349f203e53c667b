//! What is fed to cron lines. Used by libFuzzer, and by a test that replays the corpus.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use strongroom_policy::{CronLine, Schedule};

/// Reads any bytes as a cron line. An error must point into the line; a line must read back as itself, and must run
/// forward over changes of a zone.
pub(crate) fn cron_line(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let line = match text.parse::<CronLine>() {
        Ok(line) => line,
        Err(error) => {
            assert!(error.column() >= 1 && error.column() <= text.chars().count() + 1);
            assert!(!error.to_string().contains('\n') || text.contains('\n'));
            assert!(!error.help().is_empty());
            return;
        }
    };
    assert_eq!(line.to_string().parse::<CronLine>().as_ref(), Ok(&line));
    let schedule = Schedule::Cron(line);
    for (zone, start) in [
        (Tz::Europe__Paris, 1_774_742_400),        // 29 March 2026
        (Tz::Australia__Lord_Howe, 1_775_304_000), // 4 April 2026
        (Tz::Pacific__Apia, 1_325_152_800),        // 29 December 2011
    ] {
        let mut after: DateTime<Utc> = DateTime::from_timestamp(start, 0).expect("in range");
        for _ in 0..8 {
            let Some(due) = schedule.next_after(after, zone) else {
                break;
            };
            assert!(due.at > after && !due.slots.is_empty());
            let at = due.at;
            assert!(
                due.slots
                    .iter()
                    .all(|slot| schedule.due_at(*slot, zone) == at)
            );
            assert!(due.slots.iter().all(|slot| schedule.has_slot(*slot, zone)));
            after = at;
        }
    }
}
