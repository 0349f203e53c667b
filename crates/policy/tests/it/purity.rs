//! The crate reads no clock, no file and no randomness, and waits for nothing.

use std::fs;
use std::path::Path;

const ABSENT: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "Utc::now",
    "Local::now",
    "async ",
    ".await",
    "tokio",
    "rand::",
    "getrandom",
    "RandomState",
    "println!",
    "unsafe",
];

fn check(folder: &Path, files_count: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check(&path, files_count);
            continue;
        }
        *files_count += 1;
        let source = fs::read_to_string(&path).unwrap();
        let code = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in ABSENT {
                assert!(!line.contains(word), "{}: {word} in {line}", path.display());
            }
        }
    }
}

#[test]
fn nothing_from_outside_is_used() {
    let mut files_count = 0;
    check(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut files_count,
    );
    assert!(files_count > 10);
}
