//! The dialog about putting commits onto another base: to begin it, or what becomes of one that has stopped at conflicts.

use ccells_core::ids::WorkstreamId;
use ccells_core::record::OpenRebase;
use ccells_core::snapshot::Card;
use crossterm::event::{KeyCode, KeyEvent};

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The commits onto the branch that they would be merged into.
    Rebase,
    /// The same, and what conflicts is handed to the agent.
    RebaseAndHandOver,
    /// How it stands is looked at.
    Look,
    /// What conflicts is handed to the agent.
    HandOver,
    /// It is taken back.
    Abort,
    /// Nothing happens.
    Leave,
}

/// The dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RebaseDialog {
    /// Whose commits.
    pub(crate) workstream: WorkstreamId,
    /// Its name, as it is.
    pub(crate) name: String,
    /// The rebase that is under way, as far as it is known.
    pub(crate) open: Option<OpenRebase>,
    /// Whether a merge has found conflicts.
    pub(crate) is_after_clash: bool,
    /// What is chosen.
    at: usize,
}

/// What a key in the dialog leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes.
    Close,
    /// A rebase is begun, or looked at; what conflicts is handed to the agent, or shown.
    Rebase {
        /// Whether it is handed over.
        hands_over: bool,
    },
    /// What conflicts is handed to the agent.
    HandOver,
    /// It is taken back.
    Abort,
}

impl RebaseDialog {
    /// About the workstream of this card.
    pub(crate) fn about(card: &Card, is_after_clash: bool) -> Self {
        let (workstream, name, open) = (card.id.clone(), card.name.clone(), card.rebase.clone());
        Self { workstream, name, open, is_after_clash, at: 0 }
    }

    /// What can be chosen, in order.
    pub(crate) fn choices(&self) -> &'static [Choice] {
        match self.open.as_ref().map(|open| open.files.as_deref()) {
            None => &[Choice::Rebase, Choice::RebaseAndHandOver, Choice::Leave],
            Some(None | Some([])) => &[Choice::Look, Choice::Abort, Choice::Leave],
            Some(Some([_, ..])) => &[Choice::HandOver, Choice::Abort, Choice::Leave],
        }
    }

    /// What is chosen.
    pub(crate) fn choice(&self) -> Choice {
        self.choices()[self.at]
    }

    /// Takes a key. The key that opened it does not confirm it.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let wanted = match key.code {
            KeyCode::Esc | KeyCode::Char('n' | 'q') => Choice::Leave,
            KeyCode::Enter => self.choice(),
            KeyCode::Down | KeyCode::Right | KeyCode::Tab => return self.step(1),
            KeyCode::Up | KeyCode::Left | KeyCode::BackTab => return self.step(self.choices().len() - 1),
            KeyCode::Char(letter) => {
                let found = self.choices().iter().find(|choice| choice.letter() == Some(letter));
                let Some(found) = found else { return Outcome::Stay };
                *found
            }
            _ => return Outcome::Stay,
        };
        match wanted {
            Choice::Rebase | Choice::Look => Outcome::Rebase { hands_over: false },
            Choice::RebaseAndHandOver => Outcome::Rebase { hands_over: true },
            Choice::HandOver => Outcome::HandOver,
            Choice::Abort => Outcome::Abort,
            Choice::Leave => Outcome::Close,
        }
    }

    fn step(&mut self, by: usize) -> Outcome {
        self.at = (self.at + by) % self.choices().len();
        Outcome::Stay
    }
}

impl Choice {
    /// Its key, where that is a letter.
    fn letter(self) -> Option<char> {
        match self {
            Self::Rebase => Some('b'),
            Self::Look => Some('l'),
            Self::RebaseAndHandOver | Self::HandOver => Some('h'),
            Self::Abort => Some('a'),
            Self::Leave => None,
        }
    }

    /// Its key, its word, what it does.
    pub(crate) fn told(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Rebase => ("b", "rebase", "conflicts are shown, if any"),
            Self::RebaseAndHandOver => ("h", "hand over", "the agent resolves conflicts"),
            Self::Look => ("l", "look", "how it stands by now"),
            Self::HandOver => ("h", "hand over", "the agent is asked to resolve them"),
            Self::Abort => ("a", "abort", "everything as it was before"),
            Self::Leave => ("Esc", "leave", "nothing happens"),
        }
    }
}
