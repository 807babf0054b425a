//! The durable files against the real kernel: modes, planted names, bad files, many writers, killed writers,
//! full disks.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ccells_core::ids::PathText;
use ccells_core::limits;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use ccells_core::store::{Flaw, Keep, Load, Loaded, Replace, SaveError, Update, run, run_patiently};
use ccells_core::time::Wall;
use ccells_shell::adapters::files::RealFiles;
use ccells_shell::adapters::home::{HomeError, HomeWarning, check_home, resolve_link};
use ccells_shell::adapters::locks::{Holder, LockError, hold, patience};
use rustix::fs::Mode;

fn text(path: &Path) -> PathText {
    PathText(path.to_str().expect("test paths are text").to_owned())
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn replace(path: &Path, bytes: &[u8], nonce: u64, keep: Keep) -> Replace {
    Replace::new(text(path), bytes.to_vec(), nonce, std::process::id(), keep)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// This binary again, to run one of the tests that are marked as children.
fn child(test: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("we run"));
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.envs(variables.iter().copied());
    command
}

fn variable(name: &str) -> String {
    std::env::var(name).expect("the parent sets it")
}

#[track_caller]
fn succeeds(mut command: Command) {
    let output = command.output().expect("it starts");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn modes_are_ours_whatever_the_umask() {
    for umask in ["0", "77", "777", "22"] {
        succeeds(child("modes_child", &[("UMASK", umask)]));
    }
}

#[test]
#[ignore = "run by its parent with a umask, which is the whole process's"]
fn modes_child() {
    let place = directory();
    let bits = u32::from_str_radix(&variable("UMASK"), 8).expect("octal");
    rustix::process::umask(Mode::from_raw_mode(bits));
    let home = place.path().join("a/b/c");
    let file = home.join("state.json");
    let lock = home.join("state.lock");
    let mut files = RealFiles::with_reserve(place.path().join(".reserve"));
    files.apply(&FileOp::MakeDir(text(&home))).expect("made");
    run(&mut files, replace(&file, b"one", 1, Keep::Two)).expect("saved");
    run(&mut files, replace(&file, b"two", 2, Keep::Two)).expect("saved");
    files.apply(&FileOp::TryLock(text(&lock))).expect("locked");
    for directory in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode(&place.path().join(directory)), 0o700);
    }
    for name in ["state.json", "state.json.prev", "state.lock"] {
        assert_eq!(mode(&home.join(name)), 0o600, "{name}");
    }
    assert_eq!(names(&home), ["state.json", "state.json.prev", "state.lock"]);
}

#[test]
fn a_link_planted_at_the_temporary_name_is_not_written_through() {
    let place = directory();
    let victim = place.path().join("victim");
    fs::write(&victim, "precious").expect("written");
    let file = place.path().join("a.json");
    let temporary = place.path().join(format!(".a.json.{}-{:016x}.tmp", std::process::id(), 5));
    symlink(&victim, &temporary).expect("planted");
    let mut files = RealFiles::new();
    assert_eq!(files.apply(&FileOp::CreateNew(text(&temporary))), Err(FileError::Exists));
    assert_eq!(files.apply(&FileOp::Append(text(&temporary), b"x".to_vec())), Err(FileError::Unfit));
    run(&mut files, replace(&file, b"new", 5, Keep::None)).expect("saved");
    assert_eq!(fs::read(&victim).expect("still there"), b"precious");
    assert_eq!(fs::read(&file).expect("saved"), b"new");
    assert_eq!(names(place.path()), ["a.json", "victim"]);

    // A link at the file's own name is replaced; what it points at is not touched.
    fs::remove_file(&file).expect("ours");
    symlink(&victim, &file).expect("planted");
    run(&mut files, replace(&file, b"newer", 6, Keep::None)).expect("saved");
    assert_eq!(fs::read(&victim).expect("still there"), b"precious");
    assert!(fs::symlink_metadata(&file).expect("saved").is_file());
}

