//! Vaults made by released formats: each opens, verifies and restores, for ever.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom::crypto::{Passphrase, SlotSecret};
use strongroom::vault::InitOptions;
use strongroom::{
    BackupOptions, NoMonitor, RestoreOptions, RestoreTarget, Strongroom, VerifyOptions,
};

use crate::support::random_bytes;

fn vaults() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vaults")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Path in hexadecimal → what matters of it.
fn seen(root: &Path) -> BTreeMap<String, Value> {
    fn visit(at: &Path, root: &Path, out: &mut BTreeMap<String, Value>) {
        for entry in fs::read_dir(at).expect("readable") {
            let path = entry.expect("readable").path();
            let meta = fs::symlink_metadata(&path).expect("there");
            let mtime = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
            let mut line = json!({"mtime_ns": mtime.to_string()});
            if meta.is_symlink() {
                line["kind"] = json!("symlink");
                line["target"] = json!(fs::read_link(&path).expect("a link"));
            } else {
                line["mode"] = json!(format!("{:o}", meta.mode() & 0o7777));
                line["kind"] = json!(if meta.is_dir() { "directory" } else { "fifo" });
            }
            if meta.is_file() {
                line["kind"] = json!("file");
                let bytes = fs::read(&path).expect("readable");
                line["blake3"] = json!(blake3::hash(&bytes).to_hex().as_str());
            }
            let name = path.strip_prefix(root).expect("below");
            out.insert(hex(name.as_os_str().as_bytes()), line);
            if meta.is_dir() {
                visit(&path, root, out);
            }
        }
    }
    let mut out = BTreeMap::new();
    visit(root, root, &mut out);
    out
}

#[test]
fn every_released_vault_opens_and_restores() {
    let mut count = 0;
    for folder in fs::read_dir(vaults()).expect("there are some") {
        let folder = folder.expect("readable").path();
        let text = fs::read_to_string(folder.join("passphrase")).expect("readable");
        let passphrase = Passphrase::new(&text).expect("a passphrase");
        let place = folder.join("vault");
        let url = place.to_str().expect("text");
        let vault = Strongroom::open(url, SlotSecret::Passphrase(&passphrase)).expect("it opens");
        let mut options = VerifyOptions::default();
        options.level = strongroom::VerifyLevel::Data;
        let verified = vault.verify(&options, &NoMonitor).expect("verified");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
        let expected = fs::read(folder.join("expected.json")).expect("readable");
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        for point in expected["points"].as_array().expect("a list") {
            let out = tempfile::tempdir().expect("a directory");
            let mut options = RestoreOptions::new(RestoreTarget::Directory(out.path().join("out")));
            options.strip_root = true;
            options.no_ownership = true;
            let sid = point["sid"].as_str().expect("text").parse().expect("an id");
            vault.restore(&sid, &options, &NoMonitor).expect("restored");
            let entries = serde_json::to_value(seen(&out.path().join("out"))).expect("JSON");
            assert_eq!(entries, point["entries"], "{folder:?} {sid}");
            count += 1;
        }
    }
    assert!(count >= 2);
}

/// Makes `testdata/vaults/v0.1`. Run once, when the format was released; never again.
#[test]
#[ignore = "writes a released format, once"]
fn write_the_vault_of_v0_1() {
    let folder = vaults().join("v0.1");
    assert!(!folder.exists(), "a released vault is never written again");
    let home = Path::new("/tmp/strongroom-sample/home");
    let _left = fs::remove_dir_all(home);
    fs::create_dir_all(home.join("sub/empty")).expect("made");
    let edges = [0, 1, 511, 512, 513, 16_383, 16_384, 16_385, 65_536, 262_145];
    for (seed, size) in edges.into_iter().enumerate() {
        fs::write(
            home.join(format!("sub/{size} bytes")),
            random_bytes(seed as u64, size),
        )
        .expect("written");
    }
    fs::write(home.join("text"), "All work and no play.\n".repeat(9000)).expect("written");
    let odd = home.join(std::ffi::OsStr::from_bytes(b"new\nline \xff"));
    fs::write(odd, "odd").expect("written");
    symlink("sub/1 bytes", home.join("link")).expect("made");
    fs::hard_link(home.join("text"), home.join("sub/second name")).expect("linked");
    let sparse = fs::File::create(home.join("sparse")).expect("created");
    std::os::unix::fs::FileExt::write_at(&sparse, b"end", 1 << 20).expect("written");
    let pipe = std::process::Command::new("mkfifo")
        .arg(home.join("pipe"))
        .status();
    assert!(pipe.is_ok_and(|status| status.success()));
    fs::create_dir_all(&folder).expect("made");
    let text = "a passphrase that everybody knows";
    fs::write(folder.join("passphrase"), text).expect("written");
    let passphrase = Passphrase::new(text).expect("a passphrase");
    let mut init = InitOptions::for_tests();
    init.name = Some("sample".to_owned());
    init.block_bytes = 128 << 10;
    init.tree_block_bytes = 4096;
    init.data_pack_bytes = 256 << 10;
    init.meta_pack_bytes = 64 << 10;
    let place = folder.join("vault");
    let vault = Strongroom::init(place.to_str().expect("text"), &passphrase, &init).expect("made");
    let mut points = Vec::new();
    for round in 0..2 {
        let options = BackupOptions::new("sample", vec![home.to_owned()]);
        let report = vault.backup(&options, &NoMonitor).expect("a backup");
        let sid = report.recovery_point.expect("a point").to_string();
        points.push(json!({"sid": sid, "root": home, "entries": seen(home)}));
        fs::write(home.join("second"), format!("{round}")).expect("written");
        fs::remove_file(home.join("sub/513 bytes")).unwrap_or(());
    }
    let expected = serde_json::to_vec_pretty(&json!({"points": points})).expect("JSON");
    fs::write(folder.join("expected.json"), expected).expect("written");
}
