//! What the keys do while they steer ccells.

use ccells_core::effect::Level;
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::record::Layout;
use ccells_core::snapshot::CardState;
use crossterm::event::{KeyCode, KeyEvent};

use super::{ask, quit, scroll};
use crate::tui::ScrollBy;
use crate::tui::action::Action;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::discard::DiscardDialog;
use crate::tui::dialog::new::NewDialog;
use crate::tui::dialog::palette::Palette;
use crate::tui::dialog::quit::QuitDialog;
use crate::tui::layout;
use crate::tui::model::{Attention, Mode, Model, Pending};
use crate::tui::wish::Wish;

/// Does what a key is bound to.
pub(super) fn on_action(model: &mut Model, action: Action, wishes: &mut Vec<Wish>) {
    match action {
        Action::Input => enter_input(model, wishes),
        Action::New => open_new(model),
        Action::Pause => pause(model, wishes),
        Action::Resume => resume(model, wishes),
        Action::Stop => on_focused(model, wishes, Ask::Stop),
        Action::Restart => on_focused(model, wishes, Ask::Restart),
        Action::Discard => open_discard(model),
        Action::Move(direction) => {
            if let Some(index) = layout::neighbour(&model.page(), model.focused_index(), direction) {
                focus_index(model, index);
            }
        }
        Action::Next => step(model, 1),
        Action::Previous => step(model, model.order.len().saturating_sub(1)),
        Action::Waiting => next_waiting(model),
        Action::Zoom => zoom(model),
        Action::Layout => {
            model.layout = layout::next(model.layout);
            model.unzoomed = model.layout;
            model.toast(Level::Info, &format!("layout: {}", layout::name(model.layout)));
        }
        Action::Swap => swap(model),
        Action::Scroll(halves) => {
            let page = model.page();
            let focused = model.focused_index();
            let rows =
                page.panes.iter().find(|pane| pane.index == focused).map_or(0, |pane| pane.content.height);
            scroll(model, ScrollBy::Lines(i32::from(rows.max(2) / 2) * i32::from(halves)), wishes);
        }
        Action::Bottom => scroll(model, ScrollBy::Bottom, wishes),
        Action::Mouse => toggle_mouse(model, wishes),
        Action::Redraw => wishes.push(Wish::Redraw),
        Action::Palette => model.dialog = Some(Dialog::Palette(Palette::new())),
        Action::Help => model.dialog = Some(Dialog::Help { scroll: 0 }),
        Action::Suspend => wishes.push(Wish::Suspend),
        Action::Quit => open_quit(model, wishes),
        Action::Dismiss if model.toasts.is_empty() => scroll(model, ScrollBy::Bottom, wishes),
        Action::Dismiss => model.toasts.clear(),
    }
}

/// A key that the table does not have: a digit goes to a pane, anything else is explained.
pub(super) fn on_unbound(model: &mut Model, key: &KeyEvent) {
    let KeyCode::Char(character) = key.code else { return };
    match character.to_digit(10).and_then(|digit| usize::try_from(digit).ok()) {
        Some(number @ 1..) if number <= model.order.len() => focus_index(model, number - 1),
        Some(number) => model.toast(Level::Info, &format!("there is no pane {number}")),
        None => {
            let (types, helps) = (model.keys.hint(Action::Input), model.keys.hint(Action::Help));
            let text = format!("`{character}` does nothing here; {types} types into the pane, {helps} helps");
            model.toast(Level::Info, &text);
        }
    }
}