#[test]
fn the_kernels_errors_keep_their_kind() {
    let place = directory();
    let at = |name: &str| text(&place.path().join(name));
    fs::write(place.path().join("file"), "x").expect("written");
    fs::create_dir(place.path().join("dir")).expect("made");
    fs::write(place.path().join("dir/inner"), "x").expect("written");
    let mut files = RealFiles::new();
    let mut failure = |op: FileOp| files.apply(&op).expect_err("it must fail");
    assert_eq!(failure(FileOp::Read(at("none"))), FileError::NotFound);
    assert_eq!(failure(FileOp::Read(at("none/deeper"))), FileError::NotFound);
    assert_eq!(failure(FileOp::Read(at("file/deeper"))), FileError::Unfit);
    assert_eq!(failure(FileOp::Read(at("dir"))), FileError::Unfit);
    assert_eq!(failure(FileOp::List(at("none"))), FileError::NotFound);
    assert_eq!(failure(FileOp::List(at("file"))), FileError::Unfit);
    assert_eq!(failure(FileOp::CreateNew(at("file"))), FileError::Exists);
    assert_eq!(failure(FileOp::CreateNew(at("none/a"))), FileError::NotFound);
    assert_eq!(failure(FileOp::MakeDir(at("file"))), FileError::Exists);
    assert_eq!(failure(FileOp::MakeDir(at("file/a"))), FileError::Unfit);
    assert_eq!(failure(FileOp::Append(at("none"), vec![1])), FileError::NotFound);
    assert_eq!(failure(FileOp::SyncFile(at("none"))), FileError::NotFound);
    assert_eq!(failure(FileOp::SyncDir(at("none"))), FileError::NotFound);
    assert_eq!(failure(FileOp::SyncDir(at("file"))), FileError::Unfit);
    assert_eq!(failure(FileOp::Link(at("file"), at("dir/inner"))), FileError::Exists);
    assert_eq!(failure(FileOp::Link(at("dir"), at("second"))), FileError::Denied);
    assert_eq!(failure(FileOp::Rename(at("none"), at("a"))), FileError::NotFound);
    assert_eq!(failure(FileOp::Rename(at("file"), at("dir"))), FileError::Unfit);
    assert_eq!(failure(FileOp::Unlink(at("none"))), FileError::NotFound);
    assert_eq!(failure(FileOp::Unlink(at("dir"))), FileError::Unfit);
    assert_eq!(failure(FileOp::TryLock(at("none/lock"))), FileError::NotFound);
    assert_eq!(failure(FileOp::Read(PathText("/proc/self/mem\0".to_owned()))), FileError::Io(22));
    if rustix::fs::statfs("/proc").is_ok() {
        assert!(matches!(
            failure(FileOp::CreateNew("/proc/ccells".into())),
            FileError::NotFound | FileError::Denied | FileError::ReadOnly
        ));
    }
    assert_eq!(files.apply(&FileOp::MakeDir(at("dir"))), Ok(FileOk::Done));
}

#[test]
fn names_are_listed_in_order_and_strange_ones_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let place = directory();
    for name in ["b", "a", "10", "9", ".hidden"] {
        fs::write(place.path().join(name), "").expect("written");
    }
    fs::write(place.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").expect("written");
    let listed = RealFiles::new().apply(&FileOp::List(text(place.path())));
    assert_eq!(listed, Ok(FileOk::Names([".hidden", "10", "9", "a", "b"].map(str::to_owned).to_vec())));
}

/// The small format of these tests: `{"version": 1, "items": [...]}`.
fn parse(bytes: &[u8]) -> Result<Vec<String>, Flaw> {
    let corrupt = |why: String| Flaw::Corrupt { why };
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(1) => {}
        Some(version) if version > 1 => return Err(Flaw::Newer { version }),
        _ => return Err(corrupt("no version".to_owned())),
    }
    serde_json::from_value(value["items"].clone()).map_err(|error| corrupt(error.to_string()))
}

