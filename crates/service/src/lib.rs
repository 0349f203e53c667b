//! Between agents and their server.
//!
//! A server gives agents a vault that they can only add to: `strongroom://host:port/vault`. What goes over the wire is
//! `docs/gateway.md`.
//!
//! | module | is |
//! |---|---|
//! | [`grammar`] | which role may do what with which object; pure |
//! | [`wire`] | requests and answers; pure |
//! | [`Identity`] | who somebody is, as it stands in a certificate; pure |
//! | [`client`] | the vault of a server as an `ObjectStore`; enrolment |
//! | `gateway` | the server's side (feature `gateway`) |
//!
//! The server holds no key of any vault, and believes nothing that an agent says but its certificate.

pub mod client;
mod error;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod grammar;
mod identity;
pub mod wire;

pub use error::{Error, Result};
pub use identity::{AgentId, Identity, VaultName};
