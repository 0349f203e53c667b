//! Who somebody is, as it stands in a certificate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strongroom_crypto::Role;
use strongroom_vault::format::DomainId;

use crate::Error;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is_valid:path, $reason:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Its text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                if $is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Error::Invalid { what: text.to_owned(), reason: $reason })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// What a server calls one of its vaults; also the folder that it lies in.
    VaultName, is_vault_name, "a vault's name has 2 to 50 letters, digits and hyphens, a letter first"
}
name! {
    /// What a server calls one of its agents. It stays the same when the agent enrols again.
    AgentId, is_agent_id, "an agent's id has 1 to 64 lower-case letters, digits and hyphens"
}

fn is_vault_name(text: &str) -> bool {
    (2..=50).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_agent_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Who somebody is, and where they may act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Who it is.
    pub agent: AgentId,
    /// What it may do.
    #[serde(with = "as_text")]
    pub role: Role,
    /// The only vault that it may reach.
    pub vault: VaultName,
    /// The only domain that it may reach; `None` for all of the vault, which owners have.
    #[serde(with = "as_optional_text")]
    pub domain: Option<DomainId>,
}

const SCHEME: &str = "strongroom-identity:";

/// As a certificate has it, as its only alternative name: `strongroom-identity:1:<role>:<vault>:<domain or ->:<agent>`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}1:{}:{}:", self.role, self.vault)?;
        match &self.domain {
            Some(domain) => write!(f, "{domain}")?,
            None => f.write_str("-")?,
        }
        write!(f, ":{}", self.agent)
    }
}

impl FromStr for Identity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::Invalid {
            what: text.to_owned(),
            reason: "it is no identity",
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(invalid)?;
        let parts: Vec<&str> = rest.split(':').collect();
        let ["1", role, vault, domain, agent] = *parts.as_slice() else {
            return Err(invalid());
        };
        let identity = Self {
            agent: agent.parse()?,
            role: role.parse().map_err(|_unknown| invalid())?,
            vault: vault.parse()?,
            domain: match domain {
                "-" => None,
                domain => Some(domain.parse().map_err(|_wrong| invalid())?),
            },
        };
        identity.check()?;
        Ok(identity)
    }
}

impl Identity {
    /// Only an owner is at home in all domains of a vault.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anybody else without a domain.
    pub fn check(&self) -> Result<(), Error> {
        if self.domain.is_none() && self.role != Role::Owner {
            return Err(Error::Invalid {
                what: self.to_string(),
                reason: "only an owner has no domain",
            });
        }
        Ok(())
    }
}

mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

mod as_optional_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(ToString::to_string).serialize(to)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_a_certificate() {
        for text in [
            "strongroom-identity:1:agent:Vault-1:0011223344556677:pc-7",
            "strongroom-identity:1:owner:Vault-1:-:admin",
        ] {
            assert_eq!(text.parse::<Identity>().expect(text).to_string(), text);
        }
        for wrong in [
            "strongroom-identity:2:agent:Vault-1:0011223344556677:pc",
            "strongroom-identity:1:agent:Vault-1:-:pc",
            "strongroom-identity:1:root:Vault-1:-:pc",
            "strongroom-identity:1:owner:../x:-:pc",
            "strongroom-identity:1:owner:Vault-1:-:pc:x",
            "strongroom-identity:1:owner:Vault-1:-:PC",
            "urn:1:owner:Vault-1:-:pc",
        ] {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
    }
}
