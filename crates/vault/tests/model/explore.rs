//! Breadth-first search over all states that a model can reach.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::step::Step;

/// The transitions out of a state.
pub(crate) type Steps<S> = Vec<(Step, S)>;

/// A protocol as a set of states and single store operations between them.
pub(crate) trait Model {
    /// Everything that stands in the store, and where every worker is.
    type State: Copy + Eq + Hash;

    /// Where it begins.
    fn initial(&self) -> Self::State;

    /// Every operation that any worker may do next. A worker that never moves again has crashed.
    fn successors(&self, state: &Self::State, out: &mut Steps<Self::State>);

    /// What is wrong with a state, if anything.
    fn loss(&self, state: &Self::State) -> Option<&'static str>;

    /// The representative of all states that differ only in which of several identical workers is which.
    fn canonical(&self, state: Self::State) -> Self::State {
        state
    }

    /// The state after every worker has stopped for good, if the model claims that two further cycles clean it up.
    fn settled(&self, _state: &Self::State) -> Option<Self::State> {
        None
    }

    /// What two undisturbed cycles leave behind that they should not, from a settled state.
    fn leak(&self, _settled: &Self::State) -> Option<&'static str> {
        None
    }
}

/// What a search has found.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Different states that were reached.
    pub(crate) states_count: usize,
    /// Different settled states from which the cleaning was tried.
    pub(crate) settled_count: usize,
    /// The shortest way to a wrong state, with what is wrong there.
    pub(crate) loss: Option<(&'static str, Vec<Step>)>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states", self.states_count)?;
        if self.settled_count > 0 {
            write!(f, ", {} settled", self.settled_count)?;
        }
        let Some((what, trace)) = &self.loss else {
            return write!(f, ", no loss");
        };
        write!(f, ", {what} after {} steps", trace.len())?;
        for step in trace {
            write!(f, "\n    {step}")?;
        }
        Ok(())
    }
}

/// Visits every reachable state, nearest first, until one has lost something or cannot be cleaned up.
pub(crate) fn explore<M: Model>(model: &M) -> Outcome {
    visit(model, true)
}

/// Visits every reachable state, nearest first, until one has lost something. Does not try to clean up.
pub(crate) fn explore_losses<M: Model>(model: &M) -> Outcome {
    visit(model, false)
}

fn visit<M: Model>(model: &M, clean_up: bool) -> Outcome {
    let mut seen = Seen::new();
    let mut settled = HashSet::<M::State, BuildHasherDefault<Mixer>>::default();
    let mut steps = Steps::new();
    seen.insert(model.canonical(model.initial()), 0);
    let mut next = 0;
    while next < seen.states.len() {
        let state = seen.states[next];
        let mut loss = model.loss(&state);
        if loss.is_none()
            && clean_up
            && let Some(quiet) = model.settled(&state)
            && settled.insert(quiet)
        {
            loss = model.leak(&quiet);
        }
        if let Some(what) = loss {
            return Outcome {
                states_count: seen.states.len(),
                settled_count: settled.len(),
                loss: Some((what, trace(model, &seen, next))),
            };
        }
        steps.clear();
        model.successors(&state, &mut steps);
        for (_, successor) in &steps {
            seen.insert(model.canonical(*successor), next);
        }
        next += 1;
    }
    Outcome {
        states_count: seen.states.len(),
        settled_count: settled.len(),
        loss: None,
    }
}

/// The steps from the beginning to a state. They are replayed on states that were never made canonical, so that a worker
/// keeps its number from the first line to the last.
fn trace<M: Model>(model: &M, seen: &Seen<M::State>, last: usize) -> Vec<Step> {
    let mut path = vec![last];
    while let Some(&state) = path.last()
        && state != 0
    {
        path.push(seen.parents[state] as usize);
    }
    let mut current = model.initial();
    let mut trace = Vec::new();
    for &wanted in path.iter().rev().skip(1) {
        let mut steps = Steps::new();
        model.successors(&current, &mut steps);
        let found = steps
            .iter()
            .find(|(_, to)| model.canonical(*to) == seen.states[wanted]);
        let (step, to) = found.expect("a state is a successor of its parent");
        trace.push(*step);
        current = *to;
    }
    trace
}

/// The states in the order of their discovery, the one each was found from, and a table to find them by value.
struct Seen<S> {
    states: Vec<S>,
    parents: Vec<u32>,
    /// Positions in `states` plus one; 0 is free. A power of two long, at most half full.
    slots: Vec<u32>,
}

impl<S: Copy + Eq + Hash> Seen<S> {
    fn new() -> Self {
        Self {
            states: Vec::new(),
            parents: Vec::new(),
            slots: vec![0; 1 << 12],
        }
    }

    fn insert(&mut self, state: S, parent: usize) {
        if self.states.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mut slot = hash(&state) & (self.slots.len() - 1);
        while self.slots[slot] != 0 {
            if self.states[self.slots[slot] as usize - 1] == state {
                return;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        self.states.push(state);
        self.parents
            .push(u32::try_from(parent).expect("fewer than 2^32 states"));
        self.slots[slot] = u32::try_from(self.states.len()).expect("fewer than 2^32 states");
    }

    fn grow(&mut self) {
        let mut slots = vec![0; self.slots.len() * 4];
        for (position, state) in self.states.iter().enumerate() {
            let mut slot = hash(state) & (slots.len() - 1);
            while slots[slot] != 0 {
                slot = (slot + 1) & (slots.len() - 1);
            }
            slots[slot] = u32::try_from(position + 1).expect("fewer than 2^32 states");
        }
        self.slots = slots;
    }
}

fn hash<S: Hash>(state: &S) -> usize {
    let mut mixer = Mixer::default();
    state.hash(&mut mixer);
    usize::try_from(mixer.finish() >> 16).expect("a 64-bit machine")
}

/// A multiplicative hash: fast in unoptimised builds, and good enough for states nobody chose.
#[derive(Default)]
struct Mixer(u64);

impl Mixer {
    #[inline(always)]
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Mixer {
    #[inline(always)]
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.add(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        for &byte in words.remainder() {
            self.add(u64::from(byte));
        }
    }
    #[inline(always)]
    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }
    #[inline(always)]
    fn write_u16(&mut self, value: u16) {
        self.add(u64::from(value));
    }
    #[inline(always)]
    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }
    #[inline(always)]
    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }
    #[inline(always)]
    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }
    fn finish(&self) -> u64 {
        let folded = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        folded ^ (folded >> 29)
    }
}
