//! SIGKILL at any moment: no container leaked, no workstream lost, no agent interrupted, and the doctor content.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::blows::{
    Begun, Blow, EVERY, Tally, branches, changes, judge, judge_but, moments, points, remove_all_but, thin,
    worktrees,
};
use crate::harness::{SOON, Stage, assert_whole, collect, count, eventually, kill, wait_for_ticks};
use crate::terminal::Terminal;
use crate::tracer::{self, Fate, Trace, Tracer, can_trace};

#[test]
fn creating_and_destroying_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    wait_for_ticks(&witness, 1);
    let mut tally = Tally::default();

    let took = stage.run(&["new", "-n", "measure", "--json"]).expect(0).took;
    let mut blows = moments(took, points(7, 110));
    blows.extend(changes(&stage, &["new", "-n", "trace", "--json"], points(4, EVERY)));
    remove_all_but(&stage, &witness);
    for (place, blow) in blows.iter().enumerate() {
        let row = tally.row("create");
        // A branch stays taken for as long as its container may still land: each victim has its own.
        let said = blow.strike(&stage, &["new", "-n", &format!("victim-{place}"), "--json"]);
        row.points += 1;
        assert!(said.code == 0 || said.err.is_empty() || said.code == 137, "it failed by itself: {said:#?}");
        row.killed += usize::from(said.code != 0);
        let made = (said.code == 0).then(|| said.json());
        judge(&stage, row, &witness, made.as_ref(), blow);
        remove_all_but(&stage, &witness);
        assert_eq!(worktrees(&stage).len(), 1, "after {blow:?} something is left of a worktree");
        assert_eq!(branches(&stage), ["main", "witness"], "after {blow:?} a branch is left");
    }

    let fresh = || stage.new_workstream("victim");
    fresh();
    let took = stage.run(&["rm", "--force", "victim"]).expect(0).took;
    let mut blows = moments(took, points(5, 70));
    fresh();
    blows.extend(changes(&stage, &["rm", "--force", "victim"], points(2, EVERY)));
    for blow in &blows {
        let row = tally.row("destroy");
        let victim = stage.card("victim").unwrap_or_else(fresh);
        let said = blow.strike(&stage, &["rm", "--force", "victim"]);
        row.points += 1;
        row.killed += usize::from(said.code != 0);
        let listed = judge(&stage, row, &witness, None, blow);
        let is_there = listed.as_array().unwrap().iter().any(|card| card["id"] == victim["id"]);
        let has_worktree = Path::new(victim["worktree"].as_str().unwrap()).exists();
        assert_eq!(is_there, has_worktree, "after {blow:?} it is half there: {listed:#}");
        assert!(said.code != 0 || !is_there, "it was acknowledged as gone");
    }
    tally.assert_clean();
}

/// Kills `verb` on a victim that `before` has brought into another state: it is in the one or the other afterwards.
fn changing_state(
    stage: &Stage,
    tally: &mut Tally,
    verb: &str,
    before: &[&str],
    states: [&str; 2],
    few: usize,
) {
    let witness = stage.new_workstream("witness");
    let victim = |place: usize| {
        let victim = stage.new_workstream(&format!("victim-{place}"));
        wait_for_ticks(&victim, 1);
        let id = victim["id"].as_str().unwrap().to_string();
        for verb in before {
            stage.run(&[verb, &id]).expect(0);
        }
        (victim, id)
    };
    let (_, id) = victim(0);
    let mut blows = changes(stage, &[verb, &id], points(few, EVERY));
    let (_, id) = victim(1);
    let took = stage.run(&[verb, &id]).expect(0).took;
    blows.extend(moments(took, points(few, 20)));
    remove_all_but(stage, &witness);
    for (place, blow) in blows.iter().enumerate() {
        let row = tally.row(verb);
        let (victim, id) = victim(place + 2);
        let said = blow.strike(stage, &[verb, &id]);
        row.points += 1;
        row.killed += usize::from(said.code != 0);
        let starts = if verb == "restart" { 2 } else { 1 };
        let begun = Begun { id: id.clone(), is_ending: verb == "stop", starts };
        judge_but(stage, row, &witness, Some(&victim), &[begun], blow);
        let state = stage.card(&id).unwrap()["state"].clone();
        let is_as_told = state == states[1] || (state == states[0] && said.code != 0);
        assert!(is_as_told, "after {blow:?} of {verb} it is {state}");
        remove_all_but(stage, &witness);
    }
}

