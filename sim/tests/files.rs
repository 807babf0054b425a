//! The durable files on the simulated disk: a crash, a power cut or an error at every single operation;
//! several writers that die at random; and the simulated disk held against the kernel, operation by
//! operation.

use std::collections::BTreeSet;
use std::fmt::Debug;

use ccells_core::ids::PathText;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use ccells_core::store::{Flaw, Keep, Load, Loaded, Protocol, Remove, Replace, SaveError, Step, Update, run};
use ccells_core::time::Wall;
use ccells_shell::adapters::files::RealFiles;
use ccells_sim::choice::Choices;
use ccells_sim::ports::files::{Crash, Disk, EIO, FaultRates, SimFiles};
use proptest::prelude::*;

const FILE: &str = "/home/state.json";
const LOCK: &str = "/home/locks/state.lock";
const KEEPS: [Keep; 3] = [Keep::None, Keep::One, Keep::Two];
/// Seeds for each point at which something goes wrong.
const SEEDS: u64 = 40;

/// A version of the file: long enough to be torn, and able to tell.
fn version(number: u64) -> Vec<u8> {
    let filler = "x".repeat(usize::try_from(number % 7).unwrap_or(0) * 9);
    format!("begin {number} {filler} end {number}").into_bytes()
}

fn parse(bytes: &[u8]) -> Result<u64, Flaw> {
    let corrupt = || Flaw::Corrupt { why: "torn".to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| corrupt())?;
    let number = text.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(corrupt)?;
    if bytes == version(number) { Ok(number) } else { Err(corrupt()) }
}

fn save(files: &mut impl Files, number: u64, keep: Keep) -> Result<(), SaveError> {
    run(files, Replace::new(FILE.into(), version(number), number << 8, 7, keep))
}

fn load(files: &mut impl Files, keep: Keep) -> Loaded<u64> {
    run(files, Load::new(FILE.into(), keep, Wall(1), parse))
}

/// The version in the file itself, which must be whole: no previous generation may be needed.
#[track_caller]
fn read(disk: &Disk, keep: Keep, context: &dyn Debug) -> u64 {
    match load(&mut disk.process(), keep) {
        Loaded::Read(number) => number,
        other @ (Loaded::Fresh
        | Loaded::Recovered { .. }
        | Loaded::Lost { .. }
        | Loaded::Newer { .. }
        | Loaded::Unreadable { .. }) => panic!("{context:?}: {other:?}, disk {:?}", disk.files().keys()),
    }
}

fn disk_with_home(choices: &Choices) -> Disk {
    let disk = Disk::new(choices);
    for directory in ["/home", "/home/locks"] {
        disk.process().apply(&FileOp::MakeDir(directory.into())).expect("made");
    }
    disk
}

/// A disk on which versions 1 to 3 were saved, so that all generations are there.
fn disk_with_versions(choices: &Choices, keep: Keep) -> Disk {
    let disk = disk_with_home(choices);
    for number in 1..=3 {
        save(&mut disk.process(), number, keep).expect("nothing is wrong yet");
    }
    disk
}

fn assert_no_temporary(disk: &Disk, context: &dyn Debug) {
    let left: Vec<_> = disk.files().into_keys().filter(|path| path.contains(".tmp")).collect();
    assert!(left.is_empty(), "{context:?}: {left:?} survived a successful write");
}

/// How many operations a save takes, when nothing goes wrong.
fn operations_of_a_save(keep: Keep) -> u64 {
    let disk = disk_with_versions(&Choices::benign(), keep);
    let before = disk.operations();
    save(&mut disk.process(), 4, keep).expect("nothing is wrong");
    disk.operations() - before
}

