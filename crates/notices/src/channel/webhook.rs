//! Calls by HTTPS: the notice as JSON, signed.

use ring::hmac;

use super::{Channel, deadline, tls};
use crate::document::document;
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::secret::Secret;
use crate::settings::Webhook;
use crate::text;

const USER_AGENT: &str = concat!("strongroom/", env!("CARGO_PKG_VERSION"));
const ANSWER_MAX_CHARS: usize = 200;

/// Calls one URL.
#[derive(Debug)]
pub struct WebhookChannel {
    settings: Webhook,
}

impl WebhookChannel {
    /// Calls by these settings.
    #[must_use]
    pub fn new(settings: Webhook) -> Self {
        Self { settings }
    }

    /// Scheme, host and port: what comes after them may be a secret.
    fn place(&self) -> String {
        let url = reqwest::Url::parse(&self.settings.url);
        let place = url.ok().map(|url| url.origin().ascii_serialization());
        place.unwrap_or_else(|| self.settings.name.clone())
    }

    fn client(&self, place: &str) -> Result<reqwest::Client> {
        let config = tls::config(place, self.settings.ca_file.as_deref())?;
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .http1_only()
            // What is signed for one receiver goes to no other.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_backend_preconfigured(config);
        if let Some(proxy) = &self.settings.proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|error| unreachable(place, error))?;
            let local = reqwest::NoProxy::from_string("localhost,127.0.0.0/8,::1");
            builder = builder.proxy(proxy.no_proxy(local));
        }
        builder.build().map_err(|error| unreachable(place, error))
    }
}

impl Channel for WebhookChannel {
    fn send(&self, notice: &Notice) -> Result<()> {
        let (place, timeout_secs) = (self.place(), self.settings.timeout_secs);
        let body = document(notice).to_string();
        let client = self.client(&place)?;
        let mut request = client
            .post(&self.settings.url)
            .header("content-type", "application/json");
        if let Some(path) = &self.settings.secret_file {
            let secret = Secret::read("secret of the webhook", path)?;
            let time = notice.at.timestamp().to_string();
            let signature = signature(&secret, &time, &body);
            request = request
                .header("strongroom-timestamp", time)
                .header("strongroom-signature", signature);
        }
        let request = request.body(body);
        deadline::within(&place, timeout_secs, async {
            let sent = request.send().await;
            let response = sent.map_err(|error| unreachable(&place, error))?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            let said = beginning(response).await;
            Err(Error::Refused {
                place: place.clone(),
                said: format!("{status} {}", text::clean(&said))
                    .trim_end()
                    .to_owned(),
                is_passing: status.is_server_error() || [408, 429].contains(&status.as_u16()),
            })
        })
    }
}

/// `sha256=` and HMAC-SHA256 of the time, a dot and the body, in hexadecimal digits.
fn signature(secret: &Secret, time: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256={}", digits.collect::<String>())
}

/// What is told with a refusal, as far as the first piece of it goes.
async fn beginning(mut response: reqwest::Response) -> String {
    let piece = response.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&piece);
    text.chars().take(ANSWER_MAX_CHARS).collect()
}

/// URLs of webhooks are often secrets themselves: the error goes without its own.
fn unreachable(place: &str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    if tls::is_about_trust(&error) {
        return Error::Untrusted {
            place: place.to_owned(),
            source: error.into(),
        };
    }
    Error::unreachable(place, error)
}
