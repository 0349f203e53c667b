//! Mail by SMTP: one mail for each recipient, so that one who is refused keeps it from nobody else.

use std::io;
use std::time::SystemTime;

use lettre::message::header::{ContentType, Date, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Channel, deadline, tls};
use crate::error::{Error, Result};
use crate::notice::Notice;
use crate::secret::Secret;
use crate::settings::{Mail, MailTls};
use crate::text;

/// Sends mail.
#[derive(Debug)]
pub struct MailChannel {
    settings: Mail,
}

impl MailChannel {
    /// Mail by these settings.
    #[must_use]
    pub fn new(settings: Mail) -> Self {
        Self { settings }
    }

    fn place(&self) -> String {
        format!("{}:{}", self.settings.server, self.settings.port)
    }

    fn transport(&self, machine: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
        let Mail { server, port, .. } = &self.settings;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(*port)
            .timeout(None)
            .tls(self.tls()?);
        if is_host_name(machine) {
            builder = builder.hello_name(ClientId::Domain(machine.to_owned()));
        }
        if let Some((user, path)) = &self.settings.login {
            let what = "password file";
            let secret = Secret::read(what, path)?;
            let password = std::str::from_utf8(secret.bytes()).map_err(|error| Error::File {
                what,
                path: path.clone(),
                source: io::Error::other(error),
            })?;
            let credentials = Credentials::new(user.clone(), password.to_owned());
            builder = builder.credentials(credentials);
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<Tls> {
        let mut parameters = TlsParameters::builder(self.settings.server.clone());
        if let Some(path) = &self.settings.ca_file {
            let pem = tls::read_pem(path)?;
            let certificate = Certificate::from_pem(&pem);
            let certificate =
                certificate.map_err(|error| tls::file(path, io::Error::other(error)))?;
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .add_root_certificate(certificate);
        }
        let parameters = || {
            parameters.build().map_err(|error| Error::Untrusted {
                place: self.place(),
                source: error.into(),
            })
        };
        Ok(match self.settings.tls {
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            // Never without: a server that does not offer it is refused.
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Off => Tls::None,
        })
    }

    fn error(&self, error: lettre::transport::smtp::Error) -> Error {
        let place = self.place();
        if tls::is_about_trust(&error) {
            return Error::Untrusted {
                place,
                source: error.into(),
            };
        }
        if error.status().is_some() {
            return Error::Refused {
                place,
                said: text::clean(&crate::error::in_one_line(&error)),
                is_passing: error.is_transient(),
            };
        }
        Error::unreachable(&place, error)
    }
}

impl Channel for MailChannel {
    fn send(&self, notice: &Notice) -> Result<()> {
        let message = message(notice, &self.settings.from)?;
        let (place, timeout_secs) = (self.place(), self.settings.timeout_secs);
        deadline::within(&place, timeout_secs, async {
            let transport = self.transport(&notice.machine)?;
            let sent = transport.send(message).await;
            sent.map(drop).map_err(|error| self.error(error))
        })
    }
}

/// The mail of a notice.
///
/// # Errors
/// [`Error::Refused`] when it has no recipient or an address is none.
pub(crate) fn message(notice: &Notice, from: &str) -> Result<Message> {
    let refused = |said: String| Error::Refused {
        place: "mail".to_owned(),
        said,
        is_passing: false,
    };
    let address = |text: &str| {
        let address = text.parse::<Address>();
        address.map_err(|error| refused(format!("{text:?} is no address: {error}")))
    };
    let recipient = notice.destination.recipient.as_deref();
    let recipient = recipient.ok_or_else(|| refused("nobody to send it to".to_owned()))?;
    let name = format!("Strongroom on {}", text::clean(&notice.machine));
    let mut builder = Message::builder()
        .from(Mailbox::new(Some(name), address(from)?))
        .to(Mailbox::new(None, address(recipient)?))
        .subject(text::subject(notice))
        .header(Date::new(SystemTime::from(notice.at)))
        .message_id(Some(format!("<{}@strongroom.invalid>", notice.id)));
    if let [item] = notice.items.as_slice() {
        // All that is told of one alert stands together.
        let thread = format!("<alert-{}@strongroom.invalid>", item.alert.id);
        builder = builder.references(thread);
    }
    let raw = |name, value: &str| HeaderValue::new(name, value.to_owned());
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    builder
        .raw_header(raw(automatic, "auto-generated"))
        .multipart(
            MultiPart::alternative()
                .singlepart(part(ContentType::TEXT_PLAIN, text::plain(notice)))
                .singlepart(part(ContentType::TEXT_HTML, text::html(notice))),
        )
        .map_err(|error| refused(error.to_string()))
}

fn part(kind: ContentType, text: String) -> SinglePart {
    SinglePart::builder().header(kind).body(text)
}

fn is_host_name(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    !text.is_empty() && text.bytes().all(is_word)
}
