//! Tells a terminal's whole state as bytes that bring a new terminal of the same size to the same state.
//!
//! What a program can print is printed; what printing cannot bring back exactly (half a wide character, a pending
//! line wrap, where a line was wrapped) is told by private commands, which only [`Emulator::restore`] obeys.

use std::fmt::Write as _;
use std::io::Write as _;

use alacritty_terminal::grid::{Cursor, Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags, Hyperlink};
use alacritty_terminal::vte::ansi::{
    CharsetIndex, Color, CursorShape, CursorStyle, NamedColor, StandardCharset,
};
use ccells_core::limits::SNAPSHOT_BYTES;
use unicode_width::UnicodeWidthChar as _;

use super::restore::{self, LAYOUT};
use super::shadow::Keyboard;
use super::wrap::stands_alone;
use super::{Emulator, status};

/// The palette's own colours; after them come foreground, background and cursor.
const PALETTE: usize = 256;
/// How a cell looks, as against what it holds.
const LOOKS: Flags = Flags::INVERSE
    .union(Flags::BOLD)
    .union(Flags::ITALIC)
    .union(Flags::DIM)
    .union(Flags::HIDDEN)
    .union(Flags::STRIKEOUT)
    .union(Flags::ALL_UNDERLINES);

impl Emulator {
    /// The whole state: scrollback, both screens, cursors, modes, title, status, and the start of a sequence whose
    /// end has not come. Synchronized updates that are held back are shown first.
    pub fn snapshot(&mut self) -> Vec<u8> {
        self.release();
        let mut out = b"\x1bc\x1b]104\x1b\\\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\".to_vec();
        self.put_tabs(&mut out);
        let is_alternate = self.term.mode().contains(TermMode::ALT_SCREEN);
        if is_alternate {
            self.visit_main_behind(|emulator| {
                put_rows(&mut out, emulator.term.grid());
                put_cursor(&mut out, &emulator.term.grid().cursor);
            });
            put_keyboard(&mut out, &self.shadow.main_keyboard);
            // The new screen takes the colours of the cursor that enters it: they are cleared away.
            out.extend(b"\x1b[?1049h\x1b(B\x1b)B\x1b*B\x1b+B\x1b[0m\x1b]8;;\x1b\\\x1b[2J\x1b[H");
            put_keyboard(&mut out, &self.shadow.alternate_keyboard);
        } else {
            if !self.shadow.alternate_keyboard.is_untouched() {
                out.extend(b"\x1b[?1049h");
                put_keyboard(&mut out, &self.shadow.alternate_keyboard);
                out.extend(b"\x1b[?1049l");
            }
            put_keyboard(&mut out, &self.shadow.main_keyboard);
        }
        put_rows(&mut out, self.term.grid());
        self.put_last_character(&mut out);
        self.put_modes(&mut out);
        self.put_saved(&mut out);
        put_cursor(&mut out, &self.term.grid().cursor);
        self.put_surroundings(&mut out);
        out.extend(self.scanner.pending());
        out
    }

    fn put_tabs(&self, out: &mut Vec<u8>) {
        if !self.shadow.has_default_tabs() {
            out.extend(b"\x1b[3g");
            for (column, _) in self.shadow.tabs.iter().enumerate().filter(|(_, is_stop)| **is_stop) {
                put(out, format_args!("\x1b[{}G\x1bH", column + 1));
            }
            out.extend(b"\r");
        }
    }

    fn put_last_character(&self, out: &mut Vec<u8>) {
        match self.shadow.last {
            Some(last) => put(out, format_args!("{LAYOUT}r;{:x}\x1b\\", u32::from(last))),
            None => put(out, format_args!("{LAYOUT}r;\x1b\\")),
        }
    }

