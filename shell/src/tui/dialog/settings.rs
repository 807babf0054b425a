//! What can be set: every key with its value, where that comes from and what it means; a value is changed in place.

use ccells_core::limits::SETTING_BYTES;
use crossterm::event::{KeyCode, KeyEvent};

use crate::tui::clip;
use crate::tui::editor::Editor;
use crate::tui::errands::{Change, Origin, Setting};

/// What a key can do in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingsKey {
    /// Up.
    Up,
    /// Down.
    Down,
    /// Ten up.
    PageUp,
    /// Ten down.
    PageDown,
    /// To the first.
    First,
    /// To the last.
    Last,
    /// Change the chosen one.
    Change,
    /// Back to its default.
    Reset,
    /// Close it.
    Close,
}

/// The screen of settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SettingsDialog {
    /// The settings; none before the first answer.
    pub(crate) rows: Vec<Setting>,
    /// The chosen one.
    pub(crate) at: usize,
    /// The new value of the chosen one, while it is typed.
    pub(crate) typed: Option<Editor>,
    /// What came of the last change, and whether it was made.
    pub(crate) told: Option<(bool, String)>,
    /// The key whose change is on its way.
    pub(crate) sent: Option<String>,
}

/// What a key led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Stay,
    /// It closes.
    Close,
    /// This is to be changed.
    Change(Change),
}

impl SettingsDialog {
    /// Takes what is set now.
    pub(crate) fn take(&mut self, rows: Vec<Setting>) {
        self.rows = rows;
        self.at = self.at.min(self.rows.len().saturating_sub(1));
        if let Some(key) = self.sent.take() {
            self.typed = None;
            let is_live = self.rows.iter().any(|row| row.key == key && row.is_live);
            let when = if is_live { "it counts at once" } else { "it counts from the next start on" };
            self.told = Some((true, format!("{key} is written; {when}")));
        }
    }

    /// Takes the answer that it was not changed. What was typed stays.
    pub(crate) fn refused(&mut self, why: &str) {
        self.sent = None;
        self.told = Some((false, clip::safe(why)));
    }

    /// The chosen setting.
    pub(crate) fn chosen(&self) -> Option<&Setting> {
        self.rows.get(self.at)
    }

    /// Takes a paste.
    pub(crate) fn paste(&mut self, text: &str) {
        if let Some(typed) = &mut self.typed {
            typed.insert(text);
        }
    }

    /// Does something while no value is typed.
    pub(crate) fn act(&mut self, act: SettingsKey) -> Outcome {
        let last = self.rows.len().saturating_sub(1);
        match act {
            SettingsKey::Down => self.at = (self.at + 1).min(last),
            SettingsKey::Up => self.at = self.at.saturating_sub(1),
            SettingsKey::PageDown => self.at = (self.at + 10).min(last),
            SettingsKey::PageUp => self.at = self.at.saturating_sub(10),
            SettingsKey::First => self.at = 0,
            SettingsKey::Last => self.at = last,
            SettingsKey::Change => self.begin(),
            SettingsKey::Reset => return self.reset(),
            SettingsKey::Close => return Outcome::Close,
        }
        Outcome::Stay
    }

    /// Takes a key while a value is typed.
    pub(crate) fn edit(&mut self, key: &KeyEvent) -> Outcome {
        match (key.code, &mut self.typed) {
            (KeyCode::Esc, _) => {
                self.typed = None;
                self.told = None;
            }
            (KeyCode::Enter, Some(typed)) if self.sent.is_none() => {
                let value = Some(typed.text().trim().to_owned());
                return self.send(value);
            }
            (_, Some(typed)) => {
                typed.key(key);
            }
            (_, None) => {}
        }
        Outcome::Stay
    }

    fn begin(&mut self) {
        let Some(row) = self.rows.get(self.at) else { return };
        if row.origin == Origin::Environment {
            self.told = Some((false, "a variable sets it, and wins over the file".to_owned()));
            return;
        }
        let mut typed = Editor::line(SETTING_BYTES);
        typed.insert(&row.value);
        (self.typed, self.told) = (Some(typed), None);
    }

    /// Back to the default: the key leaves the file.
    fn reset(&mut self) -> Outcome {
        match self.chosen().map(|row| row.origin) {
            Some(Origin::File) if self.sent.is_none() => self.send(None),
            Some(Origin::Default | Origin::File) | None => Outcome::Stay,
            Some(Origin::Environment) => {
                self.told = Some((false, "a variable sets it, not the file".to_owned()));
                Outcome::Stay
            }
        }
    }

    fn send(&mut self, value: Option<String>) -> Outcome {
        let Some(key) = self.chosen().map(|row| row.key.clone()) else { return Outcome::Stay };
        self.sent = Some(key.clone());
        self.told = None;
        Outcome::Change(Change { key, value })
    }
}
