//! R12, P2: no worktree goes with work in it that is kept nowhere else, or that nobody agreed to lose; and no branch goes
//! that was to stay. R31: and none is made fresh where one with work in it has to come back.

use ccells_core::ids::WorkstreamId;

use crate::ports::git::{GitOp, Made};
use crate::world::World;

/// Checks after a step of git.
pub fn check(world: &mut World, process: usize, op: &GitOp) {
    match op {
        GitOp::Remove(plan, keep_branch) => removed(world, &plan.workstream, *keep_branch),
        GitOp::Add(plan) => added(world, process, &plan.workstream),
        GitOp::Resolve { .. }
        | GitOp::Pin(_)
        | GitOp::Inspect(_)
        | GitOp::Snapshot(_)
        | GitOp::Restore(_)
        | GitOp::Fetch(_)
        | GitOp::Judge(_)
        | GitOp::Move(..)
        | GitOp::Push(..)
        | GitOp::Aim(_)
        | GitOp::MoveBase(..)
        | GitOp::Unpin(_) => {}
    }
}

fn added(world: &mut World, process: usize, id: &WorkstreamId) {
    let Some(tree) = world.git.trees.get(id).filter(|tree| tree.worktree == Made::Whole) else { return };
    let (there, written) = (tree.there, tree.written);
    if there < written && !world.processes[process].is_damaged(&world.oracle) {
        world.fail("R31", format!("the worktree of {id} has {there} of {written} changes"));
    }
}

fn removed(world: &mut World, id: &WorkstreamId, keep_branch: bool) {
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
