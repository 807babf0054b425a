//! P1, R6: what is acknowledged is so, at the moment of the answer: a new workstream is written down everywhere, a
//! paused one was paused, a removed one is gone.

use ccells_core::container::ContainerState;
use ccells_core::effect::{Done, Refusal};
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;

use super::known::contains;
use crate::ports::git::Made;
use crate::world::World;

/// Takes an answer into account.
pub fn replied(world: &mut World, process: usize, ask: &Ask, outcome: &Result<Done, Refusal>) {
    match (ask, outcome) {
        (Ask::New(wanted), Ok(_)) => made(world, process, &wanted.id),
        (Ask::Remove { workstream, .. }, Err(refusal)) => {
            if refusal.work.is_some()
                && let Some(promise) = world.oracle.promises.get_mut(workstream)
            {
                world.seen.insert("refused to lose work");
                promise.may_go = promise.is_gone;
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
        (Ask::Pause(workstream), Ok(_)) => was(world, workstream, ContainerState::Paused),
        (Ask::Resume(workstream), Ok(_)) => was(world, workstream, ContainerState::Running),
        (
            Ask::New(_)
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
    let missing = match (knows(run.places.index()), knows(run.places.state())) {
        (true, true) => return,
        (false, _) => "index",
        (true, false) => "state",
    };
    if !run.is_damaged(&world.oracle) {
        world.fail("R6", format!("{id} is acknowledged, and the {missing} does not durably know it"));
    }
}

fn removed(world: &mut World, process: usize, id: &WorkstreamId) {
    let Some(promise) = world.oracle.promises.get_mut(id) else { return };
    promise.is_gone = true;
    promise.may_go = true;
    let is_there = world.git.trees.get(id).is_some_and(|tree| tree.worktree != Made::Absent);
    // Where its files are lost, what is left of it is kept.
    let is_damaged = world.processes[process].is_damaged(&world.oracle);
    if is_there && !is_damaged {
        world.fail("R13", format!("{id} is acknowledged as removed, and its worktree is there"));
    }
}

fn was(world: &mut World, id: &WorkstreamId, state: ContainerState) {
    let of_it = |it: &&crate::ports::engine::Container| {
        it.labels.as_ref().is_some_and(|labels| labels.workstream == *id)
    };
    let Some(container) = world.engine.containers.values().find(of_it) else { return };
    if !container.past.contains(&state) {
        let text = format!("{} is acknowledged as {state}, which it never was", container.name);
        world.fail("R25", text);
    }
}
