//! The way to a server: a client whose certificate is renewed before it is worthless.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Method, Request};
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
};
use strongroom_vault::{Refusal, RefusalKind, StoreSettings};

use super::enrol::renew;
use super::enrolment::Enrolment;
use super::tls;
use super::url::GatewayUrl;
use crate::Result;

/// A renewal that failed is tried again after so long.
const PAUSE: TimeDelta = TimeDelta::minutes(10);

pub(super) type Now = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

pub(super) struct Line {
    url: GatewayUrl,
    settings: StoreSettings,
    now: Now,
    /// Where a renewed enrolment is kept.
    path: Option<PathBuf>,
    current: Mutex<Current>,
}

struct Current {
    client: HttpClient,
    enrolment: Enrolment,
    /// Nobody tries to renew before.
    next_try: DateTime<Utc>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(
        enrolment: Enrolment,
        path: Option<PathBuf>,
        settings: StoreSettings,
        now: Now,
    ) -> Result<Self> {
        let client = client_of(&enrolment, &settings)?;
        Ok(Self {
            url: enrolment.url.clone(),
            settings,
            now,
            path,
            current: Mutex::new(Current {
                client,
                enrolment,
                next_try: DateTime::<Utc>::MIN_UTC,
            }),
        })
    }

    pub(super) fn url(&self) -> &GatewayUrl {
        &self.url
    }

    /// A request for something of this vault: an object as `o/<name>`, or a listing.
    pub(super) fn request(
        &self,
        method: Method,
        what: &str,
        body: HttpRequestBody,
    ) -> Result<HttpRequest, http::Error> {
        let path = format!("/v1/vaults/{}/{what}", self.url.vault);
        Request::builder()
            .method(method)
            .uri(self.url.https(&path))
            .body(body)
    }

    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.client().await?;
        client.execute(request).await
    }

    async fn client(&self) -> Result<HttpClient, HttpError> {
        let now = (self.now)();
        let (client, enrolment) = {
            let mut current = self.current();
            if !current.enrolment.is_due(now) || now < current.next_try {
                return alive(&current, now).map(|()| current.client.clone());
            }
            // From here on, others go on with what there is.
            current.next_try = now + PAUSE;
            (current.client.clone(), current.enrolment.clone())
        };
        // Another process may have renewed it.
        let stored = self
            .path
            .as_deref()
            .and_then(|path| Enrolment::load(path).ok());
        let renewed = match stored.filter(|stored| stored.expires_at > enrolment.expires_at) {
            Some(stored) => Ok(stored),
            None if enrolment.is_over(now) => Ok(enrolment),
            None => renew(&client, &enrolment, now)
                .await
                .and_then(|renewed| self.keep(renewed)),
        };
        let renewed =
            renewed.and_then(|renewed| Ok((client_of(&renewed, &self.settings)?, renewed)));
        let mut current = self.current();
        match renewed {
            Ok((client, enrolment)) => {
                current.client = client;
                current.enrolment = enrolment;
            }
            Err(error) => {
                tracing::warn!(%error, url = %self.url, "the certificate could not be renewed");
            }
        }
        alive(&current, now).map(|()| current.client.clone())
    }

    fn keep(&self, renewed: Enrolment) -> Result<Enrolment> {
        if let Some(path) = &self.path {
            renewed.save(path)?;
        }
        Ok(renewed)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn client_of(enrolment: &Enrolment, settings: &StoreSettings) -> Result<HttpClient> {
    let own = (
        enrolment.certificate_pem.as_str(),
        enrolment.key_pem.as_str(),
    );
    let tls = tls::config(&enrolment.authority_pem, Some(own))?;
    Ok(settings.http_client(tls)?)
}

/// A server ends the handshake with such a certificate, which looks like a line that fails.
fn alive(current: &Current, now: DateTime<Utc>) -> Result<(), HttpError> {
    if !current.enrolment.is_over(now) {
        return Ok(());
    }
    let refusal = Refusal {
        kind: RefusalKind::Expired,
        status: 0,
        code: Some("expired".to_owned()),
        message: Some(format!(
            "this machine's certificate expired at {}: it must enrol again",
            current.enrolment.expires_at
        )),
        retry_after_secs: None,
    };
    Err(HttpError::new(HttpErrorKind::Unknown, refusal))
}

/// Puts a header of ours on a request.
pub(super) fn header(request: &mut HttpRequest, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        request.headers_mut().insert(name, value);
    }
}
