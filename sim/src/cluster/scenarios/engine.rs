//! Scenarios of the engine: it is slow, hangs, fails, dies and comes back.

use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;

use crate::cluster::{Asked, CALM_MS, Cluster};
use crate::dockerd::Weather;

/// Wishes wait when the engine works again.
pub(super) const STILL_IN_FLIGHT: &str = "something was in flight when it worked again";
/// A wish failed, and that was said.
pub(super) const WISH_FAILED: &str = "a wish failed";
/// The engine dies with something in flight; its containers end with it, or do not.
pub(super) const CRASHES: [&str; 3] =
    ["the engine died with something in flight", "containers ended", "containers went on"];

/// Asks for a few things, one after the other, and gives what was begun.
pub(super) fn wishes(
    cluster: &mut Cluster,
    known: &[WorkstreamId],
    count: u32,
) -> Vec<(WorkstreamId, Asked)> {
    let mut begun = Vec::new();
    for number in 0..count {
        let id = cluster.ground.choices.pick("whose", known).clone();
        let ask = match cluster.ground.choices.below("wish", 5) {
            0 => None,
            1 => Some(Ask::Pause(id)),
            2 => Some(Ask::Resume(id)),
            3 => Some(Ask::Stop(id)),
            _ => {
                cluster.release(&id);
                Some(Ask::Remove { workstream: id, is_forced: true, keep_branch: false })
            }
        };
        match ask {
            None => begun.push(cluster.begin(&format!("more{number}"))),
            Some(ask) => drop(cluster.ask(ask)),
        }
        cluster.run_ms(u64::from(cluster.ground.choices.below("pause", 3_000)));
    }
    begun
}

/// Notes those creations that were acknowledged and that nobody asked to take away again.
pub(super) fn note(cluster: &mut Cluster, begun: Vec<(WorkstreamId, Asked)>) {
    for (id, mut asked) in begun {
        match asked.outcome() {
            Some(Ok(_)) => cluster.promise(&id, true),
            Some(Err(_)) => cluster.ground.saw(WISH_FAILED),
            // It is on its way, or its run is gone.
            None => {}
        }
    }
}

/// Before a crash there is a wish, and the crash comes before it can have come true.
pub(super) const JUST_BEFORE_MS: u32 = 600;
/// Within this time the end of a stream has reached the picture.
const END_NOTICED_MS: u64 = 1_000;

pub(super) fn slow(cluster: &mut Cluster) {
    let known = [cluster.create("first"), cluster.create("second")];
    cluster.ground.dockerd.set_weather(Weather { slow: 6_000, slow_ms: 60_000, ..Weather::CALM });
    let begun = wishes(cluster, &known, 6);
    still_in_flight(cluster);
    cluster.run_ms(CALM_MS / 2);
    note(cluster, begun);
}

fn still_in_flight(cluster: &Cluster) {
    // The stream that tells of changes is always there, and so is one for each attached terminal that opens.
    if cluster.is_waiting_for_engine() {
        cluster.ground.saw(STILL_IN_FLIGHT);
    }
}

pub(super) fn hung(cluster: &mut Cluster) {
    let known = [cluster.create("first"), cluster.create("second")];
    for _ in 0..2 {
        cluster.hang_engine(true);
        let begun = wishes(cluster, &known, 3);
        cluster.run_ms(u64::from(cluster.ground.choices.below("how long", 90_000)));
        still_in_flight(cluster);
        cluster.hang_engine(false);
        note(cluster, begun);
    }
}

pub(super) fn stormy(cluster: &mut Cluster) {
    let known = [cluster.create("first"), cluster.create("second")];
    cluster.ground.dockerd.set_weather(Weather::STORM);
    let begun = wishes(cluster, &known, 8);
    cluster.run_ms(60_000);
    note(cluster, begun);
}

pub(super) fn crash_and_restart(cluster: &mut Cluster) {
    let known = [cluster.create("first"), cluster.create("second")];
    for _ in 0..2 {
        let mut begun = wishes(cluster, &known, 2);
        begun.push(cluster.begin("last"));
        cluster.run_ms(u64::from(cluster.ground.choices.below("just before", JUST_BEFORE_MS)));
        if cluster.is_waiting_for_engine() {
            cluster.ground.saw(CRASHES[0]);
        }
        cluster.crash_engine();
        cluster.run_ms(END_NOTICED_MS);
        let attached = cluster
            .snapshot()
            .map_or(0, |picture| picture.workstreams.iter().filter(|card| card.is_attached).count());
        assert_eq!(attached, 0, "C5: terminals are still attached to an engine that is gone");
        cluster.run_ms(u64::from(cluster.ground.choices.below("how long", 60_000)));
        let leaves_containers = !cluster.ground.choices.chance("no live restore", 5_000);
        cluster.ground.saw(CRASHES[1 + usize::from(leaves_containers)]);
        cluster.start_engine(leaves_containers);
        cluster.run_ms(u64::from(cluster.ground.choices.below("then", 10_000)));
        note(cluster, begun);
    }
}
