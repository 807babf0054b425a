//! The dialog about the end of the run: what becomes of the agents.

use ccells_core::event::OnQuit;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Their containers are frozen.
    PauseAll,
    /// They work on.
    KeepRunning,
    /// The run goes on.
    Cancel,
}

impl Choice {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 3] = [Self::PauseAll, Self::KeepRunning, Self::Cancel];
}

/// The dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QuitDialog {
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
    /// The run is to end.
    Quit(OnQuit),
}

impl QuitDialog {
    /// The dialog, with what is configured chosen.
    pub(crate) fn with(on_quit: OnQuit) -> Self {
        let choice = match on_quit {
            OnQuit::PauseAll => Choice::PauseAll,
            OnQuit::KeepRunning => Choice::KeepRunning,
        };
        Self { choice }
    }

    /// Takes a key. The keys that opened it confirm it.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc | KeyCode::Char('n') => Outcome::Close,
            KeyCode::Char('c') if is_ctrl => self.chosen(),
            KeyCode::Char('q' | 'y') | KeyCode::Enter => self.chosen(),
            KeyCode::Char('p') => Outcome::Quit(OnQuit::PauseAll),
            KeyCode::Char('k') => Outcome::Quit(OnQuit::KeepRunning),
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

    fn chosen(self) -> Outcome {
        match self.choice {
            Choice::PauseAll => Outcome::Quit(OnQuit::PauseAll),
            Choice::KeepRunning => Outcome::Quit(OnQuit::KeepRunning),
            Choice::Cancel => Outcome::Close,
        }
    }
}
