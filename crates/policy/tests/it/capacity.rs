//! Sizing.

use std::time::Duration;

use strongroom_policy::capacity::{
    PoolNeed, ScratchState, SeedMedium, Share, initial_copy_time, points_per_day, retention_days,
    scratch_state, seed_medium, soft_delete_days,
};

const GB: u64 = 1_000_000_000;

#[test]
fn a_hundred_gigabytes_need_a_pool_of_two_hundred_and_scratch_of_five() {
    let need = PoolNeed::new(100 * GB);
    assert_eq!(need.rule_of_thumb_bytes(), 200 * GB);
    assert_eq!(need.by_change_bytes(), 200 * GB);
    assert_eq!(scratch_state(100 * GB, 5 * GB - 1), ScratchState::TooSmall);
    assert_eq!(scratch_state(100 * GB, 5 * GB), ScratchState::Short);
    assert_eq!(scratch_state(100 * GB, 10 * GB), ScratchState::Ample);
    assert_eq!(scratch_state(0, 0), ScratchState::Ample);
}

#[test]
fn storage_that_shares_unchanged_parts_needs_five_percent_to_spare() {
    let need = PoolNeed::new(1_000 * GB)
        .with_change(Share::percent(3))
        .with_retention_days(5)
        .with_points_per_day(2);
    assert_eq!(need.by_change_bytes(), 1_300 * GB);
    assert_eq!(need.with_reserve_bytes(), 1_365 * GB);
}

#[test]
fn the_time_of_a_first_copy_follows_from_the_line() {
    let all = Share::percent(100);
    // 3 GB at 10 Mbps.
    let time = initial_copy_time(3 * GB, all, 10_000_000);
    assert_eq!(time, Some(Duration::from_secs(2_400)));
    let compressed = initial_copy_time(3 * GB, Share::percent(65), 10_000_000);
    assert_eq!(compressed, Some(Duration::from_secs(1_560)));
    assert_eq!(initial_copy_time(1, all, 0), None);
    assert_eq!(
        initial_copy_time(1, all, 8_000),
        Some(Duration::from_secs(1))
    );
    assert!(initial_copy_time(u64::MAX, Share::basis_points(u32::MAX), 1).is_some());
}

#[test]
fn sixty_four_points_of_files_are_one_six_or_eight_a_day() {
    let per_day = |days| points_per_day(64, days, 8);
    assert_eq!((per_day(64), per_day(10), per_day(8)), (1, 6, 8));
    assert_eq!((per_day(1), per_day(0), per_day(65)), (8, 8, 0));
}

#[test]
fn five_hundred_and_twelve_points_of_a_database_last_21_days_hourly_and_10_half_hourly() {
    assert_eq!(retention_days(512, 24), Some(21));
    assert_eq!(retention_days(512, 48), Some(10));
    assert_eq!(retention_days(512, 0), None);
}

#[test]
fn a_first_copy_travels_on_disks_up_to_7_2_terabytes_and_on_a_device_up_to_80() {
    assert_eq!(seed_medium(500 * GB), Some(SeedMedium::Disk));
    assert_eq!(seed_medium(7_200 * GB), Some(SeedMedium::Disk));
    assert_eq!(seed_medium(7_300 * GB), Some(SeedMedium::Device));
    assert_eq!(seed_medium(80_000 * GB), Some(SeedMedium::Device));
    assert_eq!(seed_medium(81_000 * GB), None);
}

#[test]
fn of_sixty_days_of_soft_delete_the_last_fourteen_are_free() {
    let days = soft_delete_days(60, 52);
    assert_eq!((days.charged_days, days.free_days), (46, 6));
    let days = soft_delete_days(14, 14);
    assert_eq!((days.charged_days, days.free_days), (0, 14));
    let days = soft_delete_days(60, 10);
    assert_eq!((days.charged_days, days.free_days), (10, 0));
}
