//! Vaults in clouds, as a person uses them: settings come from the environment.

use std::fs;

use crate::machine::{Ended, Machine, PASSPHRASE, random_bytes};

type Variables = Vec<(&'static str, String)>;

/// Runs the agent with settings of a cloud.
fn run(machine: &Machine, variables: &Variables, args: &[&str]) -> Ended {
    let mut command = machine.command(args);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Ended::new(args, command.output().expect("runs"))
}

fn lives(url: &str, variables: &Variables) {
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    machine.write("home/data", random_bytes(1, 400_000));
    machine.write("home/note", "short");
    let init = ["vault", "init", "--vault", url, "--passphrase-file", &file];
    run(&machine, variables, &init).ends_with(0);
    run(&machine, variables, &init).fails_with(2, "exists");
    run(&machine, variables, &["backup", "home"]).ends_with(0);
    machine.write("home/note", "changed");
    let second = run(&machine, variables, &["backup", "home", "--json"]);
    second.ends_with(0);
    assert_eq!(second.document()["files_unchanged_count"], 1);
    run(&machine, variables, &["check"]).ends_with(0);
    let status = run(&machine, variables, &["vault", "status", "--json"]);
    status.ends_with(0);
    assert_eq!(status.document()["url"], url);
    assert_eq!(status.document()["points_count"], 2);
    run(
        &machine,
        variables,
        &["restore", "latest", "--target", "back"],
    )
    .ends_with(0);
    let restored = fs::read(machine.path("back/home/note")).expect("there");
    assert_eq!(restored, b"changed");
    run(&machine, variables, &["verify", "--read-data"]).ends_with(0);
    // Another prefix of the same bucket holds nothing.
    let other = format!("{url}-not");
    let points = ["points", "--vault", &other, "--passphrase-file", &file];
    run(&machine, variables, &points).fails_with(6, "no vault");
}

#[test]
fn a_vault_in_s3() {
    if let Some(server) = strongroom_test_servers::s3() {
        let url = format!("s3://{}/some/vault", server.new_bucket());
        lives(&url, &server.variables(server.port()));
    }
}

#[test]
fn a_vault_in_azure() {
    if let Some(server) = strongroom_test_servers::azure() {
        let url = format!("az://{}/some/vault", server.new_container());
        lives(&url, &server.variables(server.port()));
    }
}

#[test]
fn what_is_wrong_with_a_bucket_is_told() {
    let Some(server) = strongroom_test_servers::s3() else {
        return;
    };
    let machine = Machine::new();
    let file = machine.passphrase_file("passphrase", PASSPHRASE);
    let variables = server.variables(server.port());
    for args in [&["vault", "init"][..], &["points"]] {
        let flags = [
            "--vault",
            "s3://no-such-bucket/x",
            "--passphrase-file",
            &file,
        ];
        let ended = run(&machine, &variables, &[args, &flags].concat());
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
    run(&machine, &variables, &flags).fails_with(6, "no vault");
    let proxied = [&flags[..], &["--proxy", "http://127.0.0.1:9"]].concat();
    run(&machine, &variables, &proxied).fails_with(6, "cannot read config");
    run(
        &machine,
        &Variables::new(),
        &["points", "--vault", "az://container/x"],
    )
    .fails_with(2, "AZURE_STORAGE_ACCOUNT_NAME");
    run(&machine, &variables, &["points", "--vault", "s3://"]).fails_with(2, "bucket");
}
