//! The machine behind the screen, key by key, without a terminal or a vault.

use chrono::{NaiveDate, NaiveDateTime};
use strongroom::fs::Kind;
use unicode_width::UnicodeWidthStr;

use super::draw::draw;
use super::keys::{self, Key};
use super::state::{Answer, Effect, Event, Hit, Item, Point, Request, Size, State, Summary, weeks};
use crate::commands::restore::OnConflict;

const USUAL: Size = Size {
    width: 80,
    height: 24,
};

fn at(month: u32, day: u32, hour: u32) -> NaiveDateTime {
    let day = NaiveDate::from_ymd_opt(2026, month, day).unwrap();
    day.and_hms_opt(hour, 0, 0).unwrap()
}

fn point(taken_at: NaiveDateTime) -> Point {
    Point {
        source: "home".to_owned(),
        host: "attic".to_owned(),
        taken_at,
        files_count: 2,
        logical_bytes: 1024,
        is_partial: false,
    }
}

/// Two points on the 3rd of March, one in February.
fn state() -> State {
    let points = [at(3, 3, 18), at(3, 3, 12), at(2, 10, 9)];
    State::new(points.map(point).into(), USUAL)
}

fn item(name: &str, kind: Kind) -> Item {
    Item {
        name: name.into(),
        kind,
        size: 5,
        changed: "2026-03-01 10:00".to_owned(),
    }
}

/// Presses keys as a terminal sends them; what they lead to.
fn press(state: &mut State, typed: &str) -> Vec<Effect> {
    let mut bytes = typed.as_bytes().to_vec();
    let mut all = keys::decode(&mut bytes);
    all.extend(keys::alone(&mut bytes));
    let effects = all.into_iter().map(|key| state.handle(Event::Key(key)));
    effects.flatten().collect()
}

fn answer(state: &mut State, request: Request, answer: Answer) -> Vec<Effect> {
    state.handle(Event::Answer(request, answer))
}

fn seen(state: &State) -> String {
    let rows = draw(state).into_iter().map(|row| row.text + "\n");
    rows.collect()
}

#[track_caller]
fn shows(state: &State, text: &str) {
    let seen = seen(state);
    assert!(seen.contains(text), "{text:?} is not in\n{seen}");
}

