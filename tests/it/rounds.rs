//! Round after round on the real engine: a random mix of verbs and a screen at once, each killed at a random moment.
//! `CCELLS_ROUNDS` says how many rounds, `CCELLS_ROUNDS_SEED` repeats the choices of a run (not the machine's mood).

use std::process::Child;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use serde_json::Value;

use crate::blows::{Begun, Tally, judge_but};
use crate::harness::{SOON, Said, Stage, announce, collect, kill, wait_for_ticks};
use crate::terminal::Terminal;

/// Rounds when nobody says how many.
const ROUNDS: u64 = 6;
/// Most workstreams beside the witness.
const VICTIMS: usize = 3;
/// Nobody is killed later than this after the beginning of a round.
const LATEST_MS: u64 = 1_200;

/// Choices that a seed repeats.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }
}

/// What is known of one workstream.
#[derive(Debug)]
struct Victim {
    card: Value,
    /// Its removal has begun: it may be there or not.
    is_doomed: bool,
    /// A stop has begun: it is not resumed any more, and restarted only once it has come to rest.
    is_stopped: bool,
    /// How often its agent may have been started: more is always a fault.
    starts: usize,
}

impl Victim {
    fn id(&self) -> &str {
        self.card["id"].as_str().unwrap()
    }
}

/// One verb of a round.
struct Act {
    words: Vec<String>,
    /// Whom it is done to.
    id: Option<String>,
    child: Child,
    began: Instant,
}

/// The screen of a round.
struct Screen {
    terminal: Terminal,
    is_quit: bool,
}

/// All rounds of one test.
struct Game {
    stage: Stage,
    witness: Value,
    victims: Vec<Victim>,
    dice: Dice,
    tally: Tally,
    names: u64,
    /// What this round does: told when it fails.
    story: Vec<String>,
}

impl Drop for Game {
    fn drop(&mut self) {
        if std::thread::panicking() {
            announce(&format!("the round that failed: {:#?}", self.story));
        }
    }
}

impl Game {
    fn begin(stage: Stage, seed: u64) -> Self {
        let witness = stage.new_workstream("witness");
        wait_for_ticks(&witness, 1);
        let (victims, story) = (Vec::new(), Vec::new());
        Self { stage, witness, victims, dice: Dice(seed), tally: Tally::default(), names: 0, story }
    }

    fn start(&mut self, words: &[&str], id: Option<String>) -> Act {
        let began = Instant::now();
        let child = self.stage.command(words).spawn().unwrap();
        self.story.push(format!("{words:?}"));
        Act { words: words.iter().map(ToString::to_string).collect(), id, child, began }
    }

    /// Starts one verb, whichever comes.
    fn act(&mut self) -> Act {
        let choice = self.dice.below(10);
        if self.victims.is_empty() || (choice < 4 && self.victims.len() < VICTIMS) {
            self.names += 1;
            let name = format!("victim-{}", self.names);
            return self.start(&["new", "-n", &name, "--json"], None);
        }
        if choice == 9 {
            return self.start(&["reconcile", "--apply"], None);
        }
        let place = self.dice.place(self.victims.len());
        let id = self.victims[place].id().to_string();
        // What is resumed in the same round may be so only after the stop, and rightly starts its agent again.
        let resumed = self.story.iter().filter(|line| line.contains("resume") && line.contains(&id)).count();
        let victim = &mut self.victims[place];
        match choice {
            0..=3 => {
                victim.is_doomed = true;
                self.start(&["rm", "--force", &id], Some(id.clone()))
            }
            5..=7 if victim.is_stopped && victim.card["state"] == "stopped" => {
                victim.starts += 1;
                self.start(&["restart", &id], Some(id.clone()))
            }
            4 => {
                victim.is_stopped = true;
                victim.starts += resumed;
                self.start(&["stop", &id], Some(id.clone()))
            }
            5 | 6 if !victim.is_stopped => self.start(&["resume", &id], Some(id.clone())),
            _ => self.start(&["pause", &id], Some(id.clone())),
        }
    }

    /// Opens a screen, and now and then quits it.
    fn screen(&mut self) -> Option<Screen> {
        if self.dice.one_in(2) {
            return None;
        }
        let terminal = Terminal::open(&self.stage, &[]);
        let is_quit = self.dice.one_in(2);
        self.story.push(format!("a screen, quit: {is_quit}"));
        Some(Screen { terminal, is_quit })
    }

    fn round(&mut self, number: u64) {
        self.story = vec![format!("round {number}")];
        let began = Instant::now();
        let mut screen = self.screen();
        if screen.is_some() {
            std::thread::sleep(Duration::from_millis(self.dice.below(400)));
        }
        let acts: Vec<Act> = (0..=self.dice.below(3)).map(|_| self.act()).collect();
        let mut ends: Vec<(Duration, u32, Signal)> = Vec::new();
        for act in &acts {
            if !self.dice.one_in(4) {
                let delay = Duration::from_millis(self.dice.below(LATEST_MS));
                ends.push((delay, act.child.id(), Signal::KILL));
            }
        }
        if let Some(screen) = &screen {
            let delay = self.dice.below(LATEST_MS);
            if screen.is_quit {
                ends.push((Duration::from_millis(delay / 2), screen.terminal.pid(), Signal::TERM));
            }
            ends.push((Duration::from_millis(delay), screen.terminal.pid(), Signal::KILL));
        }
        ends.sort_by_key(|(delay, ..)| *delay);
        self.story.push(format!("{ends:?}"));
        for (delay, pid, signal) in ends {
            // The delay is what is tried, not a wait for something.
            std::thread::sleep(delay.saturating_sub(began.elapsed()));
            kill(pid, signal);
        }
        self.settle(acts, screen.take(), number);
    }

