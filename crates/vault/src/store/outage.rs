//! Which failures pass, and how long they are waited for.

use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::error::io_kind;
use crate::refusal::{Refusal, RefusalKind};

/// Tries of an operation on a store that has never answered, the first included; at least so many in any case.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A store may ask for a longer pause, but not for any.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(60);

/// How long a store that has answered before is waited for when it does not do so any more.
pub(super) const DEFAULT_PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What an operation came to, as far as trying again is concerned.
#[derive(Debug)]
pub(super) enum Failure {
    /// No other outcome is to be expected.
    Final(object_store::Error),
    /// The next try may go better; it may even have worked.
    Passing(object_store::Error),
    /// No answer within the deadline; it may have worked.
    Silence,
}

impl Failure {
    /// A credential that this store has accepted before may be renewed: its refusal passes. One that it never accepted
    /// is wrong.
    pub(super) fn of(error: object_store::Error, has_answered: bool) -> Self {
        if is_passing(&error, has_answered) {
            Self::Passing(error)
        } else {
            Self::Final(error)
        }
    }

    pub(super) fn into_error(self, action: &'static str, object: &str) -> Error {
        match self {
            Self::Final(object_store::Error::NotFound { .. }) => Error::Missing {
                object: object.to_owned(),
            },
            Self::Final(source) | Self::Passing(source) => Error::Store {
                action,
                object: object.to_owned(),
                source,
            },
            Self::Silence => Error::TimedOut {
                action,
                object: object.to_owned(),
            },
        }
    }

    /// The pause that the store asks for.
    fn asked_pause(&self) -> Option<Duration> {
        let (Self::Passing(error) | Self::Final(error)) = self else {
            return None;
        };
        let secs = Refusal::find(error)?.retry_after_secs?;
        Some(Duration::from_secs(secs).min(LONGEST_ASKED_PAUSE))
    }
}

/// Whether an error means that a place is not there, or not now, rather than that it said something.
pub(crate) fn is_absence(error: &Error) -> bool {
    match error {
        Error::Store { source, .. } => is_passing(source, true) || is_not_there(source),
        Error::TimedOut { .. } | Error::PlaceAway { .. } | Error::NoVault { .. } => true,
        _ => false,
    }
}

/// A directory that is gone, or a disk that does not work: nothing but room and rights is said by a place that is there.
fn is_not_there(error: &object_store::Error) -> bool {
    use std::io::ErrorKind as K;
    let says_something = [
        K::PermissionDenied,
        K::StorageFull,
        K::QuotaExceeded,
        K::ReadOnlyFilesystem,
    ];
    matches!(error, object_store::Error::Generic { .. })
        && Refusal::find(error).is_none()
        && io_kind(error).is_some_and(|kind| !says_something.contains(&kind))
}

fn is_passing(error: &object_store::Error, has_answered: bool) -> bool {
    use object_store::Error as E;
    use std::io::ErrorKind as K;
    if !matches!(error, E::Generic { .. } | E::JoinError { .. }) {
        return false;
    }
    if let Some(refusal) = Refusal::find(error) {
        return match refusal.kind {
            RefusalKind::Busy | RefusalKind::Conflict | RefusalKind::ProxyBlocked => true,
            RefusalKind::Expired | RefusalKind::Credential | RefusalKind::NoCredential => {
                has_answered
            }
            _ => false,
        };
    }
    if is_transport(error) {
        return true;
    }
    matches!(
        io_kind(error),
        None | Some(
            K::TimedOut
                | K::Interrupted
                | K::WouldBlock
                | K::ConnectionReset
                | K::ConnectionRefused
                | K::ConnectionAborted
                | K::NotConnected
                | K::BrokenPipe
                | K::UnexpectedEof,
        )
    )
}

/// A request that did not get through, for whatever reason: names that do not resolve are among them.
#[cfg(feature = "cloud")]
fn is_transport(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<object_store::client::HttpError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(not(feature = "cloud"))]
fn is_transport(_error: &(dyn std::error::Error + 'static)) -> bool {
    false
}

/// The pauses between the tries of one operation.
pub(super) struct Pauses {
    began: Instant,
    next: Duration,
    tries: u32,
    /// Between 0.5 and 1: clients that fail together come back one after another.
    spread: f32,
}

impl Pauses {
    /// Names are random, so a number made from them is as good as a random one.
    pub(super) fn for_object(name: &str) -> Self {
        let sum = name
            .bytes()
            .fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        Self {
            began: Instant::now(),
            next: FIRST_PAUSE,
            tries: 1,
            spread: 0.5 + f32::from(sum) / 512.0,
        }
    }

    /// Waits before the next try; false when there will be none. Patience is not used up by what the pace `held` back.
    pub(super) async fn wait(
        &mut self,
        failure: &Failure,
        held: Duration,
        patience: Duration,
    ) -> bool {
        let pause = failure.asked_pause().unwrap_or_default();
        let pause = pause.max(self.next.mul_f32(self.spread));
        let elapsed = self.began.elapsed().saturating_sub(held);
        if self.tries >= TRIES && elapsed + pause > patience {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.tries += 1;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}
