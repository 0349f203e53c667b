//! What is seen of a state: rows of text that fit the terminal. Nothing depends on colour.

use chrono::Datelike;
use strongroom::fs::Kind;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::days::Days;
use super::folder::{Content, Folder};
use super::order::{Field, Restoring, Stage as Step};
use super::search::{HITS_MAX, Search, Stage};
use super::state::{Point, Screen, Size, State, Summary, on_day, weeks};
use super::times::Times;
use crate::commands::restore::OnConflict;
use crate::output::human;

/// A line of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) text: String,
    /// The cursor is on it.
    pub(super) is_chosen: bool,
}

/// A screen before it is made to fit.
struct Page {
    title: String,
    body: Vec<Row>,
    keys: &'static str,
}

/// As many rows as the terminal has, none wider than it.
pub(super) fn draw(state: &State) -> Vec<Row> {
    let size = state.size;
    let page = match state.screen() {
        Some(Screen::Days(days)) => calendar(days, &state.points),
        Some(Screen::Times(times)) => times_of_day(times, &state.points, size),
        Some(Screen::Folder(folder)) => tree(folder, &state.points, size),
        Some(Screen::Search(search)) => found(search, &state.points, size),
        Some(Screen::Restoring(restoring)) => order(restoring, &state.points, size),
        None => return Vec::new(),
    };
    let mut rows = vec![plain(page.title), plain("─".repeat(size.width))];
    rows.extend(page.body.into_iter().take(size.body_height()));
    rows.resize(size.height.saturating_sub(1), plain(String::new()));
    rows.truncate(size.height.saturating_sub(1));
    rows.push(plain(page.keys.to_owned()));
    for row in &mut rows {
        row.text = fit(&row.text, size.width);
    }
    rows
}

fn plain(text: String) -> Row {
    let is_chosen = false;
    Row { text, is_chosen }
}

fn entry(text: &str, is_chosen: bool) -> Row {
    let sign = if is_chosen { '>' } else { ' ' };
    let text = format!("{sign} {text}");
    Row { text, is_chosen }
}

/// At most so many cells; what is cut off is an ellipsis.
fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or_default();
        if used > width {
            break;
        }
        shown.push(letter);
    }
    if width > 0 {
        shown.push('…');
    }
    shown
}

/// As [`fit`], with the end of it: of a long path the name counts.
fn fit_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let mut from = text.len();
    for (at, letter) in text.char_indices().rev() {
        used += letter.width().unwrap_or_default();
        if used > width {
            break;
        }
        from = at;
    }
    format!("…{}", text.get(from..).unwrap_or_default())
}

/// The page of a list that holds the cursor.
fn page_of<T>(items: &[T], cursor: usize, size: Size) -> impl Iterator<Item = (usize, &T)> {
    let page = size.body_height();
    let skipped = cursor / page * page;
    items.iter().enumerate().skip(skipped).take(page)
}

fn moment(point: &Point) -> String {
    let at = point.taken_at.format("%Y-%m-%d %H:%M:%S");
    format!("{} of {at}", human::clean(&point.source))
}

fn calendar(days: &Days, points: &[Point]) -> Page {
    let day = days.day;
    let mut body = vec![
        plain(format!("  {}", day.format("%B %Y"))),
        plain("   Mo   Tu   We   Th   Fr   Sa   Su".to_owned()),
    ];
    for week in weeks(day) {
        let cells = week.iter().map(|cell| {
            let Some(date) = *cell else {
                return "     ".to_owned();
            };
            let mark = if on_day(points, date).is_empty() {
                ' '
            } else {
                '*'
            };
            let (open, close) = if date == day { ('[', ']') } else { (' ', ' ') };
            format!("{open}{:>2}{mark}{close}", date.day())
        });
        body.push(plain(format!(" {}", cells.collect::<String>())));
    }
    body.push(plain(String::new()));
    let of_day = on_day(points, day);
    body.push(plain(match (points.is_empty(), of_day.len() as u64) {
        (true, _) => "  there are no recovery points".to_owned(),
        (false, 0) => format!("  {day}: no recovery points"),
        (false, count) => format!("  {day}: {}", human::counted(count, "recovery point")),
    }));
    Page {
        title: "Recovery points by day (* has some)".to_owned(),
        body,
        keys: "arrows day  PgUp/PgDn month  p/n day with points  Enter choose  / search  q quit",
    }
}

