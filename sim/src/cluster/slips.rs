//! The faults planted in the cluster: mistakes of the shell, made where the cluster stands in for a part of it or puts
//! its parts together, and mistakes of the core; each with the checker that must find it, in which scenario, and within
//! how many seeds. Together they turn every checker of the cluster red.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub use ccells_core::canary::Canary;

use super::lock;
use super::scenarios::Scenario;

/// A mistake of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slip {
    /// Sessions have a client of the engine of their own, and what it opens stays open.
    ClientOfItsOwn,
    /// A session is told to close and not waited for: what is being read is handed on after the close has returned.
    CloseIsAFlag,
    /// A session is not closed at all.
    CloseForgotten,
    /// What is waited for at a close is not what carries the session.
    ClosesAnother,
    /// Whoever uses a session that is closed panics.
    UseOfClosedPanics,
    /// The end of a stream never reaches who reads it.
    EndOfStreamLost,
    /// A byte of the output is another one than was sent.
    WrongByte,
    /// A save is acknowledged before any of it is written.
    AcknowledgedEarly,
    /// A file's bytes are not synced before it is renamed into place.
    NoFileSync,
    /// An index that is there is taken for one that is not, and begun anew.
    IndexBegunAnew,
    /// What is in flight to the engine is not cancelled at the end of a run.
    CallsLiveOn,
    /// A wish to take something back is taken and dropped.
    CancelDropped,
    /// A run that ends takes the containers of its agents with it.
    EndTakesContainers,
    /// A run asks the engine for something after its end.
    AsksAfterEnd,
    /// A worktree is said to be made, and is not.
    WorktreeNotMade,
    /// A worktree is said to be removed, and is not.
    WorktreeNotRemoved,
    /// A task of the run panics, and nobody waits for it.
    TaskPanics,
}

impl Slip {
    /// All.
    pub const ALL: [Self; 17] = [
        Self::ClientOfItsOwn,
        Self::CloseIsAFlag,
        Self::CloseForgotten,
        Self::ClosesAnother,
        Self::UseOfClosedPanics,
        Self::EndOfStreamLost,
        Self::WrongByte,
        Self::AcknowledgedEarly,
        Self::NoFileSync,
        Self::IndexBegunAnew,
        Self::CallsLiveOn,
        Self::CancelDropped,
        Self::EndTakesContainers,
        Self::AsksAfterEnd,
        Self::WorktreeNotMade,
        Self::WorktreeNotRemoved,
        Self::TaskPanics,
    ];
}

/// What is planted in a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    /// Nothing: the program as it is.
    #[default]
    Nothing,
    /// A mistake of the core.
    InCore(Canary),
    /// A mistake of the shell.
    InShell(Slip),
    /// A checker that always fails: it proves that red is red.
    Always,
}

impl Planted {
    /// Whether it is this mistake of the shell.
    pub fn is(self, slip: Slip) -> bool {
        self == Self::InShell(slip)
    }

    /// What the core is to do wrong.
    pub fn in_core(self) -> Option<Canary> {
        match self {
            Self::InCore(canary) => Some(canary),
            Self::Nothing | Self::InShell(_) | Self::Always => None,
        }
    }

    /// The one of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        let all = Canary::ALL.into_iter().map(Self::InCore).chain(Slip::ALL.into_iter().map(Self::InShell));
        all.chain([Self::Nothing, Self::Always]).find(|planted| planted.name() == name)
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::InCore(canary) => format!("{canary:?}"),
            Self::InShell(slip) => format!("{slip:?}"),
            Self::Nothing => "nothing".to_string(),
            Self::Always => "Always".to_string(),
        }
    }

    /// What a line that plays it again needs for it.
    pub fn flag(self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::InCore(_) | Self::InShell(_) | Self::Always => format!(" --plant {}", self.name()),
        }
    }
}

/// One checker, and a mistake that it must be the first to find, in one of so many seeds of a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The checker, by the number of what it checks.
    pub checker: &'static str,
    /// The mistake.
    pub planted: Planted,
    /// The scenario.
    pub scenario: &'static str,
    /// Within so many seeds.
    pub within: u64,
}

impl Proof {
    /// The first seed in which this checker is the one that fails, and what it says.
    ///
    /// # Errors
    /// What was found instead, for people.
    pub fn found(&self) -> Result<(u64, String), String> {
        let scenario = Scenario::named(self.scenario).ok_or("there is no such scenario")?;
        let mut others = BTreeMap::new();
        for seed in 1..=self.within {
            let Err(broken) = scenario.play(seed, self.planted) else { continue };
            if broken.checker == self.checker {
                return Ok((seed, broken.words));
            }
            others.entry(broken.checker).or_insert((seed, broken.words));
        }
        Err(format!("NOT RED in {} seeds; others were: {others:?}", self.within))
    }
}

