//! Names of objects (format.md §2).

use std::fmt;

use super::ids::parse_hex;
use super::{DomainId, NoticeId, ObjectKind, PackId, RemapId, SessionId, SlotId, SourceId};

/// The name of an object in the store.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are the variable parts of the names in the table of format.md §2"
)]
pub enum ObjectName {
    /// `config`
    Config,
    /// `keys/<slot>`
    Slot(SlotId),
    /// `d/<dom>/<hh>/<pack>` or `m/…`
    Pack {
        is_data: bool,
        domain: DomainId,
        pack: PackId,
    },
    /// `index/<dom>/0/<sid>-<n>`
    Segment {
        domain: DomainId,
        session: SessionId,
        number: u32,
    },
    /// `points/<dom>/<src>/<sid>`
    Point {
        domain: DomainId,
        source: SourceId,
        session: SessionId,
    },
    /// `sess/<dom>/<src>/<sid>/reg`
    Registration {
        domain: DomainId,
        source: SourceId,
        session: SessionId,
    },
    /// `sess/<dom>/<src>/<sid>/pin`
    Pin {
        domain: DomainId,
        source: SourceId,
        session: SessionId,
    },
    /// `sess/<dom>/<src>/<sid>/cp-<n>`
    Checkpoint {
        domain: DomainId,
        source: SourceId,
        session: SessionId,
        number: u32,
    },
    /// `gc/<dom>/<N>.mark`
    Mark { domain: DomainId, cycle: u64 },
    /// `gc/<dom>/<N>.plan`
    Plan { domain: DomainId, cycle: u64 },
    /// `gc/<dom>/<N>.done`
    End { domain: DomainId, cycle: u64 },
    /// `chain/<dom>/<src>/<sid>/<n>`
    Link {
        domain: DomainId,
        source: SourceId,
        session: SessionId,
        number: u32,
    },
    /// `remap/<dom>/<id>`
    Remap { domain: DomainId, remap: RemapId },
    /// `notice/<dom>/<id>`
    Notice { domain: DomainId, notice: NoticeId },
    /// `gen/<n>.close`
    Closing { number: u64 },
    /// `gen/<n>.open`
    Opening { number: u64 },
    /// `issued/<dom>/<n>`
    Issued { domain: DomainId, number: u32 },
    /// `security/<dom>/<n>`
    Security { domain: DomainId, number: u32 },
    /// `spent/<dom>/<mark>`
    SpentPin { domain: DomainId, mark: [u8; 16] },
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("config"),
            Self::Slot(slot) => write!(f, "keys/{slot}"),
            Self::Pack {
                is_data,
                domain,
                pack,
            } => {
                let shard = pack.as_bytes().first().copied().unwrap_or_default();
                write!(
                    f,
                    "{}/{domain}/{shard:02x}/{pack}",
                    if *is_data { "d" } else { "m" }
                )
            }
            Self::Segment {
                domain,
                session,
                number,
            } => write!(f, "index/{domain}/0/{session}-{number}"),
            Self::Point {
                domain,
                source,
                session,
            } => write!(f, "points/{domain}/{source}/{session}"),
            Self::Registration {
                domain,
                source,
                session,
            } => write!(f, "sess/{domain}/{source}/{session}/reg"),
            Self::Pin {
                domain,
                source,
                session,
            } => write!(f, "sess/{domain}/{source}/{session}/pin"),
            Self::Checkpoint {
                domain,
                source,
                session,
                number,
            } => {
                write!(f, "sess/{domain}/{source}/{session}/cp-{number}")
            }
            Self::Mark { domain, cycle } => write!(f, "gc/{domain}/{cycle:010}.mark"),
            Self::Plan { domain, cycle } => write!(f, "gc/{domain}/{cycle:010}.plan"),
            Self::End { domain, cycle } => write!(f, "gc/{domain}/{cycle:010}.done"),
            Self::Link {
                domain,
                source,
                session,
                number,
            } => write!(f, "chain/{domain}/{source}/{session}/{number}"),
            Self::Remap { domain, remap } => write!(f, "remap/{domain}/{remap}"),
            Self::Notice { domain, notice } => write!(f, "notice/{domain}/{notice}"),
            Self::Closing { number } => write!(f, "gen/{number:010}.close"),
            Self::Opening { number } => write!(f, "gen/{number:010}.open"),
            Self::Issued { domain, number } => write!(f, "issued/{domain}/{number}"),
            Self::Security { domain, number } => write!(f, "security/{domain}/{number}"),
            Self::SpentPin { domain, mark } => {
                write!(f, "spent/{domain}/{:032x}", u128::from_be_bytes(*mark))
            }
        }
    }
}

