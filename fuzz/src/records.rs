//! Our own files, as whatever was last found on a disk.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ccells_core::agent::AgentExit;
use ccells_core::ids::{ContainerId, Generation, PathText, RunId, WorkstreamId};
use ccells_core::limits::SAVE_TRIES;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use ccells_core::record::{
    self, BeatRecord, FactsRecord, Flaw, Intent, RemovedRecord, StateRecord, TrackedContainer,
    TrackingRecord, VERSION, Writer,
};
use ccells_core::store::{self, Keep, Load, Loaded, SaveError, Update, UpdateError};
use ccells_core::time::Wall;
use ccells_core::tracking::{self, Delta};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::assert_harmless;
use crate::script;

/// Our fields of a file that keeps those of others, and the list whose entries do the same, with our fields of those.
const TRACKING: (&[&str], &str, &[&str]) = (
    &["version", "generation", "writer", "written_at", "containers"],
    "containers",
    &["container_id", "workstream_id", "branch_name", "repo_path", "name", "repo_id", "state", "created_at"],
);
const STATE: (&[&str], &str, &[&str]) = (
    &["version", "generation", "writer", "written_at", "repo_id", "repo_path", "view", "workstreams"],
    "workstreams",
    &["container_id", "was_paused_by_quit", "was_stopped_by_user", "unsettled_since", "facts"],
);
/// Our fields of how the screen looked.
const VIEW: [&str; 5] = ["order", "focused", "layout", "unzoomed", "splits"];

