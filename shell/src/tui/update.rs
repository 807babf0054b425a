//! What each message makes of the model, and what the model then wishes for. Pure: no clock, no I/O.

mod actions;
mod alone;
mod arranging;
mod copy;
mod dialogs;
mod diff;
mod looking;
mod mouse;
mod moving;
mod outward;
mod paste;
mod picture;
mod push;
mod rebase;
mod typing;
mod undo;
mod works;

use ccells_core::effect::{Done, Level, Refusal, aside};
use ccells_core::event::{Ask, OnQuit};
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::{VIEW_SAVE_MS, WINDOW_RESIZE_MS};
use ccells_core::time::Mono;
use crossterm::event::{KeyEvent, KeyEventKind};

pub(super) use works::is_taken_back;

use super::Interrupt;
use super::action::Context;
use super::dialog::Dialog;
use super::dialog::discard::Stage;
use super::model::{Mode, Model, Pending};
use super::msg::Msg;
use super::wish::{Ticket, Wish};

/// Takes one message.
pub(crate) fn update(model: &mut Model, msg: Msg, now: Mono) -> Vec<Wish> {
    model.now = now;
    let mut wishes = Vec::new();
    take(model, msg, &mut wishes);
    settle(model, &mut wishes);
    wishes
}

fn take(model: &mut Model, msg: Msg, wishes: &mut Vec<Wish>) {
    let now = model.now;
    let Some(msg) = copy::hold(model, msg) else { return };
    match msg {
        Msg::Key(key) if key.kind == KeyEventKind::Release || typing::is_lone(&key) => {
            typing::on_lone(model, &key, wishes);
        }
        Msg::Key(key) => on_key(model, &key, wishes),
        Msg::Paste(text) => paste::on_paste(model, text, wishes),
        Msg::Mouse(event) => mouse::on_mouse(model, event, wishes),
        Msg::PaneMouse(id, event) => copy::on_pane_mouse(model, id, event, wishes),
        Msg::Transcript { ticket, transcript } => copy::on_transcript(model, ticket, transcript, wishes),
        Msg::Found { ticket, found } => copy::on_found(model, ticket, found, wishes),
        Msg::Selected(text) => copy::on_selected(model, text, wishes),
        Msg::Outward(id, what) => outward::on_outward(model, &id, what, wishes),
        Msg::Pasting(id, progress) => {
            diff::on_taken(model, &id);
            if progress.is_none() {
                rebase::on_taken(model, &id);
            }
            paste::on_progress(model, id, progress);
        }
        Msg::Exported(outcome) => dialogs::on_exported(model, outcome),
        Msg::Resized(columns, rows) => {
            model.size = (columns, rows);
            model.sizes_due = Some(now.after(WINDOW_RESIZE_MS));
        }
        Msg::WindowFocus(has_focus) => model.has_window_focus = has_focus,
        Msg::Snapshot(snapshot) => picture::on_snapshot(model, snapshot),
        Msg::Notice(notice) => model.toast(notice.level, &notice.text),
        Msg::Begun { ticket, workstream } => {
            if let Some(Pending::New { workstream: id, .. }) = model.pending.get_mut(&ticket) {
                *id = Some(workstream);
            }
        }
        Msg::Replied { ticket, outcome } => on_reply(model, ticket, outcome, wishes),
        Msg::InputRefused(id) => on_input_refused(model, &id),
        Msg::Compared(id, outcome) => diff::on_compared(model, &id, outcome),
        Msg::PullRequest(id, outcome) => push::on_pull_request(model, &id, outcome),
        Msg::Measured(usages) => looking::on_measured(model, usages),
        Msg::Settings(outcome) => looking::on_settings(model, outcome),
        Msg::LastRemoved(outcome) => undo::on_last_removed(model, outcome, wishes),
        Msg::Interrupt(interrupt) => on_interrupt(model, interrupt, wishes),
        Msg::Tick => copy::on_time(model),
    }
}

