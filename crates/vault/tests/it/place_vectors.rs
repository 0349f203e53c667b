//! Golden vectors of a vault in several places, and what no such vault is.

use strongroom_vault::format::{FormatError, PlaceConfig, PlaceMode, VaultConfig};

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
