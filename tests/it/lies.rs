//! An engine that hangs, loses answers, makes them up, or does late what nobody waits for any more: nothing is written down
//! that did not happen, nothing is lost, and the doctor is content as soon as the engine is honest.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::blows::{Tally, branches, is_full, judge, remove_all_but, worktrees};
use crate::harness::{SOON, Said, Stage, announce, count, eventually, finish, wait_for_ticks};
use crate::liar::{Liar, Lie};
use crate::terminal::Terminal;

/// However an end of a run goes, it takes no longer.
const END: Duration = Duration::from_secs(10);
/// Longer than any request may be under way as far as we believe.
const LATER_THAN_BELIEVED: Duration = Duration::from_secs(200);

/// A stage whose engine can lie, and a witness.
fn set() -> Option<(Stage, Liar, Value)> {
    let mut stage = Stage::set()?;
    let liar = Liar::begin(stage.room().join("liar.sock"), stage.plain().socket());
    stage.variable("DOCKER_HOST", &liar.endpoint());
    let witness = stage.new_workstream("witness");
    wait_for_ticks(&witness, 1);
    Some((stage, liar, witness))
}

/// Gives the stage its honest engine back, for its end.
fn end(mut stage: Stage, liar: Liar) {
    drop(liar);
    stage.variable("DOCKER_HOST", &format!("unix://{}", stage.plain().socket().display()));
}

/// What is listed is what the engine says, asked by other means than ours.
#[track_caller]
fn assert_true(stage: &Stage, context: &str) {
    let containers = stage.containers();
    for card in stage.json(&["ls"]).as_array().unwrap() {
        let real = containers.iter().find(|it| it["Id"] == card["container_id"]);
        let real = real.map_or(Value::Null, |it| it["State"].clone());
        let known =
            if card["container_state"].is_null() { json!(null) } else { card["container_state"].clone() };
        assert_eq!(known, real, "{context}: what is recorded is not so: {card:#}");
    }
}

/// A verb that ended in time and in words.
#[track_caller]
fn assert_ended(said: &Said, lie: &Lie, told: &[String]) {
    let is_clear = said.code == 0 || said.err.contains("ccells: ");
    assert!(said.code >= 0 && is_clear && !said.err.contains("panicked"), "{lie:?} {told:?}: {said:#?}");
    if std::env::var_os("CCELLS_TELL").is_some() {
        announce(&format!("{told:?}: {} after {:?}: {}", said.code, said.took, said.err.trim()));
    }
}

fn row(tally: &mut Tally, part: &str, said: &Said, lie: &Lie) {
    let row = tally.row(part);
    row.points += 1;
    row.killed += usize::from(said.code != 0 || !matches!(lie, Lie::Silence));
}

/// The lies that cost no time, and where all are wanted, those that take the whole deadline.
fn lies(quick: &[Lie], slow: &[Lie]) -> Vec<Lie> {
    quick.iter().chain(slow.iter().filter(|_| is_full())).cloned().collect()
}

#[test]
fn an_engine_that_lies_while_one_is_made() {
    let Some((stage, liar, witness)) = set() else { return };
    let mut tally = Tally::default();
    let another = Lie::AboutAnother(witness["container_id"].as_str().unwrap().to_string());
    let quick = [Lie::LostReply, Lie::HalfAnAnswer, Lie::Nonsense, Lie::FalseFailure, another];
    let places: [(&str, &str, Vec<Lie>); 3] = [
        ("POST", "/containers/create", lies(&quick, &[Lie::Silence, Lie::SilentlyDone])),
        (
            "POST",
            "/start",
            lies(&[Lie::LostReply, Lie::FalseFailure, Lie::FalseSuccess], &[Lie::SilentlyDone]),
        ),
        ("PUT", "/archive", lies(&[Lie::LostReply], &[Lie::FalseFailure, Lie::Silence])),
    ];
    let mut number = 0;
    for (method, part, lies) in places {
        for lie in lies {
            number += 1;
            let name = format!("victim-{number}");
            // Those that take the whole deadline are told once.
            let is_slow = matches!(lie, Lie::Silence | Lie::SilentlyDone);
            liar.lie(method, part, lie.clone(), if is_full() && !is_slow { 2 } else { 1 });
            let said = stage.run(&["new", "-n", &name, "--json"]);
            let told = liar.be_honest();
            assert!(!told.is_empty(), "nobody was lied to");
            assert_ended(&said, &lie, &told);
            row(&mut tally, part, &said, &lie);
            let made = (said.code == 0).then(|| said.json());
            judge(&stage, tally.row(part), &witness, made.as_ref(), &told);
            assert_true(&stage, &format!("{told:?}"));
            remove_all_but(&stage, &witness);
            assert_eq!(worktrees(&stage).len(), 1, "{told:?}: something is left of a worktree");
            assert_eq!(branches(&stage), ["main", "witness"], "{told:?}: a branch is left");
        }
    }
    tally.assert_clean();
    end(stage, liar);
}

