//! R12, P2: no worktree goes with work in it that is kept nowhere else, or that nobody agreed to lose; and no branch goes
//! that was to stay.

use crate::ports::git::GitOp;
use crate::world::World;

/// Checks after a step of a removal.
pub fn check(world: &mut World, op: &GitOp) {
    let GitOp::Remove(plan, keep_branch) = op else { return };
    let id = &plan.workstream;
    let (lost, written) = world.git.trees.get(id).map_or((0, 0), |tree| (tree.lost, tree.written));
    if lost > 0 {
        world.fail("R12", format!("the worktree of {id} went with {lost} unkept changes"));
    }
    let Some(promise) = world.oracle.promises.get(id) else { return };
    let (may_lose, keeps_branch) = (promise.may_lose, promise.keeps_branch);
    if written > 0 && !may_lose {
        world.fail("P2", format!("the worktree of {id} goes with work in it, and nobody agreed to that"));
    }
    if keeps_branch && !keep_branch {
        world.fail("P2", format!("the branch of {id} goes, and it was to stay"));
    }
}
