//! A plain, read-only picture of everything, for the screen and for `--json`.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::agent::AgentReport;
use crate::container::{ContainerExit, ContainerState};
use crate::event::{Access, Previous};
use crate::ids::{ContainerId, PathText, RepoId, WorkstreamId};
use crate::ports::PullProgress;
use crate::record::OpenRebase;
use crate::record::ViewRecord;
pub use crate::shutdown::{ShutdownOutcome, ShutdownState};
use crate::time::{Mono, Wall};

/// The picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The repository.
    pub repo_id: RepoId,
    /// Top of the user's checkout.
    pub repo_path: PathText,
    /// How this run may act.
    pub access: Access,
    /// How the run before it ended.
    pub previous: Previous,
    /// How the engine fares.
    pub engine: EngineState,
    /// Why nothing new may be begun just now (the disk takes no writes), in words.
    pub degraded: Option<String>,
    /// The workstreams, in the user's order.
    pub workstreams: Vec<Card>,
    /// How the screen looked.
    pub view: ViewRecord,
    /// How the end of the run goes on, once it has begun.
    pub shutdown: Option<ShutdownState>,
    /// What the start found that a person may want to decide, until it is decided.
    pub findings: Vec<Finding>,
    /// What is weak about the home's place and what went wrong while reading the disk, for people.
    pub notices: Vec<String>,
}

/// How the engine fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// Not asked yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not. Nothing is deleted meanwhile.
    Down {
        /// What was tried and what came of it.
        reason: String,
        /// Since when.
        since: Mono,
    },
}

/// One workstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Its id.
    pub id: WorkstreamId,
    /// Its name.
    pub name: String,
    /// What the agent was asked to do.
    pub prompt: String,
    /// Its branch.
    pub branch: String,
    /// The image.
    pub image: String,
    /// Its worktree.
    pub worktree: PathText,
    /// Its own directory, with the holder's socket below `run/`.
    pub directory: PathText,
    /// When it was asked for.
    pub created_at: Wall,
    /// How it fares, in one word.
    pub state: CardState,
    /// What is being done to it, while something is.
    pub progress: Option<Progress>,
    /// Why it failed, while it has.
    pub reason: Option<String>,
    /// Its container.
    pub container_id: Option<ContainerId>,
    /// Its container's state, as last seen.
    pub container_state: Option<ContainerState>,
    /// How its container ended.
    pub exit: Option<ContainerExit>,
    /// How its agent fares, as last told.
    pub agent: Option<AgentReport>,
    /// Whether a session is attached to its terminal.
    pub is_attached: bool,
    /// Whether it came back without its prompt and name, from the engine's labels alone.
    pub is_recovered: bool,
    /// A rebase of it that was begun and that nobody knows the end of.
    pub rebase: Option<OpenRebase>,
}

/// How a workstream fares, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CardState {
    /// It is being made.
    Creating,
    /// Its making failed or was interrupted: retry or discard.
    Failed,
    /// Its container runs.
    Running,
    /// Its container is frozen.
    Paused,
    /// Its container does not run: resume or discard.
    Stopped,
    /// Its container is gone, its work is not: resume makes another.
    Lost,
    /// The engine was not heard yet, or does not answer.
    Unknown,
    /// It is being taken away.
    Removing,
}

impl CardState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Failed => "failed",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
            Self::Removing => "removing",
        }
    }
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The step, for people.
    pub step: &'static str,
    /// Which one it is, from 1.
    pub index: usize,
    /// Of how many.
    pub of: usize,
    /// Since when.
    pub since: Mono,
    /// How far the pull of an image has come, where that is the step.
    pub pull: Option<PullProgress>,
}

impl Progress {
    /// The step, with how far it has come where that is known.
    pub fn text(&self) -> String {
        match self.pull.map(|pull| pull.to_string()) {
            Some(pull) if !pull.is_empty() => alloc::format!("{}: {pull}", self.step),
            Some(_) | None => String::from(self.step),
        }
    }
}

/// Something the start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which workstream.
    pub workstream: WorkstreamId,
    /// What was found.
    pub verdict: crate::recovery::Verdict,
}

impl Snapshot {
    /// The workstream of that id.
    pub fn card(&self, id: &WorkstreamId) -> Option<&Card> {
        self.workstreams.iter().find(|card| card.id == *id)
    }
}
