//! The line in which the filter is typed; what is shown follows at once.

use ccells_core::ids::WorkstreamId;
use ccells_core::limits::FILTER_BYTES;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::editor::Editor;
use crate::tui::filter::Filter;
use crate::tui::model::Model;

/// The line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FilterDialog {
    /// What is typed.
    pub(crate) typed: Editor,
    /// The filter and the focus to go back to.
    pub(crate) before: (Filter, Option<WorkstreamId>),
}

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The line closes and the filter holds.
    Keep,
    /// The line closes and all is as it was.
    Close,
}

impl FilterDialog {
    /// The line, with the filter that holds in it.
    pub(crate) fn over(model: &Model) -> Self {
        let mut typed = Editor::line(FILTER_BYTES);
        typed.insert(model.filter.text());
        Self { typed, before: (model.filter.clone(), model.focused.clone()) }
    }

    /// What is typed, as a filter.
    pub(crate) fn filter(&self) -> Filter {
        Filter::new(self.typed.text())
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => Outcome::Keep,
            KeyCode::Esc => Outcome::Close,
            KeyCode::Char('c' | 'g') if is_ctrl => Outcome::Close,
            KeyCode::Backspace if self.typed.is_empty() => Outcome::Keep,
            _ => {
                self.typed.key(key);
                Outcome::Stay
            }
        }
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        self.typed.insert(text);
    }
}