/// Lets keys go to the agent, where there is one that can take them.
pub(super) fn enter_input(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(card) = model.focused_card() else {
        return model.toast(Level::Info, "there is no pane yet; n makes a workstream");
    };
    let name = card.name.clone();
    let why = match card.state {
        _ if model.is_read_only() => Some("this ccells only looks".to_owned()),
        CardState::Running | CardState::Unknown => None,
        CardState::Paused => Some(format!("`{name}` is paused; r lets it go on")),
        CardState::Stopped => Some(format!("`{name}` is stopped; r starts it")),
        CardState::Creating => Some(format!("`{name}` is still being made")),
        CardState::Failed => Some(format!("`{name}` failed; r tries again, d discards it")),
        CardState::Lost => Some(format!("the container of `{name}` is gone; r makes another")),
        CardState::Removing => Some(format!("`{name}` is being removed")),
    };
    if let Some(why) = why {
        model.toast(Level::Info, &why);
    } else {
        model.mode = Mode::Input;
        scroll(model, ScrollBy::Bottom, wishes);
    }
}

fn on_focused(model: &mut Model, wishes: &mut Vec<Wish>, wish: impl FnOnce(WorkstreamId) -> Ask) {
    match model.focused_card().map(|card| card.id.clone()) {
        Some(id) => {
            ask(model, wish(id), Pending::Told, wishes);
        }
        None => model.toast(Level::Info, "there is no workstream yet; n makes one"),
    }
}

fn pause(model: &mut Model, wishes: &mut Vec<Wish>) {
    if model.focused_card().is_some_and(|card| card.state == CardState::Paused) {
        on_focused(model, wishes, Ask::Resume);
    } else {
        on_focused(model, wishes, Ask::Pause);
    }
}

fn resume(model: &mut Model, wishes: &mut Vec<Wish>) {
    let has_exited =
        model.focused_card().is_some_and(|card| model.attention(card) == Some(Attention::Exited));
    if has_exited {
        on_focused(model, wishes, Ask::Restart);
    } else {
        on_focused(model, wishes, Ask::Resume);
    }
}

fn open_new(model: &mut Model) {
    if model.is_read_only() {
        return model.toast(
            Level::Info,
            "this ccells only looks; make workstreams in the one that holds the repository",
        );
    }
    model.dialog = Some(Dialog::New(NewDialog::over(model.draft.clone())));
}

fn open_discard(model: &mut Model) {
    let dialog = match model.focused_card() {
        _ if model.is_read_only() => return model.toast(Level::Info, "this ccells only looks"),
        None => return model.toast(Level::Info, "there is no workstream to discard"),
        Some(card) if card.state == CardState::Removing => {
            return model.toast(Level::Info, "it is being removed already");
        }
        Some(card) => DiscardDialog::about(card),
    };
    model.dialog = Some(Dialog::Discard(dialog));
}

/// Without workstreams there is nothing to ask about.
fn open_quit(model: &mut Model, wishes: &mut Vec<Wish>) {
    let is_harmless = model.snapshot.is_none() || model.is_read_only() || model.order.is_empty();
    if is_harmless {
        quit(model, model.on_quit, wishes);
    } else {
        model.dialog = Some(Dialog::Quit(QuitDialog::with(model.on_quit)));
    }
}

pub(super) fn focus_index(model: &mut Model, index: usize) {
    if let Some(id) = model.order.get(index) {
        model.focused = Some(id.clone());
    }
}

fn step(model: &mut Model, by: usize) {
    if !model.order.is_empty() {
        focus_index(model, (model.focused_index() + by) % model.order.len());
    }
}

/// The next one that waits, those that cannot go on first.
fn next_waiting(model: &mut Model) {
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

fn zoom(model: &mut Model) {
    if model.layout == Layout::Zoom {
        model.layout = model.unzoomed;
    } else {
        model.unzoomed = model.layout;
        model.layout = Layout::Zoom;
    }
}

/// The focused pane and the first one change places; from the first place, it goes back where it came from.
fn swap(model: &mut Model) {
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

fn toggle_mouse(model: &mut Model, wishes: &mut Vec<Wish>) {
    model.is_mouse_on = !model.is_mouse_on;
    wishes.push(Wish::SetMouse(model.is_mouse_on));
    let text = if model.is_mouse_on {
        "mouse: clicks focus, the wheel scrolls"
    } else {
        "mouse: left to your terminal, so that text can be selected; m takes it back"
    };
    model.toast(Level::Info, text);
}
