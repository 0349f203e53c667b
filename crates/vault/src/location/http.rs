//! Requests to clouds: TLS by ring with the system's certificates, connections that do not hang, and answers whose
//! meaning is kept.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{Either, select};
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::Sleep;

use super::StoreSettings;
use crate::pace::{Direction, Ticket};
use crate::refusal::Refusal;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which no byte moves for so long is given up.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// What is handed to the connection at once: progress is seen by such pieces.
const PIECE_BYTES: usize = 64 << 10;
/// Explanations of errors are not read further than this.
const EXPLANATION_MAX_BYTES: usize = 64 << 10;
/// Where clouds give credentials to their own machines; never behind a proxy.
const METADATA_HOSTS: [&str; 3] = [
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
];
const USER_AGENT: &str = concat!("strongroom/", env!("CARGO_PKG_VERSION"));

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector {
    idle_timeout: Duration,
    is_direct: bool,
}

impl Connector {
    pub(super) fn new(settings: &StoreSettings) -> Self {
        Self {
            idle_timeout: settings.idle_timeout(),
            is_direct: settings.is_direct(),
        }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let option = |key| options.get_config_value(&key);
        let fail =
            |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
                store: "HTTP",
                source,
            };
        let may_be_plain = option(ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .https_only(!may_be_plain)
            .tls_backend_preconfigured(tls().map_err(|error| fail(Box::new(error)))?);
        if self.is_direct {
            builder = builder.no_proxy();
        } else if let Some(url) = option(ClientConfigKey::ProxyUrl) {
            let mut without = METADATA_HOSTS.join(",");
            if let Some(excludes) = option(ClientConfigKey::ProxyExcludes) {
                without = format!("{without},{excludes}");
            }
            let proxy = reqwest::Proxy::all(url).map_err(|error| fail(Box::new(error)))?;
            builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(&without)));
        }
        let client = builder.build().map_err(|error| fail(Box::new(error)))?;
        Ok(HttpClient::new(Client {
            client,
            idle_timeout: self.idle_timeout,
        }))
    }
}

/// A client for one server of ours.
pub(super) fn client_for(
    settings: &StoreSettings,
    tls: rustls::ClientConfig,
) -> Result<HttpClient, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls);
    if let Some(url) = settings.proxy() {
        builder = builder.proxy(reqwest::Proxy::all(url).map_err(|error| error.to_string())?);
    }
    Ok(HttpClient::new(Client {
        client: builder.build().map_err(|error| error.to_string())?,
        idle_timeout: settings.idle_timeout(),
    }))
}

/// A machine without any certificate can still use stores without TLS; with TLS it is told that it trusts nobody.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let builder = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    };
    match builder()?.with_platform_verifier() {
        Ok(verified) => Ok(verified.with_no_client_auth()),
        Err(error) => {
            tracing::warn!(%error, "this machine has no certificates of authorities");
            let nobody = rustls::RootCertStore::empty();
            Ok(builder()?
                .with_root_certificates(nobody)
                .with_no_client_auth())
        }
    }
}

#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    idle_timeout: Duration,
}

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default();
        if METADATA_HOSTS.contains(&host) {
            let answer = self.send(request).await;
            return answer.map_err(|error| {
                let refusal = Refusal::no_credential(&cause_of(&error));
                HttpError::new(error.kind(), refusal)
            });
        }
        let answer = self.send(request).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = explanation(body).await;
        match Refusal::of_answer(parts.status.as_u16(), &parts.headers, &body) {
            Some(refusal) => Err(HttpError::new(HttpErrorKind::Unknown, refusal)),
            None => Ok(HttpResponse::from_parts(parts, body.into())),
        }
    }
}

impl Client {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        let ticket = parts.extensions.remove::<Ticket>();
        let progress = Arc::new(AtomicU64::new(0));
        let body = match body.content_length() {
            0 => reqwest::Body::from(Bytes::new()),
            _ => reqwest::Body::wrap(Upload {
                body,
                rest: Bytes::new(),
                progress: Arc::clone(&progress),
                ticket: ticket.clone(),
                turn: None,
            }),
        };
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(transport)?;
        let sending = std::pin::pin!(self.client.execute(request));
        let watching = std::pin::pin!(stall(&progress, ticket.as_ref(), self.idle_timeout));
        let response = match select(sending, watching).await {
            Either::Left((response, _)) => response.map_err(transport)?,
            Either::Right(((), _)) => return Err(stalled()),
        };
        let (parts, body) = http::Response::from(response).into_parts();
        let body = HttpResponseBody::new(Download {
            body,
            idle_timeout: self.idle_timeout,
            silence: None,
        });
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// Ends when nothing has moved for a while, and nothing was held back.
async fn stall(progress: &AtomicU64, ticket: Option<&Ticket>, idle_timeout: Duration) {
    let look = || (progress.load(Ordering::Relaxed), ticket.map(Ticket::held));
    let mut seen = look();
    loop {
        tokio::time::sleep(idle_timeout).await;
        let now = look();
        if now == seen {
            return;
        }
        seen = now;
    }
}

fn stalled() -> HttpError {
    let error = std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "no byte moved on the connection for a while",
    );
    HttpError::new(HttpErrorKind::Timeout, error)
}

fn transport(error: reqwest::Error) -> HttpError {
    if let Some(refusal) = Refusal::of_tunnel(&error) {
        return HttpError::new(HttpErrorKind::Unknown, refusal);
    }
    let kind = if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else {
        HttpErrorKind::Interrupted
    };
    // Signed URLs are secrets.
    HttpError::new(kind, error.without_url())
}

/// The innermost cause says most.
fn cause_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

async fn explanation(body: HttpResponseBody) -> Bytes {
    let mut read = Vec::new();
    let mut pieces = body.bytes_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        let room = EXPLANATION_MAX_BYTES - read.len();
        read.extend(piece.iter().take(room));
        if piece.len() >= room {
            break;
        }
    }
    read.into()
}

/// A request's body that tells how it gets on, and goes piece by piece as its ticket permits.
struct Upload {
    body: HttpRequestBody,
    rest: Bytes,
    progress: Arc<AtomicU64>,
    ticket: Option<Ticket>,
    /// The next piece waits for it.
    turn: Option<Turn>,
}

type Turn = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl Body for Upload {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => this.rest = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece_bytes = PIECE_BYTES.min(this.rest.len());
        if let Some(ticket) = this.ticket.clone().filter(|ticket| !ticket.is_free()) {
            let pass = async move { ticket.pass(Direction::ToStore, piece_bytes as u64).await };
            let turn = this.turn.get_or_insert_with(|| Box::pin(pass));
            ready!(turn.as_mut().poll(context));
        }
        this.turn = None;
        this.progress.fetch_add(1, Ordering::Relaxed);
        let piece = this.rest.split_to(piece_bytes);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let behind = self.body.size_hint();
        SizeHint::with_exact(rest + behind.exact().unwrap_or(behind.lower()))
    }
}

/// A response's body that does not hang. Only silence while somebody waits for the next piece counts.
struct Download {
    body: reqwest::Body,
    idle_timeout: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl Body for Download {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.silence = None;
                Poll::Ready(frame.map(|frame| frame.map_err(transport)))
            }
            Poll::Pending => {
                let idle_timeout = this.idle_timeout;
                let silence = this
                    .silence
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_timeout)));
                ready!(silence.as_mut().poll(context));
                Poll::Ready(Some(Err(stalled())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
