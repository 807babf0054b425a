//! What a start does with what it may not see, and what it leaves alone: on a disk made of names and bytes.

use alloc::string::String;
use alloc::vec::Vec;
use std::collections::{BTreeMap, BTreeSet};
use std::string::ToString;
use std::vec;

use super::*;
use crate::container::ContainerLimits;
use crate::ids::{Generation, RepoId};
use crate::ports::Beginning;
use crate::record::AgentCommand;
use crate::record::ViewRecord;

const HOME: &str = "/h";
const STATE: &str = "/h/state/web-1/state.json";
const REPO_LOCK: &str = "/h/state/web-1/repo.lock";
const LIVING: u32 = 7;
const DEAD: u32 = 8;

#[derive(Default)]
struct Desk {
    files: BTreeMap<String, Vec<u8>>,
    refused: BTreeMap<String, FileError>,
    held: BTreeSet<String>,
    done: Vec<FileOp>,
}

impl Desk {
    fn put(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.to_string(), bytes.into());
        self
    }

    fn refusing(mut self, path: &str, why: FileError) -> Self {
        self.refused.insert(path.to_string(), why);
        self
    }

    fn held(mut self, lock: &str) -> Self {
        self.held.insert(lock.to_string());
        self
    }

    fn list(&self, directory: &str) -> FileOk {
        let below = self.files.keys().filter_map(|path| path.strip_prefix(directory)?.strip_prefix('/'));
        let names: BTreeSet<_> = below.filter_map(|rest| rest.split('/').next()).collect();
        FileOk::Names(names.into_iter().map(ToString::to_string).collect())
    }

    fn has_done(&self, is_it: impl Fn(&FileOp) -> bool) -> bool {
        self.done.iter().any(is_it)
    }
}

impl Files for Desk {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        self.done.push(op.clone());
        match op {
            FileOp::Read(path) | FileOp::List(path) if self.refused.contains_key(path.as_str()) => {
                Err(self.refused[path.as_str()].clone())
            }
            FileOp::Read(path) => {
                self.files.get(path.as_str()).cloned().map(FileOk::Bytes).ok_or(FileError::NotFound)
            }
            FileOp::List(path) => Ok(self.list(path.as_str())),
            FileOp::TryLock(path) if self.held.contains(path.as_str()) => Err(FileError::Locked),
            FileOp::Unlink(path) => {
                self.files.remove(path.as_str()).map(|_| FileOk::Done).ok_or(FileError::NotFound)
            }
            FileOp::Rename(from, to) => {
                let bytes = self.files.remove(from.as_str()).ok_or(FileError::NotFound)?;
                self.files.insert(to.as_str().to_string(), bytes);
                Ok(FileOk::Done)
            }
            FileOp::MakeDir(_)
            | FileOp::CreateNew(_)
            | FileOp::Append(..)
            | FileOp::SyncFile(_)
            | FileOp::Link(..)
            | FileOp::SyncDir(_)
            | FileOp::TryLock(_)
            | FileOp::Unlock(_) => Ok(FileOk::Done),
        }
    }
}

impl Site for Desk {
    fn is_in_use(&self, pid: u32) -> bool {
        pid == LIVING
    }

    fn holder_of(&self, _lock: &PathText) -> String {
        "somebody".to_string()
    }
}

fn run_id(last: char) -> RunId {
    RunId::parse(&format!("01jd8z5q0v3x7k2m9n4p6r8s1{last}")).unwrap()
}

fn workstream() -> WorkstreamId {
    WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").unwrap()
}

fn start(wanted: Wanted) -> Start {
    Start {
        run: run_id('a'),
        pid: LIVING,
        wanted,
        purpose: Purpose::Interactive,
        home: HomeId::parse("home").unwrap(),
        home_path: HOME.into(),
        owner: (1, 1),
        repo: Repo {
            id: RepoId::parse("web-1").unwrap(),
            slug: "web".to_string(),
            path: "/web".into(),
            git_dir: "/web/.git".into(),
            objects: vec!["/web/.git/objects".into()],
        },
        settings: Settings {
            image: "image".to_string(),
            agent: AgentCommand::default(),
            limits: ContainerLimits::default(),
            branch_prefix: "ccells/".to_string(),
            asks_remotes: true,
        },
        now: Wall(1_000_000),
        planted: Planted::default(),
    }
}

fn state(generation: u64) -> Vec<u8> {
    let start = start(Wanted::Write);
    let record = StateRecord {
        version: record::VERSION,
        generation: Generation(generation),
        writer: Some(record::Writer { run: start.run, pid: start.pid }),
        written_at: Wall(0),
        repo_id: start.repo.id,
        repo_path: start.repo.path,
        view: ViewRecord::default(),
        workstreams: Vec::new(),
        extra: serde_json::Map::new(),
    };
    record::print(&record)
}

