//! Sessions that have neither committed nor been fenced.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use crate::error::in_object;
use crate::format::{ObjectKind, ObjectName, Pin, SessionId};
use crate::points::{self, PointRef};
use crate::rule::{self, Rule};
use crate::store::Listed;
use crate::{Error, Result, Vault};

/// An undecided session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSession {
    /// The point that it would make.
    pub point: PointRef,
    /// Its last sign of life, by the store's clock.
    pub seen_at: DateTime<Utc>,
    /// The cycle that it has pinned.
    pub pin: Option<u64>,
}

/// What stands below `sess/`.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pub(crate) open: Vec<OpenSession>,
    /// Objects of sessions that have made their point or were fenced: nobody asks for them any more.
    pub(crate) finished: Vec<String>,
    /// Ids of undecided sessions.
    pub(crate) open_ids: HashSet<SessionId>,
}

impl Sessions {
    /// Lists all sessions; points are listed after them, so that what is undecided here was undecided then.
    pub(crate) async fn read(vault: &Vault) -> Result<Self> {
        let listed = vault
            .store()
            .list(&format!("sess/{}", vault.domain_id()))
            .await?;
        let mut by_session: BTreeMap<SessionId, (PointRef, Vec<Listed>)> = BTreeMap::new();
        for line in listed {
            let Some(
                ObjectName::Registration {
                    source, session, ..
                }
                | ObjectName::Pin {
                    source, session, ..
                }
                | ObjectName::Checkpoint {
                    source, session, ..
                },
            ) = ObjectName::parse(&line.name)
            else {
                continue;
            };
            let point = PointRef {
                sid: session,
                source,
            };
            by_session
                .entry(session)
                .or_insert_with(|| (point, Vec::new()))
                .1
                .push(line);
        }
        let decided: HashSet<PointRef> = points::all(vault).await?.into_iter().collect();
        let mut sessions = Self::default();
        for (sid, (point, lines)) in by_session {
            if !decided.contains(&point) {
                sessions.open_ids.insert(sid);
                let open = open_session(vault, point, &lines).await?;
                sessions.open.push(open);
                continue;
            }
            let names = lines.into_iter().map(|line| line.name);
            sessions.finished.extend(names);
            let is_fence = || points::decision(vault, &point);
            if !rule::holds(Rule::FencesKept) && is_fence().await? == Some(false) {
                let fence = point.object_name(vault.domain_id());
                sessions.finished.push(fence);
            }
        }
        Ok(sessions)
    }
}

async fn open_session(vault: &Vault, point: PointRef, lines: &[Listed]) -> Result<OpenSession> {
    let seen_at = lines.iter().map(|line| line.written_at).max();
    let name = ObjectName::Pin {
        domain: *vault.domain_id(),
        source: point.source,
        session: point.sid,
    };
    let read = vault
        .store()
        .read(&name.to_string(), ObjectKind::Pin.max_bytes())
        .await;
    let pin = match read {
        Ok(object) => {
            // A pin that cannot be read is none: its session is waited for.
            let opened = in_object(&name, Pin::open(&object, vault.control()?, vault.id()));
            opened
                .ok()
                .filter(|pin| pin.sid == point.sid)
                .map(|pin| pin.epoch)
        }
        Err(Error::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(OpenSession {
        point,
        seen_at: seen_at.unwrap_or(DateTime::UNIX_EPOCH),
        pin,
    })
}
