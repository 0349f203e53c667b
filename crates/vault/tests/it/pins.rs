//! Security PINs: when they are asked for, and which count.

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_crypto::{Role, SeededEntropy};
use strongroom_vault::format::{ObjectKind, ObjectName, Security, Signer, SpentPin, seal_signed};
use strongroom_vault::{
    Error, PIN_RESET_DAYS, PinProblem, PinSecret, PinSetting, Protected, Vault,
};

use crate::admission::{of_role, vault};
use crate::vectors::{DOMAIN, VAULT, Vectors, are_as_they_were, at, hex, ring, vector_file};

const NOW: i64 = 1_800_000_000;

fn all() -> Vectors {
    let (role, key) = ring().signing_key().expect("an owner's");
    let signer = Signer::new(role, key).expect("owners sign");
    let setting = Security {
        v: 1,
        number: 2,
        pin: Some(1),
        from: at(NOW),
        at: at(NOW),
    };
    let spent = SpentPin {
        v: 1,
        operation: "delete-now".to_owned(),
        at: at(NOW),
        nonce: "00".repeat(16),
    };
    let (domain, ring) = (DOMAIN, ring());
    let key = ring.control().expect("an owner's");
    let sealed = |kind, name: &ObjectName, plain: &[u8]| {
        let entropy = SeededEntropy::new(25);
        let object = seal_signed(kind, name, plain, key, &VAULT, &signer, &entropy);
        hex(&object.expect("sealed"))
    };
    let text = |plain: &[u8]| String::from_utf8(plain.to_vec()).expect("text");
    let set = ObjectName::Security { domain, number: 2 };
    let used = ObjectName::SpentPin {
        domain,
        mark: [0xaa; 16],
    };
    let (plain_set, plain_used) = (
        setting.encode().expect("small"),
        spent.encode().expect("small"),
    );
    let secret = ring.pin_secret(1).expect("an owner's");
    let pin = |operation: &str| strongroom_crypto::pin::make(&secret, operation, 1_800_000_000);
    Vectors::from([
        ("secret 1".to_owned(), hex(secret.expose())),
        ("pin delete-now 1800000000".to_owned(), pin("delete-now")),
        ("pin keys 1800000000".to_owned(), pin("keys")),
        (format!("plain {set}"), text(&plain_set)),
        (
            set.to_string(),
            sealed(ObjectKind::Security, &set, &plain_set),
        ),
        (format!("plain {used}"), text(&plain_used)),
        (
            used.to_string(),
            sealed(ObjectKind::SpentPin, &used, &plain_used),
        ),
    ])
}

#[test]
fn the_layout_is_as_it_was() {
    are_as_they_were(&vector_file("security.json"), &all());
}

/// Writes the golden file. Run once for a new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_security_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(vector_file("security.json"), text + "\n").expect("written");
}

async fn problem(
    vault: &Vault,
    operation: Protected,
    pin: Option<&str>,
    now: DateTime<Utc>,
) -> Option<PinProblem> {
    match vault.require_pin(operation, pin, now).await {
        Err(Error::Pin(problem)) => Some(problem),
        passed => {
            passed.expect("no other problem");
            None
        }
    }
}

#[tokio::test]
async fn none_is_asked_for_until_the_owner_says_so() {
    let (_, owner) = vault(1).await;
    assert_eq!(
        owner.pin_setting(at(NOW)).await.expect("read"),
        PinSetting::default()
    );
    assert_eq!(
        problem(&owner, Protected::DeleteNow, None, at(NOW)).await,
        None
    );
}

