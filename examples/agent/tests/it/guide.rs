//! The guide as its reader follows it: every command on every page of `docs/guide` is run, in the order of the page.
//!
//! A page says in comments, which a reader does not see, what a test has to know:
//!
//! | comment | means |
//! |---|---|
//! | `<!-- prepare`, lines of shell, `-->` | what the reader of such a page has already |
//! | `<!-- not run: REASON -->` | the block below cannot be run by a test |
//! | `<!-- exits N or M -->` | the block below ends so, and not with 0 |
//! | `<!-- goes on -->` | the block below is a terminal of its own, which stays open until the page ends |
//! | `<!-- file NAME -->` | the reader has saved the block below under this name |
//! | `<!-- another machine -->` | from here on: another home, nothing of the agent's own |
//!
//! A block of `sh` is run; a block of `text` right after it is what it prints, line by line, with `…` for whatever stands
//! there. A block that says nothing of what it is fails the test, as does a page that no test names.

mod page;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use page::Step;
use world::World;

/// A test for each page, and the list of them.
macro_rules! pages {
    ($($test:ident: $page:literal,)+) => {
        const PAGES: &[&str] = &[$($page),+];
        $(
            #[test]
            fn $test() {
                follow($page);
            }
        )+
    };
}

pages! {
    daemon: "daemon.md",
    first_evening: "first-evening.md",
    mount: "mount.md",
    notices: "notices.md",
    register: "register.md",
    second_copy: "second-copy.md",
    seed: "seed.md",
    sources: "sources.md",
    stores: "stores.md",
    system_state: "system-state.md",
    verify_and_repair: "verify-and-repair.md",
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide")
}

#[test]
fn no_page_is_left_out() {
    let entries = std::fs::read_dir(directory()).expect("the guide");
    let found: BTreeSet<String> = entries
        .map(|entry| entry.expect("readable").file_name().into_string())
        .map(|name| name.expect("text"))
        .collect();
    let named: BTreeSet<String> = PAGES.iter().map(|page| (*page).to_owned()).collect();
    assert_eq!(found, named);
}

/// Does what a page says, as far as it can be done here.
fn follow(name: &str) {
    let text = std::fs::read_to_string(directory().join(name)).expect("readable");
    let steps = page::steps(&text).unwrap_or_else(|wrong| panic!("{name}{wrong}"));
    let Some(mut world) = World::new() else {
        eprintln!("skipped: mount namespaces are needed, and this system permits none");
        return;
    };
    for step in steps {
        match step {
            Step::File { name, text } => world.save(&name, &text),
            Step::AnotherMachine => world.another_machine(),
            Step::NotRun { line, reason } => eprintln!("{name}:{line} is not run: {reason}"),
            Step::Run(block) => {
                eprintln!("{name}:{} {}", block.line, block.script);
                world.run(&block, name);
            }
        }
    }
    world.end(name);
}
