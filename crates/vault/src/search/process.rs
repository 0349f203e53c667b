//! A process: a vault that it has opened, a clock that is wrong, and a store on which it may die at any operation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use strongroom_crypto::{Credential, Passphrase, Role, SeededEntropy, SlotSecret};

use super::World;
use super::script::What;
use crate::wrap::{Dice, Fate, Faulty, Memory};
use crate::{BlockReader, InitOptions, Result, Vault};

/// How long operations take, milliseconds: an actor has one of these paces for a while.
const PACES: [u64; 8] = [1, 1, 1, 4, 30, 300, 3000, 30_000];

/// A new vault and what opens it without deriving a key.
pub(super) struct Origin {
    pub(super) memory: Arc<Memory>,
    owner: Credential,
    agent: Credential,
    maintenance: Credential,
}

impl Origin {
    /// The same for all schedules. Not to be called from async code.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Origin> = OnceLock::new();
        SHARED.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime");
            runtime.block_on(Self::make())
        })
    }

    async fn make() -> Self {
        let memory = Memory::new();
        let passphrase = Passphrase::new("correct horse battery staple").expect("long");
        let entropy = Arc::new(SeededEntropy::new(0));
        let options = InitOptions::for_tests();
        let vault = Vault::init(memory.clone(), &passphrase, &options, memory.now(), entropy)
            .await
            .expect("a vault");
        let add = async |role| {
            let slot = vault.add_credential(role, "search", memory.now()).await;
            slot.expect("a slot")
        };
        let (owner, agent) = (add(Role::Owner).await, add(Role::Agent).await);
        let maintenance = add(Role::Maintenance).await;
        Self {
            memory,
            owner,
            agent,
            maintenance,
        }
    }

    fn credential(&self, role: Role) -> &Credential {
        match role {
            Role::Owner => &self.owner,
            Role::Agent => &self.agent,
            Role::Maintenance | Role::Monitor => &self.maintenance,
        }
    }
}

/// One process of an actor; it dies with an error of its store.
pub(super) struct Process {
    pub(super) vault: Vault,
    pub(super) reader: BlockReader,
    memory: Arc<Memory>,
    clock_off_by: TimeDelta,
}

impl Process {
    /// A process of the actor of this name; `number` tells its processes apart.
    pub(super) async fn start(world: &World, role: Role, actor: &str, number: u64) -> Result<Self> {
        let mut dice = world.dice(actor, number);
        let entropy = Arc::new(SeededEntropy::new(dice.roll()));
        let ten_years = 10 * 365 * 24 * 60 * 60;
        let off = i64::try_from(dice.below(2 * ten_years)).unwrap_or(0);
        let off = off - i64::try_from(ten_years).unwrap_or(0);
        let store = world.store(actor, dice);
        let secret = SlotSecret::Credential(world.origin.credential(role));
        let vault = Vault::open(store, secret, entropy).await?;
        Ok(Self {
            reader: BlockReader::new(vault.clone(), 1 << 16, 1 << 16),
            vault,
            memory: world.memory.clone(),
            clock_off_by: TimeDelta::seconds(off),
        })
    }

    /// What its clock says: up to ten years off.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.memory.now() + self.clock_off_by
    }
}

impl World {
    /// Dice of an actor of this schedule.
    pub(super) fn dice(&self, actor: &str, number: u64) -> Dice {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(actor.as_bytes());
        let seed = hasher
            .finalize()
            .as_bytes()
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes));
        Dice::new(seed.unwrap_or(0))
    }

    /// The shared store as one process sees it: slow, and deadly.
    fn store(&self, actor: &str, mut dice: Dice) -> Arc<Faulty> {
        let dead = AtomicBool::new(false);
        let (deaths, mut fatal) = (self.setup.deaths, dice.clone());
        let mut follow = self.setup.script.map(|script| script.follow(actor));
        let mortal = Faulty::new(self.network.clone(), move |operation| {
            let told = follow.as_mut().and_then(|follow| follow(operation));
            let is_first = !dead.load(Ordering::Relaxed);
            if is_first && told != Some(What::Dies) && !fatal.per_mille(deaths) {
                return Fate::Pass;
            }
            dead.store(true, Ordering::Relaxed);
            if is_first && fatal.per_mille(500) {
                Fate::FailAfter(std::io::ErrorKind::PermissionDenied)
            } else {
                Fate::Fail(std::io::ErrorKind::PermissionDenied)
            }
        });
        let (memory, shadow, actor) = (self.memory.clone(), self.shadow.trace(), actor.to_owned());
        let (began_at, began) = self.began;
        let mut pace = 1;
        let mut follow = self.setup.script.map(|script| script.follow(&actor));
        Faulty::with_pages(mortal, self.setup.page_entries, move |operation| {
            let now = began_at + TimeDelta::from_std(began.elapsed()).unwrap_or_default();
            memory.advance(now - memory.now());
            shadow.note(&actor, operation);
            if let Some(follow) = &mut follow {
                return match follow(operation) {
                    Some(What::Sleeps(millis)) => Fate::Slow(Duration::from_millis(millis)),
                    _ => Fate::Slow(Duration::from_millis(1)),
                };
            }
            if dice.per_mille(120) {
                let at = usize::try_from(dice.below(PACES.len() as u64)).unwrap_or(0);
                pace = PACES[at];
            }
            Fate::Slow(Duration::from_millis(1 + dice.below(2 * pace)))
        })
    }
}
