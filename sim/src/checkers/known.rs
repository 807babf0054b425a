//! R9: at every instant each container of ours is known to an intent, the index or the state, as they can be read right
//! now and as a power cut would leave them.

use ccells_core::container::Labels;
use ccells_core::ids::PathText;

use crate::ports::files::Disk;
use crate::world::{Seat, World};

/// Checks every container.
pub fn check(world: &mut World) {
    check_those(world, |_, _| true);
}

/// Checks the containers that a change of this file, or of the names in this directory, can have made unknown.
pub fn check_after(world: &mut World, path: &PathText) {
    let path = path.as_str();
    let is_temporary = path.rsplit('/').next().is_some_and(|name| name.starts_with('.'));
    if is_temporary || path.contains("/runs") || path.contains("/workstreams") || path.contains("/trash") {
        return;
    }
    let intent_of = path.rsplit_once("/intents/").and_then(|(_, name)| name.strip_suffix(".json"));
    check_those(world, |seat, labels| {
        path.starts_with(seat.home_path.as_str())
            && intent_of.is_none_or(|workstream| labels.workstream.as_str() == workstream)
    });
}

fn check_those(world: &mut World, is_concerned: impl Fn(&Seat, &Labels) -> bool) {
    let mut unknown = None;
    for container in world.engine.containers.values() {
        let Some(labels) = &container.labels else { continue };
        let of_seat = |it: &&Seat| it.home == labels.home && it.repo.id == labels.repo;
        let Some(seat) = world.seats.iter().find(of_seat).filter(|seat| is_concerned(seat, labels)) else {
            continue;
        };
        let is_excused = world.oracle.damaged_homes.contains_key(&labels.home)
            || world.oracle.planted.contains(&labels.workstream)
            || world.oracle.may_resurface(&labels.workstream);
        if is_excused {
            continue;
        }
        for is_durable in [false, true] {
            if !is_known(&world.disk, seat, labels.workstream.as_str(), is_durable) {
                let when = if is_durable { "after a power cut now" } else { "right now" };
                unknown = Some(format!("no intent, index or state knows {} {when}", container.name));
            }
        }
    }
    if let Some(text) = unknown {
        world.fail("R9", text);
    }
}

fn is_known(disk: &Disk, seat: &Seat, workstream: &str, is_durable: bool) -> bool {
    let look =
        |path: PathText, judge: &dyn Fn(&[u8]) -> bool| disk.look(&path, is_durable, judge).unwrap_or(false);
    let is_whole = |bytes: &[u8]| bytes.starts_with(b"{") && bytes.ends_with(b"}\n");
    let holds = |bytes: &[u8]| is_whole(bytes) && contains(bytes, workstream);
    let intent = seat.places.intents().join(&format!("{workstream}.json"));
    look(seat.places.index(), &holds)
        || look(intent, &is_whole)
        || look(seat.places.state(&seat.repo.id), &holds)
}

/// Whether `needle` is somewhere in `hay`.
pub fn contains(hay: &[u8], needle: &str) -> bool {
    std::str::from_utf8(hay).is_ok_and(|hay| hay.contains(needle))
}
