//! Security PINs of a vault: what destroys asks for one where the owner has turned it on.
//!
//! It is a second pair of hands, not a lock: who has the owner's passphrase and a program of his own needs no PIN
//! (threat-model.md, "Security PIN").

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use strongroom_crypto::pin::{self, Checked};
use strongroom_crypto::{Role, SecretKey};
use zeroize::Zeroizing;

use crate::error::in_object;
use crate::format::{
    ObjectKind, ObjectName, Security, SpentPin, VaultId, open_signed, parse_hex, seal_signed,
};
use crate::store::Created;
use crate::{Error, Result, Vault};

/// After how many days a PIN whose secret is lost is asked for no more.
pub const PIN_RESET_DAYS: i64 = 7;
const PREFIX: &str = "strongroom-pin-1";

/// What asks for a PIN.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Protected {
    /// Adding, changing and removing passphrases and keys.
    Keys,
    /// Deleting points for ever.
    DeleteNow,
    /// Stopping the protection of a source and deleting its points.
    StopProtection,
    /// Turning the PIN itself off, or another secret on.
    Security,
}

impl Protected {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Keys,
        Self::DeleteNow,
        Self::StopProtection,
        Self::Security,
    ];

    /// Its word, which a PIN is bound to.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::DeleteNow => "delete-now",
            Self::StopProtection => "stop-protection",
            Self::Security => "security",
        }
    }
}

/// Why a PIN does not count.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinProblem {
    /// None was given.
    #[error("this asks for a security PIN for {0:?}")]
    Needed(&'static str),
    /// It was made for something else or with another secret, or mistyped.
    #[error("this is no security PIN for {0:?} of this vault")]
    Wrong(&'static str),
    /// It was made more than five minutes ago.
    #[error("the security PIN was made more than five minutes ago")]
    Expired,
    /// It has done its work.
    #[error("the security PIN was used already")]
    Used,
}

/// Whether PINs are asked for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct PinSetting {
    /// Number of the secret, where they are.
    pub secret: Option<u32>,
    /// When they will not be any more, because the secret was lost.
    pub ends_at: Option<DateTime<Utc>>,
}

/// What PINs are made with: shown once, and kept apart from the passphrase.
#[derive(Debug)]
pub struct PinSecret {
    vault_id: VaultId,
    number: u32,
    key: SecretKey,
}

impl PinSecret {
    /// One line of text.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(140));
        text.push_str(&format!("{PREFIX}:{}:{}:", self.vault_id, self.number));
        for byte in self.key.expose() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text
    }

    /// Reads what [`PinSecret::to_text`] has written; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix(PREFIX)?.strip_prefix(':')?;
        let (vault_id, rest) = rest.split_once(':')?;
        let (number, key) = rest.split_once(':')?;
        Some(Self {
            vault_id: vault_id.parse().ok()?,
            number: number.parse().ok()?,
            key: SecretKey::from_bytes(parse_hex(key)?),
        })
    }

    /// The vault that its PINs are for.
    #[must_use]
    pub fn vault_id(&self) -> &VaultId {
        &self.vault_id
    }

    /// A PIN for this, good for five minutes.
    #[must_use]
    pub fn pin(&self, operation: Protected, now: DateTime<Utc>) -> String {
        pin::make(&self.key, operation.as_str(), secs(now))
    }
}

fn secs(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp()).unwrap_or_default()
}

impl Vault {
    /// Whether PINs are asked for at this time.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for monitors, or when the store fails.
    pub async fn pin_setting(&self, now: DateTime<Utc>) -> Result<PinSetting> {
        let settings = self.settings().await?;
        let in_force = settings.iter().find(|setting| setting.from <= now);
        // One that is newer and not in force yet says what comes.
        let coming = settings.first().filter(|setting| setting.from > now);
        let secret = in_force.and_then(|setting| setting.pin);
        Ok(PinSetting {
            secret,
            ends_at: coming
                .filter(|coming| coming.pin.is_none() && secret.is_some())
                .map(|coming| coming.from),
        })
    }

    /// Asks for PINs from now on, and returns what they are made with: where they are asked for already, with another secret
    /// than before. The caller has asked for a PIN then.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] unless this vault was opened by its owner, or when the store fails.
    pub async fn turn_pin_on(&self, now: DateTime<Utc>) -> Result<PinSecret> {
        let last = self.settings().await?.iter().filter_map(|it| it.pin).max();
        let number = last.unwrap_or(0).saturating_add(1);
        let secret = self.pin_secret(number)?;
        self.create_setting(Some(number), now, now).await?;
        Ok(secret)
    }

    /// Keeps the secret that is in force, whatever was begun to end it. The caller has asked for a PIN.
    ///
    /// # Errors
    /// As [`Vault::turn_pin_on`].
    pub async fn keep_pin(&self, now: DateTime<Utc>) -> Result<()> {
        let secret = self.pin_setting(now).await?.secret;
        self.create_setting(secret, now, now).await
    }

