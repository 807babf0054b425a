//! A second terminal as witness: where every terminal agrees by standard (printing, moving the cursor, erasing,
//! inserting, deleting, scrolling within margins, tabs, looks) ours shows what `vt100` shows.

use std::fmt::Write as _;
use std::num::NonZero;

use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::vte::ansi::Color;
use ccells_holder::emulator::Emulator;
use proptest::prelude::*;

use crate::conformance::{Input, Step, inputs};

const COLUMNS: u16 = 24;
const ROWS: u16 = 8;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_show_the_same(pieces in prop::collection::vec(piece(), 1..80)) {
        let mut ours = Emulator::resident(COLUMNS, ROWS, 100);
        let mut theirs = vt100::Parser::new(size(ROWS), size(COLUMNS), 100);
        for (index, piece) in pieces.iter().enumerate() {
            ours.feed(piece.as_bytes());
            theirs.process(piece.as_bytes());
            let so_far = || pieces[..=index].concat().escape_debug().to_string();
            prop_assert_eq!(our_rows(&ours), their_rows(theirs.screen()), "after {}", so_far());
            prop_assert_eq!(our_cursor(&ours), theirs.screen().cursor_position(), "after {}", so_far());
        }
        prop_assert_eq!(ours.faults(), 0);
    }
}

/// What both terminals show after each case that has both as witnesses is the same. A case stands alone only for a reason
/// that it gives, and only while the other terminal does differ.
#[test]
fn both_show_the_same_of_every_case_but_those_that_say_why_not() {
    let cases = inputs();
    let (mut complaints, mut witnessed) = (String::new(), 0);
    for (name, input) in &cases {
        let told = match (compare(input), &input.alone) {
            (None, None) => {
                witnessed += 1;
                continue;
            }
            (Some(_), Some(reason)) if !reason.is_empty() => continue,
            (Some(difference), _) => difference,
            (None, Some(reason)) => format!("both agree; `% alone {reason}` is not true (any more)"),
        };
        write!(complaints, "\n== {name}\n{told}\n").unwrap();
    }
    assert!(complaints.is_empty(), "{complaints}");
    assert!(witnessed * 2 > cases.len(), "{witnessed} of {} cases have a witness", cases.len());
}

/// How the two terminals differ after a case; `None` when they do not. One that breaks differs.
fn compare(input: &Input) -> Option<String> {
    let (columns, rows) = input.size;
    let mut ours = Emulator::resident(columns, rows, input.scrollback);
    let theirs = std::panic::catch_unwind(|| {
        let mut theirs = vt100::Parser::new(size(rows), size(columns), input.scrollback);
        for step in &input.steps {
            match step {
                Step::Send(bytes) => theirs.process(bytes),
                Step::Resize(columns, rows) => theirs.screen_mut().set_size(size(*rows), size(*columns)),
            }
        }
        (their_rows(theirs.screen()), theirs.screen().cursor_position())
    });
    for step in &input.steps {
        match step {
            Step::Send(bytes) => ours.feed(bytes),
            Step::Resize(columns, rows) => ours.resize(*columns, *rows),
        }
    }
    let found = (our_rows(&ours), our_cursor(&ours));
    match theirs {
        Err(_) => Some("the other terminal breaks".to_owned()),
        Ok(theirs) if theirs == found => None,
        Ok(theirs) => Some(format!("ours   {found:?}\ntheirs {theirs:?}")),
    }
}

fn size(value: u16) -> NonZero<u16> {
    NonZero::new(value).unwrap()
}

/// The comparison sees what it is for: text, looks and cursor.
#[test]
fn a_difference_would_be_seen() {
    let ours = |bytes: &str| {
        let mut emulator = Emulator::resident(COLUMNS, ROWS, 0);
        emulator.feed(bytes.as_bytes());
        (our_rows(&emulator), our_cursor(&emulator))
    };
    let mut theirs = vt100::Parser::new(size(ROWS), size(COLUMNS), 0);
    theirs.process(b"a\x1b[1;38;5;9mb\xe6\x97\xa5");
    let theirs = (their_rows(theirs.screen()), theirs.screen().cursor_position());
    assert_eq!(ours("a\x1b[1;38;5;9mb日"), theirs);
    for other in ["a\x1b[1;38;5;9mb月", "ab日", "a\x1b[1;38;5;8mb日", "a\x1b[1;38;5;9mb日 "] {
        assert_ne!(ours(other), theirs, "{other}");
    }
}

/// The rows of a screen: their text, and how each character in them looks. The colour of blanks is left out: what fills
/// the space that opens when text moves, terminals do not agree on.
fn our_rows(emulator: &Emulator) -> Vec<String> {
    let cell = |line, column| {
        let cell = &emulator.term().grid()[Line(line)][Column(column)];
        let is_spacer = cell.flags.contains(Flags::WIDE_CHAR_SPACER);
        let looks = [Flags::BOLD, Flags::ITALIC, Flags::UNDERLINE, Flags::INVERSE];
        let looks = looks.map(|flag| cell.flags.contains(flag));
        let marks = cell.zerowidth().unwrap_or_default().iter();
        let text = if is_spacer { String::new() } else { [cell.c].iter().chain(marks).collect() };
        told(&text, looks, &our_color(cell.fg), &our_color(cell.bg))
    };
    let (columns, rows) = emulator.size();
    let row = |line| (0..usize::from(columns)).map(|column| cell(line, column)).collect();
    (0..i32::from(rows)).map(row).collect()
}

