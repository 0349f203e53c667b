//! `daemon`: a process that runs what is due, and those who talk to it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

use crate::machine::Machine;

/// A daemon that is running, with what it has told so far.
pub(crate) struct Running {
    child: Child,
    events: Receiver<Value>,
    told: Vec<Value>,
}

impl Running {
    pub(crate) fn start(machine: &Machine, variables: &[(&str, &str)]) -> Self {
        let mut command = machine.command(&["daemon", "--json"]);
        command.envs(variables.iter().copied());
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0);
        let mut child = command.spawn().expect("runs");
        let (sender, events) = channel();
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("an event a line");
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            events,
            told: Vec::new(),
        }
    }

    /// The next event of which something holds; those before are passed over.
    #[track_caller]
    pub(crate) fn next(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Ok(event) = self.events.recv_timeout(Duration::from_secs(120)) else {
                panic!("it did not come: {:#?}", self.told);
            };
            self.told.push(event.clone());
            if is_it(&event) {
                return event;
            }
        }
    }

    #[track_caller]
    pub(crate) fn next_end(&mut self, source: &str, outcome: &str) -> Value {
        self.next(|event| {
            let is_of = event["source"]["name"] == source;
            event["event"] == "ended" && is_of && event["outcome"] == outcome
        })
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("told");
    }

    fn pid(&self) -> Pid {
        let id = i32::try_from(self.child.id()).expect("small");
        Pid::from_raw(id).expect("a process")
    }

    /// Ends it by a signal; its exit code.
    fn end(mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.child.wait().expect("ended").code()
    }

    /// Ends it as whoever manages it does; its exit code.
    pub(crate) fn end_by_term(self) -> Option<i32> {
        self.end(Signal::TERM)
    }

    /// Kills it and all that it has started, at once.
    pub(crate) fn kill(mut self) {
        self.kill_all();
    }

    fn kill_all(&mut self) {
        // It may have ended by itself.
        let _killed = kill_process_group(self.pid(), Signal::KILL);
        self.child.wait().expect("ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Until something holds; a test that hangs here is ended by its runner.
pub(crate) fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// As if the policy had been set an hour ago.
pub(crate) fn an_hour_later(machine: &Machine) {
    let path = machine.path("state/policy.toml");
    let set_at = fs::metadata(&path).and_then(|file| file.modified());
    File::options()
        .write(true)
        .open(&path)
        .and_then(|file| file.set_modified(set_at? - Duration::from_secs(3600)))
        .expect("set");
}

/// Two sources by this cron line. No rule looks at slots, of which there may be very many.
pub(crate) fn policy_text(machine: &Machine, cron: &str, more: &str) -> String {
    let (home, music) = (machine.at("home"), machine.at("music"));
    format!(
        "sources = [\n{{ name = \"home\", paths = [\"{home}\"] }},\n\
         {{ name = \"music\", paths = [\"{music}\"] }},\n]\n\
         schedule.cron = \"{cron}\"\nretention.keep_last = 1000\n{more}"
    )
}

pub(crate) fn machine(cron: &str, more: &str) -> Machine {
    let machine = Machine::with_vault();
    machine.write("home/note", "note");
    machine.write("music/song", "la");
    machine.write("policy.toml", policy_text(&machine, cron, more));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    machine
}

/// Every other second.
pub(crate) const OFTEN: &str = "*/2 * * * * *";
const NEVER: &str = "0 0 29 2 *";

#[test]
fn it_runs_what_is_due_and_there_is_one() {
    let machine = machine(OFTEN, "");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next(|event| event["event"] == "ready");
    let started = daemon.next(|event| event["event"] == "started");
    assert_eq!(
        started["slots"].as_array().map(Vec::len),
        Some(1),
        "{started}"
    );
    daemon.next_end("home", "done");
    daemon.next_end("music", "done");
    daemon.next_end("home", "done");
    machine
        .run(&["daemon"])
        .fails_with(7, "another daemon is running");
    let points = machine.json(&["points", "--source", "home"]);
    assert!(points.as_array().map_or(0, Vec::len) >= 2, "{points}");
    let jobs = machine.json(&["jobs"]);
    let is_done = |job: &&Value| job["kind"] == "backup" && job["state"] == "completed";
    assert!(
        jobs.as_array()
            .expect("a list")
            .iter()
            .filter(is_done)
            .count()
            >= 3,
        "{jobs}"
    );
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    // Ctrl-C is told apart.
    let mut daemon = Running::start(&machine, &[]);
    daemon.next(|event| event["event"] == "waiting");
    assert_eq!(daemon.end(Signal::INT), Some(130));
    assert_eq!(machine.json(&["alerts"]), json!([]));
}

#[test]
fn a_backup_in_the_background_is_the_daemons() {
    let machine = machine(NEVER, "");
    let background = [
        "backup",
        "home",
        "--source",
        "mine",
        "--tag",
        "a=b",
        "--background",
    ];
    machine.run(&background).fails_with(1, "no daemon");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next(|event| event["event"] == "waiting");
    let asked = machine.json(&background);
    let id = asked["job"].as_str().expect("an id").to_owned();
    daemon.next_end("mine", "done");
    let jobs = machine.json(&["jobs"]);
    assert_eq!(
        (&jobs[0]["job"], &jobs[0]["state"]),
        (&json!(id), &json!("completed"))
    );
    let points = machine.json(&["points", "--source", "mine"]);
    assert_eq!(points[0]["tags"]["a"], "b");
    machine
        .run(&["backup", "--background", "--due"])
        .ends_with(2);
}

#[test]
fn a_pause_holds_and_resume_goes_on() {
    let machine = machine(OFTEN, "");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    machine.run(&["pause"]).ends_with(0);
    let is_far = |event: &Value| {
        let at = event["look_at"]
            .as_str()
            .and_then(|at| at.parse::<chrono::DateTime<chrono::Utc>>().ok());
        at.is_some_and(|at| at > strongroom_now() + chrono::TimeDelta::hours(1))
    };
    daemon
        .next(|event| event["event"] == "waiting" && event["running_count"] == 0 && is_far(event));
    let jobs_count = machine
        .json(&["jobs", "--last", "999"])
        .as_array()
        .map(Vec::len);
    // What would have run by now has not.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(
        machine
            .json(&["jobs", "--last", "999"])
            .as_array()
            .map(Vec::len),
        jobs_count
    );
    machine.run(&["resume"]).ends_with(0);
    daemon.next(|event| event["event"] == "started");
    daemon.next_end("home", "done");
}

fn strongroom_now() -> chrono::DateTime<chrono::Utc> {
    std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .ok()
        .and_then(|since| chrono::DateTime::from_timestamp(i64::try_from(since.as_secs()).ok()?, 0))
        .expect("a time")
}

#[test]
fn a_job_that_is_stopped_is_not_begun_again_for_its_slot() {
    let machine = machine(NEVER, "");
    let hook = "[hooks]\nbefore_backup = [\"touch $STRONGROOM_SOURCE.begun; sleep 600\"]\n";
    let in_home = format!("cd {} && ", machine.home.path().display());
    let hook = hook.replace("touch", &format!("{in_home}touch"));
    // A slot each minute: none comes due again before the test is over, most likely; and if so it is another slot.
    machine.write("policy.toml", policy_text(&machine, "* * * * *", &hook));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    an_hour_later(&machine);
    let mut daemon = Running::start(&machine, &[]);
    wait_until(|| machine.path("home.begun").exists() && machine.path("music.begun").exists());
    let jobs = machine.json(&["jobs"]);
    let of_home = jobs
        .as_array()
        .expect("a list")
        .iter()
        .find(|job| job["source"] == "home");
    let of_home = of_home.expect("it runs");
    assert_eq!(of_home["state"], "in_progress");
    let slots = of_home["slots"].clone();
    let id = of_home["job"].as_str().expect("an id");
    machine.run(&["jobs", "stop", id]).ends_with(0);
    daemon.next_end("home", "stopped");
    let runs = fs::read_to_string(machine.path("state/runs/home.json")).expect("there");
    assert!(runs.contains(slots[0].as_str().expect("a slot")), "{runs}");
    // The other one is stopped by the end of the daemon, and is due again.
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    let runs = fs::read_to_string(machine.path("state/runs/music.json")).expect("there");
    assert!(!runs.contains(slots[0].as_str().expect("a slot")), "{runs}");
    let jobs = machine.json(&["jobs"]);
    let of_music = jobs
        .as_array()
        .expect("a list")
        .iter()
        .find(|job| job["source"] == "music");
    assert_eq!(of_music.expect("it ran")["state"], "cancelled");
    assert_eq!(machine.json(&["alerts"]), json!([]));
}

#[test]
fn a_policy_that_becomes_wrong_leaves_the_one_before() {
    let machine = machine(OFTEN, "");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    let good = fs::read_to_string(machine.path("state/policy.toml")).expect("there");
    // While somebody is still writing it, it is empty, which would be a good policy without sources.
    let half = File::create(machine.path("state/policy.toml")).expect("made");
    daemon.signal(Signal::HUP);
    drop(half);
    machine.write(
        "state/policy.toml",
        "schedule.daily = { times = [\"25:00\"] }\n",
    );
    daemon.signal(Signal::HUP);
    let refused = daemon.next(|event| event["event"] == "policy_refused");
    assert!(
        refused["message"]
            .as_str()
            .expect("a text")
            .contains("25:00"),
        "{refused}"
    );
    // Both go on by the one before.
    daemon.next_end("home", "done");
    daemon.next_end("music", "done");
    assert_eq!(machine.json(&["alerts"])[0]["key"], "policy_refused");
    // So does a daemon that is started now.
    drop(daemon);
    let mut daemon = Running::start(&machine, &[]);
    daemon.next(|event| event["event"] == "policy_refused");
    daemon.next_end("music", "done");
    machine.write("state/policy.toml", good);
    daemon.signal(Signal::HUP);
    daemon.next(|event| event["event"] == "policy_read");
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    let alerts = machine.json(&["alerts", "--all"]);
    let of_policy = |one: &&Value| one["key"] == "policy_refused";
    let of_policy = alerts.as_array().expect("a list").iter().find(of_policy);
    assert_eq!(of_policy.expect("told")["state"], "resolved");
}

#[test]
fn a_source_that_is_gone_keeps_no_other_from_its_runs() {
    let machine = machine(OFTEN, "");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    fs::rename(machine.path("home"), machine.path("away")).expect("renamed");
    daemon.next_end("home", "failed");
    daemon.next_end("music", "done");
    daemon.next_end("music", "done");
    let alerts = machine.json(&["alerts"]);
    assert_eq!(alerts[0]["key"], "backup_failed:home", "{alerts}");
    fs::rename(machine.path("away"), machine.path("home")).expect("renamed");
    daemon.next_end("home", "done");
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    assert_eq!(machine.json(&["alerts"]), json!([]));
}

#[test]
fn a_hook_that_hangs_forks_or_fails_stops_its_own_source_alone() {
    let hook = |what: &str| {
        format!(
            "[hooks]\ntimeout_secs = 1\n\
             before_backup = [\"[ $STRONGROOM_SOURCE = home ] || {what}\"]\n"
        )
    };
    let machine = machine(OFTEN, &hook("exit 3"));
    let mut daemon = Running::start(&machine, &[]);
    // Before that, a signal ends it.
    daemon.next(|event| event["event"] == "waiting");
    let whys = [
        ("exit 3", "failed: "),
        ("sleep 600", "did not end within 1 s"),
        // What it has left running in the background is its group, and goes with it.
        ("(sleep 600 & sleep 600)", "did not end within 1 s"),
    ];
    for (what, why) in whys {
        machine.write("policy.toml", policy_text(&machine, OFTEN, &hook(what)));
        machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
        daemon.signal(Signal::HUP);
        daemon.next_end("home", "done");
        let is_told = || {
            let alerts = machine.json(&["alerts"]);
            let all = alerts.as_array().expect("a list");
            let message = all.first().and_then(|alert| alert["message"].as_str());
            all.len() == 1 && message.is_some_and(|text| text.contains(what) && text.contains(why))
        };
        wait_until(is_told);
        daemon.next_end("music", "failed");
        daemon.next_end("home", "done");
    }
    assert_eq!(daemon.end(Signal::TERM), Some(0));
}

#[test]
fn a_damaged_catalog_and_nonsense_at_the_socket_stop_nothing() {
    let machine = machine(OFTEN, "");
    let mut daemon = Running::start(&machine, &[]);
    daemon.next_end("home", "done");
    let mut stream = UnixStream::connect(machine.path("state/daemon.sock")).expect("connected");
    stream.write_all(b"\xff{]\n").expect("written");
    let mut told = String::new();
    stream.read_to_string(&mut told).expect("read");
    assert!(told.contains("refused"), "{told}");
    // Somebody else's word is not taken for a command of another kind.
    let mut stream = UnixStream::connect(machine.path("state/daemon.sock")).expect("connected");
    let request =
        "{\"do\":\"run\",\"duty\":{\"kind\":\"sweep\"},\"args\":[\"sweep\"],\"dir\":\"/\"}\n";
    stream.write_all(request.as_bytes()).expect("written");
    let mut told = String::new();
    BufReader::new(stream).read_line(&mut told).expect("read");
    assert!(told.contains("refused"), "{told}");

    // Nobody has it open meanwhile.
    machine.run(&["pause"]).ends_with(0);
    wait_until(|| {
        let states = machine.json(&["jobs", "--last", "3"]).to_string();
        !states.contains("in_progress")
    });
    fs::write(machine.path("state/catalog.redb"), "garbage").expect("written");
    machine.run(&["resume"]).ends_with(0);
    daemon.next_end("home", "done");
    daemon.next_end("home", "done");
    let alerts = machine.json(&["alerts"]);
    let keys: Vec<&Value> = alerts
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["key"])
        .collect();
    assert!(keys.contains(&&json!("catalog_damaged")), "{alerts}");
    assert!(machine.path("state/catalog.redb.corrupt-1").exists());
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    let jobs = machine.json(&["jobs"]);
    assert_eq!(jobs[0]["state"], "completed", "{jobs}");
}

