//! Answers.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde::Serialize;

use super::usage::Excess;
use crate::grammar::Denied;
use crate::wire::{ErrorDocument, Explanation, Malformed};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Answer = Response<Body>;

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl ToString) -> Self {
        Self {
            status,
            code,
            message: message.to_string(),
            retry_after: None,
        }
    }

    pub(super) fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "missing", "there is no such object")
    }

    pub(super) fn exists() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "exists",
            "there is such an object already",
        )
    }

    /// Something of ours does not work; the log says what.
    pub(super) fn failure(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "the gateway cannot do its work");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failure",
            "the server cannot do it now; its log says why",
        )
    }

    /// What went wrong with a file.
    pub(super) fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            K::NotFound => Self::missing(),
            K::AlreadyExists => Self::exists(),
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "full",
                "the disk of the server is full",
            ),
            _ => Self::failure(error),
        }
    }

    /// Whether it counts against a connection: what an honest client never sees often.
    pub(super) fn is_bad(&self) -> bool {
        self.status.is_client_error()
            && !matches!(
                self.status,
                StatusCode::NOT_FOUND
                    | StatusCode::PRECONDITION_FAILED
                    | StatusCode::TOO_MANY_REQUESTS
            )
    }

    pub(super) fn into_answer(self, closes: bool) -> Answer {
        let error = Explanation {
            code: self.code.to_owned(),
            message: self.message,
        };
        let mut answer = json(self.status, &ErrorDocument { error });
        if let Some(pause) = self.retry_after {
            let secs = pause.as_secs_f64().ceil().min(86_400.0);
            if let Ok(secs) = HeaderValue::from_str(&format!("{secs:.0}")) {
                answer.headers_mut().insert(RETRY_AFTER, secs);
            }
        }
        if closes {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        let (status, code) = malformed.answer();
        Self::new(status, code, malformed)
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self::new(StatusCode::FORBIDDEN, denied.code(), denied)
    }
}

impl From<Excess> for Refused {
    fn from(excess: Excess) -> Self {
        let full = |message: &str| Self::new(StatusCode::INSUFFICIENT_STORAGE, "quota", message);
        match excess {
            Excess::Bytes => full("this agent has as many bytes as it may have"),
            Excess::Objects => full("this agent has as many objects as it may have"),
            Excess::Rate(pause) => Self {
                retry_after: Some(pause),
                ..Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "rate",
                    "this agent sends too much at once",
                )
            },
        }
    }
}

pub(super) fn empty(status: StatusCode) -> Answer {
    with_body(status, Bytes::new())
}

pub(super) fn json<T: Serialize>(status: StatusCode, document: &T) -> Answer {
    let content = serde_json::to_vec(document).unwrap_or_default();
    let mut answer = with_body(status, content.into());
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn with_body(status: StatusCode, content: Bytes) -> Answer {
    let body = Full::new(content)
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
