//! What is written is read as the same.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use strongroom_policy::{CatchUp, PolicyFile, Problems};

use crate::retention::{retentions, schedules};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_come_back(
        zone in option::of(proptest::sample::select(chrono_tz::TZ_VARIANTS.to_vec())),
        schedule in schedules(),
        retention in retentions(),
        is_skip in any::<bool>(),
        soft_delete_days in 14_u32..=180,
        hooks in vec("[^\u{0}]{1,12}", 0..3),
    ) {
        let mut file = PolicyFile::default();
        file.time_zone = zone;
        file.schedule = schedule;
        file.catch_up = if is_skip { CatchUp::Skip } else { CatchUp::Once };
        file.retention = retention;
        file.security.minimums = false;
        file.security.soft_delete_days = soft_delete_days;
        file.hooks.before_backup = hooks;
        let text = file.to_toml();
        match PolicyFile::parse(&text) {
            Ok(read) => prop_assert_eq!(read, file),
            // A random rule may name times or days that the random schedule has not.
            Err(problems) => prop_assert!(is_of_the_schedule(&problems), "{}\n{}", problems, text),
        }
    }

    #[test]
    fn any_text_is_read_or_told(text in "[\\PC\n\t]{0,200}") {
        if let Err(problems) = PolicyFile::parse(&text) {
            prop_assert!(problems.iter().all(|problem| problem.line >= 1 && problem.column >= 1));
        }
    }
}

fn is_of_the_schedule(problems: &Problems) -> bool {
    problems
        .iter()
        .all(|problem| problem.rule.contains("the schedule"))
}
