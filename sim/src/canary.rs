//! The faults planted in the program, each with the checkers that must find it and the number of seeds it may take them.

pub use ccells_core::canary::Canary;

/// A mistake of what performs the effects, made where the simulator stands in for the shell: no release has any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slip {
    /// A file's bytes are not synced before it is renamed into place.
    NoFileSync,
    /// No directory is ever synced.
    NoDirectorySync,
    /// A sync of a file that failed counts as one that succeeded.
    SyncErrorIgnored,
    /// A sync of a directory that failed counts as one that succeeded.
    DirectorySyncErrorIgnored,
    /// A sync that failed is asked for again on the same file, and believed.
    FailedSyncRepeated,
    /// A file is removed, and the removal is not made durable.
    RemoveWithoutSync,
    /// A file is taken away and written anew in its own place.
    WriteInPlace,
    /// Saves run side by side and share one temporary file.
    SharedTemporary,
    /// Saves run side by side, each with a temporary file of its own.
    SavesWithoutOrder,
    /// A save that waits for another counts as done.
    QueuedCountsAsSaved,
    /// Temporary files of the dead are left lying about.
    NoSweep,
    /// The index is read, changed and written without its lock.
    UpdateWithoutLock,
    /// An index that cannot be read counts as an empty one and is written over.
    UnreadableIsEmpty,
    /// A run writes into the index only what it knows of itself.
    IndexForgetsOthers,
    /// A run that ends takes the index with it.
    IndexGoesAtExit,
    /// A run lets the repository go before it has saved its state for the last time.
    LockLetGoEarly,
    /// A container that has our name counts as ours, whatever its labels say.
    ConflictIsOurs,
    /// A run that ends takes the lock file of its repository with it.
    LockFileGoes,
}

impl Slip {
    /// All.
    pub const ALL: [Self; 18] = [
        Self::NoFileSync,
        Self::NoDirectorySync,
        Self::SyncErrorIgnored,
        Self::DirectorySyncErrorIgnored,
        Self::FailedSyncRepeated,
        Self::RemoveWithoutSync,
        Self::WriteInPlace,
        Self::SharedTemporary,
        Self::SavesWithoutOrder,
        Self::QueuedCountsAsSaved,
        Self::NoSweep,
        Self::UpdateWithoutLock,
        Self::UnreadableIsEmpty,
        Self::IndexForgetsOthers,
        Self::IndexGoesAtExit,
        Self::LockLetGoEarly,
        Self::ConflictIsOurs,
        Self::LockFileGoes,
    ];
}

/// What is planted in a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Planted {
    /// Nothing: the program as it is.
    #[default]
    Nothing,
    /// A mistake of the core.
    InCore(Canary),
    /// A mistake of what is around it.
    InShell(Slip),
    /// A checker that always fails: it proves that red is red.
    Always,
}

impl Planted {
    /// What the core is to do wrong.
    pub fn in_core(self) -> Option<Canary> {
        match self {
            Self::InCore(canary) => Some(canary),
            Self::Nothing | Self::InShell(_) | Self::Always => None,
        }
    }