fn beat(run: &RunId, repo: &str, timestamp: u64) -> Vec<u8> {
    let (boot_id, repo_id) = ("boot".to_string(), RepoId::parse(repo).unwrap());
    let run = run.clone();
    let beat =
        BeatRecord { version: 1, pid: 9, timestamp, run, repo_id, sequence: 1, boot_id, start_ticks: 1 };
    record::print(&beat)
}

#[test]
fn a_directory_that_cannot_be_listed_ends_the_start() {
    let rooms = ["/h/intents", "/h/workstreams", "/h/runs", "/h/worktrees/web-1", "/h/state/web-1"];
    for room in rooms {
        for why in [FileError::Denied, FileError::Io(5)] {
            let mut disk = Desk::default().refusing(room, why.clone());
            let outcome = read(&mut disk, &start(Wanted::WriteOrLook));
            let expected = StartError::Refused { path: room.into(), wish: "listed", why };
            assert_eq!(outcome.err(), Some(expected), "{room}");
        }
        let mut disk = Desk::default().refusing(room, FileError::NotFound);
        let found = read(&mut disk, &start(Wanted::WriteOrLook)).unwrap();
        assert_eq!(found.notices, Vec::<String>::new(), "{room} is not there: nothing is in it");
    }
    let refused = StartError::Refused { path: "/h/intents".into(), wish: "listed", why: FileError::Denied };
    assert_eq!(
        refused.to_string(),
        "/h/intents cannot be listed: permission denied; ccells does not begin, so as not to lose it"
    );
}

#[test]
fn a_record_that_the_disk_refuses_ends_the_start_and_a_damaged_one_is_told() {
    let facts = format!("/h/workstreams/{}/workstream.json", workstream());
    let intent = format!("/h/intents/{}.json", workstream());
    for path in [facts.as_str(), &intent, "/h/containers.json"] {
        let mut disk = Desk::default().put(path, "{}").refusing(path, FileError::Io(5));
        let outcome = read(&mut disk, &start(Wanted::WriteOrLook));
        let expected = StartError::Refused { path: path.into(), wish: "read", why: FileError::Io(5) };
        assert_eq!(outcome.err(), Some(expected), "{path}");

        let mut disk = Desk::default().put(path, "half a fi");
        let found = read(&mut disk, &start(Wanted::WriteOrLook)).unwrap();
        assert_eq!(found.notices.len(), 1, "{path}: {:?}", found.notices);
        assert!(found.notices[0].starts_with(&format!("{path}: damaged")), "{:?}", found.notices);
    }
}

#[test]
fn a_workstream_without_facts_is_nothing_to_be_careful_about() {
    let half_made = format!("/h/workstreams/{}/git/config", workstream());
    let mut disk = Desk::default().put(&half_made, "");
    let found = read(&mut disk, &start(Wanted::WriteOrLook)).unwrap();
    assert_eq!((found.notices, found.facts), (Vec::new(), Vec::new()));
}

#[test]
fn one_that_only_looks_changes_nothing_and_tells_of_damage() {
    let stray = format!("/h/intents/.x.json.{DEAD}-00000000000000aa.tmp");
    let dead_beat = format!("/h/runs/{}.hb", run_id('b'));
    let disk = || {
        let disk = Desk::default().put(STATE, "half a fi").put(&stray, "");
        disk.put(&dead_beat, beat(&run_id('b'), "web-1", 5))
    };
    for (wanted, mut disk) in [(Wanted::Look, disk()), (Wanted::WriteOrLook, disk().held(REPO_LOCK))] {
        let before = disk.files.clone();
        let found = read(&mut disk, &start(wanted)).unwrap();
        assert!(matches!(found.access, Access::ReadOnly { .. }));
        assert!(matches!(found.state, StateFound::Recovered { state: None, .. }), "{:?}", found.state);
        assert_eq!(found.notices.len(), 1);
        assert!(matches!(found.previous, Previous::Crashed(_)));
        assert_eq!(disk.files, before);
        assert!(!disk.has_done(|op| matches!(op, FileOp::SyncDir(_))));
    }
    for wanted in [Wanted::Look, Wanted::Write] {
        let mut refused = disk().refusing(STATE, FileError::Denied);
        let expected = StartError::Refused { path: STATE.into(), wish: "read", why: FileError::Denied };
        assert_eq!(read(&mut refused, &start(wanted)).err(), Some(expected), "a state was there: {wanted:?}");
    }
}

