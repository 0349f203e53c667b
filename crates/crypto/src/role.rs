//! What a key slot permits.

use crate::{Error, Result};

/// What the holder of a slot may do.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Everything, in every domain; slots, too.
    Owner = 1,
    /// Back up and restore in one domain.
    Agent = 2,
    /// Sweep, copy and check without reading names or content.
    Maintenance = 3,
    /// See which points exist and whether they are fresh.
    Monitor = 4,
}

impl Role {
    /// The role's number in a slot.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for Role {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self> {
        match number {
            1 => Ok(Self::Owner),
            2 => Ok(Self::Agent),
            3 => Ok(Self::Maintenance),
            4 => Ok(Self::Monitor),
            _ => Err(Error::Malformed("unknown role in a key slot")),
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Agent => "agent",
            Self::Maintenance => "maintenance",
            Self::Monitor => "monitor",
        })
    }
}

impl std::str::FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "owner" => Ok(Self::Owner),
            "agent" => Ok(Self::Agent),
            "maintenance" => Ok(Self::Maintenance),
            "monitor" => Ok(Self::Monitor),
            _ => Err(Error::Malformed(
                "a role is owner, agent, maintenance or monitor",
            )),
        }
    }
}
