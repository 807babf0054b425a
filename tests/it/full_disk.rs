//! A disk that is full: nothing new begins, what is there can still be paused, recorded and left, and as soon as there is
//! room again all goes on.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::disks::{Disk, Kind, MemoryDisk, can_mount, can_mount_memory};
use crate::harness::{SOON, Stage, assert_whole, eventually};
use crate::terminal::Terminal;

/// Writes into `directory` until nothing more fits.
fn fill(directory: &Path) {
    let mut file = File::options().create(true).append(true).open(directory.join("filler")).unwrap();
    for size in [64 * 1_024, 4 * 1_024, 256, 1] {
        let end = loop {
            if let Err(error) = file.write_all(&vec![b'x'; size]) {
                break error;
            }
        };
        assert_eq!(end.kind(), ErrorKind::StorageFull, "{end}");
    }
    // What is not allocated yet may not fit either.
    let _full = file.sync_all();
}

fn free(directory: &Path) {
    std::fs::remove_file(directory.join("filler")).unwrap();
}

/// How far the agent has counted, with nothing missing.
#[track_caller]
fn ticks(stage: &Stage, name: &str) -> u64 {
    assert_whole(&stage.run(&["logs", name]).expect(0).out)
}

#[track_caller]
fn goes_on(stage: &Stage, name: &str) {
    let before = ticks(stage, name);
    eventually(&format!("{name} goes on"), SOON, || (ticks(stage, name) > before).then_some(()));
}

/// What `words` say on a full disk: that it is.
#[track_caller]
fn is_refused_for_want_of_room(stage: &Stage, words: &[&str]) {
    let said = stage.run(words);
    assert!(said.code > 0 && said.code != 101, "{said:#?}");
    let text = said.err.to_lowercase();
    let is_clear = text.contains("no space left") || text.contains("disk is full");
    assert!(text.contains("ccells: ") && is_clear && !text.contains("panicked"), "{said:#?}");
}

/// The whole story, on a full disk that is the home's.
fn endures(stage: &Stage) {
    for name in ["one", "two"] {
        stage.new_workstream(name);
        eventually("it counts", SOON, || (ticks(stage, name) > 0).then_some(()));
    }
    let mut terminal = Terminal::open(stage, &[]);
    terminal.wait_for_both();
    fill(&stage.home);
    is_refused_for_want_of_room(stage, &["new", "-n", "more"]);
    stage.run(&["pause", "one"]).expect(0);
    terminal.wait_for("paused one");
    stage.run(&["resume", "one"]).expect(0);
    terminal.wait_for("running one");
    goes_on(stage, "one");

    // The end of a run: all frozen, and recorded.
    fill(&stage.home);
    terminal.signal(Signal::TERM);
    let said = terminal.end(SOON);
    assert_eq!(said.code, 143, "{said:#?}");
    let frozen = |state: &str| {
        for container in stage.containers() {
            assert_eq!(container["State"], state, "{container:#}");
        }
        for name in ["one", "two"] {
            assert_eq!(stage.card(name).unwrap()["state"], state, "{name}");
        }
    };
    frozen("paused");

    // Verbs of their own, and the next run, which lets all go on; the disk is as full as before.
    is_refused_for_want_of_room(stage, &["new", "-n", "again"]);
    let terminal = Terminal::open(stage, &[]);
    terminal.wait_until("both agents at work", SOON, |screen| {
        screen.contains("running one") && screen.contains("running two")
    });
    goes_on(stage, "one");
    goes_on(stage, "two");
    frozen("running");

    // There is room again, and the same run takes up what it had to leave.
    free(&stage.home);
    // What found room to begin, and none to end.
    for card in stage.json(&["ls"]).as_array().unwrap().iter().filter(|card| card["state"] == "failed") {
        stage.run(&["rm", "--force", card["id"].as_str().unwrap()]).expect(0);
    }
    stage.new_workstream("after");
    goes_on(stage, "after");
    drop(terminal);
    stage.run(&["reconcile", "--apply"]).expect(0);
    assert_eq!(stage.doctor(), Vec::<Value>::new());
    assert!(stage.home.join(".reserve").exists(), "the reserve is not filled again");
}

#[test]
fn a_full_disk_in_memory_stops_nobody_from_pausing_and_leaving() {
    if !can_mount_memory() {
        return;
    }
    let mut disk = None;
    let Some(mut stage) = Stage::set_in(|room| disk = Some(MemoryDisk::mount(room, "6m"))) else { return };
    stage.let_agents_talk();
    endures(&stage);
}

#[test]
fn a_full_disk_in_a_file_stops_nobody_from_pausing_and_leaving() {
    if !can_mount() {
        return;
    }
    let mut disk = Disk::make(Kind::Ext4);
    let Some(mut stage) = Stage::set_in(|room| disk.mount(room)) else { return };
    stage.let_agents_talk();
    endures(&stage);
}
