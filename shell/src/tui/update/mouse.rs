//! What the mouse does: a click focuses, a click into the focused pane types there, the wheel scrolls; what an agent
//! asked for goes to the agent.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{actions, dialogs};
use crate::tui::dialog::Dialog;
use crate::tui::layout::Placed;
use crate::tui::model::{Mode, Model};
use crate::tui::wish::Wish;

/// Takes a report of the mouse.
pub(super) fn on_mouse(model: &mut Model, event: MouseEvent, wishes: &mut Vec<Wish>) {
    if model.is_shutting_down() {
        return;
    }
    if let Some(dialog) = &model.dialog {
        if let (Dialog::Help { .. }, Some(code)) = (dialog, wheel_key(event.kind)) {
            dialogs::on_key(model, &KeyEvent::new(code, KeyModifiers::NONE), wishes);
        }
        return;
    }
    let position = Position::new(event.column, event.row);
    let page = model.page();
    let Some(pane) = page.panes.iter().find(|pane| pane.outer.contains(position)) else { return };
    let Some(id) = model.order.get(pane.index).cloned() else { return };
    let is_focused = model.focused.as_ref() == Some(&id);
    let is_wheel = wheel_key(event.kind).is_some();
    let is_inside = pane.content.contains(position);
    if is_wheel || (is_focused && is_inside && model.mode == Mode::Input) {
        wishes.push(Wish::Mouse(id, relative(event, pane)));
    } else if matches!(event.kind, MouseEventKind::Down(_)) {
        if is_focused && is_inside {
            actions::enter_input(model, wishes);
        } else {
            model.focused = Some(id);
            leave_input_where_nothing_types(model);
        }
    }
}

fn wheel_key(kind: MouseEventKind) -> Option<KeyCode> {
    match kind {
        MouseEventKind::ScrollUp => Some(KeyCode::Up),
        MouseEventKind::ScrollDown => Some(KeyCode::Down),
        MouseEventKind::Down(_)
        | MouseEventKind::Up(_)
        | MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => None,
    }
}

fn relative(event: MouseEvent, pane: &Placed) -> MouseEvent {
    MouseEvent {
        column: event.column.saturating_sub(pane.content.x),
        row: event.row.saturating_sub(pane.content.y),
        ..event
    }
}

/// A click while typing goes on typing in the pane that was clicked, where that is possible.
fn leave_input_where_nothing_types(model: &mut Model) {
    if model.mode == Mode::Input && !super::picture::can_type(model) {
        model.mode = Mode::Navigate;
    }
}
