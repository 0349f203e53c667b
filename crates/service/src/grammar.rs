//! Which role may do what with which object (docs/gateway.md). Nothing here asks a disk or a clock.

use strongroom_crypto::Role;
use strongroom_vault::format::{DomainId, ObjectKind, ObjectName};

use crate::Identity;

/// What can be done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Make it; there is no overwriting.
    Create,
    /// Read it, or its length.
    Read,
    /// See it in a listing.
    List,
    /// Remove it.
    Delete,
}

/// The name of an object, read strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// An object of the vault (format.md §2).
    Object(ObjectName),
    /// `probe/<32 hex>`: what a probe of the store leaves.
    Probe(String),
}

impl Key {
    /// Reads a name; `None` for anything that no vault has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(random) = text.strip_prefix("probe/") {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            let is_random = random.len() == 32 && random.bytes().all(is_hex);
            return is_random.then(|| Self::Probe(text.to_owned()));
        }
        ObjectName::parse(text).map(Self::Object)
    }

    /// No such object is longer, bytes.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        let Self::Object(name) = self else {
            return 1 << 20;
        };
        let kind = match name {
            ObjectName::Config => ObjectKind::Config,
            ObjectName::Slot(_) => ObjectKind::Slot,
            ObjectName::Pack { .. } => ObjectKind::DataPack,
            ObjectName::Segment { .. } => ObjectKind::Segment,
            ObjectName::Point { .. } => ObjectKind::CopiedPoint,
            ObjectName::Pin { .. } => ObjectKind::Pin,
            ObjectName::Checkpoint { .. } => ObjectKind::Checkpoint,
            ObjectName::Mark { .. } => ObjectKind::Mark,
            ObjectName::Plan { .. } => ObjectKind::Plan,
            ObjectName::End { .. } => ObjectKind::End,
            ObjectName::Link { .. } => ObjectKind::Link,
            ObjectName::Remap { .. } => ObjectKind::Remap,
            ObjectName::Notice { .. } => ObjectKind::Notice,
            ObjectName::Closing { .. } => ObjectKind::Closing,
            ObjectName::Opening { .. } => ObjectKind::Opening,
            ObjectName::Issued { .. } => ObjectKind::Issued,
            ObjectName::Security { .. } => ObjectKind::Security,
            ObjectName::SpentPin { .. } => ObjectKind::SpentPin,
            _ => ObjectKind::Registration,
        };
        kind.max_bytes()
    }

    /// The registration of the session that this object belongs to, if it may be made by nobody else.
    #[must_use]
    pub fn registration(&self) -> Option<ObjectName> {
        match *self {
            Self::Object(
                ObjectName::Point {
                    domain,
                    source,
                    session,
                }
                | ObjectName::Pin {
                    domain,
                    source,
                    session,
                }
                | ObjectName::Checkpoint {
                    domain,
                    source,
                    session,
                    ..
                },
            ) => Some(ObjectName::Registration {
                domain,
                source,
                session,
            }),
            _ => None,
        }
    }

    fn domain(&self) -> Option<DomainId> {
        use ObjectName as N;
        match *self {
            Self::Object(
                N::Pack { domain, .. }
                | N::Segment { domain, .. }
                | N::Point { domain, .. }
                | N::Registration { domain, .. }
                | N::Pin { domain, .. }
                | N::Checkpoint { domain, .. }
                | N::Mark { domain, .. }
                | N::Plan { domain, .. }
                | N::End { domain, .. }
                | N::Link { domain, .. }
                | N::Remap { domain, .. }
                | N::Notice { domain, .. }
                | N::Issued { domain, .. }
                | N::Security { domain, .. }
                | N::SpentPin { domain, .. },
            ) => Some(domain),
            _ => None,
        }
    }

    /// What owner, agent, maintenance and monitor may: **c**reate, **r**ead and list, **d**elete.
    fn rights(&self) -> [&'static str; 4] {
        use ObjectName as N;
        let Self::Object(name) = self else {
            return ["crd", "crd", "crd", "crd"];
        };
        match name {
            N::Config => ["cr", "r", "r", "r"],
            N::Slot(_) => ["crd", "cr", "r", "r"],
            N::Pack { .. } => ["crd", "cr", "crd", ""],
            // Sweeps merge segments.
            N::Segment { .. } => ["crd", "cr", "crd", ""],
            N::Point { .. } => ["crd", "cr", "crd", "r"],
            N::Registration { .. } | N::Pin { .. } | N::Checkpoint { .. } => {
                ["crd", "cr", "crd", ""]
            }
            N::Mark { .. } | N::Plan { .. } | N::End { .. } => ["cr", "r", "cr", ""],
            N::Link { .. } => ["cr", "r", "cr", "r"],
            N::Remap { .. } => ["crd", "r", "crd", ""],
            N::Notice { .. } => ["cr", "r", "cr", ""],
            N::Closing { .. } | N::Opening { .. } => ["cr", "r", "r", "r"],
            N::Issued { .. } | N::Security { .. } | N::SpentPin { .. } => ["cr", "r", "r", ""],
            _ => ["", "", "", ""],
        }
    }
}

