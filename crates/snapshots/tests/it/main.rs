//! Snapshots are taken, read and gone afterwards.

mod btrfs;
mod scripted;
