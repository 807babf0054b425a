//! Blows that are struck at the program, and what is judged afterwards: no container leaked, no workstream lost, no agent
//! interrupted, and the doctor content.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{SOON, Said, Stage, announce, collect, count, git, kill};
use crate::tracer::{self, Fate};

/// Points each part is killed at. The whole sweep (`CCELLS_SWEEP=full`) takes its time.
pub(crate) fn points(few: usize, many: usize) -> usize {
    if is_full() { many } else { few }
}

pub(crate) fn is_full() -> bool {
    std::env::var("CCELLS_SWEEP").is_ok_and(|value| value == "full")
}

/// As many points as there are.
pub(crate) const EVERY: usize = usize::MAX;

/// What the sweep counts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    rows: BTreeMap<String, Row>,
}

/// What became of the kills of one operation.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) points: usize,
    pub(crate) killed: usize,
    pub(crate) leaked: usize,
    pub(crate) lost: usize,
    pub(crate) interrupted: usize,
    pub(crate) doctored: usize,
}

impl Tally {
    /// The row of `part`.
    pub(crate) fn row(&mut self, part: &str) -> &mut Row {
        self.rows.entry(part.to_string()).or_default()
    }

    /// Prints what was counted.
    pub(crate) fn tell(&self) {
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
    pub(crate) fn assert_clean(&self) {
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
pub(crate) enum Blow {
    /// After a time.
    After(Duration),
    /// Instead of its so-many-th change.
    AtChange(usize),
}

impl Blow {
    /// Starts `words`, strikes, and tells how it ended.
    pub(crate) fn strike(&self, stage: &Stage, words: &[&str]) -> Said {
        let mut command = stage.command(words);
        match self {
            Self::After(delay) => {
                let began = Instant::now();
                let child = command.spawn().unwrap();
                let pid = child.id();
                // The delay is what is tried, not a wait for something.
                std::thread::sleep(*delay);
                kill(pid, Signal::KILL);
                collect(child, began, SOON).expect("what is killed ends")
            }
            Self::AtChange(number) => tracer::run(&command, Fate::KilledAt(*number)).0,
        }
    }
}

/// The places of `have` that remain when they are evenly thinned out to `wanted`.
pub(crate) fn thin(have: usize, wanted: usize) -> Vec<usize> {
    let is_taken = |place: &usize| have <= wanted || place * wanted / have != (place + 1) * wanted / have;
    (0..have).filter(is_taken).collect()
}

/// Does `words` once, and gives every change it makes as a point to kill it at, thinned out to `wanted`.
pub(crate) fn changes(stage: &Stage, words: &[&str], wanted: usize) -> Vec<Blow> {
    if !tracer::can_trace() {
        return Vec::new();
    }
    let (said, trace) = tracer::run(&stage.command(words), Fate::Watched);
    said.expect(0);
    thin(trace.changes.len(), wanted).into_iter().map(|place| Blow::AtChange(place + 1)).collect()
}

/// Moments spread evenly over `whole` and a little beyond.
pub(crate) fn moments(whole: Duration, wanted: usize) -> Vec<Blow> {
    let step = whole.mul_f64(1.1 / f64::from(u32::try_from(wanted).unwrap()));
    (0..u32::try_from(wanted).unwrap()).map(|place| Blow::After(step * place)).collect()
}

/// Reconciles, twice, and counts what is not as it was promised. `must` names what has to be there afterwards.
pub(crate) fn judge(
    stage: &Stage,
    row: &mut Row,
    witness: &Value,
    must: Option<&Value>,
    blow: &dyn std::fmt::Debug,
) -> Value {
    judge_but(stage, row, witness, must, &[], blow)
}

/// What somebody has begun to do to a workstream, and so what may be seen of its agent.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) id: String,
    /// It is being stopped, or its agent has ended: it need not count on.
    pub(crate) is_ending: bool,
    /// How often its agent may have been started.
    pub(crate) starts: usize,
}

/// The same, where somebody has `begun` to do what shows in agents.
pub(crate) fn judge_but(
    stage: &Stage,
    row: &mut Row,
    witness: &Value,
    must: Option<&Value>,
    begun: &[Begun],
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
    for card in cards {
        let begun = begun.iter().find(|it| card["id"] == *it.id);
        let starts = begun.map_or(1, |it| it.starts);
        let is_at_work = card["state"] == "running" && !begun.is_some_and(|it| it.is_ending);
        if (is_at_work && !counts_on(card, starts)) || count(card).starts > starts {
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

/// Whether the agent of `card` counts on before long, started no more than `starts` times.
fn counts_on(card: &Value, starts: usize) -> bool {
    let before = count(card);
    // Whoever may have been started anew may also count anew.
    let is_later = |ticks: u64| if starts == 1 { ticks > before.ticks } else { ticks != before.ticks };
    let goes_on = || Some(count(card)).is_some_and(|now| now.starts <= starts && is_later(now.ticks));
    let until = Instant::now() + SOON;
    let mut is_alive = goes_on();
    while !is_alive && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
        is_alive = goes_on();
    }
    is_alive && (1..=starts).contains(&count(card).starts)
}

pub(crate) fn remove_all_but(stage: &Stage, witness: &Value) {
    for card in stage.json(&["ls"]).as_array().unwrap() {
        if card["id"] != witness["id"] {
            stage.run(&["rm", "--force", card["id"].as_str().unwrap()]).expect(0);
        }
    }
}

pub(crate) fn worktrees(stage: &Stage) -> Vec<PathBuf> {
    let repos = std::fs::read_dir(stage.home.join("worktrees")).unwrap();
    let all = repos.flat_map(|repo| std::fs::read_dir(repo.unwrap().path()).unwrap());
    all.map(|entry| entry.unwrap().path()).collect()
}

pub(crate) fn branches(stage: &Stage) -> Vec<String> {
    let all = git(&stage.repo, &["branch", "--list", "--format=%(refname:short)"]);
    all.lines().map(str::to_string).collect()
}
