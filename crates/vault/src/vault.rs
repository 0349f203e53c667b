//! An open vault.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SecondsFormat, Utc};
use strongroom_chunking::{ChunkSizes, Masks};
use strongroom_crypto::{
    Credential, DomainKeys, Entropy, KdfCost, KeyRing, Passphrase, Role, SecretKey, SlotSecret,
};

use crate::error::in_object;
use crate::format::{
    ChunkerConfig, DomainId, ObjectKind, ObjectName, PackId, PlaceConfig, Signer, Signers, SlotId,
    VaultConfig, VaultId, parse_hex,
};
use crate::rule::{self, Rule};
use crate::slots;
use crate::store::{Authority, Created, Store};
use crate::{Error, Result};

/// How a new vault is made. Sizes cannot be changed later.
///
/// # Defaults
/// No name; Argon2id with 256 MiB; chunks of 16/64/256 KiB in blocks of 1 MiB in packs of 32 MiB; 14 days soft delete.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InitOptions {
    /// Name for people.
    pub name: Option<String>,
    /// Cost of deriving the key from the first passphrase.
    pub cost: KdfCost,
    /// Sizes of chunks.
    pub chunk_sizes: ChunkSizes,
    /// Raw bytes after which a data block ends.
    pub block_bytes: u32,
    /// Raw bytes after which a tree or list block ends.
    pub tree_block_bytes: u32,
    /// Size at which a data pack is complete.
    pub data_pack_bytes: u64,
    /// Size at which a metadata pack is complete.
    pub meta_pack_bytes: u64,
    /// Files up to this size lie in their tree record.
    pub inline_bytes: u32,
    /// Level of zstd, 1–22.
    pub compression_level: i32,
    /// `local`, `zone` or `geo`.
    pub redundancy: String,
    /// Deleting points is immediate.
    pub no_soft_delete: bool,
    /// For how many days a deleted point can be undeleted, [14 to 180](InitOptions::SOFT_DELETE_DAYS).
    pub soft_delete_days: u32,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self {
            name: None,
            cost: KdfCost::default(),
            chunk_sizes: ChunkSizes::default(),
            block_bytes: 1 << 20,
            tree_block_bytes: 512 << 10,
            data_pack_bytes: 32 << 20,
            meta_pack_bytes: 8 << 20,
            inline_bytes: 512,
            compression_level: 3,
            redundancy: "local".to_owned(),
            no_soft_delete: false,
            soft_delete_days: *Self::SOFT_DELETE_DAYS.start(),
        }
    }
}

impl InitOptions {
    /// For how many days a deleted point can be undeleted, at least and at most.
    pub const SOFT_DELETE_DAYS: RangeInclusive<u32> = 14..=180;

    /// The cheapest key derivation that readers accept: for tests only.
    #[must_use]
    pub fn for_tests() -> Self {
        Self {
            cost: KdfCost::MINIMUM,
            ..Self::default()
        }
    }
}

