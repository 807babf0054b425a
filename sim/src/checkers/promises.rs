//! P1, R2, R6: what is acknowledged is so, at the moment of the answer: a new workstream is written down everywhere, a
//! paused one was paused and stays so also after a power cut, a removed one is gone.

use ccells_core::container::ContainerState;
use ccells_core::effect::{Done, Effect, Refusal};
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::EngineError;
use ccells_core::record::{self, StateRecord};

use super::known::contains;
use super::{merges, pushes, rebases};
use crate::ports::engine::{EngineOk, EngineOp};
use crate::ports::git::Made;
use crate::world::World;

/// Takes an answer into account.
pub fn replied(world: &mut World, process: usize, ask: &Ask, outcome: &Result<Done, Refusal>) {
    match (ask, outcome) {
        (Ask::New(wanted), Ok(_)) => made(world, process, &wanted.id),
        (Ask::Undo(facts), Ok(_)) => {
            made(world, process, &facts.id);
            brought_back(world, process, &facts.id);
        }
        (Ask::Remove { workstream, .. }, Err(refusal)) => {
            if refusal.work.is_some()
                && let Some(promise) = world.oracle.promises.get_mut(workstream)
            {
                world.seen.insert("refused to lose work");
                promise.may_go = promise.is_away;
            }
        }
        (Ask::Remove { workstream, .. } | Ask::Resume(workstream) | Ask::Cancel(workstream), Ok(done))
            if done.note.starts_with("removed") =>
        {
            if done.note != "removed" {
                world.saw("settling removal");
            }
            removed(world, process, workstream);
        }
        (Ask::Cancel(_), Ok(_) | Err(_)) => world.saw("cancelled creation"),
        (Ask::Pause(workstream), Ok(_)) => {
            was(world, process, workstream, ContainerState::Paused);
            written(world, process, workstream, "paused by the user", |was_by_quit, _| !was_by_quit);
            // Somebody else may have let it go on in the meantime: an answer is as old as what was seen.
            let is_frozen = world.engine.of(workstream).is_some_and(|it| it.state == ContainerState::Paused);
            if let Some(promise) = world.oracle.promises.get_mut(workstream) {
                promise.is_to_rest = is_frozen;
            }
        }
        (Ask::Merge { workstream, .. }, Ok(done)) => merges::merged(world, process, workstream, &done.note),
        (Ask::Merge { .. }, Err(_)) => world.saw("refused merge"),
        (Ask::Push { workstream, .. }, Ok(done)) => pushes::pushed(world, process, workstream, &done.note),
        (Ask::Push { .. }, Err(_)) => world.saw("refused push"),
        (Ask::Rebase { workstream, .. }, Ok(done)) => {
            rebases::rebased(world, process, workstream, &done.note);
        }
        (Ask::Rebase { .. }, Err(_)) => world.saw("refused rebase"),
        (Ask::Stop(workstream), Ok(_)) => {
            written(world, process, workstream, "stopped", |_, was_by_user| was_by_user);
        }
        (Ask::Resume(workstream), Ok(done)) => {
            was(world, process, workstream, ContainerState::Running);
            if done.note == "running" {
                written(world, process, workstream, "resumed", |was_by_quit, was_by_user| {
                    !was_by_quit && !was_by_user
                });
            }
        }
        (
            Ask::New(_)
            | Ask::Undo(_)
            | Ask::Remove { .. }
            | Ask::Pause(_)
            | Ask::Resume(_)
            | Ask::Stop(_)
            | Ask::Restart(_)
            | Ask::Reconcile
            | Ask::View(_)
            | Ask::Quit { .. }
            | Ask::QuitNow,
            Ok(_) | Err(_),
        ) => {}
    }
}

fn made(world: &mut World, process: usize, id: &WorkstreamId) {
    if let Some(promise) = world.oracle.promises.get_mut(id) {
        promise.is_acknowledged = true;
    }
    let run = &world.processes[process];
    let knows = |path| world.disk.look(&path, true, |bytes| contains(bytes, id.as_str())).unwrap_or(false);
    let missing = match (knows(run.places.index()), knows(run.state())) {
        (true, true) => return,
        (false, _) => "index",
        (true, false) => "state",
    };
    if !run.is_damaged(&world.oracle) {
        world.fail("R6", format!("{id} is acknowledged, and the {missing} does not durably know it"));
    }
}

