//! A screen with one agent only, as `ccells attach` has it: all keys go to the agent, until the leader leaves.

use ccells_core::record::Layout;
use crossterm::event::KeyEvent;

use super::copy;
use crate::tui::action::{Action, AloneKey, Context};
use crate::tui::copy::Intent;
use crate::tui::dialog::Dialog;
use crate::tui::model::{Mode, Model};
use crate::tui::wish::Wish;

/// Takes a key that is not for the agent; false for all others.
pub(super) fn takes(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) -> bool {
    if !model.is_alone {
        return false;
    }
    if model.leader.is(key) {
        // What the agent wants to copy is answered first: there is no other key for that.
        match model.asked_copy.take() {
            Some(dialog) => model.dialog = Some(Dialog::Clipboard(dialog)),
            None => wishes.push(Wish::Leave),
        }
        return true;
    }
    if model.keys.look_up(Context::Alone, key) != Some(Action::Alone(AloneKey::LookBack)) {
        return false;
    }
    let lines = usize::from(model.panes_area().height.saturating_sub(1)).max(1);
    copy::look_back(model, Intent::Scroll { lines, has_keys: true }, wishes);
    true
}

/// There is nothing to steer: keys go to the agent whenever nothing else has them.
pub(super) fn follow(model: &mut Model) {
    if model.is_alone && model.snapshot.is_some() {
        model.mode = Mode::Input;
        model.layout = Layout::Zoom;
    }
}
