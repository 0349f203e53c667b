//! Requests and answers as they go over the wire (docs/gateway.md).

use chrono::{DateTime, Utc};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::VaultName;
use crate::grammar::{Key, is_plain};

/// BLAKE3 of the body of a create, 64 lower-case hexadecimal digits.
pub const HASH_HEADER: &str = "x-strongroom-blake3";
/// When an object was written, RFC 3339, by the server's clock.
pub const WRITTEN_AT_HEADER: &str = "x-strongroom-written-at";
/// Lines of a listing in one answer, at most.
pub const LIST_MAX_LINES: usize = 1000;
/// Where a token is exchanged for a certificate.
pub const ENROL_PATH: &str = "/v1/enrol";
/// Where a certificate is exchanged for a later one.
pub const RENEW_PATH: &str = "/v1/renew";
/// The name in the certificate of every gateway: a client trusts one authority for one name, whatever its address.
pub const SERVER_NAME: &str = "gateway.strongroom.invalid";
/// Bodies of enrolments are no longer, bytes.
pub const ENROL_MAX_BYTES: u64 = 16 << 10;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// `PUT` of an object that must not exist.
    Create(VaultName, Key),
    /// `GET` of an object or of one range of it.
    Read(VaultName, Key),
    /// `HEAD`: its length and time.
    Look(VaultName, Key),
    /// `DELETE`.
    Delete(VaultName, Key),
    /// A page of a listing.
    List(VaultName, Page),
    /// A certificate for a token.
    Enrol,
    /// A later certificate for one that is still good.
    Renew,
}

/// Which page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Whole parts of a path; empty for everything.
    pub prefix: String,
    /// Names behind this one only; empty to begin.
    pub after: String,
    /// At most so many lines, 1 to [`LIST_MAX_LINES`].
    pub limit: usize,
}

/// Why a request is none. Nothing has been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The path has something in it that no path of ours has.
    #[error("the path is not one of this server's")]
    Path,
    /// The last part of the path is no name of an object.
    #[error("no object has such a name")]
    Key,
    /// The method does not go with the path.
    #[error("the method does not go with the path")]
    Method,
    /// What follows the question mark is not understood.
    #[error("the query is not understood")]
    Query,
}

impl Malformed {
    /// Status and code of the answer.
    #[must_use]
    pub fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::Path => (StatusCode::BAD_REQUEST, "path"),
            Self::Key => (StatusCode::BAD_REQUEST, "key"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method"),
            Self::Query => (StatusCode::BAD_REQUEST, "query"),
        }
    }
}

/// Reads a request line: the target as it was sent, without any decoding. Names need none, so a percent sign is a trick.
///
/// # Errors
/// When it is not exactly one of ours.
pub fn parse(method: &Method, target: &str) -> Result<Ask, Malformed> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let post = |ask| match (method, query) {
        (&Method::POST, None) => Ok(ask),
        (&Method::POST, Some(_)) => Err(Malformed::Query),
        _ => Err(Malformed::Method),
    };
    match path {
        ENROL_PATH => return post(Ask::Enrol),
        RENEW_PATH => return post(Ask::Renew),
        _ => {}
    }
    let rest = path.strip_prefix("/v1/vaults/").ok_or(Malformed::Path)?;
    let (vault, rest) = rest.split_once('/').ok_or(Malformed::Path)?;
    let vault: VaultName = vault.parse().map_err(|_invalid| Malformed::Path)?;
    if rest == "list" {
        return match *method {
            Method::GET => Ok(Ask::List(vault, page(query.unwrap_or_default())?)),
            _ => Err(Malformed::Method),
        };
    }
    let key = rest.strip_prefix("o/").ok_or(Malformed::Path)?;
    let key = Some(key)
        .filter(|key| is_plain(key))
        .ok_or(Malformed::Path)?;
    let key = Key::parse(key).ok_or(Malformed::Key)?;
    if query.is_some() {
        return Err(Malformed::Query);
    }
    match *method {
        Method::PUT => Ok(Ask::Create(vault, key)),
        Method::GET => Ok(Ask::Read(vault, key)),
        Method::HEAD => Ok(Ask::Look(vault, key)),
        Method::DELETE => Ok(Ask::Delete(vault, key)),
        _ => Err(Malformed::Method),
    }
}

fn page(query: &str) -> Result<Page, Malformed> {
    let (mut prefix, mut after, mut limit) = (None, None, None);
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(Malformed::Query)?;
        let slot = match name {
            "prefix" => &mut prefix,
            "after" => &mut after,
            "limit" => &mut limit,
            _ => return Err(Malformed::Query),
        };
        if slot.replace(value).is_some() {
            return Err(Malformed::Query);
        }
    }
    let path = |text: Option<&str>| {
        let text = text.unwrap_or_default();
        let is_fine = text.is_empty() || is_plain(text);
        is_fine.then(|| text.to_owned()).ok_or(Malformed::Query)
    };
    let limit = match limit {
        None => LIST_MAX_LINES,
        Some(digits) => digits.parse().map_err(|_not_a_number| Malformed::Query)?,
    };
    if !(1..=LIST_MAX_LINES).contains(&limit) {
        return Err(Malformed::Query);
    }
    Ok(Page {
        prefix: path(prefix)?,
        after: path(after)?,
        limit,
    })
}

/// Reads a `Range` header with exactly one range; `None` where there is another kind, which is answered as if there were
/// none. The end is not included; `None` is the end of the object.
#[must_use]
pub fn range(header: &str) -> Option<(u64, Option<u64>)> {
    let (start, end) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let start: u64 = number(start)?;
    if end.is_empty() {
        return Some((start, None));
    }
    let last: u64 = number(end)?;
    (last >= start).then(|| (start, last.checked_add(1)))
}

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDocument {
    /// What is wrong.
    pub error: Explanation,
}

