//! Keys that are more than a press: agents may want to know when a key is let go, and which modifiers are held alone.
//! None of them means anything to ccells itself.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use crate::tui::model::Model;
use crate::tui::wish::Wish;

/// Most keys that are remembered as ours: more than anybody has fingers.
const KEPT: usize = 16;

/// Whether a key does nothing by itself.
pub(super) fn is_lone(key: &KeyEvent) -> bool {
    matches!(key.code, KeyCode::Modifier(_) | KeyCode::CapsLock | KeyCode::NumLock | KeyCode::ScrollLock)
}

/// A key was pressed that is ours until something else is said.
pub(super) fn keep(model: &mut Model, key: &KeyEvent) {
    let code = plain(key.code);
    if !model.kept_keys.contains(&code) {
        if model.kept_keys.len() == KEPT {
            model.kept_keys.remove(0);
        }
        model.kept_keys.push(code);
    }
}

/// It went to the agent after all.
pub(super) fn give(model: &mut Model, key: &KeyEvent) {
    let code = plain(key.code);
    model.kept_keys.retain(|kept| *kept != code);
}

/// Takes the release of a key, or a key that does nothing by itself. The release of a key whose press was ours is no
/// business of the agent's.
pub(super) fn on_lone(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let was_ours = model.kept_keys.contains(&plain(key.code));
    if key.kind == KeyEventKind::Release {
        give(model, key);
        if was_ours {
            return;
        }
    }
    if let Some(id) = model.typed_to().cloned() {
        wishes.push(Wish::Type(id, *key));
    }
}

/// The key itself, whatever it types with Shift.
fn plain(code: KeyCode) -> KeyCode {
    if let KeyCode::Char(c) = code {
        return KeyCode::Char(c.to_lowercase().next().unwrap_or(c));
    }
    if code == KeyCode::BackTab { KeyCode::Tab } else { code }
}
