//! What one transition is called in a trace.

use std::fmt;

/// Who acts, and the how-manieth of its kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker(pub(crate) &'static str, pub(crate) usize);

/// What a step acts on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    /// Nothing that a reader of the trace needs to know.
    Nothing,
    /// One numbered thing: a cycle, a pack, a link.
    Number(usize),
    /// A set of packs, as a bit set.
    Packs(u8),
}

/// One store operation of one worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Who does it.
    pub(crate) worker: Worker,
    /// What it does.
    pub(crate) what: &'static str,
    /// To what.
    pub(crate) on: On,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Worker(kind, number) = self.worker;
        write!(f, "{kind}{number} {}", self.what)?;
        match self.on {
            On::Nothing => Ok(()),
            On::Number(number) => write!(f, " {number}"),
            On::Packs(set) => {
                let packs: Vec<String> = bits(set).map(|pack| pack.to_string()).collect();
                write!(f, " {{{}}}", packs.join(","))
            }
        }
    }
}

/// The members of a bit set, ascending.
pub(crate) fn bits(set: u8) -> impl DoubleEndedIterator<Item = usize> {
    (0..8).filter(move |bit| set & (1 << bit) != 0)
}
