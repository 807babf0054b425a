//! SIGKILL at any moment: no container leaked, no workstream lost, no agent interrupted, and the doctor content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{
    SOON, Said, Stage, announce, assert_whole, collect, count, eventually, finish, git, kill, wait_for_ticks,
};
use crate::terminal::Terminal;

/// Points each part is killed at. The whole sweep (`CCELLS_SWEEP=full`) takes its time.
fn points(few: usize, many: usize) -> usize {
    if is_full() { many } else { few }
}

fn is_full() -> bool {
    std::env::var("CCELLS_SWEEP").is_ok_and(|value| value == "full")
}

/// What the sweep counts.
#[derive(Debug, Default)]
struct Tally {
    rows: BTreeMap<String, Row>,
}

/// What became of the kills of one operation.
#[derive(Debug, Default)]
struct Row {
    points: usize,
    killed: usize,
    leaked: usize,
    lost: usize,
    interrupted: usize,
    doctored: usize,
}

impl Tally {
    fn row(&mut self, part: &str) -> &mut Row {
        self.rows.entry(part.to_string()).or_default()
    }

    fn tell(&self) {
        announce(
            "SIGKILL sweep     points killed containers-leaked workstreams-lost agents-interrupted doctor-findings",
        );
        for (part, row) in &self.rows {
            announce(&format!(
                "{part:<17} {:>6} {:>6} {:>17} {:>16} {:>18} {:>15}",
                row.points, row.killed, row.leaked, row.lost, row.interrupted, row.doctored
            ));
        }
    }

    #[track_caller]
    fn assert_clean(&self) {
        self.tell();
        for (part, row) in &self.rows {
            let bad = row.leaked + row.lost + row.interrupted + row.doctored;
            assert_eq!(bad, 0, "{part}: {row:?}");
            // How many of a few blows come in time is the machine's mood; of many, a third must.
            let enough = if is_full() { row.points.div_ceil(3) } else { 1 };
            assert!(row.killed >= enough, "{part}: too few were killed in the middle: {row:?}");
        }
    }
}

/// How a program is killed.
#[derive(Clone, Debug)]
enum Blow {
    /// After a time.
    After(Duration),
    /// At the entry of a thread's so-many-th system call of that name.
    AtCall(String, usize),
}

impl Blow {
    /// Starts `command`, strikes, and tells how it ended.
    fn strike(&self, stage: &Stage, words: &[&str]) -> Said {
        let command = stage.command(words);
        match self {
            Self::After(delay) => {
                let mut command = command;
                let began = Instant::now();
                let child = command.spawn().unwrap();
                let pid = child.id();
                // The delay is what is tried, not a wait for something.
                std::thread::sleep(*delay);
                kill(pid, Signal::KILL);
                collect(child, began, SOON).expect("what is killed ends")
            }
            Self::AtCall(call, number) => {
                let inject = format!("inject={call}:signal=SIGKILL:when={number}");
                finish(traced(&command, &["-f", "-qq", "-e", "trace=none", "-e", &inject, "-o", "/dev/null"]))
            }
        }
    }
}

/// The same command under strace.
fn traced(command: &Command, words: &[&str]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(words).arg("--").arg(command.get_program()).args(command.get_args());
    traced.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced.stdin(std::process::Stdio::null());
    traced.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    traced
}

/// Whether system calls can be struck at; if not, that is said loudly, or refused with `CCELLS_STRACE=require`.
fn can_trace() -> bool {
    let can =
        Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).status().is_ok_and(|it| it.success());
    let is_required = std::env::var("CCELLS_STRACE").is_ok_and(|value| value == "require");
    assert!(can || !is_required, "CCELLS_STRACE=require, and strace cannot trace");
    if !can {
        announce("SKIPPED: no strace for the kills at system calls");
    }
    can
}

/// The calls by which a program changes the world or asks others to.
const CALLS: &str = "fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,sendto,sendmsg,write,writev,connect,clone3,flock";