    fn put_modes(&self, out: &mut Vec<u8>) {
        const PRIVATE: [(TermMode, u16); 13] = [
            (TermMode::APP_CURSOR, 1),
            (TermMode::ORIGIN, 6),
            (TermMode::LINE_WRAP, 7),
            (TermMode::SHOW_CURSOR, 25),
            (TermMode::MOUSE_REPORT_CLICK, 1_000),
            (TermMode::MOUSE_DRAG, 1_002),
            (TermMode::MOUSE_MOTION, 1_003),
            (TermMode::FOCUS_IN_OUT, 1_004),
            (TermMode::UTF8_MOUSE, 1_005),
            (TermMode::SGR_MOUSE, 1_006),
            (TermMode::ALTERNATE_SCROLL, 1_007),
            (TermMode::URGENCY_HINTS, 1_042),
            (TermMode::BRACKETED_PASTE, 2_004),
        ];
        const PUBLIC: [(TermMode, u16); 2] = [(TermMode::INSERT, 4), (TermMode::LINE_FEED_NEW_LINE, 20)];
        let (mode, default) = (*self.term.mode(), super::usual_modes());
        let letter = |flag| if mode.contains(flag) { 'h' } else { 'l' };
        let differs = |flag| mode.contains(flag) != default.contains(flag);
        if let Some((top, bottom)) = self.shadow.region {
            put(out, format_args!("\x1b[{top};{bottom}r"));
        }
        for (flag, number) in PRIVATE.into_iter().filter(|(flag, _)| differs(*flag)) {
            put(out, format_args!("\x1b[?{number}{}", letter(flag)));
        }
        for (flag, number) in PUBLIC.into_iter().filter(|(flag, _)| differs(*flag)) {
            put(out, format_args!("\x1b[{number}{}", letter(flag)));
        }
        if mode.contains(TermMode::APP_KEYPAD) {
            out.extend(b"\x1b=");
        }
    }

    /// The cursor saved, and what was saved with it.
    fn put_saved(&self, out: &mut Vec<u8>) {
        let is_origin = self.term.mode().contains(TermMode::ORIGIN);
        let saved = self.shadow.saved;
        put_origin(out, is_origin, saved.is_origin);
        put_charset(out, saved.charset);
        put_cursor(out, &self.term.grid().saved_cursor);
        out.extend(b"\x1b7");
        put_origin(out, saved.is_origin, is_origin);
        put_charset(out, self.shadow.charset);
    }