#[test]
fn a_verb_leaves_the_news_of_a_crash_to_whoever_tells_of_it() {
    let dead_beat = format!("/h/runs/{}.hb", run_id('b'));
    for (purpose, is_left) in
        [(Purpose::Verb, true), (Purpose::Interactive, false), (Purpose::Reconcile, false)]
    {
        let mut disk = Desk::default().put(&dead_beat, beat(&run_id('b'), "web-1", 5));
        let found = read(&mut disk, &Start { purpose, ..start(Wanted::Write) }).unwrap();
        assert!(matches!(found.previous, Previous::Crashed(_)), "{purpose:?}");
        assert_eq!(disk.files.contains_key(dead_beat.as_str()), is_left, "{purpose:?}");
    }
}

#[test]
fn every_room_is_made_before_anything_is_locked_in_it() {
    let mut disk = Desk::default();
    read(&mut disk, &start(Wanted::Write)).unwrap();
    let first_lock = disk.done.iter().position(|op| matches!(op, FileOp::TryLock(_))).unwrap();
    let places = Places::new(&HOME.into());
    let ours = ["/h/state/web-1", "/h/worktrees/web-1"].map(PathText::from);
    for room in places.rooms().into_iter().chain(ours) {
        let made = disk.done.iter().position(|op| *op == FileOp::MakeDir(room.clone()));
        assert!(made.is_some_and(|at| at < first_lock), "{room}");
    }
}

/// A pid says nothing: it may be another process's by now. The lock does.
#[test]
fn a_free_lock_is_ours_whoever_has_the_pid_of_the_last_run() {
    let beat = BeatRecord { pid: LIVING, ..record::parse(&beat(&run_id('b'), "web-1", 5)).unwrap() };
    let path = format!("/h/runs/{}.hb", run_id('b'));
    let mut disk = Desk::default().put(&path, record::print(&beat));
    let found = read(&mut disk, &start(Wanted::Write)).unwrap();
    assert_eq!(found.access, Access::Write);
    assert!(matches!(found.previous, Previous::Crashed(_)));
}

/// The facts of a workstream of that repository.
fn facts(id: &WorkstreamId, repo: &str) -> Facts {
    Facts {
        id: id.clone(),
        name: "fix".to_string(),
        prompt: "fix it".to_string(),
        branch: "ccells/fix".to_string(),
        base_ref: None,
        base: None,
        beginning: Beginning::default(),
        repo_id: RepoId::parse(repo).unwrap(),
        repo_path: "/web".into(),
        git_dir: "/web/.git".into(),
        objects: Vec::new(),
        worktree: "/h/worktrees/web-1/1".into(),
        home: "/h/workstreams/1".into(),
        container_name: "ccells-web-1".to_string(),
        image: "image".to_string(),
        agent: AgentCommand::default(),
        owner: (1, 1),
        limits: ContainerLimits::default(),
        created_at: Wall(0),
    }
}

