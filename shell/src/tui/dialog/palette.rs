//! Every action by name: type a few of its letters, and Enter does it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::action::{self, Action, Context, Described};
use crate::tui::editor::Editor;

/// Longest text that is looked for, in bytes.
const LONGEST: usize = 64;

/// The palette.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Palette {
    /// What is looked for.
    pub(crate) wanted: Editor,
    /// The place of the chosen one among those that are found.
    pub(crate) chosen: usize,
}

/// What a key led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// It closes.
    Close,
    /// It closes, and this is done.
    Do(Action),
}

impl Palette {
    /// With nothing looked for yet.
    pub(crate) fn new() -> Self {
        Self { wanted: Editor::line(LONGEST), chosen: 0 }
    }

    /// What is found, the best first. Of equals, the order of the list holds.
    pub(crate) fn found(&self) -> Vec<&'static Described> {
        let wanted = self.wanted.text().to_lowercase();
        let over_panes = action::all().filter(|it| it.action.context() == Context::Panes);
        let mut found: Vec<(usize, &Described)> =
            over_panes.filter_map(|it| Some((likeness(&wanted, it)?, it))).collect();
        found.sort_by_key(|(likeness, _)| *likeness);
        found.into_iter().map(|(_, it)| it).collect()
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: &KeyEvent) -> Outcome {
        let count = self.found().len();
        let is_ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Outcome::Close,
            KeyCode::Char('c' | 'g') if is_ctrl => return Outcome::Close,
            KeyCode::Enter => {
                return self.found().get(self.chosen).map_or(Outcome::Stay, |it| Outcome::Do(it.action));
            }
            KeyCode::Down | KeyCode::Tab => self.chosen = (self.chosen + 1) % count.max(1),
            KeyCode::Char('n') if is_ctrl => self.chosen = (self.chosen + 1) % count.max(1),
            KeyCode::Up | KeyCode::BackTab => self.chosen = (self.chosen + count.max(1) - 1) % count.max(1),
            KeyCode::Char('p') if is_ctrl => self.chosen = (self.chosen + count.max(1) - 1) % count.max(1),
            KeyCode::Backspace if self.wanted.is_empty() => return Outcome::Close,
            _ => {
                if self.wanted.key(key) {
                    self.chosen = 0;
                }
            }
        }
        Outcome::Stay
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        self.wanted.insert(text);
        self.chosen = 0;
    }
}

/// How well `it` is what is wanted: 0 is best; nothing where the letters do not come in this order.
fn likeness(wanted: &str, it: &Described) -> Option<usize> {
    let help = it.help.to_lowercase();
    if it.name.starts_with(wanted) {
        Some(0)
    } else if it.name.contains(wanted) {
        Some(1)
    } else if help.contains(wanted) {
        Some(2)
    } else {
        comes_in_order(wanted, it.name).then_some(3)
    }
}

fn comes_in_order(letters: &str, text: &str) -> bool {
    let mut rest = text.chars();
    letters.chars().all(|letter| rest.any(|c| c == letter))
}
