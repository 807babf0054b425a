//! What is to be seen and what is seen: frames are drawn into memory, and only cells that differ are written.

use alacritty_terminal::vte::ansi::CursorShape;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::encode::{Depth, Encoder, Underlines};

/// Where the cursor is and how it looks; a hidden one is nowhere.
pub(crate) type Cursor = Option<(Position, CursorShape)>;

/// A frame in memory beside what the terminal shows.
pub(super) struct Canvas {
    /// The frame.
    next: Buffer,
    /// What the terminal shows.
    shown: Buffer,
    /// The cursor as the terminal shows it; `None` when that is not known.
    cursor: Option<Cursor>,
    encoder: Encoder,
    /// Whether the cursor is hidden while much is written: a terminal that does not know of frames shows its every step.
    hides: bool,
}

const HIDE: &[u8] = b"\x1b[?25l";
const SHOW: &[u8] = b"\x1b[?25h";
/// A frame longer than this is no mere echo.
const MUCH: usize = 128;

impl Canvas {
    /// Nothing, on a terminal that shows nothing.
    pub(super) fn new(area: Rect, depth: Depth, underlines: Underlines) -> Self {
        let blank = Buffer::empty(area);
        let encoder = Encoder::new(depth, underlines);
        Self { next: blank.clone(), shown: blank, cursor: None, encoder, hides: true }
    }

    /// Hides the cursor while much is written, or does not.
    pub(super) fn hide_cursor(&mut self, hides: bool) {
        self.hides = hides;
    }

    /// The whole of it.
    pub(super) fn area(&self) -> Rect {
        self.next.area
    }

    /// Draws all anew, and appends what the terminal has to be told to `out`.
    pub(super) fn draw(&mut self, render: impl FnOnce(&mut Buffer) -> Cursor, out: &mut Vec<u8>) {
        self.next.reset();
        let cursor = render(&mut self.next);
        self.write(&[self.next.area], cursor, out);
    }

    /// Draws anew what `render` says it did; all else stays as it was drawn before. The cursor stays unless another one
    /// is told.
    pub(super) fn redraw(
        &mut self,
        render: impl FnOnce(&mut Buffer, &mut Vec<Rect>) -> Option<Cursor>,
        out: &mut Vec<u8>,
    ) {
        let mut areas = Vec::new();
        let cursor = render(&mut self.next, &mut areas).or(self.cursor).flatten();
        self.write(&areas, cursor, out);
    }

    fn write(&mut self, areas: &[Rect], cursor: Cursor, out: &mut Vec<u8>) {
        let start = out.len();
        self.encoder.begin();
        for area in areas {
            let area = area.intersection(self.next.area);
            // Rows without columns have no place in what is held.
            if area.is_empty() {
                continue;
            }
            for y in area.top()..area.bottom() {
                self.write_row(area, y, out);
            }
        }
        let has_written = out.len() > start;
        if self.hides && out.len() - start > MUCH && self.cursor.flatten().is_some() {
            out.splice(start..start, HIDE.iter().copied());
            self.cursor = Some(None);
        }
        if has_written || self.cursor != Some(cursor) {
            self.write_cursor(cursor, out);
        }
    }

    fn write_row(&mut self, area: Rect, y: u16, out: &mut Vec<u8>) {
        let start = self.next.index_of(area.x, y);
        let columns = usize::from(area.width);
        let next = &self.next.content[start..start + columns];
        let shown = &mut self.shown.content[start..start + columns];
        let mut column = 0;
        while column < columns {
            let to = &next[column];
            let width = width(to);
            if is_same(to, &shown[column]) {
                column += width;
                continue;
            }
            let x = area.x + u16::try_from(column).unwrap_or(u16::MAX);
            let mut touched = width;
            if width > columns - column {
                // Half a character is none.
                self.encoder.cell((x, y), &Cell::EMPTY, true, out);
            } else {
                // A terminal that joins nothing writes over what is beside it, which is drawn anew; where that is not
                // ours to draw, the first of the joined has to do.
                let apart = apart(to.symbol());
                let may_spread = apart <= columns - column;
                touched = if may_spread { width.max(apart) } else { width };
                self.encoder.cell_of((x, y), to, width, may_spread, out);
            }
            shown[column].clone_from(to);
            // The terminal clears the other half of a wide character when one half is written over: that is drawn anew
            // since it is like nothing that is ever drawn.
            shown[column + 1..columns.min(column + touched)].fill(covered());
            column += width;
        }
        if area.right() == self.next.area.right() {
            self.encoder.end_row();
        }
    }

