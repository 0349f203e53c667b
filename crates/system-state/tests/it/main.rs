//! What a system state must hold.

mod apply;
mod chroot;
mod plan;
mod support;
mod take;