fn told(text: &str, looks: [bool; 4], front: &str, back: &str) -> String {
    if matches!(text, "" | " ") {
        return " ".to_owned();
    }
    let marks: String =
        looks.iter().zip("biuv".chars()).filter(|(is_on, _)| **is_on).map(|(_, c)| c).collect();
    match (marks.as_str(), front, back) {
        ("", "", "") => text.to_owned(),
        _ => format!("{text}<{marks} {front}/{back}>"),
    }
}

fn our_color(color: Color) -> String {
    match color {
        Color::Named(name) if (name as usize) < 16 => (name as usize).to_string(),
        Color::Named(_) => String::new(),
        Color::Indexed(index) => index.to_string(),
        Color::Spec(rgb) => format!("{},{},{}", rgb.r, rgb.g, rgb.b),
    }
}

fn our_cursor(emulator: &Emulator) -> (u16, u16) {
    let cursor = &emulator.term().grid().cursor;
    let small = |value: usize| u16::try_from(value).unwrap();
    // A wrap that waits is a column beyond the last one to the other terminal.
    let column = small(cursor.point.column.0) + u16::from(cursor.input_needs_wrap);
    (u16::try_from(cursor.point.line.0).unwrap(), column)
}

fn their_rows(screen: &vt100::Screen) -> Vec<String> {
    let cell = |row, column| {
        let cell = screen.cell(row, column).unwrap();
        let looks = [cell.bold(), cell.italic(), cell.underline(), cell.inverse()];
        told(cell.contents(), looks, &their_color(cell.fgcolor()), &their_color(cell.bgcolor()))
    };
    let (rows, columns) = screen.size();
    let row = |row| (0..columns.get()).map(|column| cell(row, column)).collect();
    (0..rows.get()).map(row).collect()
}

fn their_color(color: vt100::Color) -> String {
    match color {
        vt100::Color::Default => String::new(),
        vt100::Color::Idx(index) => index.to_string(),
        vt100::Color::Rgb(red, green, blue) => format!("{red},{green},{blue}"),
    }
}

/// Something that all terminals do alike.
fn piece() -> impl Strategy<Value = String> {
    let row = 1..=ROWS;
    let column = 1..=COLUMNS;
    prop_oneof![
        8 => "[a-zA-Z0-9 .,]{1,12}",
        // No wide ones: what becomes of one that is cut in half the other terminal does not say.
        2 => prop::sample::select(&["é", "ß", "→", "─"][..]).prop_map(str::to_owned),
        3 => prop::sample::select(&["\r\n", "\r", "\x1b[5G\x08", "\r\t", "\x1b[2;1H\x1bM"][..]).prop_map(str::to_owned),
        4 => (row.clone(), column.clone()).prop_map(|(row, column)| format!("\x1b[{row};{column}H")),
        2 => column.clone().prop_map(|column| format!("\x1b[{column}G")),
        2 => row.clone().prop_map(|row| format!("\r\x1b[{row}d")),
        // Without margins: that one stops a cursor that comes from outside is known to few.
        3 => (prop::sample::select(&b"ABEF"[..]), 0_u16..6, row.clone()).prop_map(|(letter, count, row)| {
            format!("\x1b[r\x1b[{row};3H\x1b[{count}{}", char::from(letter))
        }),
        3 => (prop::sample::select(&b"CD"[..]), 0_u16..6, column.clone())
            .prop_map(|(letter, count, column)| format!("\x1b[{column}G\x1b[{count}{}", char::from(letter))),
        3 => (prop::sample::select(&b"@PX"[..]), 0_u16..6, column.clone())
            .prop_map(|(letter, count, column)| format!("\x1b[{column}G\x1b[{count}{}", char::from(letter))),
        2 => (prop::sample::select(&b"LMST"[..]), 0_u16..5)
            .prop_map(|(letter, count)| format!("\x1b[{count}{}\r", char::from(letter))),
        3 => (prop::sample::select(&["J", "1J", "K", "1K", "2K"][..]), column.clone())
            .prop_map(|(erase, column)| format!("\x1b[{column}G\x1b[{erase}")),
        2 => (row.clone(), row).prop_map(|(one, other)| {
            let (top, bottom) = (one.min(other), one.max(other));
            // The other terminal goes to the top margin here, where the standard says home.
            if top == bottom { "\x1b[r\x1b[H".to_owned() } else { format!("\x1b[{top};{bottom}r\x1b[H") }
        }),
        4 => prop::sample::select(
            LOOKS
        ).prop_map(|looks| format!("\x1b[{looks}m")),
        1 => Just("\x1b7".to_owned()),
    ]
}

/// Looks that both terminals know.
const LOOKS: &[&str] = &[
    "",
    "0",
    "1",
    "3",
    "4",
    "7",
    "22",
    "23",
    "24",
    "27",
    "31",
    "39",
    "42",
    "49",
    "95",
    "38;5;200",
    "48;2;1;2;3",
];
