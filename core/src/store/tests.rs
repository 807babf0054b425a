//! The protocols op by op: what is done, in which order, and what follows each failure.

use std::borrow::ToOwned;
use std::boxed::Box;
use std::collections::VecDeque;
use std::fmt::Write;
use std::vec;

use super::*;

/// Answers from a script (`ok` when it is exhausted) and writes down what it was asked.
struct Script {
    answers: VecDeque<String>,
    trace: String,
}

fn answer(word: &str) -> Result<FileOk, FileError> {
    Err(match word {
        "ok" => return Ok(FileOk::Done),
        "NotFound" => FileError::NotFound,
        "Exists" => FileError::Exists,
        "NoSpace" => FileError::NoSpace,
        "ReadOnly" => FileError::ReadOnly,
        "Denied" => FileError::Denied,
        "Locked" => FileError::Locked,
        "Unfit" => FileError::Unfit,
        "Io" => FileError::Io(5),
        word => {
            let (kind, rest) = word.split_once(':').expect("names:a,b or bytes:text");
            return Ok(match kind {
                "names" => FileOk::Names(
                    rest.split(',').filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect(),
                ),
                "bytes" => FileOk::Bytes(rest.as_bytes().to_vec()),
                kind => panic!("no such answer: {kind}"),
            });
        }
    })
}

fn words(op: &FileOp) -> String {
    match op {
        FileOp::MakeDir(path) => format!("mkdir {path}"),
        FileOp::Read(path) => format!("read {path}"),
        FileOp::List(path) => format!("list {path}"),
        FileOp::CreateNew(path) => format!("create {path}"),
        FileOp::Append(path, bytes) => format!("append {path} {}", String::from_utf8_lossy(bytes)),
        FileOp::SyncFile(path) => format!("sync {path}"),
        FileOp::Link(from, to) => format!("link {from} {to}"),
        FileOp::Rename(from, to) => format!("rename {from} {to}"),
        FileOp::SyncDir(path) => format!("syncdir {path}"),
        FileOp::Unlink(path) => format!("unlink {path}"),
        FileOp::TryLock(path) => format!("lock {path}"),
        FileOp::Unlock(path) => format!("unlock {path}"),
    }
}

impl Files for Script {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        let word = self.answers.pop_front().unwrap_or("ok".to_owned());
        let shown = if word == "ok" { String::new() } else { format!(" -> {word}") };
        // Paths are all below /d and nonces below 16: what is left tells more.
        let asked = words(op).replace("/d/", "").replace("000000000000000", "#");
        writeln!(self.trace, "{asked}{shown}").expect("a String takes all");
        answer(&word)
    }
}

/// Runs a protocol against scripted answers, separated by blanks, and compares what was done, line by line.
#[track_caller]
fn check<P: Protocol>(protocol: P, script: &str, expected: &str)
where
    P::Output: core::fmt::Debug,
{
    let mut files =
        Script { answers: script.split_whitespace().map(ToOwned::to_owned).collect(), trace: String::new() };
    let mut waits = 3;
    let output = run_patiently(&mut files, protocol, || {
        waits -= 1;
        waits > 0
    });
    writeln!(files.trace, "= {output:?}").expect("a String takes all");
    let expected: String = expected.lines().map(str::trim).filter(|line| !line.is_empty()).fold(
        String::new(),
        |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        },
    );
    assert_eq!(files.trace, expected, "\n--- done:\n{}", files.trace);
}

fn replace(keep: Keep) -> Replace {
    Replace::new("/d/a.json".into(), b"new".to_vec(), 1, 7, keep)
}

#[test]
fn a_replacement_is_synced_before_it_is_renamed_and_its_directory_after() {
    check(
        replace(Keep::None),
        "names:a.json",
        "list /d -> names:a.json
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         rename .a.json.7-#1.tmp a.json
         syncdir /d
         = Ok(())",
    );
}

#[test]
fn a_previous_generation_is_replaced_without_being_missing_for_an_instant() {
    check(
        replace(Keep::One),
        "names:",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         link a.json .a.json.7-#1.prev.tmp
         rename .a.json.7-#1.prev.tmp a.json.prev
         rename .a.json.7-#1.tmp a.json
         unlink .a.json.7-#1.prev.tmp
         syncdir /d
         = Ok(())",
    );
}

#[test]
fn two_generations_move_up_and_one_of_them_is_always_there() {
    check(
        replace(Keep::Two),
        "names:",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         rename a.json.prev a.json.prev2
         link a.json a.json.prev
         rename .a.json.7-#1.tmp a.json
         syncdir /d
         = Ok(())",
    );
    // Both are one file since an earlier save failed: nothing moved.
    check(
        replace(Keep::Two),
        "names: ok ok ok ok Exists",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         rename a.json.prev a.json.prev2
         link a.json a.json.prev -> Exists
         rename .a.json.7-#1.tmp a.json
         syncdir /d
         = Ok(())",
    );
}

