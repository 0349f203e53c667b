//! `seed export` and `seed import`.

use crate::machine::{Machine, random_bytes};

#[test]
fn a_seed_goes_from_one_machine_to_another() {
    let machine = Machine::with_vault();
    machine.write("home/data", random_bytes(1, 3 << 20));
    machine.write("home/note", "short");
    let (a, b) = (machine.at("a"), machine.at("b"));
    let to = ["--to", &a, "--to", &b];
    machine
        .run(&[&["seed", "export"][..], &to].concat())
        .fails_with(2, "no path");
    let exported = machine.json(&[&["seed", "export", "home"][..], &to].concat());
    assert_eq!(
        (&exported["source"], &exported["state"]),
        (&"home".into(), &"complete".into())
    );
    assert_eq!(exported["disks"].as_array().map(Vec::len), Some(2));
    assert_eq!(machine.json(&["points"]), serde_json::json!([]));

    // Another machine has the vault's URL, its passphrase and the disks.
    let other = Machine::new();
    let (vault, file) = (machine.vault(), machine.at("passphrase"));
    let given = ["--vault", &vault, "--passphrase-file", &file];
    let import = |disks: [&str; 2]| {
        let [one, two] = disks;
        let args = ["seed", "import", "--from", one, "--from", two, "--json"];
        other.run(&[&args[..], &given].concat())
    };
    import([&a, &a]).fails_with_json(2, "twice");
    let imported = import([&b, &a]);
    imported.ends_with(0);
    let imported = imported.document();
    assert_eq!(imported["copied"][0], exported["recovery_point"]);
    assert_eq!(imported["seed"], exported["seed"]);
    import([&a, &b]).fails_with_json(1, "in the vault already");

    let next = machine.json(&["backup", "home"]);
    assert_eq!(
        (&next["files_unchanged_count"], &next["unique_bytes"]),
        (&2.into(), &0.into())
    );
    machine.run(&["verify", "--read-data"]).ends_with(0);
    let packs = machine.path("a/strongroom-seed/d");
    assert!(packs.exists(), "packs lie on the first disk");
    machine
        .run(&["seed", "export", "home", "--to", &vault])
        .fails_with(2, "is the vault itself");
}
