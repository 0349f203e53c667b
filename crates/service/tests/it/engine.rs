//! The engine through the gateway: an agent needs nothing that its certificate does not permit.

use std::fs;
use std::sync::Arc;

use strongroom::vault::{BlockReader, InitOptions, SweepOptions, sweep};
use strongroom::{
    BackupOptions, NoMonitor, RestoreOptions, RestoreTarget, Strongroom, VerifyLevel, VerifyOptions,
};
use strongroom_crypto::{Passphrase, Role, SlotSecret};

use crate::rig::{Rig, now};

fn passphrase() -> Passphrase {
    Passphrase::new("correct horse battery staple").expect("long enough")
}

#[test]
fn a_vault_is_made_filled_restored_and_swept_through_the_gateway() {
    let rig = Rig::new();
    let owner = rig.store(Role::Owner, "admin");
    let owner = Strongroom::init_store(Arc::new(owner), &passphrase(), &InitOptions::for_tests())
        .expect("a vault");
    let domain = owner.vault().domain_id().to_string();
    let opened = |role: Role, agent: &str| {
        let now = chrono::DateTime::UNIX_EPOCH;
        let credential = owner
            .wait(owner.vault().add_credential(role, agent, now))
            .expect("a credential");
        let store = rig.store_of(&rig.enrol(&format!("{role}:Vault-1:{domain}:{agent}")));
        Strongroom::open_store(Arc::new(store), SlotSecret::Credential(&credential))
            .expect("opened")
    };
    let (agent, maintenance) = (opened(Role::Agent, "pc"), opened(Role::Maintenance, "host"));
    let home = rig.dir.path().join("home");
    fs::create_dir(&home).expect("made");
    let mut points = Vec::new();
    for round in 0..3_u8 {
        let mut content = vec![0; 300_000];
        blake3::Hasher::new()
            .update(&[round])
            .finalize_xof()
            .fill(&mut content);
        fs::write(home.join("changing"), &content).expect("written");
        fs::write(home.join(format!("added-{round}")), [round; 1000]).expect("written");
        let mut options = BackupOptions::new("home", vec![home.clone()]);
        options.checkpoint_bytes = 100_000;
        let report = agent.backup(&options, &NoMonitor).expect("backed up");
        points.push(report.recovery_point.expect("a point"));
    }
    let restore = |name: &str| {
        let target = rig.dir.path().join(name);
        fs::create_dir(&target).expect("made");
        let options = RestoreOptions::new(RestoreTarget::Directory(target.clone()));
        agent
            .restore(&points[2], &options, &NoMonitor)
            .expect("restored");
        for file in ["changing", "added-0", "added-2"] {
            let restored = fs::read(target.join("home").join(file)).expect("there");
            assert!(
                restored == fs::read(home.join(file)).expect("there"),
                "{file}"
            );
        }
    };
    restore("first");
    let mut verify = VerifyOptions::default();
    verify.level = VerifyLevel::Data;
    let report = agent.verify(&verify, &NoMonitor).expect("verified");
    assert!(report.damaged.is_empty(), "{report:?}");
    // Deleting is for maintenance and owner, by their keys as by their certificates.
    assert!(agent.delete(&points[0], "no").is_err());
    for point in &points[..2] {
        owner.delete_now(point, "test").expect("deleted");
    }
    let reader = BlockReader::new(maintenance.vault().clone(), 1 << 20, 1 << 20);
    let (options, now) = (SweepOptions::default(), now());
    let swept = maintenance.wait(sweep(maintenance.vault(), &reader, &options, now));
    let swept = swept.expect("swept");
    assert!(swept.packs_deleted_count > 0, "{swept:?}");
    restore("second");
    let report = agent.verify(&verify, &NoMonitor).expect("verified");
    assert!(report.damaged.is_empty(), "{report:?}");
}
