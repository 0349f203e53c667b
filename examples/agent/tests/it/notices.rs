//! Who hears of alerts.

use std::net::TcpListener;

use serde_json::json;

use crate::machine::Machine;

/// A port where nobody listens.
fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

#[test]
fn a_test_says_which_channels_failed_and_what_to_do() {
    let machine = Machine::new();
    let (port, out) = (nobody(), machine.at("out"));
    machine.write(
        "state/config.toml",
        format!(
            "vault = \"../vault\"\n[notices.mail]\nserver = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n\
             from = \"a@example.org\"\nto = [\"b@example.org\"]\n[[notices.command]]\nname = \"pager\"\n\
             run = [\"tee\", \"{out}\"]\n"
        ),
    );
    let ended = machine.run(&["notices", "test", "--json"]);
    ended.ends_with(1);
    let document = ended.document();
    let states: Vec<_> = document.as_array().expect("a list").iter().collect();
    assert_eq!(states.len(), 3);
    let mail = states
        .iter()
        .find(|state| state["channel"] == "mail")
        .expect("mail");
    assert_eq!(
        (&mail["state"], &mail["recipient"]),
        (&json!("failed"), &json!("b@example.org"))
    );
    let error = mail["error"].as_str().expect("a text");
    assert!(
        error.contains(&format!("127.0.0.1:{port} cannot be reached: ")),
        "{error}"
    );
    assert!(
        mail["help"].as_str().expect("a text").contains("firewall"),
        "{mail}"
    );
    let told = std::fs::read(&out).expect("the command has run");
    let told: serde_json::Value = serde_json::from_slice(&told).expect("a document");
    assert_eq!((&told["test"], &told["alerts"]), (&json!(true), &json!([])));
    // For people, and only one of them.
    let ended = machine.run(&["notices", "test"]);
    ended.ends_with(1);
    assert!(
        ended.stdout.contains("failed  mail to b@example.org: "),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("help: "), "{}", ended.stdout);
    let ended = machine.run(&["notices", "test", "--channel", "pager"]);
    ended.ends_with(0);
    assert_eq!(ended.stdout, "ok      pager\n");
    machine
        .run(&["notices", "test", "--channel", "fax"])
        .fails_with(2, "fax");
}

#[test]
fn who_hears_of_what_is_shown() {
    let machine = Machine::new();
    let default = machine.json(&["notices", "show"]);
    assert_eq!(default["destinations"][0]["channel"], "journal");
    let section = "[notices]\nmachine = \"attic\"\nfrequency = \"hourly\"\n[notices.mail]\nserver = \"mx\"\n\
                   from = \"a@example.org\"\nto = [\"b@example.org\"]\n";
    machine.write("my.toml", section);
    let shown = machine.json(&["notices", "show", "--config", "my.toml"]);
    assert_eq!(shown["machine"], "attic");
    assert_eq!(shown["frequency"], "hourly");
    let mail = &shown["destinations"][1];
    assert_eq!(mail["severities"], json!(["warning", "error", "critical"]));
    let ended = machine.run(&["notices", "show", "--config", "my.toml"]);
    assert!(
        ended
            .stdout
            .contains("mail to b@example.org: security, critical, error, warning"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_wrong_section_is_named_by_its_line_and_stops_nothing_else() {
    let machine = Machine::with_vault();
    machine.write("state/config.toml", "\n[notices]\nfrequency = \"daily\"\n");
    machine.run(&["points"]).ends_with(0);
    let ended = machine.run(&["notices", "show"]);
    ended.fails_with(2, "line 3");
    assert!(ended.stderr.contains("config.toml"), "{}", ended.stderr);
    machine.write("state/config.toml", "notices = 3\n");
    machine.run(&["points"]).fails_with(2, "notices");
}
