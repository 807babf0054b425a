//! The dialog that asks for the file a pane's text is written to.

use ccells_core::ids::WorkstreamId;
use ccells_core::naming;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::editor::Editor;

/// Longest path, in bytes.
const LONGEST: usize = 1_024;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExportDialog {
    /// Whose text.
    pub(crate) workstream: WorkstreamId,
    /// Its name.
    pub(crate) name: String,
    /// The file.
    pub(crate) path: Editor,
    /// Whether it is being written.
    pub(crate) is_writing: bool,
    /// Why the last try came to nothing.
    pub(crate) error: Option<String>,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes.
    Close,
    /// The text is to be written.
    Write,
}

impl ExportDialog {
    /// The dialog, with a file in the current directory that is named like the workstream.
    pub(crate) fn of(workstream: WorkstreamId, name: &str) -> Self {
        let mut path = Editor::line(LONGEST);
        // A name with a slash in it would be a place elsewhere, and one that begins with a dot would not be seen.
        let file = naming::sanitise(name).replace('/', "-");
        path.insert(&format!("{}.txt", file.trim_start_matches(['.', '~'])));
        Self { workstream, name: name.to_owned(), path, is_writing: false, error: None }
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => Outcome::Close,
            KeyCode::Char('c') if is_ctrl => Outcome::Close,
            _ if self.is_writing => Outcome::Stay,
            KeyCode::Enter if self.path.text().trim().is_empty() => {
                self.error = Some("a file needs a name".to_owned());
                Outcome::Stay
            }
            KeyCode::Enter => {
                self.is_writing = true;
                self.error = None;
                Outcome::Write
            }
            _ => {
                self.path.key(key);
                Outcome::Stay
            }
        }
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        if !self.is_writing {
            self.path.insert(text);
        }
    }
}
