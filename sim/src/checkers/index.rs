//! R6: one change of the index is about one workstream: what others wrote into it stays.

use std::collections::BTreeSet;

use ccells_core::ids::WorkstreamId;
use ccells_core::ports::FileOp;
use ccells_core::record::{self, TrackingRecord};

use crate::world::World;

/// Checks what is about to take the index's place.
pub fn before_op(world: &mut World, process: usize, op: &FileOp) {
    let FileOp::Rename(from, to) = op else { return };
    let run = &world.processes[process];
    if *to != run.places.index() || run.is_damaged(&world.oracle) {
        return;
    }
    let entries = |path| world.disk.look(path, false, entries).flatten();
    let (Some(before), Some(after)) = (entries(to), entries(from)) else { return };
    let lost: Vec<_> = before.difference(&after).collect();
    let is_more_than_one_change = lost.len() + after.difference(&before).count() > 1;
    if is_more_than_one_change && !lost.is_empty() {
        let text = format!("p{process} writes the index without {lost:?}, and that is not its only change");
        world.fail("R6", text);
    }
}

fn entries(bytes: &[u8]) -> Option<BTreeSet<WorkstreamId>> {
    let index = record::parse::<TrackingRecord>(bytes).ok()?;
    Some(index.containers.into_iter().map(|entry| entry.workstream_id).collect())
}
