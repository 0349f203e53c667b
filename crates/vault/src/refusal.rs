//! What a cloud says when it does not do what it is asked to.

use std::error::Error as StdError;

/// Why a store refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalKind {
    /// It has too much to do, or is out of order for a while.
    Busy,
    /// Another write to the same name is under way; this one had no effect.
    Conflict,
    /// The credential was good and is no longer.
    Expired,
    /// The credential is unknown or wrong.
    Credential,
    /// No credential is set, and none is to be had from the machine's surroundings.
    NoCredential,
    /// The credential does not permit it.
    Denied,
    /// The bucket or container does not exist.
    NoBucket,
    /// The bucket is in another region.
    Region,
    /// The clock of this machine is wrong.
    Clock,
    /// There is no room.
    Full,
    /// The store does not have this operation.
    Unsupported,
    /// The proxy on the way wants another user or password.
    Proxy,
    /// The proxy on the way does not get through to the store.
    ProxyBlocked,
    /// Anything else.
    Other,
}

/// An answer by which a store refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// Status of the HTTP answer; 0 when there was none.
    pub status: u16,
    /// The store's own word for it.
    pub code: Option<String>,
    /// The store's own explanation, in one line.
    pub message: Option<String>,
    /// How long the store asks to be left alone.
    pub retry_after_secs: Option<u64>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.kind, self.status) {
            (RefusalKind::Proxy, status) => write!(f, "the proxy answered {status}")?,
            (RefusalKind::ProxyBlocked, _) => {
                f.write_str("the proxy gets no answer of the store")?;
            }
            (_, 0) => f.write_str("the store gave no answer")?,
            (_, status) => write!(f, "the store answered {status}")?,
        }
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        Ok(())
    }
}

impl StdError for Refusal {}

impl Refusal {
    /// The refusal in the chain of causes, if there is one.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(refusal);
            }
            cause = error.source();
        }
        None
    }
}

#[cfg(feature = "cloud")]
impl Refusal {
    const TEXT_MAX_CHARS: usize = 300;

    /// Reads an answer that is no success; `None` where its status alone says what a caller must know.
    pub(crate) fn of_answer(status: u16, headers: &http::HeaderMap, body: &[u8]) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        let body = String::from_utf8_lossy(body);
        let ours: Option<Explained> = serde_json::from_str(&body).ok();
        let ours = ours.map(|explained| explained.error);
        let (our_code, our_message) = ours.map(|it| (it.code, it.message)).unzip();
        let code = text("x-ms-error-code").or_else(|| element(&body, "Code"));
        let code = code.or_else(|| our_code.as_deref().map(one_line));
        let detail = element(&body, "AuthenticationErrorDetail");
        let message = detail.or_else(|| element(&body, "Message"));
        let message = message.or_else(|| our_message.as_deref().map(one_line));
        // Tinyproxy says 401 of a wrong password, and 407 of none.
        let is_of_proxy = text("server").is_some_and(|it| it.starts_with("tinyproxy"));
        let kind = match status {
            401 if is_of_proxy => RefusalKind::Proxy,
            _ => kind_of(status, code.as_deref(), message.as_deref())?,
        };
        Some(Self {
            kind,
            status,
            code,
            message,
            retry_after_secs: text("retry-after").and_then(|secs| secs.parse().ok()),
        })
    }

    /// What the failure of a connection through a proxy says, if it says anything: its type is not to be had.
    pub(crate) fn of_tunnel(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            let kind = match error.to_string().as_str() {
                "tunnel error: proxy authorization required" => Some((RefusalKind::Proxy, 407)),
                "tunnel error: unsuccessful" => Some((RefusalKind::ProxyBlocked, 0)),
                _ => None,
            };
            if let Some((kind, status)) = kind {
                return Some(Self {
                    kind,
                    status,
                    code: None,
                    message: None,
                    retry_after_secs: None,
                });
            }
            cause = error.source();
        }
        None
    }

    /// No credential could be had: nobody answers where a cloud's own machines get theirs.
    pub(crate) fn no_credential(reason: &str) -> Self {
        Self {
            kind: RefusalKind::NoCredential,
            status: 0,
            code: None,
            message: Some(one_line(&format!(
                "no credential is set, and this machine has none of the cloud's own: {reason}"
            ))),
            retry_after_secs: None,
        }
    }
}

/// How a server of ours explains itself.
#[cfg(feature = "cloud")]
#[derive(serde::Deserialize)]
struct Explained {
    error: Explanation,
}

#[cfg(feature = "cloud")]
#[derive(serde::Deserialize)]
struct Explanation {
    code: String,
    message: String,
}

