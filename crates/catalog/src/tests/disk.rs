//! A disk in memory that loses power after so many operations, and then what was not synced, in part.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use redb::StorageBackend;

use crate::support::Dice;

#[derive(Debug, Clone)]
enum Operation {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

impl Operation {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                image.resize(image.len().max(end), 0);
                image[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => image.resize(*len, 0),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    live: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Operation>,
    operations_count: usize,
    power_until: Option<usize>,
}

/// A disk; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn with_image(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State {
            live: image.clone(),
            synced: image,
            ..State::default()
        })))
    }

    pub(crate) fn lose_power_after(self, operations_count: usize) -> Self {
        self.state().power_until = Some(operations_count);
        self
    }

    pub(crate) fn operations_count(&self) -> usize {
        self.state().operations_count
    }

    pub(crate) fn image(&self) -> Vec<u8> {
        self.state().live.clone()
    }

    /// What is on the disk when power is back: all that was synced, and some of the rest.
    pub(crate) fn image_after_loss(&self, dice: &mut Dice) -> Vec<u8> {
        let state = self.state();
        let mut image = state.synced.clone();
        let one_in = 1 + dice.below(3);
        for operation in &state.unsynced {
            if dice.below(one_in) == 0 {
                operation.apply(&mut image);
            }
        }
        image
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn operate(&self, operation: Option<Operation>) -> io::Result<()> {
        let mut state = self.state();
        if state
            .power_until
            .is_some_and(|until| state.operations_count >= until)
        {
            return Err(io::Error::other("there is no power"));
        }
        state.operations_count += 1;
        match operation {
            Some(operation) => {
                operation.apply(&mut state.live);
                state.unsynced.push(operation);
            }
            None => {
                state.synced = state.live.clone();
                state.unsynced.clear();
            }
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let state = self.state();
        let bytes = state
            .live
            .get(offset..)
            .and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.operate(Some(Operation::SetLen(usize::try_from(len).unwrap())))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate(None)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.operate(Some(Operation::Write(offset, data.to_vec())))
    }
}
