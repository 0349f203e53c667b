//! Schedules that are written down: who begins when, and at which operation somebody sleeps or dies.

use std::time::Duration;

use super::{World, pause};
use crate::wrap::{Action, Dice, Operation};

/// A schedule for schedules that dice would find too rarely; dice still choose the contents.
#[derive(Debug)]
pub(super) struct Script {
    /// Names of actors and when each of their runs begins, milliseconds.
    pub(super) starts: &'static [(&'static str, &'static [u64])],
    pub(super) stops: &'static [Stop],
}

/// An operation of an actor at which something happens to it.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) actor: &'static str,
    pub(super) action: Action,
    /// Part of the name of the object.
    pub(super) name: &'static str,
    /// The first such operation is 1.
    pub(super) nth: usize,
    pub(super) what: What,
}

/// What happens to an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It sleeps for so many milliseconds.
    Sleeps(u64),
    /// It dies.
    Dies,
}

impl Script {
    /// What happens to this process of an actor at each of its operations.
    pub(super) fn follow(
        &'static self,
        actor: &str,
    ) -> impl FnMut(&Operation) -> Option<What> + Send + 'static {
        let actor = actor.to_owned();
        let mut seen = vec![0; self.stops.len()];
        move |operation| {
            let mut what = None;
            for (stop, seen) in self.stops.iter().zip(&mut seen) {
                let is_meant = stop.actor == actor
                    && stop.action == operation.action
                    && operation.name.contains(stop.name);
                *seen += usize::from(is_meant);
                if is_meant && *seen == stop.nth {
                    what = Some(stop.what);
                }
            }
            what
        }
    }
}

impl World {
    /// Waits until a run of an actor begins; false when there is none.
    pub(super) async fn begin(&self, actor: &str, run: u64, dice: &mut Dice, most: u64) -> bool {
        let Some(script) = self.setup.script else {
            pause(dice, most).await;
            return true;
        };
        let of_actor = script.starts.iter().find(|(name, _)| *name == actor);
        let starts = of_actor.map_or(&[][..], |(_, starts)| *starts);
        let start = usize::try_from(run - 1).ok().and_then(|at| starts.get(at));
        let Some(start) = start else { return false };
        tokio::time::sleep_until(self.began.1 + Duration::from_millis(*start)).await;
        true
    }
}