/// Why something is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It lies in a vault that the certificate does not name.
    #[error("this certificate is for another vault")]
    OtherVault,
    /// It lies in a domain that the certificate does not name.
    #[error("this certificate is for another domain")]
    OtherDomain,
    /// Nobody of this role may do it.
    #[error("the role of this certificate does not permit it")]
    Role,
}

impl Denied {
    /// What it is called on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::OtherVault => "other-vault",
            Self::OtherDomain => "other-domain",
            Self::Role => "role",
        }
    }
}

/// Whether somebody may do this with this object of their vault.
///
/// # Errors
/// Why not.
pub fn decide(who: &Identity, operation: Operation, key: &Key) -> Result<(), Denied> {
    let [owner, agent, maintenance, monitor] = key.rights();
    let rights = match who.role {
        Role::Owner => owner,
        Role::Agent => agent,
        Role::Maintenance => maintenance,
        Role::Monitor => monitor,
    };
    let right = match operation {
        Operation::Create => 'c',
        Operation::Read | Operation::List => 'r',
        Operation::Delete => 'd',
    };
    if !rights.contains(right) {
        return Err(Denied::Role);
    }
    match (who.domain, key.domain()) {
        (Some(theirs), Some(of)) if theirs != of => Err(Denied::OtherDomain),
        _ => Ok(()),
    }
}

/// Folders of a vault that have a folder for each domain.
const BY_DOMAIN: [&str; 12] = [
    "d", "m", "index", "points", "sess", "gc", "chain", "remap", "notice", "issued", "security",
    "spent",
];

/// Whether somebody may ask for a listing below this prefix. What it shows is decided line by line.
///
/// # Errors
/// [`Denied::OtherDomain`].
pub fn decide_prefix(who: &Identity, prefix: &str) -> Result<(), Denied> {
    let mut parts = prefix.split('/');
    let (folder, domain) = (parts.next().unwrap_or_default(), parts.next());
    match (who.domain, domain) {
        (Some(theirs), Some(domain))
            if BY_DOMAIN.contains(&folder) && domain != theirs.to_string() =>
        {
            Err(Denied::OtherDomain)
        }
        _ => Ok(()),
    }
}

