//! Generations: who decides after the first decider, and what counts of what was decided before (format.md §6.1).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use strongroom_crypto::signing::verify;

use super::config::{PlaceConfig, is_list_of_places};
use super::header::{HEADER_BYTES, Header, ObjectKind};
use super::{DomainId, FormatError, ObjectName, Signer, VaultId, json};

const SIGNATURE_BYTES: usize = 64;
const JSON_MAX_BYTES: u64 = 1 << 20;
const CONTEXT: &[u8] = b"strongroom generation v1\0";
/// Sweep cycles of generation *n* have the numbers from *n* times this on.
const CYCLES: u64 = 100_000_000;

/// A closing, which ends what is older at the place where it stands, or an opening, which puts a generation in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Version of the document: 1.
    pub v: u32,
    /// Which vault it is of.
    pub vault_id: VaultId,
    /// Number of the generation, from 1; the configuration is generation 0.
    pub number: u64,
    /// Its places, the decider first.
    pub places: Vec<PlaceConfig>,
    /// The plans of older generations that count, by domain; none in a closing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<CountedPlans>,
    /// When it was made.
    pub at: DateTime<Utc>,
}

/// Plans of sweep cycles that count although they are of an older generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedPlans {
    /// The domain.
    pub domain: DomainId,
    /// Numbers of cycles, as ranges of first and last, ascending.
    pub cycles: Vec<(u64, u64)>,
}

impl Generation {
    /// The highest number: cycles have ten digits.
    pub const MAX_NUMBER: u64 = 99;

    /// Number of the first sweep cycle of a generation.
    #[must_use]
    pub fn first_cycle(number: u64) -> u64 {
        (number * CYCLES).max(1)
    }

    /// Whether the stored plan of a cycle counts in this generation.
    #[must_use]
    pub fn counts(&self, domain: &DomainId, cycle: u64) -> bool {
        let is_in = |(first, last): &(u64, u64)| (*first..=*last).contains(&cycle);
        let mut old = self.counted.iter().filter(|plans| plans.domain == *domain);
        cycle >= Self::first_cycle(self.number) || old.any(|plans| plans.cycles.iter().any(is_in))
    }

    /// The whole object of this name, which is a closing or an opening.
    ///
    /// # Errors
    /// When a field is out of bounds.
    pub fn seal(&self, name: &ObjectName, signer: &Signer) -> Result<Vec<u8>, FormatError> {
        self.check(name)?;
        let text = json::write("generation", self, JSON_MAX_BYTES)?;
        let body_len = (text.len() + SIGNATURE_BYTES) as u64;
        let header = Header::new(kind_of(name)?, *self.vault_id.as_bytes(), body_len).encode(&[]);
        let signature = signer.sign(&message(&header, name, &text))?;
        Ok([header.as_slice(), &text, &signature].concat())
    }

    /// Reads and proves the object of this name.
    ///
    /// # Errors
    /// When it is damaged, of another vault or name, or not signed by this owner.
    pub fn open(
        object: &[u8],
        name: &ObjectName,
        vault_id: &VaultId,
        owner: &[u8; 32],
    ) -> Result<Self, FormatError> {
        let (parsed, _) = Header::parse(object, kind_of(name)?)?;
        let (text, signature) = parsed
            .body(object)?
            .split_last_chunk::<SIGNATURE_BYTES>()
            .ok_or(FormatError::Truncated("a generation"))?;
        let header = object
            .first_chunk::<HEADER_BYTES>()
            .ok_or(FormatError::Truncated("an object"))?;
        verify(owner, &message(header, name, text), signature)?;
        let generation: Self = json::read("generation", text, JSON_MAX_BYTES)?;
        if generation.vault_id != *vault_id || parsed.object_id != *vault_id.as_bytes() {
            return Err(FormatError::WrongObject);
        }
        generation.check(name)?;
        Ok(generation)
    }

    fn check(&self, name: &ObjectName) -> Result<(), FormatError> {
        let (ObjectName::Closing { number } | ObjectName::Opening { number }) = *name else {
            return Err(FormatError::WrongObject);
        };
        let is_one = self.v == 1 && self.number == number;
        let is_in_bounds = (1..=Self::MAX_NUMBER).contains(&number);
        if is_one && is_in_bounds && is_list_of_places(&self.places, 1) {
            return Ok(());
        }
        Err(FormatError::Malformed(
            "a generation does not name one decider and at most two others",
        ))
    }
}

fn kind_of(name: &ObjectName) -> Result<ObjectKind, FormatError> {
    match name {
        ObjectName::Closing { .. } => Ok(ObjectKind::Closing),
        ObjectName::Opening { .. } => Ok(ObjectKind::Opening),
        _ => Err(FormatError::WrongObject),
    }
}

fn message(header: &[u8; HEADER_BYTES], name: &ObjectName, text: &[u8]) -> Vec<u8> {
    let mut message = CONTEXT.to_vec();
    message.extend_from_slice(header.split_at(56).0);
    message.extend_from_slice(name.to_string().as_bytes());
    message.push(0);
    message.extend_from_slice(text);
    message
}
