//! Blocking calls that end: a small runtime for one of them, which a deadline as a whole bounds. A timeout for each read
//! would not: who sends a byte now and then holds the caller for ever.

use std::future::Future;
use std::time::Duration;

use crate::error::{Error, Result};

/// Waits for what the future gives, but not longer than this.
pub(super) fn within<T>(
    place: &str,
    timeout_secs: u32,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::unreachable(place, error))?;
    let limit = Duration::from_secs(timeout_secs.into());
    let outcome = runtime.block_on(async { tokio::time::timeout(limit, work).await });
    // A name that is being looked up is not waited for.
    runtime.shutdown_background();
    outcome.unwrap_or_else(|_| {
        Err(Error::TimedOut {
            place: place.to_owned(),
            timeout_secs,
        })
    })
}
