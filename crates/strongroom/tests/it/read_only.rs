//! A vault with a feature beside which only newer programs may write: all of it can be read, and nothing in it changes.

use std::fmt::Debug;
use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt};
use strongroom::crypto::{KdfCost, OsEntropy, Passphrase, Role, SlotSecret, mac};
use strongroom::policy::PolicyFile;
use strongroom::policy::chrono_tz::UTC;
use strongroom::vault::format::PlaceMode;
use strongroom::vault::{
    BlockReader, Error as VaultError, InitOptions, Store, SweepOptions, Vault, catch_up,
};
use strongroom::{BackupOptions, Error, ExpireOptions, NoMonitor, RepairOptions};

use crate::copy::{memory, options, try_copy};
use crate::damage::{Objects, objects_of, wait, with_header};
use crate::heal::{Place, verify};
use crate::support::passphrase;

const BIT: u32 = 5;

const WEEK: &str = r#"
    schedule.daily = { times = ["12:00"] }
    retention.daily = { keep_days = 7 }
"#;

/// Sets the bit in a configuration, as a newer program that has made the vault would.
fn with_feature(vault: &Vault, mut config: Vec<u8>) -> Vec<u8> {
    let features = config[16] | 1 << BIT;
    with_header(&mut config, 16, features);
    let code_at = config.len() - 32;
    let key = vault.keys().config_key();
    let code = mac(key, &[b"config", &config[..56], &config[64..code_at]]);
    config[code_at..].copy_from_slice(&code);
    config
}

fn add_feature(vault: &Vault, store: &Arc<dyn ObjectStore>) {
    let name = object_store::path::Path::from("config");
    let changed = wait(async {
        let config = store.get(&name).await?.bytes().await?;
        let config = with_feature(vault, config.to_vec());
        store.put(&name, config.into()).await
    });
    changed.expect("written");
}

fn refuses<T: Debug>(outcome: Result<T, Error>) {
    assert!(
        matches!(
            outcome,
            Err(Error::Vault(VaultError::ReadOnly { bit: BIT }))
        ),
        "{outcome:?}"
    );
}

/// Two points, a third that a sweep would take, and what there is to repair.
fn place_with_work() -> Place {
    let mut place = Place::new();
    place.back_up();
    let doomed = place.points[0].0;
    for number in 0..6 {
        place.write(number, 100 + number);
    }
    place.back_up();
    place.write(0, 200);
    place.back_up();
    place.vault.delete_now(&doomed, "").expect("purged");
    place.points.remove(0);
    let segment = place.names("index").pop().expect("a segment");
    place.remove(&segment);
    place
}

fn objects(place: &Place) -> Objects {
    objects_of(&*place.store)
}

#[test]
fn nothing_writes_to_it() {
    let place = place_with_work();
    let policy = PolicyFile::parse(WEEK).expect("a policy").policy(UTC);
    let expire = ExpireOptions::new(&policy);
    let mut expiring = place.vault.plan_expire(&expire).expect("a plan");
    let later = expiring.at + chrono::TimeDelta::days(100);
    let judged = place.vault.judge(&expire, later).expect("judged");
    expiring.expiring = judged.into_iter().filter(|one| !one.is_kept()).collect();
    assert_eq!(expiring.expiring.len(), 1, "{expiring:?}");
    let dry = |is_dry| {
        let mut repair = RepairOptions::default();
        repair.dry_run = is_dry;
        repair
    };
    let (before, point) = (place.reopened(), place.points[0].0);
    add_feature(place.vault.vault(), &place.store);
    let vault = place.reopened();
    let all = objects(&place);

    let backup = BackupOptions::new("test", vec![place.home()]);
    refuses(vault.backup(&backup, &NoMonitor));
    refuses(vault.sweep(&SweepOptions::default()));
    refuses(vault.expire(&expiring, true));
    refuses(vault.plan_expire(&expire));
    refuses(vault.delete(&point, "a test"));
    refuses(vault.delete_now(&point, "a test"));
    refuses(vault.hold(&point, None, "a test"));
    let planned = before.repair(&dry(true), &NoMonitor).expect("a plan");
    assert!(!planned.plan.is_empty());
    refuses(vault.repair(&dry(false), &NoMonitor));
    let now = chrono::DateTime::UNIX_EPOCH;
    let (cost, new) = (KdfCost::MINIMUM, Passphrase::new("another long passphrase"));
    let new = new.expect("long");
    let slots = vault.vault();
    refuses(
        vault
            .wait(slots.add_credential(Role::Agent, "", now))
            .map_err(Error::from),
    );
    let changed = slots.change_passphrase(passphrase(), &new, cost, "", now);
    refuses(vault.wait(changed).map_err(Error::from));
    let probed = strongroom::vault::probe(slots.store(), &**slots.entropy());
    refuses(vault.wait(probed).map_err(Error::from));

    // A copy of it would have the feature, too.
    let target = memory();
    refuses(try_copy(&vault, &options(&target)));
    assert_eq!(objects_of(&*target), Objects::new());
    assert_eq!(objects(&place), all, "something was written");
}