    /// All that is not on the grid.
    fn put_surroundings(&self, out: &mut Vec<u8>) {
        let style = self.term.cursor_style();
        if style != CursorStyle::default() {
            let shape = match style.shape {
                CursorShape::Block | CursorShape::HollowBlock | CursorShape::Hidden => 2,
                CursorShape::Underline => 4,
                CursorShape::Beam => 6,
            };
            put(out, format_args!("\x1b[{} q", shape - u8::from(style.blinking)));
        }
        for title in &self.shadow.titles {
            put(out, format_args!("\x1b]2;{title}\x1b\\\x1b[22t"));
        }
        put(out, format_args!("\x1b]2;{}\x1b\\", self.shadow.title));
        for index in 0..=NamedColor::Cursor as usize {
            if let Some(color) = self.term.colors()[index] {
                let rgb = format!("rgb:{:02x}/{:02x}/{:02x}", color.r, color.g, color.b);
                match index.checked_sub(PALETTE) {
                    None => put(out, format_args!("\x1b]4;{index};{rgb}\x1b\\")),
                    Some(offset) => put(out, format_args!("\x1b]{};{rgb}\x1b\\", 10 + offset)),
                }
            }
        }
        out.extend(status::write(&self.status).unwrap_or_default().bytes());
        put(out, format_args!("{LAYOUT}h;{}\x1b\\", self.shadow.links));
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a Vec takes every byte");
}

/// Changes from where rows are counted; the cursor moves.
fn put_origin(out: &mut Vec<u8>, from: bool, to: bool) {
    match (from, to) {
        (false, true) => out.extend(b"\x1b[?6h"),
        (true, false) => out.extend(b"\x1b[?6l"),
        (true, true) | (false, false) => {}
    }
}

fn put_charset(out: &mut Vec<u8>, charset: CharsetIndex) {
    out.push(match charset {
        CharsetIndex::G1 => 0x0e,
        CharsetIndex::G0 | CharsetIndex::G2 | CharsetIndex::G3 => 0x0f,
    });
}

fn put_keyboard(out: &mut Vec<u8>, keyboard: &Keyboard) {
    let mut modes = keyboard.pushed.iter().chain([&keyboard.current]);
    if let Some(first) = modes.next() {
        put(out, format_args!("\x1b[={}u", first.bits()));
    }
    for next in modes {
        put(out, format_args!("\x1b[>{}u", next.bits()));
    }
}

fn put_cursor(out: &mut Vec<u8>, cursor: &Cursor<Cell>) {
    let sets =
        [(CharsetIndex::G0, '('), (CharsetIndex::G1, ')'), (CharsetIndex::G2, '*'), (CharsetIndex::G3, '+')];
    for (index, introducer) in sets {
        let set = match cursor.charsets[index] {
            StandardCharset::Ascii => 'B',
            StandardCharset::SpecialCharacterAndLineDrawing => '0',
        };
        put(out, format_args!("\x1b{introducer}{set}"));
    }
    put_looks(out, &cursor.template);
    put_link(out, cursor.template.hyperlink().as_ref());
    let (line, column) = (cursor.point.line.0, cursor.point.column.0);
    put(out, format_args!("{LAYOUT}p;{line};{column};{}\x1b\\", u8::from(cursor.input_needs_wrap)));
}

/// All rows, oldest first; the oldest of too many are left out.
fn put_rows(out: &mut Vec<u8>, grid: &Grid<Cell>) {
    let bottom = grid.bottommost_line();
    let mut rows: Vec<Vec<u8>> = Vec::new();
    let mut total = 0;
    let mut line = bottom;
    loop {
        let row = row(grid, line);
        total += row.len() + 2;
        if line.0 < 0 && total > SNAPSHOT_BYTES {
            break;
        }
        rows.push(row);
        if line == grid.topmost_line() {
            break;
        }
        line -= 1;
    }
    out.reserve(total);
    while let Some(row) = rows.pop() {
        out.extend(row);
        if !rows.is_empty() {
            out.extend(b"\r\n");
        }
    }
}

/// One row, from default looks to default looks.
fn row(grid: &Grid<Cell>, line: Line) -> Vec<u8> {
    let row = &grid[line];
    let default = Cell::default();
    let columns = grid.columns();
    let end = (0..columns)
        .rev()
        .find(|column| !is_same(&row[Column(*column)], &default))
        .map_or(0, |last| last + 1);
    let (mut out, mut patches) = (Vec::new(), Vec::new());
    let (mut looks, mut address) = (default, None);
    let mut column = 0;
    while column < end {
        let cell = &row[Column(column)];
        if !has_same_looks(cell, &looks) {
            put_looks(&mut out, cell);
            looks = cell.clone();
        }
        if cell.extra.is_some() || address.is_some() {
            let next = cell.hyperlink();
            if next != address {
                put_link(&mut out, next.as_ref());
                address = next;
            }
        }
        let spacer = (column + 1 < columns).then(|| &row[Column(column + 1)]);
        if let Some(width) = print_width(cell, spacer, column + 1 == columns) {
            out.extend(cell.c.encode_utf8(&mut [0; 4]).bytes());
            column += width;
        } else {
            out.push(b' ');
            restore::put_patch(&mut patches, column, cell);
            column += 1;
        }
    }
    if address.is_some() {
        put_link(&mut out, None);
    }
    if !has_same_looks(&looks, &Cell::default()) {
        out.extend(b"\x1b[0m");
    }
    out.extend(patches);
    if row[Column(columns - 1)].flags.contains(Flags::WRAPLINE) {
        put(&mut out, format_args!("{LAYOUT}w\x1b\\"));
    }
    out
}

/// How many cells printing a cell's character fills exactly as they are; `None` when printing cannot.
fn print_width(cell: &Cell, spacer: Option<&Cell>, is_last: bool) -> Option<usize> {
    let mut shape = cell.flags.difference(LOOKS);
    if is_last {
        // Told for the whole row.
        shape.remove(Flags::WRAPLINE);
    }
    let is_bare = cell.zerowidth().unwrap_or_default().is_empty();
    if is_bare && shape.is_empty() && (stands_alone(cell.c) || joins_nothing(cell.c, 1)) {
        return Some(1);
    }
    let is_whole = |spacer: &Cell| {
        spacer.c == ' '
            && spacer.flags.difference(LOOKS) == Flags::WIDE_CHAR_SPACER
            && spacer.zerowidth().unwrap_or_default().is_empty()
            && has_same_looks(spacer, cell)
            && spacer.hyperlink() == cell.hyperlink()
    };
    let is_wide =
        is_bare && shape == Flags::WIDE_CHAR && joins_nothing(cell.c, 2) && spacer.is_some_and(is_whole);
    is_wide.then_some(2)
}

/// Whether printing the character gives a cell of this width, whatever is before it.
fn joins_nothing(c: char, width: usize) -> bool {
    c.width() == Some(width) && !super::wrap::is_skin_tone(c)
}

fn has_same_looks(a: &Cell, b: &Cell) -> bool {
    a.fg == b.fg
        && a.bg == b.bg
        && a.flags.intersection(LOOKS) == b.flags.intersection(LOOKS)
        && a.underline_color() == b.underline_color()
}

/// Whether two cells are the same to every reader.
fn is_same(a: &Cell, b: &Cell) -> bool {
    a.c == b.c
        && a.flags == b.flags
        && has_same_looks(a, b)
        && (a.extra.is_none() && b.extra.is_none()
            || a.hyperlink() == b.hyperlink()
                && a.zerowidth().unwrap_or_default() == b.zerowidth().unwrap_or_default())
}

fn put_link(out: &mut Vec<u8>, link: Option<&Hyperlink>) {
    match link {
        Some(link) => put(out, format_args!("\x1b]8;id={};{}\x1b\\", link.id(), link.uri())),
        None => out.extend(b"\x1b]8;;\x1b\\"),
    }
}

fn put_looks(out: &mut Vec<u8>, cell: &Cell) {
    put(out, format_args!("\x1b[{}m", looks(cell)));
}

/// The parameters that give a cell's looks, whatever came before.
pub(super) fn looks(cell: &Cell) -> String {
    const NUMBERS: [(Flags, &str); 11] = [
        (Flags::BOLD, ";1"),
        (Flags::DIM, ";2"),
        (Flags::ITALIC, ";3"),
        (Flags::UNDERLINE, ";4"),
        (Flags::DOUBLE_UNDERLINE, ";4:2"),
        (Flags::UNDERCURL, ";4:3"),
        (Flags::DOTTED_UNDERLINE, ";4:4"),
        (Flags::DASHED_UNDERLINE, ";4:5"),
        (Flags::INVERSE, ";7"),
        (Flags::HIDDEN, ";8"),
        (Flags::STRIKEOUT, ";9"),
    ];
    let mut out = "0".to_owned();
    for (_, number) in NUMBERS.into_iter().filter(|(flag, _)| cell.flags.contains(*flag)) {
        out.push_str(number);
    }
    put_color(&mut out, cell.fg, 30);
    put_color(&mut out, cell.bg, 40);
    if let Some(color) = cell.underline_color() {
        put_color(&mut out, color, 50);
    }
    out
}

/// A colour other than the default one; `base` says of what.
fn put_color(out: &mut String, color: Color, base: usize) {
    let written = match color {
        Color::Named(name) => match name as usize {
            index @ 0..8 => write!(out, ";{}", base + index),
            index @ 8..16 => write!(out, ";{}", base + 60 + index - 8),
            _ => Ok(()),
        },
        Color::Indexed(index) => write!(out, ";{}:5:{index}", base + 8),
        Color::Spec(color) => write!(out, ";{}:2::{}:{}:{}", base + 8, color.r, color.g, color.b),
    };
    written.expect("a String takes every byte");
}