#[test]
fn an_engine_that_lies_while_one_is_removed() {
    let Some((stage, liar, witness)) = set() else { return };
    let mut tally = Tally::default();
    let quick = [Lie::LostReply, Lie::HalfAnAnswer, Lie::Nonsense, Lie::FalseFailure, Lie::FalseSuccess];
    for (number, lie) in lies(&quick, &[Lie::Silence, Lie::SilentlyDone]).into_iter().enumerate() {
        let victim = stage.new_workstream(&format!("victim-{number}"));
        let id = victim["id"].as_str().unwrap();
        liar.lie("DELETE", "/containers/", lie.clone(), 1);
        let said = stage.run(&["rm", "--force", id]);
        let told = liar.be_honest();
        assert!(!told.is_empty(), "nobody was lied to");
        assert_ended(&said, &lie, &told);
        row(&mut tally, "rm", &said, &lie);
        let listed = judge(&stage, tally.row("rm"), &witness, None, &told);
        let is_there = listed.as_array().unwrap().iter().any(|card| card["id"] == *id);
        // An engine that says it has removed what it has not is believed, and what it kept is found again.
        let is_as_told = !is_there || said.code != 0 || lie == Lie::FalseSuccess;
        assert!(is_as_told, "{told:?}: it was acknowledged as gone, and it is there: {listed:#}");
        assert_true(&stage, &format!("{told:?}"));
        remove_all_but(&stage, &witness);
    }
    tally.assert_clean();
    end(stage, liar);
}

#[test]
fn an_engine_that_lies_while_one_is_paused_or_let_go_on() {
    let Some((stage, liar, witness)) = set() else { return };
    let victim = stage.new_workstream("victim");
    let mut tally = Tally::default();
    let quick = [
        Lie::Silence,
        Lie::SilentlyDone,
        Lie::LostReply,
        Lie::HalfAnAnswer,
        Lie::Nonsense,
        Lie::FalseFailure,
        Lie::FalseSuccess,
    ];
    for (verb, part, before, after) in
        [("pause", "/pause", "running", "paused"), ("resume", "/unpause", "paused", "running")]
    {
        for lie in &quick {
            liar.lie("POST", part, lie.clone(), 1);
            let said = stage.run(&[verb, "victim"]);
            let told = liar.be_honest();
            assert!(!told.is_empty(), "nobody was lied to");
            assert_ended(&said, lie, &told);
            row(&mut tally, verb, &said, lie);
            judge(&stage, tally.row(verb), &witness, Some(&victim), &told);
            assert_true(&stage, &format!("{told:?}"));
            let state = stage.card("victim").unwrap()["state"].clone();
            assert!(state == before || state == after, "{told:?}: it is {state}");
            // An engine that says it has done what it has not is believed until it is asked again, not longer.
            let is_as_told = said.code != 0 || state == after || *lie == Lie::FalseSuccess;
            assert!(is_as_told, "{told:?}: it was acknowledged as {after}, and it is {state}");
            let undo = if verb == "pause" { "resume" } else { "pause" };
            if state == after {
                stage.run(&[undo, "victim"]).expect(0);
            }
        }
        stage.run(&[verb, "victim"]).expect(0);
    }
    wait_for_ticks(&victim, 1);
    tally.assert_clean();
    end(stage, liar);
}