    /// What is to be done wrong around it.
    pub fn in_shell(self) -> Option<Slip> {
        match self {
            Self::InShell(slip) => Some(slip),
            Self::Nothing | Self::InCore(_) | Self::Always => None,
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
}

/// One planted fault and how it must be found.
#[derive(Clone, Copy, Debug)]
pub struct Plant {
    /// What.
    pub planted: Planted,
    /// Within so many seeds.
    pub within: u64,
    /// By a checker of one of these invariants.
    pub expected: &'static [&'static str],
}

impl Plant {
    /// Whether a checker that failed is one that had to.
    pub fn expects(&self, invariant: &str) -> bool {
        self.expected.contains(&invariant)
    }
}

/// All planted faults. The limits are some ten times the worst that was measured.
pub fn all() -> Vec<Plant> {
    let always = Plant { planted: Planted::Always, within: 1, expected: &["C0"] };
    std::iter::once(always).chain(in_core()).chain(in_shell()).collect()
}

fn in_core() -> Vec<Plant> {
    let core = |canary, within, expected| Plant { planted: Planted::InCore(canary), within, expected };
    vec![
        core(Canary::TrackAtExit, 20, &["R6", "R9"]),
        core(Canary::CreateWithoutIntent, 20, &["R9"]),
        core(Canary::ForgetUnknown, 5_000, &["R9", "R13"]),
        core(Canary::CancelForgets, 250, &["R9", "R13", "R14", "R28"]),
        core(Canary::CorruptIsEmpty, 6_000, &["P1", "R8"]),
        core(Canary::GoneIsAnError, 25, &["L1"]),
        core(Canary::AckBeforeDurable, 20, &["R6"]),
        core(Canary::RemoveDuringCreate, 95, &["R9", "R13", "R6", "R10"]),
        core(Canary::StaleListAsFresh, 2_000, &["R9", "R13", "R14", "R2"]),
        core(Canary::AdoptOtherHomes, 25, &["R14", "R13"]),
        core(Canary::ReapUnknown, 150, &["R14", "R18", "R8"]),
        core(Canary::FreshNameEachTry, 20, &["R10", "L1"]),
        core(Canary::QuitWithoutDeadline, 20, &["R23"]),
        core(Canary::NoRelist, 30, &["R30"]),
        core(Canary::IgnoreSaveError, 20, &["R6", "R2", "R23", "R9"]),
        core(Canary::ChangeBeforeDurable, 3_500, &["R2"]),
        core(Canary::BeatOnce, 20, &["L5"]),
        core(Canary::NoResave, 2_000, &["L1", "Q1", "R6", "L8", "R23"]),
        core(Canary::SilenceIsEmpty, 20_000, &["P1", "R9", "R14", "R13", "R2", "R29", "L7", "P2"]),
        core(Canary::SessionEndMeansExit, 750, &["R25"]),
        core(Canary::SessionEachTime, 20, &["Q2", "L7"]),
        core(Canary::NoBackoff, 300, &["L7"]),
        core(Canary::HeldBackForgotten, 35, &["Q1"]),
        core(Canary::LateAnswerTrusted, 1_500, &["R25", "R10", "R9", "R6", "R13", "P2", "R34"]),
        core(Canary::UnknownIsDone, 200, &["R25", "R2"]),
        core(Canary::LostIsForgotten, 600, &["P1", "R9", "Q2"]),
        core(Canary::StateNotSaved, 20, &["R6", "R9"]),
        core(Canary::NoSettling, 250, &["R9", "R13", "R14"]),
        core(Canary::SnapshotSkipped, 45, &["R12"]),
        core(Canary::SnapshotFirst, 400, &["R12"]),
        core(Canary::UndoSkipsFiles, 300, &["R31"]),
        core(Canary::LatePauseStays, 550, &["P3"]),
        core(Canary::MergeWithoutIntent, 500, &["R32"]),
        core(Canary::PushForced, 500, &["R33"]),
        core(Canary::PushUnfetched, 500, &["R33"]),
        core(Canary::RebaseWithoutIntent, 500, &["R34"]),
        core(Canary::ForceIgnored, 65, &["P2"]),
        core(Canary::BranchNotKept, 200, &["P2"]),
        core(Canary::LookerActs, 45, &["R18"]),
        core(Canary::SecondSignalWaits, 150, &["R24"]),
        core(Canary::QuitDoesNotSave, 20, &["R23"]),
        core(Canary::QuitDoesNotRecord, 20, &["R23"]),
        core(Canary::QuitPausesAll, 950, &["R18"]),
        core(Canary::QuitPausesNothing, 20, &["R23", "R28"]),
        core(Canary::StopsAtStart, 20, &["P2"]),
        core(Canary::StartsStopped, 40, &["P2"]),
        core(Canary::ResumesPaused, 80, &["P2", "P1"]),
        core(Canary::CarefulRunDeletes, 650, &["R8"]),
        core(Canary::LockIgnored, 35, &["R18"]),
        core(Canary::StaleByTime, 350, &["R18"]),
        core(Canary::PidTrusted, 550, &["R19"]),
        core(Canary::FoundIsNotSettled, 20_000, &["R9", "R2", "R32"]),
        core(Canary::UnreadableIsFresh, 7_500, &["R2", "P1", "R30", "L7"]),
        core(Canary::MadeAgainIsStopped, 1_000, &["R2"]),
        core(Canary::SoAlready, 15_000, &["R2"]),
        core(Canary::FrozenIsFrozen, 1_000, &["R2"]),
        core(Canary::NeverRanHasExited, 30_000, &["R25"]),
        core(Canary::NeverMadeAgain, 800, &["L2"]),
        core(Canary::SleptOver, 50_000, &["R30"]),
        core(Canary::TakenBackUnseen, 1_100, &["P2"]),
        core(Canary::EndedIsFinal, 50, &["R29"]),
        core(Canary::LocksNotNeeded, 200, &["R18", "R20"]),
        core(Canary::DamageKeepsOut, 60, &["L6"]),
        core(Canary::IntentNotAwaited, 20, &["PANIC"]),
        core(Canary::WaitsForThePast, 20, &["L0"]),
    ]
}

fn in_shell() -> Vec<Plant> {
    let shell = |slip, within, expected| Plant { planted: Planted::InShell(slip), within, expected };
    vec![
        shell(Slip::NoFileSync, 20, &["R1", "R2", "R9"]),
        shell(Slip::NoDirectorySync, 20, &["R2", "R9"]),
        shell(Slip::SyncErrorIgnored, 2_000, &["R1", "R2", "R9"]),
        shell(Slip::DirectorySyncErrorIgnored, 7_500, &["R2", "R9"]),
        shell(Slip::FailedSyncRepeated, 2_000, &["R2", "R5", "R9", "R1"]),
        shell(Slip::RemoveWithoutSync, 20, &["R2"]),
        shell(Slip::WriteInPlace, 20, &["R1", "R2", "R3", "R9"]),
        shell(Slip::SharedTemporary, 20, &["R1", "R2", "R3", "R4", "R9", "L2"]),
        shell(Slip::SavesWithoutOrder, 2_000, &["R2", "R3", "R4", "R23"]),
        shell(Slip::QueuedCountsAsSaved, 20, &["R2"]),
        shell(Slip::NoSweep, 200, &["R4"]),
        shell(Slip::UpdateWithoutLock, 40, &["R2", "R6", "R9"]),
        shell(Slip::UnreadableIsEmpty, 10_000, &["R2", "R6", "R9"]),
        shell(Slip::IndexForgetsOthers, 40, &["R2", "R6", "R9"]),
        shell(Slip::IndexGoesAtExit, 20, &["R22"]),
        shell(Slip::LockLetGoEarly, 2_500, &["R18"]),
        shell(Slip::ConflictIsOurs, 550, &["R14", "R25"]),
        shell(Slip::LockFileGoes, 20, &["R21"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_fault_has_its_row() {
        let rows = all();
        let count = |planted: Planted| rows.iter().filter(|row| row.planted == planted).count();
        for canary in Canary::ALL {
            assert_eq!(count(Planted::InCore(canary)), 1, "{canary:?}");
        }
        for slip in Slip::ALL {
            assert_eq!(count(Planted::InShell(slip)), 1, "{slip:?}");
        }
        assert!(rows.iter().all(|row| row.within > 0 && !row.expected.is_empty()));
    }
}
