//! The daemon's socket: many clients, some of them nonsense.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strongroom_jobs::catalog::SourceName;
use strongroom_jobs::socket::{Client, LINE_MAX_BYTES, Listeners, Reply, Request, Server};
use strongroom_jobs::{Duty, Error, Event};
use tempfile::TempDir;

fn serve(path: &Path) -> Listeners {
    let listeners = Listeners::default();
    let server = Server::bind(path, listeners.clone()).expect("a socket");
    let answer = |request| match request {
        Request::Status => Reply::Done,
        Request::Run { args, .. } => Reply::Refused {
            reason: args.join(" "),
        },
        _ => Reply::Done,
    };
    std::thread::spawn(move || server.serve(Arc::new(answer)));
    listeners
}

fn served() -> (TempDir, PathBuf, Listeners) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("daemon.sock");
    let listeners = serve(&path);
    (dir, path, listeners)
}

#[test]
fn requests_are_answered_and_refused() {
    let (_dir, path, _) = served();
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let ask = |request| Client::connect(&path).expect("connected").ask(&request);
    assert_eq!(ask(Request::Wake).expect("done"), Reply::Done);
    let run = Request::Run {
        duty: Duty::backup(SourceName::local("home")),
        args: vec!["not".to_owned(), "today".to_owned()],
        dir: "/".into(),
    };
    assert!(matches!(ask(run), Err(Error::Refused { reason }) if reason == "not today"));
}

#[test]
fn without_a_daemon_there_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("daemon.sock");
    assert!(matches!(Client::connect(&path), Err(Error::NoDaemon)));
    // One that was killed has left its socket; the next one takes its place.
    drop(Server::bind(&path, Listeners::default()).expect("a socket"));
    assert!(matches!(Client::connect(&path), Err(Error::NoDaemon)));
    serve(&path);
    assert!(
        Client::connect(&path)
            .expect("connected")
            .ask(&Request::Wake)
            .is_ok()
    );
}

#[test]
fn a_long_path_is_no_obstacle() {
    let dir = tempfile::tempdir().expect("a directory");
    let deep = dir.path().join("d".repeat(150));
    std::fs::create_dir(&deep).expect("made");
    let path = deep.join("daemon.sock");
    serve(&path);
    assert!(
        Client::connect(&path)
            .expect("connected")
            .ask(&Request::Wake)
            .is_ok()
    );
}

#[test]
fn nonsense_and_silence_harm_nobody() {
    let (_dir, path, listeners) = served();
    let _silent: Vec<UnixStream> = (0..8)
        .map(|_| UnixStream::connect(&path).expect("connected"))
        .collect();
    for nonsense in [
        &b"garbage\n"[..],
        b"{\"do\":\"explode\"}\n",
        b"\xff\xfe\0\n",
        b"[]\n",
    ] {
        let mut stream = UnixStream::connect(&path).expect("connected");
        stream.write_all(nonsense).expect("written");
        let mut told = String::new();
        BufReader::new(&stream).read_line(&mut told).expect("read");
        assert!(told.contains("refused"), "{told}");
    }
    let mut endless = UnixStream::connect(&path).expect("connected");
    // It may be sent away before it has said all.
    drop(endless.write_all(&vec![b'x'; LINE_MAX_BYTES * 4]));
    let mut told = Vec::new();
    drop(endless.read_to_end(&mut told));
    // One that follows and takes nothing is let go when too much waits for it.
    let stuck = Client::connect(&path)
        .expect("connected")
        .follow()
        .expect("followed");
    let event = Event::Trouble {
        message: "x".repeat(4096),
    };
    for _ in 0..2000 {
        listeners.tell(&event);
    }
    assert!(
        Client::connect(&path)
            .expect("connected")
            .ask(&Request::Wake)
            .is_ok()
    );
    drop(stuck);
}

#[test]
fn events_are_told_to_all_who_follow() {
    let (_dir, path, listeners) = served();
    let mut followers: Vec<_> = (0..3)
        .map(|_| {
            Client::connect(&path)
                .expect("connected")
                .follow()
                .expect("followed")
        })
        .collect();
    let event = Event::Stopping { running_count: 2 };
    let told = std::thread::spawn(move || {
        let first = followers.iter_mut().map(|events| events.next());
        first
            .map(|event| event.expect("one").expect("whole"))
            .collect::<Vec<_>>()
    });
    // Whoever has asked may not be heard yet.
    while !told.is_finished() {
        listeners.tell(&event);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let told = told.join().expect("told");
    assert_eq!(told, vec![event; 3]);
}