/// Whether a text consists of nothing but what names of objects consist of, in parts that are neither empty nor dots.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"./-".contains(&byte);
    path.len() <= 200
        && path.bytes().all(is_plain)
        && path
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One name of each class, and what owner, agent, maintenance and monitor may do with it: the table of
    /// docs/gateway.md.
    const TABLE: [(&str, [&str; 4]); 22] = [
        ("config", ["cr", "r", "r", "r"]),
        (
            "keys/00112233445566778899aabbccddeeff",
            ["crd", "cr", "r", "r"],
        ),
        (
            "d/0011223344556677/ab/ab112233445566778899aabbccddeeff",
            ["crd", "cr", "crd", ""],
        ),
        (
            "m/0011223344556677/ab/ab112233445566778899aabbccddeeff",
            ["crd", "cr", "crd", ""],
        ),
        (
            "index/0011223344556677/0/01jd3y8f7g0123456789abcdef-0",
            ["crd", "cr", "crd", ""],
        ),
        (
            "points/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef",
            ["crd", "cr", "crd", "r"],
        ),
        (
            "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/reg",
            ["crd", "cr", "crd", ""],
        ),
        (
            "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/pin",
            ["crd", "cr", "crd", ""],
        ),
        (
            "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/cp-12",
            ["crd", "cr", "crd", ""],
        ),
        ("gc/0011223344556677/0000000001.mark", ["cr", "r", "cr", ""]),
        ("gc/0011223344556677/0000000001.plan", ["cr", "r", "cr", ""]),
        ("gc/0011223344556677/0000000001.done", ["cr", "r", "cr", ""]),
        (
            "chain/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/0",
            ["cr", "r", "cr", "r"],
        ),
        (
            "remap/0011223344556677/00112233445566778899aabbccddeeff",
            ["crd", "r", "crd", ""],
        ),
        (
            "notice/0011223344556677/00112233445566778899aabbccddeeff",
            ["cr", "r", "cr", ""],
        ),
        ("issued/0011223344556677/1", ["cr", "r", "r", ""]),
        ("security/0011223344556677/1", ["cr", "r", "r", ""]),
        (
            "spent/0011223344556677/00112233445566778899aabbccddeeff",
            ["cr", "r", "r", ""],
        ),
        ("gen/0000000001.close", ["cr", "r", "r", "r"]),
        ("gen/0000000001.open", ["cr", "r", "r", "r"]),
        (
            "probe/00112233445566778899aabbccddeeff",
            ["crd", "crd", "crd", "crd"],
        ),
        (
            "probe/ffffffffffffffffffffffffffffffff",
            ["crd", "crd", "crd", "crd"],
        ),
    ];
    const ROLES: [Role; 4] = [Role::Owner, Role::Agent, Role::Maintenance, Role::Monitor];

    fn of(role: Role, domain: &str) -> Identity {
        Identity {
            agent: "pc".parse().expect("valid"),
            role,
            vault: "Vault".parse().expect("valid"),
            domain: domain.parse().ok(),
        }
    }

    #[test]
    fn every_class_for_every_role_and_operation() {
        use Operation as O;
        for (name, rights) in TABLE {
            let key = Key::parse(name).expect(name);
            for (role, rights) in ROLES.into_iter().zip(rights) {
                for (operation, right) in [
                    (O::Create, 'c'),
                    (O::Read, 'r'),
                    (O::List, 'r'),
                    (O::Delete, 'd'),
                ] {
                    let decided = decide(&of(role, "0011223344556677"), operation, &key);
                    let expected = if rights.contains(right) {
                        Ok(())
                    } else {
                        Err(Denied::Role)
                    };
                    assert_eq!(decided, expected, "{role} {operation:?} {name}");
                    // Another domain of the same vault is closed, whatever the role.
                    let abroad = decide(&of(role, "ffffffffffffffff"), operation, &key);
                    let expected = match (key.domain(), expected) {
                        (Some(_), Ok(())) => Err(Denied::OtherDomain),
                        (_, expected) => expected,
                    };
                    assert_eq!(abroad, expected, "{role} {operation:?} {name} from abroad");
                }
            }
            let everywhere = decide(&of(Role::Owner, "-"), O::Read, &key);
            assert_eq!(everywhere, Ok(()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_no_key() {
        for wrong in [
            "",
            "/",
            "config/",
            "/config",
            "Config",
            "ballast",
            "probe/1",
            "probe/../config",
            "probe/00112233445566778899AABBCCDDEEFF",
            "keys/../config",
            "config\0",
            "keys/%2e",
            "d/0011223344556677/ac/ab112233445566778899aabbccddeeff",
            "d//0011223344556677/ab/ab112233445566778899aabbccddeeff",
            "gc/0011223344556677/0000000000.mark",
            "gc/0011223344556677/1.mark",
            "points/0011223344556677/8899aabbccddeeff/91jd3y8f7g0123456789abcdef",
            "chain/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/00",
            "index/0011223344556677/1/01jd3y8f7g0123456789abcdef-0",
            "gen/0000000001.shut",
            "sess/0011223344556677/8899aabbccddeeff/01jd3y8f7g0123456789abcdef/cp-+1",
        ] {
            assert_eq!(Key::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn prefixes_stay_at_home() {
        let agent = of(Role::Agent, "0011223344556677");
        for home in [
            "",
            "keys",
            "d",
            "d/0011223344556677",
            "points/0011223344556677/88",
            "gen",
        ] {
            assert_eq!(decide_prefix(&agent, home), Ok(()), "{home}");
        }
        for abroad in [
            "d/ffffffffffffffff",
            "sess/ffffffffffffffff/x",
            "gc/001122334455667",
        ] {
            assert_eq!(
                decide_prefix(&agent, abroad),
                Err(Denied::OtherDomain),
                "{abroad}"
            );
            assert_eq!(
                decide_prefix(&of(Role::Owner, "-"), abroad),
                Ok(()),
                "{abroad}"
            );
        }
    }

    #[test]
    fn plain_paths_have_no_tricks() {
        assert!(is_plain("gc/0011223344556677/0000000001.mark") && is_plain("keys"));
        let long = "a/".repeat(120) + "a";
        for wrong in [
            "", "..", "a/..", "a//b", "/a", "a/", "a%2fb", "A", "a\\b", "a\0", ".x", &long,
        ] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }
}