fn times_of_day(times: &Times, points: &[Point], size: Size) -> Page {
    let rows = page_of(&times.points, times.cursor, size).filter_map(|(row, index)| {
        let point = points.get(*index)?;
        let partial = if point.is_partial { "  partial" } else { "" };
        let text = format!(
            "{}  {}  {}  {}{partial}  {}",
            point.taken_at.format("%H:%M:%S"),
            human::clean(&point.source),
            human::counted(point.files_count, "file"),
            human::bytes(point.logical_bytes),
            human::clean(&point.host),
        );
        Some(entry(&text, row == times.cursor))
    });
    let body = rows.collect();
    let first = times.points.first().and_then(|index| points.get(*index));
    let day = first.map(|point| point.taken_at.date().to_string());
    Page {
        title: format!("Recovery points of {}", day.unwrap_or_default()),
        body,
        keys: "arrows choose  Enter open  Esc back",
    }
}

fn tree(folder: &Folder, points: &[Point], size: Size) -> Page {
    let point = points.get(folder.point).map(moment).unwrap_or_default();
    let marked = match folder.marked.len() {
        0 => String::new(),
        count => format!("  ({count} marked)"),
    };
    let about = format!("{marked}  {point}");
    let path = match folder.path.is_empty() {
        true => "what was backed up".to_owned(),
        false => fit_end(
            &human::path(&folder.path),
            size.width.saturating_sub(about.width()),
        ),
    };
    let body = match &folder.content {
        Content::Awaited(_) => vec![plain("  reading … (Esc gives up)".to_owned())],
        Content::Failed(problem) => vec![plain(format!("  cannot be read: {problem}"))],
        Content::There(items) if items.is_empty() => vec![plain("  empty".to_owned())],
        Content::There(items) => page_of(items, folder.cursor, size)
            .map(|(row, item)| {
                let is_marked = folder.marked.contains(&folder.path_of(item));
                let (slash, bytes) = match item.kind {
                    Kind::Directory => ("/", String::new()),
                    Kind::File => ("", human::bytes(item.size)),
                    _ => ("", "special".to_owned()),
                };
                let text = format!(
                    "[{}] {bytes:>10}  {}  {}{slash}",
                    if is_marked { 'x' } else { ' ' },
                    item.changed,
                    human::path(&item.name),
                );
                entry(&text, row == folder.cursor)
            })
            .collect(),
    };
    Page {
        title: path + &about,
        body,
        keys: "arrows move  Enter open  Space mark  r restore  / search  Esc back",
    }
}

fn found(search: &Search, points: &[Point], size: Size) -> Page {
    let scope = match search.is_everywhere {
        true => "all points",
        false => "this point",
    };
    let pattern = human::clean(&search.pattern);
    let count = human::count(search.hits_count as u64);
    let (title, keys) = match &search.stage {
        Stage::Typing => (
            format!("Search {scope} for: {pattern}_"),
            "a name or path, * ? [] as in the shell  Tab this point/all  Enter search  Esc back",
        ),
        Stage::Running { searched, of, .. } => (
            format!("{pattern} in {scope}: {count} found, {searched} of {of} points searched"),
            "Esc stops the search",
        ),
        Stage::Over(None) => (
            format!("{pattern} in {scope}: {count} found"),
            "arrows choose  Enter go there  / search again  Esc back",
        ),
        Stage::Over(Some(problem)) => (
            format!("{pattern} in {scope}: {count} found; {problem}"),
            "arrows choose  Enter go there  / search again  Esc back",
        ),
    };
    let mut body: Vec<Row> = page_of(&search.hits, search.cursor, size)
        .map(|(row, hit)| {
            let point = points.get(hit.point).map(moment).unwrap_or_default();
            let about = format!("{point}  {:>10}  ", human::bytes(hit.size));
            // The sign of the cursor stands before it.
            let room = size.width.saturating_sub(about.width() + 2);
            let path = fit_end(&human::path(&hit.path), room);
            entry(&(about + &path), row == search.cursor)
        })
        .collect();
    if search.hits_count > HITS_MAX && body.len() < size.body_height() {
        body.push(plain("  there are more: search for less".to_owned()));
    }
    Page { title, body, keys }
}

