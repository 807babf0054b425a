//! Many scenarios over many seeds, and the proof that a seed says everything: another process plays the same.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use super::scenarios::{ALL, Scenario};
use super::slips::Planted;

/// What is told of a play that held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// How many there were.
    Tally,
    /// That, and every line of every trace.
    TraceAndTally,
    /// The traces, and nothing else.
    Trace,
}

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// One scenario, or all.
    pub scenario: Option<String>,
    /// A mistake in the program.
    pub planted: Planted,
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// What is told.
    pub shown: Shown,
}

impl Wanted {
    /// Plays everything; whether all held, and what must come to pass sometimes did.
    pub fn play(&self, say: &mut dyn FnMut(&str)) -> bool {
        let Some(scenarios) = self.scenarios(say) else { return false };
        let began = Instant::now();
        let (mut simulated, mut failures, mut plays) = (Duration::ZERO, 0, 0);
        let mut never = Vec::new();
        for scenario in scenarios {
            let mut seen = BTreeSet::new();
            for seed in self.from..self.from + self.seeds {
                plays += 1;
                let (trace, broken) = match scenario.play(seed, self.planted) {
                    Ok(played) => {
                        simulated += played.simulated;
                        seen.extend(played.seen);
                        (played.trace, None)
                    }
                    Err(broken) => (broken.trace, Some(broken.words)),
                };
                if self.shown != Shown::Tally {
                    for line in &trace {
                        say(line);
                    }
                }
                if let Some(words) = broken {
                    failures += 1;
                    say(&words);
                }
            }
            let missing = scenario.sometimes.iter().filter(|row| !seen.contains(*row));
            never.extend(missing.map(|row| format!("never in {}: {row}", scenario.name)));
        }
        if self.shown != Shown::Trace {
            let (simulated, real) = (simulated.as_secs_f64(), began.elapsed().as_secs_f64());
            let rate = simulated / real.max(0.001);
            say(&format!(
                "{plays} plays, {failures} failed; those that held: {simulated:.0} simulated seconds in {real:.1}, {rate:.0} a second"
            ));
        }
        // With few seeds, or with a mistake planted, what is missing says nothing.
        let is_judged = self.seeds >= ENOUGH_SEEDS && self.planted == Planted::Nothing;
        if is_judged {
            for line in &never {
                say(line);
            }
        }
        plays > 0 && failures == 0 && (never.is_empty() || !is_judged)
    }

    /// Plays everything here and in another process; whether the traces are the same, byte for byte.
    pub fn compare(&self, say: &mut dyn FnMut(&str)) -> bool {
        let Some(scenarios) = self.scenarios(say) else { return false };
        let (mut is_good, mut lines) = (self.seeds > 0, 0);
        for scenario in scenarios {
            for seed in self.from..self.from + self.seeds {
                match compare_one(scenario, seed) {
                    Ok(count) => lines += count,
                    Err(difference) => {
                        is_good = false;
                        say(&format!("{} at seed {seed}: {difference}", scenario.name));
                    }
                }
            }
        }
        say(&format!(
            "{} seeds from {} of each scenario, here and elsewhere: {lines} lines",
            self.seeds, self.from
        ));
        is_good
    }

    fn scenarios(&self, say: &mut dyn FnMut(&str)) -> Option<Vec<Scenario>> {
        let Some(name) = &self.scenario else { return Some(ALL.to_vec()) };
        let found = Scenario::named(name);
        if found.is_none() {
            say(&format!("there is no scenario `{name}`; there are {}", ALL.map(|it| it.name).join(", ")));
        }
        found.map(|scenario| vec![scenario])
    }
}

/// Of so many seeds of a scenario, one at least shows each thing that must come to pass in it sometimes.
const ENOUGH_SEEDS: u64 = 3;

/// How many lines the two traces have, or where they part.
fn compare_one(scenario: Scenario, seed: u64) -> Result<usize, String> {
    let own = scenario.play(seed, Planted::Nothing).map_err(|broken| broken.words)?.trace;
    let program = std::env::current_exe().map_err(|error| format!("where are we? {error}"))?;
    let output = Command::new(program)
        .args(["--turmoil", "--fingerprints", "--seeds", "1", "--scenario", scenario.name, "--from"])
        .arg(seed.to_string())
        .output()
        .map_err(|error| format!("another process could not be asked: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let other: Vec<&str> = text.lines().collect();
    let same = own.iter().zip(&other).take_while(|(own, other)| own == other).count();
    if same == own.len() && same == other.len() {
        return Ok(same);
    }
    let shown = |line: Option<&str>| line.unwrap_or("(the end)").to_string();
    let (own, other) = (shown(own.get(same).map(String::as_str)), shown(other.get(same).copied()));
    Err(format!("two ways from line {same} on:\n  {own}\n  {other}"))
}