const GOOD: &str = r#"{"version":1,"items":["prompt"]}"#;

/// What may stand where a file of ours should be.
enum Bad {
    Bytes(Vec<u8>),
    Sparse(u64),
    EmptyDirectory,
    FullDirectory,
    LinkToItself,
    LinkToNowhere,
    Pipe,
    Socket,
}

fn bad_files() -> Vec<(&'static str, Bad)> {
    let bytes = |text: &str| Bad::Bytes(text.as_bytes().to_vec());
    let torn_page = [GOOD.as_bytes(), &[0; 512]].concat();
    let half_zeroed = [&GOOD.as_bytes()[..10], &[0; 20]].concat();
    let flipped: Vec<u8> = GOOD.bytes().map(|byte| byte ^ 0x80).collect();
    vec![
        ("empty", bytes("")),
        ("one zero", Bad::Bytes(vec![0])),
        ("a page of zeros", Bad::Bytes(vec![0; 4096])),
        ("zeros to the limit", Bad::Sparse(limits::RECORD_BYTES as u64)),
        ("zeros beyond the limit", Bad::Sparse(limits::RECORD_BYTES as u64 + 1)),
        ("huge", Bad::Sparse(1 << 40)),
        ("one byte", bytes("{")),
        ("truncated", bytes(&GOOD[..GOOD.len() / 2])),
        ("last byte missing", bytes(&GOOD[..GOOD.len() - 1])),
        ("first byte missing", bytes(&GOOD[1..])),
        ("zeros after the end", Bad::Bytes(torn_page)),
        ("zeros in the middle", Bad::Bytes(half_zeroed)),
        ("high bits flipped", Bad::Bytes(flipped)),
        ("twice", bytes(&GOOD.repeat(2))),
        ("trailing letter", bytes(&format!("{GOOD}x"))),
        ("a line feed", bytes("\n")),
        ("blanks", bytes("    ")),
        ("null", bytes("null")),
        ("a list", bytes("[]")),
        ("a number", bytes("42")),
        ("a text", bytes("\"version\"")),
        ("an empty object", bytes("{}")),
        ("no version", bytes(r#"{"items":["prompt"]}"#)),
        ("version as text", bytes(r#"{"version":"1","items":[]}"#)),
        ("version below zero", bytes(r#"{"version":-1,"items":[]}"#)),
        ("version zero", bytes(r#"{"version":0,"items":[]}"#)),
        ("version with a fraction", bytes(r#"{"version":1.5,"items":[]}"#)),
        ("version beyond 64 bits", bytes(r#"{"version":99999999999999999999999,"items":[]}"#)),
        ("items of another kind", bytes(r#"{"version":1,"items":[1]}"#)),
        ("items missing", bytes(r#"{"version":1}"#)),
        ("not a number", bytes(r#"{"version":NaN}"#)),
        ("nested too deeply", bytes(&"[".repeat(100_000))),
        ("no text", Bad::Bytes(vec![0xff, 0xfe, 0x7b, 0x00])),
        ("another program's", bytes("<!doctype html><title>not found</title>")),
        ("a merge conflict", bytes(&format!("<<<<<<< ours\n{GOOD}\n=======\n{GOOD}\n>>>>>>> theirs\n"))),
        ("an empty directory", Bad::EmptyDirectory),
        ("a directory", Bad::FullDirectory),
        ("a link to itself", Bad::LinkToItself),
        ("a link to nowhere", Bad::LinkToNowhere),
        ("a pipe", Bad::Pipe),
        ("a socket", Bad::Socket),
    ]
}

impl Bad {
    fn plant(&self, path: &Path) {
        match self {
            Self::Bytes(bytes) => fs::write(path, bytes).expect("planted"),
            Self::Sparse(length) => {
                fs::File::create(path).and_then(|file| file.set_len(*length)).expect("planted");
            }
            Self::EmptyDirectory => fs::create_dir(path).expect("planted"),
            Self::FullDirectory => {
                fs::create_dir(path).expect("planted");
                fs::write(path.join("work"), "precious").expect("planted");
            }
            Self::LinkToItself => symlink(path.file_name().expect("a name"), path).expect("planted"),
            Self::LinkToNowhere => symlink("nowhere", path).expect("planted"),
            Self::Pipe => {
                rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR).expect("planted");
            }
            Self::Socket => drop(UnixListener::bind(path).expect("planted")),
        }
    }

    /// Whether `path` still is what was planted, byte for byte.
    fn is_at(&self, path: &Path) -> bool {
        let Ok(found) = fs::symlink_metadata(path) else { return false };
        match self {
            Self::Bytes(bytes) => found.is_file() && fs::read(path).is_ok_and(|read| read == *bytes),
            Self::Sparse(length) => found.is_file() && found.len() == *length,
            Self::EmptyDirectory => found.is_dir(),
            Self::FullDirectory => fs::read(path.join("work")).is_ok_and(|read| read == b"precious"),
            Self::LinkToItself => fs::read_link(path).is_ok_and(|target| target == Path::new("a.json")),
            Self::LinkToNowhere => fs::read_link(path).is_ok_and(|target| target == Path::new("nowhere")),
            Self::Pipe => found.file_type().is_fifo(),
            Self::Socket => found.file_type().is_socket(),
        }
    }
}

fn load(path: &Path) -> Loaded<Vec<String>> {
    run(&mut RealFiles::new(), Load::new(text(path), Keep::One, Wall(1), parse))
}

#[test]
fn every_bad_file_is_set_aside_and_kept() {
    assert!(bad_files().len() >= 30);
    for (name, bad) in bad_files() {
        for has_previous in [true, false] {
            let place = directory();
            let path = place.path().join("a.json");
            bad.plant(&path);
            if has_previous {
                fs::write(place.path().join("a.json.prev"), GOOD).expect("written");
            }
            let loaded = load(&path);
            let (value, set_aside) = match &loaded {
                Loaded::Recovered { value, set_aside, .. } => (Some(value.clone()), set_aside),
                Loaded::Lost { set_aside } => (None, set_aside),
                Loaded::Fresh | Loaded::Read(_) | Loaded::Newer { .. } | Loaded::Unreadable { .. } => {
                    panic!("{name}: {loaded:?}")
                }
            };
            assert_eq!(value, has_previous.then(|| vec!["prompt".to_owned()]), "{name}");
            assert_eq!(set_aside.len(), 1, "{name}");
            let aside = PathBuf::from(set_aside[0].path.as_str());
            assert!(!set_aside[0].why.is_empty(), "{name}");
            assert!(bad.is_at(&aside), "{name}: it is not what it was");

            // Saving again works, and what was set aside outlives it. A second bad file does not replace the
            // first.
            run(&mut RealFiles::new(), replace(&path, GOOD.as_bytes(), 1, Keep::One)).expect("saved");
            assert_eq!(load(&path), Loaded::Read(vec!["prompt".to_owned()]), "{name}");
            fs::remove_file(&path).expect("ours");
            bad.plant(&path);
            assert!(matches!(load(&path), Loaded::Recovered { .. } | Loaded::Lost { .. }), "{name}");
            assert!(bad.is_at(&aside), "{name}: overwritten");
        }
    }
}

#[test]
fn a_newer_file_is_neither_moved_nor_written() {
    for newer in [r#"{"version":2}"#, r#"{"version":18446744073709551615,"cells":{}}"#] {
        let place = directory();
        let path = place.path().join("a.json");
        fs::write(&path, newer).expect("written");
        assert!(matches!(load(&path), Loaded::Newer { .. }), "{newer}");
        let update = Update::new(text(&place.path().join("lock")), text(&path), 1, 1, Keep::One, |present| {
            parse(&present.expect("it is there")).map(|_| Vec::new())
        });
        assert!(run(&mut RealFiles::new(), update).is_err());
        assert_eq!(fs::read_to_string(&path).expect("still there"), newer);
        assert_eq!(names(place.path()), ["a.json", "lock"]);
    }
}

#[test]
fn a_file_we_may_not_read_is_not_taken_for_missing() {
    if rustix::process::geteuid().is_root() {
        // Root may read all: be nobody for this one.
        let place = directory();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).expect("ours");
        fs::write(place.path().join("a.json"), GOOD).expect("written");
        fs::set_permissions(place.path().join("a.json"), fs::Permissions::from_mode(0o600)).expect("ours");
        let program = place.path().join("test");
        fs::copy(std::env::current_exe().expect("we run"), &program).expect("copied");
        let mut command = Command::new(&program);
        command.args(["unreadable_child", "--exact", "--ignored", "--nocapture"]).env("PLACE", place.path());
        std::os::unix::process::CommandExt::uid(&mut command, 65_534);
        succeeds(command);
    } else {
        let place = directory();
        let path = place.path().join("a.json");
        fs::write(&path, GOOD).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("ours");
        assert_eq!(load(&path), Loaded::Unreadable { why: FileError::Denied });
    }
}

#[test]
#[ignore = "run by its parent as another user"]
fn unreadable_child() {
    let path = PathBuf::from(variable("PLACE")).join("a.json");
    assert_eq!(load(&path), Loaded::Unreadable { why: FileError::Denied });
    let saved = run(&mut RealFiles::new(), replace(&path, b"x", 1, Keep::None));
    assert_eq!(saved, Err(SaveError::NotWritten { why: FileError::Denied }));
}

/// Starts a writer that adds the entries `<who>-<first..last>` one by one and prints each that was
/// acknowledged.
fn start_writer(place: &Path, who: usize, first: usize, last: usize) -> Child {
    let place = place.to_str().expect("text");
    let (who, first, last) = (who.to_string(), first.to_string(), last.to_string());
    child("writer_child", &[("PLACE", place), ("WHO", &who), ("FIRST", &first), ("LAST", &last)])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

#[test]
#[ignore = "run by its parents, several at a time"]
fn writer_child() {
    let place = PathBuf::from(variable("PLACE"));
    let number = |name| variable(name).parse::<usize>().expect("a number");
    let mut files = RealFiles::new();
    for entry in number("FIRST")..number("LAST") {
        let line = format!("{}-{entry}", number("WHO"));
        let add = |present: Option<Vec<u8>>| -> Result<Vec<u8>, String> {
            let mut items =
                present.map_or(Ok(Vec::new()), |bytes| parse(&bytes)).map_err(|flaw| format!("{flaw:?}"))?;
            items.push(line.clone());
            serde_json::to_vec(&serde_json::json!({ "version": 1, "items": items }))
                .map_err(|error| error.to_string())
        };
        let nonce = entry as u64;
        let (lock, target) = (text(&place.join("a.lock")), text(&place.join("a.json")));
        let update = Update::new(lock, target, nonce, std::process::id(), Keep::Two, add);
        run_patiently(&mut files, update, patience(60_000)).expect("updated");
        // The test harness leaves its own line unfinished before our first.
        writeln!(std::io::stdout(), "\nack {entry}").expect("the parent reads");
    }
}

/// The next acknowledged entry; `None` when the writer ended.
fn next_ack(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Option<usize> {
    lines.find_map(|line| {
        line.expect("text").strip_prefix("ack ").map(|entry| entry.parse().expect("a number"))
    })
}

fn entries(place: &Path) -> Vec<String> {
    parse(&fs::read(place.join("a.json")).expect("it is there")).expect("it is whole")
}

#[test]
fn four_processes_lose_no_update_of_each_other() {
    let place = directory();
    let writers: Vec<_> = (0..4).map(|who| start_writer(place.path(), who, 0, 100)).collect();
    for mut writer in writers {
        let mut out = String::new();
        writer.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
        assert!(writer.wait().expect("ours").success(), "{out}");
    }
    let found = entries(place.path());
    let expected: BTreeSet<_> =
        (0..4).flat_map(|who| (0..100).map(move |entry| format!("{who}-{entry}"))).collect();
    assert_eq!(found.len(), 400);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(names(place.path()), ["a.json", "a.json.prev", "a.json.prev2", "a.lock"]);
}

#[test]
fn updates_acknowledged_before_a_kill_are_there_and_none_is_there_twice() {
    let place = directory();
    let lock_before = {
        fs::write(place.path().join("a.lock"), "").expect("made");
        fs::metadata(place.path().join("a.lock")).expect("made").ino()
    };
    let work = |who: usize| {
        let mut acknowledged = Vec::new();
        let mut first = 0;
        for round in 0..12 {
            let mut writer = start_writer(place.path(), who, first, usize::MAX);
            let mut lines = BufReader::new(writer.stdout.take().expect("piped")).lines();
            // The kill lands somewhere in the update after a few acknowledged ones, elsewhere each time.
            for _ in 0..=(round + who) % 4 {
                acknowledged.extend(next_ack(&mut lines));
            }
            for _ in 0..(round * 7 + who * 3) * 2_000 {
                std::hint::spin_loop();
            }
            writer.kill().expect("ours");
            writer.wait().expect("ours");
            while let Some(entry) = next_ack(&mut lines) {
                acknowledged.push(entry);
            }
            first = acknowledged.last().copied().expect("at least one") + 2;
        }
        acknowledged.into_iter().map(|entry| format!("{who}-{entry}")).collect::<Vec<_>>()
    };
    let acknowledged: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|who| scope.spawn(move || work(who))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let found = entries(place.path());
    let set: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(set.len(), found.len(), "an entry is there twice");
    for entry in &acknowledged {
        assert!(set.contains(entry), "{entry} was acknowledged and is lost");
    }
    assert!(
        set.len() <= acknowledged.len() + 4 * 12,
        "at most one entry a kill landed without being acknowledged"
    );

    // The next write that succeeds leaves no temporary file, and the lock is the same file as ever.
    let mut last = start_writer(place.path(), 9, 0, 1);
    assert!(last.wait().expect("ours").success());
    assert_eq!(names(place.path()), ["a.json", "a.json.prev", "a.json.prev2", "a.lock"]);
    assert_eq!(fs::metadata(place.path().join("a.lock")).expect("there").ino(), lock_before);
}

fn holder(name: &str) -> Holder {
    Holder {
        pid: std::process::id(),
        start_ticks: 1,
        boot_id: "boot".to_owned(),
        started_at: "2026-11-23T01:54:56.007Z".to_owned(),
        version: name.to_owned(),
    }
}

#[test]
fn a_held_lock_names_its_holder_and_dies_with_it_even_if_children_live_on() {
    let place = directory();
    let path = place.path().join("run.lock");
    let mut owner = child("holder_child", &[("LOCK", path.to_str().expect("text"))])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(owner.stdout.take().expect("piped")).lines();
    let descriptors =
        lines.find_map(|line| line.expect("text").strip_prefix("fds ").map(str::to_owned)).expect("told");
    assert!(!descriptors.contains("run.lock"), "a child has our lock: {descriptors}");

    let seen = hold(&path, &holder("second")).expect_err("it is held");
    let LockError::HeldBy(Some(first)) = &seen else { panic!("{seen:?}") };
    assert_eq!((first.pid, first.version.as_str()), (owner.id(), "first, whose name is longer"));

    owner.kill().expect("ours");
    owner.wait().expect("ours");
    let inode = fs::metadata(&path).expect("there").ino();
    let ours = hold(&path, &holder("second")).expect("its holder is dead, and its child has no lock");
    let seen = hold(&path, &holder("third")).expect_err("it is held by us");
    assert_eq!(seen, LockError::HeldBy(Some(holder("second"))));
    drop(ours);
    drop(hold(&path, &holder("third")).expect("let go"));
    assert_eq!(fs::metadata(&path).expect("never removed").ino(), inode);
    assert_eq!(mode(&path), 0o600);
}

/// Holds the lock, tells which descriptors a child of ours gets, leaves that child behind, and waits to be
/// killed.
#[test]
#[ignore = "run by its parent, which kills it"]
fn holder_child() {
    let _lock = hold(Path::new(&variable("LOCK")), &holder("first, whose name is longer")).expect("free");
    let script = "echo; echo fds $(readlink /proc/$$/fd/*); exec cat";
    let mut cat = Command::new("sh").args(["-c", script]).spawn().expect("`sh` is everywhere");
    cat.wait().expect("ours");
}

#[test]
fn a_lock_is_for_one_only_and_what_is_no_file_is_no_lock() {
    let place = directory();
    let path = text(&place.path().join("a.lock"));
    let (mut one, mut other) = (RealFiles::new(), RealFiles::new());
    assert_eq!(one.apply(&FileOp::TryLock(path.clone())), Ok(FileOk::Done));
    assert_eq!(one.apply(&FileOp::TryLock(path.clone())), Err(FileError::Locked));
    assert_eq!(other.apply(&FileOp::TryLock(path.clone())), Err(FileError::Locked));
    assert_eq!(other.apply(&FileOp::Unlock(path.clone())), Ok(FileOk::Done));
    assert_eq!(other.apply(&FileOp::TryLock(path.clone())), Err(FileError::Locked));
    assert_eq!(one.apply(&FileOp::Unlock(path.clone())), Ok(FileOk::Done));
    assert_eq!(other.apply(&FileOp::TryLock(path)), Ok(FileOk::Done));

    let pipe = place.path().join("pipe");
    Bad::Pipe.plant(&pipe);
    assert_eq!(one.apply(&FileOp::TryLock(text(&pipe))), Err(FileError::Unfit));
    assert_eq!(hold(&pipe, &holder("x")).expect_err("a pipe"), LockError::Failed(FileError::Unfit));
}

#[test]
fn a_home_must_be_ours_alone() {
    let place = directory();
    let home = place.path().join("deep/home");
    let found = check_home(&home).expect("made");
    assert_eq!(found.path, home.canonicalize().expect("made"));
    assert_eq!(mode(&home), 0o700);

    for bits in [0o755, 0o770, 0o701, 0o722] {
        fs::set_permissions(&home, fs::Permissions::from_mode(bits)).expect("ours");
        let error = check_home(&home).expect_err("others may use it");
        assert!(matches!(error, HomeError::TooOpen { .. }));
        assert!(error.to_string().contains("chmod 700 '"), "{error}");
    }
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).expect("ours");

    let link = place.path().join("link");
    symlink(&home, &link).expect("made");
    assert_eq!(check_home(&link).expect("a link to a good home").path, home.canonicalize().expect("made"));

    let file = place.path().join("file");
    fs::write(&file, "").expect("written");
    assert!(matches!(check_home(&file), Err(HomeError::NotADirectory { .. })));
    let nowhere = place.path().join("nowhere");
    symlink("missing", &nowhere).expect("made");
    assert!(matches!(check_home(&nowhere), Err(HomeError::Unusable { .. })));
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&home, Some(65_534), None).expect("root may");
        let error = check_home(&home).expect_err("another's");
        assert!(error.to_string().contains("chown"), "{error}");
    }
    if Path::new("/dev/shm").is_dir() {
        let memory = tempfile::tempdir_in("/dev/shm").expect("memory");
        fs::set_permissions(memory.path(), fs::Permissions::from_mode(0o700)).expect("ours");
        assert_eq!(check_home(memory.path()).expect("ours").warnings, [HomeWarning::InMemory]);
    }
}

#[test]
fn a_linked_file_is_followed_once_within_what_is_ours() {
    let place = directory();
    let (ours, other) = (place.path().join("ours"), place.path().join("other"));
    fs::create_dir(&ours).expect("made");
    fs::create_dir(&other).expect("made");
    for target in [&ours, &other] {
        fs::write(target.join("containers.json"), GOOD).expect("written");
    }
    let ours = ours.canonicalize().expect("made");
    let link = place.path().join("containers.json");
    let resolve = |path: &Path| resolve_link(path, &[&ours]);
    assert_eq!(resolve(&link).expect("missing is plain"), link);
    symlink(ours.join("containers.json"), &link).expect("made");
    assert_eq!(resolve(&link).expect("ours"), ours.join("containers.json"));
    fs::remove_file(&link).expect("ours");
    symlink(other.join("containers.json"), &link).expect("made");
    assert!(matches!(resolve(&link), Err(HomeError::Unusable { .. })));
    fs::remove_file(&link).expect("ours");
    symlink("nowhere", &link).expect("made");
    assert!(matches!(resolve(&link), Err(HomeError::Unusable { .. })));
}

#[test]
fn a_full_disk_costs_the_reserve_first_and_never_the_old_version() {
    let place = directory();
    let script = "mount -t tmpfs -o size=1m none \"$PLACE\" && exec \"$TEST\" full_disk_child --exact --ignored --nocapture";
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.env("PLACE", place.path()).env("TEST", std::env::current_exe().expect("we run"));
        command
    };
    let can_mount = unshared("mount -t tmpfs -o size=1m none \"$PLACE\"")
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_mount {
        let mut out = std::io::stderr();
        writeln!(out, "SKIPPED a_full_disk_costs_the_reserve_first: no mounts may be made here")
            .expect("told");
        return;
    }
    succeeds(unshared(script));
}

#[test]
#[ignore = "run by its parent on a file system of 1 MiB"]
fn full_disk_child() {
    let place = PathBuf::from(variable("PLACE"));
    let (path, reserve, filler) = (place.join("a.json"), place.join(".reserve"), place.join("filler"));
    let mut files = RealFiles::with_reserve(reserve.clone());
    assert_eq!(fs::metadata(&reserve).expect("made").len(), limits::RESERVE_BYTES as u64);
    let big = |letter: u8| vec![letter; limits::RESERVE_BYTES / 4];
    run(&mut files, replace(&path, &big(b'1'), 1, Keep::None)).expect("saved");
    let mut glutton = fs::File::create(&filler).expect("made");
    while glutton.write_all(&[0; 4096]).is_ok() {}

    run(&mut RealFiles::new(), replace(&path, &big(b'2'), 2, Keep::None)).expect_err("the disk is full");
    assert_eq!(fs::read(&path).expect("intact"), big(b'1'));
    run(&mut files, replace(&path, &big(b'3'), 3, Keep::None)).expect("saved with the reserve's space");
    assert_eq!(fs::read(&path).expect("saved"), big(b'3'));
    while glutton.write_all(&[0; 4096]).is_ok() {}
    // More than the reserve holds.
    let too_big = big(b'4').repeat(8);
    assert_eq!(
        run(&mut files, replace(&path, &too_big, 4, Keep::None)),
        Err(SaveError::NotWritten { why: FileError::NoSpace })
    );
    assert_eq!(fs::read(&path).expect("intact"), big(b'3'));
    assert_eq!(names(&place), ["a.json", "filler"]);

    fs::remove_file(&filler).expect("ours");
    drop(glutton);
    run(&mut files, replace(&path, &big(b'5'), 5, Keep::None)).expect("saved");
    assert_eq!(fs::metadata(&reserve).expect("back").len(), limits::RESERVE_BYTES as u64);
}