#[test]
fn nothing_is_copied_into_it() {
    let mut place = place_with_work();
    let target = memory();
    try_copy(&place.vault, &options(&target)).expect("a copy");
    place.back_up();
    add_feature(place.vault.vault(), &target);
    let all = objects_of(&*target);
    refuses(try_copy(&place.vault, &options(&target)));
    assert_eq!(objects_of(&*target), all, "something was written");
}

#[test]
fn all_of_it_can_be_read() {
    let place = place_with_work();
    add_feature(place.vault.vault(), &place.store);
    let all = objects(&place);
    assert_eq!(place.reopened().points().expect("listed").len(), 2);
    assert!(place.is_whole(0) && place.is_whole(1));
    let mut sweep = SweepOptions::default();
    sweep.dry_run = true;
    place.reopened().sweep(&sweep).expect("a dry run");
    let mut repair = RepairOptions::default();
    repair.dry_run = true;
    place
        .reopened()
        .repair(&repair, &NoMonitor)
        .expect("a dry run");
    assert_eq!(objects(&place), all, "something was written");
}

/// Damage is told to who reads, and noted nowhere.
#[test]
fn its_damage_is_told() {
    let mut place = Place::new();
    place.back_up();
    add_feature(place.vault.vault(), &place.store);
    place.hurt(&place.largest_pack(), 70_000);
    let all = objects(&place);
    let report = verify(&place.reopened());
    assert_eq!((report.damaged.len(), report.is_noted), (1, false));
    assert_eq!(objects(&place), all, "something was written");
}

#[test]
fn no_place_of_it_catches_up() {
    let (first, second) = (memory(), memory());
    let store = || {
        Store::mirror(vec![
            ("first".to_owned(), PlaceMode::Decider, Arc::clone(&first)),
            (
                "second".to_owned(),
                PlaceMode::Synchronous,
                Arc::clone(&second),
            ),
        ])
    };
    let entropy = Arc::new(OsEntropy);
    let now = chrono::DateTime::UNIX_EPOCH;
    let init = InitOptions::for_tests();
    let vault = Vault::init(store(), passphrase(), &init, now, entropy.clone());
    add_feature(&wait(vault).expect("a new vault"), &first);
    let secret = SlotSecret::Passphrase(passphrase());
    let vault = wait(Vault::open(store(), secret, entropy)).expect("opened");
    let reader = BlockReader::new(vault.clone(), 1 << 16, 1 << 16);
    let lacking = object_store::path::Path::from("config");
    wait(second.delete(&lacking)).expect("deleted");
    let told = wait(catch_up(&vault, &reader, true)).expect("a look");
    assert_eq!(told[1].lacking_count, 1, "{told:?}");
    let all = objects_of(&*second);
    refuses(wait(catch_up(&vault, &reader, false)).map_err(Error::from));
    assert_eq!(objects_of(&*second), all, "something was written");
}
