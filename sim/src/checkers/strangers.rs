//! R14: nothing of another home or without our label is touched, and no container of ours is removed unless somebody
//! asked for it, its making was never acknowledged, or it never ran and does not start.

use ccells_core::container::ContainerState;
use ccells_core::ids::{ContainerId, WorkstreamId};
use ccells_core::ports::EngineError;

use crate::ports::engine::{Container, EngineOk, EngineOp};
use crate::world::World;

/// Checks what a run just had the engine do.
pub fn after_landing(
    world: &mut World,
    process: usize,
    op: &EngineOp,
    outcome: &Result<EngineOk, EngineError>,
) {
    match op {
        EngineOp::Ping | EngineOp::List | EngineOp::Create(_) | EngineOp::Pull(_) => {}
        EngineOp::Upload(id)
        | EngineOp::Start(id)
        | EngineOp::Pause(id)
        | EngineOp::Unpause(id)
        | EngineOp::Stop(id)
        | EngineOp::Rebase(id, ..) => touched(world, process, id),
        EngineOp::Remove(home, name, _) => {
            if *home != world.processes[process].start.home {
                world.fail("R14", format!("p{process} removes {name} of another home"));
            }
            if outcome.is_ok() {
                removed(world, process, name);
            }
        }
    }
}

fn touched(world: &mut World, process: usize, id: &ContainerId) {
    let Some(container) = world.engine.by_id(id) else { return };
    let start = &world.processes[process].start;
    let is_ours =
        container.labels.as_ref().is_some_and(|it| it.home == start.home && it.repo == start.repo.id);
    if !is_ours {
        let text = format!("p{process} touched {}, which is not of its home and repository", container.name);
        world.fail("R14", text);
    }
}

fn removed(world: &mut World, process: usize, name: &str) {
    let Some(id) = name.get(name.len().saturating_sub(26)..).and_then(|id| WorkstreamId::parse(id).ok())
    else {
        return;
    };
    let is_wanted = match world.oracle.promises.get_mut(&id) {
        // A refusal of the next wish to take it away does not bring the container back.
        Some(promise) if promise.may_go => {
            promise.was_meddled_with = true;
            true
        }
        Some(promise) => !promise.is_acknowledged,
        None => world.oracle.unwanted.contains(&id),
    };
    let never_ran = |it: &Container| it.past == [ContainerState::Created] && it.was_refused;
    if !is_wanted && !world.engine.removed_last.as_ref().is_some_and(never_ran) {
        world.fail("R14", format!("p{process} removed {name}, and nobody had asked for it"));
    }
}
