//! Key slots: the keys of a vault, sealed under a passphrase or a credential (format.md §5).

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};

use crate::secret::SecretKey;
use crate::{Credential, Entropy, Error, KdfCost, KeyBundle, Passphrase, Result, Role, context};

const HEADER_LEN: usize = 64;
/// Header and body up to the commitment: what the keys of a slot are derived from.
const BOUND_LEN: usize = 112;
const COMMIT_LEN: usize = 32;
/// Header and body up to the nonce: what the bundle is bound to.
const AAD_LEN: usize = BOUND_LEN + COMMIT_LEN;
const SEALED_AT: usize = 168;
const MAX_OBJECT_LEN: usize = 4096;

const PASSPHRASE: u8 = 1;
const CREDENTIAL: u8 = 2;

/// What opens a slot.
#[derive(Debug, Clone, Copy)]
pub enum SlotSecret<'a> {
    /// What a person knows.
    Passphrase(&'a Passphrase),
    /// What a machine holds.
    Credential(&'a Credential),
}

/// What can be read from a slot without its secret. Not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotInfo {
    /// What it permits.
    pub role: Role,
    /// True for a credential slot, false for a passphrase slot.
    pub is_credential: bool,
    /// Cost of the key derivation; none for a credential.
    pub cost: Option<KdfCost>,
    /// The domain it belongs to; zero for an owner.
    pub domain_id: [u8; 8],
}

/// The open fields of a slot that is to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotTerms {
    /// What it shall permit.
    pub role: Role,
    /// Cost of the key derivation; a credential has none.
    pub cost: KdfCost,
    /// The domain it belongs to; zero for an owner.
    pub domain_id: [u8; 8],
}

/// What an opened slot says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlotLabel {
    /// Free text of its maker.
    pub label: String,
    /// RFC 3339.
    pub created_at: String,
}

impl SlotLabel {
    /// The document after the bundle. Written by hand: this crate has no other use for JSON.
    pub(crate) fn to_json(&self) -> String {
        format!(
            "{{\"label\":{},\"created_at\":{}}}",
            quote(&self.label),
            quote(&self.created_at)
        )
    }
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reads the two texts of the label document; anything else in it is passed over.
pub(crate) fn parse_label(json: &[u8]) -> Result<SlotLabel> {
    let text =
        std::str::from_utf8(json).map_err(|_| Error::Malformed("a slot's label is not text"))?;
    let field = |name: &str| -> Result<String> {
        let wrong = || Error::Malformed("a slot's label is not complete");
        let key = format!("\"{name}\":");
        let at = text.find(&key).ok_or_else(wrong)? + key.len();
        let value = text
            .get(at..)
            .and_then(|rest| rest.trim_start().strip_prefix('"'))
            .ok_or_else(wrong)?;
        unquote(value).ok_or_else(wrong)
    };
    Ok(SlotLabel {
        label: field("label")?,
        created_at: field("created_at")?,
    })
}

/// The text up to the closing quote of a JSON string.
fn unquote(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = value.chars();
    loop {
        match chars.next()? {
            '"' => return Some(out),
            '\\' => out.push(escaped(&mut chars)?),
            c if u32::from(c) < 0x20 => return None,
            c => out.push(c),
        }
    }
}

/// What stands for the escape behind a backslash.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let first = hex4(chars)?;
            if !(0xd800..0xdc00).contains(&first) {
                return char::from_u32(first);
            }
            // A character beyond 16 bits is written as a pair.
            let second = chars.as_str().strip_prefix("\\u").map(str::chars)?;
            *chars = second;
            let low = hex4(chars).filter(|low| (0xdc00..0xe000).contains(low))?;
            char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00))?
        }
        _ => return None,
    })
}

fn hex4(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |number, _| {
        Some(number << 4 | chars.next()?.to_digit(16)?)
    })
}