/// Every kind of record: read or refused in words, printed as it was read, with what we do not know kept.
pub fn disk_records(bytes: &[u8]) {
    check::<FactsRecord>(bytes);
    check::<RemovedRecord>(bytes);
    check::<Intent>(bytes);
    check::<BeatRecord>(bytes);
    if let Some(printed) = check::<TrackingRecord>(bytes) {
        keeps(bytes, &printed, TRACKING);
    }
    if let Some(printed) = check::<StateRecord>(bytes) {
        keeps(bytes, &printed, STATE);
        let view =
            |bytes| serde_json::from_slice::<Value>(bytes).expect("it was read before")["view"].clone();
        keeps_fields(&view(bytes), &view(&printed), &VIEW);
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some(exit) = AgentExit::from_json(&text) {
        assert_eq!(AgentExit::from_json(&exit.to_json(1, Wall(2))), Some(exit));
    }
}

/// What every record begins with; refused when it is there twice.
#[derive(serde::Deserialize)]
struct Head {
    #[serde(rename = "version")]
    _version: Option<Value>,
}

/// Reads `bytes` as a record; gives what is printed of it.
fn check<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> Option<Vec<u8>> {
    let strictly = serde_json::from_slice::<Value>(bytes).ok();
    let version = strictly.as_ref().and_then(|value| value.get("version")?.as_u64());
    let is_newer = version.filter(|version| *version > u64::from(VERSION));
    let parsed = match record::parse::<T>(bytes) {
        Ok(parsed) => parsed,
        Err(flaw) => {
            // The version is believed even where what stands beside it is not good JSON, a lone surrogate for one. Who
            // names two is not believed.
            if strictly.is_some() && serde_json::from_slice::<Head>(bytes).is_ok() {
                assert_eq!(is_newer.is_some(), matches!(flaw, Flaw::Newer { .. }), "{flaw}");
            }
            assert_harmless(&flaw.to_string());
            return None;
        }
    };
    assert_eq!(is_newer, None, "a newer version is not read");
    let printed = record::print(&parsed);
    let again = record::parse::<T>(&printed);
    assert_eq!(again.as_ref().map(record::print), Ok(printed.clone()), "printed once more");
    assert_eq!(again, Ok(parsed), "read once more");
    Some(printed)
}

/// Holds that what is not ours in `bytes` is in `printed` as well.
fn keeps(bytes: &[u8], printed: &[u8], (ours, list, ours_within): (&[&str], &str, &[&str])) {
    let read = |bytes| serde_json::from_slice::<Value>(bytes).expect("it was read before");
    let (before, after) = (read(bytes), read(printed));
    keeps_fields(&before, &after, ours);
    let entries = |value: &Value| value[list].as_array().cloned().unwrap_or_default();
    for (before, after) in entries(&before).iter().zip(&entries(&after)) {
        keeps_fields(before, after, ours_within);
    }
}

fn keeps_fields(before: &Value, after: &Value, ours: &[&str]) {
    let fields = before.as_object().expect("a record is an object");
    for (name, value) in fields.iter().filter(|(name, _)| !ours.contains(&name.as_str())) {
        assert_eq!(after.get(name), Some(value), "`{name}` is kept");
    }
}

/// Whatever the index says, a change is made to what it is about and to nothing else, or the index is left alone.
pub fn tracking_apply(bytes: &[u8]) {
    let before = record::parse::<TrackingRecord>(bytes);
    let known = before.as_ref().ok().and_then(|index| Some(index.containers.first()?.workstream_id.clone()));
    let strange = WorkstreamId::parse("01zzzzzzzzzzzzzzzzzzzzzzzz").expect("the form is right");
    for workstream in [known, Some(strange)].into_iter().flatten() {
        let container = TrackedContainer {
            workstream_id: workstream.clone(),
            ..TrackedContainer::new(
                &script::facts(1),
                &ContainerId::parse("c9").expect("the form is right"),
                "running",
            )
        };
        for delta in [Delta::Track(container), Delta::Untrack(workstream)] {
            check_delta(bytes, before.as_ref(), &delta);
        }
    }
}

fn check_delta(bytes: &[u8], before: Result<&TrackingRecord, &Flaw>, delta: &Delta) {
    let writer =
        Writer { run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("the form is right"), pid: 7 };
    let printed = match tracking::apply(Some(bytes), delta, &writer, Wall(9)) {
        Ok(printed) => printed,
        Err(flaw) => return assert_eq!(Some(&flaw), before.err(), "refused although it can be read"),
    };
    let before = before.expect("what cannot be read is not written over");
    let after: TrackingRecord = record::parse(&printed).expect("what we print can be read");
    let (subject, added) = match delta {
        Delta::Track(container) => (&container.workstream_id, Some(container)),
        Delta::Untrack(workstream) => (workstream, None),
    };
    let is_other = |container: &&TrackedContainer| container.workstream_id != *subject;
    let mut expected: Vec<_> = before.containers.iter().filter(is_other).chain(added).cloned().collect();
    expected.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(after.containers, expected);
    assert_eq!(after.generation, before.generation.next());
    assert!(after.generation >= before.generation.max(Generation(1)), "it counts upwards");
    assert_eq!((after.writer, after.written_at, after.extra), (Some(writer), Wall(9), before.extra.clone()));
}

/// Whatever lies in a directory of ours: the newest generation that can be read is, and nothing that was there is lost.
///
/// The first byte says how many generations are kept; then come files, each a byte for its name, its bytes, and a zero.
pub fn store_load(bytes: &[u8]) {
    let Some((first, files)) = bytes.split_first() else { return };
    let keep = [Keep::None, Keep::One, Keep::Two][usize::from(*first % 3)];
    let mut disk = Disk::new(files);
    let before = disk.clone();
    let load = Load::new(target(), keep, Wall(1_800_000_000_000), |bytes: &[u8]| {
        record::parse::<TrackingRecord>(bytes).map(|index| (index, bytes.to_vec()))
    });
    let loaded = store::run(&mut disk, load);
    assert!(disk.steps < 20, "{} steps", disk.steps);
    assert_eq!(disk.contents(), before.contents(), "loading loses nothing");
    judge(&loaded, &before, &disk, keep);
    update(disk, keep);
}

fn judge(loaded: &Loaded<(TrackingRecord, Vec<u8>)>, before: &Disk, after: &Disk, keep: Keep) {
    match loaded {
        Loaded::Read((_, bytes)) => {
            assert_eq!(before.files.get("index").and_then(|file| file.as_ref().ok()), Some(bytes));
            assert_eq!(before.files, after.files, "what is well is left alone");
        }
        Loaded::Recovered { value: (_, bytes), from, set_aside } => {
            let name = from.as_str().trim_start_matches("/home/");
            assert_eq!(before.files[name].as_ref().ok(), Some(bytes));
            let newer = names(keep).into_iter().take_while(|other| *other != name);
            let was_there = newer.filter(|name| before.files.contains_key(*name)).count();
            assert_eq!(set_aside.len(), was_there, "every newer generation is set aside");
        }
        Loaded::Lost { .. } => {
            assert!(
                names(keep).iter().all(|name| !after.files.contains_key(*name)),
                "all of it is set aside"
            );
        }
        Loaded::Fresh => {
            assert!(names(keep).iter().all(|name| !before.files.contains_key(*name)), "there was something");
        }
        Loaded::Newer { version } => assert!(*version > u64::from(VERSION)),
        Loaded::Unreadable { .. } => assert!(before.has_troubles(), "nothing kept it from being read"),
    }
}

/// After whatever was found, a change is made or refused, and the version before it is never lost.
fn update(mut disk: Disk, keep: Keep) {
    let before = disk.clone();
    let subject = WorkstreamId::parse("01zzzzzzzzzzzzzzzzzzzzzzzz").expect("the form is right");
    let writer =
        Writer { run: RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").expect("the form is right"), pid: 7 };
    let apply = |bytes: Option<Vec<u8>>| {
        tracking::apply(bytes.as_deref(), &Delta::Untrack(subject), &writer, Wall(9))
    };
    disk.steps = 0;
    let outcome =
        store::run(&mut disk, Update::new(PathText::from("/home/lock"), target(), 1, 7, keep, apply));
    assert!(disk.steps < 30 * SAVE_TRIES as usize + before.files.len(), "{} steps", disk.steps);
    assert!(!disk.is_locked, "the lock is let go");
    match outcome {
        Ok(()) | Err(UpdateError::Unsaved(SaveError::NotProvenDurable { .. })) => {
            let now = disk.files["index"].as_ref().expect("it was just written");
            record::parse::<TrackingRecord>(now).expect("what was written can be read");
        }
        Err(UpdateError::Unsaved(SaveError::NotWritten { .. })) => {
            assert_eq!(disk.files.get("index"), before.files.get("index"), "the version before is in place");
        }
        Err(UpdateError::Refused(_) | UpdateError::Unreadable { .. } | UpdateError::Busy) => {
            assert_eq!(disk.files, before.files, "what cannot be read is not touched");
        }
        Err(UpdateError::NoLock { why }) => panic!("this lock can be taken: {why}"),
    }
}

fn target() -> PathText {
    PathText::from("/home/index")
}

fn names(keep: Keep) -> Vec<&'static str> {
    let count = [(Keep::None, 1), (Keep::One, 2), (Keep::Two, 3)].iter().find(|(known, _)| *known == keep);
    ["index", "index.prev", "index.prev2"][..count.map_or(1, |(_, count)| *count)].to_vec()
}

/// One directory, in memory. A file has bytes, or fails to be read.
#[derive(Clone, Debug, PartialEq)]
struct Disk {
    files: BTreeMap<String, Result<Vec<u8>, FileError>>,
    is_read_only: bool,
    is_locked: bool,
    steps: usize,
}

impl Disk {
    fn new(bytes: &[u8]) -> Self {
        let mut disk = Self { files: BTreeMap::new(), is_read_only: false, is_locked: false, steps: 0 };
        for file in bytes.split(|byte| *byte == 0) {
            let Some((which, text)) = file.split_first() else { continue };
            let trouble = [FileError::Unfit, FileError::Denied, FileError::Io(5)][text.len() % 3].clone();
            let (name, content) = match which {
                b'0' => ("index", Ok(text.to_vec())),
                b'1' => ("index.prev", Ok(text.to_vec())),
                b'2' => ("index.prev2", Ok(text.to_vec())),
                b'a' => ("index", Err(trouble)),
                b'b' => ("index.prev", Err(trouble)),
                b'c' => ("index.corrupt-20270115T080000000Z", Ok(text.to_vec())),
                b'd' => ("index.prev.corrupt-20270115T080000000Z", Ok(text.to_vec())),
                b't' => ("index.7.1.tmp", Ok(text.to_vec())),
                b'r' => {
                    disk.is_read_only = true;
                    continue;
                }
                _ => ("stranger", Ok(text.to_vec())),
            };
            disk.files.insert(name.to_owned(), content);
        }
        disk
    }

    fn has_troubles(&self) -> bool {
        self.is_read_only || self.files.values().any(Result::is_err)
    }

    /// All that is in files, whatever they are called.
    fn contents(&self) -> Vec<Vec<u8>> {
        let mut contents: Vec<_> = self.files.values().map(|file| format!("{file:?}").into_bytes()).collect();
        contents.sort();
        contents
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<FileOk, FileError> {
        let file = self.files.remove(from).ok_or(FileError::NotFound)?;
        self.files.insert(to.to_owned(), file);
        Ok(FileOk::Done)
    }
}

fn name(path: &PathText) -> String {
    path.as_str().trim_start_matches("/home/").to_owned()
}

impl Files for Disk {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        self.steps += 1;
        let writes =
            !matches!(op, FileOp::Read(_) | FileOp::List(_) | FileOp::TryLock(_) | FileOp::Unlock(_));
        if writes && self.is_read_only {
            return Err(FileError::ReadOnly);
        }
        match op {
            FileOp::Read(path) => {
                self.files.get(&name(path)).cloned().unwrap_or(Err(FileError::NotFound)).map(FileOk::Bytes)
            }
            FileOp::List(_) => Ok(FileOk::Names(self.files.keys().cloned().collect())),
            FileOp::CreateNew(path) if self.files.contains_key(&name(path)) => Err(FileError::Exists),
            FileOp::CreateNew(path) => {
                self.files.insert(name(path), Ok(Vec::new()));
                Ok(FileOk::Done)
            }
            FileOp::Append(path, bytes) => {
                let file = self.files.get_mut(&name(path)).and_then(|file| file.as_mut().ok());
                file.ok_or(FileError::NotFound)?.extend_from_slice(bytes);
                Ok(FileOk::Done)
            }
            FileOp::Link(_, to) if self.files.contains_key(&name(to)) => Err(FileError::Exists),
            FileOp::Link(from, to) => {
                let file = self.files.get(&name(from)).cloned().ok_or(FileError::NotFound)?;
                self.files.insert(name(to), file);
                Ok(FileOk::Done)
            }
            FileOp::Rename(from, to) => self.rename(&name(from), &name(to)),
            FileOp::Unlink(path) => {
                self.files.remove(&name(path)).map(|_| FileOk::Done).ok_or(FileError::NotFound)
            }
            FileOp::TryLock(_) => {
                self.is_locked = true;
                Ok(FileOk::Done)
            }
            FileOp::Unlock(_) => {
                self.is_locked = false;
                Ok(FileOk::Done)
            }
            FileOp::MakeDir(_) | FileOp::SyncFile(_) | FileOp::SyncDir(_) => Ok(FileOk::Done),
        }
    }
}
