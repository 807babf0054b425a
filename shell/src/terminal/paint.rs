//! An agent's grid becomes cells of our screen: rows are copied while the emulator's lock is held, and nothing else.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell as GridCell, Flags};
use alacritty_terminal::term::color::{COUNT, Colors};
use alacritty_terminal::vte::ansi::{Color as GridColor, CursorShape, NamedColor};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthChar;

use super::rows::Rows;
use super::transcript::Transcript;
use super::underline::Underline;
use crate::tui::PaneScreen;

/// What there is to know about a screen that was painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Painted {
    /// Where the agent's cursor is, when it is to be seen.
    pub cursor: Option<Position>,
    /// How it looks.
    pub shape: CursorShape,
    /// How many lines the view is scrolled back.
    pub scrolled: usize,
    /// How many lines it could be.
    pub history: usize,
}

/// Paints `screen` into `area`, faintly when nothing moves in it.
pub fn paint(screen: PaneScreen<'_>, area: Rect, is_faint: bool, buffer: &mut Buffer) -> Painted {
    paint_rows(screen, area, is_faint, &Rows::ALL, buffer)
}

/// Paints those `rows` of it.
pub fn paint_rows(
    screen: PaneScreen<'_>,
    area: Rect,
    is_faint: bool,
    rows: &Rows,
    buffer: &mut Buffer,
) -> Painted {
    let area = area.intersection(buffer.area);
    let grid = screen.grid;
    let scrolled = grid.display_offset();
    let offset = i32::try_from(scrolled).unwrap_or(i32::MAX);
    let palette = Palette::of(screen.colors);
    let columns = grid.columns().min(usize::from(area.width));
    for row in 0..area.height.min(u16::try_from(grid.screen_lines()).unwrap_or(u16::MAX)) {
        if !rows.has(row) {
            continue;
        }
        let from = &grid[Line(i32::from(row) - offset)][Column(0)..Column(columns)];
        let start = buffer.index_of(area.x, area.y + row);
        let to = &mut buffer.content[start..start + columns];
        paint_row(from, to, is_faint, palette);
    }
    let point = grid.cursor.point;
    let is_shown = screen.mode.contains(TermMode::SHOW_CURSOR) && screen.cursor != CursorShape::Hidden;
    let cursor = u16::try_from(point.line.0 + offset)
        .ok()
        .zip(u16::try_from(point.column.0).ok())
        .filter(|(row, column)| is_shown && *row < area.height && *column < area.width)
        .map(|(row, column)| Position::new(area.x + column, area.y + row));
    Painted { cursor, shape: screen.cursor, scrolled, history: grid.history_size() }
}

/// Paints lines of a transcript into `area`, beginning with line `top`.
pub fn paint_transcript(transcript: &Transcript, top: usize, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    for (row, line) in (area.y..area.bottom()).zip(top..) {
        let cells = transcript.cells(line);
        let columns = cells.len().min(usize::from(area.width));
        let start = buffer.index_of(area.x, row);
        paint_row(&cells[..columns], &mut buffer.content[start..start + columns], false, Palette(None));
    }
}

/// The colours that a program has set to others; none where it has set none, which is found out once for all cells.
#[derive(Clone, Copy)]
struct Palette<'a>(Option<&'a Colors>);

impl<'a> Palette<'a> {
    fn of(colors: &'a Colors) -> Self {
        let has_any = (0..COUNT).any(|index| colors[index].is_some());
        Self(has_any.then_some(colors))
    }

    #[inline]
    fn colour(self, wanted: GridColor) -> Color {
        match self.0 {
            None => colour(wanted),
            Some(colors) => set(colors, wanted).unwrap_or_else(|| colour(wanted)),
        }
    }
}