impl ObjectName {
    /// The name of a pack of this kind.
    #[must_use]
    pub fn pack(kind: ObjectKind, domain: DomainId, pack: PackId) -> Self {
        Self::Pack {
            is_data: kind == ObjectKind::DataPack,
            domain,
            pack,
        }
    }

    /// Reads a name strictly; `None` for anything that is not an object of a vault.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let name = match *parts.as_slice() {
            ["config"] => Self::Config,
            ["keys", slot] => Self::Slot(slot.parse().ok()?),
            [kind @ ("d" | "m"), domain, shard, pack] => {
                let pack = PackId::from_bytes(parse_hex(pack)?);
                let domain = domain.parse().ok()?;
                parse_hex::<1>(shard).filter(|shard| pack.as_bytes().starts_with(shard))?;
                Self::Pack {
                    is_data: kind == "d",
                    domain,
                    pack,
                }
            }
            ["index", domain, "0", segment] => {
                let (session, number) = segment.split_once('-')?;
                let domain = domain.parse().ok()?;
                Self::Segment {
                    domain,
                    session: session.parse().ok()?,
                    number: decimal(number)?,
                }
            }
            ["points", domain, source, session] => Self::Point {
                domain: domain.parse().ok()?,
                source: source.parse().ok()?,
                session: session.parse().ok()?,
            },
            ["sess", domain, source, session, what] => session_object(
                domain.parse().ok()?,
                source.parse().ok()?,
                session.parse().ok()?,
                what,
            )?,
            ["gc", domain, step] => cycle_step(domain.parse().ok()?, step)?,
            ["chain", domain, source, session, number] => Self::Link {
                domain: domain.parse().ok()?,
                source: source.parse().ok()?,
                session: session.parse().ok()?,
                number: decimal(number)?,
            },
            ["remap", domain, remap] => Self::Remap {
                domain: domain.parse().ok()?,
                remap: remap.parse().ok()?,
            },
            ["notice", domain, notice] => Self::Notice {
                domain: domain.parse().ok()?,
                notice: notice.parse().ok()?,
            },
            ["issued", domain, number] => Self::Issued {
                domain: domain.parse().ok()?,
                number: decimal(number)?,
            },
            ["security", domain, number] => Self::Security {
                domain: domain.parse().ok()?,
                number: decimal(number)?,
            },
            ["spent", domain, mark] => Self::SpentPin {
                domain: domain.parse().ok()?,
                mark: parse_hex(mark)?,
            },
            ["gen", step] => match ten_digits(step)? {
                (number, "close") => Self::Closing { number },
                (number, "open") => Self::Opening { number },
                _ => return None,
            },
            _ => return None,
        };
        Some(name)
    }
}

/// `reg`, `pin` or `cp-<n>` of a session.
fn session_object(
    domain: DomainId,
    source: SourceId,
    session: SessionId,
    what: &str,
) -> Option<ObjectName> {
    Some(match what {
        "reg" => ObjectName::Registration {
            domain,
            source,
            session,
        },
        "pin" => ObjectName::Pin {
            domain,
            source,
            session,
        },
        _ => ObjectName::Checkpoint {
            domain,
            source,
            session,
            number: decimal(what.strip_prefix("cp-")?)?,
        },
    })
}

/// `<N, 10 digits>.mark`, `.plan` or `.done`; cycles count from 1.
fn cycle_step(domain: DomainId, text: &str) -> Option<ObjectName> {
    match ten_digits(text)? {
        (cycle, "mark") => Some(ObjectName::Mark { domain, cycle }),
        (cycle, "plan") => Some(ObjectName::Plan { domain, cycle }),
        (cycle, "done") => Some(ObjectName::End { domain, cycle }),
        _ => None,
    }
}

/// A number from 1 in ten digits, and what follows the dot behind it.
fn ten_digits(text: &str) -> Option<(u64, &str)> {
    let (digits, step) = text.split_once('.')?;
    let is_number = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits
        .parse()
        .ok()
        .filter(|&number| is_number && number > 0)?;
    Some((number, step))
}

/// A decimal number without sign or leading zero.
fn decimal(text: &str) -> Option<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| canonical && digits)
}