/// Every point at which one thread of `words` makes one of [`CALLS`], evenly thinned out to `wanted`.
fn calls(stage: &Stage, words: &[&str], wanted: usize) -> Vec<Blow> {
    if !can_trace() {
        return Vec::new();
    }
    let log = stage.room().join("calls");
    let trace = format!("trace={CALLS}");
    let command = stage.command(words);
    let said = finish(traced(&command, &["-f", "-qq", "-e", &trace, "-o", log.to_str().unwrap()]));
    said.expect(0);
    let mut most: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for line in std::fs::read_to_string(&log).unwrap().lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(rest)) = (words.next(), words.next()) else { continue };
        // A call that was interrupted is told of twice.
        if let Some((call, _)) = rest.split_once('(') {
            *most.entry(call.to_string()).or_default().entry(thread.to_string()).or_default() += 1;
        }
    }
    let all: Vec<Blow> = most
        .into_iter()
        .flat_map(|(call, threads)| {
            let most = threads.into_values().max().unwrap_or(0);
            (1..=most).map(move |number| Blow::AtCall(call.clone(), number))
        })
        .collect();
    thin(all, wanted)
}

fn thin(all: Vec<Blow>, wanted: usize) -> Vec<Blow> {
    let have = all.len();
    let is_taken = |place: usize| place * wanted / have != (place + 1) * wanted / have;
    if have <= wanted {
        all
    } else {
        all.into_iter().enumerate().filter(|(place, _)| is_taken(*place)).map(|(_, it)| it).collect()
    }
}

/// Moments spread evenly over `whole` and a little beyond.
fn moments(whole: Duration, wanted: usize) -> Vec<Blow> {
    let step = whole.mul_f64(1.1 / f64::from(u32::try_from(wanted).unwrap()));
    (0..u32::try_from(wanted).unwrap()).map(|place| Blow::After(step * place)).collect()
}

/// Reconciles, twice, and counts what is not as it was promised. `must` names what has to be there afterwards.
fn judge(
    stage: &Stage,
    row: &mut Row,
    witness: &Value,
    must: Option<&Value>,
    blow: &dyn std::fmt::Debug,
) -> Value {
    let say =
        |what: &str, proof: &dyn std::fmt::Debug| announce(&format!("after {blow:?}: {what}: {proof:?}"));
    let said: Vec<Said> = (0..2).map(|_| stage.run(&["reconcile", "--apply", "--json"]).expect(0)).collect();
    let listed = stage.json(&["ls"]);
    let cards = listed.as_array().unwrap();
    let find = |card: &Value| cards.iter().find(|other| other["id"] == card["id"]);
    let containers = stage.containers();
    let known = |container: &&Value| {
        let id = container["Id"].as_str().unwrap();
        cards.iter().any(|card| card["container_id"] == id)
    };
    let leaked = containers.iter().filter(|container| !known(container)).count();
    if leaked > 0 {
        row.leaked += leaked;
        say("leaked", &containers);
    }
    for card in std::iter::once(witness).chain(must) {
        if find(card).is_none() {
            row.lost += 1;
            say("lost", card);
        }
    }
    for card in cards.iter().filter(|card| card["state"] == "running") {
        let before = count(card);
        let goes_on = || Some(count(card)).filter(|now| now.starts <= 1 && now.ticks > before.ticks);
        let until = Instant::now() + SOON;
        let mut is_alive = goes_on().is_some();
        while !is_alive && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            is_alive = goes_on().is_some();
        }
        if !is_alive || count(card).starts != 1 {
            row.interrupted += 1;
            say("interrupted", &(card, count(card)));
        }
    }
    if find(witness).is_some_and(|card| card["state"] != "running") {
        row.interrupted += 1;
        say("interrupted", &find(witness));
    }
    let findings = stage.doctor();
    if !findings.is_empty() {
        row.doctored += findings.len();
        say("the doctor finds", &(&findings, said.iter().map(Said::json).collect::<Vec<_>>()));
    }
    listed
}

fn remove_all_but(stage: &Stage, witness: &Value) {
    for card in stage.json(&["ls"]).as_array().unwrap() {
        if card["id"] != witness["id"] {
            stage.run(&["rm", "--force", card["id"].as_str().unwrap()]).expect(0);
        }
    }
}

