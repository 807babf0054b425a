//! Pastes: where they go, how far they are, and how they end.

use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;
use crossterm::event::{KeyCode, KeyEvent};

use super::picture;
use crate::backlog::Progress;
use crate::tui::action::Action;
use crate::tui::copy::Look;
use crate::tui::dialog::Dialog;
use crate::tui::model::{Mode, Model};
use crate::tui::wish::Wish;

/// Text was pasted.
pub(super) fn on_paste(model: &mut Model, text: String, wishes: &mut Vec<Wish>) {
    if let Some(looking) = model.looking_with_keys() {
        if !looking.paste(&text) {
            let leaves = model.keys.first_keys(&[Action::Look(Look::Leave)]);
            model.toast(Level::Info, &format!("leave with {leaves}, then paste"));
        }
        return;
    }
    match (&mut model.dialog, model.mode, model.focused.clone()) {
        (Some(Dialog::New(dialog)), _, _) => dialog.paste(&text),
        (Some(Dialog::Discard(dialog)), _, _) => dialog.paste(&text),
        (Some(Dialog::Palette(palette)), _, _) => palette.paste(&text),
        (Some(Dialog::Export(dialog)), _, _) => dialog.paste(&text),
        (Some(Dialog::Push(dialog)), _, _) => dialog.paste(&text),
        (Some(Dialog::Filter(dialog)), _, _) => {
            dialog.paste(&text);
            model.filter = dialog.filter();
        }
        (Some(Dialog::Diff(dialog)), _, _) => dialog.paste(&text),
        (Some(Dialog::Settings(dialog)), _, _) => dialog.paste(&text),
        (
            Some(
                Dialog::Clipboard(_)
                | Dialog::Merge(_)
                | Dialog::Rebase(_)
                | Dialog::Quit(_)
                | Dialog::Recovery(_)
                | Dialog::Log(_)
                | Dialog::Resources(_)
                | Dialog::Help { .. },
            ),
            _,
            _,
        ) => {}
        // Terminals paste nothing when what was copied is no text.
        (None, Mode::Input, Some(_)) if text.is_empty() => paste_image(model, wishes),
        (None, Mode::Input, Some(id)) => {
            super::copy::leave(model);
            wishes.push(Wish::Paste(id, text));
        }
        (None, Mode::Navigate | Mode::Input, _) => {
            let types = model.keys.hint(Action::Input);
            model.toast(Level::Info, &format!("press {types} to type into the pane, then paste"));
        }
    }
}

/// Gives the focused agent the clipboard's image.
pub(super) fn paste_image(model: &mut Model, wishes: &mut Vec<Wish>) {
    if !picture::can_type(model) {
        return model.toast(Level::Info, "the agent in this pane cannot be typed to just now");
    }
    let Some(card) = model.focused_card() else { return };
    wishes.push(Wish::PasteImage(card.id.clone(), card.worktree.clone()));
}

/// Esc gives up a paste that is on its way.
pub(super) fn cancels(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) -> bool {
    let id = model.focused.clone().filter(|id| key.code == KeyCode::Esc && model.pasting.contains_key(id));
    let Some(id) = id else { return false };
    model.pasting.remove(&id);
    model.toast(Level::Info, "the rest of the paste was dropped");
    wishes.push(Wish::CancelPaste(id));
    true
}

/// A paste went on.
pub(super) fn on_progress(model: &mut Model, id: WorkstreamId, progress: Option<Progress>) {
    match progress {
        Some(progress) => {
            model.pasting.insert(id, progress);
        }
        None => {
            model.pasting.remove(&id);
        }
    }
}

/// A paste does not outlive its session: who pasted is told how far it came.
pub(super) fn follow(model: &mut Model) {
    let is_lost = |id: &WorkstreamId| model.card(id).is_none_or(|card| !card.is_attached);
    let lost: Vec<WorkstreamId> = model.pasting.keys().filter(|id| is_lost(id)).cloned().collect();
    for id in lost {
        if let Some(progress) = model.pasting.remove(&id) {
            let percent = progress.done * 100 / progress.of.max(1);
            let text = format!("the terminal went away while you pasted; about {percent} % arrived");
            model.toast(Level::Warning, &text);
        }
    }
}
