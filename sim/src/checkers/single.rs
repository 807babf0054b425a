//! R10, R15: one workstream has one container, and with it one agent.

use ccells_core::ids::{HomeId, WorkstreamId};

use crate::world::World;

/// Checks one workstream after a container of it was made.
pub fn check(world: &mut World, home: &HomeId, workstream: &WorkstreamId) {
    let is_of_it =
        |labels: &ccells_core::container::Labels| labels.home == *home && labels.workstream == *workstream;
    let count =
        world.engine.containers.values().filter(|it| it.labels.as_ref().is_some_and(is_of_it)).count();
    if count > 1 {
        world.fail("R10", format!("{workstream} has {count} containers"));
    }
}
