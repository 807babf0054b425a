//! Where the focus goes: along the panes or the list, from page to page, to whoever waits, and never out of sight.

use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;

use crate::tui::dialog::filter::Outcome;
use crate::tui::filter::Filter;
use crate::tui::list;
use crate::tui::model::{Attention, Mode, Model};

/// Focuses the pane at `index` of all. A filter that hides it ends.
pub(super) fn focus_index(model: &mut Model, index: usize) {
    let Some(id) = model.order.get(index).cloned() else { return };
    if model.card(&id).is_some_and(|card| !model.filter.lets_through(card)) {
        model.filter = Filter::default();
        model.toast(Level::Info, "the filter is off: it hid the one you went to");
    }
    model.focused = Some(id);
}

/// Goes on by so many, round and round: along the list where it is shown, along the panes otherwise.
pub(super) fn step(model: &mut Model, by: isize) {
    let rows = if model.is_list { list::rows(model) } else { model.shown() };
    let focused = model.focused_index();
    let from = rows.iter().position(|place| *place == focused);
    let Ok(count) = isize::try_from(rows.len()) else { return };
    let next = match from.and_then(|from| isize::try_from(from).ok()) {
        _ if count == 0 => return,
        // Larger steps stop at the ends.
        Some(from) if by.abs() > 1 => (from + by).clamp(0, count - 1),
        Some(from) => (from + by).rem_euclid(count),
        None => 0,
    };
    if let Some(place) = usize::try_from(next).ok().and_then(|next| rows.get(next)) {
        focus_index(model, *place);
    }
}

/// Opens the next page, or the one before.
pub(super) fn turn_page(model: &mut Model, by: isize) {
    let pages = model.pages();
    let focused = model.focused_index();
    let open = pages.iter().position(|page| page.contains(&focused)).unwrap_or(0);
    let count = isize::try_from(pages.len()).unwrap_or(isize::MAX).max(1);
    let next = (isize::try_from(open).unwrap_or(0) + by).rem_euclid(count);
    let first = usize::try_from(next).ok().and_then(|next| pages.get(next)?.first().copied());
    match first {
        Some(first) if pages.len() > 1 => focus_index(model, first),
        Some(_) | None => model.toast(Level::Info, "all panes are on this page"),
    }
}

/// The next one that waits, those that cannot go on first.
pub(super) fn next_waiting(model: &mut Model) {
    let count = model.order.len();
    let from = model.focused_index();
    let next = |is_wanted: fn(Attention) -> bool| {
        (1..=count).map(|step| (from + step) % count).find(|index| {
            model.card(&model.order[*index]).and_then(|card| model.attention(card)).is_some_and(is_wanted)
        })
    };
    match next(|attention| attention != Attention::News).or_else(|| next(|_| true)) {
        Some(index) => focus_index(model, index),
        None => model.toast(Level::Info, "nobody waits for you"),
    }
}

/// Follows the filter as it is typed.
pub(super) fn on_filter(
    model: &mut Model,
    outcome: Outcome,
    filter: Filter,
    (before, focused): (Filter, Option<WorkstreamId>),
) {
    match outcome {
        Outcome::Stay => model.filter = filter,
        Outcome::Keep => {
            model.filter = filter;
            model.dialog = None;
        }
        Outcome::Close => {
            model.filter = before;
            model.focused = focused.filter(|id| model.card(id).is_some()).or(model.focused.take());
            model.dialog = None;
        }
    }
}

/// What is not shown does not keep the focus, unless nothing is shown at all.
pub(super) fn keep_focus_shown(model: &mut Model) {
    if model.filter.is_off() || model.mode == Mode::Input {
        return;
    }
    let shown = model.shown();
    if !shown.contains(&model.focused_index())
        && let Some(id) = shown.first().and_then(|place| model.order.get(*place)).cloned()
    {
        model.focused = Some(id);
    }
}
