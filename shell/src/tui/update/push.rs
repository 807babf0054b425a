//! Pushing a workstream's commits, and the pull request that may follow.

use ccells_core::effect::{Done, Level, Refusal};
use ccells_core::event::Ask;
use ccells_core::ids::{PathText, WorkstreamId};
use crossterm::event::KeyEvent;

use super::ask;
use crate::pull_requests::PrWish;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::push::{Outcome, PushDialog};
use crate::tui::model::{Model, Pending};
use crate::tui::wish::Wish;

/// Asks where to. While its commits are on their way, the same key takes that back.
pub(super) fn open(model: &mut Model, wishes: &mut Vec<Wish>) {
    let card = match model.focused_card() {
        _ if model.is_read_only() => return model.toast(Level::Info, "this ccells only looks"),
        None => return model.toast(Level::Info, "there is no workstream to push"),
        Some(card) => card,
    };
    let id = card.id.clone();
    let dialog = PushDialog::about(card);
    let is_it = |pending: &Pending| matches!(pending, Pending::Push { workstream, .. } if *workstream == id);
    if model.pending.values().any(is_it) {
        ask(model, Ask::Cancel(id), Pending::Told, wishes);
        return;
    }
    model.dialog = Some(Dialog::Push(Box::new(dialog)));
}

/// Gives a key to the dialog.
pub(super) fn on_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Push(dialog)) = &mut model.dialog else { return };
    match dialog.key(key) {
        Outcome::Stay => {}
        Outcome::Close => model.dialog = None,
        Outcome::Push(wish, follows) => {
            let Some(Dialog::Push(dialog)) = model.dialog.take() else { return };
            let PushDialog { workstream, directory, .. } = *dialog;
            let pending = Pending::Push { workstream: workstream.clone(), directory, follows };
            ask(model, Ask::Push { workstream, wish }, pending, wishes);
        }
    }
}

/// Tells what came of a push, and has the pull request opened that is to follow.
pub(super) fn on_outcome(
    model: &mut Model,
    (workstream, directory, follows): (WorkstreamId, PathText, Option<Box<PrWish>>),
    outcome: Result<Done, Refusal>,
    wishes: &mut Vec<Wish>,
) {
    match outcome {
        Ok(done) => {
            model.toast(Level::Info, &done.note);
            wishes.extend(follows.map(|wish| Wish::OpenPullRequest(workstream, directory, wish)));
        }
        Err(refusal) => model.toast(Level::Error, &refusal.text),
    }
}

/// Tells what came of a pull request.
pub(super) fn on_pull_request(model: &mut Model, id: &WorkstreamId, outcome: Result<String, String>) {
    let name = model.card(id).map_or_else(|| "a workstream".to_owned(), |card| format!("`{}`", card.name));
    match outcome {
        Ok(text) => model.toast(Level::Info, &format!("{name}: {text}")),
        Err(why) => model.toast(Level::Error, &format!("{name}: {why}")),
    }
}
