//! Which places a new generation has, and how numbers are told. Pure.

use std::collections::BTreeSet;

use crate::format::{PLACES_MAX, PlaceConfig, PlaceMode};
use crate::{Error, Result, is_same_place};

/// The places less those that are dropped, `to` first and as the decider. Who decided before gets everything at once.
pub(super) fn list(places: &[PlaceConfig], to: &str, drop: &[String]) -> Result<Vec<PlaceConfig>> {
    let refuse = |url: &str, reason: &str| Error::Location {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    for url in drop.iter().map(String::as_str).chain([to]) {
        if !places.iter().any(|place| is_same_place(&place.url, url)) {
            return Err(refuse(url, "it is none of the vault's places"));
        }
    }
    if drop.iter().any(|url| is_same_place(url, to)) {
        return Err(refuse(to, "it cannot decide and be dropped"));
    }
    let is_first = |place: &&PlaceConfig| is_same_place(&place.url, to);
    if drop.is_empty() && places.iter().position(|place| is_first(&place)) == Some(0) {
        return Err(refuse(to, "it decides already"));
    }
    let is_kept = |place: &&PlaceConfig| !drop.iter().any(|url| is_same_place(&place.url, url));
    let first = places.iter().filter(is_first).map(|place| PlaceConfig {
        mode: PlaceMode::Decider,
        ..place.clone()
    });
    let others = places
        .iter()
        .filter(|place| is_kept(place) && !is_first(place));
    let others = others.map(|place| PlaceConfig {
        mode: match place.mode {
            PlaceMode::Decider => PlaceMode::Synchronous,
            mode => mode,
        },
        ..place.clone()
    });
    Ok(first.chain(others).collect())
}

/// The places with one more, which the vault was never at: somebody who has not heard that it has left a place may still
/// delete there.
pub(super) fn longer(
    places: &[PlaceConfig],
    left: &[String],
    url: &str,
    mode: PlaceMode,
) -> Result<Vec<PlaceConfig>> {
    let refuse = |reason: &str| Error::Location {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    if left.iter().any(|left| is_same_place(left, url)) {
        let reason = "the vault was there and has left it: choose another directory or path";
        return Err(refuse(reason));
    }
    if places.len() >= PLACES_MAX {
        return Err(refuse("a vault can be in three places at most"));
    }
    if mode == PlaceMode::Decider {
        return Err(refuse("a place that is added does not decide"));
    }
    let url = url.to_owned();
    let added = PlaceConfig { url, mode };
    Ok(places.iter().cloned().chain([added]).collect())
}

/// Numbers as ranges of first and last, ascending.
pub(super) fn ranges(numbers: &BTreeSet<u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Vec<PlaceConfig> {
        let place = |url: &str, mode| PlaceConfig {
            url: url.to_owned(),
            mode,
        };
        vec![
            place("/a", PlaceMode::Decider),
            place("/b", PlaceMode::Synchronous),
            place("/c", PlaceMode::Asynchronous),
        ]
    }

    fn urls(to: &str, drop: &[&str]) -> Result<Vec<String>> {
        let drop: Vec<String> = drop.iter().map(|url| (*url).to_owned()).collect();
        let list = list(&places(), to, &drop)?;
        assert_eq!(list.first().unwrap().mode, PlaceMode::Decider);
        let deciders = list.iter().filter(|it| it.mode == PlaceMode::Decider);
        assert_eq!(deciders.count(), 1);
        Ok(list.into_iter().map(|place| place.url).collect())
    }

    #[test]
    fn the_new_decider_comes_first() {
        assert_eq!(urls("/b/", &[]).unwrap(), ["/b", "/a", "/c"]);
        assert_eq!(urls("/c", &["/a"]).unwrap(), ["/c", "/b"]);
        assert_eq!(urls("/c", &["/a", "/b"]).unwrap(), ["/c"]);
        assert_eq!(urls("/a", &["/b"]).unwrap(), ["/a", "/c"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (to, drop) in [
            ("/x", &[][..]),
            ("/b", &["/x"]),
            ("/b", &["/b"]),
            ("/a", &[]),
        ] {
            assert!(urls(to, drop).is_err(), "{to} {drop:?}");
        }
    }

    #[test]
    fn a_place_is_added_last_and_never_a_second_time() {
        let two = &places()[..2];
        let left = ["/was".to_owned()];
        let list = longer(two, &left, "/d", PlaceMode::Synchronous).unwrap();
        let urls: Vec<_> = list.iter().map(|place| place.url.as_str()).collect();
        assert_eq!(urls, ["/a", "/b", "/d"]);
        for (places, url, mode) in [
            (two, "/was/", PlaceMode::Synchronous),
            (two, "/d", PlaceMode::Decider),
            (&places()[..], "/d", PlaceMode::Asynchronous),
        ] {
            assert!(longer(places, &left, url, mode).is_err(), "{url}");
        }
    }

    #[test]
    fn numbers_become_ranges() {
        let numbers = [1, 2, 3, 7, 9, 10].into_iter().collect();
        assert_eq!(ranges(&numbers), [(1, 3), (7, 7), (9, 10)]);
        assert_eq!(ranges(&BTreeSet::new()), []);
    }
}