/// An open vault. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Store,
    config: VaultConfig,
    domain_id: DomainId,
    keys: Arc<KeyRing>,
    /// The slot that was opened.
    slot_id: Option<SlotId>,
    entropy: Arc<dyn Entropy>,
    /// Where what was read of the index is kept for the next time.
    index_dir: OnceLock<PathBuf>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("id", &self.0.config.vault_id)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Probes the store, makes a new vault in it and opens it as its owner. Deriving the key blocks for about a second.
    ///
    /// # Errors
    /// [`Error::SoftDeleteDays`], [`Error::VaultExists`], [`Error::StoreRefused`], or when the store fails.
    pub async fn init(
        store: impl Into<Store>,
        passphrase: &Passphrase,
        options: &InitOptions,
        now: DateTime<Utc>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        if !InitOptions::SOFT_DELETE_DAYS.contains(&options.soft_delete_days) {
            return Err(Error::SoftDeleteDays(options.soft_delete_days));
        }
        let store = store.into();
        let config_name = ObjectName::Config.to_string();
        for place in store.each() {
            // Read, and not only looked for: the answer says what is wrong with a bucket or a credential.
            match place
                .read(&config_name, ObjectKind::Config.max_bytes())
                .await
            {
                Err(Error::Missing { .. }) => crate::probe(&place, &*entropy).await?,
                Err(error @ (Error::Store { .. } | Error::TimedOut { .. })) => return Err(error),
                Ok(_) | Err(_) => return Err(Error::VaultExists),
            }
        }
        let (mut vault_id, mut domain_id) = ([0; 16], [0; 8]);
        entropy.fill(&mut vault_id)?;
        entropy.fill(&mut domain_id)?;
        let domain_id = DomainId::from_bytes(domain_id);
        let keys = KeyRing::from_master(SecretKey::generate(&*entropy)?, *domain_id.as_bytes());
        let mut config = config_of(
            options,
            VaultId::from_bytes(vault_id),
            domain_id,
            &keys,
            now,
        );
        config.places = store.places().into_iter().map(PlaceConfig::from).collect();
        let object = config.seal(keys.config_key())?;
        let vault = Self(Arc::new(Inner {
            store,
            config,
            domain_id,
            keys: Arc::new(keys),
            slot_id: None,
            entropy,
            index_dir: OnceLock::new(),
        }));
        // The slot first: a configuration never stands without a key that opens it.
        let secret = SlotSecret::Passphrase(passphrase);
        vault
            .write_slot(
                None,
                secret,
                Role::Owner,
                options.cost,
                "first passphrase",
                now,
            )
            .await?;
        match vault
            .0
            .store
            .create_once(&config_name, &[object.into()])
            .await?
        {
            Created::Ours => {
                trust(vault.store(), vault.config())?;
                Ok(vault)
            }
            Created::Theirs(_) => Err(Error::VaultExists),
        }
    }

    /// Opens a vault with a passphrase (which blocks for about a second) or a credential.
    ///
    /// # Errors
    /// [`Error::NoVault`], [`Error::WrongKey`], or when an object that is needed is damaged or of an unknown version.
    pub async fn open(
        store: impl Into<Store>,
        secret: SlotSecret<'_>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        Self::open_with(store, secret, None, entropy).await
    }

    /// Opens a vault with a maintenance credential beside another secret: a machine that looks after its own vault
    /// backs up with one and deletes with the other.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub async fn open_with(
        store: impl Into<Store>,
        secret: SlotSecret<'_>,
        maintenance: Option<&Credential>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let store = store.into();
        let name = ObjectName::Config.to_string();
        let object = match store.read(&name, ObjectKind::Config.max_bytes()).await {
            Err(Error::Missing { .. }) => {
                let is_hurt = !store.list("keys").await?.is_empty();
                let place = store.describe();
                return Err(if is_hurt {
                    Error::Missing { object: name }
                } else {
                    Error::NoVault { place }
                });
            }
            outcome => outcome?,
        };
        let unverified = in_object(&name, VaultConfig::parse_unverified(&object))?;
        let domain_id = *unverified.domains.first().ok_or(Error::WrongKey)?;
        let mut hurt = None;
        let mut signing = None;
        if let Some(credential) = maintenance {
            let secret = SlotSecret::Credential(credential);
            signing = slots::open(&store, secret, domain_id, &mut hurt)
                .await?
                .pop()
                .map(|(_, ring)| ring);
            signing.as_ref().ok_or(Error::WrongKey)?;
        }
        for (slot_id, ring) in slots::open(&store, secret, domain_id, &mut hurt).await? {
            let ring = match signing.take() {
                Some(signing) => ring.with_maintenance(signing),
                None => ring,
            };
            match VaultConfig::open(&object, ring.config_key()) {
                Ok(config) => {
                    trust(&store, &config)?;
                    let domain_id = DomainId::from_bytes(*ring.domain_id());
                    let unknown = in_object(&name, VaultConfig::unknown_features(&object))?;
                    return Ok(Self(Arc::new(Inner {
                        store: store.with_unknown_features(unknown),
                        config,
                        domain_id,
                        keys: Arc::new(ring),
                        slot_id: Some(slot_id),
                        entropy,
                        index_dir: OnceLock::new(),
                    })));
                }
                Err(source) => {
                    hurt = Some(Error::Object {
                        object: name.clone(),
                        source,
                    });
                }
            }
        }
        Err(hurt.unwrap_or(Error::WrongKey))
    }

    /// Opens the copy of this vault in another store, with the keys at hand.
    ///
    /// # Errors
    /// [`Error::NoVault`], [`Error::OtherVault`] when it is no copy of this one, or when its configuration cannot be used.
    pub async fn beside(&self, store: impl Into<Store>) -> Result<Self> {
        let store = store.into();
        let name = ObjectName::Config.to_string();
        let object = match store.read(&name, ObjectKind::Config.max_bytes()).await {
            Err(Error::Missing { .. }) => {
                let place = store.describe();
                return Err(Error::NoVault { place });
            }
            outcome => outcome?,
        };
        let found = in_object(&name, VaultConfig::parse_unverified(&object))?.vault_id;
        if found != *self.id() {
            return Err(Error::OtherVault {
                place: store.describe(),
                found,
                expected: *self.id(),
            });
        }
        let config = in_object(&name, VaultConfig::open(&object, self.keys().config_key()))?;
        let unknown = in_object(&name, VaultConfig::unknown_features(&object))?;
        trust(&store, &config)?;
        Ok(Self(Arc::new(Inner {
            store: store.with_unknown_features(unknown),
            config,
            domain_id: self.0.domain_id,
            keys: Arc::clone(&self.0.keys),
            slot_id: self.0.slot_id,
            entropy: Arc::clone(&self.0.entropy),
            index_dir: OnceLock::new(),
        })))
    }

    /// Keeps copies of large index segments, sealed as they are, and filters over them in a directory below this one, so that
    /// the next who opens the vault need not read them again. What is damaged there is read anew. Only the first call counts.
    pub fn keep_index_in(&self, dir: &Path) {
        let dir = dir.join(self.id().to_string());
        let _first = self.0.index_dir.set(dir);
    }

    pub(crate) fn index_dir(&self) -> Option<&Path> {
        self.0.index_dir.get().map(PathBuf::as_path)
    }

    /// The slot that was opened; `None` for a vault that has just been made.
    #[must_use]
    pub fn slot_id(&self) -> Option<&SlotId> {
        self.0.slot_id.as_ref()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &VaultId {
        &self.0.config.vault_id
    }

    /// The domain that this key works in.
    #[must_use]
    pub fn domain_id(&self) -> &DomainId {
        &self.0.domain_id
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &VaultConfig {
        &self.0.config
    }

    /// What the opened slot can do.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.0.keys
    }

    /// The keys of the domain.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for roles that cannot read content.
    pub fn domain(&self) -> Result<&DomainKeys> {
        self.0
            .keys
            .domain()
            .ok_or(Error::NotPermitted("an owner's or agent's key"))
    }

    /// Whose signatures count in this vault.
    #[must_use]
    pub fn signers(&self) -> Signers {
        let config = &self.0.config;
        let maintenance = config.maintenance_public_key.as_deref();
        Signers {
            owner: parse_hex(&config.owner_public_key),
            maintenance: maintenance.and_then(parse_hex),
        }
    }

    /// What signs with the key that was opened.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for agents and monitors.
    pub fn signer(&self) -> Result<Signer> {
        let key = self.0.keys.signing_key();
        key.and_then(|(role, key)| Signer::new(role, key))
            .ok_or(Error::NotPermitted("an owner's or maintenance key"))
    }

    /// Key of control objects.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for monitors.
    pub(crate) fn control(&self) -> Result<&SecretKey> {
        let denied = Error::NotPermitted("an owner's, agent's or maintenance key");
        self.0.keys.control().ok_or(denied)
    }

    /// Key of tables of contents, index segments and remaps.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for monitors.
    pub(crate) fn toc_key(&self) -> Result<&SecretKey> {
        let denied = Error::NotPermitted("an owner's, agent's or maintenance key");
        self.0.keys.toc().ok_or(denied)
    }

    /// Where its objects are.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Where its random numbers come from.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.0.entropy
    }

    /// An id for a new pack: one that no other pack has, or ever had.
    ///
    /// # Errors
    /// When there is no entropy.
    pub fn new_pack_id(&self) -> Result<PackId> {
        let mut id = [0; 16];
        self.entropy().fill(&mut id)?;
        let [first, ..] = id;
        if !rule::holds(Rule::FreshPackIds) {
            id = [first % 8; 16];
        }
        Ok(PackId::from_bytes(id))
    }

    /// 16 random bytes in hexadecimal, for the `nonce` of a document.
    pub(crate) fn nonce(&self) -> Result<String> {
        let mut random = [0; 16];
        self.0.entropy.fill(&mut random)?;
        Ok(SlotId::from_bytes(random).to_string())
    }
}

