//! Golden vectors of a vault in several places, and what no such vault is.

use strongroom_crypto::Role;
use strongroom_vault::format::{
    CountedPlans, DomainId, FormatError, Generation, ObjectName, PlaceConfig, PlaceMode, Signer,
    VaultConfig, VaultId,
};

use crate::vectors::{Vectors, are_as_they_were, hex, ring, vector_file};

fn place(url: &str, mode: PlaceMode) -> PlaceConfig {
    PlaceConfig {
        url: url.to_owned(),
        mode,
    }
}

fn three() -> Vec<PlaceConfig> {
    vec![
        place("/mnt/disk/vault", PlaceMode::Decider),
        place("s3://bucket/vault", PlaceMode::Synchronous),
        place("az://container", PlaceMode::Asynchronous),
    ]
}

/// The configuration of the other vectors, with places.
fn config(places: Vec<PlaceConfig>) -> VaultConfig {
    let text = std::fs::read_to_string(vector_file("format.json")).expect("the golden file");
    let vectors: Vectors = serde_json::from_str(&text).expect("JSON");
    let (_, object) = vectors
        .iter()
        .find(|(name, _)| name.starts_with("config "))
        .expect("a configuration");
    let bytes: Vec<u8> = (0..object.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&object[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let config = VaultConfig::open(&bytes, ring().config_key()).expect("opened");
    VaultConfig {
        redundancy: "geo".to_owned(),
        places,
        ..config
    }
}

fn all() -> Vectors {
    let object = config(three()).seal(ring().config_key()).expect("sealed");
    Vectors::from([("config in three places".to_owned(), hex(&object))])
}

#[test]
fn the_layout_is_as_it_was() {
    are_as_they_were(&vector_file("places.json"), &all());
}

/// Writes the golden file. Run once for each new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_place_vectors() {
    let text = serde_json::to_string_pretty(&all()).expect("JSON");
    std::fs::write(vector_file("places.json"), text + "\n").expect("written");
}

#[test]
fn places_come_back_and_mark_the_header() {
    let key = ring();
    let object = config(three()).seal(key.config_key()).expect("sealed");
    let opened = VaultConfig::open(&object, key.config_key()).expect("opened");
    assert_eq!(opened.places, three());
    assert_eq!(
        object[16..20],
        [1, 0, 0, 0],
        "who does not know places may only read"
    );
    let alone = config(Vec::new()).seal(key.config_key()).expect("sealed");
    assert_eq!(alone[16..20], [0; 4]);
    let text = String::from_utf8_lossy(&alone);
    assert!(!text.contains("places"), "{text}");
}

#[test]
fn places_without_one_decider_are_refused() {
    let [decider, synchronous, asynchronous] =
        <[PlaceConfig; 3]>::try_from(three()).expect("three");
    for wrong in [
        vec![decider.clone()],
        vec![synchronous.clone(), decider.clone()],
        vec![decider.clone(), decider.clone()],
        vec![
            decider.clone(),
            synchronous,
            asynchronous.clone(),
            asynchronous,
        ],
        vec![decider, place("", PlaceMode::Synchronous)],
    ] {
        let refused = config(wrong.clone()).seal(ring().config_key());
        assert!(
            matches!(refused, Err(FormatError::Malformed(_))),
            "{wrong:?}"
        );
    }
}

/// The first handing-on of the vault of the other vectors.
fn generation(counted: Vec<CountedPlans>) -> Generation {
    let [_, synchronous, asynchronous] = <[PlaceConfig; 3]>::try_from(three()).expect("three");
    let decider = PlaceConfig {
        mode: PlaceMode::Decider,
        ..synchronous
    };
    Generation {
        v: 1,
        vault_id: VaultId::from_bytes([7; 16]),
        number: 1,
        places: vec![decider, asynchronous],
        counted,
        at: "2026-11-28T12:00:00Z".parse().expect("a time"),
    }
}

fn counted() -> Vec<CountedPlans> {
    vec![CountedPlans {
        domain: DomainId::from_bytes([3; 8]),
        cycles: vec![(1, 12), (14, 14)],
    }]
}

fn sealed(generation: &Generation, name: &ObjectName) -> Vec<u8> {
    let ring = ring();
    let (role, key) = ring.signing_key().expect("an owner's");
    let signer = Signer::new(role, key).expect("it signs");
    assert_eq!(signer.role(), Role::Owner);
    generation.seal(name, &signer).expect("sealed")
}

const CLOSING: ObjectName = ObjectName::Closing { number: 1 };
const OPENING: ObjectName = ObjectName::Opening { number: 1 };

fn all_generations() -> Vectors {
    let closing = sealed(&generation(Vec::new()), &CLOSING);
    let opening = sealed(&generation(counted()), &OPENING);
    Vectors::from([
        ("closing of generation 1".to_owned(), hex(&closing)),
        ("opening of generation 1".to_owned(), hex(&opening)),
    ])
}

#[test]
fn the_layout_of_generations_is_as_it_was() {
    are_as_they_were(&vector_file("generations.json"), &all_generations());
}

/// Writes the golden file. Run once for each new layout; what stands there never changes.
#[test]
#[ignore = "writes golden vectors"]
fn make_generation_vectors() {
    let text = serde_json::to_string_pretty(&all_generations()).expect("JSON");
    std::fs::write(vector_file("generations.json"), text + "\n").expect("written");
}

#[test]
fn a_generation_is_its_owners_and_stands_under_its_name() {
    let owner = ring().owner_public_key().expect("an owner's");
    let vault_id = VaultId::from_bytes([7; 16]);
    let generation = generation(counted());
    let object = sealed(&generation, &OPENING);
    let open =
        |object: &[u8], name, vault_id, owner| Generation::open(object, name, vault_id, owner);
    let opened = open(&object, &OPENING, &vault_id, &owner);
    assert_eq!(opened.expect("opened"), generation);
    assert!(open(&object, &CLOSING, &vault_id, &owner).is_err());
    assert!(
        open(
            &object,
            &ObjectName::Opening { number: 2 },
            &vault_id,
            &owner
        )
        .is_err()
    );
    let other = VaultId::from_bytes([8; 16]);
    assert!(open(&object, &OPENING, &other, &owner).is_err());
    for at in [70, object.len() - 1] {
        let mut changed = object.clone();
        changed[at] ^= 1;
        assert!(open(&changed, &OPENING, &vault_id, &owner).is_err(), "{at}");
    }
}

#[test]
fn plans_of_older_generations_count_where_they_are_named() {
    let domain = DomainId::from_bytes([3; 8]);
    let generation = generation(counted());
    let counts = |cycle| generation.counts(&domain, cycle);
    assert!(counts(1) && counts(12) && counts(14));
    assert!(!counts(13) && !counts(15) && !counts(99_999_999));
    assert!(counts(100_000_000), "its own");
    assert!(!generation.counts(&DomainId::from_bytes([4; 8]), 1));
}
