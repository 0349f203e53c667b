//! The proxy on the way to a cloud, and who we are there.

use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::Globals;
use crate::fail::{Fail, Result};

/// The password of the proxy itself, for who cannot keep a file.
pub(crate) const PASSWORD_VARIABLE: &str = "STRONGROOM_PROXY_PASSWORD";
const FILE_MAX_BYTES: u64 = 4096;

/// A proxy: `scheme://[user[:password]@]host:port`.
pub(crate) struct Proxy {
    url: Zeroizing<String>,
}

impl Proxy {
    /// The proxy that flags or files name, if they do, with the password from wherever it stands.
    pub(crate) fn of(globals: &Globals) -> Result<Option<Self>> {
        let Some(url) = &globals.proxy else {
            return Ok(None);
        };
        if Parts::of(url).is_some_and(|parts| parts.password.is_some()) {
            return Ok(Some(Self {
                url: Zeroizing::new(url.clone()),
            }));
        }
        let password = match &globals.proxy_password_file {
            Some(path) => Some(read(path)?),
            None => std::env::var(PASSWORD_VARIABLE)
                .ok()
                .filter(|password| !password.is_empty())
                .map(Zeroizing::new),
        };
        let Some(password) = password else {
            return Ok(Some(Self {
                url: Zeroizing::new(url.clone()),
            }));
        };
        let with = with_password(url, &password).ok_or_else(|| {
            let help = "name the user, too: --proxy http://user@host:port";
            Fail::usage("the password of the proxy is given, but no user", help)
        })?;
        Ok(Some(Self { url: with }))
    }

    /// With the password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Without the password: for people, and for lists of processes.
    pub(crate) fn shown(&self) -> String {
        match Parts::of(&self.url) {
            Some(Parts {
                scheme, user, host, ..
            }) => format!("{scheme}://{user}@{host}"),
            None => self.url.to_string(),
        }
    }

    /// The password, as it stands in the URL.
    pub(crate) fn password(&self) -> Option<Zeroizing<String>> {
        let password = Parts::of(&self.url)?.password?;
        Some(Zeroizing::new(decoded(password)))
    }
}

/// A URL that names a user.
struct Parts<'a> {
    scheme: &'a str,
    user: &'a str,
    password: Option<&'a str>,
    host: &'a str,
}

impl<'a> Parts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (who, host) = rest.rsplit_once('@')?;
        let (user, password) = match who.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (who, None),
        };
        Some(Self {
            scheme,
            user,
            password,
            host,
        })
    }
}

fn with_password(url: &str, password: &str) -> Option<Zeroizing<String>> {
    let Parts {
        scheme, user, host, ..
    } = Parts::of(url)?;
    let mut with = Zeroizing::new(String::with_capacity(url.len() + 3 * password.len() + 1));
    with.push_str(&format!("{scheme}://{user}:"));
    for byte in password.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                with.push(char::from(byte));
            }
            _ => with.push_str(&format!("%{byte:02X}")),
        }
    }
    with.push_str(&format!("@{host}"));
    Some(with)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = match (code, after) {
            (Some(_), [_, _, after @ ..]) => after,
            _ => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let fail = |error: &std::io::Error| {
        let message = format!("cannot read the proxy's password in {}", path.display());
        let help = "give --proxy-password-file a text file that this user may read";
        Fail::usage(message, help).because(error)
    };
    let length = std::fs::metadata(path).map_err(|error| fail(&error))?.len();
    if length > FILE_MAX_BYTES {
        return Err(fail(&std::io::Error::other("it is longer than 4 KiB")));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| fail(&error))?);
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        Proxy {
            url: Zeroizing::new(url.to_owned()),
        }
    }

    #[test]
    fn a_password_goes_in_and_is_not_shown() {
        let with = with_password("http://me@proxy:3128", "p@ss:w/ö rd%").unwrap();
        assert_eq!(*with, "http://me:p%40ss%3Aw%2F%C3%B6%20rd%25@proxy:3128");
        let proxy = proxy(&with);
        assert_eq!(proxy.shown(), "http://me@proxy:3128");
        assert_eq!(*proxy.password().unwrap(), "p@ss:w/ö rd%");
        assert!(with_password("http://proxy:3128", "secret").is_none());
    }

    #[test]
    fn a_proxy_without_anybody_is_shown_as_it_is() {
        let proxy = proxy("http://proxy:3128");
        assert_eq!(
            (proxy.shown().as_str(), proxy.password()),
            ("http://proxy:3128", None)
        );
    }
}
