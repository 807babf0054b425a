//! One run of ccells in the simulated world: a machine, and what it has asked for that is not done yet.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::event::{Access, Ask, Event};
use ccells_core::ids::{Attempt, Generation, PathText, RequestId, WorkstreamId};
use ccells_core::machine::Machine;
use ccells_core::places::Places;
use ccells_core::ports::{FileError, FileOk, FileOp, GitError};
use ccells_core::record::StateRecord;
use ccells_core::store::{Protocol, Step};

use crate::boot::Start;
use crate::ports::files::SimFiles;
use crate::ports::git::{GitOk, GitOp};
use crate::world::Item;

/// Whether a run still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It does.
    Runs,
    /// It is stopped, by a signal or with the whole machine, until then.
    Stopped {
        /// When it goes on.
        until: u64,
    },
    /// It ended.
    Ended,
}

/// One run.
pub struct Process {
    /// Which of the world's seats (home and repository) it serves.
    pub seat: usize,
    /// What it was started with.
    pub start: Start,
    /// Where its files are.
    pub places: Places,
    /// How it may act.
    pub access: Access,
    /// Its view of the disk.
    pub files: SimFiles,
    /// Whether it runs.
    pub life: Life,
    /// The machine.
    pub machine: Box<Machine>,
    /// What is under way.
    pub jobs: BTreeMap<u64, Job>,
    /// The one writer of the state file.
    pub saver: Saver,
    /// Open sessions.
    pub sessions: BTreeMap<WorkstreamId, Attempt>,
    /// Whether the engine's events are heard.
    pub is_watching: bool,
    /// When the timer that is set goes off.
    pub wake_at: Option<u64>,
    /// Wishes that are not answered.
    pub open: BTreeMap<RequestId, Ask>,
    /// For a run of one wish: that wish.
    pub errand: Option<Ask>,
    /// Since when it was asked to end.
    pub quit_since: Option<u64>,
    /// What reached it while it was stopped.
    pub deferred: Vec<Item>,
    /// Since when it is stopped, and for how long it was before that.
    pub stopped_since: Option<u64>,
    /// For how long it was stopped so far, the present stop aside.
    pub slept_ms: u64,
    /// What its checkers keep in mind.
    pub watch: Watch,
    /// When it last asked for a listing.
    pub listed_at: u64,
    /// How often it was woken at one instant.
    pub spins: (u64, u32),
}

/// What is asked for again and again, and must not be without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asking {
    /// The engine's containers.
    Listing,
    /// A session.
    Session,
    /// A save of the state.
    Save,
    /// A beat.
    Beat,
}

/// What the checkers keep in mind of one run.
#[derive(Debug, Default)]
pub struct Watch {
    /// When its machine was told what the start found.
    pub booted_at: Option<u64>,
    /// When it last went on, or began.
    pub went_on_at: u64,
    /// Whether it had slept for longer than a listing may wait.
    pub slept_long: bool,
    /// When it last beat.
    pub beat_at: u64,
    /// When the newest state could not be saved, as long as it was not tried again.
    pub unsaved_since: Option<u64>,
    /// The newest generation of the state it asked to save.
    pub issued: Generation,
    /// When the disk last failed it or kept it waiting.
    pub trouble_at: Option<u64>,
    /// How often it asked for each thing, since when.
    pub asked: BTreeMap<Asking, (u64, u32)>,
    /// Whether it was asked to end.
    pub is_ending: bool,
    /// For how long it had been stopped when it was asked to end.
    pub slept_before_quit: u64,
    /// When the second signal came, and for how long it had been stopped by then.
    pub hurry: Option<(u64, u64)>,
    /// What is others' when it begins to take away what is its own, at its end.
    pub left_to_others: Option<u64>,
    /// Whether it could not read everything at its start.
    pub is_careful: bool,
    /// Wishes that its machine has heard.
    pub heard: BTreeSet<RequestId>,
    /// Workstreams that people named to it.
    pub named: BTreeSet<WorkstreamId>,
}

impl Process {
    /// Its repository's state.
    pub fn state(&self) -> PathText {
        self.places.state(&self.start.repo.id)
    }

