//! Vault credentials: signed text with which a machine finds its vault and registers (format.md §17).

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use strongroom_crypto::Role;
use strongroom_crypto::signing::verify;

use super::ids::parse_hex;
use super::{FormatError, Signer, VaultId};

const TITLE: &str = "Strongroom vault credential 1";
const FAMILY: &str = "Strongroom vault credential ";
const CONTEXT: &[u8] = b"strongroom vault credential v1\0";
const SIGNATURE: &str = "signature:";
const TEXT_MAX_BYTES: usize = 64 << 10;
/// Clocks of two machines differ by this much at most when all is well.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Why a vault credential does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialProblem {
    /// The text is none.
    #[error("this is no vault credential")]
    NotACredential,
    /// Its end is missing.
    #[error("the vault credential is cut short")]
    Incomplete,
    /// It is not as it was signed.
    #[error("the vault credential is not as it was issued: somebody has edited or damaged it")]
    Edited,
    /// A program from after this one has made it.
    #[error("the vault credential is of a version that this program does not know")]
    UnknownVersion,
    /// By this clock it was issued in the future.
    #[error("the vault credential is valid from {issued_at} on, and the clock here shows {now}")]
    NotYetValid {
        /// When it was issued.
        issued_at: DateTime<Utc>,
        /// What the clock shows.
        now: DateTime<Utc>,
    },
    /// Its time is over.
    #[error("the vault credential has expired at {expires_at}")]
    Expired {
        /// When it ended.
        expires_at: DateTime<Utc>,
    },
    /// It was made for another vault.
    #[error("the vault credential is for vault {expected}, and this is {found}")]
    OtherVault {
        /// The vault that it names.
        expected: VaultId,
        /// The vault at hand.
        found: VaultId,
    },
    /// Nobody who may sign for this vault has signed it.
    #[error("the vault credential is not signed by an owner or maintenance host of this vault")]
    Foreign,
    /// A newer one was issued.
    #[error("vault credential {serial} does not count any more: {newest} is the newest")]
    Superseded {
        /// Its own number.
        serial: u32,
        /// Number of the newest.
        newest: u32,
    },
    /// All that were issued up to then were withdrawn.
    #[error("vault credential {serial} was withdrawn")]
    Withdrawn {
        /// Its own number.
        serial: u32,
    },
    /// The vault does not know that it was issued: mostly because a copy of the vault is asked.
    #[error("the vault does not know that vault credential {serial} was issued")]
    NotIssued {
        /// Its own number.
        serial: u32,
    },
}

/// What a vault credential says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultCredential {
    /// Which vault it is for.
    pub vault_id: VaultId,
    /// The vault's name, if it has one.
    pub vault_name: Option<String>,
    /// Where the vault is.
    pub url: String,
    /// Where it is, too.
    pub places: Vec<String>,
    /// Whether the machine may look after the vault, too: expire and sweep.
    pub may_maintain: bool,
    /// Only the one with the highest number counts.
    pub serial: u32,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// From when on it does not count any more.
    pub expires_at: DateTime<Utc>,
}

/// A vault credential as it was read: whole, and as its signer has made it. Whether the vault knows that signer is another
/// question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFile {
    /// What it says.
    pub credential: VaultCredential,
    signer: Role,
    key: [u8; 32],
    hash: [u8; 32],
}

impl VaultCredential {
    /// The signed text.
    ///
    /// # Errors
    /// [`FormatError::Malformed`] when a field has a line break, or the signer's key is not known.
    pub fn seal(&self, signer: &Signer) -> Result<String, FormatError> {
        let fields = self.fields(signer);
        if fields
            .iter()
            .any(|(_, value)| value.chars().any(char::is_control))
        {
            return Err(FormatError::Malformed(
                "a vault credential has one line a field",
            ));
        }
        let mut text = format!(
            "{TITLE}\n\n\
             With this file and a passphrase of the vault, a machine registers:\n    \
             strongroom-agent register --credentials FILE\n\
             By itself it opens nothing. It counts until it expires or a newer one is issued.\n\n"
        );
        for (name, value) in &fields {
            text.push_str(&format!("{:<11}{value}\n", format!("{name}:")));
        }
        let signature = signer.sign(&message(&text))?;
        let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{SIGNATURE} {digits}\n"));
        Ok(text)
    }

