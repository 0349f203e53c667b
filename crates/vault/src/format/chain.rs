//! Chains of deletion and hold (format.md §12).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_crypto::Role;

use super::ids::SessionId;
use super::manifest::Blake3Text;
use super::{FormatError, json};

const MAX_BYTES: u64 = 64 << 10;

/// What a link asks for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkOp {
    /// The point is deleted, softly.
    Delete,
    /// The point stands again.
    Undelete,
    /// The point is gone for ever.
    Purge,
    /// The point may not go.
    Hold,
    /// The hold ends.
    Release,
}

/// One link of a point's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// 1.
    pub v: u32,
    /// The point.
    pub sid: SessionId,
    /// Number of the link, from 0.
    pub n: u32,
    /// What it asks for.
    pub op: LinkOp,
    /// End of a hold; `None` is for ever.
    pub until: Option<DateTime<Utc>>,
    /// When it was made, by its maker's clock.
    pub at: DateTime<Utc>,
    /// Why, for people.
    pub reason: String,
    /// Hash of the object of the link before.
    pub prev: Option<Blake3Text>,
    /// Tells two equal documents apart.
    pub nonce: String,
}

impl Link {
    /// The document, to be sealed and signed.
    ///
    /// # Errors
    /// When it is too long.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        json::write("chain link", self, MAX_BYTES)
    }

    /// Reads a document that was opened as link `n` of this point.
    ///
    /// # Errors
    /// When it is another link, or malformed.
    pub fn decode(plain: &[u8], sid: &SessionId, n: u32) -> Result<Self, FormatError> {
        let link: Self = json::read("chain link", plain, MAX_BYTES)?;
        if link.v == 1 && link.sid == *sid && link.n == n {
            Ok(link)
        } else {
            Err(FormatError::WrongObject)
        }
    }
}

/// Whether a point stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Standing {
    /// It stands.
    #[default]
    Stands,
    /// It is deleted, softly, since this instant (by the clock of whoever deleted it).
    Deleted(DateTime<Utc>),
    /// It is gone for ever.
    Gone,
}

/// A hold on a point.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Hold {
    /// The chain says nothing: what the manifest says counts.
    #[default]
    Unsaid,
    /// None, whatever the manifest says.
    Released,
    /// Until this instant.
    Until(DateTime<Utc>),
    /// Until it is released.
    ForEver,
}

/// What a chain says of its point: the outcome of all its links.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub struct ChainState {
    /// Whether the point stands.
    pub standing: Standing,
    /// What protects it.
    pub hold: Hold,
}

impl ChainState {
    /// Whether this link may follow now; one that may not changes nothing.
    ///
    /// A hold whose time is over still holds here: no clock takes part in what a chain says. Whoever purges
    /// releases it first.
    ///
    /// An owner releases any hold. A maintenance host releases one whose time is over, with the store's time as `at`:
    /// whether a link counts depends on links alone, never on the clock of who reads.
    #[must_use]
    pub fn permits(&self, op: LinkOp, signer: Role, at: DateTime<Utc>) -> bool {
        let is_held = matches!(self.hold, Hold::Until(_) | Hold::ForEver);
        match (op, self.standing) {
            (_, Standing::Gone) => false,
            (LinkOp::Delete, standing) => standing == Standing::Stands,
            (LinkOp::Undelete, Standing::Deleted(_)) | (LinkOp::Hold, _) => true,
            (LinkOp::Release, _) => {
                let is_over = matches!(self.hold, Hold::Until(until) if until <= at);
                signer == Role::Owner || is_over
            }
            (LinkOp::Undelete | LinkOp::Purge, Standing::Stands) => false,
            (LinkOp::Purge, Standing::Deleted(_)) => !is_held,
        }
    }

    /// The state behind this link.
    #[must_use]
    pub fn after(mut self, link: &Link, signer: Role) -> Self {
        if !self.permits(link.op, signer, link.at) {
            return self;
        }
        match link.op {
            LinkOp::Delete => self.standing = Standing::Deleted(link.at),
            LinkOp::Undelete => self.standing = Standing::Stands,
            LinkOp::Purge => self.standing = Standing::Gone,
            LinkOp::Hold => self.hold = link.until.map_or(Hold::ForEver, Hold::Until),
            LinkOp::Release => self.hold = Hold::Released,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(ops: &[LinkOp]) -> ChainState {
        let link = |op| Link {
            v: 1,
            sid: SessionId::new(0, [0; 10]),
            n: 0,
            op,
            until: None,
            at: DateTime::UNIX_EPOCH,
            reason: String::new(),
            prev: None,
            nonce: String::new(),
        };
        ops.iter().fold(ChainState::default(), |state, &op| {
            state.after(&link(op), Role::Owner)
        })
    }

    #[test]
    fn only_a_deleted_point_that_is_not_held_goes() {
        use LinkOp::{Delete, Hold, Purge, Release, Undelete};
        assert_eq!(state(&[Purge]).standing, Standing::Stands);
        assert_eq!(state(&[Delete, Purge]).standing, Standing::Gone);
        assert_eq!(state(&[Delete, Undelete, Purge]).standing, Standing::Stands);
        assert_ne!(state(&[Delete, Hold, Purge]).standing, Standing::Gone);
        assert_eq!(
            state(&[Delete, Hold, Release, Purge]).standing,
            Standing::Gone
        );
        assert_ne!(state(&[Hold, Delete, Purge]).standing, Standing::Gone);
    }

    #[test]
    fn maintenance_releases_only_what_is_over() {
        let until = DateTime::from_timestamp(1000, 0).expect("in range");
        let state = |hold| ChainState {
            hold,
            ..ChainState::default()
        };
        let at = |secs| DateTime::from_timestamp(secs, 0).expect("in range");
        let permits =
            |hold, secs| state(hold).permits(LinkOp::Release, Role::Maintenance, at(secs));
        assert!(permits(Hold::Until(until), 1000));
        assert!(!permits(Hold::Until(until), 999));
        assert!(!permits(Hold::ForEver, 5000));
        assert!(!permits(Hold::Unsaid, 5000));
    }

    #[test]
    fn what_is_gone_stays_gone() {
        use LinkOp::{Delete, Hold, Purge, Release, Undelete};
        for op in [Delete, Undelete, Purge, Hold, Release] {
            assert_eq!(
                state(&[Delete, Purge, op]),
                state(&[Delete, Purge]),
                "{op:?}"
            );
        }
    }
}
