//! The log: what happened, the newest at the bottom, scrolled and thinned by how loud it was.

use ccells_core::effect::Level;
use crossterm::event::{KeyCode, KeyEvent};

/// The log as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogDialog {
    /// What is less loud is left out.
    pub(crate) least: Level,
    /// How many of its entries lie below the last one that is shown.
    pub(crate) back: usize,
}

impl Default for LogDialog {
    fn default() -> Self {
        Self { least: Level::Info, back: 0 }
    }
}

impl LogDialog {
    /// Takes a key; false when it closes. How far back there is anything is for the view to say.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> bool {
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.back = self.back.saturating_add(1),
            KeyCode::Down | KeyCode::Char('j') => self.back = self.back.saturating_sub(1),
            KeyCode::PageUp => self.back = self.back.saturating_add(10),
            KeyCode::PageDown => self.back = self.back.saturating_sub(10),
            KeyCode::End | KeyCode::Char('G') => self.back = 0,
            KeyCode::Home | KeyCode::Char('g') => self.back = usize::MAX,
            KeyCode::Char('i') => self.show(Level::Info),
            KeyCode::Char('w') => self.show(Level::Warning),
            KeyCode::Char('e') => self.show(Level::Error),
            KeyCode::Esc | KeyCode::Char('q' | '!' | '`' | 'c') => return false,
            _ => {}
        }
        true
    }

    fn show(&mut self, least: Level) {
        (self.least, self.back) = (least, 0);
    }

    /// How many entries are below the last one shown, of `count` that match, where `rows` fit.
    pub(crate) fn below(&self, count: usize, rows: usize) -> usize {
        self.back.min(count.saturating_sub(rows))
    }
}
