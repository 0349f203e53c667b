//! Jobs and the daemon as an embedding program uses them.

mod journal;
mod month;
mod plan;
mod restart;
mod socket;
mod world;
