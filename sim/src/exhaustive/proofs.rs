//! What proves the stories: mistakes that a crash at the right point brings to light, each with the story that must find
//! it. A story in which nothing can go wrong would be none.

use super::{Path, Story, Telling, explore};
use crate::canary::{Canary, Planted, Slip};
use crate::oracle::Violation;

/// When a mistake shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// Without any crash.
    Plainly,
    /// After a crash, which leaves what would not be there else.
    ByCrash,
}

/// One mistake, and the story that must find it.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// The mistake.
    pub planted: Planted,
    /// The story.
    pub story: Story,
    /// The checkers that may find it.
    pub expected: &'static [&'static str],
    /// Whether it shows in the story as it is told, or only by a crash in it.
    pub shows: Shows,
}

impl Proof {
    /// Where it was found, and by which checker.
    ///
    /// # Errors
    /// Why that is no proof, for people.
    pub fn found(&self, threads: usize) -> Result<(Path, Violation), String> {
        let telling = Telling { planted: self.planted, enough: 1, ..Telling::new(self.story, threads) };
        let first = explore(telling).failures.into_iter().next().ok_or("NOT FOUND")?;
        let (path, violation) = &first;
        if !self.expected.contains(&violation.invariant) {
            return Err(format!("WRONG CHECKER {path}: {}: {}", violation.invariant, violation.text));
        }
        if (self.shows == Shows::Plainly) != path.first.is_none() {
            return Err(format!("AT ANOTHER POINT {path}, not {:?}", self.shows));
        }
        Ok(first)
    }
}

/// All of them.
pub fn all() -> Vec<Proof> {
    use Shows::{ByCrash, Plainly};
    let of = |planted, story, shows, expected| Proof { planted, story, expected, shows };
    let core = |canary, story, shows, expected| of(Planted::InCore(canary), story, shows, expected);
    let shell = |slip, story, shows, expected| of(Planted::InShell(slip), story, shows, expected);
    vec![
        of(Planted::Always, Story::Pause, Plainly, &["C0"]),
        core(Canary::CreateWithoutIntent, Story::Create, Plainly, &["R9"]),
        core(Canary::BranchNotKept, Story::DestroyKeepBranch, Plainly, &["P2"]),
        core(Canary::SnapshotSkipped, Story::DestroyWithWork, Plainly, &["R12"]),
        core(Canary::SnapshotFirst, Story::DestroyWithWork, ByCrash, &["R12"]),
        core(Canary::SnapshotFirst, Story::RecoverDestroy, ByCrash, &["R12"]),
        core(Canary::UndoSkipsFiles, Story::Undo, Plainly, &["R31"]),
        core(Canary::UndoSkipsFiles, Story::RecoverUndo, Plainly, &["R31"]),
        core(Canary::MergeWithoutIntent, Story::Merge, Plainly, &["R32"]),
        core(Canary::MergeWithoutIntent, Story::RecoverMerge, Plainly, &["R32"]),
        core(Canary::PushForced, Story::Push, Plainly, &["R33"]),
        core(Canary::PushUnfetched, Story::RecoverPush, Plainly, &["R33"]),
        core(Canary::RebaseWithoutIntent, Story::Rebase, Plainly, &["R34"]),
        core(Canary::RebaseWithoutIntent, Story::RecoverRebase, Plainly, &["R34"]),
        core(Canary::ResumesPaused, Story::Pause, Plainly, &["P2", "P1"]),
        core(Canary::ResumesPaused, Story::Resume, ByCrash, &["P2", "P1"]),
        core(Canary::ResumesPaused, Story::FullDisk, ByCrash, &["P2", "P1"]),
        core(Canary::StartsStopped, Story::Start, ByCrash, &["P2"]),
        core(Canary::StartsStopped, Story::Stop, Plainly, &["P2"]),
        core(Canary::StartsStopped, Story::QuitPauseAll, ByCrash, &["P2"]),
        core(Canary::StopsAtStart, Story::Destroy, ByCrash, &["P2"]),
        core(Canary::StopsAtStart, Story::TakeOver, Plainly, &["P2"]),
        core(Canary::QuitDoesNotRecord, Story::RecoverQuit, Plainly, &["R23"]),
        core(Canary::QuitDoesNotSave, Story::QuitKeepRunning, Plainly, &["R23"]),
        shell(Slip::NoFileSync, Story::Create, Plainly, &["R1", "R2", "R9"]),
        shell(Slip::NoDirectorySync, Story::Reconcile, Plainly, &["R2", "R9"]),
        shell(Slip::RemoveWithoutSync, Story::Cancel, Plainly, &["R2"]),
        shell(Slip::QueuedCountsAsSaved, Story::Adopt, Plainly, &["R2"]),
        shell(Slip::WriteInPlace, Story::Lost, ByCrash, &["R1", "R2", "R3", "R9"]),
        shell(Slip::WriteInPlace, Story::RestartAgent, ByCrash, &["R1", "R2", "R3", "R9"]),
        shell(Slip::WriteInPlace, Story::CreateFails, ByCrash, &["R1", "R2", "R3", "R9"]),
        shell(Slip::WriteInPlace, Story::RecoverCreate, ByCrash, &["R1", "R2", "R3", "R9"]),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_story_finds_something() {
        let found: BTreeSet<String> = all().iter().map(|proof| format!("{:?}", proof.story)).collect();
        let all: BTreeSet<String> = Story::ALL.iter().map(|story| format!("{story:?}")).collect();
        assert_eq!(found, all);
    }

    /// Two worlds that differ only in what was promised are two, and what breaks before any crash is told.
    #[test]
    fn each_is_found_in_its_story() {
        let missed: Vec<_> = all()
            .into_iter()
            .filter_map(|proof| proof.found(2).err().map(|why| format!("{proof:?}: {why}")))
            .collect();
        assert!(missed.is_empty(), "{}", missed.join("\n"));
    }
}
