//! Whole backups and restores through the public interface.

mod round_trip;
mod support;
