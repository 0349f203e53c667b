//! Bytes change on the disk; what is read is what was written, or an error.

use super::disk::Disk;
use crate::support::{Dice, everything, step};
use crate::{Catalog, Error, Options};

fn open(image: Vec<u8>) -> crate::Result<Catalog> {
    Catalog::with_backend(Disk::with_image(image), Options::default())
}

fn image() -> (Vec<u8>, Vec<String>) {
    let disk = Disk::default();
    let catalog = Catalog::with_backend(disk.clone(), Options::default()).unwrap();
    (0..20).for_each(|number| step(&catalog, number).unwrap());
    let all = everything(&catalog);
    drop(catalog);
    (disk.image(), all)
}

/// Opens damaged bytes: true when the damage was told, false when it hit nothing that counts.
fn is_told(damaged: Vec<u8>, expected: &[String], what: &str) -> bool {
    match open(damaged) {
        Ok(catalog) => {
            assert_eq!(everything(&catalog), expected, "{what}");
            false
        }
        Err(Error::Corrupt { .. }) => true,
        Err(other) => panic!("{what}: {other:?}"),
    }
}

fn flip(rounds: u64, header_step: usize) {
    let (image, expected) = image();
    let mut dice = Dice(9);
    let mut told_count = 0;
    let header = (0..512).step_by(header_step);
    let anywhere = (0..rounds).map(|_| dice.below(image.len() as u64));
    let places: Vec<usize> = header
        .chain(anywhere.map(|at| usize::try_from(at).unwrap()))
        .collect();
    for at in &places {
        let mut damaged = image.clone();
        damaged[*at] ^= 1 << (at % 8);
        told_count += u64::from(is_told(damaged, &expected, &format!("byte {at}")));
    }
    assert!(told_count > 50, "{told_count} of {}", places.len());
}

#[test]
fn a_flipped_bit_is_told_or_hits_nothing() {
    flip(600, 3);
}

#[test]
#[ignore = "soak"]
fn soak_a_flipped_bit_is_told_or_hits_nothing() {
    flip(50_000, 1);
}

#[test]
fn a_cut_file_is_told() {
    let (image, expected) = image();
    for kept in (1..image.len()).step_by(image.len() / 40) {
        assert!(is_told(
            image[..kept].to_vec(),
            &expected,
            &format!("cut at {kept}")
        ));
    }
}

#[test]
fn overwritten_pages_are_told_or_hit_nothing() {
    let (image, expected) = image();
    let mut told_count = 0;
    for page in 0..image.len() / 4096 {
        for filling in [0, 0xff] {
            let mut damaged = image.clone();
            damaged[page * 4096..(page + 1) * 4096].fill(filling);
            told_count += u64::from(is_told(damaged, &expected, &format!("page {page}")));
        }
    }
    assert!(told_count > 10);
}
