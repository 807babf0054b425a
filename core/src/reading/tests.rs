//! What a start does with what it may not see, and what it leaves alone: on a disk made of names and bytes.

use alloc::string::String;
use alloc::vec::Vec;
use std::collections::{BTreeMap, BTreeSet};
use std::string::ToString;
use std::vec;

use super::*;
use crate::container::ContainerLimits;
use crate::ids::{Generation, RepoId};
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
    let mut refused = disk().refusing(STATE, FileError::Denied);
    assert!(read(&mut refused, &start(Wanted::Look)).is_err());
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
    let path = |run: &RunId, end: &str| format!("/h/runs/{run}.{end}");
    let (early, late, elsewhere, alive, empty) =
        (run_id('c'), run_id('b'), run_id('d'), run_id('e'), run_id('f'));
    let mut disk = Desk::default()
        .put(&path(&early, "hb"), beat(&early, "web-1", 5))
        .put(&path(&early, "lock"), "")
        .put(&path(&late, "hb"), beat(&late, "web-1", 6))
        .put(&path(&elsewhere, "hb"), beat(&elsewhere, "api-1", 9))
        .put(&path(&alive, "hb"), beat(&alive, "web-1", 9))
        .put(&path(&empty, "hb"), "")
        .held(&path(&alive, "lock"));
    let found = read(&mut disk, &start(Wanted::Write)).unwrap();
    let Previous::Crashed(beat) = found.previous else { panic!("nothing was seen") };
    assert_eq!(beat.run, late);
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
