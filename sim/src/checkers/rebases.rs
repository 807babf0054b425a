//! R34: no rebase is asked for before an intent durably says from which base to which; no base moves that the commits do not
//! stand on; and no rebase that an agent's git knows of is forgotten.

use ccells_core::effect::Effect;
use ccells_core::ids::WorkstreamId;
use ccells_core::ports::RebaseCall;
use ccells_core::record::{self, StateRecord};

use super::known::contains;
use crate::world::World;

/// Checks what a run asks for.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others are about something else")]
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let run = &world.processes[process];
    let wrong = match effect {
        Effect::RebaseWork { workstream, call: RebaseCall::Begin, moving, .. } => {
            let says =
                |bytes: &[u8]| contains(bytes, moving.from.as_str()) && contains(bytes, moving.to.as_str());
            let is_written = world.disk.look(&run.places.intent(workstream), true, says).unwrap_or(false);
            (!is_written).then(|| format!("{workstream} is rebased, and no intent durably says so"))
        }
        Effect::MoveBase { workstream, moving, .. } => {
            let is_there = world.git.rebases.stands_on(workstream, &moving.to);
            (!is_there).then(|| format!("the base of {workstream} moves where its commits do not stand"))
        }
        _ => None,
    };
    let is_damaged = run.is_damaged(&world.oracle);
    if let Some(text) = wrong.filter(|_| !is_damaged) {
        world.fail("R34", text);
    }
}

/// A rebase is acknowledged.
pub fn rebased(world: &mut World, process: usize, id: &WorkstreamId, note: &str) {
    if !note.starts_with("rebased") {
        return;
    }
    world.saw("rebased");
    let run = &world.processes[process];
    let state = world.disk.look(&run.state(), true, record::parse::<StateRecord>).and_then(Result::ok);
    let base = state.and_then(|it| it.workstreams.into_iter().find(|it| it.facts.id == *id)?.facts.base);
    let is_there = base.is_some_and(|base| world.git.rebases.stands_on(id, &base));
    if !is_there && !world.processes[process].is_damaged(&world.oracle) {
        world.fail(
            "R34",
            format!("{id} is acknowledged as rebased, and the state does not durably say onto what"),
        );
    }
}

/// At the end of a world.
pub fn nothing_is_forgotten(world: &mut World, seat: usize) {
    let Some(process) = world.writer_at(seat) else { return };
    if world.oracle.damaged_homes.contains_key(&world.seats[seat].home) {
        return;
    }
    let run = &world.processes[process];
    let Some(state) = world.disk.look(&run.state(), false, record::parse::<StateRecord>).and_then(Result::ok)
    else {
        return;
    };
    let forgotten = state.workstreams.iter().find(|entry| {
        let Some(to) = world.git.rebases.goes_to(&entry.facts.id) else { return false };
        let is_open = entry.rebase.as_ref().is_some_and(|open| open.moving.to == *to);
        let intent = run.places.intent(&entry.facts.id);
        let is_intended = || world.disk.look(&intent, false, |_| ()).is_some();
        entry.facts.base.as_ref() != Some(to) && !is_open && !is_intended()
    });
    if let Some(id) = forgotten.map(|entry| entry.facts.id.clone()) {
        world.fail("R34", format!("a rebase of {id} has landed, and nothing on the disk says so"));
    }
}
