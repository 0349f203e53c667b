//! The calendar: a day is chosen.

use chrono::{Days as Span, Months, NaiveDate};

use super::keys::Key;
use super::search::Search;
use super::state::{Context, Next, Point, Screen, on_day};
use super::times::Times;

pub(super) struct Days {
    pub(super) day: NaiveDate,
}

impl Days {
    pub(super) fn new(day: NaiveDate) -> Self {
        Self { day }
    }

    pub(super) fn key(&mut self, key: Key, context: &Context<'_>) -> Next {
        let day = self.day;
        let moved = match key {
            Key::Left => day.checked_sub_days(Span::new(1)),
            Key::Right => day.checked_add_days(Span::new(1)),
            Key::Up => day.checked_sub_days(Span::new(7)),
            Key::Down => day.checked_add_days(Span::new(7)),
            Key::PageUp => day.checked_sub_months(Months::new(1)),
            Key::PageDown => day.checked_add_months(Months::new(1)),
            Key::Home => days(context.points).min(),
            Key::End => days(context.points).max(),
            Key::Letter('p') => days(context.points).filter(|other| *other < day).max(),
            Key::Letter('n') => days(context.points).filter(|other| *other > day).min(),
            Key::Letter('/') => {
                let all = (0..context.points.len()).collect();
                return Next::Open(Screen::Search(Search::new(None, all)));
            }
            Key::Enter => {
                let points = on_day(context.points, day);
                if points.is_empty() {
                    return Next::Stay;
                }
                return Next::Open(Screen::Times(Times { points, cursor: 0 }));
            }
            Key::Escape | Key::Letter('q') => return Next::Back,
            _ => None,
        };
        self.day = moved.unwrap_or(day);
        Next::Stay
    }
}

fn days(points: &[Point]) -> impl Iterator<Item = NaiveDate> {
    points.iter().map(|point| point.taken_at.date())
}
