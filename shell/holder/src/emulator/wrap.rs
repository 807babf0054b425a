//! Stands between the parser and the terminal underneath: joins what people see as one character into one cell,
//! bounds what has no bound there, and notes in the [`Shadow`] what the terminal would not tell again.

use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::cell::Flags;
use alacritty_terminal::term::{Term, TermMode};
use alacritty_terminal::vte::ansi::{
    Attr, CharsetIndex, ClearMode, CursorShape, CursorStyle, Handler, Hyperlink, KeyboardModes,
    KeyboardModesApplyBehavior, LineClearMode, Mode, NamedColor, NamedPrivateMode, PrivateMode, Rgb,
    StandardCharset, TabulationClearMode,
};
use ccells_core::limits::{CLUSTER_CHARS, LINK_BYTES};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::replies::{CELL_HEIGHT, CELL_WIDTH, Replies, default_color};
use super::shadow::{Keyboard, SavedWithCursor, Shadow};
use super::standard::{CLUSTERS, OLD_ALTERNATE, OLD_CURSOR, SCHEME};

/// Joins two pictures into one.
const JOINER: char = '\u{200d}';
/// Asks for the colourful, two cells wide form of the character before.
const EMOJI_FORM: char = '\u{fe0f}';

/// The terminal underneath with its shadow, for the time of one call of the parser.
pub(super) struct Wrap<'a> {
    /// The terminal underneath.
    pub(super) term: &'a mut Term<Replies>,
    /// What is kept beside it.
    pub(super) shadow: &'a mut Shadow,
    /// Where answers go.
    pub(super) replies: &'a Replies,
}

impl Wrap<'_> {
    /// The keyboard modes of the screen that is shown.
    fn keyboard(&mut self) -> &mut Keyboard {
        if self.term.mode().contains(TermMode::ALT_SCREEN) {
            &mut self.shadow.alternate_keyboard
        } else {
            &mut self.shadow.main_keyboard
        }
    }

    /// Tells the terminal underneath which keyboard modes are in force.
    pub(super) fn apply_keyboard(&mut self) {
        let modes = self.keyboard().current;
        self.term.set_keyboard_mode(modes, KeyboardModesApplyBehavior::Replace);
    }

    /// Changes between the main and the alternate screen. A cursor saved on one screen is not found on the other.
    pub(super) fn swap_screens(&mut self) {
        let is_origin = self.term.mode().contains(TermMode::ORIGIN);
        self.shadow.saved = SavedWithCursor { is_origin, charset: self.shadow.charset };
        self.term.swap_alt();
        let is_alternate = self.term.mode().contains(TermMode::ALT_SCREEN);
        let grid = self.term.grid_mut();
        grid.saved_cursor = grid.cursor.clone();
        if is_alternate && std::mem::take(&mut self.shadow.is_alternate_stale) {
            super::resize::touch_rows(grid);
            grid.reset_region(..);
        }
        self.apply_keyboard();
    }

    /// Prints a character that may belong to the cell before.
    #[cold]
    fn input_joining(&mut self, c: char) {
        let grid = self.term.grid();
        let cursor = &grid.cursor;
        let Some(width) = c.width() else { return };
        let is_at_start = cursor.point.column.0 == 0 && !cursor.input_needs_wrap;
        if is_at_start && width > 0 {
            return self.term.input(c);
        }
        let line = cursor.point.line;
        let mut column = cursor.point.column.0 - usize::from(!cursor.input_needs_wrap && !is_at_start);
        if grid[line][Column(column)].flags.contains(Flags::WIDE_CHAR_SPACER) {
            column = column.saturating_sub(1);
        }
        let before = &grid[line][Column(column)];
        let marks = before.zerowidth().unwrap_or_default();
        let is_joined = marks.last() == Some(&JOINER) && is_picture(c);
        let is_toned = is_skin_tone(c) && is_picture(before.c);
        let is_full = marks.len() + 1 >= CLUSTER_CHARS;
        let becomes_wide = c == EMOJI_FORM
            && !before.flags.contains(Flags::WIDE_CHAR)
            && !is_at_start
            && marks.is_empty()
            && [before.c, EMOJI_FORM].iter().collect::<String>().width() == 2;
        let is_at_end = cursor.input_needs_wrap;
        let wraps = self.term.mode().contains(TermMode::LINE_WRAP);
        match () {
            () if is_full && (width == 0 || is_joined || is_toned) => {}
            () if becomes_wide && !is_at_end => self.widen(line, column, c),
            () if becomes_wide && wraps => self.widen_in_next_row(line, column, c),
            () if is_joined || is_toned => self.term.grid_mut()[line][Column(column)].push_zerowidth(c),
            () => self.term.input(c),
        }
    }

    /// Makes the cell at `column`, just before the cursor, two cells wide.
    fn widen(&mut self, line: Line, column: usize, mark: char) {
        let cell = &mut self.term.grid_mut()[line][Column(column)];
        cell.push_zerowidth(mark);
        cell.flags.insert(Flags::WIDE_CHAR);
        self.term.input(' ');
        self.term.grid_mut()[line][Column(column + 1)].flags.insert(Flags::WIDE_CHAR_SPACER);
    }

    /// Moves the character in the last cell of a row, which grew too wide for it, to the row after.
    fn widen_in_next_row(&mut self, line: Line, column: usize, mark: char) {
        let cell = &mut self.term.grid_mut()[line][Column(column)];
        let mut moved = cell.clone();
        cell.c = ' ';
        cell.flags.insert(Flags::LEADING_WIDE_CHAR_SPACER);
        self.term.input(moved.c);
        let line = self.term.grid().cursor.point.line;
        // It looks as it did when it was printed, and no character set maps it twice.
        moved.flags.remove(Flags::WRAPLINE);
        self.term.grid_mut()[line][Column(0)] = moved;
        self.widen(line, 0, mark);
    }
}

