//! Vault credentials: golden vectors, and which of them a vault admits.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use strongroom_crypto::signing::SigningKey;
use strongroom_crypto::{Credential, Passphrase, Role, SecretKey, SeededEntropy, SlotSecret};
use strongroom_vault::format::{
    CredentialFile, CredentialProblem as Problem, Issued, ObjectKind, ObjectName, Signer,
    VaultCredential, seal_signed,
};
use strongroom_vault::wrap::Memory;
use strongroom_vault::{CredentialTerms, Error, InitOptions, Vault};

use crate::vectors::{DOMAIN, VAULT, Vectors, are_as_they_were, at, hex, ring, vector_file};

fn owner() -> Signer {
    let (role, key) = ring().signing_key().expect("an owner's");
    Signer::new(role, key).expect("owners sign")
}

fn credential() -> VaultCredential {
    VaultCredential {
        vault_id: VAULT,
        vault_name: Some("ops".to_owned()),
        url: "s3://bucket/vault".to_owned(),
        places: vec!["az://container".to_owned()],
        may_maintain: true,
        serial: 3,
        issued_at: at(1_800_000_000),
        expires_at: at(1_800_864_000),
    }
}

fn all() -> Vectors {
    let text = credential().seal(&owner()).expect("sealed");
    let issued = Issued {
        v: 1,
        number: 3,
        blake3: Some(CredentialFile::parse(&text).expect("its own").hash()),
        issued_at: at(1_800_000_000),
        expires_at: at(1_800_864_000),
    };
    let name = ObjectName::Issued {
        domain: DOMAIN,
        number: 3,
    };
    let ring = ring();
    let (plain, entropy) = (issued.encode().expect("small"), SeededEntropy::new(24));
    let object = seal_signed(
        ObjectKind::Issued,
        &name,
        &plain,
        ring.control().expect("an owner's"),
        &VAULT,
        &owner(),
        &entropy,
    );
    Vectors::from([
        ("vault credential".to_owned(), text),
        (
            format!("plain {name}"),
            String::from_utf8(plain).expect("text"),
        ),
        (name.to_string(), hex(&object.expect("sealed"))),
    ])
}

#[test]
fn the_layout_is_as_it_was() {
    are_as_they_were(&vector_file("credential.json"), &all());
}

/// Writes the golden file. Run once for a new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_credential_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(vector_file("credential.json"), text + "\n").expect("written");
}

#[test]
fn a_text_that_is_not_as_it_was_signed_is_refused() {
    let text = credential().seal(&owner()).expect("sealed");
    let file = CredentialFile::parse(&text).expect("its own");
    assert_eq!(file.credential, credential());
    assert_eq!(CredentialFile::parse(text.trim_end()), Ok(file));
    for end in 0..text.len() - 1 {
        let cut = CredentialFile::parse(&text[..end]).expect_err("cut");
        let is_told = match end {
            0..29 => matches!(cut, Problem::NotACredential | Problem::UnknownVersion),
            _ => cut == Problem::Incomplete,
        };
        assert!(is_told, "{end}: {cut:?}");
    }
    for at in 30..text.len() - 1 {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let edited = String::from_utf8(bytes).expect("still text");
        assert!(CredentialFile::parse(&edited).is_err(), "byte {at}");
    }
    let later = text.replace("2027-01-25", "2037-01-25");
    assert_ne!(later, text);
    assert_eq!(CredentialFile::parse(&later), Err(Problem::Edited));
    let windows = text.replace('\n', "\r\n");
    assert!(CredentialFile::parse(&windows).is_err());
    let newer = text.replacen("credential 1", "credential 2", 1);
    assert_eq!(CredentialFile::parse(&newer), Err(Problem::UnknownVersion));
    assert_eq!(CredentialFile::parse("hello"), Err(Problem::NotACredential));
    let broken = VaultCredential {
        url: "s3://a\nrole: agent".to_owned(),
        ..credential()
    };
    assert!(broken.seal(&owner()).is_err(), "a field of two lines");
}

#[test]
fn it_counts_from_its_issue_to_its_end() {
    let text = credential().seal(&owner()).expect("sealed");
    let file = CredentialFile::parse(&text).expect("its own");
    let check = |secs: i64| file.check_time(at(secs));
    assert_eq!(check(1_800_000_000 - 300), Ok(()), "clocks differ a little");
    let early = check(1_800_000_000 - 301);
    assert!(matches!(early, Err(Problem::NotYetValid { .. })));
    assert_eq!(check(1_800_863_999), Ok(()));
    let late = check(1_800_864_000);
    assert!(matches!(late, Err(Problem::Expired { .. })));
}

const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

pub(crate) async fn vault(seed: u64) -> (Arc<Memory>, Vault) {
    let memory = Memory::new();
    let passphrase = Passphrase::new("correct horse battery staple").expect("long enough");
    let (options, entropy) = (InitOptions::for_tests(), SeededEntropy::new(seed));
    let made = Vault::init(
        memory.clone(),
        &passphrase,
        &options,
        START,
        Arc::new(entropy),
    );
    let vault = made.await.expect("a vault");
    (memory, vault)
}

pub(crate) async fn of_role(
    memory: &Arc<Memory>,
    owner: &Vault,
    role: Role,
    seed: u64,
) -> (Vault, Credential) {
    let credential = owner.add_credential(role, "test", START).await;
    let credential = credential.expect("a slot");
    let secret = SlotSecret::Credential(&credential);
    let opened = Vault::open(memory.clone(), secret, Arc::new(SeededEntropy::new(seed)));
    (opened.await.expect("opens"), credential)
}

