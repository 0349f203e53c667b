//! Control objects of sessions (format.md §12).

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, SecretKey};

use super::header::ObjectKind;
use super::ids::{ChunkAddress, MachineId, SessionId, SourceId, VaultId};
use super::{FormatError, json, open_object, seal_object};

const MAX_BYTES: u64 = 1 << 20;

/// A session says that it exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// 1.
    pub v: u32,
    /// The session.
    pub sid: SessionId,
    /// Its source.
    pub source: SourceId,
    /// Its machine.
    pub machine: MachineId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Program and version.
    pub writer: String,
    /// Tells two equal documents apart.
    pub nonce: String,
}

/// A session says which sweep cycle it has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// 1.
    pub v: u32,
    /// The session.
    pub sid: SessionId,
    /// Newest cycle that was marked when it registered; 0 before the first.
    pub epoch: u64,
    /// Tells two equal documents apart.
    pub nonce: String,
}

/// What a session has finished so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// 1.
    pub v: u32,
    /// The session.
    pub sid: SessionId,
    /// Number, from 0.
    pub n: u32,
    /// Root piece of what was finished.
    pub tree: Option<ChunkAddress>,
    /// Files in it.
    pub files_count: u64,
    /// Bytes read so far.
    pub read_bytes: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Tells two equal documents apart.
    pub nonce: String,
}

/// A session is declared dead: it can never commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// 1.
    pub v: u32,
    /// The session.
    pub sid: SessionId,
    /// Who fenced it: a session or a machine.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Tells two equal documents apart.
    pub nonce: String,
}

macro_rules! control {
    ($name:ident, $kind:ident, $what:literal) => {
        impl $name {
            /// The whole object.
            ///
            /// # Errors
            /// When there is no entropy.
            pub fn seal(
                &self,
                key: &SecretKey,
                vault_id: &VaultId,
                entropy: &dyn Entropy,
            ) -> Result<Vec<u8>, FormatError> {
                seal(ObjectKind::$kind, $what, self, key, vault_id, entropy)
            }

            /// Opens what [`Self::seal`] made.
            ///
            /// # Errors
            /// When the object is damaged or belongs to another vault or key.
            pub fn open(
                object: &[u8],
                key: &SecretKey,
                vault_id: &VaultId,
            ) -> Result<Self, FormatError> {
                let document: Self = open(ObjectKind::$kind, $what, object, key, vault_id)?;
                if document.v == 1 {
                    Ok(document)
                } else {
                    Err(FormatError::Malformed(
                        "a control object of an unknown version",
                    ))
                }
            }
        }
    };
}

control!(Registration, Registration, "registration");
control!(Pin, Pin, "pin");
control!(Checkpoint, Checkpoint, "checkpoint");
control!(Fence, Fence, "fence");

fn seal<T: Serialize>(
    kind: ObjectKind,
    what: &'static str,
    document: &T,
    key: &SecretKey,
    vault_id: &VaultId,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, FormatError> {
    let mut object_id = [0; 16];
    entropy.fill(&mut object_id)?;
    seal_object(
        kind,
        object_id,
        key,
        vault_id,
        &json::write(what, document, MAX_BYTES)?,
    )
}

fn open<T: DeserializeOwned>(
    kind: ObjectKind,
    what: &'static str,
    object: &[u8],
    key: &SecretKey,
    vault_id: &VaultId,
) -> Result<T, FormatError> {
    json::read(what, &open_object(kind, key, vault_id, object)?, MAX_BYTES)
}
