//! What proves each checker: a fault that, planted alone, makes a world fail by exactly this checker. One that nothing can
//! turn red would be none; where that is by design, the reason stands here.

use crate::campaign;
use crate::canary::{Canary, Planted, Slip};
use crate::choice::Choices;

/// One checker, and a fault that it must find first in one of so many worlds.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The checker, by the number of its invariant.
    pub checker: &'static str,
    /// The fault.
    pub planted: Planted,
    /// Within so many seeds, some ten times what was measured.
    pub within: u64,
}

impl Proof {
    /// The first seed in which this checker is the one that fails.
    pub fn found(&self) -> Option<u64> {
        (1..=self.within).find(|seed| {
            let report = campaign::run(Choices::seeded(*seed), self.planted, false);
            report.violation.is_some_and(|violation| violation.invariant == self.checker)
        })
    }
}

/// All of them, one for each checker.
pub fn all() -> Vec<Proof> {
    let core = |checker, canary, within| Proof { checker, planted: Planted::InCore(canary), within };
    let shell = |checker, slip, within| Proof { checker, planted: Planted::InShell(slip), within };
    vec![
        Proof { checker: "C0", planted: Planted::Always, within: 1 },
        core("L0", Canary::WaitsForThePast, 20),
        core("L1", Canary::GoneIsAnError, 20),
        core("L2", Canary::NeverMadeAgain, 800),
        core("L5", Canary::BeatOnce, 20),
        core("L6", Canary::DamageKeepsOut, 50),
        core("L7", Canary::NoBackoff, 850),
        core("L8", Canary::NoResave, 7_000),
        core("P1", Canary::CorruptIsEmpty, 5_000),
        core("P2", Canary::StopsAtStart, 20),
        core("P3", Canary::LatePauseStays, 550),
        core("PANIC", Canary::IntentNotAwaited, 20),
        core("Q1", Canary::HeldBackForgotten, 20),
        core("Q2", Canary::SessionEachTime, 20),
        shell("R1", Slip::SharedTemporary, 130),
        shell("R2", Slip::QueuedCountsAsSaved, 20),
        shell("R3", Slip::SavesWithoutOrder, 800),
        shell("R4", Slip::NoSweep, 450),
        shell("R5", Slip::FailedSyncRepeated, 10_500),
        core("R6", Canary::TrackAtExit, 20),
        core("R8", Canary::CarefulRunDeletes, 750),
        core("R9", Canary::CreateWithoutIntent, 20),
        core("R10", Canary::FreshNameEachTry, 20),
        core("R12", Canary::SnapshotSkipped, 50),
        core("R13", Canary::CancelForgets, 650),
        core("R14", Canary::AdoptOtherHomes, 50),
        core("R18", Canary::LockIgnored, 60),
        core("R19", Canary::PidTrusted, 950),
        core("R20", Canary::LocksNotNeeded, 250),
        shell("R21", Slip::LockFileGoes, 20),
        shell("R22", Slip::IndexGoesAtExit, 20),
        core("R23", Canary::QuitDoesNotSave, 20),
        core("R24", Canary::SecondSignalWaits, 70),
        core("R25", Canary::UnknownIsDone, 350),
        core("R28", Canary::QuitPausesNothing, 20),
        core("R29", Canary::EndedIsFinal, 40),
        core("R30", Canary::NoRelist, 20),
        core("R31", Canary::UndoSkipsFiles, 300),
        core("R32", Canary::MergeWithoutIntent, 500),
        core("R33", Canary::PushForced, 500),
        core("R34", Canary::RebaseWithoutIntent, 500),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Every number that a checker of ours can fail with stands between quotation marks in one of the files that check.
    fn numbers_in_files() -> BTreeSet<String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let checkers = fs::read_dir(source.join("checkers"))
            .expect("the checkers")
            .map(|entry| entry.expect("one").path());
        let rest = ["campaign.rs", "oracle.rs", "world.rs"].map(|name| source.join(name));
        let texts = checkers.chain(rest).map(|path| fs::read_to_string(path).expect("a text"));
        texts
            .flat_map(|text| {
                text.split('"').filter(|word| is_number(word)).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect()
    }

    fn is_number(word: &str) -> bool {
        let digits = word.trim_start_matches(['C', 'L', 'P', 'Q', 'R']);
        let is_one_letter = word.len() == digits.len() + 1;
        word == "PANIC"
            || (is_one_letter && !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
    }

    #[test]
    fn every_checker_has_one_proof() {
        let proofs = all();
        let proven: BTreeSet<String> = proofs.iter().map(|proof| proof.checker.to_string()).collect();
        assert_eq!(proven.len(), proofs.len(), "a checker has two proofs");
        assert_eq!(proven, numbers_in_files());
    }
}
