//! The two writers of a run as they are shipped, each a thread of its own. Once `stop` returned, everything that was
//! asked for is on the disk and everybody was answered: then the run's locks go, and another run reads and writes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use ccells_core::container::ContainerLimits;
use ccells_core::ids::{ContainerId, Generation, PathText, RepoId, RunId, WorkstreamId};
use ccells_core::ports::Beginning;
use ccells_core::record::{
    self, AgentCommand, BeatRecord, Facts, Intent, Operation, StateEntry, StateRecord, TrackedContainer,
    TrackingRecord, VERSION, ViewRecord, Writer,
};
use ccells_core::time::Wall;
use ccells_core::tracking::Delta;
use ccells_shell::adapters::durable::{Durable, Outcome};
use ccells_shell::paths::HomePaths;
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

/// Workstreams in play, and as many versions of the state: both writers are busy when they are told to end.
const COUNT: u64 = 30;

fn run_id() -> RunId {
    RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("a run id")
}

fn repo_id() -> RepoId {
    RepoId::parse("web-1a2b").expect("a repository id")
}

fn id(number: u64) -> WorkstreamId {
    WorkstreamId::parse(&format!("01jd8z5q0v3x7k2m9n4p6{number:05}")).expect("a workstream id")
}

fn facts(number: u64) -> Facts {
    let below = |name: &str| PathText(format!("/nowhere/{name}"));
    Facts {
        id: id(number),
        name: format!("number-{number}"),
        prompt: "a task".to_string(),
        branch: format!("branch-{number}"),
        base_ref: None,
        base: None,
        beginning: Beginning::default(),
        repo_id: repo_id(),
        repo_path: below("repo"),
        git_dir: below("repo/.git"),
        objects: Vec::new(),
        worktree: below("worktree"),
        home: below("home"),
        container_name: format!("ccells-{number}"),
        image: "image".to_string(),
        agent: AgentCommand::default(),
        owner: (0, 0),
        limits: ContainerLimits::default(),
        created_at: Wall(1),
    }
}

fn intent(number: u64) -> Intent {
    Intent {
        version: VERSION,
        operation: Operation::Create,
        run: run_id(),
        workstream: facts(number),
        written_at: Wall(1),
        reason: None,
        moving: None,
        basing: None,
    }
}

fn tracked(number: u64) -> Delta {
    let container = ContainerId::parse(&format!("{number:064x}")).expect("a container id");
    Delta::Track(TrackedContainer::new(&facts(number), &container, "running"))
}

fn state(generation: u64) -> StateRecord {
    let entry = |number| StateEntry {
        facts: facts(number),
        container_id: None,
        was_paused_by_quit: false,
        was_stopped_by_user: false,
        unsettled_since: None,
        rebase: None,
        extra: serde_json::Map::new(),
    };
    StateRecord {
        version: VERSION,
        generation: Generation(generation),
        writer: None,
        written_at: Wall(generation),
        repo_id: repo_id(),
        repo_path: PathText::from("/nowhere/repo"),
        view: ViewRecord::default(),
        workstreams: (0..COUNT).map(entry).collect(),
        extra: serde_json::Map::new(),
    }
}

fn beat(sequence: u64) -> BeatRecord {
    BeatRecord {
        version: VERSION,
        pid: 7,
        timestamp: sequence,
        run: run_id(),
        repo_id: repo_id(),
        sequence,
        boot_id: "boot".to_string(),
        start_ticks: 1,
    }
}

#[track_caller]
fn read<T: DeserializeOwned>(path: &Path) -> T {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    record::parse(&bytes).unwrap_or_else(|flaw| panic!("{}: {flaw}", path.display()))
}

/// Two changes of the index, an intent, and for every other workstream its end: one writing takes both changes, and
/// may leave out nothing that comes between them and the next ones.
fn ask_for_everything(durable: &Arc<Durable>) -> JoinSet<Outcome> {
    let mut asked = JoinSet::new();
    for number in 0..COUNT {
        for delta in [Delta::Untrack(id(number)), tracked(number)] {
            let durable = Arc::clone(durable);
            asked.spawn_local(async move { durable.update_index(delta, Wall(1)).await });
        }
        let writing = Arc::clone(durable);
        asked.spawn_local(async move { writing.write_intent(intent(number)).await });
        if number % 2 == 0 {
            let clearing = Arc::clone(durable);
            asked.spawn_local(async move { clearing.clear_intent(&id(number)).await });
        }
    }
    asked
}

#[test]
fn when_stop_returned_all_that_was_asked_for_is_on_the_disk_and_answered() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let paths = HomePaths::new(place.path());
    for room in paths.rooms().iter().chain([&paths.repo(&repo_id())]) {
        fs::create_dir_all(room).expect("a directory");
    }
    let (saved, saves) = channel();
    let durable =
        Durable::start(paths.clone(), Writer { run: run_id(), pid: 7 }, move |generation, outcome| {
            // After the test failed nobody listens.
            let _gone = saved.send((generation, outcome));
        });
    let durable = Arc::new(durable.expect("two threads"));

    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    let answers = local.block_on(&runtime, async {
        let asked = ask_for_everything(&durable);
        // Each has asked once all have had their turn; a turn of the set is not one of all its tasks.
        for _ in 0..asked.len() {
            tokio::task::yield_now().await;
        }
        for number in 1..=COUNT {
            durable.beat(beat(number));
            durable.save_state(state(number));
        }
        durable.stop();

        let index: TrackingRecord = read(&paths.index());
        let named: BTreeSet<_> = index.containers.into_iter().map(|entry| entry.workstream_id).collect();
        assert_eq!(named, (0..COUNT).map(id).collect());
        for number in 0..COUNT {
            assert_eq!(paths.intent(&id(number)).exists(), number % 2 == 1, "the intent of {number}");
        }
        assert_eq!(read::<StateRecord>(&paths.state(&repo_id())), state(COUNT));
        assert_eq!(read::<BeatRecord>(&paths.run_beat(&run_id())), beat(COUNT));
        assert_eq!(read::<BeatRecord>(&paths.heartbeat()), beat(COUNT));
        asked.join_all().await
    });
    assert_eq!(answers, vec![Ok(()); answers.len()]);
    drop(durable);
    assert_eq!(saves.iter().last(), Some((Generation(COUNT), Ok(()))));
}
