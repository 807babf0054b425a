//! Whose the mouse is: what an agent asked for goes to the agent, and the rest focuses, scrolls, selects and types, and
//! drags the edges between panes. While Shift is held the mouse is never an agent's: most terminals keep it for their own
//! selection then, and from the others it is ours.

use ccells_core::ids::WorkstreamId;
use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
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
    if goes_on_in_agent(model, event, wishes) {
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
        let event = relative(event, pane);
        if let MouseEventKind::Down(button) = event.kind {
            model.agent_press = Some((id.clone(), button)).filter(|_| !has_shift(event));
        }
        wishes.push(Wish::Mouse(id, event));
    } else if is_wheel || is_inside {
        copy::on_pane_mouse(model, id, relative(event, pane), wishes);
    } else if matches!(event.kind, MouseEventKind::Down(_)) {
        focus(model, id);
    }
}

/// What began in an agent's pane is that agent's until the button goes up, wherever the pointer is and whatever is over
/// the pane meanwhile: it would believe that the button is down for ever.
fn goes_on_in_agent(model: &mut Model, event: MouseEvent, wishes: &mut Vec<Wish>) -> bool {
    let Some((id, held)) = model.agent_press.clone() else { return false };
    let is_end = match event.kind {
        MouseEventKind::Drag(button) if button == held => false,
        // Terminals that do not tell which button went up mean the one that was down.
        MouseEventKind::Up(_) => true,
        MouseEventKind::Down(_) => {
            // Its end was never told.
            model.agent_press = None;
            return false;
        }
        MouseEventKind::Drag(_)
        | MouseEventKind::Moved
        | MouseEventKind::ScrollUp
        | MouseEventKind::ScrollDown
        | MouseEventKind::ScrollLeft
        | MouseEventKind::ScrollRight => return false,
    };
    if is_end {
        model.agent_press = None;
    } else if has_shift(event) {
        return true;
    }
    let content = copy::content_of(model, &id);
    let within = |at: u16, start: u16, length: u16| at.saturating_sub(start).min(length.saturating_sub(1));
    let event = MouseEvent {
        kind: if is_end { MouseEventKind::Up(held) } else { event.kind },
        column: within(event.column, content.x, content.width),
        row: within(event.row, content.y, content.height),
        modifiers: event.modifiers - KeyModifiers::SHIFT,
    };
    wishes.push(Wish::Mouse(id, event));
    true
}

fn has_shift(event: MouseEvent) -> bool {
    event.modifiers.contains(KeyModifiers::SHIFT)
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
