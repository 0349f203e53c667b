//! Faults by dice that fall the same for the same seed.

use super::{Action, Fate, Operation};

/// Numbers that look random; the same for the same seed. **Not secret.**
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (`splitmix64`).
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`; 0 when that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll().checked_rem(limit).unwrap_or(0)
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, chances: u16) -> bool {
        self.below(1000) < u64::from(chances)
    }
}

/// How often what goes wrong, each in a thousand operations of the kind that it concerns.
///
/// # Defaults
/// Nothing goes wrong.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Weather {
    /// A burst begins in which the store is busy, for up to three operations.
    pub busy: u16,
    /// The answer gets lost.
    pub lose_reply: u16,
    /// A create that did not land is answered as if the object existed.
    pub claim_exists: u16,
    /// A write arrives a second time, later.
    pub repeat: u16,
    /// A listing shows what was deleted.
    pub show_deleted: u16,
}

impl Weather {
    /// A judge for [`Faulty`](super::Faulty).
    pub fn judge(self, seed: u64) -> impl FnMut(&Operation) -> Fate + Send + 'static {
        let mut dice = Dice::new(seed);
        let mut busy_left = 0;
        move |operation| {
            if dice.per_mille(self.busy) {
                busy_left = 1 + dice.below(3);
            }
            if busy_left > 0 {
                busy_left -= 1;
                return Fate::Busy;
            }
            let of_action = match operation.action {
                Action::Put => [
                    (self.claim_exists, Fate::ClaimExists),
                    (self.repeat, Fate::Repeat),
                ],
                Action::List => [(self.show_deleted, Fate::ShowDeleted), (0, Fate::Pass)],
                Action::Get | Action::Delete => [(0, Fate::Pass); 2],
            };
            let fates = [(self.lose_reply, Fate::LoseReply)]
                .into_iter()
                .chain(of_action);
            for (chances, fate) in fates {
                if dice.per_mille(chances) {
                    return fate;
                }
            }
            Fate::Pass
        }
    }
}
