//! A small text field: one line or many, with a cursor that steps over what a person sees as one character.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

use ccells_core::naming;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_width::UnicodeWidthChar;

use super::clip;

/// Joins two characters into one picture.
const JOINER: char = '\u{200d}';
/// What a tab becomes.
const TAB: &str = "    ";

/// Text and a cursor in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Editor {
    text: String,
    /// A byte offset, on a character's edge.
    cursor: usize,
    is_multiline: bool,
    limit: usize,
}

impl Editor {
    /// A field of one line, of at most `limit` bytes.
    pub(crate) fn line(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// A field of many lines, of at most `limit` bytes.
    pub(crate) fn lines(limit: usize) -> Self {
        Self { is_multiline: true, limit, ..Self::default() }
    }

    /// What is in it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Puts `text` in at the cursor, without anything that acts on a terminal. What exceeds the limit is left out.
    pub(crate) fn insert(&mut self, text: &str) {
        for (number, line) in text.replace("\r\n", "\n").replace('\r', "\n").split('\n').enumerate() {
            if number > 0 {
                self.push(if self.is_multiline { "\n" } else { " " });
            }
            let line = line.replace('\t', TAB);
            self.push(&naming::sanitise_to(&line, self.limit));
        }
    }

    fn push(&mut self, text: &str) {
        let mut room = self.limit.saturating_sub(self.text.len()).min(text.len());
        while !text.is_char_boundary(room) {
            room -= 1;
        }
        self.text.insert_str(self.cursor, &text[..room]);
        self.cursor += room;
    }

    /// Does what `key` means in a text field; false when it means nothing.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> bool {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('a') if is_ctrl => self.cursor = self.line_start(),
            KeyCode::Char('e') if is_ctrl => self.cursor = self.line_end(),
            KeyCode::Char('b') if is_alt => self.cursor = self.word_before(),
            KeyCode::Char('f') if is_alt => self.cursor = self.word_after(),
            KeyCode::Char('w') if is_ctrl => self.cut(self.word_before(), self.cursor),
            KeyCode::Char('u') if is_ctrl => self.cut(self.line_start(), self.cursor),
            KeyCode::Char('k') if is_ctrl => self.cut(self.cursor, self.line_end()),
            KeyCode::Char('h') if is_ctrl => self.cut(self.before(), self.cursor),
            KeyCode::Char('j') if is_ctrl && self.is_multiline => self.push("\n"),
            KeyCode::Char(_) if is_ctrl || is_alt => return false,
            KeyCode::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Enter if self.is_multiline => self.push("\n"),
            KeyCode::Backspace if is_ctrl || is_alt => self.cut(self.word_before(), self.cursor),
            KeyCode::Backspace => self.cut(self.before(), self.cursor),
            KeyCode::Delete => self.cut(self.cursor, self.after()),
            KeyCode::Left if is_ctrl || is_alt => self.cursor = self.word_before(),
            KeyCode::Right if is_ctrl || is_alt => self.cursor = self.word_after(),
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = self.line_start(),
            KeyCode::End => self.cursor = self.line_end(),
            KeyCode::Up if self.is_multiline => self.go_up(),
            KeyCode::Down if self.is_multiline => self.go_down(),
            _ => return false,
        }
        true
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.cursor = from;
    }

    /// Whether a picture ends before `at`: no mark and no joined character follows.
    fn is_edge(&self, at: usize) -> bool {
        let joins = |c: char| c == JOINER || (c != '\n' && c.width() == Some(0));
        !self.text[at..].chars().next().is_some_and(joins) && !self.text[..at].ends_with(JOINER)
    }

    fn before(&self) -> usize {
        let edges = self.text[..self.cursor].char_indices().map(|(at, _)| at);
        edges.rev().find(|at| self.is_edge(*at)).unwrap_or(0)
    }

    fn after(&self) -> usize {
        let edges = self.text[self.cursor..].char_indices().map(|(at, _)| self.cursor + at);
        edges.skip(1).find(|at| self.is_edge(*at)).unwrap_or(self.text.len())
    }

    fn word_before(&self) -> usize {
        let trimmed = self.text[..self.cursor].trim_end();
        trimmed.char_indices().rev().find(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8())
    }

    fn word_after(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let word = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        self.cursor + rest[word..].find(char::is_whitespace).map_or(rest.len(), |end| word + end)
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at)
    }

    fn go_up(&mut self) {
        let start = self.line_start();
        if start == 0 {
            self.cursor = 0;
            return;
        }
        let column = clip::width(&self.text[start..self.cursor]);
        self.cursor = start - 1;
        self.go_to_column(column);
    }

    fn go_down(&mut self) {
        let column = clip::width(&self.text[self.line_start()..self.cursor]);
        let end = self.line_end();
        if end == self.text.len() {
            self.cursor = end;
            return;
        }
        self.cursor = end + 1;
        self.go_to_column(column);
    }

    fn go_to_column(&mut self, column: usize) {
        let (start, end) = (self.line_start(), self.line_end());
        self.cursor = start + clip::head(&self.text[start..end], column).len();
    }

    /// The text in lines of `columns`, and where the cursor is: its line and its column.
    pub(crate) fn visual(&self, columns: usize) -> (Vec<String>, (usize, usize)) {
        let columns = columns.max(2);
        let mut lines = vec![String::new()];
        let (mut column, mut cursor) = (0, (0, 0));
        for (at, character) in self.text.char_indices() {
            let width = character.width().unwrap_or(0);
            // The last column stays free for a cursor at the end of the line.
            if character == '\n' || column + width >= columns {
                if at == self.cursor && character == '\n' {
                    cursor = (lines.len() - 1, column);
                }
                lines.push(String::new());
                column = 0;
            }
            if character == '\n' {
                continue;
            }
            if at == self.cursor {
                cursor = (lines.len() - 1, column);
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
            column += width;
        }
        if self.cursor == self.text.len() {
            cursor = (lines.len() - 1, column);
        }
        (lines, cursor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) {
        editor.key(&KeyEvent::new(code, modifiers));
    }

    #[test]
    fn the_cursor_steps_over_whole_pictures() {
        let mut editor = Editor::line(100);
        editor.insert("ae\u{301}👩\u{200d}🚀b");
        for _ in 0..2 {
            press(&mut editor, KeyCode::Left, KeyModifiers::NONE);
        }
        press(&mut editor, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(editor.text(), "a👩\u{200d}🚀b");
        press(&mut editor, KeyCode::Delete, KeyModifiers::NONE);
        assert_eq!(editor.text(), "ab");
    }

    #[test]
    fn a_paste_cannot_bring_what_acts_on_a_terminal() {
        let mut editor = Editor::lines(100);
        editor.insert("one\x1b[31m\r\ntwo\tx\u{202e}");
        assert_eq!(editor.text(), "one\\x1b[31m\ntwo    x");
    }

    #[test]
    fn words_and_lines_are_cut_as_in_a_shell() {
        let mut editor = Editor::lines(100);
        editor.insert("fix the login\nand test");
        press(&mut editor, KeyCode::Char('w'), KeyModifiers::CONTROL);
        assert_eq!(editor.text(), "fix the login\nand ");
        press(&mut editor, KeyCode::Up, KeyModifiers::NONE);
        press(&mut editor, KeyCode::Char('k'), KeyModifiers::CONTROL);
        assert_eq!(editor.text(), "fix \nand ");
        press(&mut editor, KeyCode::Char('u'), KeyModifiers::CONTROL);
        assert_eq!(editor.text(), "\nand ");
    }

    proptest! {
        #[test]
        fn any_keys_leave_a_text_within_its_limit_and_a_cursor_inside(
            keys in proptest::collection::vec((0_usize..12, any::<char>(), 0_u8..8), 0..60), columns in 0_usize..20,
        ) {
            let mut editor = Editor::lines(40);
            for (which, c, modifiers) in keys {
                let codes = [
                    KeyCode::Char(c), KeyCode::Char(c), KeyCode::Enter, KeyCode::Backspace, KeyCode::Delete, KeyCode::Left,
                    KeyCode::Right, KeyCode::Up, KeyCode::Down, KeyCode::Home, KeyCode::End, KeyCode::Tab,
                ];
                press(&mut editor, codes[which], KeyModifiers::from_bits_truncate(modifiers));
                prop_assert!(editor.text().len() <= 40 && editor.text().is_char_boundary(editor.cursor));
                let (lines, (line, column)) = editor.visual(columns);
                prop_assert!(line < lines.len() && column <= clip::width(&lines[line]));
            }
        }
    }
}
