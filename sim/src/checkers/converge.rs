//! The end of every world: with nothing striking any more and one healthy run at each seat, everything has come to
//! rest, what is there is what was promised, and all of it runs again (R29).

use ccells_core::container::ContainerState;
use ccells_core::ids::WorkstreamId;
use ccells_core::record::{self, StateRecord, TrackingRecord};
use ccells_core::snapshot::{Card, CardState, Snapshot};

use super::known::contains;
use super::{merges, rebases};
use crate::ports::git::Made;
use crate::world::World;

/// Checks everything.
pub fn check(world: &mut World) {
    for seat in 0..world.seats.len() {
        let Some(process) = world.writer_at(seat) else {
            world.fail("L6", format!("nobody serves seat {seat}"));
            return;
        };
        let Some(snapshot) = world.processes[process].machine.snapshot() else {
            world.fail("L6", format!("p{process} did not boot"));
            return;
        };
        at_rest(world, process, &snapshot);
        containers(world, seat, &snapshot);
        promised(world, seat, &snapshot);
        rebases::nothing_is_forgotten(world, seat);
        // A damaged state may have been replaced by the one before it, which knew what is gone since.
        if !world.oracle.damaged_homes.contains_key(&world.seats[seat].home) {
            gone(world, seat, &snapshot);
        }
    }
    merges::nothing_is_half_moved(world);
    litter(world);
    relisted(world);
}

/// P1: before anybody resumes anything, no container is gone that nobody took.
pub fn nothing_is_lost(world: &mut World) {
    for seat in 0..world.seats.len() {
        let snapshot = world.writer_at(seat).and_then(|process| world.processes[process].machine.snapshot());
        for card in snapshot.map(|it| it.workstreams).unwrap_or_default() {
            let is_due = world.oracle.promises.get(&card.id).is_some_and(|promise| {
                promise.is_acknowledged && !promise.may_go && !promise.was_meddled_with
            });
            if is_due && card.state == CardState::Lost {
                world.fail("P1", format!("{} lost its container, and nobody took it", card.id));
            }
        }
    }
}

/// P3: what a quit froze goes on with the next run, also where the engine froze it only after that run had begun.
pub fn nothing_stays_frozen(world: &mut World) {
    for seat in 0..world.seats.len() {
        let Some(process) = world.writer_at(seat) else { continue };
        let run = &world.processes[process];
        let state = world.disk.look(&run.state(), false, record::parse::<StateRecord>).and_then(Result::ok);
        let cards = run.machine.snapshot().map(|it| it.workstreams).unwrap_or_default();
        let entries = state.map(|it| it.workstreams).unwrap_or_default();
        let is_frozen = |id: &WorkstreamId| {
            cards.iter().any(|card| card.id == *id && card.state == CardState::Paused)
                && !world.oracle.promises.get(id).is_some_and(|promise| promise.was_meddled_with)
        };
        let left = entries.iter().find(|entry| entry.was_paused_by_quit && is_frozen(&entry.facts.id));
        if let Some(entry) = left {
            let text = format!("{} was frozen by a quit, and nobody lets it go on", entry.facts.id);
            world.fail("P3", text);
        }
    }
}

/// L1: nothing is on its way any more.
fn at_rest(world: &mut World, process: usize, snapshot: &Snapshot) {
    for card in &snapshot.workstreams {
        let is_stuck = card.progress.is_some()
            || matches!(card.state, CardState::Creating | CardState::Removing | CardState::Unknown);
        if is_stuck {
            let text = format!(
                "p{process}: {} is still {:?} {:?} {:?}",
                card.id, card.state, card.progress, card.reason
            );
            world.fail("L1", text);
        }
    }
    if !world.processes[process].open.is_empty() {
        let open = format!("{:?}", world.processes[process].open);
        world.fail("Q1", format!("p{process} never answered {open}"));
    }
    let places = world.processes[process].places.clone();
    let repo = world.processes[process].start.repo.id.clone();
    let names = world.disk.names(&places.intents()).unwrap_or_default();
    // One that was never finished is no intent: R4 is about those.
    for name in names.into_iter().filter(|name| !name.starts_with('.')) {
        let of_repo = format!("\"repo_id\": \"{repo}\"");
        let look = |bytes: &[u8]| contains(bytes, &of_repo);
        let is_ours = world.disk.look(&places.intents().join(&name), false, look).unwrap_or(false);
        let is_accounted_for = snapshot
            .workstreams
            .iter()
            .any(|card| name.starts_with(card.id.as_str()) && card.state == CardState::Failed);
        if is_ours && !is_accounted_for {
            world.fail("L1", format!("the intent {name} is still open"));
        }
    }
}

