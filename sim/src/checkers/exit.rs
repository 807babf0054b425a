//! R22: a run that ends of its own will takes only its own away: others' records, beats and containers stay.

use ccells_core::ports::FileOp;

use super::known::contains;
use crate::world::World;

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