fn order(restoring: &Restoring, points: &[Point], size: Size) -> Page {
    let point = points.get(restoring.point).map(moment).unwrap_or_default();
    let mut body: Vec<Row> = restoring
        .paths
        .iter()
        .take(3)
        .map(|path| {
            plain(format!(
                "  {}",
                fit_end(&human::path(path), size.width.saturating_sub(2))
            ))
        })
        .collect();
    if restoring.paths.len() > 3 {
        body.push(plain(format!("  and {} more", restoring.paths.len() - 3)));
    }
    body.push(plain(String::new()));
    body.extend(choices(restoring));
    body.push(plain(String::new()));
    let keys = match &restoring.stage {
        Step::Choosing => {
            "Up/Down field  Left/Right change  Enter show what would happen  Esc back"
        }
        Step::Planning(_) => {
            body.push(plain("  looking what would happen …".to_owned()));
            "Esc gives up"
        }
        Step::Planned(summary) => {
            body.push(plain("  This would happen:".to_owned()));
            body.extend(told(summary, "to write"));
            "Enter restore now  Esc change"
        }
        Step::Running {
            done_bytes,
            of,
            is_stopping,
            ..
        } => {
            let doing = if *is_stopping {
                "stopping"
            } else {
                "restoring"
            };
            let (done, of) = (human::bytes(*done_bytes), human::bytes(*of));
            body.push(plain(format!("  {doing} … {done} of {of}")));
            "Esc stops; what is there stays, and is used when you restore again"
        }
        Step::Ended(Err(problem)) => {
            body.push(plain(format!("  Not restored: {problem}")));
            "Esc change and try again"
        }
        Step::Ended(Ok(summary)) => {
            let skipped = summary.skipped_count;
            body.push(plain(match skipped {
                0 => "  Restored.".to_owned(),
                _ => "  Restored with warnings.".to_owned(),
            }));
            body.extend(told(summary, "written"));
            "Enter back to the files"
        }
    };
    Page {
        title: format!("Restore from {point}"),
        body,
        keys,
    }
}

fn choices(restoring: &Restoring) -> Vec<Row> {
    let is_open = matches!(restoring.stage, Step::Choosing);
    let place = match restoring.is_original {
        true => "where it was",
        false => "another folder",
    };
    let how = match restoring.on_conflict {
        OnConflict::Copy => "keep it, restore a copy beside it",
        OnConflict::Skip => "keep it, restore nothing",
        OnConflict::Overwrite => "overwrite it",
    };
    let row = |field, text: String| entry(&text, is_open && restoring.field == field);
    let mut rows = vec![row(Field::Place, format!("To:             < {place} >"))];
    if !restoring.is_original {
        let folder = human::clean(&restoring.folder);
        rows.push(row(Field::Folder, format!("Folder:         {folder}_")));
    }
    rows.push(row(Field::Conflict, format!("If it exists:   < {how} >")));
    rows
}

/// `bytes` names those that were, or would be, written.
fn told(summary: &Summary, bytes: &str) -> Vec<Row> {
    let line = |name: &str, value: String| plain(format!("  {name:<20} {value}"));
    let mut rows = vec![
        line("files", human::count(summary.files_count)),
        line("directories", human::count(summary.dirs_count)),
        line(bytes, human::bytes(summary.written_bytes)),
    ];
    if summary.reused_bytes > 0 {
        rows.push(line("already there", human::bytes(summary.reused_bytes)));
    }
    if summary.conflicts_count > 0 {
        rows.push(line(
            "names that existed",
            human::count(summary.conflicts_count),
        ));
    }
    if summary.damaged_count > 0 {
        rows.push(line(
            "damaged, left out",
            human::count(summary.damaged_count),
        ));
    }
    if summary.skipped_count > 0 {
        rows.push(line("skipped", human::count(summary.skipped_count)));
        rows.extend(
            summary
                .skipped
                .iter()
                .map(|text| plain(format!("    {text}"))),
        );
    }
    rows
}
