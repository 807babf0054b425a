//! What the mouse does: a click focuses, an edge between panes is dragged, a click into the focused pane types there, the wheel scrolls; what an agent
//! asked for goes to the agent.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{actions, arranging, dialogs, moving};
use crate::tui::dialog::Dialog;
use crate::tui::layout::Placed;
use crate::tui::model::{Mode, Model};
use crate::tui::tabs;
use crate::tui::wish::Wish;

/// Takes a report of the mouse.
pub(super) fn on_mouse(model: &mut Model, event: MouseEvent, wishes: &mut Vec<Wish>) {
    if model.is_shutting_down() {
        return;
    }
    if let Some(dialog) = &model.dialog {
        let scrolls = matches!(
            dialog,
            Dialog::Help { .. } | Dialog::Log(_) | Dialog::Resources(_) | Dialog::Settings(_)
        );
        if let (true, Some(code)) = (scrolls, wheel_key(event.kind)) {
            dialogs::on_key(model, &KeyEvent::new(code, KeyModifiers::NONE), wishes);
        }
        return;
    }
    if model.is_list {
        return on_list(model, event);
    }
    let position = Position::new(event.column, event.row);
    if arranging::on_edge(model, event.kind, position) {
        return;
    }
    if is_on_tabs(model, event.kind, position) {
        return;
    }
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

/// The wheel moves along the list.
fn on_list(model: &mut Model, event: MouseEvent) {
    match wheel_key(event.kind) {
        Some(KeyCode::Up) => moving::step(model, -1),
        Some(_) => moving::step(model, 1),
        None => {}
    }
}

/// Whether a click went to the names of the pages: then the page is opened.
fn is_on_tabs(model: &mut Model, kind: MouseEventKind, position: Position) -> bool {
    let Some(row) = model.tabs_row().filter(|row| row.contains(position)) else { return false };
    if matches!(kind, MouseEventKind::Down(_)) {
        let tabs = tabs::tabs(model, row.width);
        let hit = tabs.iter().find(|tab| (tab.x..tab.x + tab.width()).contains(&(position.x - row.x)));
        if let Some(first) = hit.map(|tab| tab.first) {
            moving::focus_index(model, first);
            leave_input_where_nothing_types(model);
        }
    }
    true
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
