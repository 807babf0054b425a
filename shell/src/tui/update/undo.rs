//! Bringing back what was removed last.

use ccells_core::effect::{Done, Level, Refusal};
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::record::Facts;
use ccells_core::snapshot::{Card, CardState};

use super::{ask, works};
use crate::tui::model::{Model, Pending};
use crate::tui::wish::Wish;

/// What is said at the end of a making that met nothing strange.
const PLAIN_NOTE: &str = "running";

/// Has it looked what there is. What is on its way to the trash is the last one that was removed, and is not there yet.
pub(super) fn begin(model: &mut Model, wishes: &mut Vec<Wish>) {
    if model.is_read_only() {
        return model.toast(Level::Info, "this ccells only looks");
    }
    if let Some(name) = on_its_way(model) {
        return model.toast(Level::Info, &format!("{name} is being brought back already"));
    }
    let is_leaving = |card: &&Card| {
        let is_under_way = card.state == CardState::Removing && card.progress.is_some();
        is_under_way || works::is_taken_back(model, &card.id)
    };
    let leaving = model.cards().find(is_leaving).map(|card| card.name.clone());
    if let Some(name) = leaving {
        let text = format!("`{name}` is being removed just now; try again when that is done");
        return model.toast(Level::Info, &text);
    }
    model.is_undoing = true;
    wishes.push(Wish::LastRemoved);
}

/// Asks for what was removed last.
pub(super) fn on_last_removed(
    model: &mut Model,
    outcome: Result<Option<Box<Facts>>, String>,
    wishes: &mut Vec<Wish>,
) {
    model.is_undoing = false;
    match outcome {
        Err(why) => model.toast(Level::Error, &why),
        Ok(None) => {
            model.toast(Level::Info, "nothing is in the trash of this repository; nothing can come back");
        }
        Ok(Some(facts)) => {
            let (workstream, name) = (facts.id.clone(), facts.name.clone());
            let pending = Pending::Undo { workstream, name, branch: facts.branch.clone() };
            ask(model, Ask::Undo(facts), pending, wishes);
        }
    }
}

/// Tells what came of it.
pub(super) fn on_outcome(model: &mut Model, name: &str, branch: &str, outcome: Result<Done, Refusal>) {
    match outcome {
        Ok(done) if done.note.is_empty() || done.note == PLAIN_NOTE => {
            model.toast(Level::Info, &format!("`{name}` is back, on branch `{branch}`"));
        }
        Ok(done) => model.toast(Level::Warning, &format!("`{name}` is back: {}", done.note)),
        Err(refusal) => {
            model.toast(Level::Error, &format!("`{name}` does not come back: {}", refusal.text));
        }
    }
}

/// Whether this one was asked back.
pub(super) fn is_asked_back(model: &Model, id: &WorkstreamId) -> bool {
    let is_it = |pending: &Pending| matches!(pending, Pending::Undo { workstream, .. } if workstream == id);
    model.pending.values().any(is_it)
}

/// What is being brought back, or looked for.
fn on_its_way(model: &Model) -> Option<String> {
    let named = model.pending.values().find_map(|pending| match pending {
        Pending::Undo { name, .. } => Some(format!("`{name}`")),
        Pending::Silent
        | Pending::Told
        | Pending::New { .. }
        | Pending::Merge(_)
        | Pending::Rebase { .. }
        | Pending::Push { .. }
        | Pending::Discard(_) => None,
    });
    named.or_else(|| model.is_undoing.then(|| "what was removed last".to_owned()))
}
