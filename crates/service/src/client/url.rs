//! `strongroom://host:port/vault`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, VaultName};

/// Where a vault of a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayUrl {
    /// Host and port.
    host: String,
    /// Which of its vaults.
    pub vault: VaultName,
}

impl GatewayUrl {
    /// A vault behind an address, `host:port`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the address is none.
    pub fn new(host: &str, vault: &VaultName) -> Result<Self, Error> {
        format!("strongroom://{host}/{vault}").parse()
    }

    /// An address of the server's wire interface.
    pub(super) fn https(&self, path: &str) -> String {
        format!("https://{}{path}", self.host)
    }
}

impl FromStr for GatewayUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::Invalid {
            what: text.to_owned(),
            reason,
        };
        let rest = text.strip_prefix("strongroom://");
        let rest = rest.ok_or_else(|| invalid("it does not begin with strongroom://"))?;
        let (host, vault) = rest
            .trim_end_matches('/')
            .split_once('/')
            .ok_or_else(|| invalid("the vault's name is missing behind the address"))?;
        let (name, port) = host
            .rsplit_once(':')
            .ok_or_else(|| invalid("the port is missing"))?;
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_host) {
            return Err(invalid("the host is no name and no address"));
        }
        if !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(invalid("the port is no number"));
        }
        Ok(Self {
            host: host.to_owned(),
            vault: vault.parse()?,
        })
    }
}

impl TryFrom<String> for GatewayUrl {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<GatewayUrl> for String {
    fn from(url: GatewayUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strongroom://{}/{}", self.host, self.vault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_vaults_are_read() {
        for text in [
            "strongroom://host:7443/Vault",
            "strongroom://[::1]:1/V1",
            "strongroom://1.2.3.4:65535/a-b",
        ] {
            assert_eq!(text.parse::<GatewayUrl>().expect(text).to_string(), text);
        }
        for wrong in [
            "strongroom://host/Vault",
            "strongroom://host:0/Vault",
            "strongroom://host:x/Vault",
            "strongroom://:1/Vault",
            "strongroom://host:1",
            "strongroom://host:1/",
            "strongroom://host:1/a/b",
            "strongroom://u@host:1/Vault",
            "https://host:1/Vault",
            "strongroom://host:1/..",
            "strongroom://host:1/Vault?x",
        ] {
            assert!(wrong.parse::<GatewayUrl>().is_err(), "{wrong}");
        }
    }
}