/// Bytes of a slot's body, known before it is sealed: they stand in the header.
#[must_use]
pub fn slot_body_len(bundle: &KeyBundle, label: &SlotLabel) -> usize {
    SEALED_AT - HEADER_LEN + bundle.encoded_len() + label.to_json().len() + 16
}

/// Seals a bundle; returns what follows the header.
///
/// # Errors
/// When the cost is out of bounds, the label is too long, or there is no entropy.
pub fn seal_slot(
    header: &[u8; HEADER_LEN],
    secret: SlotSecret<'_>,
    terms: SlotTerms,
    bundle: &KeyBundle,
    label: &SlotLabel,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>> {
    let body_len = slot_body_len(bundle, label);
    if HEADER_LEN + body_len > MAX_OBJECT_LEN {
        return Err(Error::TooLong("the label of a key slot"));
    }
    let mut salt = [0; 16];
    entropy.fill(&mut salt)?;
    let (kind, cost) = match secret {
        SlotSecret::Passphrase(_) => (PASSPHRASE, terms.cost),
        SlotSecret::Credential(_) => (
            CREDENTIAL,
            KdfCost {
                memory_kib: 0,
                passes: 0,
                lanes: 0,
            },
        ),
    };
    let mut object = Vec::with_capacity(HEADER_LEN + body_len);
    object.extend_from_slice(header);
    object.extend_from_slice(&[kind, terms.role.number(), 0, 0]);
    for number in [cost.memory_kib, cost.passes, cost.lanes] {
        object.extend_from_slice(&number.to_le_bytes());
    }
    object.extend_from_slice(&salt);
    object.extend_from_slice(&terms.domain_id);
    object.extend_from_slice(&[0; 8]);
    let keys = SlotKeys::derive(secret, cost, &salt, &object)?;
    object.extend_from_slice(keys.commit.expose());
    let mut nonce = [0; 24];
    entropy.fill(&mut nonce)?;
    let mut plain = bundle.encode();
    plain.extend_from_slice(label.to_json().as_bytes());
    let tag = XChaCha20Poly1305::new(keys.wrap.expose().into())
        .encrypt_inout_detached(&XNonce::from(nonce), &object, plain.as_mut_slice().into())
        .map_err(|_limit| Error::TooLong("a key slot"))?;
    object.extend_from_slice(&nonce);
    object.extend_from_slice(&plain);
    object.extend_from_slice(&tag);
    Ok(object.split_off(HEADER_LEN))
}

struct SlotKeys {
    commit: SecretKey,
    wrap: SecretKey,
}

impl SlotKeys {
    fn derive(
        secret: SlotSecret<'_>,
        cost: KdfCost,
        salt: &[u8; 16],
        bound: &[u8],
    ) -> Result<Self> {
        let input = match secret {
            SlotSecret::Passphrase(passphrase) => cost.derive(passphrase, salt)?,
            SlotSecret::Credential(credential) => credential.secret().duplicate(),
        };
        Ok(Self {
            commit: input.derive(context::SLOT_COMMIT, bound),
            wrap: input.derive(context::SLOT_WRAP, bound),
        })
    }
}

/// The fixed fields of a slot.
struct Fixed {
    info: SlotInfo,
    cost: KdfCost,
    salt: [u8; 16],
}

fn fixed(object: &[u8]) -> Result<Fixed> {
    let cut = Error::Malformed("a key slot is cut short");
    if object.len() < SEALED_AT + 16 || object.len() > MAX_OBJECT_LEN {
        return Err(cut);
    }
    let array = |at: usize| object.get(at..).and_then(|rest| rest.first_chunk::<4>());
    let number = |at: usize| array(at).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let byte = |at: usize| object.get(at).copied().unwrap_or(0);
    let role = Role::try_from(byte(65))?;
    let cost = KdfCost {
        memory_kib: number(68),
        passes: number(72),
        lanes: number(76),
    };
    let is_credential = match byte(64) {
        PASSPHRASE => false,
        CREDENTIAL => true,
        _ => return Err(Error::Malformed("unknown type of key slot")),
    };
    let zero = KdfCost {
        memory_kib: 0,
        passes: 0,
        lanes: 0,
    };
    let reserved = object.get(104..BOUND_LEN).unwrap_or_default();
    if number(64) >> 16 != 0 || reserved.iter().any(|&byte| byte != 0) {
        return Err(Error::Malformed("reserved bytes of a key slot are set"));
    }
    if is_credential && cost != zero {
        return Err(Error::Malformed("a credential slot with a derivation cost"));
    }
    if !is_credential {
        cost.validate()?;
    }
    let salt = object
        .get(80..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(cut)?;
    let domain_id = object
        .get(96..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or_default();
    let info = SlotInfo {
        role,
        is_credential,
        cost: (!is_credential).then_some(cost),
        domain_id,
    };
    Ok(Fixed {
        info,
        cost,
        salt: *salt,
    })
}

/// Reads the open fields of a slot object (with its header). The header itself is the caller's to check.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::KdfCost`] when a field is out of bounds.
pub fn inspect_slot(object: &[u8]) -> Result<SlotInfo> {
    Ok(fixed(object)?.info)
}

/// Opens a slot object (with its header).
///
/// # Errors
/// [`Error::WrongKey`] when the secret is not the slot's; [`Error::OpenFailed`] when it is, but the bundle was
/// changed; [`Error::Malformed`] when a field is out of bounds.
pub fn open_slot(object: &[u8], secret: SlotSecret<'_>) -> Result<(KeyBundle, SlotLabel)> {
    let Fixed { info, cost, salt } = fixed(object)?;
    if info.is_credential != matches!(secret, SlotSecret::Credential(_)) {
        return Err(Error::WrongKey);
    }
    let cut = || Error::Malformed("a key slot is cut short");
    let (bound, _) = object.split_at_checked(BOUND_LEN).ok_or_else(cut)?;
    let keys = SlotKeys::derive(secret, cost, &salt, bound)?;
    let (aad, rest) = object.split_at_checked(AAD_LEN).ok_or_else(cut)?;
    let stored = aad.last_chunk::<COMMIT_LEN>().ok_or_else(cut)?;
    // `blake3::Hash` compares in constant time.
    if blake3::Hash::from_bytes(*stored) != blake3::Hash::from_bytes(*keys.commit.expose()) {
        return Err(Error::WrongKey);
    }
    let (nonce, sealed) = rest.split_first_chunk::<24>().ok_or_else(cut)?;
    let (body, tag) = sealed.split_last_chunk::<16>().ok_or_else(cut)?;
    let mut plain = zeroize::Zeroizing::new(body.to_vec());
    XChaCha20Poly1305::new(keys.wrap.expose().into())
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            aad,
            plain.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_forged| Error::OpenFailed)?;
    let (bundle, label) = KeyBundle::decode(&plain)?;
    Ok((bundle, parse_label(label)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label_of(text: &str) -> Option<String> {
        let json = format!("{{\"label\":\"{text}\",\"created_at\":\"\"}}");
        parse_label(json.as_bytes()).ok().map(|label| label.label)
    }

    #[test]
    fn every_escape_of_json_is_read() {
        assert_eq!(
            label_of(r#"\"\\\/\b\f\n\r\t\u0041\u00e9"#).as_deref(),
            Some("\"\\/\u{8}\u{c}\n\r\tA\u{e9}")
        );
        assert_eq!(label_of(r"\ud83d\ude00!").as_deref(), Some("\u{1f600}!"));
    }

    #[test]
    fn what_is_no_string_of_json_is_refused() {
        for wrong in [
            r"\x",
            r"\u12",
            r"\u+123",
            r"\ud83d",
            r"\ud83d\u0041",
            r"\ude00",
            "\n",
        ] {
            assert_eq!(label_of(wrong), None, "{wrong}");
        }
    }
}
