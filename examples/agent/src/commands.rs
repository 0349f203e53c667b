//! One module for each command.

pub(crate) mod backup;
pub(crate) mod cat;
pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod drill;
pub(crate) mod expire;
pub(crate) mod find;
pub(crate) mod hold;
pub(crate) mod key;
pub(crate) mod ls;
pub(crate) mod notices;
pub(crate) mod pages;
pub(crate) mod points;
pub(crate) mod policy;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod seed;
pub(crate) mod seen;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod vault;
pub(crate) mod verify;
