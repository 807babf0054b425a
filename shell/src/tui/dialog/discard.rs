//! The dialog about taking a workstream away. The first try destroys nothing that exists nowhere else; when it is
//! refused, the dialog tells what would be lost and wants the name before it forces anything.

use ccells_core::effect::Refusal;
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::NAME_CHARS;
use ccells_core::ports::WorkReport;
use ccells_core::snapshot::{Card, CardState};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::clip;
use crate::tui::editor::Editor;
use crate::tui::wish::Ticket;

/// The dialog.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DiscardDialog {
    /// Which workstream.
    pub(crate) workstream: WorkstreamId,
    /// Its name, safe to show: what has to be typed.
    pub(crate) name: String,
    /// Whether it is still being made.
    pub(crate) is_creating: bool,
    /// Whether its branch stays whatever it holds.
    pub(crate) keep_branch: bool,
    /// How far it is.
    pub(crate) stage: Stage,
}

/// How far the dialog is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Whether to try at all.
    Ask,
    /// The try is on its way.
    Trying(Ticket),
    /// It would lose this: the name, or no.
    Confirm {
        /// What.
        work: Box<WorkReport>,
        /// What has been typed of the name.
        typed: Editor,
    },
    /// It was refused for another reason.
    Refused(String),
}

/// What a key in the dialog leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes.
    Close,
    /// The machine is to be asked this.
    Send(Ask),
}

impl DiscardDialog {
    /// The dialog about `card`.
    pub(crate) fn about(card: &Card) -> Self {
        Self {
            workstream: card.id.clone(),
            name: clip::safe(&card.name),
            is_creating: card.state == CardState::Creating,
            keep_branch: false,
            stage: Stage::Ask,
        }
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.code == KeyCode::Esc || (key.code == KeyCode::Char('c') && is_ctrl) {
            return Outcome::Close;
        }
        match &mut self.stage {
            Stage::Trying(_) => Outcome::Stay,
            Stage::Refused(_) => Outcome::Close,
            Stage::Ask => match key.code {
                KeyCode::Char('y') => Outcome::Send(self.wish(false)),
                KeyCode::Char('n' | 'q') => Outcome::Close,
                KeyCode::Char('b') if !self.is_creating => {
                    self.keep_branch = !self.keep_branch;
                    Outcome::Stay
                }
                _ => Outcome::Stay,
            },
            Stage::Confirm { typed, .. } => {
                if key.code == KeyCode::Enter && typed.text() == self.name {
                    return Outcome::Send(self.wish(true));
                }
                typed.key(key);
                Outcome::Stay
            }
        }
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        if let Stage::Confirm { typed, .. } = &mut self.stage {
            typed.insert(text);
        }
    }

    /// Takes the answer that it was refused.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.stage = match refusal.work {
            Some(work) => Stage::Confirm { work, typed: Editor::line(NAME_CHARS * 8) },
            None => Stage::Refused(refusal.text),
        };
    }

    fn wish(&self, is_forced: bool) -> Ask {
        let workstream = self.workstream.clone();
        if self.is_creating {
            Ask::Cancel(workstream)
        } else {
            Ask::Remove { workstream, is_forced, keep_branch: self.keep_branch }
        }
    }
}