/// The colour that the program set in the place of this one.
fn set(colors: &Colors, wanted: GridColor) -> Option<Color> {
    const DIM: usize = NamedColor::DimBlack as usize;
    let index = match wanted {
        GridColor::Spec(_) => return None,
        GridColor::Indexed(index) => usize::from(index),
        GridColor::Named(NamedColor::DimForeground | NamedColor::BrightForeground) => {
            NamedColor::Foreground as usize
        }
        // The faint forms are drawn faintly, in the colours themselves.
        GridColor::Named(name) if name as usize >= DIM => name as usize - DIM,
        GridColor::Named(name) => name as usize,
    };
    colors[index].map(|rgb| Color::Rgb(rgb.r, rgb.g, rgb.b))
}

fn paint_row(from: &[GridCell], to: &mut [Cell], is_faint: bool, palette: Palette<'_>) {
    let last = from.len().saturating_sub(1);
    for (column, (from, to)) in from.iter().zip(to.iter_mut()).enumerate() {
        if from.c != ' ' {
            let is_usual = matches!(from.c, '!'..='~') && !from.flags.intersects(SPECIAL);
            if is_usual && from.extra.is_none() {
                to.set_char(from.c);
            } else if !is_blank(from, column == last) {
                put(from, to);
            }
        }
        to.fg = palette.colour(from.fg);
        to.bg = palette.colour(from.bg);
        to.modifier = modifier(from);
        to.underline_color = from.underline_color().map_or(Color::Reset, |wanted| palette.colour(wanted));
        if is_faint {
            to.modifier = (to.modifier - Modifier::BOLD) | Modifier::DIM;
            to.fg = if to.fg == Color::Reset { Color::DarkGray } else { to.fg };
        }
    }
}

/// What makes a character more than itself, or less.
const SPECIAL: Flags = Flags::WIDE_CHAR.union(Flags::WIDE_CHAR_SPACER).union(Flags::HIDDEN);

/// Whether nothing is to be seen of a character.
fn is_blank(cell: &GridCell, is_last: bool) -> bool {
    let is_cut = cell.flags.contains(Flags::WIDE_CHAR) && is_last;
    is_cut || cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::HIDDEN) || cell.c.is_control()
}

/// The character with its marks. A grid that disagrees with us about a width must not shift the rest of the row.
fn put(from: &GridCell, to: &mut Cell) {
    let is_wide = from.flags.contains(Flags::WIDE_CHAR);
    let fits = from.c.width() == Some(if is_wide { 2 } else { 1 });
    match from.zerowidth() {
        None if fits => {
            to.set_char(from.c);
        }
        Some(marks) if fits || is_wide => {
            let mut text = String::from(from.c);
            text.extend(marks.iter().filter(|mark| is_harmless(**mark)));
            to.set_symbol(&text);
            let width = unicode_width::UnicodeWidthStr::width(text.as_str());
            if width > 1 + usize::from(is_wide) {
                to.set_char(from.c);
            }
        }
        None | Some(_) => {
            to.set_char('\u{fffd}');
        }
    }
}

