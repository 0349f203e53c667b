use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use strongroom_chunking::PrefixTable;

/// Prefixes that meet often, and those that differ in few bits only.
fn any_prefix() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4u64,
        (0..64u32).prop_map(|bit| 1 << bit),
        (0..8u64).prop_map(|top| top << 61),
        any::<u64>(),
    ]
}

fn check(table: &PrefixTable, model: &BTreeMap<u64, BTreeSet<u64>>) -> Result<(), TestCaseError> {
    let len = model.values().map(BTreeSet::len).sum::<usize>();
    prop_assert_eq!(table.len(), len);
    prop_assert_eq!(table.is_empty(), len == 0);
    prop_assert!(table.memory_bytes() >= 17 * len);
    for (&prefix, values) in model {
        let mut found: Vec<u64> = table.candidates(prefix).collect();
        found.sort_unstable();
        prop_assert!(
            found.iter().eq(values),
            "{:x}: {:?} for {:?}",
            prefix,
            found,
            values
        );
        let absent = prefix ^ 0x10;
        prop_assert!(model.contains_key(&absent) || table.candidates(absent).next().is_none());
    }
    Ok(())
}

proptest! {
    #[test]
    fn table_is_a_map_to_sets(
        capacity in 0..1000usize,
        pairs in prop::collection::vec((any_prefix(), prop_oneof![0..3u64, any::<u64>()]), 0..2000),
    ) {
        let (mut table, mut model) = (PrefixTable::with_capacity(capacity), BTreeMap::new());
        check(&table, &model)?;
        for (prefix, value) in pairs {
            table.insert(prefix, value);
            model.entry(prefix).or_insert_with(BTreeSet::new).insert(value);
        }
        check(&table, &model)?;
        let copy = table.clone();
        table.insert(7, 7_777_777);
        check(&copy, &model)?;
    }
}

/// Numbers that look like prefixes of ids.
fn prefixes(count: u64) -> impl Iterator<Item = u64> {
    let mut reader = blake3::Hasher::new().update(b"prefixes").finalize_xof();
    (0..count).map(move |_| {
        let mut bytes = [0; 8];
        reader.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    })
}

#[test]
fn an_empty_table_takes_nothing() {
    assert_eq!(PrefixTable::new().memory_bytes(), 0);
    assert_eq!(PrefixTable::default().candidates(0).count(), 0);
}

#[test]
fn a_table_of_known_size_never_grows() {
    let mut table = PrefixTable::with_capacity(100_000);
    let before = table.memory_bytes();
    for (value, prefix) in (0..).zip(prefixes(100_000)) {
        table.insert(prefix, value);
    }
    assert_eq!(table.memory_bytes(), before);
    assert_eq!(table.len(), 100_000);
}

#[test]
fn memory_grows_in_small_steps_and_stays_in_proportion() {
    let mut table = PrefixTable::new();
    let mut before = 0;
    for (value, prefix) in (0..).zip(prefixes(300_000)) {
        table.insert(prefix, value);
        let after = table.memory_bytes();
        if value > 10_000 {
            assert!(after - before <= after / 32, "from {before} to {after}");
            assert!(after <= 42 * table.len(), "{after} for {}", table.len());
        }
        before = after;
    }
    for (value, prefix) in (0..).zip(prefixes(300_000)) {
        assert!(table.candidates(prefix).eq([value]));
    }
}