#[test]
fn what_it_lacks_is_told() {
    let machine = Machine::new();
    machine.run(&["daemon"]).fails_with(2, "no vault");
    let machine = Machine::with_vault();
    let mut daemon = Running::start(&machine, &[]);
    let trouble = daemon.next(|event| event["event"] == "trouble");
    assert!(
        trouble["message"]
            .as_str()
            .expect("a text")
            .contains("no sources"),
        "{trouble}"
    );
    // A policy that is set while it runs is noticed.
    machine.write("home/note", "note");
    machine.write("music/song", "la");
    machine.write("policy.toml", policy_text(&machine, OFTEN, ""));
    machine.run(&["policy", "set", "policy.toml"]).ends_with(0);
    daemon.signal(Signal::HUP);
    daemon.next_end("home", "done");
}

#[test]
fn the_service_manager_is_told() {
    let machine = machine(NEVER, "");
    let path = machine.path("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("set");
    let name = path.to_str().expect("text");
    let mut daemon = Running::start(&machine, &[("NOTIFY_SOCKET", name)]);
    daemon.next(|event| event["event"] == "waiting");
    assert_eq!(daemon.end(Signal::TERM), Some(0));
    let mut told = Vec::new();
    while told.last().map(String::as_str) != Some("STOPPING=1") {
        let mut text = [0; 100];
        let len = manager.recv(&mut text).expect("told");
        told.push(String::from_utf8_lossy(&text[..len]).into_owned());
    }
    assert_eq!(told[0], "READY=1");
    assert!(told.contains(&"WATCHDOG=1".to_owned()), "{told:?}");
}