#[test]
fn a_run_hears_of_its_own_repository_alone() {
    let (ours, others) = (workstream(), WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s2t").unwrap());
    let mut disk = Desk::default();
    let mut entries = Vec::new();
    for (id, repo, container) in [(&ours, "web-1", "c1"), (&others, "api-1", "c2")] {
        let facts = facts(id, repo);
        let intent = Intent {
            version: record::VERSION,
            operation: record::Operation::Create,
            run: run_id('b'),
            workstream: facts.clone(),
            written_at: Wall(0),
            reason: None,
            moving: None,
            basing: None,
        };
        let container = ContainerId::parse(container).unwrap();
        entries.push(record::TrackedContainer::new(&facts, &container, "running"));
        disk = disk.put(&format!("/h/intents/{id}.json"), record::print(&intent));
        disk = disk.put(
            &format!("/h/workstreams/{id}/workstream.json"),
            record::print(&FactsRecord { version: record::VERSION, facts }),
        );
    }
    let index = TrackingRecord {
        version: record::VERSION,
        generation: Generation(1),
        writer: None,
        written_at: Wall(0),
        containers: entries,
        extra: serde_json::Map::new(),
    };
    let mut disk = disk.put("/h/containers.json", record::print(&index));
    let found = read(&mut disk, &start(Wanted::Write)).unwrap();
    assert_eq!(found.notices, Vec::<String>::new());
    assert_eq!(found.intents.iter().map(|it| &it.workstream.id).collect::<Vec<_>>(), [&ours]);
    assert_eq!(found.facts.iter().map(|it| &it.id).collect::<Vec<_>>(), [&ours]);
    assert_eq!(found.tracked.into_keys().collect::<Vec<_>>(), [ours]);
}

/// Facts that name another workstream than their directory does are not its facts.
#[test]
fn facts_in_a_strange_place_are_nobodys() {
    let strange = WorkstreamId::parse("01jd8z5q0v3x7k2m9n4p6r8s2t").unwrap();
    let path = format!("/h/workstreams/{strange}/workstream.json");
    let facts = facts(&workstream(), "web-1");
    let mut disk =
        Desk::default().put(&path, record::print(&FactsRecord { version: record::VERSION, facts }));
    assert_eq!(read(&mut disk, &start(Wanted::Write)).unwrap().facts, Vec::new());
}

#[test]
fn only_whole_records_are_read_among_the_intents() {
    let mut disk = Desk::default();
    for name in [".hidden.json", "readme.txt", "x.json.corrupt-1", ".x.json.7-00000000000000aa.tmp"] {
        disk = disk.put(&format!("/h/intents/{name}"), "not a record");
    }
    let found = read(&mut disk, &start(Wanted::Write)).unwrap();
    assert_eq!((found.intents, found.notices), (Vec::new(), Vec::new()));
}

#[test]
fn a_repository_in_use_is_looked_at_or_left() {
    let mut disk = Desk::default().put(STATE, state(3)).held(REPO_LOCK);
    let found = read(&mut disk, &start(Wanted::WriteOrLook)).unwrap();
    assert_eq!(found.access, Access::ReadOnly { holder: "somebody".to_string() });
    let StateFound::Read(state) = found.state else { panic!("{:?}", found.state) };
    assert_eq!(state.generation, Generation(3));

    let mut disk = Desk::default().held(REPO_LOCK);
    let outcome = read(&mut disk, &start(Wanted::Write));
    assert_eq!(outcome.err(), Some(StartError::Busy { holder: "somebody".to_string() }));
    assert!(!disk.has_done(|op| matches!(op, FileOp::Read(_))), "it goes away at once");
}

#[test]
fn a_newer_state_stops_everybody() {
    for wanted in [Wanted::Look, Wanted::Write] {
        let mut disk = Desk::default().put(STATE, r#"{"version": 99}"#);
        let outcome = read(&mut disk, &start(wanted));
        assert_eq!(outcome.err(), Some(StartError::Newer { path: STATE.into(), version: 99 }));
        assert!(disk.files.contains_key(STATE));
    }
}

#[test]
fn strays_of_the_dead_go_from_every_room_and_no_others() {
    let stray = |room: &str, pid: u32| format!("{room}/.containers.json.{pid}-00000000000000aa.tmp");
    for room in ["/h", "/h/intents", "/h/runs", "/h/state/web-1"] {
        let mut disk = Desk::default().put(&stray(room, DEAD), "").put(&stray(room, LIVING), "");
        read(&mut disk, &start(Wanted::Write)).unwrap();
        assert_eq!(disk.files.keys().collect::<Vec<_>>(), [&stray(room, LIVING)]);
    }
}

#[test]
fn the_latest_beat_of_a_dead_run_here_tells_of_a_crash_and_goes() {
    for (early, late) in [(run_id('c'), run_id('b')), (run_id('b'), run_id('c'))] {
        the_later_of(&early, &late);
    }
}

/// Whichever of them is found first.
fn the_later_of(early: &RunId, late: &RunId) {
    let path = |run: &RunId, end: &str| format!("/h/runs/{run}.{end}");
    let (elsewhere, alive, empty) = (run_id('d'), run_id('e'), run_id('f'));
    let mut disk = Desk::default()
        .put(&path(early, "hb"), beat(early, "web-1", 5))
        .put(&path(early, "lock"), "")
        .put(&path(late, "hb"), beat(late, "web-1", 6))
        .put(&path(&elsewhere, "hb"), beat(&elsewhere, "api-1", 9))
        .put(&path(&alive, "hb"), beat(&alive, "web-1", 9))
        .put(&path(&empty, "hb"), "")
        .held(&path(&alive, "lock"));
    let found = read(&mut disk, &start(Wanted::Write)).unwrap();
    let Previous::Crashed(beat) = found.previous else { panic!("nothing was seen") };
    assert_eq!(beat.run, *late);
    let left: Vec<_> = disk.files.keys().cloned().collect();
    assert_eq!(left, [path(&elsewhere, "hb"), path(&alive, "hb")]);
}

#[test]
fn what_is_found_is_made_to_last_before_it_is_read() {
    let mut disk = Desk::default().put(STATE, state(3));
    read(&mut disk, &start(Wanted::Write)).unwrap();
    let first_read = disk.done.iter().position(|op| matches!(op, FileOp::Read(_))).unwrap();
    for room in ["/h", "/h/intents", "/h/workstreams", "/h/state/web-1"] {
        let synced = disk.done.iter().position(|op| *op == FileOp::SyncDir(room.into()));
        assert!(synced.is_some_and(|at| at < first_read), "{room}");
    }
}