    fn write_cursor(&mut self, cursor: Cursor, out: &mut Vec<u8>) {
        match cursor {
            Some((position, shape)) => {
                self.encoder.go_to((position.x, position.y), out);
                let before = self.cursor.flatten();
                if before.map(|(_, shape)| shape) != Some(shape) {
                    out.extend_from_slice(shape_bytes(shape));
                }
                if before.is_none() {
                    out.extend_from_slice(SHOW);
                }
            }
            None if self.cursor != Some(None) => out.extend_from_slice(HIDE),
            None => {}
        }
        self.cursor = Some(cursor);
    }
}

/// How the terminal is told the form of its cursor.
fn shape_bytes(shape: CursorShape) -> &'static [u8] {
    match shape {
        CursorShape::Hidden => b"",
        CursorShape::Block | CursorShape::HollowBlock => b"\x1b[2 q",
        CursorShape::Underline => b"\x1b[4 q",
        CursorShape::Beam => b"\x1b[6 q",
    }
}

/// Columns a cell takes; one that shows nothing takes its own all the same.
fn width(cell: &Cell) -> usize {
    match cell.symbol() {
        symbol if symbol.len() == 1 => 1,
        symbol => symbol.width().clamp(1, 2),
    }
}

/// Columns that a symbol takes on a terminal that joins no characters.
fn apart(symbol: &str) -> usize {
    // One character is joined with none.
    if symbol.len() <= 4 { 1 } else { symbol.chars().map(|c| c.width().unwrap_or(0)).sum() }
}

/// What is remembered of the place below the second half of a wide character.
fn covered() -> Cell {
    Cell::new("\u{0}")
}

fn is_same(one: &Cell, other: &Cell) -> bool {
    one.underline_color == other.underline_color
        && one.fg == other.fg
        && one.bg == other.bg
        && one.modifier == other.modifier
        && one.symbol() == other.symbol()
}

#[cfg(test)]
mod tests {
    use ccells_holder::emulator::Emulator;
    use proptest::prelude::*;
    use ratatui::style::Style;

    use super::*;

    const AREA: Rect = Rect { x: 0, y: 0, width: 12, height: 3 };

    /// What a terminal shows that got `bytes`, row by row.
    fn rows(emulator: &Emulator) -> Vec<String> {
        use alacritty_terminal::index::{Column, Line};
        use alacritty_terminal::term::cell::Flags;
        let row = |line: i32| {
            let cells = (0..usize::from(AREA.width))
                .map(|column| &emulator.term().grid()[Line(line)][Column(column)]);
            cells.filter(|cell| !cell.flags.contains(Flags::WIDE_CHAR_SPACER)).map(|cell| cell.c).collect()
        };
        (0..i32::from(AREA.height)).map(row).collect()
    }

    /// The same on a terminal that joins no characters.
    fn rows_apart(bytes: &[u8]) -> Vec<String> {
        use alacritty_terminal::Term;
        use alacritty_terminal::event::VoidListener;
        use alacritty_terminal::index::{Column, Line};
        use alacritty_terminal::term::cell::Flags;
        use alacritty_terminal::term::test::TermSize;
        use alacritty_terminal::vte::ansi::Processor;
        let size = TermSize::new(usize::from(AREA.width), usize::from(AREA.height));
        let mut term = Term::new(alacritty_terminal::term::Config::default(), &size, VoidListener);
        Processor::<alacritty_terminal::vte::ansi::StdSyncHandler>::new().advance(&mut term, bytes);
        let row = |line: i32| {
            let cells = (0..usize::from(AREA.width)).map(|column| &term.grid()[Line(line)][Column(column)]);
            cells.filter(|cell| !cell.flags.contains(Flags::WIDE_CHAR_SPACER)).map(|cell| cell.c).collect()
        };
        (0..i32::from(AREA.height)).map(row).collect()
    }

