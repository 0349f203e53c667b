//! The body of the fuzz target for policy files, replayed over its committed corpus.

use std::path::Path;

#[path = "../../../../../fuzz/bodies/policy_file.rs"]
mod body;

#[test]
fn the_corpus_does_no_harm() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/policy_file");
    let mut count = 0;
    for entry in std::fs::read_dir(&dir).unwrap() {
        body::policy_file(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 20, "{} holds {count} files", dir.display());
}
