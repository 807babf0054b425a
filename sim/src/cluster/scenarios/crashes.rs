//! Scenarios of the run's own end: killed, or without power, at any moment.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ccells_core::event::Event;
use ccells_core::ids::{ContainerId, Generation, PathText, RepoId, RunId, WorkstreamId};
use ccells_core::ports::{FileOp, Files};
use ccells_core::record::{
    Delta, StateRecord, TrackedContainer, TrackingRecord, VERSION, ViewRecord, Writer,
};
use ccells_core::time::Wall;
use ccells_shell::adapters::durable::Durable;
use ccells_shell::mailbox::{Inbox, mailbox};
use ccells_shell::paths::{self, HomePaths};

use super::engine::{JUST_BEFORE_MS, note, wishes};
use crate::cluster::disk::{PacedFiles, read, write_records, write_states};
use crate::cluster::{Cluster, DIED_IN_A_FILE_OPERATION, lock};
use crate::ports::files::Crash;

/// The ways in which a host goes, and what it leaves.
pub(super) const HOST: [&str; 3] = ["killed", "the power went", "crashed with something in flight"];
/// A run dies in the middle of a file operation, and what was wished for meanwhile is not answered.
pub(super) const DIED_WITH_A_WISH: &str = "died with a wish that was not answered";
/// What the crash meets.
pub(super) const SAVES: [&str; 5] = [
    "killed",
    "the power went",
    DIED_IN_A_FILE_OPERATION,
    "some saves were acknowledged at the crash",
    "some saves were not acknowledged at the crash",
];

fn saw_crash(cluster: &Cluster, crash: Crash) {
    cluster.ground.saw(match crash {
        Crash::Kill => HOST[0],
        Crash::Power => HOST[1],
    });
}

/// Things are under way, the host is gone, and another run begins: three times over.
pub(super) fn host_crash(cluster: &mut Cluster) {
    let known = [cluster.create("first"), cluster.create("second")];
    for _ in 0..3 {
        let mut begun = wishes(cluster, &known, 3);
        begun.push(cluster.begin("last"));
        cluster.run_ms(u64::from(cluster.ground.choices.below("just before", JUST_BEFORE_MS)));
        let crash = *cluster.ground.choices.pick("crash", &[Crash::Kill, Crash::Power]);
        note(cluster, begun);
        saw_crash(cluster, crash);
        if cluster.in_flight() > 0 {
            cluster.ground.saw(HOST[2]);
        }
        cluster.crash(crash);
        cluster.run_ms(u64::from(cluster.ground.choices.below("how long", 20_000)));
        cluster.start();
        cluster.run_ms(u64::from(cluster.ground.choices.below("then", 5_000)));
    }
}

/// The same, but the run dies in the middle of a file operation, now and then while it recovers.
pub(super) fn crash_within_a_file_operation(cluster: &mut Cluster) {
    let known = [cluster.create("first"), cluster.create("second")];
    for _ in 0..4 {
        let mut begun = Vec::new();
        cluster.crash_within(60);
        for number in 0..3 {
            if cluster.live().is_some() {
                begun.push(cluster.begin(&format!("more{number}")));
            }
            cluster.run_ms(u64::from(cluster.ground.choices.below("pause", 1_500)));
        }
        let _gone = cluster.type_text(&known[0], "typed");
        if cluster.live().is_none() && begun.iter_mut().any(|(_, asked)| asked.is_lost()) {
            cluster.ground.saw(DIED_WITH_A_WISH);
        }
        note(cluster, begun);
        cluster.crash(Crash::Kill);
        cluster.start();
    }
}

/// What was told to be durable.
#[derive(Default)]
struct Acknowledged {
    tracked: BTreeSet<WorkstreamId>,
    generation: Generation,
}

/// How many tasks save at the same time, and how often each does.
const TASKS: u64 = 6;
const ROUNDS: u64 = 8;
/// How long a task rests at most between two saves, and about how long all of it takes.
const REST_MS: u32 = 30;
const ROUNDS_MS: u32 = 150;

/// Many tasks save through one store while the run itself saves through its own: what was acknowledged is there after
/// the crash, and everything can be read.
pub(super) fn concurrent_saves_from_many_tasks_under_crash(cluster: &mut Cluster) {
    let id = cluster.create("first");
    let repo = RepoId::parse("elsewhere-0123456789ab").expect("a slug and a key");
    let told: Arc<Mutex<Acknowledged>> = Arc::default();
    let paths = HomePaths::new(cluster.ground.seat.home_path.as_str());
    make_room(cluster, &paths, &repo);
    cluster.running().spawn(save_much(cluster, repo.clone(), Arc::clone(&told)));
    cluster.run_ms(u64::from(cluster.ground.choices.below("when", ROUNDS_MS)));
    let crash = *cluster.ground.choices.pick("crash", &[Crash::Kill, Crash::Power]);
    if cluster.ground.choices.chance("in the middle", 5_000) {
        cluster.crash_within(40);
        cluster.run_ms(500);
    }
    saw_crash(cluster, crash);
    cluster.crash(crash);
    cluster.run_ms(100);
    {
        let told = lock(&told);
        let (acknowledged, all) = (told.tracked.len() as u64, TASKS * ROUNDS);
        if acknowledged > 0 {
            cluster.ground.saw(SAVES[3]);
        }
        if acknowledged < all {
            cluster.ground.saw(SAVES[4]);
        }
        let index = tracked(cluster, &paths);
        assert!(index.contains(&id), "R6: the index forgot what another task wrote");
        let state = read::<StateRecord>(&cluster.ground.disk, &paths::text(&paths.state(&repo)));
        let found = state.map_or(Generation(0), |state| state.generation);
        assert!(found >= told.generation, "R1: {:?} was acknowledged, {found:?} is there", told.generation);
        let lost: Vec<_> = told.tracked.difference(&index).collect();
        assert!(lost.is_empty(), "R1: acknowledged, and not in the index: {lost:?}");
    }
    cluster.start();
    cluster.running().spawn(forget(cluster, tracked(cluster, &paths), id));
    cluster.run_ms(10_000);
}

