//! What the keys do while they steer ccells.

use ccells_core::effect::Level;
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::snapshot::CardState;
use crossterm::event::{KeyCode, KeyEvent};

use super::{arranging, ask, copy, diff, looking, moving, paste, push, quit, rebase, undo};
use crate::tui::action::Action;
use crate::tui::copy::Intent;
use crate::tui::dialog::Dialog;
use crate::tui::dialog::discard::DiscardDialog;
use crate::tui::dialog::export::ExportDialog;
use crate::tui::dialog::filter::FilterDialog;
use crate::tui::dialog::log::LogDialog;
use crate::tui::dialog::merge::MergeDialog;
use crate::tui::dialog::new::{Draft, NewDialog};
use crate::tui::dialog::palette::Palette;
use crate::tui::dialog::quit::QuitDialog;
use crate::tui::filter::Filter;
use crate::tui::layout::{self, Direction};
use crate::tui::model::{Attention, Mode, Model, Pending};
use crate::tui::wish::Wish;

/// How many rows of the list half a page is.
const LIST_STEP: isize = 5;

/// Does what a key is bound to.
pub(super) fn on_action(model: &mut Model, action: Action, wishes: &mut Vec<Wish>) {
    match action {
        Action::Input => enter_input(model),
        Action::New => open_new(model, None),
        Action::Fork => open_fork(model),
        Action::Pause => pause(model, wishes),
        Action::Resume => resume(model, wishes),
        Action::Stop => on_focused(model, wishes, Ask::Stop),
        Action::Restart => on_focused(model, wishes, Ask::Restart),
        Action::Merge => open_merge(model),
        Action::Push => push::open(model, wishes),
        Action::Rebase => rebase::open(model),
        Action::Discard => open_discard(model),
        Action::Undo => undo::begin(model, wishes),
        Action::Move(Direction::Up) if model.is_list => moving::step(model, -1),
        Action::Move(Direction::Down) if model.is_list => moving::step(model, 1),
        Action::Move(direction) => {
            if let Some(index) = layout::neighbour(&model.page(), model.focused_index(), direction) {
                moving::focus_index(model, index);
            }
        }
        Action::Pane(number) => go_to_pane(model, usize::from(number)),
        Action::Next => moving::step(model, 1),
        Action::Previous => moving::step(model, -1),
        Action::Waiting => moving::next_waiting(model),
        Action::NextPage => moving::turn_page(model, 1),
        Action::PreviousPage => moving::turn_page(model, -1),
        Action::Zoom => arranging::zoom(model),
        Action::Layout => arranging::next_layout(model),
        Action::Swap => arranging::swap(model),
        Action::MoveBack => arranging::shift(model, -1),
        Action::MoveOn => arranging::shift(model, 1),
        Action::Resize(axis, by) => arranging::resize(model, axis, by),
        Action::Even => arranging::even(model),
        Action::List => model.is_list = !model.is_list,
        Action::Sort => {
            model.sort = model.sort.next();
            model.is_list = true;
            model.toast(Level::Info, &format!("list: {}", model.sort.name()));
        }
        Action::Filter => model.dialog = Some(Dialog::Filter(FilterDialog::over(model))),
        Action::Log => model.dialog = Some(Dialog::Log(LogDialog::default())),
        Action::Diff => diff::open(model, wishes),
        Action::Resources => looking::open_resources(model, wishes),
        Action::Settings => looking::open_settings(model, wishes),
        Action::Scroll(halves) if model.is_list => moving::step(model, isize::from(-halves) * LIST_STEP),
        Action::Scroll(halves) => copy::scroll(model, halves, wishes),
        Action::Bottom => copy::leave(model),
        Action::Copy => copy::look_back(model, Intent::Look, wishes),
        Action::Search => copy::look_back(model, Intent::Search, wishes),
        Action::Export => open_export(model),
        Action::PasteImage => paste::paste_image(model, wishes),
        Action::Mouse => toggle_mouse(model, wishes),
        Action::Redraw => wishes.push(Wish::Redraw),
        Action::Palette => model.dialog = Some(Dialog::Palette(Palette::new())),
        Action::Help => model.dialog = Some(Dialog::Help { scroll: 0 }),
        Action::Suspend => wishes.push(Wish::Suspend),
        Action::Quit => open_quit(model, wishes),
        Action::Dismiss => dismiss(model),
        // They are looked up where they do something.
        Action::Look(_)
        | Action::InDiff(_)
        | Action::InLog(_)
        | Action::InUsage(_)
        | Action::InSettings(_)
        | Action::Alone(_) => {}
    }
}