#[test]
fn the_first_version_has_no_previous_one() {
    check(
        replace(Keep::One),
        "names: ok ok ok NotFound",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         link a.json .a.json.7-#1.prev.tmp -> NotFound
         rename .a.json.7-#1.tmp a.json
         unlink .a.json.7-#1.prev.tmp
         syncdir /d
         = Ok(())",
    );
}

#[test]
fn only_temporary_files_of_this_very_file_are_swept() {
    let stale = ".a.json.9-00000000000000ff.tmp";
    let second = ".a.json.9-00000000000000ff.prev.tmp";
    let others =
        ".a.json.x.9-00000000000000ff.tmp,.a.json.tmp,.a.json.9-ff.tmp,.b.json.9-00000000000000ff.tmp,a.json";
    check(
        replace(Keep::None),
        &format!("names:{stale},{second},{others} Denied"),
        &format!(
            "list /d -> names:{stale},{second},{others}
             unlink {second} -> Denied
             unlink {stale}
             create .a.json.7-#1.tmp
             append .a.json.7-#1.tmp new
             sync .a.json.7-#1.tmp
             rename .a.json.7-#1.tmp a.json
             syncdir /d
             = Ok(())"
        ),
    );
}

#[test]
fn a_full_disk_leaves_the_old_version_and_no_temporary_file() {
    check(
        replace(Keep::None),
        "names: ok NoSpace",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new -> NoSpace
         unlink .a.json.7-#1.tmp
         = Err(NotWritten { why: NoSpace })",
    );
}

#[test]
fn a_failed_sync_is_not_repeated_on_the_same_file() {
    check(
        replace(Keep::None),
        "names: ok ok Io ok ok ok Io",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp -> Io
         unlink .a.json.7-#1.tmp
         create .a.json.7-#2.tmp
         append .a.json.7-#2.tmp new
         sync .a.json.7-#2.tmp -> Io
         unlink .a.json.7-#2.tmp
         = Err(NotWritten { why: Io(5) })",
    );
}

#[test]
fn a_failed_rename_takes_both_temporary_names_away() {
    check(
        replace(Keep::One),
        "names: ok ok ok ok ok ReadOnly",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         link a.json .a.json.7-#1.prev.tmp
         rename .a.json.7-#1.prev.tmp a.json.prev
         rename .a.json.7-#1.tmp a.json -> ReadOnly
         unlink .a.json.7-#1.prev.tmp
         unlink .a.json.7-#1.tmp
         = Err(NotWritten { why: ReadOnly })",
    );
}

#[test]
fn a_failed_directory_sync_is_told_apart_from_a_failed_write() {
    check(
        replace(Keep::None),
        "names: ok ok ok ok Io",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         rename .a.json.7-#1.tmp a.json
         syncdir /d -> Io
         = Err(NotProvenDurable { why: Io(5) })",
    );
}

#[test]
fn a_file_system_without_second_names_still_saves() {
    check(
        replace(Keep::One),
        "names: ok ok ok Denied",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         link a.json .a.json.7-#1.prev.tmp -> Denied
         rename .a.json.7-#1.tmp a.json
         unlink .a.json.7-#1.prev.tmp
         syncdir /d
         = Ok(())",
    );
}

#[test]
fn a_planted_temporary_name_is_stepped_around_once() {
    check(
        replace(Keep::None),
        "names: Exists Exists",
        "list /d -> names:
         create .a.json.7-#1.tmp -> Exists
         create .a.json.7-#2.tmp -> Exists
         = Err(NotWritten { why: Exists })",
    );
}

#[test]
fn a_directory_that_cannot_be_listed_is_not_written_to() {
    check(replace(Keep::None), "Io", "list /d -> Io\n= Err(NotWritten { why: Io(5) })");
}

#[test]
fn a_heartbeat_is_atomic_and_not_synced() {
    check(
        Replace::fleeting("/d/heartbeat".into(), b"beat".to_vec(), 1, 7),
        "names:",
        "list /d -> names:
         create .heartbeat.7-#1.tmp
         append .heartbeat.7-#1.tmp beat
         rename .heartbeat.7-#1.tmp heartbeat
         = Ok(())",
    );
}

type Change = Box<dyn FnOnce(Option<Vec<u8>>) -> Result<Vec<u8>, String>>;

