//! Who has how much, and how fast they may add.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::settings::Quota;
use crate::AgentId;

/// What an agent has made and still stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Bytes of its objects.
    pub bytes: u64,
    /// How many they are.
    pub objects: u64,
}

/// Why something is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// Its objects would have too many bytes.
    Bytes,
    /// It would have too many objects.
    Objects,
    /// It came too fast; it may come again after so long.
    Rate(Duration),
}

/// Tokens that come back at a steady rate, up to what a minute brings.
#[derive(Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Bucket {
    const BURST_SECS: f64 = 60.0;

    fn full(rate: f64, now: Instant) -> Self {
        Self {
            level: rate * Self::BURST_SECS,
            at: now,
        }
    }

    /// Takes what is asked for as long as there is anything: an object may be larger than a minute brings, and whoever
    /// took it waits longer then.
    fn take(&mut self, count: f64, rate: f64, now: Instant) -> Result<(), Duration> {
        let came = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.level = (self.level + came).min(rate * Self::BURST_SECS);
        self.at = now;
        if self.level <= 0.0 {
            let wait = Duration::try_from_secs_f64((1.0 - self.level) / rate);
            return Err(wait.unwrap_or(Duration::MAX));
        }
        self.level -= count;
        Ok(())
    }
}

#[derive(Debug)]
struct Account {
    used: Used,
    requests: Bucket,
    sent: Bucket,
}

/// The books of all agents.
#[derive(Debug)]
pub(super) struct Usage {
    quota: Quota,
    accounts: Mutex<HashMap<AgentId, Account>>,
}

impl Usage {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            quota,
            accounts: Mutex::default(),
        }
    }

    fn with<T>(&self, agent: &AgentId, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts: MutexGuard<'_, _> =
            self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let account = accounts.entry(agent.clone()).or_insert_with(|| Account {
            used: Used::default(),
            requests: Bucket::full(rate(self.quota.requests_per_sec), now),
            sent: Bucket::full(rate(self.quota.bytes_per_sec), now),
        });
        act(account)
    }

    /// Notes what is there already.
    pub(super) fn add(&self, agent: &AgentId, more: Used) {
        self.with(agent, |account| {
            account.used.bytes = account.used.bytes.saturating_add(more.bytes);
            account.used.objects = account.used.objects.saturating_add(more.objects);
        });
    }

    pub(super) fn remove(&self, agent: &AgentId, less: Used) {
        self.with(agent, |account| {
            account.used.bytes = account.used.bytes.saturating_sub(less.bytes);
            account.used.objects = account.used.objects.saturating_sub(less.objects);
        });
    }

    pub(super) fn used(&self, agent: &AgentId) -> Used {
        self.with(agent, |account| account.used)
    }

    /// Counts a request.
    pub(super) fn ask(&self, agent: &AgentId) -> Result<(), Excess> {
        let rate = rate(self.quota.requests_per_sec);
        self.with(agent, |account| {
            account.requests.take(1.0, rate, Instant::now())
        })
        .map_err(Excess::Rate)
    }

    /// Sets bytes and an object aside for what is about to come; dropped without being kept, they are given back.
    pub(super) fn reserve(&self, agent: &AgentId, bytes: u64) -> Result<Reserved<'_>, Excess> {
        let quota = self.quota;
        self.with(agent, |account| {
            if account.used.bytes.saturating_add(bytes) > quota.bytes {
                return Err(Excess::Bytes);
            }
            if account.used.objects >= quota.objects {
                return Err(Excess::Objects);
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "of a rate, the leading digits count"
            )]
            let count = bytes as f64;
            account
                .sent
                .take(count, rate(quota.bytes_per_sec), Instant::now())
                .map_err(Excess::Rate)?;
            account.used.bytes += bytes;
            account.used.objects += 1;
            Ok(())
        })?;
        Ok(Reserved {
            usage: self,
            agent: agent.clone(),
            used: Used { bytes, objects: 1 },
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "of a rate, the leading digits count"
)]
fn rate(per_sec: u64) -> f64 {
    per_sec.max(1) as f64
}

/// See [`Usage::reserve`].
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    usage: &'a Usage,
    agent: AgentId,
    used: Used,
}

impl Reserved<'_> {
    /// The object stands.
    pub(super) fn keep(mut self) {
        self.used = Used::default();
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.usage.remove(&self.agent, self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(quota: Quota) -> (Usage, AgentId) {
        (Usage::new(quota), "pc".parse().expect("valid"))
    }

    const ROOMY: Quota = Quota {
        bytes: 100,
        objects: 3,
        bytes_per_sec: 1 << 30,
        requests_per_sec: 1 << 20,
    };

    #[tokio::test(start_paused = true)]
    async fn what_is_reserved_counts_and_comes_back() {
        let (usage, pc) = usage(ROOMY);
        let first = usage.reserve(&pc, 60).expect("room");
        assert_eq!(usage.reserve(&pc, 41).err(), Some(Excess::Bytes));
        usage.reserve(&pc, 40).expect("room").keep();
        assert_eq!(
            usage.used(&pc),
            Used {
                bytes: 100,
                objects: 2
            }
        );
        drop(first);
        assert_eq!(
            usage.used(&pc),
            Used {
                bytes: 40,
                objects: 1
            }
        );
        for _ in 0..2 {
            usage.reserve(&pc, 0).expect("room").keep();
        }
        assert_eq!(usage.reserve(&pc, 0).err(), Some(Excess::Objects));
        usage.remove(
            &pc,
            Used {
                bytes: 40,
                objects: 1,
            },
        );
        assert_eq!(
            usage.used(&pc),
            Used {
                bytes: 0,
                objects: 2
            }
        );
        assert_eq!(usage.reserve(&pc, u64::MAX).err(), Some(Excess::Bytes));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_too_fast_is_told_when_to_come_again() {
        let (usage, pc) = usage(Quota {
            bytes: u64::MAX,
            objects: u64::MAX,
            bytes_per_sec: 10,
            requests_per_sec: 1,
        });
        for _ in 0..60 {
            usage.ask(&pc).expect("a minute's worth");
        }
        let Err(Excess::Rate(wait)) = usage.ask(&pc) else {
            panic!("not refused")
        };
        tokio::time::advance(wait).await;
        usage.ask(&pc).expect("one more");
        // Larger than a minute brings: taken once, paid off by waiting.
        usage
            .reserve(&pc, 6000)
            .expect("the bucket was full")
            .keep();
        let Err(Excess::Rate(wait)) = usage.reserve(&pc, 1) else {
            panic!("not refused")
        };
        assert!((539..=541).contains(&wait.as_secs()), "{wait:?}");
        let other = "other".parse().expect("valid");
        usage
            .reserve(&other, 600)
            .expect("everybody has their own")
            .keep();
    }
}