#[test]
fn a_crash_at_any_operation_leaves_the_old_or_the_new_version() {
    let mut old_seen = 0;
    let mut new_seen = 0;
    for keep in KEEPS {
        for at in 0..=operations_of_a_save(keep) {
            for (crash, seed) in
                [Crash::Kill, Crash::Power].into_iter().flat_map(|c| (0..SEEDS).map(move |s| (c, s)))
            {
                let context = (keep, at, crash, seed);
                let disk = disk_with_versions(&Choices::seeded(seed), keep);
                let mut writer = disk.process();
                writer.die_at(disk.operations() + at);
                let acknowledged = save(&mut writer, 4, keep).is_ok();
                writer.crash(crash);
                let found = read(&disk, keep, &context);
                assert!(
                    found == 4 || (found == 3 && !acknowledged),
                    "{context:?}: acknowledged {acknowledged}, found {found}"
                );
                old_seen += u32::from(found == 3);
                new_seen += u32::from(found == 4);
                save(&mut disk.process(), 5, keep).expect("a later run saves");
                assert_no_temporary(&disk, &context);
                disk.lose_power();
                assert_eq!(read(&disk, keep, &context), 5);
            }
        }
    }
    assert!(old_seen > 100 && new_seen > 100, "both outcomes are seen: {old_seen}, {new_seen}");
}

#[test]
fn an_error_at_any_operation_is_told_and_leaves_the_old_version() {
    let kinds = [FileError::NoSpace, FileError::Io(EIO), FileError::ReadOnly, FileError::Denied];
    for keep in KEEPS {
        for (at, error) in
            (0..operations_of_a_save(keep)).flat_map(|at| kinds.iter().map(move |kind| (at, kind)))
        {
            for is_for_ever in [false, true] {
                let context = (keep, at, error, is_for_ever);
                let disk = disk_with_versions(&Choices::seeded(at), keep);
                let first = disk.operations() + at;
                for number in first..=(first + if is_for_ever { 50 } else { 0 }) {
                    disk.fail_at(number, error.clone());
                }
                let outcome = save(&mut disk.process(), 4, keep);
                while disk.operations() <= first + 50 {
                    let _ = disk.process().apply(&FileOp::List("/".into()));
                }
                let found = read(&disk, keep, &context);
                match outcome {
                    Ok(()) | Err(SaveError::NotProvenDurable { .. }) => assert_eq!(found, 4, "{context:?}"),
                    Err(SaveError::NotWritten { .. }) => assert_eq!(found, 3, "{context:?}"),
                }
                assert!(!disk.has_repeated_a_failed_sync(), "{context:?}");
                let is_durable = outcome.is_ok();
                disk.lose_power();
                let found = read(&disk, keep, &context);
                assert!(found == 4 || (found == 3 && !is_durable), "{context:?}: {found}");
                save(&mut disk.process(), 5, keep).expect("nothing is wrong any more");
                assert_no_temporary(&disk, &context);
            }
        }
    }
}

/// The worst case for the generations: the old version is already linked when the save fails, again and
/// again.
#[test]
fn saves_that_fail_late_leave_the_old_version_and_a_previous_one() {
    for keep in [Keep::One, Keep::Two] {
        let last_rename = operations_of_a_save(keep) - if keep == Keep::One { 3 } else { 2 };
        let disk = disk_with_versions(&Choices::benign(), keep);
        for failure in 1..=4 {
            disk.fail_at(disk.operations() + last_rename, FileError::ReadOnly);
            let why = FileError::ReadOnly;
            assert_eq!(
                save(&mut disk.process(), 4, keep),
                Err(SaveError::NotWritten { why }),
                "{keep:?} {failure}"
            );
            assert_eq!(read(&disk, keep, &(keep, failure)), 3);
            assert_no_temporary(&disk, &(keep, failure));
        }
        save(&mut disk.process(), 4, keep).expect("nothing is wrong any more");
        assert_no_temporary(&disk, &keep);
        assert_eq!(read(&disk, keep, &keep), 4);
        assert_eq!(disk.files()["/home/state.json.prev"], version(3), "{keep:?}");
    }
}

