//! R9: at every instant each container of ours is known to an intent, the index or the state, as they can be read right
//! now and as a power cut would leave them.

use ccells_core::ids::PathText;

use crate::ports::files::Disk;
use crate::world::{Seat, World};

/// Checks every container.
pub fn check(world: &mut World) {
    let mut unknown = None;
    for container in world.engine.containers.values() {
        let Some(labels) = &container.labels else { continue };
        let Some(seat) = world.seats.iter().find(|it| it.home == labels.home && it.repo.id == labels.repo)
        else {
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
    look(intent, &is_whole) || look(seat.places.index(), &holds) || look(seat.places.state(), &holds)
}

/// Whether `needle` is somewhere in `hay`.
pub fn contains(hay: &[u8], needle: &str) -> bool {
    std::str::from_utf8(hay).is_ok_and(|hay| hay.contains(needle))
}

/// Whether an operation on this file or directory can make a container unknown.
pub fn is_about(path: &PathText) -> bool {
    let path = path.as_str();
    ["containers.json", "state.json", "/intents"].iter().any(|end| path.ends_with(end))
        || path.contains("/intents/")
        || path.contains("/state/")
}
