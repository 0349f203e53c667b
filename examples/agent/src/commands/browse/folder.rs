//! The tree of a point, a folder at a time: files and folders are marked.

use std::collections::BTreeSet;

use strongroom::fs::Kind;

use super::keys::Key;
use super::order::Restoring;
use super::search::Search;
use super::state::{Answer, Context, Effect, Item, Next, Request, Screen, move_in_list};

pub(super) struct Folder {
    pub(super) point: usize,
    /// Absolute; empty at the top, where what was backed up stands.
    pub(super) path: Vec<u8>,
    pub(super) content: Content,
    pub(super) cursor: usize,
    /// Absolute paths.
    pub(super) marked: BTreeSet<Vec<u8>>,
    /// Where the cursor goes once the folder is there.
    pub(super) wanted: Option<Vec<u8>>,
    /// Folders on the way here, with their cursors.
    above: Vec<(Vec<u8>, usize)>,
}

pub(super) enum Content {
    Awaited(Request),
    There(Vec<Item>),
    Failed(String),
}

impl Folder {
    pub(super) fn new(point: usize, path: Vec<u8>, request: Request) -> Self {
        Self {
            point,
            path,
            content: Content::Awaited(request),
            cursor: 0,
            marked: BTreeSet::new(),
            wanted: None,
            above: Vec::new(),
        }
    }

    pub(super) fn items(&self) -> &[Item] {
        match &self.content {
            Content::There(items) => items,
            Content::Awaited(_) | Content::Failed(_) => &[],
        }
    }

    /// Absolute path of something in this folder.
    pub(super) fn path_of(&self, item: &Item) -> Vec<u8> {
        if self.path.is_empty() {
            return item.name.clone();
        }
        let end = self.path.strip_suffix(b"/").unwrap_or(&self.path);
        [end, b"/", &item.name].concat()
    }

    pub(super) fn answer(&mut self, request: Request, answer: &Answer) {
        let Content::Awaited(awaited) = self.content else {
            return;
        };
        let Answer::Listed(outcome) = answer else {
            return;
        };
        if awaited != request {
            return;
        }
        self.content = match outcome {
            Ok(items) => Content::There(items.clone()),
            Err(problem) => Content::Failed(problem.clone()),
        };
        if let Some(wanted) = self.wanted.take() {
            let at = self.items().iter().position(|item| item.name == wanted);
            self.cursor = at.unwrap_or_default();
        }
        self.cursor = self.cursor.min(self.items().len().saturating_sub(1));
    }

    pub(super) fn key(&mut self, key: Key, context: &mut Context<'_>) -> Next {
        let len = self.items().len();
        if move_in_list(&mut self.cursor, key, len, context.page) {
            return Next::Stay;
        }
        let item = self.items().get(self.cursor);
        let chosen = item.map(|item| (self.path_of(item), item.kind));
        match (key, chosen) {
            (Key::Enter | Key::Right, Some((path, Kind::Directory))) => {
                self.above.push((self.path.clone(), self.cursor));
                self.enter(path, 0, context);
            }
            (Key::Letter(' '), Some((path, _))) => {
                if !self.marked.remove(&path) {
                    self.marked.insert(path);
                }
                self.cursor = (self.cursor + 1).min(len.saturating_sub(1));
            }
            (Key::Left | Key::Backspace, _) => return self.up(context),
            (Key::Letter('r'), chosen) => return self.restore(chosen.map(|(path, _)| path)),
            (Key::Letter('/'), _) => {
                let all = (0..context.points.len()).collect();
                return Next::Open(Screen::Search(Search::new(Some(self.point), all)));
            }
            (Key::Escape | Key::Letter('q'), _) => {
                self.give_up(context);
                return Next::Back;
            }
            _ => {}
        }
        Next::Stay
    }

    /// What is marked, or what the cursor is on.
    fn restore(&self, chosen: Option<Vec<u8>>) -> Next {
        let mut paths: Vec<Vec<u8>> = self.marked.iter().cloned().collect();
        if paths.is_empty() {
            paths.extend(chosen);
        }
        if paths.is_empty() {
            return Next::Stay;
        }
        Next::Open(Screen::Restoring(Restoring::new(self.point, paths)))
    }

    fn up(&mut self, context: &mut Context<'_>) -> Next {
        self.give_up(context);
        if let Some((path, cursor)) = self.above.pop() {
            self.enter(path, cursor, context);
            return Next::Stay;
        }
        Next::Back
    }

    fn enter(&mut self, path: Vec<u8>, cursor: usize, context: &mut Context<'_>) {
        let request = context.request();
        self.content = Content::Awaited(request);
        self.cursor = cursor;
        self.path = path.clone();
        context
            .effects
            .push(Effect::List(request, self.point, path));
    }

    fn give_up(&self, context: &mut Context<'_>) {
        if matches!(self.content, Content::Awaited(_)) {
            context.effects.push(Effect::Cancel);
        }
    }
}