/// R2: what was acknowledged of a change is what a power cut at this instant leaves: whether the quit froze it, and
/// whether the user stopped it. One without an entry is neither.
fn written(
    world: &mut World,
    process: usize,
    id: &WorkstreamId,
    what: &str,
    is_so: impl FnOnce(bool, bool) -> bool,
) {
    let run = &world.processes[process];
    let state = world.disk.look(&run.state(), true, record::parse::<StateRecord>).and_then(Result::ok);
    let entry = state.and_then(|state| state.workstreams.into_iter().find(|entry| entry.facts.id == *id));
    let (was_by_quit, was_by_user) =
        entry.map_or((false, false), |entry| (entry.was_paused_by_quit, entry.was_stopped_by_user));
    if !is_so(was_by_quit, was_by_user) && !run.is_damaged(&world.oracle) {
        world.fail("R2", format!("{id} is acknowledged as {what}, and the state does not durably say so"));
    }
}

/// P1: what the user froze is let go on by nobody but the user.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let Effect::UnpauseContainer { workstream, .. } = effect else { return };
    let is_to_rest = world.oracle.promises.get(workstream).is_some_and(|promise| promise.is_to_rest);
    let run = &world.processes[process];
    let is_asked = run.open.values().any(|ask| matches!(ask, Ask::Resume(id) if id == workstream));
    if is_to_rest && !is_asked && !run.is_damaged(&world.oracle) {
        world.fail("P1", format!("{workstream} was frozen by the user, and is let go on by itself"));
    }
}

/// It runs again, whoever asked for it: its rest is over.
pub fn after_landing(world: &mut World, op: &EngineOp, outcome: &Result<EngineOk, EngineError>) {
    let (EngineOp::Unpause(id) | EngineOp::Start(id), Ok(_)) = (op, outcome) else { return };
    let Some(labels) = world.engine.by_id(id).and_then(|it| it.labels.clone()) else { return };
    if let Some(promise) = world.oracle.promises.get_mut(&labels.workstream) {
        promise.is_to_rest = false;
    }
}

/// R31: what came back has all that was ever written in it.
fn brought_back(world: &mut World, process: usize, id: &WorkstreamId) {
    world.saw("brought back");
    let is_going = |ask: &Ask| matches!(ask, Ask::Remove { workstream, .. } if workstream == id);
    let may_go = world.processes.iter().any(|run| run.open.values().any(is_going));
    if let Some(promise) = world.oracle.promises.get_mut(id) {
        promise.may_go = may_go;
        promise.is_away = false;
    }
    let (there, written) = world.git.trees.get(id).map_or((0, 0), |tree| (tree.there, tree.written));
    if there < written && !world.processes[process].is_damaged(&world.oracle) {
        world.fail("R31", format!("{id} came back with {there} of {written} changes"));
    }
}

fn removed(world: &mut World, process: usize, id: &WorkstreamId) {
    let Some(promise) = world.oracle.promises.get_mut(id) else { return };
    promise.is_gone = true;
    promise.is_away = true;
    promise.may_go = true;
    let is_there = world.git.trees.get(id).is_some_and(|tree| tree.worktree != Made::Absent);
    // Where its files are lost, what is left of it is kept.
    let is_damaged = world.processes[process].is_damaged(&world.oracle);
    if is_there && !is_damaged {
        world.fail("R13", format!("{id} is acknowledged as removed, and its worktree is there"));
    }
}

/// R25: the container that the run knows was in that state once. Another may stand in its place by now.
fn was(world: &mut World, process: usize, id: &WorkstreamId, state: ContainerState) {
    let snapshot = world.processes[process].machine.snapshot();
    let known = snapshot.as_ref().and_then(|it| it.card(id)).and_then(|card| card.container_id.clone());
    let Some(container) = known.and_then(|known| world.engine.by_id(&known)) else { return };
    if !container.past.contains(&state) {
        let text = format!("{} is acknowledged as {state}, which it never was", container.name);
        world.fail("R25", text);
    }
}
