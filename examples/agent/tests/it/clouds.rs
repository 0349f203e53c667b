//! Vaults in clouds, as a person uses them: settings come from the environment.

use std::fs;

use crate::machine::{Machine, PASSPHRASE, Variables, random_bytes};

fn lives(url: &str, variables: Variables) {
    let machine = Machine::with_variables(variables);
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    machine.write("home/data", random_bytes(1, 400_000));
    machine.write("home/note", "short");
    let init = ["vault", "init", "--vault", url, "--passphrase-file", &file];
    machine.run(&init).ends_with(0);
    machine.run(&init).fails_with(2, "exists");
    machine.run(&["backup", "home"]).ends_with(0);
    machine.write("home/note", "changed");
    let second = machine.run(&["backup", "home", "--json"]);
    second.ends_with(0);
    assert_eq!(second.document()["files_unchanged_count"], 1);
    machine.run(&["check"]).ends_with(0);
    let status = machine.run(&["vault", "status", "--json"]);
    status.ends_with(0);
    assert_eq!(status.document()["url"], url);
    assert_eq!(status.document()["points_count"], 2);
    machine
        .run(&["restore", "latest", "--target", "back"])
        .ends_with(0);
    let restored = fs::read(machine.path("back/home/note")).expect("there");
    assert_eq!(restored, b"changed");
    machine.run(&["verify", "--read-data"]).ends_with(0);
    // Another prefix of the same bucket holds nothing.
    let other = format!("{url}-not");
    let points = ["points", "--vault", &other, "--passphrase-file", &file];
    machine.run(&points).fails_with(6, "no vault");
}

#[test]
fn a_vault_in_s3() {
    if let Some(server) = strongroom_test_servers::s3() {
        let url = format!("s3://{}/some/vault", server.new_bucket());
        lives(&url, server.variables(server.port()));
    }
}

#[test]
fn a_vault_in_azure() {
    if let Some(server) = strongroom_test_servers::azure() {
        let url = format!("az://{}/some/vault", server.new_container());
        lives(&url, server.variables(server.port()));
    }
}

#[test]
fn what_is_wrong_with_a_bucket_is_told() {
    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let machine = Machine::with_variables(server.variables(server.port()));
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    for args in [&["vault", "init"][..], &["points"]] {
        let flags = [
            "--vault",
            "s3://no-such-bucket/x",
            "--passphrase-file",
            &file,
        ];
        let ended = machine.run(&[args, &flags].concat());
        ended.fails_with(6, "NoSuchBucket");
        assert!(
            ended.stderr.contains("AWS_ENDPOINT_URL"),
            "{}",
            ended.stderr
        );
    }
    // A proxy is really used: nobody listens there.
    let url = format!("s3://{}/x", server.new_bucket());
    let flags = ["points", "--vault", &url, "--passphrase-file", &file];
    machine.run(&flags).fails_with(6, "no vault");
    let proxied = [&flags[..], &["--proxy", "http://127.0.0.1:9"]].concat();
    machine.run(&proxied).fails_with(6, "cannot read config");
    Machine::new()
        .run(&["points", "--vault", "az://container/x"])
        .fails_with(2, "AZURE_STORAGE_ACCOUNT_NAME");
    machine
        .run(&["points", "--vault", "s3://"])
        .fails_with(2, "bucket");
}
