//! R32: no branch of the user moves before an intent durably says from where to where; what is acknowledged as merged is
//! there; and no checkout is left with half of a move.

use ccells_core::effect::Effect;
use ccells_core::ids::WorkstreamId;

use super::known::contains;
use crate::world::World;

/// Checks what a run asks for.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let Effect::MoveBranch { workstream, moving, .. } = effect else { return };
    let run = &world.processes[process];
    let says = |bytes: &[u8]| contains(bytes, moving.from.as_str()) && contains(bytes, moving.to.as_str());
    let is_written = world.disk.look(&run.places.intent(workstream), true, says).unwrap_or(false);
    if !is_written && !run.is_damaged(&world.oracle) {
        world.fail(
            "R32",
            format!("`{}` moves for {workstream}, and no intent durably says so", moving.branch),
        );
    }
}

/// A merge is acknowledged.
pub fn merged(world: &mut World, process: usize, id: &WorkstreamId, note: &str) {
    if !note.starts_with("merged") {
        return;
    }
    world.saw("merged");
    let repo = world.processes[process].start.repo.path.clone();
    let fetched = world.git.trees.get(id).map_or(0, |tree| tree.fetched);
    let holds = world.git.merges.holds(&repo, id);
    if holds == 0 || holds < fetched {
        world.fail(
            "R32",
            format!("{id} is acknowledged as merged, and {holds} of {fetched} commits are there"),
        );
    }
}

/// At the end of a world.
pub fn nothing_is_half_moved(world: &mut World) {
    let half = world.git.merges.half_moved().next().cloned();
    if let Some(repo) = half.filter(|_| world.oracle.damaged_homes.is_empty()) {
        world.fail("R32", format!("the checkout at {repo} is left with half of a move"));
    }
}
