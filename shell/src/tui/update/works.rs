//! What is being done to workstreams, and for how long: told when it is over, and what can be said of taking it back.

use ccells_core::effect::Level;
use ccells_core::ids::WorkstreamId;
use ccells_core::limits::WORK_TOLD_MS;
use ccells_core::snapshot::{Card, CardState, Snapshot};

use crate::tui::clip;
use crate::tui::model::{Model, Pending, Work};

/// Notes what was begun, and tells what is over.
pub(super) fn follow(model: &mut Model, snapshot: &Snapshot) {
    let is_over = |id: &WorkstreamId| snapshot.card(id).is_none_or(|card| card.progress.is_none());
    let over: Vec<WorkstreamId> = model.works.keys().filter(|id| is_over(id)).cloned().collect();
    for id in over {
        if let Some(work) = model.works.remove(&id) {
            tell(model, &work, snapshot.card(&id));
        }
    }
    for card in &snapshot.workstreams {
        let Some(progress) = card.progress else { continue };
        let is_removal = card.state == CardState::Removing;
        let is_known = |work: &Work| (work.state == CardState::Removing) == is_removal;
        // What is taken away while something else is done to it, or while it is made, is another piece of work.
        if !model.works.get(&card.id).is_some_and(is_known) {
            let (name, step, since) = (clip::safe(&card.name), progress.step, progress.since);
            model.works.insert(card.id.clone(), Work { name, step, state: card.state, since });
        }
    }
}

fn tell(model: &mut Model, work: &Work, card: Option<&Card>) {
    let took = model.now.since(work.since);
    let is_bad = card.is_some_and(|card| card.reason.is_some());
    let name = &work.name;
    let what = match (work.state, is_bad) {
        (CardState::Creating, false) if card.is_none() => format!("`{name}` was taken back"),
        (CardState::Creating, false) => format!("`{name}` is made"),
        (CardState::Creating, true) => format!("`{name}` could not be made"),
        (CardState::Removing, false) => format!("`{name}` is taken away"),
        (CardState::Removing, true) => format!("`{name}` could not be taken away"),
        (_, false) => format!("`{name}`: {} is done", work.step),
        (_, true) => format!("`{name}`: {} came to nothing", work.step),
    };
    let text = format!("{what}; it took {}", clip::short_duration(took));
    // What came to nothing is told with its reason where that is known; how long it took is for the log.
    if took >= WORK_TOLD_MS && !is_bad {
        model.toast(Level::Info, &text);
    } else {
        model.log.add(model.wall, Level::Info, &text);
    }
}

/// Why what is being done to `card` cannot be cancelled, in words; `None` when nothing is, or it can be.
pub(super) fn why_not_cancelled(model: &Model, card: &Card) -> Option<String> {
    let progress = card.progress?;
    let name = clip::safe(&card.name);
    match card.state {
        CardState::Creating if is_taken_back(model, &card.id) => {
            Some(format!("`{name}` is being taken back already; what is in flight is waited for"))
        }
        CardState::Creating => None,
        CardState::Removing => {
            Some(format!("`{name}` is being taken away, which cannot be taken back half way"))
        }
        CardState::Failed
        | CardState::Running
        | CardState::Paused
        | CardState::Stopped
        | CardState::Lost
        | CardState::Unknown => Some(format!(
            "`{name}`: {} is on its way and cannot be called back; undo it when it is done",
            progress.step
        )),
    }
}

/// Whether the user has taken back the making of this one.
pub(crate) fn is_taken_back(model: &Model, id: &WorkstreamId) -> bool {
    model.pending.values().any(|pending| matches!(pending, Pending::Discard(it) if it == id))
}
