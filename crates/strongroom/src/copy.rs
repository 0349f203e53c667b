//! A second copy of the vault: bringing points to another place, sealed as they are.

use chrono::{DateTime, Utc};
use strongroom_vault::copy::{self, CopyPlan, CopyReport, CopyWatch};
use strongroom_vault::format::{MachineId, PlaceMode, SessionId};
use strongroom_vault::{
    Error as VaultError, Store, Vault, VaultUrl, create_store, is_same_place, open_store,
};

use crate::engine::Strongroom;
use crate::monitor::{Cancel, Monitor, Phase};
use crate::{Error, Result};

/// Where the second copy is.
#[derive(Debug, Clone)]
pub enum CopyTarget {
    /// As the URL of a vault.
    Url(VaultUrl),
    /// A store that the caller has made.
    Store(Store),
}

impl CopyTarget {
    /// Opens it. What is found by a URL keeps the pace of the vault: it may well be on the same line.
    async fn open(&self, create: bool, vault: &Store) -> Result<Store> {
        let store = match self {
            Self::Url(url) => match open_store(url).await {
                Err(VaultError::NoVault { .. }) if create => {
                    create_store(&[(url.clone(), PlaceMode::Decider)])?
                }
                opened => opened?,
            },
            Self::Store(store) => return Ok(store.clone()),
        };
        store.set_pace(vault.pace());
        Ok(store)
    }
}

impl std::fmt::Display for CopyTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url.as_str()),
            Self::Store(store) => f.write_str(&store.describe()),
        }
    }
}

/// What is copied, and where to.
///
/// # Defaults
/// All points that stand. Points that are deleted here stay there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CopyOptions {
    /// Where to; a place without a vault is made one.
    pub target: CopyTarget,
    /// Only these points; empty is all that stand.
    pub points: Vec<SessionId>,
    /// Delete there, softly, what is deleted here.
    pub with_deletions: bool,
    /// Random id of this machine, from its state directory: its own dead copies are fenced, so none may run at the same
    /// time. Zero: none is fenced.
    pub machine: [u8; 16],
    /// Stops the run; what was uploaded is reused by the next one.
    pub cancel: Cancel,
}

impl CopyOptions {
    /// Everything to this place.
    #[must_use]
    pub fn new(target: CopyTarget) -> Self {
        Self {
            target,
            points: Vec::new(),
            with_deletions: false,
            machine: [0; 16],
            cancel: Cancel::new(),
        }
    }
}

impl Strongroom {
    /// Whether a URL names a place of this vault when that is in several, or one that it has left.
    #[must_use]
    pub fn is_at(&self, url: &str) -> bool {
        let mut named = self.vault().config().places.iter();
        let in_force = self.vault().store().places();
        named.any(|place| is_same_place(&place.url, url))
            || in_force.iter().any(|place| is_same_place(&place.url, url))
    }

    /// What a copy would bring over now. Nothing is written, and the target need not exist. A vault in several places is
    /// read wherever it can be, and its copy is a vault in one place.
    ///
    /// # Errors
    /// [`Error::NoSuchPoint`]; when the target is another vault or one of this one's places, or cannot be used; with
    /// deletions, while the place that decides cannot be reached; or when the key opens no lists (as that of a monitor).
    pub fn plan_copy(&self, options: &CopyOptions, monitor: &dyn Monitor) -> Result<CopyPlan> {
        let engine = self.stopped_by(&options.cancel);
        monitor.phase(Phase::Preparing);
        if options.with_deletions {
            self.vault().signer()?;
        }
        let target = match self.open_target(options, false) {
            Ok(store) => self.at(store)?,
            Err(Error::Vault(VaultError::NoVault { .. })) => None,
            Err(error) => return Err(error),
        };
        let chosen = self.chosen(options);
        let plan = copy::plan_copy(self.vault(), target.as_ref(), self.reader(), &chosen);
        let plan = engine.wait_or_stop(plan)??;
        match plan.unknown.first() {
            Some(unknown) => Err(Error::NoSuchPoint(unknown.to_string())),
            None => Ok(plan),
        }
    }

