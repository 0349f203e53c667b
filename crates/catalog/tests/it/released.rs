//! What a released format holds is read by every later version.

use std::fs;
use std::path::PathBuf;

use strongroom_catalog::{Catalog, Options};

use crate::support::{assert_equals_rebuilt, assert_same, everything, step};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/catalog/format-1")
}

fn live(catalog: &Catalog) {
    (0..12).for_each(|number| step(catalog, number).unwrap());
}

#[test]
#[ignore = "writes the golden file; a golden file is never written again"]
fn make_catalog_of_format_1() {
    assert!(!path().exists());
    let mut catalog = Catalog::open(path(), Options::default()).unwrap();
    live(&catalog);
    catalog.compact().unwrap();
}

#[test]
fn a_catalog_of_format_1_is_read_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("catalog");
    fs::copy(path(), &copy).unwrap();
    let catalog = Catalog::open(&copy, Options::default()).unwrap();
    let expected = Catalog::in_memory().unwrap();
    live(&expected);
    assert_same(&everything(&catalog), &everything(&expected));
    assert_equals_rebuilt(&catalog);
    step(&catalog, 12).unwrap();
    step(&expected, 12).unwrap();
    assert_same(&everything(&catalog), &everything(&expected));
}
