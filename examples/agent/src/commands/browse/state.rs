//! What the screen is about, as a machine without input or output: (state, event) → (state, effects).

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use strongroom::fs::Kind;

use super::days::Days;
use super::folder::Folder;
use super::keys::Key;
use super::order::Restoring;
use super::search::Search;
use super::times::Times;
use crate::commands::restore::OnConflict;

/// A recovery point, as far as choosing one needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) source: String,
    pub(super) host: String,
    /// Local time.
    pub(super) taken_at: NaiveDateTime,
    pub(super) files_count: u64,
    pub(super) logical_bytes: u64,
    pub(super) is_partial: bool,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its name; the absolute path of what was backed up at the top.
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) changed: String,
}

/// Something that a search has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// Which of the points.
    pub(super) point: usize,
    pub(super) path: Vec<u8>,
    pub(super) size: u64,
}

/// What is to be brought back, whereto and how.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) point: usize,
    /// Absolute paths.
    pub(super) paths: Vec<Vec<u8>>,
    /// `None`: to where it was.
    pub(super) folder: Option<String>,
    pub(super) on_conflict: OnConflict,
}

/// What a restore did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) files_count: u64,
    pub(super) dirs_count: u64,
    pub(super) written_bytes: u64,
    pub(super) reused_bytes: u64,
    pub(super) conflicts_count: u64,
    /// What was left out, and why: the first of them.
    pub(super) skipped: Vec<String>,
    pub(super) skipped_count: u64,
    pub(super) damaged_count: u64,
}

/// Numbers what is asked of the vault: an answer to what nobody waits for any more is known by it.
pub(super) type Request = u64;

/// Something that has happened.
#[derive(Debug)]
pub(super) enum Event {
    Key(Key),
    Resized(Size),
    /// A signal: leave.
    Stop,
    Answer(Request, Answer),
}

/// What the vault says.
#[derive(Debug)]
pub(super) enum Answer {
    Listed(Result<Vec<Item>, String>),
    Found(Vec<Hit>),
    /// So many points have been searched.
    Searched(usize),
    /// The search is over; what could not be searched.
    SearchEnded(Result<(), String>),
    Planned(Result<Summary, String>),
    /// Bytes that stand in their place.
    Restored(u64),
    RestoreEnded(Result<Summary, String>),
}

/// Something to be done.
#[derive(Debug)]
pub(super) enum Effect {
    List(Request, usize, Vec<u8>),
    Search(Request, Vec<usize>, String),
    Plan(Request, Order),
    Restore(Request, Order),
    /// What was asked for last is not wanted any more.
    Cancel,
    Quit,
}

/// Of the terminal, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Size {
    /// Lines between the title and the keys.
    pub(super) fn body_height(self) -> usize {
        self.height.saturating_sub(4).max(1)
    }
}

pub(super) enum Screen {
    Days(Days),
    Times(Times),
    Folder(Folder),
    Search(Search),
    Restoring(Restoring),
}

/// What comes after a key.
pub(super) enum Next {
    Stay,
    Back,
    Open(Screen),
}

/// What a screen needs of the whole.
pub(super) struct Context<'a> {
    pub(super) points: &'a [Point],
    pub(super) page: usize,
    pub(super) effects: Vec<Effect>,
    last_request: &'a mut Request,
}

impl Context<'_> {
    pub(super) fn request(&mut self) -> Request {
        *self.last_request += 1;
        *self.last_request
    }

    /// The folder `path` of a point, which is asked for now.
    pub(super) fn folder(&mut self, point: usize, path: Vec<u8>) -> Folder {
        let request = self.request();
        self.effects
            .push(Effect::List(request, point, path.clone()));
        Folder::new(point, path, request)
    }
}

pub(super) struct State {
    /// Newest first.
    pub(super) points: Vec<Point>,
    pub(super) size: Size,
    /// From the calendar to what is seen.
    screens: Vec<Screen>,
    last_request: Request,
    is_leaving: bool,
}

