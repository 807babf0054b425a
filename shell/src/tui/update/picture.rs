//! What a new picture of the world changes on the screen.

use std::sync::Arc;

use ccells_core::agent::AgentStatus;
use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;
use ccells_core::record::Layout;
use ccells_core::snapshot::{Card, CardState, EngineState, Snapshot};

use super::{dialogs, undo, works};
use crate::tui::clip;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::recovery::RecoveryDialog;
use crate::tui::model::{Mode, Model, Pending, Seen};

/// Takes a picture.
pub(super) fn on_snapshot(model: &mut Model, snapshot: Arc<Snapshot>) {
    let before = model.snapshot.replace(snapshot.clone());
    match before {
        None => take_view(model, &snapshot),
        Some(before) => log_changes(model, &before, &snapshot),
    }
    follow_workstreams(model, &snapshot);
    works::follow(model, &snapshot);
    tell_what_changed(model, &snapshot);
    if model.mode == Mode::Input && !can_type(model) {
        model.mode = Mode::Navigate;
    }
    if model.dialog.is_none() && model.mode == Mode::Navigate && !model.is_read_only() {
        let dismissed = &model.dismissed;
        let dialog = RecoveryDialog::about(&snapshot, |id| !dismissed.contains(id));
        model.dialog = dialog.map(Dialog::Recovery);
    }
    if snapshot.shutdown.is_some() {
        model.dialog = None;
        model.mode = Mode::Navigate;
    }
}

/// Whether the focused agent can be typed to.
pub(super) fn can_type(model: &Model) -> bool {
    model.focused_card().is_some_and(|card| takes_input(model, card))
}

/// Whether the agent of this one can be.
pub(super) fn takes_input(model: &Model, card: &Card) -> bool {
    !model.is_read_only() && matches!(card.state, CardState::Running | CardState::Unknown)
}

/// How the screen looked when it was last seen.
fn take_view(model: &mut Model, snapshot: &Snapshot) {
    let view = &snapshot.view;
    model.order.clone_from(&view.order);
    model.focused.clone_from(&view.focused);
    model.layout = view.layout;
    model.unzoomed = match (view.layout, view.unzoomed) {
        (Layout::Zoom, None | Some(Layout::Zoom)) => Layout::Grid,
        (Layout::Zoom, Some(unzoomed)) => unzoomed,
        (layout, _) => layout,
    };
    model.splits.clone_from(&view.splits);
    model.told_view = view.clone();
}

/// Every workstream has a pane and every pane a workstream; the order of the rest stays.
fn follow_workstreams(model: &mut Model, snapshot: &Snapshot) {
    let place = model.focused_index();
    model.order.retain(|id| snapshot.card(id).is_some());
    for card in &snapshot.workstreams {
        if !model.order.contains(&card.id) {
            model.order.push(card.id.clone());
            if undo::is_asked_back(model, &card.id) && model.mode == Mode::Navigate {
                model.focused = Some(card.id.clone());
            }
        }
    }
    if model.focused.as_ref().is_none_or(|id| snapshot.card(id).is_none()) {
        let nearest = place.min(model.order.len().saturating_sub(1));
        model.focused = model.order.get(nearest).cloned();
    }
    model.told_sizes.retain(|id, _| snapshot.card(id).is_some());
    model.seen.retain(|id, _| snapshot.card(id).is_some());
    for id in arrived(model, snapshot) {
        model.focused = Some(id);
    }
}

/// The new workstreams that the machine has taken up: their dialogs close, their panes get the focus.
fn arrived(model: &mut Model, snapshot: &Snapshot) -> Vec<WorkstreamId> {
    let Some(Dialog::New(dialog)) = &model.dialog else { return Vec::new() };
    let Some(ticket) = dialog.sent else { return Vec::new() };
    let Some(Pending::New { workstream: Some(id), .. }) = model.pending.get(&ticket) else {
        return Vec::new();
    };
    if snapshot.card(id).is_none() {
        return Vec::new();
    }
    let id = id.clone();
    dialogs::close_new(model, ticket);
    vec![id]
}

fn tell_what_changed(model: &mut Model, snapshot: &Snapshot) {
    for notice in snapshot.notices.iter().skip(model.told_notices) {
        // What went wrong with the disk is not to be missed: it stays until it is dismissed.
        model.toast(Level::Error, notice);
    }
    model.told_notices = snapshot.notices.len();
    let is_down = matches!(snapshot.engine, EngineState::Down { .. });
    if std::mem::replace(&mut model.was_down, is_down) && snapshot.engine == EngineState::Up {
        model.toast(Level::Info, "the engine answers again");
    }
}

/// Notes what the machine did, so that it can be read later.
fn log_changes(model: &mut Model, before: &Snapshot, after: &Snapshot) {
    for card in &after.workstreams {
        let name = clip::safe(&card.name);
        let Some(old) = before.card(&card.id) else {
            model.log.add(model.wall, Level::Info, &format!("`{name}` is there: {}", card.state.as_str()));
            continue;
        };
        if let Some(progress) =
            card.progress.filter(|progress| old.progress.map(|it| it.step) != Some(progress.step))
        {
            let text = format!("`{name}`: step {}/{} {}", progress.index, progress.of, progress.step);
            model.log.add(model.wall, Level::Info, &text);
        }
        if old.state != card.state {
            let is_bad = matches!(card.state, CardState::Failed | CardState::Lost);
            let level = if is_bad { Level::Error } else { Level::Info };
            let why = card.reason.as_deref().map(|why| format!(": {}", clip::safe(why))).unwrap_or_default();
            let text = format!("`{name}`: {} → {}{why}", old.state.as_str(), card.state.as_str());
            model.log.add(model.wall, level, &text);
        }
    }
    for gone in before.workstreams.iter().filter(|card| after.card(&card.id).is_none()) {
        model.log.add(model.wall, Level::Info, &format!("`{}` is gone", clip::safe(&gone.name)));
    }
    match (&before.engine, &after.engine) {
        (EngineState::Down { .. }, EngineState::Down { .. }) => {}
        (_, EngineState::Down { reason, .. }) => {
            let text = format!("the engine does not answer: {}", clip::safe(reason));
            model.log.add(model.wall, Level::Warning, &text);
        }
        (_, EngineState::Up | EngineState::Unknown) => {}
    }
}

/// What happens in the focused pane while the window has the focus is seen.
pub(super) fn see_focused(model: &mut Model) {
    let Some(card) = model.focused_card().filter(|_| model.has_window_focus) else { return };
    let Some(report) = &card.agent else { return };
    let seen = Seen { bells: report.bells, is_done: report.status == AgentStatus::Done };
    let id = card.id.clone();
    model.seen.insert(id, seen);
}
