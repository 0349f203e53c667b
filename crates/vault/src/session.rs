//! One writer: what it writes and in which order (format.md §12).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::error::in_object;
use crate::format::{
    Checkpoint, ChunkAddress, Fence, Header, MachineId, Manifest, Names, ObjectKind, ObjectName,
    Pin, Registration, SealedPack, Segment, SessionId, SourceId, Structure, Toc,
};
use crate::points::{self, PointRef};
use crate::store::Created;
use crate::sweep::{Cycles, Unusable};
use crate::{Error, Result, Vault};

const WRITER: &str = concat!("strongroom ", env!("CARGO_PKG_VERSION"));

/// A registered session. It ends by [`Session::commit`], or by being fenced.
#[derive(Debug)]
pub struct Session {
    vault: Vault,
    source: SourceId,
    sid: SessionId,
    epoch: u64,
    unusable: Unusable,
    next_segment: AtomicU32,
}

/// What [`Session::commit`] came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The point exists; its manifest has so many bytes.
    Point {
        /// Length of the manifest.
        bytes: u64,
    },
    /// Another run had fenced the session: there is no point.
    Fenced,
}

/// What a dead session of this machine has finished.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// Root piece of its last checkpoint.
    pub tree: Option<ChunkAddress>,
    /// When the session began.
    pub started_at: DateTime<Utc>,
}

