//! The security PIN: what asks for one, and what lets an operation pass.

use serde_json::{Value, json};

use crate::machine::{Ended, Machine, PASSPHRASE};

struct Secured {
    machine: Machine,
    secret: String,
    passphrase: String,
}

impl Secured {
    fn new() -> Self {
        let machine = Machine::with_vault();
        let passphrase = machine.passphrase_file("secret", PASSPHRASE);
        machine.write("home/a", "one");
        machine.run(&["backup", "home"]).ends_with(0);
        machine.run(&["backup", "home"]).ends_with(0);
        let secret = machine.at("pin-secret");
        let on = ["vault", "security", "pin-on", "--to", &secret];
        let on = machine.json(&[&on[..], &["--passphrase-file", &passphrase]].concat());
        assert_eq!(
            (&on["pin"], &on["secret_file"]),
            (&true.into(), &secret.as_str().into())
        );
        Self {
            machine,
            secret,
            passphrase,
        }
    }

    /// A PIN, made where neither vault nor passphrase are.
    fn pin(&self, operation: &str) -> String {
        let elsewhere = Machine::new();
        let make = ["vault", "security", "make-pin", "--operation", operation];
        let made = elsewhere.json(&[&make[..], &["--secret-file", &self.secret]].concat());
        made["pin"].as_str().expect("digits").to_owned()
    }

    fn run(&self, args: &[&str]) -> Ended {
        let with = ["--passphrase-file", &self.passphrase, "--json"];
        self.machine.run(&[args, &with].concat())
    }

    fn refused(&self, args: &[&str], id: &str) {
        let ended = self.run(args);
        let error = &ended.document()["error"];
        assert_eq!(
            (ended.code, &error["id"]),
            (Some(6), &id.into()),
            "{args:?} {error}"
        );
    }

    fn points_count(&self) -> usize {
        self.machine
            .json(&["points"])
            .as_array()
            .expect("points")
            .len()
    }
}

#[test]
fn what_destroys_asks_for_a_pin_where_it_is_on() {
    let secured = Secured::new();
    let new = secured
        .machine
        .passphrase_file("new", "another horse battery staple");
    let change = ["vault", "key", "change", "--new-passphrase-file", &new];
    let add = ["vault", "key", "add", "--new-passphrase-file", &new];
    let slots = secured.machine.json(&["vault", "key", "list"]);
    let slot = slots[0]["slot"].as_str().expect("an id").to_owned();
    for args in [
        &["delete", "latest", "--now"][..],
        &["stop-protection", "home", "--delete"],
        &change,
        &add,
        &["vault", "key", "remove", &slot],
        &["vault", "security", "pin-off"],
        &["vault", "security", "pin-on", "--to", "other-secret"],
    ] {
        secured.refused(args, "pin-needed");
        secured.refused(&[args, &["--pin", "12345-67890"]].concat(), "pin-wrong");
        let other = secured.pin(if args[0] == "delete" {
            "keys"
        } else {
            "delete-now"
        });
        secured.refused(&[args, &["--pin", &other]].concat(), "pin-wrong");
    }
    assert_eq!(secured.points_count(), 2);
    assert_eq!(secured.machine.json(&["vault", "key", "list"]), slots);
    assert!(!secured.machine.path("other-secret").exists());
    // What does not destroy does not ask.
    secured.run(&["delete", "latest"]).ends_with(0);
    secured.machine.run(&["backup", "home"]).ends_with(0);
    secured.machine.run(&["sweep"]).ends_with(0);

    let pin = secured.pin("delete-now");
    let delete = ["delete", "latest", "--now", "--pin", &pin];
    secured.run(&delete).ends_with(0);
    secured.machine.run(&["backup", "home"]).ends_with(0);
    secured.refused(&delete, "pin-used");
    let pin = secured.pin("stop-protection");
    let stop = ["stop-protection", "home", "--delete", "--pin", &pin];
    secured.run(&stop).ends_with(0);
    let pin = secured.pin("keys");
    secured
        .run(&[&change[..], &["--pin", &pin]].concat())
        .ends_with(0);
}

#[test]
fn it_is_turned_off_with_a_pin_or_after_days_that_everybody_sees() {
    let secured = Secured::new();
    let status =
        |field: &str| secured.machine.json(&["vault", "security", "status"])[field].clone();
    secured
        .run(&["vault", "security", "pin-off", "--lost"])
        .ends_with(0);
    assert_eq!(status("pin"), true);
    assert_ne!(status("pin_ends_at"), Value::Null);
    let alerts = secured.machine.json(&["alerts"]);
    let is_told =
        |alert: &Value| alert["code"] == "security_pin_off" && alert["class"] == "security";
    assert!(
        alerts.as_array().expect("alerts").iter().any(is_told),
        "{alerts}"
    );
    secured.refused(&["delete", "latest", "--now"], "pin-needed");
    secured.refused(&["vault", "security", "pin-keep"], "pin-needed");
    let pin = secured.pin("security");
    secured
        .run(&["vault", "security", "pin-keep", "--pin", &pin])
        .ends_with(0);
    assert_eq!(status("pin_ends_at"), Value::Null);
    let spent = secured.run(&["vault", "security", "pin-off", "--pin", &pin]);
    assert_eq!(spent.document()["error"]["id"], "pin-used");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let pin = secured.pin("security");
    secured
        .run(&["vault", "security", "pin-off", "--pin", &pin])
        .ends_with(0);
    assert_eq!(status("pin"), json!(false));
    secured.run(&["delete", "latest", "--now"]).ends_with(0);
}

#[test]
fn files_that_hold_no_secret_are_told() {
    let machine = Machine::new();
    machine.write("hello", "hello");
    let make = [
        "vault",
        "security",
        "make-pin",
        "--operation",
        "keys",
        "--secret-file",
    ];
    let ended = machine.run(&[&make[..], &["hello", "--json"]].concat());
    ended.ends_with(2);
    assert_eq!(ended.document()["error"]["id"], "pin-secret");
    let unknown = [
        "vault",
        "security",
        "make-pin",
        "--operation",
        "all",
        "--secret-file",
        "hello",
    ];
    machine.run(&unknown).ends_with(2);
}
