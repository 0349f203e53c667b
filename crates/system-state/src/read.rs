//! From the texts of a system to facts. Pure: texts come in, values go out.

pub(crate) mod accounts;
pub(crate) mod packages;
pub(crate) mod system;
pub(crate) mod units;