fn worktrees(stage: &Stage) -> Vec<PathBuf> {
    let repos = std::fs::read_dir(stage.home.join("worktrees")).unwrap();
    let all = repos.flat_map(|repo| std::fs::read_dir(repo.unwrap().path()).unwrap());
    all.map(|entry| entry.unwrap().path()).collect()
}

fn branches(stage: &Stage) -> Vec<String> {
    let all = git(&stage.repo, &["branch", "--list", "--format=%(refname:short)"]);
    all.lines().map(str::to_string).collect()
}

#[test]
fn creating_and_destroying_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    wait_for_ticks(&witness, 1);
    let mut tally = Tally::default();

    let took = stage.run(&["new", "-n", "measure", "--json"]).expect(0).took;
    let mut blows = moments(took, points(7, 110));
    blows.extend(calls(&stage, &["new", "-n", "trace", "--json"], points(4, 90)));
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
    blows.extend(calls(&stage, &["rm", "--force", "victim"], points(2, 40)));
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

#[test]
fn pausing_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    let victim = stage.new_workstream("victim");
    wait_for_ticks(&victim, 1);
    let mut tally = Tally::default();
    let took = stage.run(&["pause", "victim"]).expect(0).took;
    stage.run(&["resume", "victim"]).expect(0);
    let mut blows = moments(took, points(4, 40));
    blows.extend(calls(&stage, &["pause", "victim"], points(2, 20)));
    stage.run(&["resume", "victim"]).expect(0);
    for blow in &blows {
        let row = tally.row("pause");
        let said = blow.strike(&stage, &["pause", "victim"]);
        row.points += 1;
        row.killed += usize::from(said.code != 0);
        judge(&stage, row, &witness, Some(&victim), blow);
        let state = stage.card("victim").unwrap()["state"].clone();
        assert!(state == "paused" || (state == "running" && said.code != 0), "after {blow:?} it is {state}");
        if state == "paused" {
            stage.run(&["resume", "victim"]).expect(0);
        }
        wait_for_ticks(&victim, 1);
    }
    tally.assert_clean();
}

#[test]
fn quitting_killed_at_many_points() {
    let Some(stage) = Stage::set() else { return };
    let witness = stage.new_workstream("witness");
    let other = stage.new_workstream("other");
    let mut tally = Tally::default();
    let wanted = points(4, 45);
    let mut took = Duration::ZERO;
    for place in 0..=wanted {
        let mut terminal = Terminal::open(&stage, &[]);
        terminal.wait_until("both agents at work", SOON, |screen| screen.matches("tick ").count() >= 2);
        let asked = Instant::now();
        terminal.signal(Signal::TERM);
        if place == 0 {
            terminal.end(SOON);
            took = asked.elapsed();
        } else {
            // The first one was left to its end, and told how long the end takes.
            let delay =
                took.mul_f64(1.1) * u32::try_from(place - 1).unwrap() / u32::try_from(wanted).unwrap();
            std::thread::sleep(delay);
            terminal.signal(Signal::KILL);
            let said = terminal.end(SOON);
            let row = tally.row("quit");
            row.points += 1;
            row.killed += usize::from(said.code == -9);
        }
        // The next start lets go on what the end has frozen, by itself.
        let mut next = Terminal::open(&stage, &[]);
        for card in [&witness, &other] {
            wait_for_ticks(card, 1);
        }
        next.crash();
        judge(&stage, tally.row("quit"), &witness, Some(&other), &place);
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
    terminal.wait_for("tick 5 end");
    terminal.crash();
    let then = wait_for_ticks(&card, 10);
    assert_eq!(agents(&stage, &card).len(), 1, "{:?}", agents(&stage, &card));

    let again = Terminal::open(&stage, &[]);
    again.wait_for(&format!("tick {} end", then + 10));
    assert_eq!(agents(&stage, &card).len(), 1);
    drop(again);
    let logs = stage.run(&["logs", "survivor"]).expect(0);
    assert!(assert_whole(&logs.out) >= then + 10);
    wait_for_ticks(&card, 1);
    stage.run(&["reconcile", "--apply"]).expect(0);
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
    assert!(assert_whole(&stage.run(&["logs", "orphan"]).expect(0).out) >= 5);
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
