//! Vault credentials of a vault: which was issued last, and whether the one that a machine brings still counts.
//!
//! Each leaves a record, signed and created once under the next number. The record of the highest number that is not void
//! is the newest: by it, and not by what a file says of itself, all others are superseded.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use strongroom_crypto::Role;

use crate::error::in_object;
use crate::format::{
    CredentialFile, CredentialProblem, Issued, ObjectKind, ObjectName, VaultCredential, open_signed,
};
use crate::store::Created;
use crate::{Error, Result, Vault};

/// How often another worker may be faster in taking a number.
const TRIES_MAX: u32 = 100;

/// What a vault credential is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialTerms {
    /// Where a machine finds the vault.
    pub url: String,
    /// Where it is, too.
    pub places: Vec<String>,
    /// Whether the machine may look after the vault, too.
    pub may_maintain: bool,
    /// For how long it counts.
    pub valid_for: TimeDelta,
}

impl CredentialTerms {
    /// How long a vault credential counts unless told otherwise.
    pub const VALID_DAYS: i64 = 10;
}

impl Vault {
    /// Issues a vault credential and returns its text; older ones do not count any more.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] without an owner's or maintenance key, or when the store fails.
    pub async fn issue_credential(
        &self,
        terms: &CredentialTerms,
        now: DateTime<Utc>,
    ) -> Result<String> {
        let signer = self.signer()?;
        let now = now.trunc_subsecs(0);
        let mut made = String::new();
        let record = |number: u32| {
            let credential = VaultCredential {
                vault_id: *self.id(),
                vault_name: self.config().name.clone(),
                url: terms.url.clone(),
                places: terms.places.clone(),
                may_maintain: terms.may_maintain,
                serial: number,
                issued_at: now,
                expires_at: now + terms.valid_for,
            };
            made = credential.seal(&signer)?;
            Ok(Issued {
                v: 1,
                number,
                blake3: Some(CredentialFile::parse(&made)?.hash()),
                issued_at: credential.issued_at,
                expires_at: credential.expires_at,
            })
        };
        self.create_issued(record).await?;
        Ok(made)
    }

    /// Withdraws all vault credentials that were issued up to now.
    ///
    /// # Errors
    /// As [`Vault::issue_credential`].
    pub async fn withdraw_credentials(&self, now: DateTime<Utc>) -> Result<()> {
        let record = |number: u32| {
            Ok(Issued {
                v: 1,
                number,
                blake3: None,
                issued_at: now,
                expires_at: now,
            })
        };
        self.create_issued(record).await
    }

    /// Whether a machine may register with this vault credential now.
    ///
    /// # Errors
    /// [`Error::VaultCredential`] says why not; or the store fails.
    pub async fn admit(&self, file: &CredentialFile, now: DateTime<Utc>) -> Result<()> {
        let serial = file.credential.serial;
        if file.credential.vault_id != *self.id() {
            return Err(Error::from(CredentialProblem::OtherVault {
                expected: file.credential.vault_id,
                found: *self.id(),
            }));
        }
        file.check_time(now)?;
        let signers = self.signers();
        let (role, key) = file.signer();
        let known = match role {
            Role::Owner => signers.owner,
            Role::Maintenance => signers.maintenance,
            _ => None,
        };
        if known.as_ref() != Some(key) {
            return Err(CredentialProblem::Foreign.into());
        }
        match self.newest_issued().await? {
            Some(newest) if newest.blake3.as_ref() == Some(&file.hash()) => Ok(()),
            Some(newest) if newest.blake3.is_none() && serial <= newest.number => {
                Err(CredentialProblem::Withdrawn { serial }.into())
            }
            Some(newest) if serial < newest.number => {
                Err(Error::from(CredentialProblem::Superseded {
                    serial,
                    newest: newest.number,
                }))
            }
            _ => Err(CredentialProblem::NotIssued { serial }.into()),
        }
    }

    /// The record of the vault credential that counts, if one was issued. Records that are damaged or void are passed over.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for monitors, or when the store fails.
    pub async fn newest_issued(&self) -> Result<Option<Issued>> {
        let mut numbers = self.issued_numbers().await?;
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            match self.read_issued(number).await {
                Ok(issued) => return Ok(Some(issued)),
                Err(error) if error.is_corruption() => {
                    tracing::warn!(number, %error, "a record of a vault credential is void");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn issued_numbers(&self) -> Result<Vec<u32>> {
        let listed = self
            .store()
            .list(&format!("issued/{}", self.domain_id()))
            .await?;
        let number = |name: &str| match ObjectName::parse(name)? {
            ObjectName::Issued { number, .. } => Some(number),
            _ => None,
        };
        Ok(listed
            .iter()
            .filter_map(|line| number(&line.name))
            .collect())
    }

    fn issued_name(&self, number: u32) -> ObjectName {
        ObjectName::Issued {
            domain: *self.domain_id(),
            number,
        }
    }

    async fn read_issued(&self, number: u32) -> Result<Issued> {
        let (kind, name) = (ObjectKind::Issued, self.issued_name(number));
        let object = self
            .store()
            .read(&name.to_string(), kind.max_bytes())
            .await?;
        let signers = self.signers();
        let opened = open_signed(kind, &name, &object, self.control()?, self.id(), &signers);
        in_object(
            &name,
            opened.and_then(|(_, plain)| Issued::decode(&plain, number)),
        )
    }

    /// Creates a record under the next number that is free.
    async fn create_issued(&self, mut record: impl FnMut(u32) -> Result<Issued>) -> Result<()> {
        // Numbers of void records are stepped over, not counted on from: an agent could use them up.
        let last = self
            .newest_issued()
            .await?
            .map_or(0, |newest| newest.number);
        for ahead in 1..=TRIES_MAX {
            let number = last.saturating_add(ahead);
            let (kind, name) = (ObjectKind::Issued, self.issued_name(number));
            let plain = record(number)?.encode()?;
            let created = self.create_control(kind, &name, &plain).await?;
            if let Created::Ours = created {
                return Ok(());
            }
        }
        Err(Error::NameTaken {
            object: self.issued_name(last.saturating_add(TRIES_MAX)).to_string(),
        })
    }
}
