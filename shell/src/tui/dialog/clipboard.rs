//! The dialog in which a person agrees, or not, that an agent puts a text on the clipboard.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClipboardDialog {
    /// Whose agent asks.
    pub(crate) name: String,
    /// The text, harmless.
    pub(crate) text: String,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The text is copied.
    Allow,
    /// It is not.
    Deny,
}

impl ClipboardDialog {
    /// Takes a key. Only a plain yes is one.
    pub(crate) fn key(key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('y') if !is_ctrl => Outcome::Allow,
            KeyCode::Char('n') | KeyCode::Esc => Outcome::Deny,
            KeyCode::Char('c') if is_ctrl => Outcome::Deny,
            _ => Outcome::Stay,
        }
    }
}