#[test]
fn an_engine_that_lies_while_all_is_quit() {
    let Some((stage, liar, witness)) = set() else { return };
    let other = stage.new_workstream("other");
    let mut tally = Tally::default();
    let quick = [Lie::SilentlyDone, Lie::LostReply, Lie::FalseFailure];
    let slow = [Lie::Silence, Lie::Nonsense, Lie::HalfAnAnswer, Lie::FalseSuccess];
    for lie in lies(&quick, &slow) {
        let mut terminal = Terminal::open(&stage, &[]);
        terminal.wait_for_both();
        liar.lie("POST", "/pause", lie.clone(), 2);
        terminal.signal(Signal::TERM);
        let said = terminal.end(END);
        let told = liar.be_honest();
        assert!(!told.is_empty(), "nobody was lied to");
        assert!(said.code >= 0, "{told:?}: {said:#?}");
        row(&mut tally, "quit", &said, &lie);
        // The next start lets go on what the end has frozen, by itself, whatever the engine said of it.
        let mut next = Terminal::open(&stage, &[]);
        for card in [&witness, &other] {
            wait_for_ticks(card, 1);
        }
        next.crash();
        judge(&stage, tally.row("quit"), &witness, Some(&other), &told);
        assert_true(&stage, &format!("{told:?}"));
    }
    tally.assert_clean();
    end(stage, liar);
}

#[test]
fn a_creation_that_lands_when_nobody_waits_for_it_any_more_leaves_nothing() {
    let Some((stage, liar, witness)) = set() else { return };
    let mut tally = Tally::default();
    // While the verb goes on; after it was interrupted and taken back; and, where there is time, later than anybody
    // believes that a request may still be under way.
    let mut cases = vec![("at once", Duration::ZERO), ("taken back", Duration::ZERO)];
    if is_full() {
        cases.push(("much later", LATER_THAN_BELIEVED));
    }
    for (case, delay) in cases {
        let began = Instant::now();
        liar.lie("POST", "/containers/create", Lie::Late, 1);
        let name = format!("late-{}", case.replace(' ', "-"));
        let child = stage.command(["new", "-n", &name, "--json"]).spawn().unwrap();
        eventually("the request is held back", SOON, || (liar.held() == 1).then_some(()));
        if case != "at once" {
            crate::harness::kill(child.id(), Signal::INT);
        }
        let said = if case == "at once" {
            liar.let_land();
            crate::harness::collect(child, began, 3 * SOON).expect("it ends")
        } else {
            crate::harness::collect(child, began, 3 * SOON).expect("it ends")
        };
        stage.run(&["reconcile", "--apply"]).expect(0);
        remove_all_but(&stage, &witness);
        std::thread::sleep(delay.saturating_sub(began.elapsed()));
        liar.let_land();
        liar.be_honest();
        row(&mut tally, case, &said, &Lie::Late);
        let listed = judge(&stage, tally.row(case), &witness, None, &(case, &said));
        if std::env::var_os("CCELLS_TELL").is_some() {
            announce(&format!("late, {case}: {} {}; then {listed}", said.code, said.err.trim()));
        }
        remove_all_but(&stage, &witness);
        assert_eq!(stage.containers().len(), 1, "{case}: {:#?}", stage.containers());
        assert_eq!(worktrees(&stage).len(), 1, "{case}: something is left of a worktree");
    }
    tally.assert_clean();
    end(stage, liar);
}

#[test]
fn a_listing_that_speaks_of_everybody_is_not_believed() {
    let Some((mut stage, liar, witness)) = set() else { return };
    // Somebody else's, on the same engine.
    let first_home = stage.home.to_str().unwrap().to_string();
    let other_home = stage.another_home("other").to_str().unwrap().to_string();
    stage.variable("CCELLS_HOME", &other_home);
    let stranger = stage.new_workstream("stranger");
    wait_for_ticks(&stranger, 1);
    stage.variable("CCELLS_HOME", &first_home);
    for words in
        [&["reconcile", "--apply"][..], &["pause", "witness"], &["resume", "witness"], &["stop", "witness"]]
    {
        liar.lie("GET", "/containers/json", Lie::AboutEverybody, 100);
        let said = finish(stage.command(words));
        let told = liar.be_honest();
        assert!(!told.is_empty(), "nobody was lied to");
        assert!(said.code == 0 || said.err.contains("ccells: "), "{words:?}: {said:#?}");
        let cards = stage.json(&["ls"]);
        assert_eq!(cards.as_array().unwrap().len(), 1, "{words:?} took in somebody else's: {cards:#}");
        assert_eq!(count(&stranger).starts, 1);
        wait_for_ticks(&stranger, 1);
    }
    assert_eq!(stage.card("witness").unwrap()["id"], witness["id"]);
    end(stage, liar);
}
