//! What the keys do while a dialog has them.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "keys are the terminal library's; those we do not bind do nothing"
)]

use ccells_core::effect::Level;
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::{MergeHow, MergeWish};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{actions, ask, copy, diff, expect_answer, moving, push, quit, rebase};
use crate::tui::action::{Action, Context};
use crate::tui::dialog::clipboard::ClipboardDialog;
use crate::tui::dialog::diff::DiffKey;
use crate::tui::dialog::discard::{self, Stage};
use crate::tui::dialog::log::LogKey;
use crate::tui::dialog::new::{self, Draft};
use crate::tui::dialog::resources::UsageKey;
use crate::tui::dialog::settings::SettingsKey;
use crate::tui::dialog::{
    Dialog, clipboard, export, merge, palette, quit as quit_dialog, recovery, settings,
};
use crate::tui::model::{Model, Pending};
use crate::tui::wish::{Ticket, Wish};

/// Gives a key to the open dialog.
pub(super) fn on_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    match &mut model.dialog {
        None => {}
        Some(Dialog::New(dialog)) => match dialog.key(key) {
            new::Outcome::Stay => {}
            new::Outcome::Close => {
                model.draft = dialog.draft.clone();
                model.dialog = None;
            }
            new::Outcome::Submit => submit_new(model, wishes),
        },
        Some(Dialog::Discard(dialog)) => match dialog.key(key) {
            discard::Outcome::Stay => {}
            discard::Outcome::Close => close_discard(model),
            discard::Outcome::Send(wish) => send_discard(model, wish, wishes),
        },
        Some(Dialog::Merge(dialog)) => match dialog.key(key) {
            merge::Outcome::Stay => {}
            merge::Outcome::Close => model.dialog = None,
            merge::Outcome::Merge(how) => {
                let workstream = dialog.workstream.clone();
                send_merge(model, workstream, how, wishes);
            }
        },
        Some(Dialog::Push(_)) => push::on_key(model, key, wishes),
        Some(Dialog::Rebase(_)) => rebase::on_key(model, key, wishes),
        Some(Dialog::Quit(dialog)) => match dialog.key(key) {
            quit_dialog::Outcome::Stay => {}
            quit_dialog::Outcome::Close => model.dialog = None,
            quit_dialog::Outcome::Quit(policy) => quit(model, policy, wishes),
        },
        Some(Dialog::Recovery(dialog)) => match dialog.key(key) {
            recovery::Outcome::Stay => {}
            recovery::Outcome::Close => close_recovery(model),
            recovery::Outcome::Apply => apply_recovery(model, wishes),
        },
        Some(Dialog::Palette(dialog)) => match dialog.key(key) {
            palette::Outcome::Stay => {}
            palette::Outcome::Close => model.dialog = None,
            palette::Outcome::Do(action) => {
                model.dialog = None;
                actions::on_action(model, action, wishes);
            }
        },
        Some(Dialog::Filter(dialog)) => {
            let outcome = dialog.key(key);
            let (filter, before) = (dialog.filter(), dialog.before.clone());
            moving::on_filter(model, outcome, filter, before);
        }
        Some(Dialog::Settings(dialog)) if dialog.typed.is_some() => {
            let outcome = dialog.edit(key);
            on_settings_outcome(model, outcome, wishes);
        }
        Some(Dialog::Diff(dialog)) if dialog.typed.is_some() => diff::edit(model, key, wishes),
        Some(Dialog::Diff(_) | Dialog::Log(_) | Dialog::Resources(_) | Dialog::Settings(_)) => {
            on_view_key(model, key, wishes);
        }
        Some(Dialog::Clipboard(_)) => on_clipboard_key(model, key, wishes),
        Some(Dialog::Export(_)) => on_export_key(model, key, wishes),
        Some(Dialog::Help { scroll }) => match key.code {
            KeyCode::Down | KeyCode::Char('j') => *scroll = scroll.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => *scroll = scroll.saturating_sub(1),
            KeyCode::PageDown => *scroll = scroll.saturating_add(10),
            KeyCode::PageUp => *scroll = scroll.saturating_sub(10),
            _ => model.dialog = None,
        },
    }
}