impl Session {
    /// Declares all undecided sessions of this source and machine dead, so that none of them can commit any more, and
    /// returns the newest checkpoint that they left since the source's last point.
    ///
    /// The caller makes sure that no other session of this machine and source is running.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn fence_predecessors(
        vault: &Vault,
        source: SourceId,
        machine: MachineId,
        now: DateTime<Utc>,
    ) -> Result<Option<LeftBehind>> {
        let sessions = sessions_of(vault, source).await?;
        let points = points::of_source(vault, source).await?;
        let decided: BTreeSet<SessionId> = points.iter().map(|point| point.sid).collect();
        let mut left = None;
        let mut looking = true;
        for (sid, checkpoints) in sessions.into_iter().rev() {
            let point = PointRef { sid, source };
            let is_undecided = !decided.contains(&sid);
            if !is_undecided && !looking {
                continue;
            }
            if !is_undecided && points::decision(vault, &point).await? == Some(true) {
                looking = false;
                continue;
            }
            let Some(registration) = read_registration(vault, source, sid).await? else {
                continue;
            };
            if registration.machine != machine {
                continue;
            }
            let reason = format!(
                "a new run of the same machine began at {}",
                crate::vault::rfc3339(now)
            );
            if is_undecided && !fence(vault, &point, machine.to_string(), reason).await? {
                looking = false;
                continue;
            }
            if looking && left.is_none() {
                let tree = newest_tree(vault, source, sid, &checkpoints).await?;
                left = tree.map(|tree| LeftBehind {
                    tree: Some(tree),
                    started_at: registration.started_at,
                });
            }
        }
        Ok(left)
    }

    /// Registers a new session, then pins the newest sweep cycle.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] without the domain's keys, or when the store fails.
    pub async fn begin(
        vault: &Vault,
        source: SourceId,
        machine: MachineId,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut random = [0; 10];
        vault.entropy().fill(&mut random)?;
        let sid = SessionId::new(u64::try_from(now.timestamp_millis()).unwrap_or(0), random);
        let domain = *vault.domain_id();
        let key = vault.domain()?.control();
        let registration = Registration {
            v: 1,
            sid,
            source,
            machine,
            started_at: now,
            writer: WRITER.to_owned(),
            nonce: vault.nonce()?,
        };
        let object = registration.seal(key, vault.id(), &**vault.entropy())?;
        create(
            vault,
            &ObjectName::Registration {
                domain,
                source,
                session: sid,
            },
            object,
        )
        .await?;
        let cycles = Cycles::read(vault).await?;
        let epoch = cycles.newest.as_ref().map_or(0, |cycle| cycle.number);
        let pin = Pin {
            v: 1,
            sid,
            epoch,
            nonce: vault.nonce()?,
        };
        let object = pin.seal(key, vault.id(), &**vault.entropy())?;
        create(
            vault,
            &ObjectName::Pin {
                domain,
                source,
                session: sid,
            },
            object,
        )
        .await?;
        Ok(Self {
            vault: vault.clone(),
            source,
            sid,
            epoch,
            unusable: cycles.unusable(),
            next_segment: AtomicU32::new(0),
        })
    }

    /// Its id, and the id of the point that it will make.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.sid
    }

    /// The sweep cycle that it has pinned.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What this session must not refer to: a sweep that is under way may delete it, or one has.
    #[must_use]
    pub fn unusable(&self) -> &Unusable {
        &self.unusable
    }

    /// Stores a pack; returns its length and table once it is durable.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_pack(&self, pack: SealedPack) -> Result<(u64, Toc)> {
        let name = ObjectName::pack(pack.kind, pack.domain_id, pack.pack_id).to_string();
        match self.vault.store().create_once(&name, &pack.parts).await? {
            Created::Ours => Ok((pack.object_bytes, pack.toc)),
            Created::Theirs(_) => Err(Error::NameTaken { object: name }),
        }
    }

    /// Stores an index segment; every pack in it must be durable. Returns its length.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_segment(&self, segment: Segment) -> Result<u64> {
        let number = self.next_segment.fetch_add(1, Ordering::Relaxed);
        let domain = *self.vault.domain_id();
        let key = self.vault.domain()?.toc();
        let object = segment.seal(key, self.vault.id(), &**self.vault.entropy())?;
        create(
            &self.vault,
            &ObjectName::Segment {
                domain,
                session: self.sid,
                number,
            },
            object,
        )
        .await
    }

    /// Stores checkpoint `n`; everything below `tree` must be durable and stand in segments. Returns its length.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_checkpoint(
        &self,
        n: u32,
        tree: Option<ChunkAddress>,
        files_count: u64,
        read_bytes: u64,
        now: DateTime<Utc>,
    ) -> Result<u64> {
        let nonce = self.vault.nonce()?;
        let document = Checkpoint {
            v: 1,
            sid: self.sid,
            n,
            tree,
            files_count,
            read_bytes,
            at: now,
            nonce,
        };
        let key = self.vault.domain()?.control();
        let object = document.seal(key, self.vault.id(), &**self.vault.entropy())?;
        let domain = *self.vault.domain_id();
        let name = ObjectName::Checkpoint {
            domain,
            source: self.source,
            session: self.sid,
            number: n,
        };
        create(&self.vault, &name, object).await
    }

    /// Makes the recovery point; everything that it names must be durable and stand in segments.
    ///
    /// # Errors
    /// When the store fails or a section is beyond its limit.
    pub async fn commit(&self, mut structure: Structure, names: Names) -> Result<Committed> {
        structure.nonce = self.vault.nonce()?;
        let keys = self.vault.domain()?;
        let object = Manifest::seal(
            &structure,
            &names,
            keys.point(),
            keys.names(),
            &**self.vault.entropy(),
        )?;
        let bytes = object.len() as u64;
        let name = PointRef {
            sid: self.sid,
            source: self.source,
        }
        .object_name(self.vault.domain_id());
        match self
            .vault
            .store()
            .create_once(&name, &[object.into()])
            .await?
        {
            Created::Ours => Ok(Committed::Point { bytes }),
            Created::Theirs(found) => match in_object(&name, Header::parse_any(&found))?.0.kind {
                ObjectKind::Fence => Ok(Committed::Fenced),
                _ => Err(Error::NameTaken { object: name }),
            },
        }
    }

    /// Gives the session up, so that no sweep waits for it. Its checkpoints can still be taken up.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abandon(&self, reason: String) -> Result<()> {
        let point = PointRef {
            sid: self.sid,
            source: self.source,
        };
        fence(&self.vault, &point, "its own run".to_owned(), reason).await?;
        Ok(())
    }
}

