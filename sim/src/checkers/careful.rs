//! R8: a run that could not read everything takes nothing away that nobody named to it, but for what landed late of a
//! removal that was done and acknowledged.

use ccells_core::effect::Effect;
use ccells_core::event::{Ask, Found, StateFound};
use ccells_core::ids::WorkstreamId;

use super::known::contains;
use crate::world::World;

/// What a start found decides how careful the run has to be.
pub fn booted(world: &mut World, process: usize, found: &Found) {
    let is_careful = !found.notices.is_empty() || matches!(found.state, StateFound::Recovered { .. });
    world.processes[process].watch.is_careful = is_careful;
    if is_careful {
        world.saw("careful run");
    }
}

/// A person named this workstream to the run.
pub fn asked(world: &mut World, process: usize, ask: &Ask) {
    let named: &WorkstreamId = match ask {
        Ask::New(wanted) => &wanted.id,
        Ask::Undo(facts) => &facts.id,
        Ask::Remove { workstream, .. }
        | Ask::Cancel(workstream)
        | Ask::Resume(workstream)
        | Ask::Restart(workstream) => workstream,
        Ask::Pause(_)
        | Ask::Merge { .. }
        | Ask::Push { .. }
        | Ask::Rebase { .. }
        | Ask::Stop(_)
        | Ask::Reconcile
        | Ask::View(_)
        | Ask::Quit { .. }
        | Ask::QuitNow => {
            return;
        }
    };
    world.processes[process].watch.named.insert(named.clone());
}

/// Checks what a careful run asks for.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let watch = &world.processes[process].watch;
    if !watch.is_careful {
        return;
    }
    let (Effect::RemoveContainer { workstream: taken, .. }
    | Effect::RemoveWorktree { workstream: taken, .. }
    | Effect::RetireHome { workstream: taken, .. }) = effect
    else {
        return;
    };
    let intent = world.processes[process].places.intent(taken);
    let is_settling =
        || world.disk.look(&intent, false, |bytes| contains(bytes, "\"is_settling\": true")).unwrap_or(false);
    if !watch.named.contains(taken) && !is_settling() {
        let text = format!("p{process} could not read everything, and yet asks for {effect:?}");
        world.fail("R8", text);
    }
}