    /// Asks for no PINs from now on. The caller has asked for one.
    ///
    /// # Errors
    /// As [`Vault::turn_pin_on`].
    pub async fn turn_pin_off(&self, now: DateTime<Utc>) -> Result<()> {
        self.create_setting(None, now, now).await
    }

    /// Without a PIN, because its secret is lost: asks for none any more after [`PIN_RESET_DAYS`], and returns when.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] unless this vault was opened by its owner, or when the store fails.
    pub async fn reset_pin(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
        if let Some(ends_at) = self.pin_setting(now).await?.ends_at {
            return Ok(ends_at);
        }
        let from = now + TimeDelta::days(PIN_RESET_DAYS);
        self.create_setting(None, from, now).await?;
        Ok(from)
    }

    /// Lets an operation pass: where PINs are asked for, uses up the one that is given.
    ///
    /// # Errors
    /// [`Error::Pin`]; [`Error::NotPermitted`] where one is asked for and this vault was not opened by its owner; or when
    /// the store fails.
    pub async fn require_pin(
        &self,
        operation: Protected,
        pin: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let Some(number) = self.pin_setting(now).await?.secret else {
            return Ok(());
        };
        let secret = self.pin_secret(number)?;
        let word = operation.as_str();
        let pin = pin.ok_or(PinProblem::Needed(word))?;
        let made_at = match pin::check(&secret.key, word, pin, secs(now)) {
            Checked::Good(made_at) => made_at,
            Checked::Expired => return Err(PinProblem::Expired.into()),
            Checked::Wrong => return Err(PinProblem::Wrong(word).into()),
        };
        let name = ObjectName::SpentPin {
            domain: *self.domain_id(),
            mark: pin::mark(&secret.key, word, made_at),
        };
        let spent = SpentPin {
            v: 1,
            operation: word.to_owned(),
            at: now,
            nonce: self.nonce()?,
        };
        match self
            .create_control(ObjectKind::SpentPin, &name, &spent.encode()?)
            .await?
        {
            Created::Ours => Ok(()),
            Created::Theirs(_) => Err(PinProblem::Used.into()),
        }
    }

    fn pin_secret(&self, number: u32) -> Result<PinSecret> {
        let denied = Error::NotPermitted("the owner's passphrase");
        Ok(PinSecret {
            vault_id: *self.id(),
            number,
            key: self.keys().pin_secret(number).ok_or(denied)?,
        })
    }

    /// What owners have set, the newest first; what is void counts as not there.
    async fn settings(&self) -> Result<Vec<Security>> {
        let listed = self
            .store()
            .list(&format!("security/{}", self.domain_id()))
            .await?;
        let mut settings = Vec::new();
        for line in listed {
            let Some(name @ ObjectName::Security { number, .. }) = ObjectName::parse(&line.name)
            else {
                continue;
            };
            match self.read_setting(&name, number).await {
                Ok((Role::Owner, setting)) => settings.push(setting),
                Ok(_) => tracing::warn!(number, "a security setting is not the owner's"),
                Err(error) if error.is_corruption() => {
                    tracing::warn!(number, %error, "a security setting is void");
                }
                Err(error) => return Err(error),
            }
        }
        settings.sort_unstable_by_key(|setting| std::cmp::Reverse(setting.number));
        Ok(settings)
    }

    async fn read_setting(&self, name: &ObjectName, number: u32) -> Result<(Role, Security)> {
        let kind = ObjectKind::Security;
        let text = name.to_string();
        let object = self.store().read(&text, kind.max_bytes()).await?;
        let signers = self.signers();
        let opened = open_signed(kind, name, &object, self.control()?, self.id(), &signers);
        in_object(
            name,
            opened.and_then(|(role, plain)| Ok((role, Security::decode(&plain, number)?))),
        )
    }

    async fn create_setting(
        &self,
        pin: Option<u32>,
        from: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        // Only the owner's settings count.
        self.pin_secret(0)?;
        let newest = self.settings().await?.first().map_or(0, |it| it.number);
        for ahead in 1..=TRIES_MAX {
            let number = newest.saturating_add(ahead);
            let name = ObjectName::Security {
                domain: *self.domain_id(),
                number,
            };
            let setting = Security {
                v: 1,
                number,
                pin,
                from,
                at: now,
            };
            let plain = setting.encode()?;
            let created = self.create_control(ObjectKind::Security, &name, &plain);
            if let Created::Ours = created.await? {
                return Ok(());
            }
        }
        Err(Error::NameTaken {
            object: format!("security/{}", self.domain_id()),
        })
    }

    /// Creates a signed object of those that are sealed like control objects.
    pub(crate) async fn create_control(
        &self,
        kind: ObjectKind,
        name: &ObjectName,
        plain: &[u8],
    ) -> Result<Created> {
        let object = seal_signed(
            kind,
            name,
            plain,
            self.control()?,
            self.id(),
            &self.signer()?,
            &**self.entropy(),
        )?;
        let object = [Bytes::from(object)];
        self.store().create_once(&name.to_string(), &object).await
    }
}

/// How often another worker may be faster in taking a number.
const TRIES_MAX: u32 = 100;
