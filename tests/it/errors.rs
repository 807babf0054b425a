//! A disk that fails at any change of a file: the verb says so in words, nothing is lost, and the next start puts all in
//! order.

use std::time::Duration;

use nix::errno::Errno;
use serde_json::Value;

use crate::blows::{Begun, EVERY, Tally, judge, judge_but, points, remove_all_but, thin};
use crate::harness::{Said, Stage, announce, wait_for_ticks};
use crate::tracer::{self, Fate};

/// What a disk says in life.
const ERRORS: [Errno; 4] = [Errno::EIO, Errno::ENOSPC, Errno::EROFS, Errno::EDQUOT];
/// A verb whose disk fails gives up no later.
const TOLERABLE: Duration = Duration::from_secs(40);

/// Each change of a file that `words` makes fails, alone and with all after it, thinned out to `wanted`.
fn faults(stage: &Stage, words: &[&str], wanted: usize) -> Vec<Fate> {
    let (said, trace) = tracer::run(&stage.command(words), Fate::Watched);
    said.expect(0);
    let changes = trace.changes.iter().filter(|change| change.is_of_a_file).count();
    let numbers = thin(changes, wanted).into_iter().enumerate();
    // What a verb waits for longest: a state that is never saved.
    let files = trace.changes.iter().filter(|change| change.is_of_a_file);
    let never_saved = files.map(|it| it.subject.contains("/.state.json.")).position(|is_state| is_state);
    let never_saved =
        never_saved.map(|place| Fate::Failing { number: place + 1, error: Errno::EIO, for_good: true });
    numbers
        .flat_map(|(place, number)| {
            let fate = |for_good: bool| Fate::Failing {
                number: number + 1,
                error: ERRORS[(place + usize::from(for_good)) % ERRORS.len()],
                for_good,
            };
            [fate(false), fate(true)]
        })
        .chain(never_saved)
        .collect()
}

/// A failure is told in words, in time, and not by a panic; a success is one.
#[track_caller]
fn assert_clear(said: &Said, fate: Fate, struck: &dyn std::fmt::Debug) {
    let context = || format!("{fate:?} at {struck:?}: {said:#?}");
    assert!(said.code >= 0 && said.code != 101 && !said.err.contains("panicked"), "{}", context());
    assert!(said.took < TOLERABLE, "{}", context());
    let is_told = said.err.contains("ccells: ") && said.err.trim().len() > "ccells: ".len() + 10;
    assert!(said.code == 0 || is_told, "{}", context());
}

/// Lets `words` run into `fate`, and counts as killed what failed.
fn strike(stage: &Stage, tally: &mut Tally, words: &[&str], fate: Fate) -> Said {
    let (said, trace) = tracer::run(&stage.command(words), fate);
    assert_clear(&said, fate, &trace.struck);
    let row = tally.row(words[0]);
    row.points += 1;
    row.killed += usize::from(said.code != 0);
    if let (Some(struck), true) = (&trace.struck, std::env::var_os("CCELLS_TELL").is_some()) {
        announce(&format!(
            "{} failing at {struck} with {fate:?}: {} {}",
            words[0],
            said.code,
            said.err.trim()
        ));
    }
    said
}

fn is_there(listed: &Value, id: &Value) -> bool {
    listed.as_array().unwrap().iter().any(|card| card["id"] == *id)
}

#[test]
fn a_disk_that_fails_while_one_is_made_or_removed_loses_nothing() {
    let Some(stage) = Stage::set() else { return };
    if !tracer::can_trace() {
        return;
    }
    let witness = stage.new_workstream("witness");
    wait_for_ticks(&witness, 1);
    let mut tally = Tally::default();
    stage.new_workstream("first");
    let fates = faults(&stage, &["new", "-n", "watched", "--json"], points(4, EVERY));
    remove_all_but(&stage, &witness);
    for (place, fate) in fates.into_iter().enumerate() {
        let name = format!("victim-{place}");
        let said = strike(&stage, &mut tally, &["new", "-n", &name, "--json"], fate);
        let made = (said.code == 0).then(|| said.json());
        judge(&stage, tally.row("new"), &witness, made.as_ref(), &fate);
        remove_all_but(&stage, &witness);
    }

    stage.new_workstream("victim");
    let fates = faults(&stage, &["rm", "--force", "victim"], points(3, EVERY));
    for fate in fates {
        let victim = stage.card("victim").unwrap_or_else(|| stage.new_workstream("victim"));
        let said = strike(&stage, &mut tally, &["rm", "--force", "victim"], fate);
        let listed = judge(&stage, tally.row("rm"), &witness, None, &fate);
        let is_there = is_there(&listed, &victim["id"]);
        assert!(!is_there || said.code != 0, "after {fate:?} it was acknowledged as gone");
        let has_worktree = std::path::Path::new(victim["worktree"].as_str().unwrap()).exists();
        assert_eq!(is_there, has_worktree, "after {fate:?} it is half there: {listed:#}");
    }
    tally.assert_clean();
}

#[test]
fn a_disk_that_fails_while_one_is_paused_resumed_or_stopped_loses_nothing() {
    let Some(stage) = Stage::set() else { return };
    if !tracer::can_trace() {
        return;
    }
    let witness = stage.new_workstream("witness");
    let victim = stage.new_workstream("victim");
    wait_for_ticks(&victim, 1);
    let mut tally = Tally::default();
    for (verb, undo, state, other) in
        [("pause", "resume", "paused", "running"), ("resume", "pause", "running", "paused")]
    {
        let fates = faults(&stage, &[verb, "victim"], points(2, EVERY));
        stage.run(&[undo, "victim"]).expect(0);
        for fate in fates {
            let said = strike(&stage, &mut tally, &[verb, "victim"], fate);
            judge(&stage, tally.row(verb), &witness, Some(&victim), &fate);
            let now = stage.card("victim").unwrap()["state"].clone();
            let is_as_told = now == state || (now == other && said.code != 0);
            assert!(is_as_told, "after {fate:?} of {verb} it is {now}");
            if now == state {
                stage.run(&[undo, "victim"]).expect(0);
            }
        }
    }
    stage.run(&["resume", "victim"]).expect(0);
    let fates = faults(&stage, &["stop", "victim"], points(2, EVERY));
    remove_all_but(&stage, &witness);
    for (place, fate) in fates.into_iter().enumerate() {
        let victim = stage.new_workstream(&format!("stopped-{place}"));
        let id = victim["id"].as_str().unwrap();
        let said = strike(&stage, &mut tally, &["stop", id], fate);
        let begun = Begun { id: id.to_string(), is_ending: true, starts: 1 };
        judge_but(&stage, tally.row("stop"), &witness, Some(&victim), &[begun], &fate);
        let now = stage.card(id).unwrap()["state"].clone();
        assert!(now == "stopped" || (now == "running" && said.code != 0), "after {fate:?} it is {now}");
        remove_all_but(&stage, &witness);
    }
    tally.assert_clean();
}
