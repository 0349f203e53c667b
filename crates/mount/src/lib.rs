//! Recovery points as a read-only file system (FUSE, Linux).
//!
//! [`Mount::point`] shows one recovery point, [`Mount::all`] all of them, by source and date, with those that are made
//! meanwhile. Files are read at random through the caches of a [`strongroom::Strongroom`]; nothing is written to disk.
//! [`Mount::serve`] stays until it is unmounted, told to end, or its [`Lease`] is over.
//!
//! | module | is |
//! |---|---|
//! | `mount` | [`Mount`]: from a directory to a summary |
//! | `lease` | when a mount ends by itself (pure) |
//! | `system` | what is asked of the system: mounting, unmounting, who uses a directory |
//! | `filesystem`, `answers` | the kernel's questions, and what is answered |
//! | `node`, `nodes` | what an inode number stands for, as long as the kernel knows it |
//! | `shelf`, `points` | sources and dates of all points (pure), and keeping them fresh |
//! | `attributes` | metadata as `stat` shows it (pure) |
//! | `files`, `sequence` | open files; who reads in order is read ahead for |
//! | `reports` | damage, told once for each file |

mod answers;
mod attributes;
mod error;
mod files;
mod filesystem;
mod lease;
mod mount;
mod node;
mod nodes;
mod points;
mod reports;
mod sequence;
mod shelf;
mod system;

pub use error::{Error, Result};
pub use lease::Lease;
pub use mount::{End, Event, Mount, MountOptions, Notice, Summary};
pub use system::User;