/// Opens a folder, whose content is given.
#[track_caller]
fn open(state: &mut State, typed: &str, wanted: &str, items: Vec<Item>) {
    let effects = press(state, typed);
    let [Effect::List(request, _, path)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(path.as_slice(), wanted.as_bytes());
    answer(state, *request, Answer::Listed(Ok(items)));
}

/// In the folder `/home` of the newest point, with `letters/` and `note` in it.
fn in_home() -> State {
    let mut state = state();
    press(&mut state, "\r");
    let root = vec![item("/home", Kind::Directory)];
    open(&mut state, "\r", "", root);
    let items = vec![item("letters", Kind::Directory), item("note", Kind::File)];
    open(&mut state, "\r", "/home", items);
    state
}

#[test]
fn a_month_is_weeks_from_monday() {
    let march = weeks(NaiveDate::from_ymd_opt(2026, 3, 15).unwrap());
    assert_eq!(march.len(), 6);
    let first: Vec<bool> = march[0].iter().map(Option::is_some).collect();
    assert_eq!(first, [false, false, false, false, false, false, true]);
    let february = weeks(NaiveDate::from_ymd_opt(2027, 2, 1).unwrap());
    assert_eq!(february.len(), 4);
    assert!(february.iter().flatten().all(Option::is_some));
}

#[test]
fn days_with_points_are_marked_and_found() {
    let mut state = state();
    shows(&state, "March 2026");
    shows(&state, "[ 3*]");
    shows(&state, "2026-03-03: 2 recovery points");
    press(&mut state, "\u{1b}[D");
    shows(&state, "[ 2 ]");
    assert!(press(&mut state, "\r").is_empty(), "a day without points");
    press(&mut state, "p");
    shows(&state, "February 2026");
    shows(&state, "[10*]");
    press(&mut state, "\u{1b}[6~");
    shows(&state, "[10 ]");
    press(&mut state, "\u{1b}[F\r");
    shows(&state, "> 18:00:00  home  2 files");
    press(&mut state, "\u{1b}");
    shows(&state, "March 2026");
    assert!(matches!(press(&mut state, "q").as_slice(), [Effect::Quit]));
}

#[test]
fn a_folder_is_asked_for_when_it_is_opened() {
    let mut state = in_home();
    shows(&state, "letters/");
    open(&mut state, "\r", "/home/letters", vec![]);
    shows(&state, "empty");
    let items = vec![item("letters", Kind::Directory), item("note", Kind::File)];
    open(&mut state, "\u{1b}[D", "/home", items);
    shows(&state, "> [ ]");
    assert!(
        press(&mut state, "\u{1b}[B\r").is_empty(),
        "a file does not open"
    );
}

#[test]
fn a_slow_vault_keeps_nobody_and_a_late_answer_nothing() {
    let mut state = in_home();
    let effects = press(&mut state, "\r");
    let [Effect::List(late, ..)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    shows(&state, "reading …");
    let effects = press(&mut state, "\u{1b}[D");
    assert!(matches!(
        effects.as_slice(),
        [Effect::Cancel, Effect::List(..)]
    ));
    let items = vec![item("wrong", Kind::File)];
    answer(&mut state, *late, Answer::Listed(Ok(items)));
    shows(&state, "reading …");
    let Effect::List(request, ..) = effects[1] else {
        panic!("{effects:?}");
    };
    answer(&mut state, request, Answer::Listed(Err("away".to_owned())));
    shows(&state, "cannot be read: away");
    press(&mut state, "\u{1b}");
    shows(&state, "18:00:00");
}

#[test]
fn what_is_marked_is_restored_as_chosen() {
    let mut state = in_home();
    press(&mut state, "  r");
    shows(&state, "/home/letters");
    shows(&state, "> To:             < where it was >");
    // Another folder, its name, overwrite.
    press(&mut state, " \u{1b}[B/tmp/x\u{7f}y\t\u{1b}[D");
    let effects = press(&mut state, "\r");
    let [Effect::Plan(request, order)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let paths: [Vec<u8>; 2] = [b"/home/letters".to_vec(), b"/home/note".to_vec()];
    assert_eq!(order.paths, paths);
    assert_eq!(order.folder.as_deref(), Some("/tmp/y"));
    assert!(matches!(order.on_conflict, OnConflict::Overwrite));
    let summary = Summary {
        files_count: 3,
        written_bytes: 4096,
        ..Summary::default()
    };
    answer(&mut state, *request, Answer::Planned(Ok(summary.clone())));
    shows(&state, "This would happen:");
    let effects = press(&mut state, "\r");
    let [Effect::Restore(request, order)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(order.folder.as_deref(), Some("/tmp/y"));
    answer(&mut state, *request, Answer::Restored(1024));
    shows(&state, "1.0 KiB of 4.0 KiB");
    answer(&mut state, *request, Answer::RestoreEnded(Ok(summary)));
    shows(&state, "Restored.");
    shows(&state, "written              4.0 KiB");
    press(&mut state, "\r");
    shows(&state, "(2 marked)");
}

#[test]
fn without_a_mark_it_is_what_the_cursor_is_on() {
    let mut state = in_home();
    press(&mut state, "\u{1b}[Br");
    let effects = press(&mut state, "\r");
    let [Effect::Plan(request, order)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(order.paths, [b"/home/note".to_vec()]);
    assert_eq!(order.folder, None);
    assert!(matches!(order.on_conflict, OnConflict::Copy));
    let away = Err("the vault is away".to_owned());
    answer(&mut state, *request, Answer::Planned(away));
    shows(&state, "Not restored: the vault is away");
}

#[test]
fn a_restore_is_stopped_before_the_program_ends() {
    let mut state = in_home();
    press(&mut state, "r");
    let effects = press(&mut state, "\r");
    let [Effect::Plan(request, _)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    answer(
        &mut state,
        *request,
        Answer::Planned(Ok(Summary::default())),
    );
    let effects = press(&mut state, "\r");
    let [Effect::Restore(request, _)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let effects = press(&mut state, "\u{1b}");
    assert!(matches!(effects.as_slice(), [Effect::Cancel]));
    shows(&state, "stopping");
    let effects = state.handle(Event::Stop);
    assert!(matches!(effects.as_slice(), [Effect::Cancel]), "not yet");
    let ended = Answer::RestoreEnded(Err("cancelled".to_owned()));
    let effects = answer(&mut state, *request, ended);
    assert!(matches!(effects.as_slice(), [Effect::Quit]));
}

#[test]
fn who_asks_twice_does_not_wait() {
    let mut state = in_home();
    press(&mut state, "r");
    let effects = press(&mut state, "\r");
    let [Effect::Plan(request, _)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    answer(
        &mut state,
        *request,
        Answer::Planned(Ok(Summary::default())),
    );
    press(&mut state, "\r\u{3}");
    let effects = press(&mut state, "\u{3}");
    assert!(matches!(effects.as_slice(), [Effect::Cancel, Effect::Quit]));
}

#[test]
fn a_search_tells_what_it_finds_and_can_be_stopped() {
    let mut state = state();
    press(&mut state, "/");
    shows(&state, "Search all points for: _");
    let effects = press(&mut state, "no*\r");
    let [Effect::Search(request, points, pattern)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!((points.len(), pattern.as_str()), (3, "no*"));
    let hit = |point| Hit {
        point,
        path: b"/home/letters/note".to_vec(),
        size: 5,
    };
    answer(&mut state, *request, Answer::Found(vec![hit(0), hit(1)]));
    answer(&mut state, *request, Answer::Searched(1));
    shows(&state, "2 found, 1 of 3 points searched");
    let effects = press(&mut state, "\u{1b}");
    assert!(matches!(effects.as_slice(), [Effect::Cancel]));
    answer(&mut state, *request, Answer::Found(vec![hit(2)]));
    shows(&state, "2 found; stopped");
    let items = vec![item("about", Kind::File), item("note", Kind::File)];
    open(&mut state, "\u{1b}[B\r", "/home/letters", items);
    shows(&state, "home of 2026-03-03 12:00:00");
    press(&mut state, "r");
    shows(&state, "/home/letters/note");
}

#[test]
fn a_search_from_a_folder_is_in_its_point() {
    let mut state = in_home();
    press(&mut state, "/");
    shows(&state, "Search this point for: _");
    let effects = press(&mut state, "x\r");
    assert!(matches!(effects.as_slice(), [Effect::Search(_, points, _)] if points == &[0]));
    let mut state = in_home();
    let effects = press(&mut state, "/\tx\r");
    assert!(matches!(effects.as_slice(), [Effect::Search(_, points, _)] if points.len() == 3));
}

#[test]
fn every_screen_fits_every_terminal() {
    let mut long = in_home();
    let wide: Vec<Item> = (0..100)
        .map(|number| item(&format!("{number} {}", "文".repeat(60)), Kind::File))
        .collect();
    open(&mut long, "\r", "/home/letters", wide);
    press(&mut long, "\u{1b}[F");
    let mut restoring = in_home();
    press(&mut restoring, "r");
    for state in &mut [state(), in_home(), long, restoring] {
        for (width, height) in [(80, 24), (20, 5), (1, 1), (200, 60), (2, 2)] {
            state.handle(Event::Resized(Size { width, height }));
            let rows = draw(state);
            assert_eq!(rows.len(), height);
            for row in rows {
                assert!(row.text.width() <= width, "{} at {width}", row.text);
            }
        }
    }
}

#[test]
fn the_cursor_is_always_seen() {
    let mut state = in_home();
    let many = (0..100).map(|number| item(&number.to_string(), Kind::File));
    open(&mut state, "\r", "/home/letters", many.collect());
    for _ in 0..100 {
        assert_eq!(draw(&state).iter().filter(|row| row.is_chosen).count(), 1);
        state.handle(Event::Key(Key::Down));
    }
    shows(&state, "  99");
}

#[test]
fn of_a_long_path_the_name_is_seen() {
    let mut state = state();
    let effects = press(&mut state, "/ada\r");
    let [Effect::Search(request, ..)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let path = format!("/{}/ada", "long/".repeat(40)).into_bytes();
    let hit = Hit {
        point: 0,
        path,
        size: 5,
    };
    answer(&mut state, *request, Answer::Found(vec![hit]));
    shows(&state, "/long//ada");
}
