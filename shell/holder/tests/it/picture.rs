//! A terminal as text that a person can read and write: what is on the screen first, then all that is not as in a new
//! terminal. What is as in a new one is left out.

use std::fmt::Write as _;

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{Color, CursorStyle};
use ccells_holder::emulator::{Emulator, usual_modes};

/// Modes by name.
const MODES: [(TermMode, &str); 17] = [
    (TermMode::ALT_SCREEN, "alternate"),
    (TermMode::SHOW_CURSOR, "cursor"),
    (TermMode::LINE_WRAP, "wrap"),
    (TermMode::ORIGIN, "origin"),
    (TermMode::INSERT, "insert"),
    (TermMode::LINE_FEED_NEW_LINE, "newline"),
    (TermMode::APP_CURSOR, "app-cursor"),
    (TermMode::APP_KEYPAD, "app-keypad"),
    (TermMode::BRACKETED_PASTE, "paste"),
    (TermMode::FOCUS_IN_OUT, "focus"),
    (TermMode::MOUSE_REPORT_CLICK, "mouse-click"),
    (TermMode::MOUSE_DRAG, "mouse-drag"),
    (TermMode::MOUSE_MOTION, "mouse-motion"),
    (TermMode::SGR_MOUSE, "mouse-sgr"),
    (TermMode::UTF8_MOUSE, "mouse-utf8"),
    (TermMode::ALTERNATE_SCROLL, "alternate-scroll"),
    (TermMode::URGENCY_HINTS, "urgency"),
];
/// Levels of kitty's keyboard protocol.
const KEYBOARD: [(TermMode, u8); 5] = [
    (TermMode::DISAMBIGUATE_ESC_CODES, 1),
    (TermMode::REPORT_EVENT_TYPES, 2),
    (TermMode::REPORT_ALTERNATE_KEYS, 4),
    (TermMode::REPORT_ALL_KEYS_AS_ESC, 8),
    (TermMode::REPORT_ASSOCIATED_TEXT, 16),
];
const ATTRIBUTES: [(Flags, &str); 11] = [
    (Flags::BOLD, "bold"),
    (Flags::DIM, "dim"),
    (Flags::ITALIC, "italic"),
    (Flags::UNDERLINE, "underline"),
    (Flags::DOUBLE_UNDERLINE, "double"),
    (Flags::UNDERCURL, "curly"),
    (Flags::DOTTED_UNDERLINE, "dotted"),
    (Flags::DASHED_UNDERLINE, "dashed"),
    (Flags::INVERSE, "inverse"),
    (Flags::HIDDEN, "hidden"),
    (Flags::STRIKEOUT, "strike"),
];

/// The whole picture: what the terminal shows and in which modes it is.
pub(crate) fn picture(emulator: &Emulator) -> String {
    let (term, grid) = (emulator.term(), emulator.term().grid());
    let mut out = String::new();
    for line in grid.topmost_line().0..0 {
        writeln!(out, "^{}", row(emulator, Line(line))).unwrap();
    }
    let shown = screen(emulator);
    for text in &shown {
        writeln!(out, "|{text}").unwrap();
    }
    let point = grid.cursor.point;
    let pending = if grid.cursor.input_needs_wrap { " pending" } else { "" };
    writeln!(out, "cursor {},{}{pending}", point.line.0 + 1, point.column.0 + 1).unwrap();
    let (mode, default) = (*term.mode(), usual_modes());
    let changed = MODES.iter().filter(|(flag, _)| mode.contains(*flag) != default.contains(*flag));
    let words: Vec<String> = changed
        .map(|(flag, name)| format!("{}{name}", if mode.contains(*flag) { '+' } else { '-' }))
        .collect();
    if !words.is_empty() {
        writeln!(out, "modes {}", words.join(" ")).unwrap();
    }
    let level: u8 = KEYBOARD.iter().filter(|(flag, _)| mode.contains(*flag)).map(|(_, bit)| bit).sum();
    if level != 0 {
        writeln!(out, "keyboard {level}").unwrap();
    }
    let style = term.cursor_style();
    if style != CursorStyle::default() {
        let blinking = if style.blinking { " blinking" } else { "" };
        writeln!(out, "shape {:?}{blinking}", style.shape).unwrap();
    }
    if !emulator.title().is_empty() {
        writeln!(out, "title {}", emulator.title()).unwrap();
    }
    for line in grid.topmost_line().0..=grid.bottommost_line().0 {
        put_looks(&mut out, emulator, Line(line));
    }
    if emulator.bells() != 0 {
        writeln!(out, "bells {}", emulator.bells()).unwrap();
    }
    out
}

/// The rows of the screen, without blank ones at the end.
pub(crate) fn screen(emulator: &Emulator) -> Vec<String> {
    let bottom = emulator.term().grid().bottommost_line().0;
    let mut rows: Vec<String> = (0..=bottom).map(|line| row(emulator, Line(line))).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

/// The text of a row. A wide character stands for both of its cells; half of one would show as `<` or `>`.
fn row(emulator: &Emulator, line: Line) -> String {
    let row = &emulator.term().grid()[line];
    let mut text = String::new();
    let mut is_second_half = false;
    for column in 0..emulator.term().columns() {
        let cell = &row[Column(column)];
        let is_spacer = cell.flags.contains(Flags::WIDE_CHAR_SPACER);
        match (is_second_half, is_spacer) {
            (true, true) => {}
            (true, false) => text.push('<'),
            (false, true) => text.push('>'),
            (false, false) => {}
        }
        if !is_spacer {
            text.push(cell.c);
            text.extend(cell.zerowidth().unwrap_or_default());
        }
        is_second_half = cell.flags.contains(Flags::WIDE_CHAR);
    }
    if is_second_half {
        text.push('<');
    }
    text.trim_end().to_owned()
}

/// Which cells of a row look like what, columns counted from one; scrollback has rows of zero and less.
fn put_looks(out: &mut String, emulator: &Emulator, line: Line) {
    let row = &emulator.term().grid()[line];
    let columns = emulator.term().columns();
    let mut first = 0;
    while first < columns {
        let looks = looks(&row[Column(first)]);
        let mut last = first;
        while last + 1 < columns && self::looks(&row[Column(last + 1)]) == looks {
            last += 1;
        }
        if !looks.is_empty() {
            writeln!(out, "looks {},{}-{}:{looks}", line.0 + 1, first + 1, last + 1).unwrap();
        }
        first = last + 1;
    }
}

fn looks(cell: &Cell) -> String {
    let mut words = String::new();
    for (_, name) in ATTRIBUTES.iter().filter(|(flag, _)| cell.flags.contains(*flag)) {
        write!(words, " {name}").unwrap();
    }
    put_color(&mut words, "fg", cell.fg);
    put_color(&mut words, "bg", cell.bg);
    if let Some(color) = cell.underline_color() {
        put_color(&mut words, "line", color);
    }
    if let Some(link) = cell.hyperlink() {
        write!(words, " link={}", link.uri()).unwrap();
    }
    words
}

fn put_color(words: &mut String, what: &str, color: Color) {
    match color {
        Color::Named(name) if (name as usize) < 16 => write!(words, " {what}={}", name as usize).unwrap(),
        Color::Named(_) => {}
        Color::Indexed(index) => write!(words, " {what}={index}").unwrap(),
        Color::Spec(rgb) => {
            write!(words, " {what}=#{:02x}{:02x}{:02x}", rgb.r, rgb.g, rgb.b).unwrap();
        }
    }
}
