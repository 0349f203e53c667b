use super::*;
use crate::format::DomainId;

fn session(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn name(number: u8) -> ObjectName {
    ObjectName::Segment {
        domain: DomainId::from_bytes([0; 8]),
        session: session(number),
        number: 0,
    }
}

fn row(pack: u8, writer: u8, chunks_count: u32) -> IndexRow {
    IndexRow {
        pack: PackId::from_bytes([pack; 16]),
        writer: session(writer),
        chunks_count,
        digest: [pack; 16],
    }
}

fn segment(number: u8, rows: &[IndexRow]) -> IndexSegment {
    IndexSegment {
        name: name(number),
        rows: rows.to_vec(),
    }
}

fn dead(packs: &[u8], segments: &[u8]) -> Unusable {
    Unusable {
        packs: packs
            .iter()
            .map(|pack| PackId::from_bytes([*pack; 16]))
            .collect(),
        segments: segments.iter().map(|number| name(*number)).collect(),
        ..Unusable::default()
    }
}

#[test]
fn one_goes_when_all_its_packs_were_planned() {
    let segments = [
        segment(1, &[row(1, 1, 5), row(2, 1, 5)]),
        segment(2, &[row(3, 2, 5)]),
        segment(3, &[]),
    ];
    assert_eq!(spent(&segments, &dead(&[1], &[])), [name(3)]);
    assert_eq!(spent(&segments, &dead(&[1, 2], &[])), [name(1), name(3)]);
}

#[test]
fn of_two_that_say_the_same_one_stays() {
    let (one, two) = (row(1, 1, 5), row(2, 2, 5));
    let both = segment(9, &[one, two]);
    let segments = [segment(1, &[one]), segment(2, &[two]), both.clone()];
    assert_eq!(spent(&segments, &dead(&[], &[])), [name(1), name(2)]);
    let twice = [both.clone(), segment(10, &both.rows)];
    assert_eq!(spent(&twice, &dead(&[], &[])), [name(9)], "one by one");
    let itself = [segment(1, &[one, one])];
    assert_eq!(spent(&itself, &dead(&[], &[])), [], "not for itself");
}

#[test]
fn what_a_plan_has_named_goes_again_and_makes_up_for_nothing() {
    let segments = [segment(1, &[row(1, 1, 5)]), segment(9, &[row(1, 1, 5)])];
    assert_eq!(spent(&segments, &dead(&[], &[1])), [name(1)]);
    assert_eq!(spent(&segments, &dead(&[], &[9])), [name(9)]);
}

/// Anyone who backs up may write a segment that lies about a pack.
#[test]
fn another_word_about_the_same_pack_makes_up_for_nothing() {
    let lie = IndexRow {
        digest: [77; 16],
        ..row(1, 1, 5)
    };
    let segments = [segment(1, &[row(1, 1, 5)]), segment(2, &[lie])];
    assert_eq!(spent(&segments, &dead(&[], &[])), []);
    let group: Vec<&IndexSegment> = segments.iter().collect();
    let together = merged(name(9), &group, &dead(&[], &[]));
    assert_eq!(together.rows, [row(1, 1, 5), lie]);
}

#[test]
fn small_ones_are_put_together_in_order_until_one_is_full() {
    let count = u32::try_from(SMALL_COUNT).expect("small");
    let mut segments: Vec<IndexSegment> = (1..=5)
        .map(|number| segment(number, &[row(number, number, count / 2)]))
        .collect();
    segments.push(segment(6, &[row(6, 6, count)]));
    let numbers = |from_count, dead: &Unusable| -> Vec<Vec<usize>> {
        let groups = small(&segments, dead, from_count);
        let at = |one: &IndexSegment| segments.iter().position(|segment| segment == one);
        let group = |group: Vec<&IndexSegment>| group.into_iter().filter_map(at).collect();
        groups.into_iter().map(group).collect()
    };
    let nothing = dead(&[], &[]);
    assert_eq!(
        numbers(5, &nothing),
        [vec![0, 1, 2, 3]],
        "the fifth is alone"
    );
    assert_eq!(numbers(6, &nothing), [[0; 0]; 0], "too few");
    // What is dead does not count: the large one is small without it.
    assert_eq!(numbers(2, &dead(&[1, 6], &[])), [vec![1, 2, 3, 4]]);
}
