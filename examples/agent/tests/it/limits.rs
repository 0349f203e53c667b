//! What a process may use: files that are open at once, and memory.

use std::fs;
use std::process::{Command, Stdio};

use crate::machine::{Ended, Machine, random_bytes};

/// The same command below a limit that the shell sets.
fn limited(machine: &Machine, limit: &str, args: &[&str]) -> Ended {
    let template = machine.command(args);
    let mut shell = Command::new("sh");
    shell.env_clear().stdin(Stdio::null());
    for (name, value) in template.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    shell
        .arg("-c")
        .arg(format!("{limit}; exec \"$0\" \"$@\""))
        .arg(template.get_program())
        .args(args)
        .current_dir(machine.home.path());
    Ended::new(args, shell.output().expect("runs"))
}

#[test]
fn the_soft_limit_of_open_files_does_not_count() {
    let machine = Machine::with_vault();
    machine.write(&format!("home/{}file", "deeper/".repeat(150)), "deep");
    limited(&machine, "ulimit -Sn 100", &["backup", "home"]).ends_with(0);
}

#[test]
fn too_few_open_files_are_no_fault_of_the_vault() {
    let machine = Machine::new();
    machine.write("home/note", "note");
    // One after the other: signals, configuration, own files, the vault's store.
    for count in [4, 5, 6, 8, 12] {
        let limit = format!("ulimit -n {count}");
        let ended = limited(&machine, &limit, &["backup", "home"]);
        ended.fails_with(1, "Too many open files");
        assert!(ended.stderr.contains("ulimit -Hn"), "{}", ended.stderr);
    }
    machine.run(&["backup", "home"]).ends_with(0);
}

#[test]
fn less_memory_makes_smaller_packs() {
    let machine = Machine::with_vault();
    let bytes = random_bytes(1, 20 << 20);
    machine.write("home/data", &bytes);
    machine
        .run(&["backup", "home", "--max-memory", "48M"])
        .ends_with(0);
    let packs = machine.objects("d");
    assert!(packs.len() >= 5, "{} packs", packs.len());
    for pack in &packs {
        let size = fs::metadata(pack).expect("there").len();
        assert!(size <= 4 << 20, "{size} bytes in a pack");
    }
    let back = [
        "restore",
        "latest",
        "--target",
        "back",
        "--max-memory",
        "48M",
    ];
    machine.run(&back).ends_with(0);
    assert!(fs::read(machine.path("back/home/data")).expect("there") == bytes);
    machine
        .run(&["backup", "home", "--max-memory", "47M"])
        .fails_with(2, "--max-memory");
}
