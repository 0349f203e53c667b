//! Whole backups and restores through the public interface.

mod changes;
mod conflicts;
mod counted;
mod damage;
mod interrupted;
mod round_trip;
mod support;
mod torture;
