//! The end of older generations at each place: nothing is deleted and nobody becomes a point by them any more.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::Run;
use crate::format::{DomainId, Fence, Generation, ObjectKind, ObjectName, SessionId, SourceId};
use crate::store::{Created, Place};
use crate::{Error, Result};

impl Run<'_> {
    /// Closes every place that can be reached under one number, the lowest from `number` on that nobody has taken for
    /// another list of places.
    pub(super) async fn close(&self, number: u64) -> Result<u64> {
        for number in number..=Generation::MAX_NUMBER {
            if self.close_as(number).await? {
                return Ok(number);
            }
        }
        Err(Error::NotPermitted(
            "a vault that was not handed on so often",
        ))
    }

    async fn close_as(&self, number: u64) -> Result<bool> {
        let name = ObjectName::Closing { number };
        let closing = self.generation(number, Vec::new());
        let object = Bytes::from(closing.seal(&name, self.signer)?);
        for place in self.reached() {
            if let Created::Theirs(found) = place.create(&name.to_string(), &object).await?
                && !self.is_same_list(&found, &name)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a failover to the same places was begun here before.
    fn is_same_list(&self, object: &[u8], name: &ObjectName) -> bool {
        let owner = self.vault.signers().owner;
        let found = owner.map(|owner| Generation::open(object, name, self.vault.id(), &owner));
        found.is_some_and(|found| found.is_ok_and(|found| found.places == self.list))
    }

    /// Ends the sessions that are registered at a place and undecided there.
    pub(super) async fn end_sessions(&self, at: &Place) -> Result<u64> {
        let mut ended = 0;
        let points = at.list("points").await?.into_iter();
        let decided: BTreeSet<String> = points.map(|line| line.name).collect();
        for line in at.list("sess").await? {
            let Some(ObjectName::Registration {
                domain,
                source,
                session,
            }) = ObjectName::parse(&line.name)
            else {
                continue;
            };
            let name = point_name(domain, source, session);
            if domain == *self.vault.domain_id() && !decided.contains(&name) {
                let fence = self.fence(session)?;
                if at.create(&name, &fence).await? == Created::Ours {
                    ended += 1;
                }
            }
        }
        Ok(ended)
    }

    /// Gives the other places what the new decider has decided of each session, before a copy by an older generation
    /// can arrive late; one that has arrived gives way. A fence and a manifest are never of one length.
    pub(super) async fn align(&self) -> Result<()> {
        let points = self.decider.list("points").await?;
        for place in &self.others {
            let held = place.list("points").await?.into_iter();
            let held: BTreeMap<String, u64> = held.map(|line| (line.name, line.bytes)).collect();
            for line in &points {
                let own = held.get(&line.name);
                if own == Some(&line.bytes) {
                    continue;
                }
                let max_bytes = ObjectKind::CopiedPoint.max_bytes();
                let object = self.decider.read(&line.name, max_bytes).await?;
                if own.is_none() && place.create(&line.name, &object).await? == Created::Ours {
                    continue;
                }
                place.replace(&line.name, &object).await?;
            }
        }
        Ok(())
    }

    fn fence(&self, sid: SessionId) -> Result<Bytes> {
        let vault = self.vault;
        let fence = Fence {
            v: 1,
            sid,
            by: "failover".to_owned(),
            reason: "the owner has made another place decide".to_owned(),
            nonce: vault.nonce()?,
        };
        let object = fence.seal(vault.control()?, vault.id(), &**vault.entropy())?;
        Ok(object.into())
    }
}

fn point_name(domain: DomainId, source: SourceId, session: SessionId) -> String {
    ObjectName::Point {
        domain,
        source,
        session,
    }
    .to_string()
}