/// What an answer means; `None` for those that are no refusal: nothing there, not modified, exists, beyond the end.
#[cfg(feature = "cloud")]
fn kind_of(status: u16, code: Option<&str>, message: Option<&str>) -> Option<RefusalKind> {
    use RefusalKind as K;
    let says = |text: &str| message.is_some_and(|message| message.to_lowercase().contains(text));
    let is_late = says("expired") || says("not valid in the specified time frame");
    Some(match (status, code.unwrap_or_default()) {
        (_, "NoSuchBucket" | "ContainerNotFound" | "InvalidBucketName" | "InvalidResourceName") => {
            K::NoBucket
        }
        (_, "ExpiredToken" | "TokenRefreshRequired") => K::Expired,
        (_, "RequestTimeTooSkewed") => K::Clock,
        (_, "RequestTimeout" | "SlowDown") => K::Busy,
        (400 | 403, "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
            K::Credential
        }
        (407, _) => K::Proxy,
        (401, _) | (400 | 403, "AuthenticationFailed" | "InvalidAuthenticationInfo") => {
            if is_late {
                K::Expired
            } else {
                K::Credential
            }
        }
        (301 | 307, _)
        | (400, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => K::Region,
        (403, _) => K::Denied,
        (409, "ConditionalRequestConflict" | "OperationAborted") => K::Conflict,
        (304 | 404 | 409 | 412 | 416, _) => return None,
        (507, _) => K::Full,
        (501 | 505, _) => K::Unsupported,
        (408 | 429 | 500..=599, _) => K::Busy,
        _ => K::Other,
    })
}

/// Content of the first XML element of this name.
#[cfg(feature = "cloud")]
fn element(body: &str, name: &str) -> Option<String> {
    let (_, after) = body.split_once(&format!("<{name}>"))?;
    let (content, _) = after.split_once(&format!("</{name}>"))?;
    Some(one_line(content)).filter(|text| !text.is_empty())
}

/// Text of a store is shown to people: one line of it, and no more than fits.
#[cfg(feature = "cloud")]
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = words.chars().filter(|char| !char.is_control());
    shown.take(Refusal::TEXT_MAX_CHARS).collect()
}

#[cfg(all(test, feature = "cloud"))]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Option<RefusalKind> {
        Refusal::of_answer(status, &http::HeaderMap::new(), body.as_bytes()).map(|it| it.kind)
    }

    #[test]
    fn answers_are_told_apart() {
        use RefusalKind as K;
        let code =
            |code: &str| format!("<?xml?><Error><Code>{code}</Code><Message>m</Message></Error>");
        for (status, body, expected) in [
            (404, code("NoSuchKey"), None),
            (404, String::new(), None),
            (404, code("NoSuchBucket"), Some(K::NoBucket)),
            (404, code("ContainerNotFound"), Some(K::NoBucket)),
            (412, code("PreconditionFailed"), None),
            (409, code("BlobAlreadyExists"), None),
            (409, code("ConditionalRequestConflict"), Some(K::Conflict)),
            (416, code("InvalidRange"), None),
            (403, code("AccessDenied"), Some(K::Denied)),
            (403, String::new(), Some(K::Denied)),
            (403, code("InvalidAccessKeyId"), Some(K::Credential)),
            (403, code("SignatureDoesNotMatch"), Some(K::Credential)),
            (403, code("AuthenticationFailed"), Some(K::Credential)),
            (403, code("RequestTimeTooSkewed"), Some(K::Clock)),
            (400, code("ExpiredToken"), Some(K::Expired)),
            (403, code("ExpiredToken"), Some(K::Expired)),
            (400, code("RequestTimeout"), Some(K::Busy)),
            (301, code("PermanentRedirect"), Some(K::Region)),
            (429, String::new(), Some(K::Busy)),
            (503, code("SlowDown"), Some(K::Busy)),
            (500, String::new(), Some(K::Busy)),
            (501, code("NotImplemented"), Some(K::Unsupported)),
            (507, String::new(), Some(K::Full)),
            (407, String::new(), Some(K::Proxy)),
            (418, String::new(), Some(K::Other)),
        ] {
            assert_eq!(of(status, &body), expected, "{status} {body}");
        }
        let late = "<Error><Code>AuthenticationFailed</Code><Message>x</Message><AuthenticationErrorDetail>\
                    Signature not valid in the specified time frame</AuthenticationErrorDetail></Error>";
        assert_eq!(of(403, late), Some(K::Expired));
    }

    #[test]
    fn what_a_store_says_is_one_short_line() {
        let body = format!(
            "<Code>A</Code><Message>a\n  b\u{1b}[31m{}</Message>",
            "x".repeat(900)
        );
        let refusal = Refusal::of_answer(403, &http::HeaderMap::new(), body.as_bytes());
        let shown = refusal.expect("a refusal").to_string();
        assert!(
            shown.starts_with("the store answered 403 A: a b[31mxxx"),
            "{shown}"
        );
        assert!(shown.len() < 400 && !shown.contains('\u{1b}'));
    }

    #[test]
    fn a_server_of_ours_explains_itself_in_json() {
        let body = br#"{"error":{"code":"quota","message":"no bytes are left"}}"#;
        let refusal = Refusal::of_answer(507, &http::HeaderMap::new(), body).expect("a refusal");
        assert_eq!(
            refusal.to_string(),
            "the store answered 507 quota: no bytes are left"
        );
        assert_eq!(refusal.kind, RefusalKind::Full);
    }

    #[test]
    fn a_pause_that_is_asked_for_is_known() {
        let mut headers = http::HeaderMap::new();
        headers.insert("retry-after", http::HeaderValue::from_static("7"));
        let refusal = Refusal::of_answer(503, &headers, b"").expect("a refusal");
        assert_eq!(refusal.retry_after_secs, Some(7));
    }
}