/// Which workstreams the index on disk knows.
fn tracked(cluster: &Cluster, paths: &HomePaths) -> BTreeSet<WorkstreamId> {
    let index = read::<TrackingRecord>(&cluster.ground.disk, &paths::text(&paths.index()));
    let index = index.expect("R3: the index can be read");
    index.containers.into_iter().map(|entry| entry.workstream_id).collect()
}

fn make_room(cluster: &Cluster, paths: &HomePaths, repo: &RepoId) {
    let mut files = cluster.running().files.clone();
    let room = paths::text(&paths.repo(repo));
    for op in [FileOp::MakeDir(room), FileOp::SyncDir(cluster.ground.seat.home_path.join("state"))] {
        files.apply(&op).expect("a disk on which nothing fails");
    }
}

/// A store of its own in the run's process, with its two writers.
fn store(cluster: &Cluster) -> (Arc<Durable>, impl Future<Output = ()> + Send + use<>, Inbox) {
    let ground = Arc::clone(&cluster.ground);
    let files = cluster.running().files.clone();
    let paths = HomePaths::new(ground.seat.home_path.as_str());
    let run = RunId::parse(&format!("03{:024}", ground.number())).expect("26 digits are an id");
    let numbers = Arc::clone(&ground);
    let nonces = Arc::new(move || numbers.number());
    let (durable, records, states) = Durable::without_writers(paths, Writer { run, pid: 7 }, nonces);
    let paced = || PacedFiles::new(files.clone(), ground.choices.clone()).with(ground.planted);
    let (records_files, states_files) = (paced(), paced());
    let (mailbox, inbox) = mailbox();
    let write = async move {
        tokio::join!(write_records(records, records_files), write_states(states, states_files, mailbox));
    };
    (Arc::new(durable), write, inbox)
}

fn save_much(
    cluster: &Cluster,
    repo: RepoId,
    told: Arc<Mutex<Acknowledged>>,
) -> impl Future<Output = ()> + Send + use<> {
    let (durable, write, mut inbox) = store(cluster);
    let repo_path = cluster.ground.seat.repo.path.clone();
    let generations = Arc::new(AtomicU64::new(0));
    let choices = cluster.ground.choices.clone();
    async move {
        tokio::spawn(write);
        for task in 0..TASKS {
            let (durable, told, generations) =
                (Arc::clone(&durable), Arc::clone(&told), Arc::clone(&generations));
            let (repo, repo_path, choices) = (repo.clone(), repo_path.clone(), choices.clone());
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let rest_ms = choices.below("rest", REST_MS);
                    tokio::time::sleep(Duration::from_millis(rest_ms.into())).await;
                    let generation = Generation(generations.fetch_add(1, Ordering::Relaxed) + 1);
                    durable.save_state(state(generation, &repo, &repo_path));
                    let entry = entry(task * ROUNDS + round, &repo, &repo_path);
                    let id = entry.workstream_id.clone();
                    if durable.update_index(Delta::Track(entry), Wall(1)).await.is_ok() {
                        lock(&told).tracked.insert(id);
                    }
                }
            });
        }
        while let Some(event) = inbox.take().await {
            if let Event::StateSaved { generation, outcome: Ok(()) } = event {
                let mut told = lock(&told);
                told.generation = told.generation.max(generation);
            }
        }
    }
}

/// Takes all of it out of the index again.
fn forget(
    cluster: &Cluster,
    tracked: BTreeSet<WorkstreamId>,
    but: WorkstreamId,
) -> impl Future<Output = ()> + Send + use<> {
    let (durable, write, _inbox) = store(cluster);
    async move {
        tokio::spawn(write);
        for id in tracked.into_iter().filter(|id| *id != but) {
            let outcome = durable.update_index(Delta::Untrack(id), Wall(2)).await;
            assert_eq!(outcome, Ok(()), "a disk on which nothing fails");
        }
        durable.finish();
    }
}

fn state(generation: Generation, repo: &RepoId, repo_path: &PathText) -> StateRecord {
    StateRecord {
        version: VERSION,
        generation,
        writer: None,
        written_at: Wall(1),
        repo_id: repo.clone(),
        repo_path: repo_path.clone(),
        view: ViewRecord::default(),
        workstreams: Vec::new(),
        extra: serde_json::Map::new(),
    }
}

fn entry(number: u64, repo: &RepoId, repo_path: &PathText) -> TrackedContainer {
    TrackedContainer {
        container_id: ContainerId::parse(&format!("{number:064x}")).expect("hexadecimal digits"),
        workstream_id: WorkstreamId::parse(&format!("04{number:024}")).expect("26 digits are an id"),
        branch_name: format!("branch-{number}"),
        repo_path: repo_path.clone(),
        name: format!("elsewhere-{number}"),
        repo_id: repo.clone(),
        state: "running".to_string(),
        created_at: Wall(1),
        extra: serde_json::Map::new(),
    }
}