/// R14: the containers of this seat are those of its workstreams, and are what they are shown as.
fn containers(world: &mut World, seat: usize, snapshot: &Snapshot) {
    let place = world.seats[seat].clone();
    let all: Vec<_> = world
        .engine
        .containers
        .values()
        .filter_map(|it| Some((it.clone(), it.labels.clone()?)))
        .filter(|(_, labels)| labels.home == place.home && labels.repo == place.repo.id)
        .collect();
    for (container, labels) in &all {
        // Where files were damaged, there may be nothing left to make another from.
        if container.is_stuck && !world.oracle.damaged_homes.contains_key(&place.home) {
            world.fail("L2", format!("{} can never be started, and was not made again", container.name));
        }
        let Some(card) = snapshot.card(&labels.workstream) else {
            world.fail("R14", format!("{} is nobody's", container.name));
            return;
        };
        if world.oracle.planted.contains(&labels.workstream) {
            world.saw("adopted stranger");
        }
        if card.state != CardState::Failed && card.container_state != Some(container.state) {
            let text =
                format!("{} is {}, and shown as {:?}", container.name, container.state, card.container_state);
            world.fail("R14", text);
        }
        let is_acknowledged =
            world.oracle.promises.get(&labels.workstream).is_some_and(|promise| promise.is_acknowledged);
        let is_in = world
            .disk
            .look(&place.places.index(), false, |bytes| contains(bytes, labels.workstream.as_str()))
            .unwrap_or(false);
        if is_acknowledged && !is_in && !world.oracle.damaged_homes.contains_key(&place.home) {
            world.fail("R6", format!("the index does not know {}", container.name));
        }
    }
    for card in &snapshot.workstreams {
        let has_one = all.iter().any(|(_, labels)| labels.workstream == card.id);
        if !has_one && matches!(card.state, CardState::Running | CardState::Paused | CardState::Stopped) {
            world.fail("R14", format!("{} is shown as {:?} and has no container", card.id, card.state));
        }
        if !card.id.as_str().is_empty() && is_of_other_seat(world, seat, &card.id) {
            world.fail("R14", format!("{} is shown at seat {seat}, where it does not belong", card.id));
        }
    }
}

fn is_of_other_seat(world: &World, seat: usize, id: &WorkstreamId) -> bool {
    world.oracle.promises.get(id).is_some_and(|promise| promise.seat != seat)
}

/// P1: what was acknowledged and nobody took away is there, with what it was asked to do.
fn promised(world: &mut World, seat: usize, snapshot: &Snapshot) {
    let home = world.seats[seat].home.clone();
    // What is damaged once is somewhere else as well.
    let is_damaged = world.oracle.damaged_homes.get(&home).is_some_and(|count| *count > 1);
    let due: Vec<_> = world
        .oracle
        .promises
        .iter()
        .filter(|(_, promise)| promise.seat == seat && promise.is_acknowledged && !promise.may_go)
        .map(|(id, promise)| (id.clone(), promise.clone()))
        .collect();
    for (id, promise) in due {
        let Some(card) = snapshot.card(&id) else {
            if is_damaged {
                continue;
            }
            world.fail("P1", format!("{id} was acknowledged and is not there any more"));
            return;
        };
        if card.prompt != promise.prompt && !is_damaged {
            world.fail("P1", format!("{id} is there, but what it was asked to do is lost"));
        }
        let has_worktree = world.git.trees.get(&id).is_some_and(|tree| tree.worktree == Made::Whole);
        if !has_worktree && !is_damaged {
            world.fail("P1", format!("{id} was acknowledged and its worktree is gone"));
        }
        if card.container_state != Some(ContainerState::Running) && !is_damaged {
            let text = format!("{id} was resumed in calm weather, and is {:?} {:?}", card.state, card.reason);
            world.fail("R29", text);
        }
        if let Some(ContainerState::Running) = card.container_state {
            world.saw("survivor");
        }
    }
}

/// R13: what was acknowledged as removed is fully gone.
fn gone(world: &mut World, seat: usize, snapshot: &Snapshot) {
    let due: Vec<_> = world
        .oracle
        .promises
        .iter()
        .filter(|(id, promise)| promise.seat == seat && promise.is_gone && !world.oracle.may_resurface(id))
        .map(|(id, _)| id.clone())
        .collect();
    for id in due {
        let trace = gone_but(world, seat, snapshot.card(&id), &id);
        if let Some(what) = trace {
            world.fail("R13", format!("{id} was removed, but its {what} is there"));
        }
    }
}

fn gone_but(world: &World, seat: usize, card: Option<&Card>, id: &WorkstreamId) -> Option<&'static str> {
    let places = &world.seats[seat].places;
    let tree = world.git.trees.get(id);
    if card.is_some() {
        return Some("card");
    }
    if tree.is_some_and(|tree| tree.worktree != Made::Absent) {
        return Some("worktree");
    }
    if tree.is_some_and(|tree| tree.is_pinned) {
        return Some("pinned base");
    }
    if world.disk.names(&places.workstreams().join(id.as_str())).is_some() {
        return Some("directory");
    }
    let index = world.disk.look(&places.index(), false, record::parse::<TrackingRecord>).and_then(Result::ok);
    let state = world
        .disk
        .look(&places.state(&world.seats[seat].repo.id), false, record::parse::<StateRecord>)
        .and_then(Result::ok);
    if index.is_some_and(|index| index.containers.iter().any(|it| it.workstream_id == *id)) {
        return Some("entry in the index");
    }
    let is_in_state = state.is_some_and(|state| state.workstreams.iter().any(|it| it.facts.id == *id));
    is_in_state.then_some("entry in the state")
}

/// R4: no temporary file outlives the next write of its file. Beats are not waited for.
fn litter(world: &mut World) {
    let litter: Vec<String> = world
        .disk
        .files()
        .into_keys()
        .filter(|path| path.ends_with(".tmp") && !path.contains("/runs/") && !path.contains("/.heartbeat."))
        .collect();
    if !litter.is_empty() {
        world.fail("R4", format!("left lying about: {litter:?}"));
    }
}

/// R30: whoever looks at the engine looks again, whether or not it was told to.
fn relisted(world: &mut World) {
    for process in 0..world.processes.len() {
        let since = world.now - world.processes[process].listed_at;
        if world.is_alive(process) && since > 2 * ccells_core::limits::RELIST_MS {
            world.fail("R30", format!("p{process} has not looked at the engine for {since} ms"));
        }
    }
}