#[test]
fn pausing_and_resuming_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let mut tally = Tally::default();
    changing_state(&stage, &mut tally, "pause", &[], ["running", "paused"], 3);
    stage.run(&["rm", "--force", "witness"]).expect(0);
    changing_state(&stage, &mut tally, "resume", &["pause"], ["paused", "running"], 2);
    tally.assert_clean();
}

#[test]
fn stopping_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let mut tally = Tally::default();
    changing_state(&stage, &mut tally, "stop", &[], ["running", "stopped"], 2);
    tally.assert_clean();
}

#[test]
fn restarting_what_is_stopped_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let mut tally = Tally::default();
    changing_state(&stage, &mut tally, "restart", &["stop"], ["stopped", "running"], 2);
    tally.assert_clean();
}

/// Counts until it is told to end, and its container goes on without it.
const MORTAL: &str = "echo start >> /home/agent/starts
(i=0; while :; do i=$((i+1)); echo $i >> /home/agent/ticks; echo tick $i end; sleep 0.05; done) &
read -r line; kill $!";

/// A workstream whose agent has ended in a container that runs.
fn with_a_dead_agent(stage: &Stage, name: &str) -> Value {
    let card = stage.json(&["new", "-n", name, "--", "sh", "-c", MORTAL]);
    wait_for_ticks(&card, 1);
    stage.run(&["send", name, "end"]).expect(0);
    // Nobody can send anything to an agent that has ended.
    eventually("its end is known", SOON, || (stage.run(&["send", name, "more"]).code == 4).then_some(()));
    card
}

#[test]
fn restarting_an_agent_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    let mut tally = Tally::default();
    with_a_dead_agent(&stage, "watched");
    let mut blows = changes(&stage, &["restart", "watched"], points(2, EVERY));
    with_a_dead_agent(&stage, "measured");
    let took = stage.run(&["restart", "measured"]).expect(0).took;
    blows.extend(moments(took, points(2, 20)));
    remove_all_but(&stage, &witness);
    for (place, blow) in blows.iter().enumerate() {
        let row = tally.row("restart");
        let name = format!("victim-{place}");
        let victim = with_a_dead_agent(&stage, &name);
        let said = blow.strike(&stage, &["restart", &name]);
        row.points += 1;
        row.killed += usize::from(said.code != 0);
        let begun = Begun { id: victim["id"].as_str().unwrap().into(), is_ending: true, starts: 2 };
        judge_but(&stage, row, &witness, Some(&victim), &[begun], blow);
        assert_eq!(stage.card(&name).unwrap()["state"], "running", "after {blow:?}");
        // It was started again, or can be: never twice by the one wish, and never not at all.
        if said.code != 0 {
            let again = stage.run(&["restart", &name]);
            assert!(again.code == 0 || again.err.contains("the agent runs"), "after {blow:?}: {again:#?}");
        }
        eventually(&format!("after {blow:?} it works again"), SOON, || {
            (count(&victim).starts == 2).then_some(())
        });
        remove_all_but(&stage, &witness);
    }
    tally.assert_clean();
}

#[test]
fn reconciling_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    let mut tally = Tally::default();
    if !can_trace() {
        return;
    }
    let (said, trace) = tracer::run(&stage.command(["new", "-n", "measure"]), Fate::Watched);
    said.expect(0);
    // Somewhere in the middle its container is there, and what it is to become is not yet recorded.
    let half_way = |place: usize| {
        let number = trace.changes.len() * (3 + place % 6) / 10;
        Blow::AtChange(number).strike(&stage, &["new", "-n", &format!("half-{place}")]);
    };
    half_way(0);
    let blows = changes(&stage, &["reconcile", "--apply"], points(4, EVERY));
    remove_all_but(&stage, &witness);
    for (place, blow) in blows.iter().enumerate() {
        let row = tally.row("reconcile");
        half_way(place + 1);
        let said = blow.strike(&stage, &["reconcile", "--apply"]);
        row.points += 1;
        row.killed += usize::from(said.code != 0);
        judge(&stage, row, &witness, None, blow);
        remove_all_but(&stage, &witness);
        assert_eq!(worktrees(&stage).len(), 1, "after {blow:?} something is left of a worktree");
        assert_eq!(branches(&stage), ["main", "witness"], "after {blow:?} a branch is left");
    }
    tally.assert_clean();
}

