//! The points of a day: one is chosen.

use super::keys::Key;
use super::state::{Context, Next, Screen, move_in_list};

pub(super) struct Times {
    /// Which of all points, newest first.
    pub(super) points: Vec<usize>,
    pub(super) cursor: usize,
}

impl Times {
    pub(super) fn key(&mut self, key: Key, context: &mut Context<'_>) -> Next {
        if move_in_list(&mut self.cursor, key, self.points.len(), context.page) {
            return Next::Stay;
        }
        match (key, self.points.get(self.cursor)) {
            (Key::Enter | Key::Right, Some(point)) => {
                let folder = context.folder(*point, Vec::new());
                Next::Open(Screen::Folder(folder))
            }
            (Key::Escape | Key::Left | Key::Backspace | Key::Letter('q'), _) => Next::Back,
            _ => Next::Stay,
        }
    }
}
