//! R33: only what was fetched is pushed, a push is forced only where somebody asked for that, and what is acknowledged as
//! pushed is there.

use ccells_core::effect::Effect;
use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;

use crate::ports::remotes::head_of;
use crate::world::World;

/// Checks what a run asks for.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let Effect::PushWork { workstream, head, wish, .. } = effect else { return };
    let fetched = world.git.trees.get(workstream).map_or(0, |tree| tree.fetched);
    if *head != head_of(fetched) {
        world.fail("R33", format!("{head} is pushed for {workstream}, and it was not what was fetched"));
    }
    let may_force = |ask: &Ask| matches!(ask, Ask::Push { workstream: about, wish } if about == workstream && wish.is_forced);
    let is_asked = world.oracle.asked.values().any(|(asked, ask)| *asked == process && may_force(ask));
    if wish.is_forced && !is_asked {
        world.fail("R33", format!("nobody asked that the push of {workstream} be forced"));
    }
}

/// A push is acknowledged.
pub fn pushed(world: &mut World, process: usize, id: &WorkstreamId, note: &str) {
    if !note.starts_with("pushed") {
        return;
    }
    world.saw(if note.ends_with("in place of what was there") { "forced push" } else { "pushed" });
    let repo = world.processes[process].start.repo.path.clone();
    let fetched = world.git.trees.get(id).map_or(0, |tree| tree.fetched);
    let holds = world.git.remotes.holds(&repo, id);
    if holds != fetched {
        world.fail(
            "R33",
            format!("{id} is acknowledged as pushed, and {holds} of {fetched} commits are there"),
        );
    }
}