/// Quits a run with two agents, struck by `strike`; how it ended.
fn quit(stage: &Stage, strike: impl FnOnce(&Terminal)) -> i32 {
    let mut terminal = Terminal::open(stage, &[]);
    terminal.wait_for_both();
    strike(&terminal);
    terminal.end(SOON).code
}

/// Quits under the tracer; what it saw.
fn quit_traced(stage: &Stage, fate: Fate) -> (i32, Trace) {
    let mut seen = None;
    let code = quit(stage, |terminal| {
        let tracer = Tracer::follow(terminal.pid(), fate);
        terminal.signal(Signal::TERM);
        seen = Some(tracer.finish());
    });
    (code, seen.expect("it was traced"))
}

#[test]
fn quitting_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    let other = stage.new_workstream("other");
    let mut tally = Tally::default();
    let mut took = Duration::ZERO;
    quit(&stage, |terminal| {
        let asked = Instant::now();
        terminal.signal(Signal::TERM);
        eventually("it ends", SOON, || {
            std::fs::read_link(format!("/proc/{}/exe", terminal.pid())).is_err().then_some(())
        });
        took = asked.elapsed();
    });
    let mut blows = moments(took, points(3, 45));
    if can_trace() {
        let seen = quit_traced(&stage, Fate::Watched).1.changes.len();
        blows.extend(thin(seen, points(3, EVERY)).into_iter().map(|place| Blow::AtChange(place + 1)));
    }
    for blow in blows {
        let code = match &blow {
            Blow::AtChange(number) => quit_traced(&stage, Fate::KilledAt(*number)).0,
            Blow::After(delay) => quit(&stage, |terminal| {
                terminal.signal(Signal::TERM);
                std::thread::sleep(*delay);
                terminal.signal(Signal::KILL);
            }),
        };
        // The next start lets go on what the end has frozen, by itself.
        let mut next = Terminal::open(&stage, &[]);
        for card in [&witness, &other] {
            wait_for_ticks(card, 1);
        }
        next.crash();
        let row = tally.row("quit");
        row.points += 1;
        row.killed += usize::from(code == -9);
        judge(&stage, row, &witness, Some(&other), &blow);
    }
    tally.assert_clean();
}

/// The agent's processes that the holder started: one, when all is well.
fn agents(stage: &Stage, card: &Value) -> Vec<String> {
    let id = card["container_id"].as_str().unwrap();
    let top = stage.plain().get(&format!("/containers/{id}/top?ps_args=-eo%20pid,ppid,args"));
    let rows: Vec<Vec<String>> = serde_json::from_value(top["Processes"].clone()).unwrap();
    let is_holder =
        |row: &&Vec<String>| row[2].contains("ccells-holder serve") && !row[2].contains("docker-init");
    let holders: Vec<_> = rows.iter().filter(is_holder).map(|row| row[0].clone()).collect();
    rows.iter()
        .filter(|row| holders.contains(&row[1]))
        .filter(|row| row[2].contains("/home/agent/ticks"))
        .map(|row| row[2].clone())
        .collect()
}

#[test]
fn an_agent_outlives_the_screen_and_its_output_is_whole() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("survivor");
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for_tick(5);
    terminal.crash();
    let then = wait_for_ticks(&card, 10);
    assert_eq!(agents(&stage, &card).len(), 1, "{:?}", agents(&stage, &card));

    let again = Terminal::open(&stage, &[]);
    again.wait_for_tick(then + 10);
    assert_eq!(agents(&stage, &card).len(), 1);
    drop(again);
    let logs = stage.run(&["logs", "survivor"]).expect(0);
    assert!(assert_whole(&logs.out) >= then + 10);
    wait_for_ticks(&card, 1);
    stage.run(&["reconcile", "--apply"]).expect(0);
}