/// Recovery is a program like any other: it may be cut off, and again, and must come to the same end.
#[test]
fn a_crash_while_a_corrupt_file_is_set_aside_loses_nothing() {
    for at in 0..8 {
        for seed in 0..SEEDS {
            for crash in [Crash::Kill, Crash::Power] {
                let context = (at, seed, crash);
                let disk = disk_with_versions(&Choices::seeded(seed), Keep::Two);
                disk.put(FILE, b"rot");
                let loader = disk.process();
                loader.die_at(disk.operations() + at);
                let mut loader = loader;
                let _ = load(&mut loader, Keep::Two);
                loader.crash(crash);
                match load(&mut disk.process(), Keep::Two) {
                    Loaded::Recovered { value, .. } => assert_eq!(value, 2, "{context:?}"),
                    other @ (Loaded::Fresh
                    | Loaded::Read(_)
                    | Loaded::Lost { .. }
                    | Loaded::Newer { .. }
                    | Loaded::Unreadable { .. }) => panic!("{context:?}: {other:?}"),
                }
                let kept = disk.files().into_values().any(|bytes| bytes == b"rot");
                assert!(kept, "{context:?}: the corrupt bytes are gone");
                save(&mut disk.process(), 9, Keep::Two).expect("saved");
                assert_eq!(read(&disk, Keep::Two, &context), 9);
                let kept = disk.files().into_values().filter(|bytes| parse(bytes) == Ok(2)).count();
                assert!(kept > 0, "{context:?}: the generation that was recovered from is gone");
            }
        }
    }
}

#[test]
fn an_error_while_loading_is_never_taken_for_an_empty_start() {
    for keep in KEEPS {
        for error in [FileError::Io(EIO), FileError::Denied] {
            for at in 0..8 {
                let disk = disk_with_versions(&Choices::seeded(at), keep);
                disk.put(FILE, b"rot");
                disk.fail_at(disk.operations() + at, error.clone());
                let loaded = load(&mut disk.process(), keep);
                assert!(
                    !matches!(loaded, Loaded::Fresh | Loaded::Read(_)),
                    "{keep:?} {error} {at}: {loaded:?}"
                );
            }
        }
    }
}

#[test]
fn a_removal_that_was_acknowledged_stays_one() {
    for at in 0..=2 {
        for seed in 0..SEEDS {
            let disk = disk_with_versions(&Choices::seeded(seed), Keep::None);
            let mut process = disk.process();
            process.die_at(disk.operations() + at);
            let acknowledged = run(&mut process, Remove::new(FILE.into())).is_ok();
            disk.lose_power();
            assert!(!acknowledged || !disk.files().contains_key(FILE), "{at} {seed}");
            run(&mut disk.process(), Remove::new(FILE.into())).expect("again is fine");
            disk.lose_power();
            assert!(!disk.files().contains_key(FILE), "{at} {seed}");
        }
    }
}

// --- Several processes
// -------------------------------------------------------------------------------------------------

type Change = Box<dyn FnOnce(Option<Vec<u8>>) -> Result<Vec<u8>, String>>;

/// The outcome of the last operation, if there was one.
type Outcome = Option<Result<FileOk, FileError>>;

/// A process that adds its entries to the file, one update after the other.
struct Writer {
    name: usize,
    files: SimFiles,
    entry: u64,
    under_way: Option<(Update<Change, String>, Outcome)>,
    acknowledged: Vec<String>,
}

/// The file of these tests: one entry a line, closed by a full stop.
fn add(entry: &str) -> Change {
    let entry = entry.to_owned();
    Box::new(move |present| {
        let text = String::from_utf8(present.unwrap_or(b".".to_vec())).map_err(|error| error.to_string())?;
        let lines = text.strip_suffix('.').ok_or("torn")?;
        Ok(format!("{lines}{entry}\n.").into_bytes())
    })
}

impl Writer {
    fn label(&self) -> String {
        format!("{}-{}", self.name, self.entry)
    }

    /// Does one operation of the update under way, or begins the next one.
    fn step(&mut self, nonce: u64) {
        let label = self.label();
        let (update, last) = self.under_way.get_or_insert_with(|| {
            (Update::new(LOCK.into(), FILE.into(), nonce, 1, Keep::One, add(&label)), None)
        });
        match update.step(last.take()) {
            Step::Do(op) => *last = Some(self.files.apply(&op)),
            Step::Wait => {}
            Step::Done(outcome) => {
                self.under_way = None;
                self.entry += 1;
                if outcome.is_ok() {
                    self.acknowledged.push(label);
                }
            }
        }
    }

    fn restart(&mut self, disk: &Disk) {
        self.files = disk.process();
        self.under_way = None;
        self.entry += 1;
    }
}

