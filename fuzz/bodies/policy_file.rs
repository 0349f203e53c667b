//! What is fed to policy files. Used by libFuzzer, and by a test that replays the corpus.

use chrono::{DateTime, TimeDelta};
use strongroom_policy::{PolicyFile, Scenario, simulate};

/// Reads any bytes as a policy file. Every problem has a place, a rule and a suggestion; what is accepted is written,
/// read back as the same, told in words, and works.
pub(crate) fn policy_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let file = match PolicyFile::parse(&text) {
        Ok(file) => file,
        Err(problems) => {
            let lines_count = text.split('\n').count();
            for problem in problems.iter() {
                assert!((1..=lines_count).contains(&problem.line) && problem.column >= 1);
                assert!(!problem.rule.is_empty() && !problem.suggestion.is_empty());
            }
            return;
        }
    };
    assert_eq!(PolicyFile::parse(&file.to_toml()), Ok(file.clone()));
    assert!(!file.meaning(chrono_tz::UTC).is_empty());
    let policy = file.policy(chrono_tz::UTC);
    let from = DateTime::from_timestamp(1_774_656_000, 0).expect("in range"); // 28 March 2026
    let scenario = Scenario::new(from, from + TimeDelta::hours(2));
    let end = simulate::<()>(&policy, &[], &scenario);
    assert!(end.points.len() <= end.runs_count);
}
