//! Signed objects (format.md §4.2): what agents can read, but only owners and maintenance hosts can make.

use strongroom_crypto::signing::{SigningKey, verify};
use strongroom_crypto::{
    Entropy, Role, SecretKey, framed_len, object_key, open_frames, seal_frames,
};

use super::header::{HEADER_BYTES, Header, ObjectKind};
use super::wire::Reader;
use super::{FormatError, ObjectName, VaultId};

const OWNER: u8 = 1;
const MAINTENANCE: u8 = 2;
const CONTEXT: &[u8] = b"strongroom signed v1\0";

/// Who may sign, as the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signers {
    /// Key of the owner.
    pub owner: Option<[u8; 32]>,
    /// Key of maintenance hosts.
    pub maintenance: Option<[u8; 32]>,
}

impl Signers {
    fn key(&self, signer: u8) -> Option<&[u8; 32]> {
        match signer {
            OWNER => self.owner.as_ref(),
            MAINTENANCE => self.maintenance.as_ref(),
            _ => None,
        }
    }
}

/// What signs, and for which role.
#[derive(Debug)]
pub struct Signer {
    role: Role,
    key: SigningKey,
}

impl Signer {
    /// A signer that speaks for this role; `None` for roles that sign nothing.
    #[must_use]
    pub fn new(role: Role, key: SigningKey) -> Option<Self> {
        matches!(role, Role::Owner | Role::Maintenance).then_some(Self { role, key })
    }

    /// The role that it speaks for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// What its signatures are checked with.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.key.public_key()
    }

    /// Signs bytes that say themselves what they are.
    pub(super) fn sign(&self, message: &[u8]) -> Result<[u8; 64], FormatError> {
        Ok(self.key.sign(message)?)
    }

    fn number(&self) -> u8 {
        if self.role == Role::Owner {
            OWNER
        } else {
            MAINTENANCE
        }
    }
}

fn message(kind: ObjectKind, vault_id: &VaultId, name: &ObjectName, plain: &[u8]) -> Vec<u8> {
    let mut message = CONTEXT.to_vec();
    message.extend_from_slice(vault_id.as_bytes());
    message.push(kind.number());
    message.extend_from_slice(name.to_string().as_bytes());
    message.push(0);
    message.extend_from_slice(blake3::hash(plain).as_bytes());
    message
}

/// Seals and signs a document into the whole object of this name.
///
/// # Errors
/// When it is beyond the limit of its kind, or there is no entropy.
pub fn seal_signed(
    kind: ObjectKind,
    name: &ObjectName,
    plain: &[u8],
    class: &SecretKey,
    vault_id: &VaultId,
    signer: &Signer,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, FormatError> {
    let body_len = framed_len(plain.len()) as u64;
    FormatError::limit("an object's content", body_len, kind.max_bytes())?;
    let mut object_id = [0; 16];
    entropy.fill(&mut object_id)?;
    let signature = signer.key.sign(&message(kind, vault_id, name, plain))?;
    let ext = [&[signer.number()][..], &signature].concat();
    let header = Header::new(kind, object_id, body_len).encode(&ext);
    let key = object_key(class, vault_id.as_bytes(), &header, &ext);
    let mut object = [header.as_slice(), &ext].concat();
    object.extend(seal_frames(&key, kind.number(), plain)?);
    Ok(object)
}

/// Opens what [`seal_signed`] made under this name; tells who signed it, and what it holds.
///
/// # Errors
/// When the object is void: damaged, of another kind, vault or name, or not signed by one of `signers`.
pub fn open_signed(
    kind: ObjectKind,
    name: &ObjectName,
    object: &[u8],
    class: &SecretKey,
    vault_id: &VaultId,
    signers: &Signers,
) -> Result<(Role, Vec<u8>), FormatError> {
    let (header, ext) = Header::parse(object, kind)?;
    let body = header.body(object)?;
    let mut fields = Reader::new(ext);
    let (signer, signature) = (fields.u8()?, fields.array::<64>()?);
    if !fields.is_empty() {
        return Err(FormatError::Malformed("a signature of the wrong length"));
    }
    let bytes = object
        .first_chunk::<HEADER_BYTES>()
        .ok_or(FormatError::Truncated("an object"))?;
    let key = object_key(class, vault_id.as_bytes(), bytes, ext);
    let plain = open_frames(&key, kind.number(), body)?;
    let public = signers
        .key(signer)
        .ok_or(FormatError::Malformed("nobody may sign like this"))?;
    verify(public, &message(kind, vault_id, name, &plain), &signature)?;
    let role = match signer {
        OWNER => Role::Owner,
        _ => Role::Maintenance,
    };
    Ok((role, plain))
}
