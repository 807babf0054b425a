//! How the panes lie: layouts, zoom, order, and the edges between them.

use ccells_core::effect::Level;
use ccells_core::limits::WINDOW_RESIZE_MS;
use ccells_core::record::Layout;
use crossterm::event::{MouseButton, MouseEventKind};
use ratatui::layout::Position;

use super::moving::focus_index;
use crate::tui::layout::{self, Axis, Cut};
use crate::tui::model::{Grip, Model};

/// How far a key moves an edge, in columns and in rows.
const STEP_COLUMNS: i32 = 2;
const STEP_ROWS: i32 = 1;

/// Takes the next layout.
pub(super) fn next_layout(model: &mut Model) {
    model.layout = layout::next(model.layout);
    model.unzoomed = model.layout;
    model.toast(Level::Info, &format!("layout: {}", layout::name(model.layout)));
}

/// The focused pane alone, or all again.
pub(super) fn zoom(model: &mut Model) {
    if model.layout == Layout::Zoom {
        model.layout = model.unzoomed;
    } else {
        model.unzoomed = model.layout;
        model.layout = Layout::Zoom;
    }
}

/// The focused pane and the first one change places; from the first place, it goes back where it came from.
pub(super) fn swap(model: &mut Model) {
    let focused = model.focused_index();
    let back = model.swapped.as_ref().and_then(|id| model.order.iter().position(|other| other == id));
    let other = if focused == 0 { back.unwrap_or(1) } else { focused };
    if other == 0 || other >= model.order.len() {
        return;
    }
    model.order.swap(0, other);
    model.swapped = model.order.get(other).cloned();
    focus_index(model, 0);
}

/// The focused pane changes places with the next one that is shown, or the one before.
pub(super) fn shift(model: &mut Model, by: isize) {
    let (shown, focused) = (model.shown(), model.focused_index());
    let place = shown.iter().position(|place| *place == focused);
    let other = place.and_then(|place| shown.get(place.checked_add_signed(by)?));
    if let Some(other) = other {
        model.order.swap(focused, *other);
    }
}

/// Moves an edge of the focused pane, so that it has more of the screen, or less.
pub(super) fn resize(model: &mut Model, axis: Axis, by: i8) {
    let (page, focused) = (model.page(), model.focused_index());
    let outer = page.panes.iter().find(|pane| pane.index == focused).map(|pane| pane.outer);
    let Some((cut, part)) = outer.and_then(|outer| page.cut_round(outer, axis)) else {
        let text = match axis {
            Axis::Across => "no pane beside it could give or take columns",
            Axis::Down => "no pane above or below could give or take rows",
        };
        return model.toast(Level::Info, text);
    };
    let step = match axis {
        Axis::Across => STEP_COLUMNS,
        Axis::Down => STEP_ROWS,
    };
    // The last part has no edge after it: the one before it moves the other way.
    let is_last = part + 1 == cut.lengths.len();
    let (edge, by) = if is_last { (part, -i32::from(by)) } else { (part + 1, i32::from(by)) };
    let to = i32::from(cut.start(edge)) + step * by;
    let cut = cut.clone();
    move_edge(model, cut, edge, u16::try_from(to).unwrap_or(0));
}

/// All panes of the layout share evenly again.
pub(super) fn even(model: &mut Model) {
    model.splits.remove(model.layout.as_str());
    tell_sizes_soon(model);
}

/// Takes hold of an edge, moves it or lets it go; whether the report of the mouse was about that.
pub(super) fn on_edge(model: &mut Model, kind: MouseEventKind, position: Position) -> bool {
    match (kind, model.grip) {
        (MouseEventKind::Down(MouseButton::Left), _) => {
            let page = model.page();
            let hold = page.edge_at(position).and_then(|(cut, part)| {
                Some(Grip { cut: page.cuts.iter().position(|other| other == cut)?, part })
            });
            model.grip = hold;
            // The header of a pane is an edge too, and a click on it focuses.
            let is_gutter =
                page.panes.iter().filter_map(layout::Placed::gutter).any(|it| it.contains(position));
            hold.is_some() && is_gutter
        }
        (MouseEventKind::Drag(MouseButton::Left), Some(grip)) => {
            if let Some(cut) = model.page().cuts.get(grip.cut).cloned() {
                let to = match cut.axis {
                    Axis::Across => position.x.saturating_add(1),
                    Axis::Down => position.y,
                };
                move_edge(model, cut, grip.part, to);
            }
            true
        }
        (MouseEventKind::Up(_), Some(_)) => {
            model.grip = None;
            true
        }
        _ => false,
    }
}

fn move_edge(model: &mut Model, mut cut: Cut, part: usize, to: u16) {
    let before = cut.lengths.clone();
    cut.move_edge(part, to);
    if cut.lengths != before {
        cut.save(model.splits.entry(model.layout.as_str().to_owned()).or_default());
        tell_sizes_soon(model);
    }
}

/// An edge that is being moved does not resize the agents with every step.
fn tell_sizes_soon(model: &mut Model) {
    model.sizes_due = Some(model.now.after(WINDOW_RESIZE_MS));
}
