//! What is looked at above the panes: what the containers use, and what is set.

use ccells_core::effect::Level;
use ccells_core::limits::USAGE_MS;
use ccells_core::snapshot::CardState;

use crate::tui::dialog::Dialog;
use crate::tui::dialog::resources::ResourcesDialog;
use crate::tui::dialog::settings::SettingsDialog;
use crate::tui::errands::{Settings, Subject, Usage};
use crate::tui::model::Model;
use crate::tui::preferences::Preferences;
use crate::tui::wish::Wish;

/// Opens the view of what the containers use.
pub(super) fn open_resources(model: &mut Model, wishes: &mut Vec<Wish>) {
    model.dialog = Some(Dialog::Resources(ResourcesDialog::default()));
    measure(model, wishes);
}

/// Opens the view of what is set.
pub(super) fn open_settings(model: &mut Model, wishes: &mut Vec<Wish>) {
    model.dialog = Some(Dialog::Settings(SettingsDialog::default()));
    wishes.push(Wish::Settings(None));
}

/// Takes what was measured. While it is looked at, it is measured again a while later.
pub(super) fn on_measured(model: &mut Model, usages: Vec<Usage>) {
    if let Some(Dialog::Resources(dialog)) = &mut model.dialog {
        dialog.take(usages);
        model.measure_due = Some(model.now.after(USAGE_MS));
    }
}

/// Measures again when it is time, and no more once nobody looks.
pub(super) fn measure_if_due(model: &mut Model, wishes: &mut Vec<Wish>) {
    if !matches!(model.dialog, Some(Dialog::Resources(_))) {
        model.measure_due = None;
    } else if model.measure_due.is_some_and(|due| due <= model.now) {
        measure(model, wishes);
    }
}

fn measure(model: &mut Model, wishes: &mut Vec<Wish>) {
    let is_live = |state| matches!(state, CardState::Running | CardState::Paused);
    let subjects = model.cards().map(|card| Subject {
        workstream: card.id.clone(),
        container: card.container_id.clone(),
        is_live: is_live(card.state),
        worktree: card.worktree.clone(),
    });
    wishes.push(Wish::Measure(subjects.collect()));
    model.measure_due = None;
}

/// Takes what is set, and follows what can be followed at once.
pub(super) fn on_settings(model: &mut Model, outcome: Result<Settings, String>) {
    let settings = match outcome {
        Ok(settings) => settings,
        Err(why) => {
            match &mut model.dialog {
                Some(Dialog::Settings(dialog)) => dialog.refused(&why),
                Some(_) | None => model.toast(Level::Error, &why),
            }
            return;
        }
    };
    let Settings { rows, preferences } = settings;
    let Preferences { on_quit, leader, keys, theme, is_calm, is_selecting_only, .. } = *preferences;
    (model.on_quit, model.leader, model.keys, model.theme, model.is_calm, model.is_selecting_only) =
        (on_quit, leader, keys, theme, is_calm, is_selecting_only);
    let Preferences { clipboard, agent_clipboard, is_bell_off, are_notifications_off, .. } = *preferences;
    (model.clipboard, model.agent_clipboard, model.is_bell_off, model.are_notifications_off) =
        (clipboard, agent_clipboard, is_bell_off, are_notifications_off);
    if let Some(Dialog::Settings(dialog)) = &mut model.dialog {
        dialog.take(rows);
    }
}
