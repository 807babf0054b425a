//! R1, R2: what is acknowledged survives a power cut at this very instant, and at every start every file is the old or
//! the new version, never older than what was acknowledged.

use ccells_core::effect::Effect;
use ccells_core::event::{Access, Event, Found, StateFound};
use ccells_core::ids::Generation;

use super::known::contains;
use crate::ports::git::Made;
use crate::world::World;

/// Checks that what the machine is about to be told is so.
#[expect(clippy::wildcard_enum_match_arm, reason = "all others say nothing about the disk")]
pub fn acknowledged(world: &mut World, process: usize, event: &Event) {
    let places = world.processes[process].places.clone();
    let holds = |path, id: &str| world.disk.look(&path, true, |bytes| contains(bytes, id)).unwrap_or(false);
    let wrong = match event {
        Event::IntentWritten { workstream, outcome: Ok(()), .. } => {
            let is_whole = |bytes: &[u8]| bytes.ends_with(b"}\n");
            let is_there = world.disk.look(&places.intent(workstream), true, is_whole).unwrap_or(false);
            (!is_there).then(|| format!("the intent of {workstream} is not durable"))
        }
        Event::IntentCleared { workstream, outcome: Ok(()), .. } => {
            let is_there = world.disk.look(&places.intent(workstream), true, |_| ()).is_some();
            is_there.then(|| format!("the intent of {workstream} may come back"))
        }
        Event::ContainerTracked { workstream, outcome: Ok(()), .. } => {
            let is_in = holds(places.index(), workstream.as_str());
            (!is_in).then(|| format!("{workstream} is not durably in the index"))
        }
        Event::ContainerUntracked { workstream, outcome: Ok(()), .. } => {
            let is_in = holds(places.index(), workstream.as_str());
            is_in.then(|| format!("{workstream} may come back into the index"))
        }
        Event::StateSaved { generation, outcome: Ok(()) } => {
            let durable =
                world.disk.look(&world.processes[process].state(), true, self::generation).flatten();
            let seat = world.processes[process].seat;
            let generation = *generation;
            let newest = world.oracle.acknowledged_state.entry(seat).or_default();
            *newest = generation.max(*newest);
            durable
                .is_none_or(|durable| durable < generation)
                .then(|| format!("generation {} of the state is not durable", generation.0))
        }
        _ => None,
    };
    let is_damaged = world.processes[process].is_damaged(&world.oracle);
    if let Some(text) = wrong.filter(|_| !is_damaged) {
        world.fail("R2", text);
    }
}

/// Checks that an intent is let go only when the state durably says what came of it.
pub fn before_effect(world: &mut World, process: usize, effect: &Effect) {
    let Effect::ClearIntent { workstream, .. } = effect else { return };
    let run = &world.processes[process];
    if run.is_damaged(&world.oracle) {
        return;
    }
    let is_removal = |bytes: &[u8]| contains(bytes, "\"op\": \"destroy\"");
    let Some(is_removal) = world.disk.look(&run.places.intent(workstream), false, is_removal) else { return };
    let holds = |bytes: &[u8]| contains(bytes, &format!("\"id\": \"{workstream}\""));
    let is_in_state = world.disk.look(&run.state(), true, holds).unwrap_or(false);
    // A removal that is refused because its intent could not be made durable takes that back, and all is as it was.
    let has_facts = world.disk.look(&run.places.facts(workstream), false, |_| ()).is_some();
    let tree = world.git.trees.get(workstream).map(|tree| tree.worktree);
    let made = tree.unwrap_or(Made::Absent);
    // Of one that was taken in with its container alone, that is all there is to touch.
    let is_all_there =
        if tree.is_some() { has_facts && made == Made::Whole } else { world.engine.of(workstream).is_some() };
    let is_untouched = is_removal && is_all_there;
    // The same of one of which nothing was made.
    let is_nothing = !is_removal && !has_facts && made == Made::Absent;
    if is_in_state == is_removal && !is_untouched && !is_nothing {
        let text =
            format!("the intent of {workstream} goes, and the state does not durably say what came of it");
        world.fail("R9", text);
    }
}

/// The generation of a state file that is whole, by its text alone.
pub fn generation(bytes: &[u8]) -> Option<Generation> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.ends_with("}\n"))?;
    let (_, rest) = text.split_once("\"generation\": ")?;
    let end = rest.find(|digit: char| !digit.is_ascii_digit())?;
    rest[..end].parse().ok().map(Generation)
}

/// Checks what a start found.
pub fn booted(world: &mut World, process: usize, found: &Found) {
    let run = &world.processes[process];
    if run.is_damaged(&world.oracle) {
        return;
    }
    let seat = run.seat;
    let notices = found.notices.join("; ");
    if !notices.is_empty() {
        world.fail("R1", format!("p{process} found: {notices}"));
    }
    let generation = match &found.state {
        StateFound::Fresh => Generation(0),
        StateFound::Read(state) => state.generation,
        StateFound::Recovered { notice, .. } => {
            world.fail("R1", format!("p{process} found: {notice}"));
            return;
        }
    };
    let newest = world.oracle.acknowledged_state.get(&seat).copied().unwrap_or_default();
    if generation < newest && found.access == Access::Write {
        let text = format!(
            "p{process} found generation {} of the state, {} was acknowledged",
            generation.0, newest.0
        );
        world.fail("R2", text);
    }
}