fn send_merge(model: &mut Model, workstream: WorkstreamId, how: MergeHow, wishes: &mut Vec<Wish>) {
    model.dialog = None;
    let wish = Box::new(MergeWish { how, ..MergeWish::default() });
    let pending = Pending::Merge(workstream.clone());
    ask(model, Ask::Merge { workstream, wish }, pending, wishes);
}

/// A key in one of the views whose keys can be bound. The key that opened it closes it, too.
fn on_view_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let (context, opens) = match &model.dialog {
        Some(Dialog::Diff(_)) => (Context::Diff, Action::Diff),
        Some(Dialog::Log(_)) => (Context::Log, Action::Log),
        Some(Dialog::Resources(_)) => (Context::Usage, Action::Resources),
        _ => (Context::Settings, Action::Settings),
    };
    match model.keys.look_up(context, key) {
        Some(action) => on_view_action(model, action, wishes),
        None if model.keys.look_up(Context::Panes, key) == Some(opens) => model.dialog = None,
        None => {}
    }
}

fn on_view_action(model: &mut Model, action: Action, wishes: &mut Vec<Wish>) {
    match (&mut model.dialog, action) {
        (Some(Dialog::Diff(_)), Action::InDiff(act)) => diff::act(model, act, wishes),
        (Some(Dialog::Log(dialog)), Action::InLog(act)) => {
            let stays = dialog.act(act);
            close_unless(model, stays);
        }
        (Some(Dialog::Resources(dialog)), Action::InUsage(act)) => {
            let stays = dialog.act(act);
            close_unless(model, stays);
        }
        (Some(Dialog::Settings(dialog)), Action::InSettings(act)) => {
            let outcome = dialog.act(act);
            on_settings_outcome(model, outcome, wishes);
        }
        _ => {}
    }
}

fn close_unless(model: &mut Model, stays: bool) {
    if !stays {
        model.dialog = None;
    }
}

fn on_settings_outcome(model: &mut Model, outcome: settings::Outcome, wishes: &mut Vec<Wish>) {
    match outcome {
        settings::Outcome::Stay => {}
        settings::Outcome::Close => model.dialog = None,
        settings::Outcome::Change(change) => wishes.push(Wish::Settings(Some(change))),
    }
}

/// The wheel moves what can be scrolled, whatever the keys are.
pub(super) fn on_wheel(model: &mut Model, is_up: bool, wishes: &mut Vec<Wish>) {
    let action = match &mut model.dialog {
        Some(Dialog::Diff(dialog)) if dialog.typed.is_none() => {
            Action::InDiff(if is_up { DiffKey::Up } else { DiffKey::Down })
        }
        Some(Dialog::Log(_)) => Action::InLog(if is_up { LogKey::Back } else { LogKey::On }),
        Some(Dialog::Resources(_)) => Action::InUsage(if is_up { UsageKey::Up } else { UsageKey::Down }),
        Some(Dialog::Settings(dialog)) if dialog.typed.is_none() => {
            Action::InSettings(if is_up { SettingsKey::Up } else { SettingsKey::Down })
        }
        Some(Dialog::Help { scroll }) => {
            *scroll = if is_up { scroll.saturating_sub(1) } else { scroll.saturating_add(1) };
            return;
        }
        _ => return,
    };
    on_view_action(model, action, wishes);
}

/// Whether an agent may copy what it wants to.
fn on_clipboard_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let outcome = ClipboardDialog::key(key);
    if outcome == clipboard::Outcome::Stay {
        return;
    }
    if let (Some(Dialog::Clipboard(dialog)), clipboard::Outcome::Allow) = (model.dialog.take(), outcome) {
        copy::copy(model, dialog.text, wishes);
    }
}

/// Where a pane's text is written.
fn on_export_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Export(dialog)) = &mut model.dialog else { return };
    match dialog.key(key) {
        export::Outcome::Stay => {}
        export::Outcome::Close => model.dialog = None,
        export::Outcome::Write => {
            let path = dialog.path.text().trim().to_owned();
            wishes.push(Wish::Export(dialog.workstream.clone(), path));
        }
    }
}

