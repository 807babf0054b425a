//! R12: no worktree goes with work in it that is kept nowhere else.

use crate::ports::git::GitOp;
use crate::world::World;

/// Checks after a step of a removal.
pub fn check(world: &mut World, op: &GitOp) {
    let GitOp::Remove(plan, _) = op else { return };
    let lost = world.git.trees.get(&plan.workstream).map_or(0, |tree| tree.lost);
    if lost > 0 {
        world.fail("R12", format!("the worktree of {} went with {lost} unkept changes", plan.workstream));
    }
}
