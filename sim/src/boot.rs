//! The two ends of a simulated run on the disk: what the core reads at its start, with the simulator's disk, processes
//! and worktrees around it, and what a run takes away when it ends in order.

use std::collections::BTreeSet;

use ccells_core::event::Found;
use ccells_core::ids::{PathText, WorkstreamId};
use ccells_core::places::Places;
use ccells_core::ports::{FileError, FileOk, FileOp, Files};
use ccells_core::reading::{self, Site, StartError};
pub use ccells_core::reading::{Start, Wanted};
use ccells_core::store::{self, Remove};

use crate::canary::Slip;

/// What a start meets besides the disk.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Worktrees of its repository that exist: git has them, not the disk.
    pub worktrees: BTreeSet<WorkstreamId>,
    /// Pids of processes that live.
    pub living: BTreeSet<u32>,
    /// A mistake to make.
    pub slip: Option<Slip>,
}

/// Reads everything, as every run does.
pub fn find(files: &mut impl Files, start: &Start, around: &Around) -> Result<Found, StartError> {
    let worktrees = Places::new(&start.home_path).worktrees(&start.repo.id);
    reading::read(&mut SimSite { files, worktrees, around }, start)
}

struct SimSite<'a, F> {
    files: &'a mut F,
    worktrees: PathText,
    around: &'a Around,
}

impl<F: Files> Files for SimSite<'_, F> {
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError> {
        match self.files.apply(op) {
            Ok(FileOk::Names(_)) if *op == FileOp::List(self.worktrees.clone()) => {
                Ok(FileOk::Names(self.around.worktrees.iter().map(ToString::to_string).collect()))
            }
            outcome => outcome,
        }
    }
}

impl<F: Files> Site for SimSite<'_, F> {
    fn is_in_use(&self, pid: u32) -> bool {
        // Whoever sweeps nothing takes every writer for a living one.
        self.around.slip == Some(Slip::NoSweep) || self.around.living.contains(&pid)
    }

    fn holder_of(&self, _lock: &PathText) -> String {
        "another ccells".to_string()
    }
}

/// What a run that ended in order takes away: its own beat, nothing else.
pub fn leave(files: &mut impl Files, start: &Start, slip: Option<Slip>) {
    let places = Places::new(&start.home_path);
    // One that stays looks like a crash to the next start, which then looks closer: no harm.
    let _left = store::run(files, Remove::new(places.run_beat(&start.run)));
    if slip == Some(Slip::IndexGoesAtExit) {
        let _left = store::run(files, Remove::new(places.index()));
    }
    if slip == Some(Slip::LockFileGoes) {
        let _left = store::run(files, Remove::new(places.repo_lock(&start.repo.id)));
    }
}