    fn fields(&self, signer: &Signer) -> Vec<(&'static str, String)> {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let digits = |key: [u8; 32]| key.iter().map(|byte| format!("{byte:02x}")).collect();
        let key: String = digits(signer.public_key());
        let mut fields = vec![("vault id", self.vault_id.to_string())];
        fields.extend(self.vault_name.clone().map(|name| ("name", name)));
        fields.push(("url", self.url.clone()));
        fields.extend(self.places.iter().map(|place| ("place", place.clone())));
        let role = if self.may_maintain {
            "agent, maintenance"
        } else {
            "agent"
        };
        fields.extend([
            ("role", role.to_owned()),
            ("serial", self.serial.to_string()),
            ("issued", time(self.issued_at)),
            ("expires", time(self.expires_at)),
            ("signer", signer.role().to_string()),
            ("key", key),
        ]);
        fields
    }
}

impl CredentialFile {
    /// Reads a text and checks that it is whole and as it was signed.
    ///
    /// # Errors
    /// [`CredentialProblem::NotACredential`], [`CredentialProblem::Incomplete`], [`CredentialProblem::UnknownVersion`] or
    /// [`CredentialProblem::Edited`].
    pub fn parse(text: &str) -> Result<Self, CredentialProblem> {
        let first = text.lines().next().unwrap_or_default();
        if text.len() > TEXT_MAX_BYTES || !first.starts_with(FAMILY) {
            return Err(CredentialProblem::NotACredential);
        }
        if first != TITLE {
            return Err(CredentialProblem::UnknownVersion);
        }
        let (signed, rest) = text
            .split_once(&format!("\n{SIGNATURE}"))
            .ok_or(CredentialProblem::Incomplete)?;
        let digits = rest.strip_suffix('\n').unwrap_or(rest).trim_start();
        if digits.len() < 128 {
            return Err(CredentialProblem::Incomplete);
        }
        let signed = format!("{signed}\n");
        let signature = parse_hex::<64>(digits).ok_or(CredentialProblem::Edited)?;
        let fields = Fields(&signed);
        let key = fields.key().ok_or(CredentialProblem::Edited)?;
        verify(&key, &message(&signed), &signature).map_err(|_| CredentialProblem::Edited)?;
        let read = || {
            Some(Self {
                credential: fields.credential()?,
                signer: fields.one("signer")?.parse().ok()?,
                key,
                hash: *blake3::hash(format!("{signed}{SIGNATURE} {digits}\n").as_bytes())
                    .as_bytes(),
            })
        };
        read().ok_or(CredentialProblem::Edited)
    }

    /// Whether it counts at this time.
    ///
    /// # Errors
    /// [`CredentialProblem::NotYetValid`] or [`CredentialProblem::Expired`].
    pub fn check_time(&self, now: DateTime<Utc>) -> Result<(), CredentialProblem> {
        let VaultCredential {
            issued_at,
            expires_at,
            ..
        } = self.credential;
        if now + SKEW < issued_at {
            return Err(CredentialProblem::NotYetValid { issued_at, now });
        }
        if now >= expires_at {
            return Err(CredentialProblem::Expired { expires_at });
        }
        Ok(())
    }

    /// Who has signed it, by its own word.
    #[must_use]
    pub fn signer(&self) -> (Role, &[u8; 32]) {
        (self.signer, &self.key)
    }

    /// Hash of the whole text, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn message(signed: &str) -> Vec<u8> {
    [CONTEXT, signed.as_bytes()].concat()
}

/// Lines of the form `name: value`.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let of = move |line: &'a str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim());
        self.0.lines().filter_map(of)
    }

    fn one(&self, name: &str) -> Option<&'a str> {
        let mut found = self.all(name);
        found.next().filter(|_| found.next().is_none())
    }

    fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let time = DateTime::parse_from_rfc3339(self.one(name)?);
        Some(time.ok()?.to_utc())
    }

    fn key(&self) -> Option<[u8; 32]> {
        parse_hex(self.one("key")?)
    }

    fn credential(&self) -> Option<VaultCredential> {
        let may_maintain = match self.one("role")? {
            "agent" => false,
            "agent, maintenance" => true,
            _ => return None,
        };
        Some(VaultCredential {
            vault_id: self.one("vault id")?.parse().ok()?,
            vault_name: self.one("name").map(str::to_owned),
            url: self.one("url")?.to_owned(),
            places: self.all("place").map(str::to_owned).collect(),
            may_maintain,
            serial: self.one("serial")?.parse().ok()?,
            issued_at: self.time("issued")?,
            expires_at: self.time("expires")?,
        })
    }
}