/// Adds a plus sign to what is there; refuses what says `newer`.
fn update(keep: Keep) -> Update<Change, String> {
    let change: Change = Box::new(|present| match present {
        Some(bytes) if bytes == b"newer" => Err("a newer ccells wrote it".to_owned()),
        present => Ok([present.unwrap_or(b"none".to_vec()), b"+".to_vec()].concat()),
    });
    Update::new("/d/locks/a.lock".into(), "/d/a.json".into(), 1, 7, keep, change)
}

#[test]
fn an_update_changes_what_is_on_the_disk_under_the_lock() {
    check(
        update(Keep::None),
        "Locked ok bytes:old names:",
        "lock locks/a.lock -> Locked
         lock locks/a.lock
         read a.json -> bytes:old
         list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp old+
         sync .a.json.7-#1.tmp
         rename .a.json.7-#1.tmp a.json
         syncdir /d
         unlock locks/a.lock
         = Ok(())",
    );
}

#[test]
fn an_update_of_a_file_that_was_set_aside_starts_from_the_previous_generation() {
    check(
        update(Keep::Two),
        "ok NotFound NotFound bytes:older names: ok ok ok NotFound NotFound",
        "lock locks/a.lock
         read a.json -> NotFound
         read a.json.prev -> NotFound
         read a.json.prev2 -> bytes:older
         list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp older+
         sync .a.json.7-#1.tmp
         rename a.json.prev a.json.prev2 -> NotFound
         link a.json a.json.prev -> NotFound
         rename .a.json.7-#1.tmp a.json
         syncdir /d
         unlock locks/a.lock
         = Ok(())",
    );
}

#[test]
fn an_update_of_nothing_starts_from_nothing() {
    check(
        update(Keep::None),
        "ok NotFound names: NoSpace",
        "lock locks/a.lock
         read a.json -> NotFound
         list /d -> names:
         create .a.json.7-#1.tmp -> NoSpace
         unlock locks/a.lock
         = Err(Unsaved(NotWritten { why: NoSpace }))",
    );
}

