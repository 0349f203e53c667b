//! Questions on a terminal.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::machine::{Machine, PASSPHRASE};

/// Both ends of a terminal.
fn terminal() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let master = openpt(flags).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let end = ioctl_tiocgptpeer(&master, flags).expect("the other end");
    (master, end)
}

fn shows_what_is_typed(terminal: &OwnedFd) -> bool {
    let modes = tcgetattr(terminal).expect("a terminal").local_modes;
    modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
}

#[test]
fn a_signal_during_a_question_leaves_the_terminal_as_it_was() {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let vault = machine.vault();
    let init = ["vault", "init", "--no-local-credential", "--vault", &vault];
    machine
        .run(&[&init[..], &["--passphrase-file", &file]].concat())
        .ends_with(0);
    machine.write("home/note", "note");
    for args in [&["points"][..], &["backup", "home"]] {
        let (_master, end) = terminal();
        let side = || Stdio::from(end.try_clone().expect("another handle"));
        let mut command = machine.command(args);
        command.stdin(side()).stdout(Stdio::null()).stderr(side());
        let mut child = command.spawn().expect("runs");
        let begun = Instant::now();
        while shows_what_is_typed(&end) {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "it does not ask"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent = Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status();
        assert!(sent.expect("runs").success());
        assert_eq!(child.wait().expect("ends").code(), Some(130), "{args:?}");
        assert!(shows_what_is_typed(&end), "{args:?} left it silent");
    }
}
