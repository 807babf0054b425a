//! The keys while one looks back, as those who know vi expect them.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Hunt, Looking, motion};
use crate::terminal::selection::{Selection, Shape};
use crate::terminal::transcript::{Spot, Transcript};

/// Longest way one key can go.
const MOST: usize = 99_999;

/// What a key can do while one looks back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A column to the left.
    Left,
    /// A line on.
    Down,
    /// A line back.
    Up,
    /// A column to the right.
    Right,
    /// To the next word.
    Word,
    /// To the word before.
    WordBefore,
    /// To the end of the word.
    WordEnd,
    /// To the start of the line.
    LineStart,
    /// To the first character of the line that is not blank.
    FirstMark,
    /// To the end of the line.
    LineEnd,
    /// To the oldest line, or to the one of that number.
    Oldest,
    /// To the newest line, or to the one of that number.
    Newest,
    /// To the first line that is seen.
    Top,
    /// To the middle of what is seen.
    Middle,
    /// To the last line that is seen.
    Bottom,
    /// Half a page back.
    HalfPageBack,
    /// Half a page on.
    HalfPageOn,
    /// A page back.
    PageBack,
    /// A page on.
    PageOn,
    /// What is seen moves a line back.
    LineBack,
    /// What is seen moves a line on.
    LineOn,
    /// Select text.
    Select,
    /// Select lines.
    SelectLines,
    /// Select a block.
    SelectBlock,
    /// To the other end of what is selected.
    OtherEnd,
    /// Copy what is selected.
    Copy,
    /// Copy the line.
    CopyLine,
    /// Search on.
    Search,
    /// Search back.
    SearchBack,
    /// To the next one that was found.
    Next,
    /// To the one before.
    Previous,
    /// Search the word at the cursor.
    SearchWord,
    /// Drop what is selected, or leave.
    GiveUp,
    /// Leave.
    Leave,
}

/// Why nothing came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nothing is selected.
    NothingSelected,
    /// The line has no text.
    EmptyLine,
    /// Nothing is looked for.
    NoSearch,
    /// What is looked for is nowhere.
    Nowhere,
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The pane shows what is now.
    Leave,
    /// This is to be copied.
    Copy(Selection),
    /// The user is to be told why nothing came of it.
    Tell(Why),
}

