//! R9: at every instant each container of ours is known to an intent, the index or the state, as they can be read right
//! now and as a power cut would leave them.

use ccells_core::container::Labels;
use ccells_core::ids::PathText;

use crate::ports::files::Disk;
use crate::world::{Seat, World};

/// Where knowledge is, as it can be read right now and as a power cut would leave it.
const MOMENTS: [&str; 2] = ["right now", "after a power cut now"];

/// Checks every container.
pub fn check(world: &mut World) {
    check_those(world, |_, _| true);
}

/// Checks the containers that a change of this file, or of the names in this directory, can have made unknown.
pub fn check_after(world: &mut World, path: &PathText) {
    let path = path.as_str();
    let is_of_home = |seat: &Seat| path.strip_prefix(seat.home_path.as_str()).is_some_and(may_matter);
    if !world.seats.iter().any(is_of_home) {
        return;
    }
    let intent_of = path.rsplit_once("/intents/").and_then(|(_, name)| name.strip_suffix(".json"));
    check_those(world, |seat, labels| {
        is_of_home(seat) && intent_of.is_none_or(|workstream| labels.workstream.as_str() == workstream)
    });
}

/// Whether a change of this file or directory of a home can make a container unknown.
fn may_matter(place: &str) -> bool {
    let is_state =
        || place.starts_with("/state/") && (place.ends_with("/state.json") || !place.contains('.'));
    let is_intent = || place.starts_with("/intents/") && place.ends_with(".json");
    matches!(place, "" | "/containers.json" | "/intents") || is_state() || is_intent()
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
        let is_known = is_known(&world.disk, seat, labels.workstream.as_str());
        if let Some((when, _)) = MOMENTS.into_iter().zip(is_known).rfind(|(_, is_known)| !is_known) {
            unknown = Some(format!("no intent, index or state knows {} {when}", container.name));
        }
    }
    if let Some(text) = unknown {
        world.fail("R9", text);
    }
}

/// At both moments.
fn is_known(disk: &Disk, seat: &Seat, workstream: &str) -> [bool; 2] {
    let is_whole = |bytes: &[u8]| bytes.starts_with(b"{") && bytes.ends_with(b"}\n");
    let holds = |bytes: &[u8]| is_whole(bytes) && contains(bytes, workstream);
    let mut is_known = [false; 2];
    let mut ask = |path: PathText, judge: &dyn Fn(&[u8]) -> bool| {
        let [now, later] = disk.look_twice(&path, judge);
        is_known = [is_known[0] || now, is_known[1] || later];
        is_known == [true; 2]
    };
    let intent = || seat.places.intents().join(&format!("{workstream}.json"));
    let _ = ask(seat.places.index(), &holds)
        || ask(intent(), &is_whole)
        || ask(seat.places.state(&seat.repo.id), &holds);
    is_known
}

/// Whether `needle` is somewhere in `hay`.
pub fn contains(hay: &[u8], needle: &str) -> bool {
    std::str::from_utf8(hay).is_ok_and(|hay| hay.contains(needle))
}