/// All of them.
pub fn all() -> Vec<Proof> {
    let core = |checker, canary, scenario, within| Proof {
        checker,
        planted: Planted::InCore(canary),
        scenario,
        within,
    };
    let shell = |checker, slip, scenario, within| Proof {
        checker,
        planted: Planted::InShell(slip),
        scenario,
        within,
    };
    vec![
        Proof { checker: "C0", planted: Planted::Always, scenario: "life", within: 1 },
        shell("C1", Slip::CloseIsAFlag, "close_versus_read", 40),
        shell("C2", Slip::CloseForgotten, "close_versus_read", 3),
        shell("C3", Slip::ClosesAnother, "close_versus_write_versus_resize", 10),
        shell("C4", Slip::UseOfClosedPanics, "close_versus_write_versus_resize", 3),
        shell("C5", Slip::EndOfStreamLost, "engine_crash_and_restart", 10),
        core("L1", Canary::CancelForgets, "cancellation_of_every_effect_in_flight", 10),
        shell("P1", Slip::WorktreeNotMade, "half_open_stream", 3),
        core("P2", Canary::SnapshotSkipped, "host_crash", 20),
        shell("P3", Slip::WrongByte, "reset", 3),
        core("Q1", Canary::QuitWithoutDeadline, "quit_with_a_hung_engine", 10),
        shell("Q2", Slip::CallsLiveOn, "life", 3),
        shell("Q3", Slip::EndTakesContainers, "life", 3),
        shell("Q4", Slip::AsksAfterEnd, "life", 3),
        shell("Q5", Slip::CancelDropped, "cancellation_of_every_effect_in_flight", 3),
        shell("Q6", Slip::ClientOfItsOwn, "life", 3),
        shell("R1", Slip::AcknowledgedEarly, "concurrent_saves_from_many_tasks_under_crash", 10),
        shell("R3", Slip::NoFileSync, "concurrent_saves_from_many_tasks_under_crash", 20),
        shell("R6", Slip::IndexBegunAnew, "concurrent_saves_from_many_tasks_under_crash", 3),
        shell("R13", Slip::WorktreeNotRemoved, "life", 3),
        core("R14", Canary::StateNotSaved, "host_crash", 20),
        shell("T1", Slip::TaskPanics, "life", 3),
    ]
}

/// Whether each of the planted faults, or the one named `only`, is found as it must be.
pub fn are_found(only: Option<&str>, threads: usize, say: &mut dyn FnMut(&str)) -> bool {
    let began = Instant::now();
    let all: Vec<_> =
        all().into_iter().filter(|proof| only.is_none_or(|only| proof.planted.name() == only)).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(proof) = all.get(number) else { break };
        let outcome = proof.found();
        lock(&found).insert(number, outcome);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let found = std::mem::take(&mut *lock(&found));
    say("checker  is turned red by     in                                             first   limit  says");
    for (number, outcome) in &found {
        let Proof { checker, planted, scenario, within } = all[*number];
        let (first, words) = match outcome {
            Ok((seed, words)) => (seed.to_string(), words.clone()),
            Err(why) => ("-".to_string(), why.clone()),
        };
        let words: String = words.lines().next().unwrap_or_default().chars().take(110).collect();
        say(&format!("{checker:<8} {:<20} {scenario:<46} {first:>5} {within:>7}  {words}", planted.name()));
    }
    let reached = found.values().filter(|outcome| outcome.is_ok()).count();
    say(&format!(
        "{reached} of {} planted faults were found in the cluster, {:.1} s",
        all.len(),
        began.elapsed().as_secs_f64()
    ));
    reached == all.len() && reached > 0
}

/// The checker that a message names at its beginning, and the rest; none when it names none.
pub fn named(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(": ")?;
    let mut letters = name.chars();
    let is_letter = letters.next().is_some_and(|letter| letter.is_ascii_uppercase());
    let is_number = name.len() > 1 && letters.all(|digit| digit.is_ascii_digit());
    (is_letter && is_number).then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files_below(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("one").path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    /// Every number that a message of the cluster begins with.
    fn numbers_in_files() -> BTreeSet<String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = files_below(&source.join("cluster")).into_iter().chain([source.join("cluster.rs")]);
        let is_checked = |path: &PathBuf| !path.ends_with("slips.rs");
        let texts = files.filter(is_checked).map(|path| fs::read_to_string(path).expect("a text"));
        texts
            .flat_map(|text| {
                let quoted = text.split('"').skip(1);
                quoted.filter_map(|words| named(words).map(|(name, _)| name.to_owned())).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn every_checker_of_the_cluster_has_one_proof() {
        let proofs = all();
        let proven: BTreeSet<String> = proofs.iter().map(|proof| proof.checker.to_string()).collect();
        assert_eq!(proven.len(), proofs.len(), "a checker has two proofs");
        assert_eq!(proven, numbers_in_files());
    }

    #[test]
    fn every_slip_is_in_a_proof_and_every_proof_in_a_scenario() {
        let proofs = all();
        for slip in Slip::ALL {
            let count = proofs.iter().filter(|proof| proof.planted.is(slip)).count();
            assert_eq!(count, 1, "{slip:?}");
        }
        for proof in proofs {
            assert!(Scenario::named(proof.scenario).is_some(), "{proof:?}");
        }
    }

    #[test]
    fn a_message_names_its_checker_at_its_beginning() {
        assert_eq!(named("Q1: the run has ended"), Some(("Q1", "the run has ended")));
        assert_eq!(named("R14: x: y"), Some(("R14", "x: y")));
        for other in ["the run: has ended", "Q: x", "Q1x: y", "", "12: x"] {
            assert_eq!(named(other), None, "{other}");
        }
    }
}
