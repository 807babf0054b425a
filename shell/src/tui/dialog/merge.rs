//! The dialog about bringing commits home: as they are, or as one.

use ccells_core::ids::WorkstreamId;
use ccells_core::ports::MergeHow;
use ccells_core::snapshot::Card;
use crossterm::event::{KeyCode, KeyEvent};

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The commits as they are.
    Merge,
    /// One commit with all of it.
    Squash,
    /// Nothing happens.
    Cancel,
}

impl Choice {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 3] = [Self::Merge, Self::Squash, Self::Cancel];
}

/// The dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MergeDialog {
    /// Whose commits.
    pub(crate) workstream: WorkstreamId,
    /// Its name, as it is.
    pub(crate) name: String,
    /// What is chosen.
    pub(crate) choice: Choice,
}

/// What a key in the dialog leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// The dialog closes.
    Close,
    /// They are to be merged.
    Merge(MergeHow),
}

impl MergeDialog {
    /// About the workstream of this card.
    pub(crate) fn about(card: &Card) -> Self {
        Self { workstream: card.id.clone(), name: card.name.clone(), choice: Choice::Merge }
    }

    /// Takes a key. The key that opened it does not confirm it.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        match key.code {
            KeyCode::Esc | KeyCode::Char('n' | 'q') => Outcome::Close,
            KeyCode::Enter => self.chosen(),
            KeyCode::Char('m') => Outcome::Merge(MergeHow::Merge),
            KeyCode::Char('s') => Outcome::Merge(MergeHow::Squash),
            KeyCode::Down | KeyCode::Right | KeyCode::Tab => self.step(1),
            KeyCode::Up | KeyCode::Left | KeyCode::BackTab => self.step(Choice::ALL.len() - 1),
            _ => Outcome::Stay,
        }
    }

    fn step(&mut self, by: usize) -> Outcome {
        let at = Choice::ALL.iter().position(|choice| *choice == self.choice).unwrap_or(0);
        self.choice = Choice::ALL[(at + by) % Choice::ALL.len()];
        Outcome::Stay
    }

    fn chosen(&self) -> Outcome {
        match self.choice {
            Choice::Merge => Outcome::Merge(MergeHow::Merge),
            Choice::Squash => Outcome::Merge(MergeHow::Squash),
            Choice::Cancel => Outcome::Close,
        }
    }
}