/// Marks may change a letter, not the direction of a line, and not the terminal.
fn is_harmless(mark: char) -> bool {
    let turns = matches!(mark, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !mark.is_control() && !turns
}

fn modifier(cell: &GridCell) -> Modifier {
    let flags = cell.flags;
    if flags.is_empty() && !is_dim(cell.fg) {
        return Modifier::empty();
    }
    let pairs: [(bool, Modifier); 10] = [
        (flags.contains(Flags::BOLD), Modifier::BOLD),
        (flags.contains(Flags::DIM) || is_dim(cell.fg), Modifier::DIM),
        (flags.contains(Flags::ITALIC), Modifier::ITALIC),
        (flags.contains(Flags::UNDERLINE), Underline::Single.modifier()),
        (flags.contains(Flags::DOUBLE_UNDERLINE), Underline::Double.modifier()),
        (flags.contains(Flags::UNDERCURL), Underline::Curly.modifier()),
        (flags.contains(Flags::DOTTED_UNDERLINE), Underline::Dotted.modifier()),
        (flags.contains(Flags::DASHED_UNDERLINE), Underline::Dashed.modifier()),
        (flags.contains(Flags::INVERSE), Modifier::REVERSED),
        (flags.contains(Flags::STRIKEOUT), Modifier::CROSSED_OUT),
    ];
    pairs.iter().filter(|(is_on, _)| *is_on).fold(Modifier::empty(), |all, (_, modifier)| all | *modifier)
}

fn is_dim(colour: GridColor) -> bool {
    matches!(colour, GridColor::Named(name) if name as usize >= NamedColor::DimBlack as usize && name != NamedColor::BrightForeground)
}

/// The sixteen colours stay the terminal's own.
fn colour(colour: GridColor) -> Color {
    match colour {
        GridColor::Spec(rgb) => Color::Rgb(rgb.r, rgb.g, rgb.b),
        GridColor::Indexed(index) => Color::Indexed(index),
        GridColor::Named(name) => named(name),
    }
}

fn named(name: NamedColor) -> Color {
    match name {
        NamedColor::Foreground
        | NamedColor::Background
        | NamedColor::Cursor
        | NamedColor::BrightForeground
        | NamedColor::DimForeground => Color::Reset,
        NamedColor::Black | NamedColor::DimBlack => Color::Indexed(0),
        NamedColor::Red | NamedColor::DimRed => Color::Indexed(1),
        NamedColor::Green | NamedColor::DimGreen => Color::Indexed(2),
        NamedColor::Yellow | NamedColor::DimYellow => Color::Indexed(3),
        NamedColor::Blue | NamedColor::DimBlue => Color::Indexed(4),
        NamedColor::Magenta | NamedColor::DimMagenta => Color::Indexed(5),
        NamedColor::Cyan | NamedColor::DimCyan => Color::Indexed(6),
        NamedColor::White | NamedColor::DimWhite => Color::Indexed(7),
        NamedColor::BrightBlack => Color::Indexed(8),
        NamedColor::BrightRed => Color::Indexed(9),
        NamedColor::BrightGreen => Color::Indexed(10),
        NamedColor::BrightYellow => Color::Indexed(11),
        NamedColor::BrightBlue => Color::Indexed(12),
        NamedColor::BrightMagenta => Color::Indexed(13),
        NamedColor::BrightCyan => Color::Indexed(14),
        NamedColor::BrightWhite => Color::Indexed(15),
    }
}

#[cfg(test)]
mod tests {
    use ccells_holder::emulator::Emulator;

    use super::*;

    fn painted(bytes: &str, columns: u16, is_faint: bool) -> (Buffer, Painted) {
        let mut emulator = Emulator::pane(20, 3, 10);
        emulator.feed(bytes.as_bytes());
        let area = Rect::new(0, 0, columns, 3);
        let mut buffer = Buffer::empty(area);
        let term = emulator.term();
        let screen = PaneScreen::of(term);
        let painted = paint(screen, area, is_faint, &mut buffer);
        (buffer, painted)
    }

    #[test]
    fn colours_and_attributes_arrive() {
        let (buffer, _) =
            painted("\x1b[1;31ma\x1b[0;3;4;7mb\x1b[0;38;5;200;48;2;1;2;3mc\x1b[0;9;2md", 20, false);
        let cell = |column| &buffer[(column, 0)];
        assert_eq!((cell(0).fg, cell(0).modifier), (Color::Indexed(1), Modifier::BOLD));
        assert_eq!(cell(1).modifier, Modifier::ITALIC | Modifier::UNDERLINED | Modifier::REVERSED);
        assert_eq!((cell(2).fg, cell(2).bg), (Color::Indexed(200), Color::Rgb(1, 2, 3)));
        assert_eq!(cell(3).modifier, Modifier::CROSSED_OUT | Modifier::DIM);
        assert_eq!(
            (cell(4).fg, cell(4).bg, cell(4).modifier),
            (Color::Reset, Color::Reset, Modifier::empty())
        );
    }

    #[test]
    fn colours_that_the_program_set_are_drawn() {
        let set = "\x1b]4;1;#010203\x07\x1b]4;200;#040506\x07\x1b]10;#0a0b0c\x07\x1b]11;#fdf6e3\x07";
        let text = "\x1b[31ma\x1b[38;5;200mb\x1b[32;4;58:5:1mc\x1b[0;2;31md\x1b[0me";
        let (buffer, _) = painted(&format!("{set}{text}"), 20, false);
        let ground = Color::Rgb(0xfd, 0xf6, 0xe3);
        let looks = |column| (buffer[(column, 0)].fg, buffer[(column, 0)].bg);
        assert_eq!(looks(0), (Color::Rgb(1, 2, 3), ground));
        assert_eq!(looks(1), (Color::Rgb(4, 5, 6), ground));
        assert_eq!(looks(2), (Color::Indexed(2), ground));
        assert_eq!(buffer[(2, 0)].underline_color, Color::Rgb(1, 2, 3));
        assert_eq!(looks(3), (Color::Rgb(1, 2, 3), ground));
        assert_eq!(looks(4), (Color::Rgb(10, 11, 12), ground));
        assert_eq!(looks(19), (Color::Rgb(10, 11, 12), ground), "all of the pane");
        let back = "\x1b]104\x07\x1b]110\x07\x1b]111\x07";
        let (buffer, _) = painted(&format!("{set}{text}{back}"), 20, false);
        assert_eq!((buffer[(0, 0)].fg, buffer[(0, 0)].bg), (Color::Indexed(1), Color::Reset));
    }

    #[test]
    fn every_underline_arrives_with_its_colour() {
        let bytes =
            "\x1b[4ma\x1b[4:2mb\x1b[4:3;58:2::9:8:7mc\x1b[4:4;58:5:200md\x1b[4:5me\x1b[59mf\x1b[24;58:5:1mg";
        let (buffer, _) = painted(bytes, 20, false);
        let cell =
            |column| (Underline::of(buffer[(column, 0)].modifier), buffer[(column, 0)].underline_color);
        assert_eq!(cell(0), (Some(Underline::Single), Color::Reset));
        assert_eq!(buffer[(0, 0)].modifier, Modifier::UNDERLINED, "a single line is what it always was");
        assert_eq!(cell(1), (Some(Underline::Double), Color::Reset));
        assert_eq!(cell(2), (Some(Underline::Curly), Color::Rgb(9, 8, 7)));
        assert_eq!(cell(3), (Some(Underline::Dotted), Color::Indexed(200)));
        assert_eq!(cell(4), (Some(Underline::Dashed), Color::Indexed(200)));
        assert_eq!(cell(5), (Some(Underline::Dashed), Color::Reset));
        assert_eq!(cell(6).0, None);
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        let (buffer, _) = painted("ab\u{65e5}c", 3, false);
        let row: Vec<&str> = (0..3).map(|column| buffer[(column, 0)].symbol()).collect();
        assert_eq!(row, ["a", "b", " "]);
        let (buffer, _) = painted("a\u{65e5}c", 20, false);
        assert_eq!((buffer[(1, 0)].symbol(), buffer[(3, 0)].symbol()), ("\u{65e5}", "c"));
    }

    #[test]
    fn marks_stay_with_their_letter_and_hidden_text_is_hidden() {
        let (buffer, _) = painted("e\u{301}\u{202e}x\x1b[8msecret", 20, false);
        assert_eq!((buffer[(0, 0)].symbol(), buffer[(1, 0)].symbol()), ("e\u{301}", "x"));
        assert!((2..20).all(|column| buffer[(column, 0)].symbol() == " "));
    }

    #[test]
    fn the_cursor_is_told_only_while_it_is_to_be_seen() {
        assert_eq!(painted("ab", 20, false).1.cursor, Some(Position::new(2, 0)));
        assert_eq!(painted("ab\x1b[?25l", 20, false).1.cursor, None);
        assert_eq!(painted("abcdef", 4, false).1.cursor, None, "it is beyond what is shown");
    }

    #[test]
    fn what_does_not_move_is_faint() {
        let (buffer, _) = painted("\x1b[1ma", 20, true);
        assert_eq!((buffer[(0, 0)].fg, buffer[(0, 0)].modifier), (Color::DarkGray, Modifier::DIM));
    }
}
