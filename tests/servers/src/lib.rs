//! Object stores of clouds on this machine, and connections that fail, for tests.
//!
//! `.ci/servers` installs the servers; where they are not there, [`s3`] and [`azure`] say so and give nothing, and a
//! test skips itself. A server is shared by the tests of one process and ends with it, however that ends.
#![expect(
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a test that cannot have its server says so"
)]

mod azure;
mod process;
mod proxy;
mod s3;

pub use azure::{AzureServer, azure};
pub use proxy::{Fault, Proxy};
pub use s3::{S3Server, s3};
