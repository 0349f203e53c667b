//! What an opened slot can do.

use crate::{BlockType, DomainKeys, Error, KeyBundle, KeyKind, Result, Role, SecretKey, context};

/// The keys behind one opened slot.
#[derive(Debug)]
pub struct KeyRing {
    role: Role,
    domain_id: [u8; 8],
    config: SecretKey,
    master: Option<SecretKey>,
    domain: Option<DomainKeys>,
    /// What maintenance and monitor slots carry, as it was given.
    bundle: KeyBundle,
}

impl KeyRing {
    /// The owner's ring, from the vault's master key.
    #[must_use]
    pub fn from_master(master: SecretKey, domain_id: [u8; 8]) -> Self {
        let domain = DomainKeys::from_root(master.derive(context::DOMAIN, &domain_id));
        Self {
            role: Role::Owner,
            domain_id,
            config: master.derive(context::CONFIG, &[]),
            master: Some(master),
            domain: Some(domain),
            bundle: KeyBundle::new(),
        }
    }

    /// The ring of a slot that was opened. `domain_id` names the domain to work in; an agent's slot has just one.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the bundle lacks a key that its role must have.
    pub fn from_bundle(role: Role, domain_id: [u8; 8], bundle: KeyBundle) -> Result<Self> {
        let need = |kind| {
            let missing = Error::Malformed("a key slot lacks a key of its role");
            bundle.get(kind).map(SecretKey::duplicate).ok_or(missing)
        };
        match role {
            Role::Owner => Ok(Self::from_master(need(KeyKind::Master)?, domain_id)),
            Role::Agent => {
                let domain = DomainKeys::from_root(need(KeyKind::Domain)?);
                let config = need(KeyKind::Config)?;
                let bundle = KeyBundle::new();
                Ok(Self {
                    role,
                    domain_id,
                    config,
                    master: None,
                    domain: Some(domain),
                    bundle,
                })
            }
            Role::Maintenance | Role::Monitor => {
                let config = need(KeyKind::Config)?;
                Ok(Self {
                    role,
                    domain_id,
                    config,
                    master: None,
                    domain: None,
                    bundle,
                })
            }
        }
    }

    /// The same ring with what a maintenance ring of the same domain signs with: a machine that looks after its own
    /// vault holds both.
    #[must_use]
    pub fn with_maintenance(mut self, maintenance: Self) -> Self {
        if maintenance.role == Role::Maintenance && maintenance.domain_id == self.domain_id {
            self.bundle = maintenance.bundle;
        }
        self
    }

    /// The role that this ring has.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The domain that this ring works in.
    #[must_use]
    pub fn domain_id(&self) -> &[u8; 8] {
        &self.domain_id
    }

    /// MAC key of the configuration; every role has it.
    #[must_use]
    pub fn config_key(&self) -> &SecretKey {
        &self.config
    }

    /// All keys of the domain; owners and agents have them.
    #[must_use]
    pub fn domain(&self) -> Option<&DomainKeys> {
        self.domain.as_ref()
    }

    /// The vault's master key; only owners have it.
    #[must_use]
    pub fn master(&self) -> Option<&SecretKey> {
        self.master.as_ref()
    }

