//! The end of every scenario: with everything working again all comes to rest, what is there is what was promised, and
//! a run that is told to end leaves nothing of itself behind.

use std::collections::BTreeSet;

use ccells_core::container::Labels;
use ccells_core::event::Ask;
use ccells_core::record::{StateRecord, TrackingRecord};
use ccells_core::snapshot::{CardState, EngineState, Snapshot};

use super::process::Ending;
use super::slips::Planted;
use super::{CALM_MS, Cluster, disk, git};
use crate::dockerd::Seen;
use crate::ports::git::Made;

/// The storm is over: checks everything.
pub fn check(cluster: &mut Cluster) {
    assert!(cluster.ground.planted != Planted::Always, "C0: the canary sings");
    cluster.calm();
    take_up(cluster);
    rest(cluster);
    leaked(cluster);
    promised(cluster);
    streams(cluster);
    // A request of the storm may land long after its client gave it up; by then all have that ever will.
    cluster.run_ms(ccells_core::limits::LATE_MS);
    rest(cluster);
    let before = states(cluster);
    let ending = cluster.quit(ccells_core::limits::SHUTDOWN_MS + 1_000);
    let expected = Ending { is_complete: true, tasks: 0, engine_tasks: 0, streams: 0 };
    assert_eq!(ending, expected, "Q2: the run left something of itself behind");
    quiet(cluster);
    assert_eq!(states(cluster), before, "Q3: a quit that leaves agents at work changed their containers");
}

/// People wait until nothing is being done, have done what was interrupted, and try again what failed.
fn take_up(cluster: &mut Cluster) {
    for number in 0..TRIES {
        cluster.wait("nothing is being done any more", CALM_MS, |cluster| {
            let Some(picture) = cluster.snapshot() else { return false };
            picture.engine == EngineState::Up
                && picture.workstreams.iter().all(|card| card.progress.is_none())
        });
        let picture = cluster.snapshot().expect("a run lives");
        let failed: Vec<_> = picture.workstreams.iter().filter(|card| needs_a_person(card.state)).collect();
        if number > 0 && failed.is_empty() {
            return;
        }
        let _done = cluster.ask_and_wait(Ask::Reconcile, CALM_MS);
        for card in failed {
            // What comes of it is seen in the picture.
            let _outcome = cluster.ask_and_wait(Ask::Resume(card.id.clone()), CALM_MS);
        }
    }
    panic!("L1: what failed still fails after {TRIES} tries\n{}", cluster.portrait());
}

/// How often people try.
const TRIES: u32 = 4;

fn needs_a_person(state: CardState) -> bool {
    match state {
        CardState::Failed | CardState::Removing | CardState::Lost => true,
        CardState::Creating
        | CardState::Running
        | CardState::Paused
        | CardState::Stopped
        | CardState::Unknown => false,
    }
}

/// L1: everything comes to rest.
fn rest(cluster: &mut Cluster) {
    cluster.wait("everything is at rest", CALM_MS, |cluster| {
        let Some(picture) = cluster.snapshot() else { return false };
        picture.engine == EngineState::Up
            && picture.workstreams.iter().all(is_at_rest)
            && !has_intents(cluster)
    });
}

fn is_at_rest(card: &ccells_core::snapshot::Card) -> bool {
    let is_settled = match card.state {
        CardState::Running => card.is_attached,
        CardState::Paused | CardState::Stopped => true,
        CardState::Creating
        | CardState::Removing
        | CardState::Unknown
        | CardState::Failed
        | CardState::Lost => false,
    };
    is_settled && card.progress.is_none()
}

fn has_intents(cluster: &Cluster) -> bool {
    let names = cluster.ground.disk.names(&cluster.ground.seat.places.intents()).unwrap_or_default();
    names.iter().any(|name| name.ends_with(".json"))
}

/// The ids of our containers at the engine.
fn containers(cluster: &Cluster) -> BTreeSet<String> {
    ours(cluster).into_iter().map(|it| it.id).collect()
}

/// The same, each with its state.
fn states(cluster: &Cluster) -> BTreeSet<String> {
    ours(cluster).into_iter().map(|it| format!("{} {:?}", it.id, it.state)).collect()
}

fn ours(cluster: &Cluster) -> Vec<Seen> {
    let is_ours = |labels: &Labels| labels.home == cluster.ground.seat.home;
    let all = cluster.ground.dockerd.containers().into_iter();
    all.filter(|it| {
        Labels::parse(|name| it.labels.get(name).map(String::as_str)).is_some_and(|labels| is_ours(&labels))
    })
    .collect()
}

/// R14: the containers at the engine are those of the picture, of the index and of the state, no more and no fewer.
fn leaked(cluster: &mut Cluster) {
    let places = cluster.ground.seat.places.clone();
    cluster.wait("R14: engine, picture, index and state agree", CALM_MS, |cluster| {
        let at_engine = containers(cluster);
        let Some(picture) = cluster.snapshot() else { return false };
        let index = disk::read::<TrackingRecord>(&cluster.ground.disk, &places.index());
        let in_index = index.map(|index| index.containers).unwrap_or_default();
        let in_index = in_index.into_iter().map(|entry| entry.container_id.to_string()).collect();
        let state =
            disk::read::<StateRecord>(&cluster.ground.disk, &places.state(&cluster.ground.seat.repo.id));
        let in_state = state.map(|state| state.workstreams).unwrap_or_default();
        let in_state =
            in_state.into_iter().filter_map(|entry| Some(entry.container_id?.to_string())).collect();
        at_engine == shown(&picture) && at_engine == in_index && at_engine == in_state
    });
}

fn shown(picture: &Snapshot) -> BTreeSet<String> {
    picture.workstreams.iter().filter_map(|card| Some(card.container_id.as_ref()?.to_string())).collect()
}

/// P1 and R13: what was acknowledged is there with its worktree, what was acknowledged as removed is gone. P2: no work
/// went that is kept nowhere.
fn promised(cluster: &Cluster) {
    let trees = git::lock(&cluster.ground.git);
    for (id, is_there) in &cluster.promised {
        let has_worktree = trees.trees.get(id).is_some_and(|tree| tree.worktree == Made::Whole);
        let is_shown = cluster.card(id).is_some();
        if *is_there {
            assert!(is_shown, "P1: {id} was acknowledged, and is not there");
            assert!(has_worktree, "P1: {id} was acknowledged, and its worktree is not there");
        } else {
            assert!(!is_shown, "R13: the removal of {id} was acknowledged, and it is there");
            assert!(!has_worktree, "R13: the removal of {id} was acknowledged, and its worktree is there");
        }
    }
    for (id, tree) in &trees.trees {
        assert_eq!(tree.lost, 0, "P2: work of {id} is lost");
    }
}

/// Q6: the streams to the engine are the one that tells of changes and one for each attached terminal.
fn streams(cluster: &mut Cluster) {
    cluster.wait("Q6: no more streams are open than are needed", 10_000, |cluster| {
        let attached = cluster
            .snapshot()
            .map_or(0, |picture| picture.workstreams.iter().filter(|card| card.is_attached).count());
        cluster.ground.lines.open().len() <= 1 + attached
    });
}

/// Q4: after its end nothing more of a run reaches the engine.
fn quiet(cluster: &mut Cluster) {
    // What was on its way arrives.
    cluster.run_ms(200);
    let before = cluster.trace().len();
    cluster.run_ms(10_000);
    let after = cluster.trace();
    assert_eq!(after[before..], [] as [String; 0], "Q4: something happens after the end");
}