fn on_input_refused(model: &mut Model, id: &WorkstreamId) {
    if diff::on_refused(model, id) || rebase::is_refused(model, id) {
        return;
    }
    let name = model.card(id).map_or_else(|| "the agent".to_owned(), |card| format!("`{}`", card.name));
    model.toast(Level::Warning, &format!("{name} takes no input just now; what you typed was dropped"));
}

/// Asks the machine for something.
pub(super) fn ask(model: &mut Model, ask: Ask, pending: Pending, wishes: &mut Vec<Wish>) -> Ticket {
    let ticket = expect_answer(model, pending);
    wishes.push(Wish::Ask(ticket, ask));
    ticket
}

fn expect_answer(model: &mut Model, pending: Pending) -> Ticket {
    model.next_ticket += 1;
    let ticket = Ticket(model.next_ticket);
    model.pending.insert(ticket, pending);
    ticket
}

fn on_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    if key.kind == KeyEventKind::Repeat && model.leader.is(key) {
        // It is pressed twice when it is let go in between.
        return;
    }
    typing::keep(model, key);
    if model.is_shutting_down() {
        dialogs::on_shutdown_key(model, key, wishes);
    } else if model.dialog.is_some() {
        dialogs::on_key(model, key, wishes);
    } else if model.is_looking() {
        copy::on_key(model, key, wishes);
    } else if !paste::cancels(model, key, wishes) {
        // What is only looked at, with the wheel or the mouse, goes when the keys are wanted for something else.
        copy::leave(model);
        match model.mode {
            Mode::Input => on_input_key(model, key, wishes),
            Mode::Navigate if model.leader.is(key) => send_leader(model, wishes),
            Mode::Navigate => match model.keys.look_up(Context::Panes, key) {
                Some(action) => actions::on_action(model, action, wishes),
                None => actions::on_unbound(model, key),
            },
        }
    }
}

fn on_input_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    if alone::takes(model, key, wishes) {
        return;
    }
    if model.leader.is(key) {
        model.mode = Mode::Navigate;
    } else if let Some(id) = model.focused.clone() {
        typing::give(model, key);
        wishes.push(Wish::Type(id, *key));
    }
}

/// The leader's second press: the agent gets it after all, and the keys go on to the agent.
fn send_leader(model: &mut Model, wishes: &mut Vec<Wish>) {
    actions::enter_input(model);
    if let (Mode::Input, Some(id)) = (model.mode, model.focused.clone()) {
        typing::give(model, &model.leader.key());
        wishes.push(Wish::Type(id, model.leader.key()));
    }
}

fn on_reply(model: &mut Model, ticket: Ticket, outcome: Result<Done, Refusal>, wishes: &mut Vec<Wish>) {
    match (model.pending.remove(&ticket), outcome) {
        (None | Some(Pending::Silent), _) => {}
        (Some(Pending::Told), Ok(done)) if done.note.is_empty() => {}
        (Some(Pending::Told), Ok(done)) => model.toast(Level::Info, &done.note),
        (Some(Pending::Told), Err(refusal)) => model.toast(Level::Error, &refusal.text),
        (Some(Pending::New { draft, .. }), Ok(done)) => {
            dialogs::new_made(model, ticket, &draft);
            if let Some(aside) = aside(&done.note) {
                model.toast(Level::Info, aside);
            }
        }
        (Some(Pending::New { draft, workstream }), Err(refusal)) => {
            dialogs::new_refused(model, ticket, *draft, workstream, &refusal.text);
        }
        (Some(Pending::Push { workstream, directory, follows }), outcome) => {
            push::on_outcome(model, (workstream, directory, follows), outcome, wishes);
        }
        (Some(Pending::Merge(workstream)), outcome) => rebase::on_merge_reply(model, &workstream, outcome),
        (Some(Pending::Rebase { workstream, hands_over }), outcome) => {
            rebase::on_reply(model, &workstream, hands_over, outcome, wishes);
        }
        (Some(Pending::Undo { name, branch, .. }), outcome) => {
            undo::on_outcome(model, &name, &branch, outcome);
        }
        (Some(Pending::Discard(_)), Ok(_)) => {
            if is_trying(model, ticket) {
                model.dialog = None;
            }
        }
        (Some(Pending::Discard(_)), Err(refusal)) => match &mut model.dialog {
            Some(Dialog::Discard(dialog)) if dialog.stage == Stage::Trying(ticket) => dialog.refused(refusal),
            Some(_) | None => model.toast(Level::Error, &refusal.text),
        },
    }
}

