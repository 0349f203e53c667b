//! What an idle daemon costs: measured, not guessed.

use std::path::Path;
use std::time::Duration;

use crate::daemon::{Running, machine};
use crate::machine::field;

/// Switches that the threads of a process have made of their own will: each is a wake-up.
fn wake_ups(process: &Path) -> u64 {
    let threads = std::fs::read_dir(process.join("task")).expect("it lives");
    threads
        .map(|thread| {
            let status = thread.expect("readable").path().join("status");
            let switches = field(&status, "voluntary_ctxt_switches:");
            switches.parse::<u64>().expect("a number")
        })
        .sum()
}

#[test]
#[ignore = "soak: five minutes"]
fn soak_an_idle_daemon_is_small_and_sleeps() {
    const MINUTES: u64 = 5;
    let machine = machine("0 0 29 2 *", "");
    let mut daemon = Running::start(&machine, &[]);
    let ready = daemon.next(|event| event["event"] == "ready");
    daemon.next(|event| event["event"] == "waiting");
    // A job has been run: what it needed is not the daemon's.
    machine
        .run(&["backup", "home", "--source", "x", "--background"])
        .ends_with(0);
    daemon.next_end("x", "done");
    std::thread::sleep(Duration::from_secs(2));
    let process = Path::new("/proc").join(ready["process"].to_string());
    let before = wake_ups(&process);
    std::thread::sleep(Duration::from_secs(60 * MINUTES));
    let woken = wake_ups(&process) - before;
    let resident = field(&process.join("status"), "VmRSS:");
    eprintln!("{resident} resident, {woken} wake-ups in {MINUTES} minutes");
    let resident: u64 = resident
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .expect("a number");
    assert!(resident <= 40 * 1024, "{resident} KiB");
    assert!(woken <= MINUTES + 1, "{woken}");
}