/// What is wrong, for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// A word that stays the same for ever.
    pub code: String,
    /// A sentence that may change.
    pub message: String,
}

/// A page of a listing, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The lines.
    pub objects: Vec<Line>,
    /// Whether there are more: ask again `after` the last one.
    pub more: bool,
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Name of the object.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, by the server's clock.
    pub written_at: DateTime<Utc>,
}

/// What is sent to enrol or to renew.
#[derive(Clone, Serialize, Deserialize)]
pub struct CertificateRequest {
    /// The single-use secret; none to renew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// PKCS #10, PEM. Only its public key counts.
    pub request_pem: String,
}

/// Without the token.
impl std::fmt::Debug for CertificateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateRequest").finish_non_exhaustive()
    }
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCertificate {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Who its holder is.
    pub identity: crate::Identity,
    /// When it becomes worthless.
    pub expires_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str = "d/0011223344556677/ab/ab112233445566778899aabbccddeeff";

    #[test]
    fn requests_are_read() {
        let vault: VaultName = "Vault-1".parse().expect("valid");
        let key = Key::parse(PACK).expect("a key");
        let target = format!("/v1/vaults/Vault-1/o/{PACK}");
        let ask = |method| parse(&method, &target);
        assert_eq!(
            ask(Method::PUT),
            Ok(Ask::Create(vault.clone(), key.clone()))
        );
        assert_eq!(ask(Method::GET), Ok(Ask::Read(vault.clone(), key.clone())));
        assert_eq!(ask(Method::HEAD), Ok(Ask::Look(vault.clone(), key.clone())));
        assert_eq!(ask(Method::DELETE), Ok(Ask::Delete(vault.clone(), key)));
        let list = |query: &str| parse(&Method::GET, &format!("/v1/vaults/Vault-1/list{query}"));
        let page = |prefix: &str, after: &str, limit| {
            let (prefix, after) = (prefix.to_owned(), after.to_owned());
            Ok(Ask::List(
                vault.clone(),
                Page {
                    prefix,
                    after,
                    limit,
                },
            ))
        };
        assert_eq!(list(""), page("", "", 1000));
        assert_eq!(list("?prefix=keys&limit=7"), page("keys", "", 7));
        assert_eq!(list("?prefix=&after=keys/0"), page("", "keys/0", 1000));
        assert_eq!(parse(&Method::POST, ENROL_PATH), Ok(Ask::Enrol));
    }

    #[test]
    fn tricks_are_refused_before_anything_is_looked_at() {
        let long = format!("/v1/vaults/Vault-1/o/{}", "a/".repeat(5000));
        for (target, expected) in [
            ("/", Malformed::Path),
            ("*", Malformed::Path),
            ("http://h/v1/vaults/Vault-1/o/config", Malformed::Path),
            ("//v1/vaults/Vault-1/o/config", Malformed::Path),
            ("/v1//vaults/Vault-1/o/config", Malformed::Path),
            ("/v1/vaults/../o/config", Malformed::Path),
            ("/v1/vaults/Vault-1/o/../o/config", Malformed::Path),
            ("/v1/vaults/Vault-1/o//config", Malformed::Path),
            ("/v1/vaults/Vault-1/o/config/", Malformed::Path),
            ("/v1/vaults/Vault-1/o/keys%2f..%2fconfig", Malformed::Path),
            ("/v1/vaults/Vault-1/o/%63onfig", Malformed::Path),
            ("/v1/vaults/Vault-1/o/config%00", Malformed::Path),
            ("/v1/vaults/Vault-1/o/\u{e9}", Malformed::Path),
            ("/v1/vaults/Vault-1/o/.staged", Malformed::Path),
            ("/v1/vaults/Vault-1/o/config#1", Malformed::Path),
            ("/v1/vaults/Vault-1/o/ballast", Malformed::Key),
            ("/v1/vaults/Vault-1/o/config?x", Malformed::Query),
            ("/v1/vaults/V%61ult/o/config", Malformed::Path),
            ("/v1/vaults/Vault-1/list?prefix=..", Malformed::Query),
            (
                "/v1/vaults/Vault-1/list?prefix=keys&prefix=d",
                Malformed::Query,
            ),
            ("/v1/vaults/Vault-1/list?limit=0", Malformed::Query),
            ("/v1/vaults/Vault-1/list?limit=1001", Malformed::Query),
            ("/v1/vaults/Vault-1/list?after=a%2fb", Malformed::Query),
            ("/v1/vaults/Vault-1/list?x=1", Malformed::Query),
            (long.as_str(), Malformed::Path),
        ] {
            assert_eq!(parse(&Method::GET, target), Err(expected), "{target:.60}");
        }
        for method in [
            Method::POST,
            Method::PATCH,
            Method::CONNECT,
            Method::OPTIONS,
        ] {
            let asked = parse(&method, "/v1/vaults/Vault-1/o/config");
            assert_eq!(asked, Err(Malformed::Method), "{method}");
        }
        assert_eq!(parse(&Method::GET, ENROL_PATH), Err(Malformed::Method));
    }

    #[test]
    fn one_range_is_understood() {
        assert_eq!(range("bytes=0-0"), Some((0, Some(1))));
        assert_eq!(range("bytes=5-"), Some((5, None)));
        assert_eq!(range(&format!("bytes=0-{}", u64::MAX)), Some((0, None)));
        for other in [
            "bytes=-5",
            "bytes=3-2",
            "bytes=0-1,4-5",
            "bytes=+1-2",
            "items=0-1",
            "bytes=a-b",
            "bytes=",
        ] {
            assert_eq!(range(other), None, "{other}");
        }
    }
}