    #[test]
    fn a_terminal_that_joins_nothing_shows_the_first_and_its_neighbours_whole() {
        let mut canvas = Canvas::new(AREA, Depth::True, Underlines::Styled);
        let lines =
            ["a👩\u{200d}💻bcdefghi", "abcdefgh👩\u{200d}💻z", "abcdefghi👩\u{200d}💻"].map(String::from);
        let mut bytes = frame(&mut canvas, &lines);
        assert_eq!(
            String::from_utf8_lossy(&bytes).matches('💻').count(),
            2,
            "it is drawn whole where it may be"
        );
        assert_eq!(rows_apart(&bytes), ["a👩bcdefghi ", "abcdefgh👩z ", "abcdefghi👩 "]);
        // Drawn anew, and gone.
        let later = ["ab👩\u{200d}💻cdefghi", "x", ""].map(String::from);
        bytes.extend(frame(&mut canvas, &later));
        assert_eq!(rows_apart(&bytes), ["ab👩cdefghi ", "x           ", "            "]);
    }

    fn frame(canvas: &mut Canvas, lines: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        let render = |buffer: &mut Buffer| {
            for (y, line) in (0..).zip(lines) {
                buffer.set_stringn(0, y, line, usize::from(AREA.width), Style::new());
            }
            None
        };
        canvas.draw(render, &mut out);
        out
    }

    #[test]
    fn a_frame_like_the_last_one_says_nothing() {
        let mut canvas = Canvas::new(AREA, Depth::True, Underlines::Styled);
        assert!(!frame(&mut canvas, &["ab日c".to_owned()]).is_empty());
        assert!(frame(&mut canvas, &["ab日c".to_owned()]).is_empty());
    }

    #[test]
    fn a_terminal_without_frames_does_not_see_the_cursor_run() {
        let mut canvas = Canvas::new(Rect::new(0, 0, 80, 10), Depth::True, Underlines::Styled);
        let mut draw = |text: &str, hides| {
            let mut out = Vec::new();
            canvas.hide_cursor(hides);
            let render = |buffer: &mut Buffer| {
                for y in 0..10 {
                    buffer.set_string(0, y, text.repeat(20), Style::new());
                }
                Some((Position::new(1, 1), CursorShape::Block))
            };
            canvas.draw(render, &mut out);
            String::from_utf8(out).expect("only text was written")
        };
        assert!(draw("a", true).ends_with("\x1b[2;2H\x1b[2 q\x1b[?25h"), "it was hidden at first");
        let frame = draw("b", true);
        assert!(frame.starts_with("\x1b[?25l") && frame.ends_with("\x1b[?25h"));
        assert!(!draw("c", false).contains("\x1b[?25"));
    }

    #[test]
    fn a_part_is_drawn_alone_and_the_rest_stays() {
        let mut canvas = Canvas::new(AREA, Depth::True, Underlines::Styled);
        frame(&mut canvas, &["one".to_owned(), "two".to_owned()]);
        let mut out = Vec::new();
        let render = |buffer: &mut Buffer, areas: &mut Vec<Rect>| {
            buffer[(0, 0)].set_symbol("O");
            buffer[(0, 1)].set_symbol("T");
            areas.push(Rect::new(0, 1, 12, 1));
            None
        };
        canvas.redraw(render, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "\x1b[2;1H\x1b[0mT",
            "the first row was not said to be new"
        );
    }

    proptest! {
        /// Whatever was shown before, a frame leads to the very same screen as on an empty terminal.
        #[test]
        fn frames_over_one_another_are_as_good_as_the_last_one_alone(
            frames in proptest::collection::vec(proptest::collection::vec("[a 日本e│]{0,12}", 3), 1..6)
        ) {
            let mut canvas = Canvas::new(AREA, Depth::True, Underlines::Styled);
            let mut terminal = Emulator::pane(AREA.width, AREA.height, 0);
            for lines in &frames {
                terminal.feed(&frame(&mut canvas, lines));
                let mut alone = Emulator::pane(AREA.width, AREA.height, 0);
                alone.feed(&frame(&mut Canvas::new(AREA, Depth::True, Underlines::Styled), lines));
                prop_assert_eq!(rows(&terminal), rows(&alone), "{:?}", frames);
            }
        }
    }
}