impl Looking {
    /// Takes a key, which is bound to `act`. A digit that is bound to nothing, or follows another, says how often.
    pub(crate) fn key(&mut self, key: &KeyEvent, act: Option<Look>) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.prompt.is_some() {
            self.prompt_key(key, is_ctrl);
            return Outcome::Stay;
        }
        // What the mouse has selected goes on with keys, or goes.
        self.is_passing = false;
        if let KeyCode::Char(digit @ '0'..='9') = key.code
            && !is_ctrl
            && (act.is_none() || self.count > 0)
        {
            let digit = usize::from(digit as u8 - b'0');
            self.count = (self.count * 10 + digit).min(MOST);
            return Outcome::Stay;
        }
        let count = std::mem::take(&mut self.count);
        act.map_or(Outcome::Stay, |act| self.act(act, count))
    }

    fn act(&mut self, act: Look, count: usize) -> Outcome {
        let times = count.max(1);
        match act {
            Look::Leave => return Outcome::Leave,
            Look::GiveUp if self.selection.take().is_none() => return Outcome::Leave,
            Look::GiveUp => {}
            Look::Copy => return self.copy(),
            Look::CopyLine => return self.copy_line(),
            Look::Next => return self.next_found(times, false),
            Look::Previous => return self.next_found(times, true),
            Look::SearchWord => self.search_word(),
            Look::Search => self.open_prompt(false),
            Look::SearchBack => self.open_prompt(true),
            Look::Select => self.select(Shape::Text),
            Look::SelectLines => self.select(Shape::Lines),
            Look::SelectBlock => self.select(Shape::Block),
            Look::OtherEnd => self.other_end(),
            Look::LineBack => self.scroll_back(times),
            Look::LineOn => self.scroll_on(times),
            act => self.go(act, count),
        }
        Outcome::Stay
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what does not move the cursor was done before")]
    fn go(&mut self, act: Look, count: usize) {
        let times = count.max(1);
        let half = (self.rows / 2).max(1);
        match act {
            Look::Left => (0..times).for_each(|_| self.move_by_columns(-1)),
            Look::Right => (0..times).for_each(|_| self.move_by_columns(1)),
            Look::Down => self.move_by_lines(signed(times)),
            Look::Up => self.move_by_lines(-signed(times)),
            Look::HalfPageBack => self.move_by_page(-signed(times * half)),
            Look::HalfPageOn => self.move_by_page(signed(times * half)),
            Look::PageBack => self.move_by_page(-signed(times * self.rows)),
            Look::PageOn => self.move_by_page(signed(times * self.rows)),
            Look::Word => self.by_words(times, motion::next_word),
            Look::WordEnd => self.by_words(times, motion::end_of_word),
            Look::WordBefore => self.by_words(times, motion::word_before),
            Look::LineStart => self.move_to(Spot { column: 0, ..self.cursor }),
            Look::FirstMark => self.move_to_first_mark(),
            Look::LineEnd => self.move_to_end(),
            Look::Newest if count == 0 => self.move_to_line(usize::MAX),
            Look::Oldest | Look::Newest => self.move_to_line(times - 1),
            Look::Top => self.move_to_row(times - 1),
            Look::Middle => self.move_to_row(self.rows / 2),
            Look::Bottom => self.move_to_row(self.rows.saturating_sub(times)),
            _ => {}
        }
    }

    fn by_words(&mut self, times: usize, step: fn(&Transcript, Spot) -> Option<Spot>) {
        for _ in 0..times {
            let Some(next) = step(&self.transcript, self.cursor) else { break };
            self.move_to(next);
        }
    }

    /// Begins to select, changes what is selected with, or ends it.
    fn select(&mut self, shape: Shape) {
        self.selection = match self.selection {
            Some(selection) if selection.shape == shape => None,
            Some(selection) => Some(Selection { shape, ..selection }),
            None => Some(Selection { shape, anchor: self.cursor, head: self.cursor }),
        };
    }

    fn other_end(&mut self) {
        if let Some(selection) = &mut self.selection {
            let cursor = std::mem::replace(&mut selection.anchor, selection.head);
            self.move_to(cursor);
        }
    }

    fn copy(&mut self) -> Outcome {
        self.selection.map_or(Outcome::Tell(Why::NothingSelected), Outcome::Copy)
    }

    fn copy_line(&mut self) -> Outcome {
        if self.transcript.cells(self.cursor.line).is_empty() {
            return Outcome::Tell(Why::EmptyLine);
        }
        Outcome::Copy(Selection { shape: Shape::Lines, anchor: self.cursor, head: self.cursor })
    }

    fn next_found(&mut self, times: usize, is_other_way: bool) -> Outcome {
        let Some(search) = &self.search else { return Outcome::Tell(Why::NoSearch) };
        let count = search.found.len();
        if count == 0 {
            return Outcome::Tell(Why::Nowhere);
        }
        // Once round is where it began.
        (0..=(times - 1) % count).for_each(|_| self.go_to_next(is_other_way));
        Outcome::Stay
    }

    fn search_word(&mut self) {
        let (first, last) = self.transcript.word(self.cursor);
        let word = self.transcript.text(first, last);
        if !word.trim().is_empty() {
            let (wanted, from) = (word.trim().to_owned(), self.cursor);
            self.hunt = Some(Hunt { wanted, is_backward: false, from, sent: None });
        }
    }

    fn prompt_key(&mut self, key: &KeyEvent, is_ctrl: bool) {
        let Some(prompt) = &mut self.prompt else { return };
        let is_given_up = match key.code {
            KeyCode::Esc => true,
            KeyCode::Char('c') if is_ctrl => true,
            KeyCode::Backspace => prompt.editor.is_empty(),
            _ => false,
        };
        if is_given_up {
            self.cursor = prompt.from;
            self.search = prompt.before.take();
            (self.prompt, self.hunt) = (None, None);
            self.show_cursor();
        } else if key.code == KeyCode::Enter {
            if self.search.is_none() && self.hunt.is_none() {
                self.search = prompt.before.take();
            }
            self.prompt = None;
        } else {
            prompt.editor.key(key);
            self.search_as_typed();
        }
    }
}

fn signed(count: usize) -> isize {
    isize::try_from(count).unwrap_or(isize::MAX)
}