    /// Carries out a plan: what the target lacks is brought there, sealed as it is; points keep their ids. A point is
    /// made there only when all that it needs is durable. With a key that reads content, every chunk is checked on the
    /// way; with another, every pack by the hash that the index has of it.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or when a store fails; points that were copied before stay. Damage here is no error: it
    /// stands in the report, and keeps the points away that need what is damaged.
    pub fn copy(
        &self,
        plan: &CopyPlan,
        options: &CopyOptions,
        monitor: &dyn Monitor,
    ) -> Result<CopyReport> {
        let store = self.open_target(options, true)?;
        let target = match self.at(store.clone())? {
            Some(target) => target,
            None => self.wait(copy::make_beside(self.vault(), store.clone()))?,
        };
        monitor.phase(Phase::Copying);
        monitor.found(plan.missing.len() as u64, plan.blocks_bytes());
        let watch = Watch {
            engine: self,
            cancel: &options.cancel,
            monitor,
        };
        let chosen = self.chosen(options);
        let copying = copy::copy(self.vault(), &target, self.reader(), plan, &chosen, &watch);
        let engine = self.stopped_by(&options.cancel);
        let report = engine.wait_beside(&store, copying)??;
        if report.is_stopped {
            return Err(Error::Cancelled);
        }
        monitor.phase(Phase::Finishing);
        Ok(report)
    }

    /// Where a second copy can be: not at a place of this vault, which would become another one there.
    fn open_target(&self, options: &CopyOptions, create: bool) -> Result<Store> {
        let refuse = |url: &str| {
            let reason = "it is a place of the vault itself, and no second copy".to_owned();
            let url = url.to_owned();
            Err(Error::Vault(VaultError::Location { url, reason }))
        };
        if let CopyTarget::Url(url) = &options.target
            && self.is_at(url.as_str())
        {
            return refuse(url.as_str());
        }
        let store = self.wait(options.target.open(create, self.vault().store()))?;
        let own = self.vault().store().places();
        let is_own = |url: &str| own.iter().any(|place| is_same_place(&place.url, url));
        match store.places().iter().find(|place| is_own(&place.url)) {
            Some(shared) => refuse(&shared.url),
            None => Ok(store),
        }
    }

    /// The copy of this vault in a store; `None` where no vault is.
    fn at(&self, store: Store) -> Result<Option<Vault>> {
        match self.wait(self.vault().beside(store.clone())) {
            Ok(vault) if !vault.config().places.is_empty() && store.places().is_empty() => {
                Err(Error::Vault(VaultError::Location {
                    url: store.describe(),
                    reason: "it is one place of a vault in several, which must be opened together"
                        .to_owned(),
                }))
            }
            Ok(vault) => Ok(Some(vault)),
            Err(VaultError::NoVault { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn chosen(&self, options: &CopyOptions) -> copy::CopyOptions {
        let memory = self.memory();
        let mut chosen = copy::CopyOptions::default();
        chosen.points.clone_from(&options.points);
        chosen.with_deletions = options.with_deletions;
        chosen.machine = MachineId::from_bytes(options.machine);
        chosen.pack_max_bytes = memory.pack_max_bytes;
        if memory.pack_max_bytes < self.vault().config().data_pack_bytes {
            chosen.reads_count = 1;
        }
        chosen
    }
}

/// A caller's monitor and cancellation, as the crate below sees them.
struct Watch<'a> {
    engine: &'a Strongroom,
    cancel: &'a Cancel,
    monitor: &'a dyn Monitor,
}

impl CopyWatch for Watch<'_> {
    fn copied(&self, points_count: u64, bytes: u64) {
        self.monitor.done(points_count, bytes);
        self.monitor.transferred(bytes);
    }

    fn is_stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn now(&self) -> DateTime<Utc> {
        self.engine.now()
    }
}
