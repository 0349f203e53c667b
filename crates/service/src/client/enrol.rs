//! Certificates for tokens and for certificates.

use chrono::{DateTime, Utc};
use http::{Method, StatusCode};
use object_store::client::{HttpClient, HttpRequestBody};
use rcgen::{CertificateParams, KeyPair};
use strongroom_vault::{Refusal, StoreSettings};

use super::enrolment::Enrolment;
use super::tls;
use super::url::GatewayUrl;
use crate::wire::{CertificateRequest, ENROL_PATH, IssuedCertificate, RENEW_PATH};
use crate::{Error, Result};

/// Exchanges a token for a certificate. `authority_pem` is what the credential file says about the server: whoever answers
/// with another certificate gets no token.
///
/// # Errors
/// [`Error::Refused`] when the token is not good, [`Error::Unreachable`].
pub async fn enrol(
    url: &GatewayUrl,
    authority_pem: &str,
    token: &str,
    settings: &StoreSettings,
    now: DateTime<Utc>,
) -> Result<Enrolment> {
    let client = settings.http_client(tls::config(authority_pem, None)?)?;
    let (key_pem, issued) = exchange(&client, url, ENROL_PATH, Some(token.to_owned())).await?;
    if issued.identity.vault != url.vault {
        return Err(Error::Invalid {
            what: url.to_string(),
            reason: "the token is for another vault",
        });
    }
    Ok(Enrolment {
        url: url.clone(),
        identity: issued.identity,
        authority_pem: authority_pem.to_owned(),
        certificate_pem: issued.certificate_pem,
        key_pem,
        issued_at: now,
        expires_at: issued.expires_at,
    })
}

/// The same enrolment with a later certificate and a new key.
pub(super) async fn renew(
    client: &HttpClient,
    old: &Enrolment,
    now: DateTime<Utc>,
) -> Result<Enrolment> {
    let (key_pem, issued) = exchange(client, &old.url, RENEW_PATH, None).await?;
    Ok(Enrolment {
        identity: issued.identity,
        certificate_pem: issued.certificate_pem,
        key_pem,
        issued_at: now,
        expires_at: issued.expires_at,
        ..old.clone()
    })
}

async fn exchange(
    client: &HttpClient,
    url: &GatewayUrl,
    path: &str,
    token: Option<String>,
) -> Result<(String, IssuedCertificate)> {
    let key = KeyPair::generate().map_err(Error::certificate)?;
    let request = CertificateParams::default()
        .serialize_request(&key)
        .map_err(Error::certificate)?;
    let request_pem = request.pem().map_err(Error::certificate)?;
    let asked = serde_json::to_vec(&CertificateRequest { token, request_pem });
    let asked = asked.map_err(Error::certificate)?;
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(url.https(path))
        .body(HttpRequestBody::from(asked))
        .map_err(Error::certificate)?;
    let away = |error: &(dyn std::error::Error + 'static)| match Refusal::find(error) {
        Some(refusal) => Error::Refused {
            status: refusal.status,
            code: refusal.code.clone().unwrap_or_default(),
            message: refusal.message.clone().unwrap_or_default(),
        },
        None => Error::Unreachable(innermost(error)),
    };
    let answer = client
        .execute(request)
        .await
        .map_err(|error| away(&error))?;
    if answer.status() != StatusCode::OK {
        let (status, code, message) = (answer.status().as_u16(), String::new(), String::new());
        return Err(Error::Refused {
            status,
            code,
            message,
        });
    }
    let content = answer
        .into_body()
        .bytes()
        .await
        .map_err(|error| away(&error))?;
    let issued = serde_json::from_slice(&content).map_err(Error::certificate)?;
    Ok((key.serialize_pem(), issued))
}

/// The innermost cause says most.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