/// Tells a mirrored store whose generations count, now that the configuration is proven.
fn trust(store: &Store, config: &VaultConfig) -> Result<()> {
    let (Some(mirror), Some(owner)) = (store.as_mirror(), parse_hex(&config.owner_public_key))
    else {
        return Ok(());
    };
    let authority = Authority {
        vault_id: config.vault_id,
        owner,
    };
    if mirror.trust(authority) {
        return Ok(());
    }
    Err(Error::Void {
        object: ObjectName::Opening {
            number: mirror.number(),
        }
        .to_string(),
    })
}

/// A time as it stands in documents.
pub(crate) fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn config_of(
    options: &InitOptions,
    vault_id: VaultId,
    domain_id: DomainId,
    keys: &KeyRing,
    now: DateTime<Utc>,
) -> VaultConfig {
    let sizes = options.chunk_sizes;
    let masks = Masks::for_average(sizes.avg_bytes());
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let hex = |key: [u8; 32]| key.iter().map(|byte| format!("{byte:02x}")).collect();
    VaultConfig {
        format: 1,
        vault_id,
        name: options.name.clone(),
        created_at: now,
        domains: vec![domain_id],
        chunker: ChunkerConfig {
            id: 1,
            min_bytes: size(sizes.min_bytes()),
            avg_bytes: size(sizes.avg_bytes()),
            max_bytes: size(sizes.max_bytes()),
            mask_small: masks.small,
            mask_large: masks.large,
        },
        inline_bytes: options.inline_bytes,
        block_bytes: options.block_bytes,
        tree_block_bytes: options.tree_block_bytes,
        data_pack_bytes: options.data_pack_bytes,
        meta_pack_bytes: options.meta_pack_bytes,
        compression_level: options.compression_level,
        owner_public_key: keys.owner_public_key().map(hex).unwrap_or_default(),
        maintenance_public_key: keys.maintenance_public_key().map(hex),
        redundancy: options.redundancy.clone(),
        places: Vec::new(),
        soft_delete_days: options.soft_delete_days,
        no_soft_delete: options.no_soft_delete,
    }
}