#[test]
fn looking_at_what_a_crash_left_leaves_it_to_whoever_acts() {
    let Some(stage) = Stage::set() else { return };
    let card = stage.new_workstream("survivor");
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    terminal.crash();
    // Neither a verb with something else to do nor a look takes the news away.
    stage.new_workstream("another");
    let files = || {
        let runs = std::fs::read_dir(stage.home.join("runs")).unwrap();
        runs.map(|entry| entry.unwrap().file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = files();
    for _ in 0..2 {
        let findings = stage.json(&["reconcile", "--dry-run"])["findings"].clone();
        let found = findings.as_array().unwrap().iter().find(|it| it["id"] == card["id"]);
        let found = found.unwrap_or_else(|| panic!("{findings}"));
        assert_eq!((&found["default"], &found["outcome"]), (&json!("adopt"), &json!(null)));
        assert_eq!(files(), before, "a look changed something");
    }
    let findings = stage.json(&["reconcile", "--apply"])["findings"].clone();
    let outcomes = findings.as_array().unwrap().iter().map(|it| it["outcome"].clone());
    assert_eq!(outcomes.collect::<Vec<_>>(), [json!("done"), json!("done")], "{findings}");
    assert_eq!(stage.json(&["reconcile"])["findings"], json!([]));
    wait_for_ticks(&card, 2);
}

#[test]
fn an_agent_outlives_the_verb_that_made_it() {
    let Some(stage) = Stage::set() else { return };
    let mut command = stage.command(["new", "-n", "orphan", "--json"]);
    let began = Instant::now();
    let child = command.spawn().unwrap();
    let pid = child.id();
    eventually("the agent counts", SOON, || {
        let home = std::fs::read_dir(stage.home.join("workstreams")).ok()?.next()?.ok()?.path().join("home");
        home.join("ticks").exists().then_some(())
    });
    kill(pid, Signal::KILL);
    collect(child, began, SOON).unwrap();
    let said = stage.run(&["reconcile", "--apply", "--json"]).expect(0);
    let card = stage.card("orphan").unwrap_or_else(|| panic!("it is gone: {said:#?}"));
    assert_eq!(card["state"], json!("running"), "{said:#?}");
    wait_for_ticks(&card, 5);
    assert_eq!(agents(&stage, &card).len(), 1);
    // A number is noted before it is said.
    eventually("what it said is whole", SOON, || {
        (assert_whole(&stage.run(&["logs", "orphan"]).expect(0).out) >= 5).then_some(())
    });
}

#[test]
fn two_homes_and_two_repositories_never_touch_each_other() {
    let Some(mut stage) = Stage::set() else { return };
    let mine = stage.new_workstream("same");
    let other_home = stage.another_home("other");
    let (first_home, other_home) = (stage.home.clone(), other_home.to_str().unwrap().to_string());
    let second = stage.another_repo("elsewhere");
    let in_second = stage.json(&["-C", second.to_str().unwrap(), "new", "-n", "same"]);
    stage.variable("CCELLS_HOME", &other_home);
    let in_other_home = stage.new_workstream("same");
    let all = [&mine, &in_second, &in_other_home];
    for card in all {
        wait_for_ticks(card, 1);
    }
    assert_ne!(mine["id"], in_other_home["id"]);
    assert_eq!(stage.json(&["ls"]).as_array().unwrap().len(), 1, "the other home shows its own only");

    // A crash, a start, a reconciliation and a removal in one of the three leave the other two as they are.
    let mut terminal = Terminal::open(&stage, &[]);
    terminal.wait_for("tick ");
    terminal.crash();
    stage.run(&["reconcile", "--apply"]).expect(0);
    stage.run(&["rm", "--force", "same"]).expect(0);
    assert_eq!(stage.doctor(), Vec::<Value>::new());
    stage.variable("CCELLS_HOME", first_home.to_str().unwrap());
    assert_eq!(stage.containers().len(), 2);
    wait_for_ticks(&mine, 1);
    wait_for_ticks(&in_second, 1);

    let words = ["-C", second.to_str().unwrap(), "rm", "--force", "same"];
    stage.run(&words).expect(0);
    assert_eq!(stage.json(&["ls"])[0]["id"], mine["id"]);
    assert_eq!(stage.containers().len(), 1);
    wait_for_ticks(&mine, 1);
}