/// While the run ends, only the end at once can be asked for.
pub(super) fn on_shutdown_key(model: &mut Model, key: &KeyEvent, wishes: &mut Vec<Wish>) {
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    if is_ctrl_c {
        model.is_quitting = true;
        quit(model, model.on_quit, wishes);
    } else if key.code == KeyCode::Esc {
        let text =
            "the end cannot be taken back; what is paused goes on at the next start. Ctrl+C ends at once";
        model.toast(Level::Info, text);
    }
}

fn submit_new(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(Dialog::New(dialog)) = &mut model.dialog else { return };
    let draft = dialog.draft.clone();
    dialog.error = None;
    let pending = Pending::New { draft: Box::new(draft.clone()), workstream: None };
    let ticket = expect_answer(model, pending);
    if let Some(Dialog::New(dialog)) = &mut model.dialog {
        dialog.sent = Some(ticket);
    }
    wishes.push(Wish::Create(ticket, draft.wanted()));
}

/// The new workstream is there: its dialog has done its work.
pub(super) fn close_new(model: &mut Model, ticket: Ticket) {
    if matches!(&model.dialog, Some(Dialog::New(dialog)) if dialog.sent == Some(ticket)) {
        model.dialog = None;
        model.draft = Draft::default();
    }
}

/// A new workstream is finished: a draft that was kept because its dialog was closed has served.
pub(super) fn new_made(model: &mut Model, ticket: Ticket, draft: &Draft) {
    close_new(model, ticket);
    if model.draft == *draft {
        model.draft = Draft::default();
    }
}

/// A new workstream was refused. Its draft is never lost: it is still in the dialog, or there when it opens again.
pub(super) fn new_refused(
    model: &mut Model,
    ticket: Ticket,
    draft: Draft,
    workstream: Option<WorkstreamId>,
    text: &str,
) {
    match &mut model.dialog {
        Some(Dialog::New(dialog)) if dialog.sent == Some(ticket) => {
            dialog.refused(text);
        }
        Some(_) | None => {
            let stays = workstream.is_some_and(|id| model.card(&id).is_some());
            if !stays && model.draft == Draft::default() {
                model.draft = draft;
            }
            model.toast(Level::Error, text);
        }
    }
}

fn send_discard(model: &mut Model, wish: Ask, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Discard(dialog)) = &model.dialog else { return };
    let pending = Pending::Discard(dialog.workstream.clone());
    let ticket = ask(model, wish, pending, wishes);
    if let Some(Dialog::Discard(dialog)) = &mut model.dialog {
        dialog.stage = Stage::Trying(ticket);
    }
}

/// What was asked for goes on without its dialog.
fn close_discard(model: &mut Model) {
    if let Some(Dialog::Discard(dialog)) = model.dialog.take()
        && let Stage::Trying(_) = dialog.stage
    {
        let text = format!("`{}`: what was asked for goes on; you are told what comes of it", dialog.name);
        model.toast(Level::Info, &text);
    }
}

/// What became of an export. Whoever closed the dialog meanwhile is told as well.
pub(super) fn on_exported(model: &mut Model, outcome: Result<String, String>) {
    match (outcome, &mut model.dialog) {
        (Ok(path), dialog) => {
            if matches!(dialog, Some(Dialog::Export(dialog)) if dialog.is_writing) {
                model.dialog = None;
            }
            model.toast(Level::Info, &format!("written to {path}"));
        }
        (Err(error), Some(Dialog::Export(dialog))) if dialog.is_writing => {
            dialog.is_writing = false;
            dialog.error = Some(error);
        }
        (Err(error), _) => model.toast(Level::Error, &error),
    }
}

fn close_recovery(model: &mut Model) {
    if let Some(Dialog::Recovery(dialog)) = model.dialog.take() {
        model.dismissed.extend(dialog.rows.into_iter().map(|row| row.workstream));
    }
}

fn apply_recovery(model: &mut Model, wishes: &mut Vec<Wish>) {
    let Some(Dialog::Recovery(dialog)) = &model.dialog else { return };
    let is_busy = |id: &WorkstreamId| model.card(id).is_none_or(|card| card.progress.is_some());
    let asks = dialog.asks(is_busy);
    close_recovery(model);
    for wish in asks {
        ask(model, wish, Pending::Told, wishes);
    }
}