fn terms() -> CredentialTerms {
    CredentialTerms {
        url: "/mnt/vault".to_owned(),
        places: Vec::new(),
        may_maintain: false,
        valid_for: TimeDelta::days(CredentialTerms::VALID_DAYS),
    }
}

async fn issued(vault: &Vault) -> CredentialFile {
    let text = vault.issue_credential(&terms(), START).await;
    CredentialFile::parse(&text.expect("issued")).expect("its own")
}

/// What is wrong with it an hour after the start.
async fn problem(vault: &Vault, file: &CredentialFile) -> Option<Problem> {
    match vault.admit(file, START + TimeDelta::hours(1)).await {
        Err(Error::VaultCredential(problem)) => Some(problem),
        admitted => {
            admitted.expect("no other problem");
            None
        }
    }
}

#[tokio::test]
async fn only_the_newest_counts() {
    let (memory, owner) = vault(1).await;
    let (agent, _) = of_role(&memory, &owner, Role::Agent, 2).await;
    let first = issued(&owner).await;
    assert_eq!(problem(&agent, &first).await, None);
    let second = issued(&owner).await;
    let superseded = Problem::Superseded {
        serial: 1,
        newest: 2,
    };
    assert_eq!(problem(&agent, &first).await, Some(superseded));
    assert_eq!(problem(&agent, &second).await, None);
    let late = agent.admit(&second, START + TimeDelta::days(10)).await;
    assert!(matches!(
        late,
        Err(Error::VaultCredential(Problem::Expired { .. }))
    ));
    owner.withdraw_credentials(START).await.expect("withdrawn");
    let withdrawn = Problem::Withdrawn { serial: 2 };
    assert_eq!(problem(&agent, &second).await, Some(withdrawn));
    let third = issued(&owner).await;
    assert_eq!(
        (third.credential.serial, problem(&agent, &third).await),
        (4, None)
    );
}

#[tokio::test]
async fn maintenance_hosts_issue_and_agents_do_not() {
    let (memory, owner) = vault(1).await;
    let (agent, _) = of_role(&memory, &owner, Role::Agent, 2).await;
    let (maintenance, _) = of_role(&memory, &owner, Role::Maintenance, 3).await;
    let refused = agent.issue_credential(&terms(), START).await;
    assert!(matches!(refused, Err(Error::NotPermitted(_))));
    let file = issued(&maintenance).await;
    assert_eq!(problem(&agent, &file).await, None);
}

/// What an agent writes is void: it neither counts nor keeps newer ones from being issued.
#[tokio::test]
async fn records_that_nobody_signed_are_stepped_over() {
    let (memory, owner) = vault(1).await;
    let (agent, _) = of_role(&memory, &owner, Role::Agent, 2).await;
    let first = issued(&owner).await;
    let own = SigningKey::from_seed(&SecretKey::from_bytes([1; 32]));
    let forger = Signer::new(Role::Owner, own).expect("it claims to be");
    let forged = VaultCredential {
        vault_id: *owner.id(),
        ..credential()
    };
    let text = forged.seal(&forger).expect("sealed");
    let file = CredentialFile::parse(&text).expect("whole");
    for number in [2, 3, u32::MAX] {
        let name = ObjectName::Issued {
            domain: *agent.domain_id(),
            number,
        };
        let issued = Issued {
            v: 1,
            number,
            blake3: Some(file.hash()),
            issued_at: START,
            expires_at: START + TimeDelta::days(1),
        };
        let (plain, key) = (issued.encode().expect("small"), agent.keys().control());
        let key = key.expect("agents have it");
        let (kind, entropy) = (ObjectKind::Issued, SeededEntropy::new(7));
        let object = seal_signed(kind, &name, &plain, key, agent.id(), &forger, &entropy);
        let parts = [Bytes::from(object.expect("sealed"))];
        let created = agent.store().create_once(&name.to_string(), &parts).await;
        created.expect("agents may create");
    }
    assert_eq!(problem(&agent, &first).await, None);
    let in_time = agent.admit(&file, at(1_800_000_000)).await;
    assert!(matches!(
        in_time,
        Err(Error::VaultCredential(Problem::Foreign))
    ));
    assert_eq!(issued(&owner).await.credential.serial, 4);
}

#[tokio::test]
async fn other_vaults_and_copies_are_told_apart() {
    let ((_, one), (_, other)) = (vault(1).await, vault(9).await);
    let file = issued(&one).await;
    let foreign = Problem::OtherVault {
        expected: *one.id(),
        found: *other.id(),
    };
    assert_eq!(problem(&other, &file).await, Some(foreign));
    // The same vault without the record: a copy of it.
    let (_, copy) = vault(1).await;
    assert_eq!(
        problem(&copy, &file).await,
        Some(Problem::NotIssued { serial: 1 })
    );
}

/// Whoever may read a domain may let another machine do so; more only the owner gives.
#[tokio::test]
async fn an_agent_gives_out_its_own_role_and_no_other() {
    let (memory, owner) = vault(1).await;
    let (agent, _) = of_role(&memory, &owner, Role::Agent, 2).await;
    of_role(&memory, &agent, Role::Agent, 4).await;
    for role in [Role::Owner, Role::Maintenance, Role::Monitor] {
        let refused = agent.add_credential(role, "more", START).await;
        assert!(matches!(refused, Err(Error::NotPermitted(_))), "{role}");
    }
}
