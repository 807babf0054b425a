//! Scenarios of the streams: what is between the run and the engine fails, and agents are attached again.

use ccells_core::event::Ask;
use ccells_core::ids::WorkstreamId;

use crate::cluster::net::{ENGINE, Flow};
use crate::cluster::{CALM_MS, CCELLS, Cluster};

/// A stream is cut off while the run waits for something.
pub(super) const CUT_OFF_IN_FLIGHT: &str = "cut off with something in flight";
/// Each way a partition can go.
pub(super) const ONE_WAY: [&str; 2] = ["nothing reaches the engine", "nothing comes from the engine"];
/// A terminal is attached when its stream is reset.
pub(super) const RESET_WHILE_ATTACHED: &str = "reset while attached";

/// Make, attach, type, read, freeze, let go on, take away.
pub(super) fn life(cluster: &mut Cluster) {
    let (first, second) = (cluster.create("first"), cluster.create("second"));
    cluster.wait_seen(&first, "this is first");
    cluster.wait_seen(&second, "this is second");
    assert!(cluster.type_text(&first, "hello\r"), "an attached session takes what is typed");
    cluster.wait_seen(&first, "hello");
    for ask in [Ask::Pause(first.clone()), Ask::Resume(first.clone())] {
        let outcome = cluster.ask_and_wait(ask, CALM_MS);
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    type_and_see(cluster, &first, "again");
    let remove = Ask::Remove { workstream: second.clone(), is_forced: true, keep_branch: false };
    let outcome = cluster.ask_and_wait(remove, CALM_MS);
    assert!(outcome.is_ok(), "{outcome:?}");
    cluster.promise(&second, false);
}

/// Types as often as it takes until it is seen: what was typed into a stream that leads nowhere is gone.
fn type_and_see(cluster: &mut Cluster, id: &WorkstreamId, word: &str) {
    cluster.wait("what is typed is seen", CALM_MS, |cluster| {
        let is_second = cluster.elapsed().as_millis().is_multiple_of(1_000);
        if is_second {
            let _taken = cluster.type_text(id, word);
        }
        cluster.screen(id).contains(word)
    });
}

pub(super) fn partition_and_heal(cluster: &mut Cluster) {
    let id = cluster.create("first");
    let (_late, _asked) = cluster.begin("late");
    cluster.run_ms(u64::from(cluster.ground.choices.below("when", 2_000)));
    if cluster.in_flight() > 0 {
        cluster.ground.saw(CUT_OFF_IN_FLIGHT);
    }
    cluster.partition();
    let _gone = cluster.type_text(&id, "unheard");
    cluster.run_ms(1_000 + u64::from(cluster.ground.choices.below("how long", 120_000)));
    cluster.heal();
    type_and_see(cluster, &id, "wieder da");
}

pub(super) fn one_way_partition(cluster: &mut Cluster) {
    let id = cluster.create("first");
    let ways = [(CCELLS, ENGINE), (ENGINE, CCELLS)];
    let (from, to) = *cluster.ground.choices.pick("way", &ways);
    let (_late, _asked) = cluster.begin("late");
    cluster.run_ms(u64::from(cluster.ground.choices.below("when", 2_000)));
    cluster.ground.saw(ONE_WAY[usize::from(from == ENGINE)]);
    cluster.partition_one_way(from, to);
    cluster.run_ms(1_000 + u64::from(cluster.ground.choices.below("how long", 120_000)));
    cluster.heal();
    type_and_see(cluster, &id, "wieder da");
}

/// Every stream leads nowhere and nobody is told. New ones are whole.
pub(super) fn half_open_stream(cluster: &mut Cluster) {
    let id = cluster.create("first");
    assert!(!cluster.ground.lines.open().is_empty(), "an attached terminal has a stream");
    cluster.ground.lines.turn_all(Flow::Lost, Flow::Lost);
    type_and_see(cluster, &id, "wieder da");
}

/// Streams are reset while the agent writes: not a byte is missing or comes twice.
pub(super) fn reset(cluster: &mut Cluster) {
    let id = cluster.create("first");
    assert!(cluster.type_text(&id, "--flood=200000 --wait=700 --flood=200000 --wait=700 --say=fin\r"));
    // Keys that a reset overtakes are lost, as on any line: it comes while the agent writes.
    cluster.wait_seen(&id, "line");
    for _ in 0..5 {
        cluster.run_ms(u64::from(cluster.ground.choices.below("when", 900)));
        if cluster.card(&id).is_some_and(|card| card.is_attached) {
            cluster.ground.saw(RESET_WHILE_ATTACHED);
        }
        cluster.ground.lines.turn_all(Flow::Broken, Flow::Broken);
    }
    cluster.wait_attached(&id);
    cluster.wait_seen(&id, "fin");
    let screen = cluster.screen(&id);
    let lines: Vec<u64> =
        screen.lines().filter_map(|line| line.strip_prefix("line")?.trim().parse().ok()).collect();
    assert!(lines.len() > 5, "the flood is on the screen:\n{screen}");
    assert!(lines.windows(2).all(|pair| pair[1] == pair[0] + 1), "P3: output is missing or twice:\n{screen}");
}