/// So many rows as the cursor may move.
fn rows(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Whether a character never joins the one before: most text, told quickly.
#[inline]
pub(super) fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x20..0x300 | 0x2500..0x2600 | 0x3041..0x3097 | 0x30a0..0x3100 | 0x4e00..0xa000 | 0xac00..0xd7a4)
        && c != '\u{ad}'
}

pub(super) fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Whether a character is a picture that others can be joined to.
fn is_picture(c: char) -> bool {
    matches!(u32::from(c),
        0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21ff | 0x2300..=0x23ff | 0x2600..=0x27bf
        | 0x2b00..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1f000..=0x1faff)
}

macro_rules! delegate {
    ($(fn $name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            #[inline]
            fn $name(&mut self, $($argument: $kind),*) {
                Handler::$name(self.term, $($argument),*);
            }
        )*
    };
}

impl Handler for Wrap<'_> {
    #[inline]
    fn input(&mut self, c: char) {
        // The parser takes DEL for a character; it prints nothing, also when it is repeated.
        self.shadow.last = (c != '\u{7f}').then_some(c);
        if self.term.mode().contains(TermMode::INSERT) {
            self.part_before_typing(c);
        }
        if stands_alone(c) { self.term.input(c) } else { self.input_joining(c) }
    }

    fn put_tab(&mut self, count: u16) {
        // The terminal underneath would store the tab; a cell that is no space is one more thing to draw and to tell.
        self.term.move_forward_tabs(count);
    }

    fn set_title(&mut self, title: Option<String>) {
        self.shadow.set_title(&title.unwrap_or_default());
        self.shadow.tell_title();
    }

    fn push_title(&mut self) {
        self.shadow.push_title();
    }

    fn pop_title(&mut self) {
        self.shadow.pop_title();
        self.shadow.tell_title();
    }

    fn bell(&mut self) {
        self.shadow.ring();
    }

    fn set_active_charset(&mut self, charset: CharsetIndex) {
        self.shadow.charset = charset;
        self.term.set_active_charset(charset);
    }

    fn set_horizontal_tabstop(&mut self) {
        let column = self.term.grid().cursor.point.column.0;
        self.shadow.tabs[column] = true;
        self.term.set_horizontal_tabstop();
    }

    fn clear_tabs(&mut self, mode: TabulationClearMode) {
        match mode {
            TabulationClearMode::Current => {
                let column = self.term.grid().cursor.point.column.0;
                self.shadow.tabs[column] = false;
            }
            TabulationClearMode::All => self.shadow.tabs.fill(false),
        }
        self.term.clear_tabs(mode);
    }

    fn set_scrolling_region(&mut self, top: usize, bottom: Option<usize>) {
        let rows = self.term.screen_lines();
        let bottom = bottom.unwrap_or(rows).min(rows);
        if top < bottom {
            self.shadow.region = (top > 1 || bottom < rows).then_some((top, bottom));
            self.term.set_scrolling_region(top, Some(bottom));
        }
    }

    fn reset_state(&mut self) {
        self.shadow.reset();
        self.term.reset_state();
        super::set_usual_modes(self.term);
        for index in 0..=NamedColor::Cursor as usize {
            self.term.reset_color(index);
        }
    }

    fn goto_col(&mut self, column: usize) {
        self.place_column(column);
    }

    fn move_up(&mut self, count: usize) {
        self.move_rows(-rows(count), None);
    }

    fn move_down(&mut self, count: usize) {
        self.move_rows(rows(count), None);
    }

    fn move_up_and_cr(&mut self, count: usize) {
        self.move_rows(-rows(count), Some(0));
    }

    fn move_down_and_cr(&mut self, count: usize) {
        self.move_rows(rows(count), Some(0));
    }

    fn move_backward_tabs(&mut self, count: u16) {
        self.tab_back(count);
    }

    fn linefeed(&mut self) {
        self.feed_line();
    }

    fn newline(&mut self) {
        self.feed_line();
    }

    fn reverse_index(&mut self) {
        self.index_back();
    }

    fn insert_blank(&mut self, count: usize) {
        self.part_for_insertion(count);
        self.term.insert_blank(count);
    }

    fn delete_chars(&mut self, count: usize) {
        self.part_from_cursor(count);
        // The terminal underneath would clear the row from its start when more is deleted than there is.
        let room = self.term.columns() - self.term.grid().cursor.point.column.0;
        self.term.delete_chars(count.min(room));
    }

    fn erase_chars(&mut self, count: usize) {
        self.part_from_cursor(count);
        self.term.erase_chars(count);
    }

    fn insert_blank_lines(&mut self, count: usize) {
        self.shift_rows(|wrap| wrap.term.insert_blank_lines(count));
    }

    fn delete_lines(&mut self, count: usize) {
        self.shift_rows(|wrap| wrap.term.delete_lines(count));
    }

    fn clear_line(&mut self, mode: LineClearMode) {
        self.erase_line(mode);
    }

    fn clear_screen(&mut self, mode: ClearMode) {
        self.erase_screen(mode);
    }

    fn decaln(&mut self) {
        self.align();
    }

    fn save_cursor_position(&mut self) {
        self.save_cursor();
    }

    fn restore_cursor_position(&mut self) {
        self.restore_cursor();
    }

    fn terminal_attribute(&mut self, attribute: Attr) {
        // What the parser takes for the end of bold is the double underline.
        let is_double = attribute == Attr::CancelBold;
        self.term.terminal_attribute(if is_double { Attr::DoubleUnderline } else { attribute });
    }

    fn identify_terminal(&mut self, intermediate: Option<char>) {
        match intermediate {
            Some('=') => self.replies.push(b"\x1bP!|00000000\x1b\\"),
            intermediate => self.term.identify_terminal(intermediate),
        }
    }

    fn device_status(&mut self, kind: usize) {
        match kind {
            6 => self.replies.push(format!("\x1b[{}", self.cursor_report()).as_bytes()),
            kind => self.term.device_status(kind),
        }
    }

    fn report_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Unknown(SCHEME) => {
                let state = if self.shadow.wants_scheme { 1 } else { 2 };
                self.replies.push(format!("\x1b[?{SCHEME};{state}$y").as_bytes());
            }
            PrivateMode::Unknown(CLUSTERS) => self.replies.push(b"\x1b[?2027;3$y"),
            PrivateMode::Unknown(number) if OLD_ALTERNATE.contains(&number) => {
                let state = if self.term.mode().contains(TermMode::ALT_SCREEN) { 1 } else { 2 };
                self.replies.push(format!("\x1b[?{number};{state}$y").as_bytes());
            }
            PrivateMode::Named(_) | PrivateMode::Unknown(_) => self.term.report_private_mode(mode),
        }
    }

    fn set_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => {
                if !self.term.mode().contains(TermMode::ALT_SCREEN) {
                    self.swap_screens();
                }
            }
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {
                self.shadow.region = None;
                self.term.set_private_mode(mode);
            }
            PrivateMode::Unknown(number) if OLD_ALTERNATE.contains(&number) => {
                if !self.term.mode().contains(TermMode::ALT_SCREEN) {
                    self.swap_screens();
                }
            }
            PrivateMode::Unknown(OLD_CURSOR) => self.save_cursor(),
            PrivateMode::Unknown(SCHEME) => self.shadow.wants_scheme = true,
            PrivateMode::Named(_) | PrivateMode::Unknown(_) => self.term.set_private_mode(mode),
        }
    }

    fn unset_private_mode(&mut self, mode: PrivateMode) {
        match mode {
            PrivateMode::Named(NamedPrivateMode::SwapScreenAndSetRestoreCursor) => {
                if self.term.mode().contains(TermMode::ALT_SCREEN) {
                    self.swap_screens();
                }
            }
            PrivateMode::Named(NamedPrivateMode::ColumnMode) => {
                self.shadow.region = None;
                self.term.unset_private_mode(mode);
            }
            PrivateMode::Named(NamedPrivateMode::Origin) => self.leave_origin(),
            PrivateMode::Unknown(number) if OLD_ALTERNATE.contains(&number) => {
                if self.term.mode().contains(TermMode::ALT_SCREEN) {
                    self.leave_alternate_keeping_cursor();
                }
            }
            PrivateMode::Unknown(OLD_CURSOR) => self.restore_cursor(),
            PrivateMode::Unknown(SCHEME) => self.shadow.wants_scheme = false,
            PrivateMode::Named(_) | PrivateMode::Unknown(_) => self.term.unset_private_mode(mode),
        }
    }

    fn report_keyboard_mode(&mut self) {
        let mut granted = self.keyboard().current;
        if !self.shadow.surroundings.has_key_events {
            // Nobody could tell when a key is let go: a program that waits for that would wait for ever.
            granted.remove(KeyboardModes::REPORT_EVENT_TYPES);
        }
        let answer = format!("\x1b[?{}u", granted.bits());
        self.replies.push(answer.as_bytes());
    }

    fn push_keyboard_mode(&mut self, modes: KeyboardModes) {
        self.keyboard().push(modes);
        self.apply_keyboard();
    }

    fn pop_keyboard_modes(&mut self, count: u16) {
        self.keyboard().pop(usize::from(count));
        self.apply_keyboard();
    }

    fn set_keyboard_mode(&mut self, modes: KeyboardModes, behavior: KeyboardModesApplyBehavior) {
        let current = &mut self.keyboard().current;
        match behavior {
            KeyboardModesApplyBehavior::Replace => *current = modes,
            KeyboardModesApplyBehavior::Union => current.insert(modes),
            KeyboardModesApplyBehavior::Difference => current.remove(modes),
        }
        self.apply_keyboard();
    }

    fn set_hyperlink(&mut self, link: Option<Hyperlink>) {
        let is_sane = |text: &str| text.len() <= LINK_BYTES && !text.contains(char::is_control);
        let link =
            link.filter(|link| is_sane(&link.uri) && link.id.as_deref().is_none_or(is_sane)).map(|link| {
                // A name that follows from the bytes alone, unlike the one the terminal underneath would give.
                let id = link.id.unwrap_or_else(|| {
                    self.shadow.links += 1;
                    format!("~{}", self.shadow.links)
                });
                Hyperlink { id: Some(id), uri: link.uri }
            });
        self.term.set_hyperlink(link);
    }

    fn dynamic_color_sequence(&mut self, prefix: String, index: usize, terminator: &str) {
        let Rgb { r, g, b } =
            self.term.colors()[index].unwrap_or_else(|| default_color(index, self.shadow.surroundings));
        let answer = format!("\x1b]{prefix};rgb:{r:02x}{r:02x}/{g:02x}{g:02x}/{b:02x}{b:02x}{terminator}");
        self.replies.push(answer.as_bytes());
    }

    fn clipboard_store(&mut self, _: u8, base64: &[u8]) {
        if let Some(outward) = &mut self.shadow.outward {
            outward.copy(base64);
        }
    }

    fn text_area_size_pixels(&mut self) {
        let (width, height) = (self.term.columns() * CELL_WIDTH, self.term.screen_lines() * CELL_HEIGHT);
        self.replies.push(format!("\x1b[4;{height};{width}t").as_bytes());
    }

    delegate! {
        fn set_cursor_style(style: Option<CursorStyle>);
        fn set_cursor_shape(shape: CursorShape);
        fn goto(line: i32, column: usize);
        fn goto_line(line: i32);
        fn move_forward(count: usize);
        fn move_backward(count: usize);
        fn backspace();
        fn carriage_return();
        fn substitute();
        fn scroll_up(count: usize);
        fn scroll_down(count: usize);
        fn move_forward_tabs(count: u16);
        fn set_mode(mode: Mode);
        fn unset_mode(mode: Mode);
        fn report_mode(mode: Mode);
        fn set_keypad_application_mode();
        fn unset_keypad_application_mode();
        fn configure_charset(index: CharsetIndex, charset: StandardCharset);
        fn set_color(index: usize, color: Rgb);
        fn reset_color(index: usize);
        fn text_area_size_chars();
    }
}