    /// The lock of the one run that may change anything there.
    pub fn repo_lock(&self) -> PathText {
        self.places.repo_lock(&self.start.repo.id)
    }

    /// For how long it has been stopped by then, all in all.
    pub fn slept_by(&self, now: u64) -> u64 {
        self.slept_ms + self.stopped_since.map_or(0, |since| now - since)
    }
}

/// The coalescing single writer of the state file.
#[derive(Default)]
pub struct Saver {
    /// The generation being written.
    pub running: Option<Generation>,
    /// The newest that waits.
    pub next: Option<(Generation, Box<StateRecord>)>,
}

/// What a file protocol of ours ends with: the event that tells the machine.
pub type FileJob = Box<dyn Protocol<Output = Option<Event>>>;
/// What a git operation ends with.
pub type GitAnswer = Box<dyn FnOnce(Result<GitOk, GitError>) -> Event>;

/// Something under way, one small step at a time.
pub enum Job {
    /// A protocol over files.
    Files {
        /// The protocol.
        protocol: FileJob,
        /// What the last operation gave.
        last: Option<Result<FileOk, FileError>>,
        /// How long a lock is waited for.
        patience_until: u64,
        /// A git operation that follows.
        then: Option<Box<Job>>,
    },
    /// A git operation.
    Git {
        /// Which.
        op: GitOp,
        /// How many steps of it are done.
        done: u32,
        /// What is told at its end.
        answer: GitAnswer,
        /// Steps on files that follow what succeeded, and tell of it instead.
        then: Option<GitThen>,
    },
}

/// What follows a git operation.
pub type GitThen = Box<dyn FnOnce(GitOk) -> FileJob>;

/// A protocol with its outcome turned into an event.
pub struct Mapped<P, F> {
    protocol: P,
    map: Option<F>,
}

impl<P, F> Mapped<P, F> {
    /// `map` makes the event.
    pub fn new(protocol: P, map: F) -> Self {
        Self { protocol, map: Some(map) }
    }
}

impl<P: Protocol, F: FnOnce(P::Output) -> Option<Event>> Protocol for Mapped<P, F> {
    type Output = Option<Event>;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Option<Event>> {
        match self.protocol.step(last) {
            Step::Do(op) => Step::Do(op),
            Step::Wait => Step::Wait,
            Step::Done(output) => Step::Done(self.map.take().and_then(|map| map(output))),
        }
    }
}

/// A fixed row of file operations. Each is said to be fine with a name that is there, or is not, or with neither.
pub struct Row {
    ops: std::vec::IntoIter<(FileOp, Fine)>,
    fine: Fine,
    /// When this file is there already, there is nothing to do.
    unless: Option<PathText>,
}

/// Which failure of an operation is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fine {
    /// None.
    Nothing,
    /// The name is gone already.
    Gone,
    /// The name is taken already.
    There,
}

impl Row {
    /// These operations, in order, unless that file is there.
    pub fn new(unless: Option<PathText>, ops: Vec<(FileOp, Fine)>) -> Self {
        Self { ops: ops.into_iter(), fine: Fine::Nothing, unless }
    }
}

impl Protocol for Row {
    type Output = Result<(), FileError>;

    fn step(&mut self, last: Option<Result<FileOk, FileError>>) -> Step<Self::Output> {
        if let Some(path) = &self.unless {
            match last {
                None => return Step::Do(FileOp::Read(path.clone())),
                Some(Ok(_)) => return Step::Done(Ok(())),
                Some(Err(FileError::NotFound)) => self.unless = None,
                Some(Err(error)) => return Step::Done(Err(error)),
            }
        } else {
            match (last, self.fine) {
                (Some(Err(FileError::NotFound)), Fine::Gone)
                | (Some(Err(FileError::Exists)), Fine::There)
                | (None | Some(Ok(_)), _) => {}
                (Some(Err(error)), _) => return Step::Done(Err(error)),
            }
        }
        match self.ops.next() {
            Some((op, fine)) => {
                self.fine = fine;
                Step::Do(op)
            }
            None => Step::Done(Ok(())),
        }
    }
}
