//! All a pane has ever shown, as far as it is kept, standing still while the pane goes on: what is scrolled through,
//! searched, selected and exported.

use std::collections::VecDeque;
use std::ops::Range;

use alacritty_terminal::term::cell::{Cell, Flags};

use super::history::Frozen;
use super::packed::Row;

/// A place in a transcript. The first line is the oldest one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The line, counted from the oldest.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// What a character is to those who move by words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing.
    Blank,
    /// A letter, a digit, an underscore.
    Word,
    /// Anything else.
    Mark,
}

/// What ends a word that is selected by a double click. A path, an address or an option is one word.
const WORD_ENDS: &str = ",│`|:\"' ()[]{}<>\t";

/// The transcript. See the module.
#[derive(Clone, Debug)]
pub struct Transcript {
    rows: Vec<Row>,
    columns: usize,
    screen_rows: usize,
    cursor: Spot,
}

impl Transcript {
    /// Takes what a pane held. Lines that were packed at another width are laid out anew.
    pub fn of(frozen: Frozen) -> Self {
        let Frozen { packed, rows: newer, columns, screen_rows, cursor } = frozen;
        let past = newer.len().saturating_sub(screen_rows);
        let mut rows = Vec::with_capacity(packed.len() + newer.len());
        let mut newer = VecDeque::from(newer);
        let history = packed.iter().chain(newer.drain(..past).collect::<Vec<_>>());
        lay_out(history, columns, &mut rows);
        rows.extend(newer);
        let top = rows.len().saturating_sub(screen_rows);
        let cursor = Spot { line: top + cursor.0, column: cursor.1 };
        Self { rows, columns, screen_rows, cursor }
    }

    /// How many lines there are, those of the screen included.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How wide the screen was.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How high the screen was.
    pub fn screen_rows(&self) -> usize {
        self.screen_rows
    }

    /// Where the cursor was.
    pub fn cursor(&self) -> Spot {
        self.cursor
    }

    /// The cells of a line, without the blank ones at its end.
    pub fn cells(&self, line: usize) -> &[Cell] {
        self.rows.get(line).map_or(&[], |row| row.cells.as_slice())
    }

    /// Whether a line goes on in the next one.
    pub fn is_wrapped(&self, line: usize) -> bool {
        self.rows.get(line).is_some_and(|row| row.is_wrapped) && line + 1 < self.rows.len()
    }

    /// Whether a row says that its line goes on, be there another row or not.
    #[cfg(test)]
    pub(super) fn rows_wrap(&self, line: usize) -> bool {
        self.rows[line].is_wrapped
    }

    /// The first and the last row of the line that `line` is a row of.
    pub fn whole_line(&self, line: usize) -> (usize, usize) {
        let first = (0..line).rev().take_while(|before| self.is_wrapped(*before)).last().unwrap_or(line);
        let last = (line..self.rows.len()).find(|row| !self.is_wrapped(*row)).unwrap_or(line);
        (first, last)
    }

    /// The character at a place; half a wide one is the whole one.
    pub fn character(&self, spot: Spot) -> char {
        let spot = self.start_of_cell(spot);
        self.cells(spot.line).get(spot.column).map_or(' ', |cell| cell.c)
    }

    /// The place where the character at `spot` begins.
    pub fn start_of_cell(&self, spot: Spot) -> Spot {
        let is_spacer = |cell: &Cell| cell.flags.contains(Flags::WIDE_CHAR_SPACER);
        let is_second = self.cells(spot.line).get(spot.column).is_some_and(is_spacer);
        Spot { column: spot.column - usize::from(is_second && spot.column > 0), ..spot }
    }

    /// The last column of the character at `spot`.
    pub fn end_of_cell(&self, spot: Spot) -> Spot {
        let is_wide = |cell: &Cell| cell.flags.contains(Flags::WIDE_CHAR);
        let is_first = self.cells(spot.line).get(spot.column).is_some_and(is_wide);
        let column = spot.column + usize::from(is_first);
        Spot { column: column.min(self.columns.saturating_sub(1)), ..spot }
    }

    /// What the character at a place is.
    pub fn class(&self, spot: Spot) -> Class {
        match self.character(spot) {
            c if c.is_whitespace() => Class::Blank,
            c if c.is_alphanumeric() || c == '_' => Class::Word,
            _ => Class::Mark,
        }
    }

    /// The place after `spot`, in the next line where this one ends; `None` at the end of all.
    pub fn after(&self, spot: Spot) -> Option<Spot> {
        let next = self.end_of_cell(spot).column + 1;
        let length = if self.is_wrapped(spot.line) { self.columns } else { self.cells(spot.line).len() };
        if next < length {
            return Some(Spot { column: next, ..spot });
        }
        (spot.line + 1 < self.rows.len()).then_some(Spot { line: spot.line + 1, column: 0 })
    }

