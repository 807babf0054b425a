//! Where the terminal underneath departs from what the standards say (ECMA-48, the manuals of the VT terminals,
//! xterm's list of control sequences), it is put right here.

use alacritty_terminal::grid::{Cursor, Dimensions};
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, Handler, LineClearMode, Mode, NamedMode, NamedPrivateMode, PrivateMode,
    StandardCharset,
};

use unicode_width::UnicodeWidthChar as _;

use super::shadow::SavedWithCursor;
use super::wrap::Wrap;

/// Switches to the alternate screen, as programs wrote before 1049.
pub(super) const OLD_ALTERNATE: [u16; 2] = [47, 1_047];
/// Saves and restores the cursor.
pub(super) const OLD_CURSOR: u16 = 1_048;
/// Asks for one cell for what people see as one character; it is always so.
pub(super) const CLUSTERS: u16 = 2_027;
/// The mode in which a program is told when light becomes dark, or dark light.
pub(super) const SCHEME: u16 = 2031;

impl Wrap<'_> {
    /// First and last row of the region that scrolls.
    fn margins(&self) -> (i32, i32) {
        let small = |row: usize| i32::try_from(row).unwrap_or(i32::MAX);
        let last = self.term.bottommost_line().0;
        self.shadow.region.map_or((0, last), |(top, bottom)| (small(top) - 1, small(bottom) - 1))
    }

    /// Whether rows are counted from the top of the region.
    fn is_origin(&self) -> bool {
        self.term.mode().contains(TermMode::ORIGIN)
    }

    /// The row that counts as the first one.
    fn first_row(&self) -> i32 {
        if self.is_origin() { self.margins().0 } else { 0 }
    }

    /// Brings the cursor to a place of the screen, wherever rows are counted from.
    fn place(&mut self, row: i32, column: usize) {
        self.term.goto(row - self.first_row(), column);
    }

    fn row(&self) -> i32 {
        self.term.grid().cursor.point.line.0
    }

    fn column(&self) -> usize {
        self.term.grid().cursor.point.column.0
    }

    /// The next character no longer begins a new line.
    fn settle(&mut self) {
        self.term.grid_mut().cursor.input_needs_wrap = false;
    }

    /// Moves the cursor up (negative) or down; a margin it has not passed stops it.
    pub(super) fn move_rows(&mut self, by: i32, column: Option<usize>) {
        let (top, bottom) = self.margins();
        let row = self.row();
        let (least, most) = (
            if row >= top { top } else { 0 },
            if row <= bottom { bottom } else { self.term.bottommost_line().0 },
        );
        let target = row.saturating_add(by).clamp(least.min(row), most.max(row));
        let column = column.unwrap_or(self.column());
        self.place(target, column);
    }

    /// Moves the cursor within its row.
    pub(super) fn place_column(&mut self, column: usize) {
        self.place(self.row(), column);
    }

    /// Moves back over tab stops, to the start of the row when there are no more.
    pub(super) fn tab_back(&mut self, count: u16) {
        let mut column = self.column();
        for _ in 0..count {
            let stop = self.shadow.tabs[..column].iter().rposition(|is_stop| *is_stop);
            column = stop.unwrap_or(0);
            if column == 0 {
                break;
            }
        }
        self.place_column(column);
    }

    /// Goes to the next row, scrolling at the end of the region.
    pub(super) fn index(&mut self) {
        self.settle();
        self.term.linefeed();
    }

    /// Goes to the next row, or the start of it where the program wants that.
    pub(super) fn feed_line(&mut self) {
        self.index();
        if self.term.mode().contains(TermMode::LINE_FEED_NEW_LINE) {
            self.term.carriage_return();
        }
    }

    /// Goes to the row before, scrolling at the start of the region.
    pub(super) fn index_back(&mut self) {
        self.settle();
        self.term.reverse_index();
    }

    /// Inserts or deletes whole rows; the cursor goes to the start of its row.
    pub(super) fn shift_rows(&mut self, shift: impl FnOnce(&mut Self)) {
        let (top, bottom) = self.margins();
        if (top..=bottom).contains(&self.row()) {
            shift(self);
            self.term.carriage_return();
        }
    }

    /// Before cells of the cursor's row are moved or erased: no wide character is left in half at these columns, and
    /// the row does not say of its last cell what will not be true of the next one there.
    pub(super) fn part(&mut self, columns: [usize; 2]) {
        self.settle();
        let line = self.term.grid().cursor.point.line;
        for column in columns {
            self.split_wide(line, column);
        }
        let last = self.term.last_column();
        self.term.grid_mut()[line][last].flags.remove(Flags::LEADING_WIDE_CHAR_SPACER);
    }

    /// Before the cells from the cursor on, `count` of them, are moved or erased.
    pub(super) fn part_from_cursor(&mut self, count: usize) {
        let column = self.column();
        self.part([column, column.saturating_add(count)]);
    }

    /// Before the cells from the cursor on are moved to the right.
    pub(super) fn part_for_insertion(&mut self, count: usize) {
        self.part([self.column(), self.term.columns().saturating_sub(count)]);
    }

    /// Before a character is printed that moves the rest of its row to the right.
    #[cold]
    pub(super) fn part_before_typing(&mut self, c: char) {
        let width = c.width().unwrap_or(0);
        if width > 0 && !self.term.grid().cursor.input_needs_wrap {
            self.part_for_insertion(width);
        }
    }

    /// Clears a wide character that a cut before `column` would halve.
    fn split_wide(&mut self, line: Line, column: usize) {
        if column == 0 || column >= self.term.columns() {
            return;
        }
        let row = &mut self.term.grid_mut()[line];
        if row[Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            row[Column(column)].flags.remove(Flags::WIDE_CHAR_SPACER);
            row[Column(column - 1)].clear_wide();
        }
    }

    /// Erases within the cursor's row.
    pub(super) fn erase_line(&mut self, mode: LineClearMode) {
        self.split_for_erasure(matches!(mode, LineClearMode::Left));
        self.term.clear_line(mode);
    }

    /// Erases rows, and part of the cursor's.
    pub(super) fn erase_screen(&mut self, mode: ClearMode) {
        match mode {
            ClearMode::Above => {
                self.split_for_erasure(true);
                if self.row() == 1 {
                    // The terminal underneath forgets the first row when it is the only one.
                    self.term.grid_mut().reset_region(..Line(1));
                }
            }
            ClearMode::Below => self.split_for_erasure(false),
            ClearMode::All => {}
            // Only the main screen has something to forget.
            ClearMode::Saved => {
                self.shadow.forgotten += u64::from(!self.term.mode().contains(TermMode::ALT_SCREEN));
            }
        }
        self.term.clear_screen(mode);
    }

    fn split_for_erasure(&mut self, is_left: bool) {
        let line = self.term.grid().cursor.point.line;
        self.split_wide(line, self.column() + usize::from(is_left));
    }

    /// Fills the screen with E, and forgets the region.
    pub(super) fn align(&mut self) {
        self.term.decaln();
        self.set_scrolling_region(1, None);
    }

    /// Remembers the cursor, with what else belongs to it.
    pub(super) fn save_cursor(&mut self) {
        self.shadow.saved = SavedWithCursor { is_origin: self.is_origin(), charset: self.shadow.charset };
        self.term.save_cursor_position();
    }

    /// Comes back to the cursor remembered.
    pub(super) fn restore_cursor(&mut self) {
        let saved = self.shadow.saved;
        let origin = PrivateMode::Named(NamedPrivateMode::Origin);
        if saved.is_origin {
            self.term.set_private_mode(origin);
        } else {
            self.term.unset_private_mode(origin);
        }
        self.set_active_charset(saved.charset);
        self.term.restore_cursor_position();
    }

    /// Counts rows from the top of the screen, and goes there.
    pub(super) fn leave_origin(&mut self) {
        self.term.unset_private_mode(PrivateMode::Named(NamedPrivateMode::Origin));
        self.term.goto(0, 0);
    }

    /// Leaves the alternate screen as programs did before 1049: the cursor stays where it is.
    pub(super) fn leave_alternate_keeping_cursor(&mut self) {
        let cursor = self.term.grid().cursor.clone();
        self.swap_screens();
        self.term.grid_mut().cursor = cursor;
    }

    /// Row and column of the cursor, as programs count them.
    pub(super) fn cursor_report(&self) -> String {
        format!("{};{}R", self.row() - self.first_row() + 1, self.column() + 1)
    }

    /// The soft reset: modes, region, looks and what was saved are as in a new terminal; text and cursor stay.
    pub(super) fn reset_softly(&mut self) {
        let point = self.term.grid().cursor.point;
        for mode in [NamedPrivateMode::Origin, NamedPrivateMode::CursorKeys] {
            self.term.unset_private_mode(PrivateMode::Named(mode));
        }
        for mode in [NamedPrivateMode::ShowCursor, NamedPrivateMode::LineWrap] {
            self.term.set_private_mode(PrivateMode::Named(mode));
        }
        self.term.unset_mode(Mode::Named(NamedMode::Insert));
        self.term.unset_keypad_application_mode();
        self.set_scrolling_region(1, None);
        self.set_active_charset(CharsetIndex::G0);
        for index in [CharsetIndex::G0, CharsetIndex::G1, CharsetIndex::G2, CharsetIndex::G3] {
            self.term.configure_charset(index, StandardCharset::Ascii);
        }
        self.term.terminal_attribute(Attr::Reset);
        self.shadow.saved = SavedWithCursor::default();
        let grid = self.term.grid_mut();
        grid.saved_cursor = Cursor::default();
        grid.cursor.point = point;
        grid.cursor.input_needs_wrap = false;
    }
}
