//! A search by pattern, over one point or over all.

use super::keys::Key;
use super::state::{Answer, Context, Effect, Hit, Next, Request, Screen, move_in_list};

/// More than anyone looks through: what is beyond is counted, and asks for a narrower pattern.
pub(super) const HITS_MAX: usize = 10_000;

pub(super) struct Search {
    /// The point that it was begun in.
    here: Option<usize>,
    all: Vec<usize>,
    pub(super) is_everywhere: bool,
    pub(super) pattern: String,
    pub(super) stage: Stage,
    pub(super) hits: Vec<Hit>,
    pub(super) hits_count: usize,
    pub(super) cursor: usize,
}

pub(super) enum Stage {
    Typing,
    Running {
        request: Request,
        searched: usize,
        of: usize,
    },
    Over(Option<String>),
}

impl Search {
    pub(super) fn new(here: Option<usize>, all: Vec<usize>) -> Self {
        Self {
            is_everywhere: here.is_none(),
            here,
            all,
            pattern: String::new(),
            stage: Stage::Typing,
            hits: Vec::new(),
            hits_count: 0,
            cursor: 0,
        }
    }

    pub(super) fn answer(&mut self, request: Request, answer: &Answer) {
        let Stage::Running {
            request: awaited,
            searched,
            ..
        } = &mut self.stage
        else {
            return;
        };
        if *awaited != request {
            return;
        }
        match answer {
            Answer::Found(hits) => {
                self.hits_count += hits.len();
                let room = HITS_MAX - self.hits.len();
                self.hits.extend(hits.iter().take(room).cloned());
            }
            Answer::Searched(count) => *searched = *count,
            Answer::SearchEnded(outcome) => {
                self.stage = Stage::Over(outcome.as_ref().err().cloned());
            }
            _ => {}
        }
    }

    pub(super) fn key(&mut self, key: Key, context: &mut Context<'_>) -> Next {
        if matches!(self.stage, Stage::Typing) {
            return self.type_key(key, context);
        }
        if move_in_list(&mut self.cursor, key, self.hits.len(), context.page) {
            return Next::Stay;
        }
        let is_running = matches!(self.stage, Stage::Running { .. });
        match (key, self.hits.get(self.cursor)) {
            (Key::Escape, _) if is_running => {
                context.effects.push(Effect::Cancel);
                self.stage = Stage::Over(Some("stopped".to_owned()));
            }
            (Key::Escape | Key::Letter('q'), _) => return Next::Back,
            (Key::Letter('/'), _) if !is_running => self.stage = Stage::Typing,
            (Key::Enter | Key::Right, Some(hit)) if !is_running => {
                let (parent, name) = split(&hit.path);
                let mut folder = context.folder(hit.point, parent);
                folder.wanted = Some(name);
                return Next::Open(Screen::Folder(folder));
            }
            _ => {}
        }
        Next::Stay
    }

    fn type_key(&mut self, key: Key, context: &mut Context<'_>) -> Next {
        match key {
            Key::Escape => return Next::Back,
            Key::Backspace => {
                self.pattern.pop();
            }
            Key::Tab => self.is_everywhere = !self.is_everywhere || self.here.is_none(),
            Key::Letter(letter) => self.pattern.push(letter),
            Key::Enter if !self.pattern.is_empty() => {
                let points = match (self.is_everywhere, self.here) {
                    (false, Some(here)) => vec![here],
                    _ => self.all.clone(),
                };
                let request = context.request();
                self.stage = Stage::Running {
                    request,
                    searched: 0,
                    of: points.len(),
                };
                (self.hits, self.hits_count, self.cursor) = (Vec::new(), 0, 0);
                let effect = Effect::Search(request, points, self.pattern.clone());
                context.effects.push(effect);
            }
            _ => {}
        }
        Next::Stay
    }
}

/// The folder that something stands in, and its name there.
fn split(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) | None => (
            b"/".to_vec(),
            path.strip_prefix(b"/").unwrap_or(path).to_vec(),
        ),
        Some(at) => {
            let (parent, name) = path.split_at(at);
            (parent.to_vec(), name.get(1..).unwrap_or_default().to_vec())
        }
    }
}
