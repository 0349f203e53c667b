//! Slots and times of day: text there and back, order.

use proptest::prelude::*;
use strongroom_policy::{SlotId, TimeOfDay};

#[test]
fn times_of_day_are_read_strictly() {
    for good in ["00:00", "01:00", "23:59", "23:59:59", "18:00:30"] {
        assert_eq!(good.parse::<TimeOfDay>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "1:00",
        "24:00",
        "00:60",
        "00:00:60",
        "00:00:00:00",
        "0000",
        "+1:00",
        " 1:00",
        "１8:00",
        "18:00 ",
        "18h00",
        "18",
        "18:",
    ] {
        let error = bad.parse::<TimeOfDay>().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{bad}` is not a time of day such as 18:00")
        );
    }
}

#[test]
fn slots_are_read_strictly() {
    for good in [
        "2026-03-29T02:30",
        "2026-10-25T02:30#2",
        "1970-01-01T00:00:01",
    ] {
        assert_eq!(good.parse::<SlotId>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "2026-03-29",
        "2026-02-30T02:30",
        "2026-03-29 02:30",
        "2026-03-29T02:30#3",
        "T",
        "2026-03-29T2:30",
    ] {
        assert!(bad.parse::<SlotId>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn slots_survive_text_and_json(seconds in 0i64..4_000_000_000, second: bool) {
        let local = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
        let slot = if second { SlotId::second_occurrence(local) } else { SlotId::new(local) };
        prop_assert_eq!(slot.to_string().parse::<SlotId>().unwrap(), slot);
        let json = serde_json::to_string(&slot).unwrap();
        prop_assert_eq!(serde_json::from_str::<SlotId>(&json).unwrap(), slot);
    }

    #[test]
    fn hostile_text_is_refused_without_panic(text in "\\PC{0,24}") {
        let _ = text.parse::<SlotId>().is_ok();
        let _ = text.parse::<TimeOfDay>().is_ok();
    }
}
