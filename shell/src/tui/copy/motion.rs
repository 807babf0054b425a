//! Where the cursor goes: by characters, words, lines and pages, as in vi.

use super::Looking;
use crate::terminal::selection::Shape;
use crate::terminal::transcript::{Class, Spot, Transcript};

impl Looking {
    pub(super) fn move_to(&mut self, spot: Spot) {
        self.cursor = self.transcript.start_of_cell(spot);
        self.goal = self.cursor.column;
        self.show_cursor();
    }

    pub(super) fn move_by_columns(&mut self, by: isize) {
        let from = self.cursor;
        let column = if by < 0 {
            self.transcript.before(from).filter(|before| before.line == from.line).map(|before| before.column)
        } else {
            let next = self.transcript.end_of_cell(from).column + 1;
            Some(next).filter(|next| *next <= self.last_column(from.line))
        };
        self.move_to(Spot { column: column.unwrap_or(from.column), ..from });
    }

    /// Moves to another line, and keeps the column as far as there is one.
    pub(super) fn move_by_lines(&mut self, by: isize) {
        let last = self.transcript.len().saturating_sub(1);
        self.cursor.line = self.cursor.line.saturating_add_signed(by).min(last);
        self.cursor.column = self.goal.min(self.last_column(self.cursor.line));
        self.cursor = self.transcript.start_of_cell(self.cursor);
        self.show_cursor();
    }

    /// Moves view and cursor together.
    pub(super) fn move_by_page(&mut self, by: isize) {
        let top = self.top.saturating_add_signed(by).min(self.last_top());
        self.top = top;
        self.move_by_lines(by);
    }

    pub(super) fn move_to_end(&mut self) {
        let line = self.cursor.line;
        self.move_to(Spot { line, column: self.last_column(line) });
        // The end of the next line, too.
        self.goal = usize::MAX;
    }

    pub(super) fn move_to_first_mark(&mut self) {
        let line = self.cursor.line;
        let is_said = |column: &usize| self.transcript.class(Spot { line, column: *column }) != Class::Blank;
        let column = (0..self.transcript.cells(line).len()).find(is_said).unwrap_or(0);
        self.move_to(Spot { line, column });
    }

    /// Moves to a line of the view.
    pub(super) fn move_to_row(&mut self, row: usize) {
        let last = self.transcript.len().saturating_sub(1);
        let line = (self.top + row.min(self.rows.saturating_sub(1))).min(last);
        self.cursor.line = line;
        self.move_to_first_mark();
    }

    pub(super) fn move_to_line(&mut self, line: usize) {
        self.cursor.line = line.min(self.transcript.len().saturating_sub(1));
        self.move_to_first_mark();
    }

    /// A block may be wider than the line that the cursor is in.
    fn last_column(&self, line: usize) -> usize {
        let is_block = self.selection.is_some_and(|selection| selection.shape == Shape::Block);
        let length = if is_block { self.transcript.columns() } else { self.transcript.cells(line).len() };
        length.saturating_sub(1)
    }
}

/// The start of the next word.
pub(super) fn next_word(transcript: &Transcript, from: Spot) -> Option<Spot> {
    let (mut at, mut class) = (from, transcript.class(from));
    loop {
        let next = transcript.after(at)?;
        if transcript.is_break(at, next) {
            class = Class::Blank;
        }
        at = next;
        let here = transcript.class(at);
        let is_empty_line = at.column == 0 && transcript.cells(at.line).is_empty();
        if is_empty_line || (here != Class::Blank && here != class) {
            return Some(at);
        }
        class = here;
    }
}

/// The end of this word, or of the next one.
pub(super) fn end_of_word(transcript: &Transcript, from: Spot) -> Option<Spot> {
    let mut at = transcript.after(from)?;
    while transcript.class(at) == Class::Blank {
        at = transcript.after(at)?;
    }
    let class = transcript.class(at);
    while let Some(next) = transcript.after(at) {
        if transcript.is_break(at, next) || transcript.class(next) != class {
            break;
        }
        at = next;
    }
    Some(at)
}

/// The start of this word, or of the one before.
pub(super) fn word_before(transcript: &Transcript, from: Spot) -> Option<Spot> {
    let mut at = transcript.before(from)?;
    while transcript.class(at) == Class::Blank {
        at = transcript.before(at)?;
    }
    let class = transcript.class(at);
    while let Some(next) = transcript.before(at) {
        if transcript.is_break(at, next) || transcript.class(next) != class {
            break;
        }
        at = next;
    }
    Some(at)
}