    fn pick<'a>(
        &'a self,
        kind: KeyKind,
        of_domain: impl FnOnce(&'a DomainKeys) -> &'a SecretKey,
    ) -> Option<&'a SecretKey> {
        self.domain
            .as_ref()
            .map(of_domain)
            .or_else(|| self.bundle.get(kind))
    }

    /// Key of control objects, where the role has it.
    #[must_use]
    pub fn control(&self) -> Option<&SecretKey> {
        self.pick(KeyKind::Control, DomainKeys::control)
    }

    /// Key of tables of contents, where the role has it.
    #[must_use]
    pub fn toc(&self) -> Option<&SecretKey> {
        self.pick(KeyKind::Toc, DomainKeys::toc)
    }

    /// Key of reference lists, where the role has it.
    #[must_use]
    pub fn list(&self) -> Option<&SecretKey> {
        self.pick(KeyKind::List, DomainKeys::list)
    }

    /// Key of the structure of manifests, where the role has it.
    #[must_use]
    pub fn point(&self) -> Option<&SecretKey> {
        self.pick(KeyKind::Point, DomainKeys::point)
    }

    /// Key that opens blocks of a type and epoch, where the role has it.
    #[must_use]
    pub fn block(&self, block_type: BlockType, epoch: u32) -> Option<SecretKey> {
        match (&self.domain, block_type) {
            (Some(domain), _) => Some(domain.block(block_type, epoch)),
            (None, BlockType::List) => self.list().map(SecretKey::duplicate),
            (None, _) => None,
        }
    }

    /// Seed of the owner's signing key; only owners have it.
    #[must_use]
    pub fn owner_signing_seed(&self) -> Option<SecretKey> {
        self.master
            .as_ref()
            .map(|master| master.derive(context::OWNER_SIGNING, &[]))
    }

    /// The secret of this number that security PINs are made with; only owners have it.
    #[must_use]
    pub fn pin_secret(&self, number: u32) -> Option<SecretKey> {
        let master = self.master.as_ref()?;
        Some(master.derive(context::PIN, &number.to_le_bytes()))
    }

    /// Seed of the signing key of maintenance hosts; owners and maintenance hosts have it.
    #[must_use]
    pub fn maintenance_signing_seed(&self) -> Option<SecretKey> {
        match &self.master {
            Some(master) => Some(master.derive(context::MAINTENANCE_SIGNING, &[])),
            None => self
                .bundle
                .get(KeyKind::SigningSeed)
                .map(SecretKey::duplicate),
        }
    }

    /// The strongest key that this ring can sign with, and the role that it speaks for.
    #[cfg(feature = "signing")]
    #[must_use]
    pub fn signing_key(&self) -> Option<(Role, crate::signing::SigningKey)> {
        let key = |seed| crate::signing::SigningKey::from_seed(&seed);
        let owner = self
            .owner_signing_seed()
            .map(|seed| (Role::Owner, key(seed)));
        owner.or_else(|| Some((Role::Maintenance, key(self.maintenance_signing_seed()?))))
    }

    /// The public key of maintenance hosts, for the configuration.
    #[cfg(feature = "signing")]
    #[must_use]
    pub fn maintenance_public_key(&self) -> Option<[u8; 32]> {
        let seed = self.maintenance_signing_seed()?;
        Some(crate::signing::SigningKey::from_seed(&seed).public_key())
    }

    /// The owner's public key, for the configuration.
    #[cfg(feature = "signing")]
    #[must_use]
    pub fn owner_public_key(&self) -> Option<[u8; 32]> {
        Some(crate::signing::SigningKey::from_seed(&self.owner_signing_seed()?).public_key())
    }

    /// The bundle for a new slot of this role.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] unless this ring is the owner's, or the new role is the ring's own or less.
    pub fn bundle_for(&self, role: Role) -> Result<KeyBundle> {
        let config = || self.config.duplicate();
        match (role, &self.master, &self.domain) {
            (Role::Owner, Some(master), _) => {
                Ok(KeyBundle::new().with(KeyKind::Master, 0, master.duplicate()))
            }
            (Role::Agent, _, Some(domain)) => Ok(KeyBundle::new()
                .with(KeyKind::Domain, 0, domain.root().duplicate())
                .with(KeyKind::Config, 0, config())),
            (Role::Maintenance, Some(master), Some(domain)) => Ok(KeyBundle::new()
                .with(KeyKind::Config, 0, config())
                .with(KeyKind::Control, 0, domain.control().duplicate())
                .with(KeyKind::Toc, 0, domain.toc().duplicate())
                .with(KeyKind::List, 0, domain.list().duplicate())
                .with(KeyKind::Point, 0, domain.point().duplicate())
                .with(
                    KeyKind::SigningSeed,
                    0,
                    master.derive(context::MAINTENANCE_SIGNING, &[]),
                )
                .with(KeyKind::Head, 0, master.derive(context::HEAD, &[]))),
            (Role::Monitor, Some(master), Some(domain)) => Ok(KeyBundle::new()
                .with(KeyKind::Config, 0, config())
                .with(KeyKind::Point, 0, domain.point().duplicate())
                .with(KeyKind::Head, 0, master.derive(context::HEAD, &[]))),
            _ => Err(Error::NotPermitted("the owner's passphrase")),
        }
    }
}