async fn create(vault: &Vault, name: &ObjectName, object: Vec<u8>) -> Result<u64> {
    let bytes = object.len() as u64;
    match vault
        .store()
        .create_once(&name.to_string(), &[Bytes::from(object)])
        .await?
    {
        Created::Ours => Ok(bytes),
        Created::Theirs(_) => Err(Error::NameTaken {
            object: name.to_string(),
        }),
    }
}

/// Sessions of a source with the numbers of their checkpoints, in order of time.
async fn sessions_of(vault: &Vault, source: SourceId) -> Result<BTreeMap<SessionId, Vec<u32>>> {
    let mut sessions: BTreeMap<SessionId, Vec<u32>> = BTreeMap::new();
    for line in vault
        .store()
        .list(&format!("sess/{}/{source}", vault.domain_id()))
        .await?
    {
        match ObjectName::parse(&line.name) {
            Some(ObjectName::Registration { session, .. }) => {
                sessions.entry(session).or_default();
            }
            Some(ObjectName::Checkpoint {
                session, number, ..
            }) => {
                sessions.entry(session).or_default().push(number);
            }
            _ => {}
        }
    }
    Ok(sessions)
}

/// `None` when the registration cannot be read: then nobody knows whose session it is, and it is left alone.
async fn read_registration(
    vault: &Vault,
    source: SourceId,
    sid: SessionId,
) -> Result<Option<Registration>> {
    let name = ObjectName::Registration {
        domain: *vault.domain_id(),
        source,
        session: sid,
    };
    let read = vault
        .store()
        .read(&name.to_string(), ObjectKind::Registration.max_bytes())
        .await;
    let opened = match read {
        Ok(object) => in_object(
            &name,
            Registration::open(&object, vault.domain()?.control(), vault.id()),
        ),
        Err(error) => Err(error),
    };
    match opened {
        Ok(registration) => Ok((registration.sid == sid).then_some(registration)),
        Err(error) if error.is_corruption() => {
            tracing::warn!(%sid, %error, "a registration cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// False when the session has made its point after all.
pub(crate) async fn fence(
    vault: &Vault,
    point: &PointRef,
    by: String,
    reason: String,
) -> Result<bool> {
    let document = Fence {
        v: 1,
        sid: point.sid,
        by,
        reason,
        nonce: vault.nonce()?,
    };
    let object = document.seal(vault.control()?, vault.id(), &**vault.entropy())?;
    let name = point.object_name(vault.domain_id());
    match vault.store().create_once(&name, &[object.into()]).await? {
        Created::Ours => Ok(true),
        Created::Theirs(found) => {
            Ok(Header::parse_any(&found).is_ok_and(|(header, _)| header.kind == ObjectKind::Fence))
        }
    }
}

/// Tree of the newest checkpoint that can be read.
async fn newest_tree(
    vault: &Vault,
    source: SourceId,
    session: SessionId,
    numbers: &[u32],
) -> Result<Option<ChunkAddress>> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    for number in numbers.into_iter().rev() {
        let name = ObjectName::Checkpoint {
            domain: *vault.domain_id(),
            source,
            session,
            number,
        };
        let read = vault
            .store()
            .read(&name.to_string(), ObjectKind::Checkpoint.max_bytes())
            .await;
        let opened = match read {
            Ok(object) => in_object(
                &name,
                Checkpoint::open(&object, vault.domain()?.control(), vault.id()),
            ),
            Err(error) => Err(error),
        };
        match opened {
            Ok(checkpoint) if checkpoint.sid == session && checkpoint.tree.is_some() => {
                return Ok(checkpoint.tree);
            }
            Ok(_) => {}
            Err(error) if error.is_corruption() => {
                tracing::warn!(%session, number, %error, "a checkpoint cannot be read");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
