//! Values of settings: checked while they are read, so that the error names their line.

use std::collections::BTreeSet;

use serde::Deserialize;
use strongroom_catalog::Severity;

const NAME_MAX_BYTES: usize = 50;

/// Makes a text with a check of its own.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(pub(super) String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let check: fn(&str) -> Result<(), String> = $check;
                check(&text).map(|()| Self(text))
            }
        }
    };
}

checked_text! {
    /// An address of mail, without a name.
    Address, |text| {
        let is_good = text.is_ascii() && text.parse::<lettre::Address>().is_ok();
        need(is_good, || format!("{text:?} is no mail address, such as admin@example.org"))
    }
}

checked_text! {
    /// Name or address of a server.
    Server, |text| {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
        let is_good = !text.is_empty() && text.bytes().all(is_word);
        need(is_good, || format!("{text:?} is no name of a server; the port is a key of its own"))
    }
}

checked_text! {
    /// Where a webhook is.
    WebhookUrl, |text| {
        let url = reqwest::Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
        let host = url.host_str().unwrap_or_default();
        let is_good = url.scheme() == "https" || url.scheme() == "http" && is_this_machine(host);
        need(is_good, || "a webhook needs https; http is for this machine alone".to_owned())
    }
}

checked_text! {
    /// A proxy.
    Proxy, |text| {
        let is_good = reqwest::Proxy::all(text).is_ok() && reqwest::Url::parse(text).is_ok();
        need(is_good, || format!("{text:?} is no proxy, such as http://proxy:3128"))
    }
}

checked_text! {
    /// Name of a channel.
    Name, |text| {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_good = (1..=NAME_MAX_BYTES).contains(&text.len()) && text.bytes().all(is_word);
        need(is_good, || "a name has 1 to 50 small letters, digits and hyphens".to_owned())
    }
}

/// Seconds, 1 to 600.
#[derive(Deserialize)]
#[serde(try_from = "u32")]
pub(super) struct Timeout(pub(super) u32);

impl TryFrom<u32> for Timeout {
    type Error = String;

    fn try_from(secs: u32) -> Result<Self, String> {
        need((1..=600).contains(&secs), || {
            format!("{secs} is no time of 1 to 600 seconds")
        })?;
        Ok(Self(secs))
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self(30)
    }
}

/// A program and its arguments.
#[derive(Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct Argv(pub(super) Vec<String>);

impl TryFrom<Vec<String>> for Argv {
    type Error = String;

    fn try_from(argv: Vec<String>) -> Result<Self, String> {
        let program = argv.first().filter(|program| !program.is_empty());
        let is_good = program.is_some() && !argv.iter().any(|part| part.contains('\0'));
        need(is_good, || {
            "a program is needed, such as [\"/usr/local/bin/page\"]".to_owned()
        })?;
        Ok(Self(argv))
    }
}

/// What a recipient wants to hear: without a word of it, warnings and worse.
#[derive(Deserialize)]
pub(super) struct Severities(pub(super) BTreeSet<Severity>);

impl Default for Severities {
    fn default() -> Self {
        Self([Severity::Warning, Severity::Error, Severity::Critical].into())
    }
}

pub(super) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn need(is_good: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if is_good { Ok(()) } else { Err(message()) }
}
