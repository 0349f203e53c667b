//! Bringing back what was marked: whereto and how, what would happen, how far it is, what came of it.

use super::keys::Key;
use super::state::{Answer, Context, Effect, Next, Order, Request, Summary};
use crate::commands::restore::OnConflict;

pub(super) struct Restoring {
    pub(super) point: usize,
    pub(super) paths: Vec<Vec<u8>>,
    pub(super) is_original: bool,
    pub(super) folder: String,
    pub(super) on_conflict: OnConflict,
    pub(super) field: Field,
    pub(super) stage: Stage,
}

/// What the keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Place,
    Folder,
    Conflict,
}

pub(super) enum Stage {
    Choosing,
    Planning(Request),
    Planned(Summary),
    Running {
        request: Request,
        done_bytes: u64,
        of: u64,
        is_stopping: bool,
    },
    Ended(Result<Summary, String>),
}

impl Restoring {
    pub(super) fn new(point: usize, paths: Vec<Vec<u8>>) -> Self {
        Self {
            point,
            paths,
            is_original: true,
            folder: String::new(),
            on_conflict: OnConflict::Copy,
            field: Field::Place,
            stage: Stage::Choosing,
        }
    }

    pub(super) fn is_writing(&self) -> bool {
        matches!(self.stage, Stage::Running { .. })
    }

    fn order(&self) -> Order {
        Order {
            point: self.point,
            paths: self.paths.clone(),
            folder: (!self.is_original).then(|| self.folder.clone()),
            on_conflict: self.on_conflict,
        }
    }

    pub(super) fn answer(&mut self, request: Request, answer: &Answer) {
        match (&mut self.stage, answer) {
            (Stage::Planning(awaited), Answer::Planned(outcome)) if *awaited == request => {
                self.stage = match outcome {
                    Ok(summary) => Stage::Planned(summary.clone()),
                    Err(problem) => Stage::Ended(Err(problem.clone())),
                };
            }
            (
                Stage::Running {
                    request: awaited,
                    done_bytes,
                    ..
                },
                Answer::Restored(bytes),
            ) if *awaited == request => {
                *done_bytes = *bytes;
            }
            (
                Stage::Running {
                    request: awaited, ..
                },
                Answer::RestoreEnded(outcome),
            ) if *awaited == request => {
                self.stage = Stage::Ended(outcome.clone());
            }
            _ => {}
        }
    }

    pub(super) fn key(&mut self, key: Key, context: &mut Context<'_>) -> Next {
        match (&mut self.stage, key) {
            (Stage::Choosing, key) => return self.choose(key, context),
            (Stage::Planning(_), Key::Escape) => {
                context.effects.push(Effect::Cancel);
                self.stage = Stage::Choosing;
            }
            (Stage::Planned(_), Key::Escape) => self.stage = Stage::Choosing,
            (Stage::Planned(summary), Key::Enter) => {
                let of = summary.written_bytes.saturating_add(summary.reused_bytes);
                let request = context.request();
                self.stage = Stage::Running {
                    request,
                    done_bytes: 0,
                    of,
                    is_stopping: false,
                };
                let effect = Effect::Restore(request, self.order());
                context.effects.push(effect);
            }
            (Stage::Running { is_stopping, .. }, Key::Escape) => {
                *is_stopping = true;
                context.effects.push(Effect::Cancel);
            }
            (Stage::Ended(Err(_)), Key::Escape) => self.stage = Stage::Choosing,
            (Stage::Ended(_), Key::Enter | Key::Escape | Key::Letter('q')) => return Next::Back,
            _ => {}
        }
        Next::Stay
    }

    fn choose(&mut self, key: Key, context: &mut Context<'_>) -> Next {
        match (key, self.field) {
            (Key::Escape, _) => return Next::Back,
            (Key::Down | Key::Tab, field) => self.field = self.after(field),
            // There are three at most: the one before is two further on, or one.
            (Key::Up, field) => {
                let next = self.after(field);
                self.field = if self.after(next) == field {
                    next
                } else {
                    self.after(next)
                };
            }
            (Key::Enter, _) if self.is_original || !self.folder.is_empty() => {
                let request = context.request();
                self.stage = Stage::Planning(request);
                context.effects.push(Effect::Plan(request, self.order()));
            }
            (Key::Enter, _) => self.field = Field::Folder,
            (Key::Backspace, Field::Folder) => {
                self.folder.pop();
            }
            (Key::Letter(letter), Field::Folder) => self.folder.push(letter),
            (Key::Left | Key::Right | Key::Letter(' '), Field::Place) => {
                self.is_original = !self.is_original;
            }
            (Key::Right | Key::Letter(' '), Field::Conflict) => {
                self.on_conflict = match self.on_conflict {
                    OnConflict::Copy => OnConflict::Skip,
                    OnConflict::Skip => OnConflict::Overwrite,
                    OnConflict::Overwrite => OnConflict::Copy,
                };
            }
            (Key::Left, Field::Conflict) => {
                self.on_conflict = match self.on_conflict {
                    OnConflict::Copy => OnConflict::Overwrite,
                    OnConflict::Skip => OnConflict::Copy,
                    OnConflict::Overwrite => OnConflict::Skip,
                };
            }
            _ => {}
        }
        Next::Stay
    }

    fn after(&self, field: Field) -> Field {
        match field {
            Field::Place if self.is_original => Field::Conflict,
            Field::Place => Field::Folder,
            Field::Folder => Field::Conflict,
            Field::Conflict => Field::Place,
        }
    }
}