    /// Takes in how all ended, and judges.
    fn settle(&mut self, acts: Vec<Act>, screen: Option<Screen>, number: u64) {
        let mut was_quit = false;
        if let Some(mut screen) = screen {
            was_quit = screen.is_quit;
            let said = screen.terminal.end(SOON);
            self.count("screen", &said);
        }
        let said: Vec<(Vec<String>, Option<String>, Said)> = acts
            .into_iter()
            .map(|act| {
                let said = collect(act.child, act.began, 4 * SOON);
                let said = said.unwrap_or_else(|| panic!("{:?} never ended", act.words));
                (act.words, act.id, said)
            })
            .collect();
        for (words, _, said) in &said {
            assert!(!said.err.contains("panicked"), "{words:?}: {said:#?}");
            self.count(&words[0], said);
        }
        if was_quit {
            // The next start lets go on what the end has frozen, by itself.
            let mut next = Terminal::open(&self.stage, &[]);
            wait_for_ticks(&self.witness, 1);
            next.crash();
        }
        let begun = self.victims.iter().map(|it| Begun {
            id: it.id().to_string(),
            is_ending: it.is_stopped,
            starts: it.starts,
        });
        let begun: Vec<Begun> = begun.collect();
        let row = self.tally.row("all rounds");
        row.points += 1;
        row.killed += 1;
        let listed = judge_but(&self.stage, row, &self.witness, None, &begun, &self.story);
        self.compare(&said, &listed, number);
    }

    fn count(&mut self, part: &str, said: &Said) {
        let row = self.tally.row(part);
        row.points += 1;
        row.killed += usize::from(said.code == -9);
    }

    /// What was acknowledged is so, and what nobody removed is there.
    fn compare(&mut self, said: &[(Vec<String>, Option<String>, Said)], listed: &Value, number: u64) {
        let cards = listed.as_array().unwrap();
        let find = |id: &str| cards.iter().find(|card| card["id"] == id);
        for (words, id, said) in said.iter().filter(|(.., said)| said.code == 0) {
            if words[0] == "new" {
                let made = said.json();
                self.victims.push(Victim { card: made, is_doomed: false, is_stopped: false, starts: 1 });
            }
            let Some(id) = id else { continue };
            let verbs = said_of(id, &self.story);
            let state = find(id).map(|card| card["state"].as_str().unwrap().to_string());
            let is_so = match (words[0].as_str(), &state) {
                ("rm", state) => state.is_none(),
                // Others may have done something else to it in the same round.
                (_, _) if verbs > 1 => true,
                ("pause", Some(state)) => state == "paused",
                ("resume" | "restart", Some(state)) => state == "running",
                ("stop", Some(state)) => state == "stopped",
                _ => false,
            };
            assert!(is_so, "round {number}: {words:?} was acknowledged, and it is {state:?}");
        }
        let lost: Vec<_> =
            self.victims.iter().filter(|it| !it.is_doomed && find(it.id()).is_none()).collect();
        if !lost.is_empty() {
            announce(&format!("round {number}: lost: {lost:?} in {:#?}", self.story));
        }
        self.tally.row("all rounds").lost += lost.len();
        // Whoever is there now is known from now on, also one whose maker was killed before it could say so.
        let known = |id: &str| self.victims.iter().find(|it| it.id() == id);
        // What was restarted by one who came to an end, and by nobody else, is at work from now on.
        let is_back = |id: &str| {
            let mut acts = said.iter().filter(|(.., said)| said.code == 0);
            said_of(id, &self.story) == 1
                && acts.any(|(words, about, _)| words[0] == "restart" && about.as_deref() == Some(id))
        };
        let victims = cards.iter().filter(|card| card["id"] != self.witness["id"]).map(|card| {
            let id = card["id"].as_str().unwrap();
            Victim {
                card: card.clone(),
                is_doomed: known(id).is_some_and(|it| it.is_doomed),
                is_stopped: known(id).is_some_and(|it| it.is_stopped) && !is_back(id),
                starts: known(id).map_or(1, |it| it.starts),
            }
        });
        self.victims = victims.collect();
    }
}

/// How many verbs of a round name `id`.
fn said_of(id: &str, story: &[String]) -> usize {
    story.iter().filter(|line| line.contains(id)).count()
}

#[test]
fn random_verbs_and_a_screen_killed_round_after_round() {
    let Some(stage) = Stage::set() else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let fresh = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let seed = number("CCELLS_ROUNDS_SEED").unwrap_or_else(fresh);
    let rounds = number("CCELLS_ROUNDS").unwrap_or(ROUNDS);
    announce(&format!(
        "{rounds} rounds of seed {seed}: repeat with CCELLS_ROUNDS={rounds} CCELLS_ROUNDS_SEED={seed}"
    ));
    let mut game = Game::begin(stage, seed);
    for round in 1..=rounds {
        game.round(round);
        if round % 50 == 0 {
            announce(&format!("round {round} of {rounds}"));
        }
        let row = game.tally.row("all rounds");
        let is_clean = row.leaked + row.lost + row.interrupted + row.doctored == 0;
        assert!(is_clean, "round {round} of seed {seed}: {row:?}");
    }
    game.tally.tell();
}
