//! The vault of a server, for those who add to it.
//!
//! [`enrol`] exchanges a token for an [`Enrolment`], which is kept in a file; [`Gateways`] opens the vaults of all that are
//! kept in a directory, and renews them.

mod enrol;
mod enrolment;
mod line;
mod multipart;
mod opener;
mod store;
mod tls;
mod url;

pub use enrol::enrol;
pub use enrolment::Enrolment;
pub use opener::Gateways;
pub use store::GatewayStore;
pub use url::GatewayUrl;