#[tokio::test]
async fn each_is_good_for_its_operation_for_five_minutes_and_once() {
    let (memory, owner) = vault(1).await;
    let secret = owner.turn_pin_on(at(NOW)).await.expect("on");
    let secret = PinSecret::from_text(&secret.to_text()).expect("its own");
    assert_eq!(secret.vault_id(), owner.id());
    let operation = Protected::DeleteNow;
    let check = |pin: Option<String>, secs: i64| {
        let owner = owner.clone();
        async move { problem(&owner, operation, pin.as_deref(), at(NOW + secs)).await }
    };
    let needed = PinProblem::Needed("delete-now");
    assert_eq!(check(None, 0).await, Some(needed));
    let pin = secret.pin(operation, at(NOW));
    assert_eq!(
        check(Some(pin.clone()), 301).await,
        Some(PinProblem::Expired)
    );
    assert_eq!(check(Some(pin.clone()), 300).await, None);
    assert_eq!(check(Some(pin), 299).await, Some(PinProblem::Used));
    let other = secret.pin(Protected::Keys, at(NOW));
    let wrong = PinProblem::Wrong("delete-now");
    assert_eq!(check(Some(other), 0).await, Some(wrong));
    // Another secret makes the one before worthless.
    let newer = owner.turn_pin_on(at(NOW)).await.expect("on");
    let old = secret.pin(operation, at(NOW + 9));
    assert_eq!(check(Some(old), 9).await, Some(wrong));
    assert_eq!(
        check(Some(newer.pin(operation, at(NOW + 9))), 9).await,
        None
    );
    owner.turn_pin_off(at(NOW + 9)).await.expect("off");
    assert_eq!(check(None, 9).await, None);
    // Who cannot check a PIN is not let through.
    owner.turn_pin_on(at(NOW + 9)).await.expect("on");
    let (maintenance, _) = of_role(&memory, &owner, Role::Maintenance, 3).await;
    let refused = maintenance.require_pin(operation, None, at(NOW + 9)).await;
    assert!(matches!(refused, Err(Error::NotPermitted(_))));
}

#[tokio::test]
async fn two_who_use_one_pin_at_once_do_not_both_pass() {
    let (_, owner) = vault(1).await;
    let secret = owner.turn_pin_on(at(NOW)).await.expect("on");
    let pin = secret.pin(Protected::Keys, at(NOW));
    let one = problem(&owner, Protected::Keys, Some(&pin), at(NOW));
    let other = problem(&owner, Protected::Keys, Some(&pin), at(NOW));
    let (one, other) = tokio::join!(one, other);
    assert!(
        [
            (None, Some(PinProblem::Used)),
            (Some(PinProblem::Used), None)
        ]
        .contains(&(one, other)),
        "{one:?} {other:?}"
    );
}

#[tokio::test]
async fn a_lost_secret_is_done_with_after_days_unless_somebody_keeps_it() {
    let (_, owner) = vault(1).await;
    owner.turn_pin_on(at(NOW)).await.expect("on");
    let ends_at = owner.reset_pin(at(NOW)).await.expect("begun");
    assert_eq!(ends_at, at(NOW) + TimeDelta::days(PIN_RESET_DAYS));
    let again = owner.reset_pin(at(NOW + 60)).await.expect("begun already");
    assert_eq!(again, ends_at, "asking again does not begin anew");
    let setting = owner.pin_setting(at(NOW)).await.expect("read");
    assert_eq!((setting.secret, setting.ends_at), (Some(1), Some(ends_at)));
    let before = ends_at - TimeDelta::seconds(1);
    assert!(
        problem(&owner, Protected::Keys, None, before)
            .await
            .is_some()
    );
    assert_eq!(problem(&owner, Protected::Keys, None, ends_at).await, None);
    owner.keep_pin(at(NOW + 120)).await.expect("kept");
    let setting = owner.pin_setting(ends_at).await.expect("read");
    assert_eq!((setting.secret, setting.ends_at), (Some(1), None));
}

/// An agent holds the key that settings are sealed with, and a maintenance host may sign: neither sets anything.
#[tokio::test]
async fn only_the_owner_sets() {
    let (memory, owner) = vault(1).await;
    owner.turn_pin_on(at(NOW)).await.expect("on");
    let (maintenance, _) = of_role(&memory, &owner, Role::Maintenance, 3).await;
    let off = maintenance.turn_pin_off(at(NOW)).await;
    assert!(matches!(off, Err(Error::NotPermitted(_))));
    let name = ObjectName::Security {
        domain: *owner.domain_id(),
        number: 2,
    };
    let forged = Security {
        v: 1,
        number: 2,
        pin: None,
        from: at(NOW),
        at: at(NOW),
    };
    let (signer, kind) = (
        maintenance.signer().expect("it signs"),
        ObjectKind::Security,
    );
    let key = maintenance.keys().control().expect("it has it");
    let (plain, entropy) = (forged.encode().expect("small"), SeededEntropy::new(5));
    let object = seal_signed(kind, &name, &plain, key, owner.id(), &signer, &entropy);
    let parts = [bytes::Bytes::from(object.expect("sealed"))];
    let created = owner.store().create_once(&name.to_string(), &parts).await;
    created.expect("anybody may create");
    let setting = owner.pin_setting(at(NOW)).await.expect("read");
    assert_eq!(setting.secret, Some(1));
}
