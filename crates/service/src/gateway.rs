//! The server's side: vaults on its own disks, which agents can only add to.
//!
//! | module | is |
//! |---|---|
//! | `serve` | connections: how many, how slow, whose |
//! | `connection` | from a request to an answer |
//! | `objects` | creating, reading, listing, deleting |
//! | `certify` | tokens and certificates for certificates |
//! | [`Pool`] | the folder with everybody's objects; a cut stream never becomes visible in it |
//! | `usage` | who has how much, and how fast they may add |
//! | [`Authority`] | makes certificates |
//! | [`TokenStore`] | who may enrol |
//! | [`Revocations`] | whose certificates are worthless |

mod answer;
mod authority;
mod certify;
mod connection;
mod line;
mod objects;
mod pool;
mod revoked;
mod serve;
mod settings;
mod spool;
mod tokens;
mod usage;
mod walk;

pub use authority::{Authority, Holder};
pub use pool::Pool;
pub use revoked::Revocations;
pub use serve::Gateway;
pub use settings::{Clock, Limits, Quota, Settings};
pub use tokens::{FileTokens, NewToken, TokenProblem, TokenStore};
pub use usage::Used;
