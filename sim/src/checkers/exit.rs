//! R22: a run that ends of its own will takes only its own away: others' records, beats and containers stay.

use std::hash::{DefaultHasher, Hash, Hasher};

use ccells_core::ports::FileOp;

use super::known::contains;
use crate::world::World;

/// Takes note of what is others' before a run takes anything away.
pub fn begins(world: &mut World, process: usize) {
    world.processes[process].watch.left_to_others = Some(others(world, process));
}

/// Checks that all of it is there, as it was.
pub fn ended(world: &mut World, process: usize) {
    let others = others(world, process);
    if world.processes[process].watch.left_to_others.is_some_and(|before| before != others) {
        world.fail("R22", format!("p{process} ended, and others' files or containers are not as they were"));
    }
}

/// A number for all files and containers but for what has the run in its name. The last beat is anybody's.
fn others(world: &World, process: usize) -> u64 {
    let own = world.processes[process].start.run.as_str();
    let mut hasher = DefaultHasher::new();
    world.disk.each_file(|path, node, length| {
        if !path.contains(own) && !path.ends_with("/heartbeat") {
            (path, node, length).hash(&mut hasher);
        }
    });
    for container in world.engine.containers.values() {
        (&container.name, container.state.as_str()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Checks one file operation of a run that is leaving.
pub fn before_op(world: &mut World, process: usize, op: &FileOp) {
    let touched = match op {
        FileOp::CreateNew(path)
        | FileOp::Append(path, _)
        | FileOp::Unlink(path)
        | FileOp::Link(_, path)
        | FileOp::Rename(path, _) => path,
        FileOp::MakeDir(_)
        | FileOp::Read(_)
        | FileOp::List(_)
        | FileOp::SyncFile(_)
        | FileOp::SyncDir(_)
        | FileOp::TryLock(_)
        | FileOp::Unlock(_) => return,
    };
    let own = world.processes[process].start.run.as_str();
    let is_own = touched.as_str().contains(own)
        || (touched.as_str().ends_with("/heartbeat")
            && world.disk.look(touched, false, |bytes| contains(bytes, own)).unwrap_or(true));
    if !is_own {
        world.fail("R22", format!("p{process} took {touched} with it when it ended"));
    }
}