#[test]
fn writers_that_die_and_fail_at_random_lose_no_acknowledged_update() {
    let (mut deaths, mut updates) = (0, 0);
    for seed in 0..300 {
        let choices = Choices::seeded(seed);
        let disk = disk_with_home(&choices);
        if seed % 2 == 1 {
            disk.set_rates(FaultRates { no_space: 200, io: 200, read_only: 50, denied: 50 });
        }
        let writer = |name| Writer {
            name,
            files: disk.process(),
            entry: 0,
            under_way: None,
            acknowledged: Vec::new(),
        };
        let mut writers: Vec<_> = (0..3).map(writer).collect();
        for nonce in 0..600 {
            let next = choices.below("schedule", 3) as usize;
            writers[next].step(nonce);
            if choices.chance("crash", 100) {
                deaths += 1;
                let crash = *choices.pick("crash", &[Crash::Kill, Crash::Power]);
                writers[next].files.crash(crash);
                writers
                    .iter_mut()
                    .filter(|writer| writer.files.is_dead())
                    .for_each(|writer| writer.restart(&disk));
            }
        }
        disk.set_rates(FaultRates::default());
        disk.lose_power();
        let text = disk.files().remove(FILE).unwrap_or(b".".to_vec());
        let text = String::from_utf8(text).expect("text");
        let entries: Vec<_> = text.strip_suffix('.').expect("whole").lines().collect();
        let set: BTreeSet<_> = entries.iter().copied().collect();
        assert_eq!(set.len(), entries.len(), "seed {seed}: an entry is there twice");
        for entry in writers.iter().flat_map(|writer| &writer.acknowledged) {
            assert!(set.contains(entry.as_str()), "seed {seed}: {entry} was acknowledged and is lost");
            updates += 1;
        }
        assert!(!disk.has_repeated_a_failed_sync(), "seed {seed}");
    }
    assert!(deaths > 500 && updates > 1_000, "{deaths} deaths, {updates} updates: too few to mean anything");
}

// --- The simulated disk finds what is wrong
// ------------------------------------------------------------------------------

/// A file system on which one kind of operation does nothing and says that it did.
struct Forgetting<'a> {
    files: &'a mut SimFiles,
    is_forgotten: fn(&FileOp) -> bool,
}

impl Files for Forgetting<'_> {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        if (self.is_forgotten)(op) { Ok(FileOk::Done) } else { self.files.apply(op) }
    }
}

/// How many of a hundred power cuts after an acknowledged save lose it.
fn losses(is_forgotten: fn(&FileOp) -> bool) -> usize {
    let is_lost = |seed: &u64| {
        let disk = disk_with_versions(&Choices::seeded(*seed), Keep::None);
        save(&mut Forgetting { files: &mut disk.process(), is_forgotten }, 4, Keep::None)
            .expect("acknowledged");
        disk.lose_power();
        load(&mut disk.process(), Keep::None) != Loaded::Read(4)
    };
    (0..100).filter(is_lost).count()
}

#[test]
fn a_save_that_forgets_a_sync_is_found_out() {
    assert_eq!(losses(|_| false), 0);
    assert!(losses(|op| matches!(op, FileOp::SyncFile(_))) > 30);
    assert!(losses(|op| matches!(op, FileOp::SyncDir(_))) > 30);
}

#[test]
fn bytes_of_a_failed_sync_are_never_durable() {
    let disk = disk_with_home(&Choices::benign());
    let mut files = disk.process();
    let path = PathText::from("/home/a");
    files.apply(&FileOp::CreateNew(path.clone())).expect("made");
    files.apply(&FileOp::Append(path.clone(), b"lost".to_vec())).expect("written");
    disk.fail_at(disk.operations(), FileError::Io(EIO));
    assert_eq!(files.apply(&FileOp::SyncFile(path.clone())), Err(FileError::Io(EIO)));
    assert_eq!(
        files.apply(&FileOp::SyncFile(path.clone())),
        Ok(FileOk::Done),
        "the kernel has forgotten the error"
    );
    assert!(disk.has_repeated_a_failed_sync());
    files.apply(&FileOp::SyncDir("/home".into())).expect("synced");
    assert_eq!(files.apply(&FileOp::Read(path)), Ok(FileOk::Bytes(b"lost".to_vec())));
    disk.lose_power();
    assert_eq!(disk.files()["/home/a"], [0; 4]);
}

