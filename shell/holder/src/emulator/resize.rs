//! A terminal gets another size: text that wraps anew stays where a person looks for it, on both screens.

use alacritty_terminal::grid::{Dimensions, Grid};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::{Cell, CellExtra, Flags};
use alacritty_terminal::term::{Term, TermMode};

use super::replies::Replies;
use super::{Emulator, Size};

/// Marks a cell for the time of one change of size; no program can print it.
const MARK: char = '\u{10ffff}';

impl Emulator {
    /// Gives the terminal underneath another size.
    pub(super) fn resize_term(&mut self, size: Size) {
        if self.term.mode().contains(TermMode::ALT_SCREEN) {
            self.visit_main_behind(|emulator| {
                fit(&mut emulator.term, size, |term, size| {
                    term.grid_mut().resize(true, size.rows, size.columns);
                });
                touch_rows(emulator.term.grid_mut());
            });
            self.term.resize(size);
        } else {
            fit(&mut self.term, size, Term::resize);
            leave_wide(self.term.grid_mut());
            self.shadow.is_alternate_stale = true;
        }
        touch_rows(self.term.grid_mut());
    }

    /// Brings the main screen forth while the alternate one is shown, and puts it back.
    pub(super) fn visit_main_behind(&mut self, visit: impl FnOnce(&mut Self)) {
        let alternate = self.term.grid().clone();
        let selection = self.term.selection.take();
        self.term.swap_alt();
        visit(self);
        self.term.swap_alt();
        *self.term.grid_mut() = alternate;
        self.term.selection = selection;
        self.wrap().apply_keyboard();
    }
}

/// The terminal underneath keeps the bottom of the screen when lines wrap anew, also when it is blank, and pushes text
/// off the top, or pulls old text in. So the blank part goes first and comes back last, and the first row of the screen
/// is brought back to where it was as far as there is room.
fn fit(term: &mut Term<Replies>, size: Size, resize: impl Fn(&mut Term<Replies>, Size)) {
    let used = term.grid().cursor.point.line.0.unsigned_abs() as usize + 1;
    let can_shrink = size.columns != term.columns()
        && used < term.screen_lines()
        && (used..term.screen_lines()).all(|row| is_blank(term, row));
    if !can_shrink {
        return resize(term, size);
    }
    let first = &mut term.grid_mut()[Line(0)][Column(0)];
    let extra = first.extra.clone();
    first.push_zerowidth(MARK);
    resize(term, Size { columns: term.columns(), rows: used });
    resize(term, Size { columns: size.columns, rows: used });
    resize(term, size);
    if let Some(line) = unmark(term.grid_mut(), extra) {
        bring_back(term.grid_mut(), line);
    }
}

/// Text that wraps anew before a wide character moves by one cell more than the terminal underneath counts.
fn leave_wide(grid: &mut Grid<Cell>) {
    let (point, last) = (grid.cursor.point, grid.last_column());
    if grid[point].flags.contains(Flags::WIDE_CHAR_SPACER) && point.column < last {
        grid.cursor.point.column += 1;
    }
}

/// Finds the marked cell, gives it back what it had, and tells its line.
fn unmark(grid: &mut Grid<Cell>, extra: Option<std::sync::Arc<CellExtra>>) -> Option<Line> {
    let is_marked = |cell: &Cell| cell.zerowidth().is_some_and(|marks| marks.contains(&MARK));
    let lines = (grid.topmost_line().0..=grid.bottommost_line().0).rev().map(Line);
    let columns = grid.columns();
    for line in lines {
        if let Some(column) = (0..columns).map(Column).find(|column| is_marked(&grid[line][*column])) {
            grid[line][column].extra = extra;
            return Some(line);
        }
    }
    // It went off the end of the scrollback.
    None
}

/// Moves the screen so that `line` is its first row, when older text came before it.
fn bring_back(grid: &mut Grid<Cell>, line: Line) {
    let Ok(count @ 1..) = usize::try_from(line.0) else { return };
    let looks = std::mem::take(&mut grid.cursor.template);
    let rows = i32::try_from(grid.screen_lines()).unwrap_or(i32::MAX);
    grid.scroll_up(&(Line(0)..Line(rows)), count);
    grid.cursor.template = looks;
    for cursor in [&mut grid.cursor, &mut grid.saved_cursor] {
        cursor.point.line = (cursor.point.line - count).max(Line(0));
    }
}

fn is_blank(term: &Term<Replies>, row: usize) -> bool {
    let row = &term.grid()[Line(i32::try_from(row).unwrap_or(i32::MAX))];
    (0..term.columns()).all(|column| row[Column(column)] == Cell::default())
}

/// Makes every cell count as written. A row that grew may hold text that the terminal underneath takes for blank
/// and would not clear.
pub(super) fn touch_rows(grid: &mut Grid<Cell>) {
    let last = grid.last_column();
    for line in grid.topmost_line().0..=grid.bottommost_line().0 {
        let _ = &mut grid[Line(line)][last];
    }
}
