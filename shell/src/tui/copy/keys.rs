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

/// What the keys do, for the page about keys.
pub(crate) const KEYS: [(&str, &str); 11] = [
    ("h j k l", "move; arrows as well"),
    ("w b e", "by words"),
    ("0 ^ $", "in the line"),
    ("g G", "the oldest, the newest line"),
    ("H M L", "top, middle, bottom"),
    ("Ctrl+U D", "half a page; B and F: a page"),
    ("v V Ctrl+V", "select: text, lines, a block"),
    ("o", "the other end of it"),
    ("y Y Enter", "copy; Y: the line"),
    ("/ ? n N *", "search on, back; next; word"),
    ("q Esc", "leave"),
];

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The pane shows what is now.
    Leave,
    /// This is to be copied.
    Copy(Selection),
    /// The user is to be told this.
    Tell(&'static str),
}

impl Looking {
    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        if self.prompt.is_some() {
            self.prompt_key(key, is_ctrl);
            return Outcome::Stay;
        }
        // What the mouse has selected goes on with keys, or goes.
        self.is_passing = false;
        if let KeyCode::Char(digit @ '0'..='9') = key.code
            && !is_ctrl
            && (digit != '0' || self.count > 0)
        {
            let digit = usize::from(digit as u8 - b'0');
            self.count = (self.count * 10 + digit).min(MOST);
            return Outcome::Stay;
        }
        let count = std::mem::take(&mut self.count);
        if is_ctrl { self.control_key(key.code, count) } else { self.plain_key(key.code, count) }
    }

    fn control_key(&mut self, code: KeyCode, count: usize) -> Outcome {
        let times = count.max(1);
        match code {
            KeyCode::Char('c') => return Outcome::Leave,
            KeyCode::Char('v') => self.select(Shape::Block),
            KeyCode::Char('u') => self.move_by_page(-signed(times * (self.rows / 2).max(1))),
            KeyCode::Char('d') => self.move_by_page(signed(times * (self.rows / 2).max(1))),
            KeyCode::Char('b') => self.move_by_page(-signed(times * self.rows)),
            KeyCode::Char('f') => self.move_by_page(signed(times * self.rows)),
            KeyCode::Char('y') => self.scroll_back(times),
            KeyCode::Char('e') => self.scroll_on(times),
            _ => {}
        }
        Outcome::Stay
    }

    fn plain_key(&mut self, code: KeyCode, count: usize) -> Outcome {
        let times = count.max(1);
        match code {
            KeyCode::Char('q') => return Outcome::Leave,
            KeyCode::Esc if self.selection.take().is_none() => return Outcome::Leave,
            KeyCode::Esc => {}
            KeyCode::Char('y') | KeyCode::Enter => return self.copy(),
            KeyCode::Char('Y') => return self.copy_line(),
            KeyCode::Char('h') | KeyCode::Left => (0..times).for_each(|_| self.move_by_columns(-1)),
            KeyCode::Char('l') | KeyCode::Right => (0..times).for_each(|_| self.move_by_columns(1)),
            KeyCode::Char('j') | KeyCode::Down => self.move_by_lines(signed(times)),
            KeyCode::Char('k') | KeyCode::Up => self.move_by_lines(-signed(times)),
            KeyCode::PageUp => self.move_by_page(-signed(times * self.rows)),
            KeyCode::PageDown => self.move_by_page(signed(times * self.rows)),
            KeyCode::Char('w') => self.by_words(times, motion::next_word),
            KeyCode::Char('e') => self.by_words(times, motion::end_of_word),
            KeyCode::Char('b') => self.by_words(times, motion::word_before),
            KeyCode::Char('0') | KeyCode::Home => self.move_to(Spot { column: 0, ..self.cursor }),
            KeyCode::Char('^') => self.move_to_first_mark(),
            KeyCode::Char('$') | KeyCode::End => self.move_to_end(),
            KeyCode::Char('g') => self.move_to_line(times - 1),
            KeyCode::Char('G') if count > 0 => self.move_to_line(times - 1),
            KeyCode::Char('G') => self.move_to_line(usize::MAX),
            KeyCode::Char('H') => self.move_to_row(times - 1),
            KeyCode::Char('M') => self.move_to_row(self.rows / 2),
            KeyCode::Char('L') => self.move_to_row(self.rows.saturating_sub(times)),
            KeyCode::Char('v') => self.select(Shape::Text),
            KeyCode::Char('V') => self.select(Shape::Lines),
            KeyCode::Char('o') => self.other_end(),
            KeyCode::Char('/') => self.open_prompt(false),
            KeyCode::Char('?') => self.open_prompt(true),
            KeyCode::Char('n') => return self.next_found(times, false),
            KeyCode::Char('N') => return self.next_found(times, true),
            KeyCode::Char('*') => self.search_word(),
            _ => {}
        }
        Outcome::Stay
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
        self.selection.map_or(Outcome::Tell("nothing is selected; v begins, Y copies a line"), Outcome::Copy)
    }

    fn copy_line(&mut self) -> Outcome {
        if self.transcript.cells(self.cursor.line).is_empty() {
            return Outcome::Tell("the line is empty");
        }
        Outcome::Copy(Selection { shape: Shape::Lines, anchor: self.cursor, head: self.cursor })
    }

    fn next_found(&mut self, times: usize, is_other_way: bool) -> Outcome {
        let Some(search) = &self.search else { return Outcome::Tell("nothing is looked for; / begins") };
        let count = search.found.len();
        if count == 0 {
            return Outcome::Tell("it is nowhere");
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