// --- The simulated disk is like the real one
// -------------------------------------------------------------------------------

fn any_path() -> impl Strategy<Value = PathText> {
    let paths = ["/a", "/b", "/d", "/d/a", "/d/b", "/d/e", "/d/e/a", "/a/x", "/none/x"];
    prop::sample::select(paths.to_vec()).prop_map(PathText::from)
}

fn any_op() -> impl Strategy<Value = FileOp> {
    let bytes = prop::collection::vec(any::<u8>(), 0..5);
    prop_oneof![
        2 => any_path().prop_map(FileOp::MakeDir),
        2 => any_path().prop_map(FileOp::Read),
        1 => any_path().prop_map(FileOp::List),
        4 => any_path().prop_map(FileOp::CreateNew),
        4 => (any_path(), bytes).prop_map(|(path, bytes)| FileOp::Append(path, bytes)),
        2 => any_path().prop_map(FileOp::SyncFile),
        3 => (any_path(), any_path()).prop_map(|(from, to)| FileOp::Link(from, to)),
        4 => (any_path(), any_path()).prop_map(|(from, to)| FileOp::Rename(from, to)),
        1 => any_path().prop_map(FileOp::SyncDir),
        3 => any_path().prop_map(FileOp::Unlink),
        2 => any_path().prop_map(FileOp::TryLock),
        2 => any_path().prop_map(FileOp::Unlock),
    ]
}

/// The same operation below another root.
fn moved(op: &FileOp, root: &str) -> FileOp {
    let moved = |path: &PathText| PathText(format!("{root}{path}"));
    match op {
        FileOp::MakeDir(path) => FileOp::MakeDir(moved(path)),
        FileOp::Read(path) => FileOp::Read(moved(path)),
        FileOp::List(path) => FileOp::List(moved(path)),
        FileOp::CreateNew(path) => FileOp::CreateNew(moved(path)),
        FileOp::Append(path, bytes) => FileOp::Append(moved(path), bytes.clone()),
        FileOp::SyncFile(path) => FileOp::SyncFile(moved(path)),
        FileOp::Link(from, to) => FileOp::Link(moved(from), moved(to)),
        FileOp::Rename(from, to) => FileOp::Rename(moved(from), moved(to)),
        FileOp::SyncDir(path) => FileOp::SyncDir(moved(path)),
        FileOp::Unlink(path) => FileOp::Unlink(moved(path)),
        FileOp::TryLock(path) => FileOp::TryLock(moved(path)),
        FileOp::Unlock(path) => FileOp::Unlock(moved(path)),
    }
}

fn real_files(root: &std::path::Path, below: &str, found: &mut Vec<(String, Vec<u8>)>) {
    let directory = root.join(below.trim_start_matches('/'));
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let path = format!("{below}/{}", entry.file_name().to_str().expect("text"));
        if entry.file_type().expect("known").is_dir() {
            real_files(root, &path, found);
        } else {
            found.push((path, std::fs::read(entry.path()).expect("ours")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two processes on each disk do the same; every answer and every byte must be the same.
    #[test]
    fn the_simulated_disk_is_like_the_kernels(ops in prop::collection::vec((any::<bool>(), any_op()), 1..40)) {
        let place = tempfile::tempdir().expect("a temporary directory");
        let root = place.path().to_str().expect("text");
        let disk = Disk::new(&Choices::benign());
        let mut real = [RealFiles::new(), RealFiles::new()];
        let mut simulated = [disk.process(), disk.process()];
        for (number, (is_second, op)) in ops.iter().enumerate() {
            let who = usize::from(*is_second);
            let expected = real[who].apply(&moved(op, root));
            prop_assert_eq!(simulated[who].apply(op), expected, "operation {} of {:?}", number, &ops[..=number]);
        }
        let mut expected = Vec::new();
        real_files(place.path(), "", &mut expected);
        expected.sort();
        prop_assert_eq!(disk.files().into_iter().collect::<Vec<_>>(), expected);
    }
}