fn is_trying(model: &Model, ticket: Ticket) -> bool {
    matches!(&model.dialog, Some(Dialog::Discard(dialog)) if dialog.stage == Stage::Trying(ticket))
}

fn on_interrupt(model: &mut Model, interrupt: Interrupt, wishes: &mut Vec<Wish>) {
    match interrupt {
        Interrupt::Terminate if model.is_alone => wishes.push(Wish::Leave),
        Interrupt::Terminate => quit(model, model.on_quit, wishes),
        Interrupt::Hangup => wishes.push(Wish::GiveUp),
        Interrupt::Suspend => wishes.push(Wish::Suspend),
        Interrupt::Continue => wishes.push(Wish::Resume),
    }
}

/// Asks for the end, the second time for the end at once.
pub(super) fn quit(model: &mut Model, policy: OnQuit, wishes: &mut Vec<Wish>) {
    let wish =
        if std::mem::replace(&mut model.is_quitting, true) { Ask::QuitNow } else { Ask::Quit { policy } };
    model.mode = Mode::Navigate;
    model.dialog = None;
    ask(model, wish, Pending::Told, wishes);
}

/// What follows from the new state, whatever brought it about: toasts go, panes learn their size and their focus, the
/// view is saved.
fn settle(model: &mut Model, wishes: &mut Vec<Wish>) {
    let now = model.now;
    alone::follow(model);
    copy::follow(model, wishes);
    outward::ask_when_free(model);
    paste::follow(model);
    rebase::follow(model, wishes);
    moving::keep_focus_shown(model);
    looking::measure_if_due(model, wishes);
    diff::fit(model);
    model.toasts.retain(|toast| toast.until.is_none_or(|until| now < until));
    if model.sizes_due.is_none_or(|due| due <= now) {
        model.sizes_due = None;
        tell_sizes(model, wishes);
    }
    tell_focus(model, wishes);
    save_view(model, wishes);
}

fn tell_sizes(model: &mut Model, wishes: &mut Vec<Wish>) {
    for pane in model.page().panes {
        let size = (pane.content.width, pane.content.height);
        let Some(id) = model.order.get(pane.index).filter(|_| size.0 > 0 && size.1 > 0) else { continue };
        if model.told_sizes.get(id) != Some(&size) {
            model.told_sizes.insert(id.clone(), size);
            wishes.push(Wish::Resize(id.clone(), size.0, size.1));
        }
    }
}

fn tell_focus(model: &mut Model, wishes: &mut Vec<Wish>) {
    let focus = model.focused.clone().filter(|_| model.has_window_focus);
    if focus != model.told_focus {
        let before = std::mem::replace(&mut model.told_focus, focus.clone());
        wishes.extend(before.map(|id| Wish::Focus(id, false)));
        wishes.extend(focus.map(|id| Wish::Focus(id, true)));
    }
    picture::see_focused(model);
}

fn save_view(model: &mut Model, wishes: &mut Vec<Wish>) {
    if model.snapshot.is_none() || model.is_read_only() || model.is_quitting || model.is_alone {
        return;
    }
    let view = model.view_record();
    if view == model.told_view {
        model.view_due = None;
    } else if model.view_due.is_some_and(|due| due <= model.now) {
        model.view_due = None;
        model.told_view = view.clone();
        ask(model, Ask::View(view), Pending::Silent, wishes);
    } else if model.view_due.is_none() {
        model.view_due = Some(model.now.after(VIEW_SAVE_MS));
    }
}
