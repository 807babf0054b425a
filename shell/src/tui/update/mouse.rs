//! Whose the mouse is: what an agent asked for goes to the agent, and the rest focuses, scrolls, selects and types, and
//! drags the edges between panes. While Shift is held the terminal around us keeps the mouse for its own selection, and
//! tells us nothing.

use ccells_core::ids::WorkstreamId;
use crossterm::event::{KeyCode, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{arranging, copy, dialogs, moving};
use crate::tui::layout::Placed;
use crate::tui::model::{Mode, Model};
use crate::tui::tabs;
use crate::tui::wish::Wish;

/// Takes a report of the mouse.
pub(super) fn on_mouse(model: &mut Model, event: MouseEvent, wishes: &mut Vec<Wish>) {
    if model.is_shutting_down() {
        return;
    }
    if model.dialog.is_some() {
        if let Some(code) = wheel_key(event.kind) {
            dialogs::on_wheel(model, code == KeyCode::Up, wishes);
        }
        return;
    }
    if model.is_list {
        return on_list(model, event);
    }
    // What began in a pane of ours ends there, wherever the pointer is meanwhile.
    if model.press.as_ref().is_some_and(|press| press.is_down) {
        match event.kind {
            MouseEventKind::Drag(MouseButton::Left) => return copy::on_drag(model, event, wishes),
            MouseEventKind::Up(MouseButton::Left) => return copy::on_release(model, wishes),
            MouseEventKind::Up(_)
            | MouseEventKind::Drag(_)
            | MouseEventKind::Down(_)
            | MouseEventKind::Moved
            | MouseEventKind::ScrollUp
            | MouseEventKind::ScrollDown
            | MouseEventKind::ScrollLeft
            | MouseEventKind::ScrollRight => {}
        }
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
    let is_looking = model.looking.as_ref().is_some_and(|looking| looking.workstream == id);
    if !is_looking && (is_wheel || (is_focused && is_inside && model.mode == Mode::Input)) {
        wishes.push(Wish::Mouse(id, relative(event, pane)));
    } else if is_wheel || is_inside {
        copy::on_pane_mouse(model, id, relative(event, pane), wishes);
    } else if matches!(event.kind, MouseEventKind::Down(_)) {
        focus(model, id);
    }
}

/// A pane was clicked. Whoever types goes on typing in that pane, where that is possible.
pub(super) fn focus(model: &mut Model, id: WorkstreamId) {
    model.focused = Some(id);
    leave_input_where_nothing_types(model);
}

fn leave_input_where_nothing_types(model: &mut Model) {
    if model.mode == Mode::Input && !super::picture::can_type(model) {
        model.mode = Mode::Navigate;
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