/// The topmost thing that can go goes: what is told, the filter, the list, what is being made. What cannot be cancelled
/// says so.
fn dismiss(model: &mut Model) {
    if !model.toasts.is_empty() {
        model.toasts.clear();
    } else if !model.filter.is_off() {
        model.filter = Filter::default();
    } else if model.is_list {
        model.is_list = false;
    } else if model.looking.is_some() || model.fetch.is_some() {
        copy::leave(model);
    } else if let Some(why) =
        model.focused_card().and_then(|card| super::works::why_not_cancelled(model, card))
    {
        model.toast(Level::Info, &why);
    } else if model.focused_card().is_some_and(|card| card.state == CardState::Creating) {
        open_discard(model);
    }
}

fn go_to_pane(model: &mut Model, number: usize) {
    if number <= model.order.len() {
        moving::focus_index(model, number - 1);
    } else {
        model.toast(Level::Info, &format!("there is no pane {number}"));
    }
}

/// A key that the table does not have is explained.
pub(super) fn on_unbound(model: &mut Model, key: &KeyEvent) {
    let KeyCode::Char(character) = key.code else { return };
    let (types, helps) = (model.keys.hint(Action::Input), model.keys.hint(Action::Help));
    let text = format!("`{character}` does nothing here; {types} types into the pane, {helps} helps");
    model.toast(Level::Info, &text);
}

/// Lets keys go to the agent, where there is one that can take them.
pub(super) fn enter_input(model: &mut Model) {
    if std::mem::take(&mut model.is_list) {
        // From the list its pane is gone to first: nobody types into what is not seen.
        return;
    }
    if model.focused.is_some() && !model.shown().contains(&model.focused_index()) {
        return model.toast(Level::Info, "nothing that is shown could be typed into; Esc ends the filter");
    }
    let Some(card) = model.focused_card() else {
        let new = model.keys.hint(Action::New);
        return model.toast(Level::Info, &format!("there is no pane yet; {new} makes a workstream"));
    };
    let name = card.name.clone();
    let key = |action| model.keys.hint(action);
    let resumes = key(Action::Resume);
    let why = match card.state {
        _ if model.is_read_only() => Some("this ccells only looks".to_owned()),
        CardState::Running | CardState::Unknown => None,
        CardState::Paused => Some(format!("`{name}` is paused; {resumes} lets it go on")),
        CardState::Stopped => Some(format!("`{name}` is stopped; {resumes} starts it")),
        CardState::Creating => Some(format!("`{name}` is still being made")),
        CardState::Failed => {
            Some(format!("`{name}` failed; {resumes} tries again, {} discards it", key(Action::Discard)))
        }
        CardState::Lost => Some(format!("the container of `{name}` is gone; {resumes} makes another")),
        CardState::Removing => Some(format!("`{name}` is being removed")),
    };
    if let Some(why) = why {
        model.toast(Level::Info, &why);
    } else {
        model.mode = Mode::Input;
        copy::leave(model);
    }
}

fn on_focused(model: &mut Model, wishes: &mut Vec<Wish>, wish: impl FnOnce(WorkstreamId) -> Ask) {
    if let Some(id) = model.focused_card().map(|card| card.id.clone()) {
        ask(model, wish(id), Pending::Told, wishes);
    } else {
        let new = model.keys.hint(Action::New);
        model.toast(Level::Info, &format!("there is no workstream yet; {new} makes one"));
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

fn open_fork(model: &mut Model) {
    match model.focused_card().map(|card| (card.id.clone(), card.name.clone())) {
        Some(from) => open_new(model, Some(from)),
        None => model.toast(Level::Info, "there is no workstream to go on from"),
    }
}

fn open_new(model: &mut Model, from: Option<(WorkstreamId, String)>) {
    if model.is_read_only() {
        return model.toast(
            Level::Info,
            "this ccells only looks; make workstreams in the one that holds the repository",
        );
    }
    let draft = Draft { from, ..model.draft.clone() };
    model.dialog = Some(Dialog::New(NewDialog::over(draft)));
}

fn open_export(model: &mut Model) {
    model.dialog = match model.focused_card() {
        Some(card) => Some(Dialog::Export(ExportDialog::of(card.id.clone(), &card.name))),
        None => return model.toast(Level::Info, "there is no pane whose text could be written"),
    };
}

fn open_merge(model: &mut Model) {
    let dialog = match model.focused_card() {
        _ if model.is_read_only() => return model.toast(Level::Info, "this ccells only looks"),
        None => return model.toast(Level::Info, "there is no workstream to merge"),
        Some(card) => MergeDialog::about(card),
    };
    model.dialog = Some(Dialog::Merge(dialog));
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

fn toggle_mouse(model: &mut Model, wishes: &mut Vec<Wish>) {
    model.is_mouse_on = !model.is_mouse_on;
    wishes.push(Wish::SetMouse(model.is_mouse_on));
    let text = if model.is_mouse_on {
        "mouse: clicks focus, the wheel scrolls"
    } else {
        &format!(
            "mouse: left to your terminal, so that text can be selected; {} takes it back",
            model.keys.hint(Action::Mouse)
        )
    };
    model.toast(Level::Info, text);
}
