//! What a workstream changed, looked at: it is compared elsewhere, and what is said about it goes to its agent as a paste.

use std::sync::Arc;

use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::COMMENTS;
use crossterm::event::KeyEvent;

use super::picture;
use crate::patch::Patch;
use crate::tui::action::Action;
use crate::tui::clip;
use crate::tui::comment::Comment;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::diff::{DiffDialog, DiffKey, Outcome, Typed, When};
use crate::tui::editor::Editor;
use crate::tui::model::Model;
use crate::tui::wish::Wish;

/// Opens the view of what the focused workstream changed.
pub(super) fn open(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(card) = model.focused_card() else {
        return model.toast(Level::Info, "there is no workstream that could have changed anything");
    };
    model.dialog = Some(Dialog::Diff(DiffDialog::of(card.id.clone(), &card.name)));
    look(model, wishes);
}

/// Has it compared. One that is under way is waited for: however often it is asked for, git compares a workstream once
/// at a time.
fn look(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Diff(dialog)) = &mut model.dialog else { return };
    let id = dialog.workstream.clone();
    let Some(card) = model.snapshot.as_deref().and_then(|snapshot| snapshot.card(&id)) else {
        dialog.trouble = Some("it is gone".to_owned());
        return;
    };
    if !model.comparing.contains_key(&id) {
        wishes.push(Wish::Compare(id.clone(), card.directory.clone()));
        model.comparing.insert(id, model.now);
    }
}

/// Takes what came of it, where anybody still looks.
pub(super) fn on_compared(model: &mut Model, id: &WorkstreamId, outcome: Result<Arc<Patch>, String>) {
    model.comparing.remove(id);
    let Some(Dialog::Diff(dialog)) = &mut model.dialog else { return };
    match outcome {
        _ if dialog.workstream != *id => {}
        Ok(patch) => dialog.take(patch),
        Err(why) => dialog.trouble = Some(why),
    }
}

/// The view follows the size of the screen.
pub(super) fn fit(model: &mut Model) {
    if let Some(Dialog::Diff(dialog)) = &mut model.dialog {
        dialog.fit(model.size);
    }
}

/// Takes a key while something is typed.
pub(super) fn edit(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Diff(dialog)) = &mut model.dialog else { return };
    let outcome = dialog.edit(key);
    on_outcome(model, outcome, wishes);
}

/// Does what a key is bound to.
pub(super) fn act(model: &mut Model, act: DiffKey, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Diff(dialog)) = &mut model.dialog else { return };
    dialog.fit(model.size);
    let kept = model.comments.get(&dialog.workstream).map_or(&[][..], Vec::as_slice);
    let outcome = dialog.act(act, kept);
    on_outcome(model, outcome, wishes);
}

fn on_outcome(model: &mut Model, outcome: Outcome, wishes: &mut Vec<Wish>) {
    match outcome {
        Outcome::Stay => {}
        Outcome::Close => model.dialog = None,
        Outcome::Again => look(model, wishes),
        Outcome::Say(comment, when) => say(model, comment, when, wishes),
        Outcome::Send => send_kept(model, wishes),
        Outcome::Nowhere => model.toast(Level::Info, "that is nowhere in what it changed"),
        Outcome::NoSearch => {
            let key = model.keys.hint(Action::InDiff(DiffKey::Search));
            model.toast(Level::Info, &format!("nothing is looked for yet; {key} looks for a text"));
        }
    }
}

/// Says something now, or keeps it. What is said anew about a line takes the place of what was kept, and nothing said
/// drops it.
fn say(model: &mut Model, comment: Comment, when: When, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Diff(dialog)) = &mut model.dialog else { return };
    let id = dialog.workstream.clone();
    let kept = model.comments.entry(id.clone()).or_default();
    kept.retain(|other| other.about != comment.about);
    if comment.text.is_empty() {
        return;
    }
    if when == When::Now {
        return send(model, id, vec![comment], wishes);
    }
    if kept.len() < COMMENTS {
        kept.push(comment);
        return;
    }
    let mut editor = Editor::line(ccells_core::limits::COMMENT_BYTES);
    editor.insert(&comment.text);
    dialog.typed = Some(Typed::Comment(comment.about, editor));
    model.toast(Level::Warning, &format!("{COMMENTS} are kept already; send them first, or this one alone"));
}

fn send_kept(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Diff(dialog)) = &model.dialog else { return };
    let id = dialog.workstream.clone();
    let kept = model.comments.remove(&id).unwrap_or_default();
    if kept.is_empty() {
        let key = model.keys.hint(Action::InDiff(DiffKey::Comment));
        return model.toast(Level::Info, &format!("nothing is kept to be sent; {key} comments on a line"));
    }
    send(model, id, kept, wishes);
}

fn send(model: &mut Model, id: WorkstreamId, comments: Vec<Comment>, wishes: &mut Vec<Wish>) {
    if model.card(&id).is_some_and(|card| picture::takes_input(model, card)) {
        let lines = comments.iter().flat_map(Comment::lines).collect();
        model.said = Some((id.clone(), comments));
        wishes.push(Wish::Say(id, lines));
    } else {
        keep(model, id, comments);
    }
}

/// What could not be sent is kept, and that is told.
fn keep(model: &mut Model, id: WorkstreamId, comments: Vec<Comment>) {
    let name = model.card(&id).map_or_else(|| "the agent".to_owned(), |card| format!("`{}`", card.name));
    model.comments.entry(id).or_default().extend(comments);
    let key = model.keys.hint(Action::InDiff(DiffKey::Send));
    let text = format!("{name} cannot be typed to just now; what you said is kept, and {key} sends it");
    model.toast(Level::Warning, &text);
}

/// The agent's terminal has taken a paste: where it was what is said, that is told.
pub(super) fn on_taken(model: &mut Model, id: &WorkstreamId) {
    let Some((_, comments)) = model.said.take_if(|(said_to, _)| said_to == id) else { return };
    let name = model.card(id).map_or_else(String::new, |card| card.name.clone());
    let what = clip::counted(comments.len(), "comment is", "comments are");
    model.toast(Level::Info, &format!("{what} in the pane of `{name}`; Enter there sends what it holds"));
}

/// The agent's terminal has refused one: whether it was what is said, which is kept then.
pub(super) fn on_refused(model: &mut Model, id: &WorkstreamId) -> bool {
    let Some((id, comments)) = model.said.take_if(|(said_to, _)| said_to == id) else { return false };
    keep(model, id, comments);
    true
}
