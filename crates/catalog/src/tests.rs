//! Tests below the interface: a disk that loses power, and one that rots.

mod crash;
mod disk;
mod rot;