    /// The place before `spot`.
    pub fn before(&self, spot: Spot) -> Option<Spot> {
        let spot = self.start_of_cell(spot);
        if let Some(column) = spot.column.checked_sub(1) {
            return Some(self.start_of_cell(Spot { column, ..spot }));
        }
        let line = spot.line.checked_sub(1)?;
        let length = if self.is_wrapped(line) { self.columns } else { self.cells(line).len() };
        Some(self.start_of_cell(Spot { line, column: length.saturating_sub(1) }))
    }

    /// Whether something ends between these two neighbours: a line that does not go on.
    pub fn is_break(&self, from: Spot, to: Spot) -> bool {
        from.line != to.line && !self.is_wrapped(from.line.min(to.line))
    }

    /// The first and the last place of the word at `spot`, as a double click means it.
    pub fn word(&self, spot: Spot) -> (Spot, Spot) {
        let is_end = |spot: Spot| WORD_ENDS.contains(self.character(spot));
        let kind = is_end(spot);
        // What ends words is a word of its own, of one character; but blanks go together.
        let is_same = |from: Spot, to: Spot| {
            let same =
                if kind { self.character(to) == ' ' && self.character(spot) == ' ' } else { !is_end(to) };
            same && !self.is_break(from, to)
        };
        let (mut first, mut last) = (self.start_of_cell(spot), self.start_of_cell(spot));
        while let Some(before) = self.before(first).filter(|before| is_same(first, *before)) {
            first = before;
        }
        while let Some(after) = self.after(last).filter(|after| is_same(last, *after)) {
            last = after;
        }
        (first, self.end_of_cell(last))
    }

    /// Adds the text of some columns of a line, with what is blank inside of it.
    pub fn put_text(&self, line: usize, columns: Range<usize>, text: &mut String) {
        let cells = self.cells(line);
        let mut column = columns.start;
        while column < columns.end.min(self.columns) {
            let Some(cell) = cells.get(column) else {
                text.push(' ');
                column += 1;
                continue;
            };
            column += 1;
            if cell.flags.intersects(Flags::WIDE_CHAR_SPACER | Flags::LEADING_WIDE_CHAR_SPACER) {
                continue;
            }
            text.push(if cell.c.is_control() { ' ' } else { cell.c });
            text.extend(cell.zerowidth().unwrap_or_default());
        }
    }

    /// The text from one place to another, both included: lines that were wrapped are whole, blanks at the end of lines
    /// are left out.
    pub fn text(&self, first: Spot, last: Spot) -> String {
        let mut text = String::new();
        for line in first.line..=last.line.min(self.rows.len().saturating_sub(1)) {
            let from = if line == first.line { first.column } else { 0 };
            let to = if line == last.line { self.end_of_cell(last).column + 1 } else { self.columns };
            self.put_text(line, from..to, &mut text);
            let goes_on = self.is_wrapped(line) && line < last.line;
            if !goes_on {
                text.truncate(text.trim_end_matches(' ').len());
                if line < last.line {
                    text.push('\n');
                }
            }
        }
        text
    }

    /// All of it as text, without the blank lines at its end.
    pub fn all_text(&self) -> String {
        let last = Spot { line: self.rows.len().saturating_sub(1), column: self.columns.saturating_sub(1) };
        let mut text = self.text(Spot::default(), last);
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}

/// Lays lines out at a width. Those that have it already stay as they are.
fn lay_out(rows: impl Iterator<Item = Row>, columns: usize, out: &mut Vec<Row>) {
    let mut line: Vec<Row> = Vec::new();
    for row in rows {
        let is_last = !row.is_wrapped;
        if line.is_empty() && is_last && row.columns == columns {
            out.push(row);
            continue;
        }
        line.push(row);
        if is_last {
            wrap(std::mem::take(&mut line), columns, out);
        }
    }
    wrap(line, columns, out);
}

/// Lays the rows of one line out.
fn wrap(rows: Vec<Row>, columns: usize, out: &mut Vec<Row>) {
    if rows.iter().all(|row| row.columns == columns) {
        return out.extend(rows);
    }
    let goes_on = rows.last().is_some_and(|row| row.is_wrapped);
    let mut cells: Vec<Cell> = Vec::new();
    for mut row in rows {
        if row.is_wrapped {
            row.cells.resize(row.columns, Cell::default());
            if row.cells.last().is_some_and(|last| last.flags.contains(Flags::LEADING_WIDE_CHAR_SPACER)) {
                row.cells.pop();
            }
        }
        cells.append(&mut row.cells);
    }
    let mut row = Row { columns, ..Row::default() };
    for cell in cells {
        let is_wide = cell.flags.contains(Flags::WIDE_CHAR);
        if is_wide && row.cells.len() + 1 == columns {
            let flags = Flags::LEADING_WIDE_CHAR_SPACER;
            row.cells.push(Cell { flags, ..Cell::default() });
        }
        if row.cells.len() >= columns {
            row.is_wrapped = true;
            out.push(std::mem::replace(&mut row, Row { columns, ..Row::default() }));
        }
        row.cells.push(cell);
    }
    row.is_wrapped = goes_on;
    out.push(row);
}