impl State {
    /// The calendar, on the day of the newest point.
    pub(super) fn new(points: Vec<Point>, size: Size) -> Self {
        let newest = points.first().map(|point| point.taken_at.date());
        Self {
            screens: vec![Screen::Days(Days::new(newest.unwrap_or_default()))],
            points,
            size,
            last_request: 0,
            is_leaving: false,
        }
    }

    pub(super) fn screen(&self) -> Option<&Screen> {
        self.screens.last()
    }

    pub(super) fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Resized(size) => self.size = size,
            Event::Stop | Event::Key(Key::Interrupt) => return self.leave(),
            Event::Key(key) => return self.key(key),
            Event::Answer(request, answer) => {
                let has_ended = matches!(answer, Answer::RestoreEnded(_));
                for screen in &mut self.screens {
                    match screen {
                        Screen::Folder(folder) => folder.answer(request, &answer),
                        Screen::Search(search) => search.answer(request, &answer),
                        Screen::Restoring(restoring) => restoring.answer(request, &answer),
                        Screen::Days(_) | Screen::Times(_) => {}
                    }
                }
                if has_ended && self.is_leaving {
                    return vec![Effect::Quit];
                }
            }
        }
        Vec::new()
    }

    /// At once, unless something is being written: that is stopped first. Who asks twice does not wait for it.
    fn leave(&mut self) -> Vec<Effect> {
        let is_writing = matches!(self.screen(), Some(Screen::Restoring(it)) if it.is_writing());
        let waits = is_writing && !self.is_leaving;
        self.is_leaving = true;
        match waits {
            true => vec![Effect::Cancel],
            false => vec![Effect::Cancel, Effect::Quit],
        }
    }

    fn key(&mut self, key: Key) -> Vec<Effect> {
        let mut context = Context {
            points: &self.points,
            page: self.size.body_height(),
            effects: Vec::new(),
            last_request: &mut self.last_request,
        };
        let next = match self.screens.last_mut() {
            Some(Screen::Days(days)) => days.key(key, &context),
            Some(Screen::Times(times)) => times.key(key, &mut context),
            Some(Screen::Folder(folder)) => folder.key(key, &mut context),
            Some(Screen::Search(search)) => search.key(key, &mut context),
            Some(Screen::Restoring(restoring)) => restoring.key(key, &mut context),
            None => Next::Back,
        };
        let mut effects = context.effects;
        match next {
            Next::Stay => {}
            Next::Open(screen) => self.screens.push(screen),
            Next::Back => {
                self.screens.pop();
                if self.screens.is_empty() {
                    effects.push(Effect::Quit);
                }
            }
        }
        effects
    }
}

/// Which of the points were taken on a day, newest first.
pub(super) fn on_day(points: &[Point], day: NaiveDate) -> Vec<usize> {
    let all = points.iter().enumerate();
    let of_day = all.filter(|(_, point)| point.taken_at.date() == day);
    of_day.map(|(index, _)| index).collect()
}

/// Days of the month of `day` in weeks that begin with Monday.
pub(super) fn weeks(day: NaiveDate) -> Vec<[Option<NaiveDate>; 7]> {
    let mut weeks = Vec::new();
    let mut week = [None; 7];
    let first = day.with_day(1).unwrap_or(day);
    let days = first.iter_days();
    for day in days.take_while(|each| each.month() == first.month()) {
        let column = day.weekday().num_days_from_monday() as usize;
        if column == 0 && week.iter().any(Option::is_some) {
            weeks.push(std::mem::take(&mut week));
        }
        if let Some(cell) = week.get_mut(column) {
            *cell = Some(day);
        }
    }
    weeks.push(week);
    weeks
}

/// Moves a cursor in a list; false when the key does not.
pub(super) fn move_in_list(cursor: &mut usize, key: Key, len: usize, page: usize) -> bool {
    let last = len.saturating_sub(1);
    *cursor = match key {
        Key::Up => cursor.saturating_sub(1),
        Key::Down => cursor.saturating_add(1),
        Key::PageUp => cursor.saturating_sub(page),
        Key::PageDown => cursor.saturating_add(page),
        Key::Home => 0,
        Key::End => last,
        _ => return false,
    }
    .min(last);
    true
}
