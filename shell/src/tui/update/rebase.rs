//! What becomes of a rebase as the screen meets it: the dialog's outcome, the machine's answer, and the words for the agent.

use ccells_core::effect::{Done, Level, Refusal, RefusalKind};
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::HANDOVER_ENTER_MS;
use ccells_core::ports::RebaseWish;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{ask, picture};
use crate::handover;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::rebase::{Outcome, RebaseDialog};
use crate::tui::model::{Model, Pending};
use crate::tui::wish::Wish;

/// Opens the dialog about the focused workstream.
pub(super) fn open(model: &mut Model) {
    let dialog = match model.focused_card() {
        _ if model.is_read_only() => return model.toast(Level::Info, "this ccells only looks"),
        None => return model.toast(Level::Info, "there is no workstream to rebase"),
        Some(card) => RebaseDialog::about(card, false),
    };
    model.dialog = Some(Dialog::Rebase(dialog));
}

/// Gives a key to the dialog, and does what was chosen.
pub(super) fn on_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Rebase(dialog)) = &mut model.dialog else { return };
    let (outcome, id) = (dialog.key(key), dialog.workstream.clone());
    if outcome != Outcome::Stay {
        model.dialog = None;
    }
    match outcome {
        Outcome::Stay | Outcome::Close => {}
        Outcome::Rebase { hands_over } => {
            let wish = Box::new(RebaseWish::Onto(None));
            let pending = Pending::Rebase { workstream: id.clone(), hands_over };
            ask(model, Ask::Rebase { workstream: id, wish }, pending, wishes);
        }
        Outcome::HandOver => hand_over(model, &id, wishes),
        Outcome::Abort => {
            let wish = Box::new(RebaseWish::Abort);
            ask(model, Ask::Rebase { workstream: id, wish }, Pending::Told, wishes);
        }
    }
}

/// A rebase was answered. One that has stopped is handed to the agent, or shown.
pub(super) fn on_reply(
    model: &mut Model,
    id: &WorkstreamId,
    hands_over: bool,
    outcome: Result<Done, Refusal>,
    wishes: &mut Vec<Wish>,
) {
    match outcome {
        Ok(done) => model.toast(Level::Info, &done.note),
        Err(refusal) => {
            let has_stopped = model.card(id).is_some_and(|card| {
                card.rebase
                    .as_ref()
                    .and_then(|open| open.files.as_ref())
                    .is_some_and(|files| !files.is_empty())
            });
            if hands_over && has_stopped {
                return hand_over(model, id, wishes);
            }
            model.toast(Level::Error, &refusal.text);
            if has_stopped {
                offer(model, id, false);
            }
        }
    }
}

/// A merge was answered. Where both sides changed the same places a rebase is what helps.
pub(super) fn on_merge_reply(model: &mut Model, id: &WorkstreamId, outcome: Result<Done, Refusal>) {
    match outcome {
        Ok(done) => model.toast(Level::Info, &done.note),
        Err(refusal) => {
            model.toast(Level::Error, &refusal.text);
            if refusal.kind == RefusalKind::Clash {
                offer(model, id, true);
            }
        }
    }
}

/// Opens the dialog, unless something else is being decided.
fn offer(model: &mut Model, id: &WorkstreamId, is_after_clash: bool) {
    if model.dialog.is_none()
        && let Some(card) = model.card(id)
    {
        model.dialog = Some(Dialog::Rebase(RebaseDialog::about(card, is_after_clash)));
    }
}

/// Types into the agent's terminal what it shall resolve; Enter follows when that was taken.
fn hand_over(model: &mut Model, id: &WorkstreamId, wishes: &mut Vec<Wish>) {
    let Some(card) = model.card(id) else { return };
    match card.rebase.as_ref().filter(|_| picture::takes_input(model, card)) {
        Some(open) => {
            wishes.push(Wish::Say(id.clone(), vec![handover::prompt(open)]));
            model.handing = Some((id.clone(), None));
        }
        None => on_refused(model, id),
    }
}

/// The agent's terminal has taken a paste: an Enter in one read with it would be taken for a line of it.
pub(super) fn on_taken(model: &mut Model, id: &WorkstreamId) {
    let enter = model.now.after(HANDOVER_ENTER_MS);
    if let Some((_, due)) = model.handing.as_mut().filter(|(to, due)| to == id && due.is_none()) {
        *due = Some(enter);
    }
}

/// The agent's terminal has refused what was typed: whether it was that.
pub(super) fn is_refused(model: &mut Model, id: &WorkstreamId) -> bool {
    let is_it = model.handing.take_if(|(to, _)| to == id).is_some();
    if is_it {
        on_refused(model, id);
    }
    is_it
}

/// The agent's terminal cannot be typed to.
fn on_refused(model: &mut Model, id: &WorkstreamId) {
    let name = model.card(id).map_or_else(String::new, |card| card.name.clone());
    let text = format!("`{name}` cannot be typed to just now; its conflicts are not handed over");
    model.toast(Level::Warning, &text);
}

/// Sends Enter when it is time.
pub(super) fn follow(model: &mut Model, wishes: &mut Vec<Wish>) {
    let now = model.now;
    let Some((id, _)) = model.handing.take_if(|(_, due)| due.is_some_and(|due| due <= now)) else { return };
    let name = model.card(&id).map_or_else(String::new, |card| card.name.clone());
    wishes.push(Wish::Type(id, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
    model.toast(Level::Info, &format!("the agent of `{name}` is asked to resolve the conflicts"));
}