#[test]
fn an_update_lets_the_lock_go_on_every_path_and_writes_nothing_it_should_not() {
    check(
        update(Keep::One),
        "ok bytes:newer",
        "lock locks/a.lock
         read a.json -> bytes:newer
         unlock locks/a.lock
         = Err(Refused(\"a newer ccells wrote it\"))",
    );
    check(
        update(Keep::One),
        "ok Io",
        "lock locks/a.lock
         read a.json -> Io
         unlock locks/a.lock
         = Err(Unreadable { why: Io(5) })",
    );
    check(
        update(Keep::One),
        "Locked Locked Locked Locked",
        "lock locks/a.lock -> Locked
         lock locks/a.lock -> Locked
         lock locks/a.lock -> Locked
         = Err(Busy)",
    );
    check(update(Keep::One), "Denied", "lock locks/a.lock -> Denied\n= Err(NoLock { why: Denied })");
}

/// A second name that is taken is somebody's: only with two generations can it be the target itself.
#[test]
fn one_previous_generation_under_a_name_that_is_taken_ends_the_save() {
    check(
        replace(Keep::One),
        "names: ok ok ok Exists",
        "list /d -> names:
         create .a.json.7-#1.tmp
         append .a.json.7-#1.tmp new
         sync .a.json.7-#1.tmp
         link a.json .a.json.7-#1.prev.tmp -> Exists
         unlink .a.json.7-#1.prev.tmp
         unlink .a.json.7-#1.tmp
         = Err(NotWritten { why: Exists })",
    );
}

/// Understands texts that begin with `good`.
fn load(keep: Keep) -> Load<impl FnMut(&[u8]) -> Result<String, Flaw>> {
    Load::new("/d/a.json".into(), keep, Wall(951_782_400_123), |bytes: &[u8]| {
        match core::str::from_utf8(bytes) {
            Ok("v9") => Err(Flaw::Newer { version: 9 }),
            Ok(text) if text.starts_with("good") => Ok(text.to_owned()),
            Ok(text) => Err(Flaw::Corrupt { why: format!("`{text}` is not good") }),
            Err(_) => Err(Flaw::Corrupt { why: "not text".to_owned() }),
        }
    })
}

#[test]
fn a_good_file_is_read_and_nothing_else_is_looked_at() {
    check(load(Keep::Two), "bytes:good", "read a.json -> bytes:good\n= Read(\"good\")");
}

#[test]
fn a_corrupt_file_is_set_aside_under_a_free_name_and_the_previous_generation_taken() {
    check(
        load(Keep::Two),
        "bytes:bad names:a.json,a.json.corrupt-20000229T000000123Z ok bytes:good",
        "read a.json -> bytes:bad
         list /d -> names:a.json,a.json.corrupt-20000229T000000123Z
         rename a.json a.json.corrupt-20000229T000000123Z-2
         read a.json.prev -> bytes:good
         = Recovered { value: \"good\", from: /d/a.json.prev, set_aside: \
         [SetAside { path: /d/a.json.corrupt-20000229T000000123Z-2, why: \"`bad` is not good\" }] }",
    );
}

#[test]
fn generations_that_are_all_corrupt_are_all_kept() {
    check(
        load(Keep::One),
        "bytes:bad names: ok Unfit names:",
        "read a.json -> bytes:bad
         list /d -> names:
         rename a.json a.json.corrupt-20000229T000000123Z
         read a.json.prev -> Unfit
         list /d -> names:
         rename a.json.prev a.json.prev.corrupt-20000229T000000123Z
         = Lost { set_aside: [SetAside { path: /d/a.json.corrupt-20000229T000000123Z, why: \"`bad` is not good\" }, \
         SetAside { path: /d/a.json.prev.corrupt-20000229T000000123Z, \
         why: \"not a regular file of a size we read\" }] }",
    );
}

#[test]
fn a_missing_file_is_fresh_only_when_nothing_is_left_of_an_older_one() {
    let gone = "read a.json -> NotFound\nread a.json.prev -> NotFound\nlist /d";
    check(load(Keep::One), "NotFound NotFound names:b.json", &format!("{gone} -> names:b.json\n= Fresh"));
    check(load(Keep::One), "NotFound NotFound NotFound", &format!("{gone} -> NotFound\n= Fresh"));
    check(load(Keep::One), "NotFound NotFound Io", &format!("{gone} -> Io\n= Unreadable {{ why: Io(5) }}"));
    check(
        load(Keep::One),
        "NotFound NotFound names:a.json.corrupt-1",
        &format!(
            "{gone} -> names:a.json.corrupt-1
             = Lost {{ set_aside: [SetAside {{ path: /d/a.json.corrupt-1, why: \"set aside by an earlier run\" }}] }}"
        ),
    );
    check(
        load(Keep::One),
        "NotFound bytes:good",
        "read a.json -> NotFound
         read a.json.prev -> bytes:good
         = Recovered { value: \"good\", from: /d/a.json.prev, set_aside: [] }",
    );
}

#[test]
fn what_cannot_be_read_or_is_newer_is_never_taken_for_fresh_and_never_touched() {
    check(load(Keep::Two), "Io", "read a.json -> Io\n= Unreadable { why: Io(5) }");
    check(load(Keep::Two), "Denied", "read a.json -> Denied\n= Unreadable { why: Denied }");
    check(load(Keep::Two), "bytes:v9", "read a.json -> bytes:v9\n= Newer { version: 9 }");
    check(
        load(Keep::Two),
        "bytes:bad names: ReadOnly",
        "read a.json -> bytes:bad
         list /d -> names:
         rename a.json a.json.corrupt-20000229T000000123Z -> ReadOnly
         = Unreadable { why: ReadOnly }",
    );
}

#[test]
fn removing_is_durable_and_may_be_repeated() {
    let remove = || Remove::new("/d/a.json".into());
    check(remove(), "", "unlink a.json\nsyncdir /d\n= Ok(())");
    check(remove(), "NotFound", "unlink a.json -> NotFound\nsyncdir /d\n= Ok(())");
    check(remove(), "ReadOnly", "unlink a.json -> ReadOnly\n= Err(NotWritten { why: ReadOnly })");
    check(remove(), "ok Io", "unlink a.json\nsyncdir /d -> Io\n= Err(NotProvenDurable { why: Io(5) })");
}

#[test]
fn names_are_split_at_the_last_slash() {
    for (path, directory, name) in
        [("/d/a", "/d", "a"), ("/a", "/", "a"), ("a", ".", "a"), ("d/e/a", "d/e", "a")]
    {
        assert_eq!(split(&path.into()), (directory.into(), name));
    }
    assert_eq!(Keep::Two.names(&"/d/a".into()), vec!["/d/a".into(), "/d/a.prev".into(), "/d/a.prev2".into()]);
}

#[test]
fn a_corrupt_file_gets_the_first_free_name_and_one_that_vanished_is_not_looked_for_again() {
    let aside = "a.json.corrupt-20000229T000000123Z";
    check(
        load(Keep::One),
        &format!("bytes:bad names:a.json,{aside},{aside}-2,{aside}-3 NotFound bytes:good"),
        &format!(
            "read a.json -> bytes:bad
             list /d -> names:a.json,{aside},{aside}-2,{aside}-3
             rename a.json {aside}-4 -> NotFound
             read a.json.prev -> bytes:good
             = Recovered {{ value: \"good\", from: /d/a.json.prev, set_aside: [] }}"
        ),
    );
}
