//! All we can ask of the world, in the imperative. Each variant's doc names the event that answers it.

use alloc::boxed::Box;
use alloc::string::String;

use crate::container::ContainerSpec;
use crate::ids::{Attempt, Commit, ContainerId, Generation, HomeId, PathText, RequestId, WorkstreamId};
use crate::ports::{
    BaseMove, BaseWish, BranchMove, MergeWish, PushWish, RebaseCall, WorkReport, WorktreePlan,
};
use crate::record::{Delta, Facts, Intent, StateRecord};

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make this intent durable. Answered by [`IntentWritten`](crate::event::Event::IntentWritten).
    WriteIntent {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What.
        intent: Box<Intent>,
    },
    /// Take the intent away, durably. Answered by [`IntentCleared`](crate::event::Event::IntentCleared).
    ClearIntent {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
    },
    /// Put a container into the durable index. Answered by [`ContainerTracked`](crate::event::Event::ContainerTracked).
    TrackContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// The change.
        delta: Box<Delta>,
    },
    /// Take it out of the index. Answered by [`ContainerUntracked`](crate::event::Event::ContainerUntracked).
    UntrackContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// The change.
        delta: Box<Delta>,
    },
    /// Make this state durable; a later save may overtake it. Answered by [`StateSaved`](crate::event::Event::StateSaved).
    SaveState {
        /// Which.
        generation: Generation,
        /// What.
        state: Box<StateRecord>,
    },

    /// Find the commit to start from, and that the branch is free.
    /// Answered by [`BaseResolved`](crate::event::Event::BaseResolved).
    ResolveBase {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        repo: PathText,
        /// What was asked for.
        wish: Box<BaseWish>,
    },
    /// Pin the base. Answered by [`BasePinned`](crate::event::Event::BasePinned).
    PinBase {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
    },
    /// Make branch and worktree. Answered by [`WorktreeAdded`](crate::event::Event::WorktreeAdded).
    AddWorktree {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
    },
    /// Make the workstream's own directory. Answered by [`HomeBuilt`](crate::event::Event::HomeBuilt).
    BuildHome {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
        /// What its `workstream.json` says.
        facts: Box<Facts>,
    },
    /// Look what would be lost. Answered by [`WorkInspected`](crate::event::Event::WorkInspected).
    InspectWork {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
    },
    /// Keep what of the worktree differs from the base. Answered by [`WorkSnapshotted`](crate::event::Event::WorkSnapshotted).
    SnapshotWork {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
    },
    /// Take the worktree away. Answered by [`WorktreeRemoved`](crate::event::Event::WorktreeRemoved).
    RemoveWorktree {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
        /// Whether the branch stays whatever it holds.
        keep_branch: bool,
    },
    /// Put the workstream's own directory into the trash. Answered by [`HomeRetired`](crate::event::Event::HomeRetired).
    RetireHome {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
    },

    /// Bring back what was removed. Answered by [`WorkRestored`](crate::event::Event::WorkRestored).
    RestoreWork {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
    },

    /// Fetch the commits of its agent. Answered by [`WorkFetched`](crate::event::Event::WorkFetched).
    FetchWork {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Out of which container.
        container: ContainerId,
        /// Where to.
        plan: Box<WorktreePlan>,
        /// Whether the agent may have replaced commits that were fetched before.
        may_rewrite: bool,
    },
    /// Make a merge that no branch has yet. Answered by [`MergeJudged`](crate::event::Event::MergeJudged).
    JudgeMerge {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
        /// What it is called.
        name: String,
        /// What was fetched.
        head: Commit,
        /// What is wanted.
        wish: Box<MergeWish>,
    },
    /// Push commits to a remote. Answered by [`WorkPushed`](crate::event::Event::WorkPushed).
    PushWork {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// From where.
        plan: Box<WorktreePlan>,
        /// What was fetched.
        head: Commit,
        /// Where to, and how.
        wish: Box<PushWish>,
    },
    /// Move a branch of the user. Answered by [`BranchMoved`](crate::event::Event::BranchMoved).
    MoveBranch {
        /// For whom.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
        /// Which, from where to where.
        moving: Box<BranchMove>,
    },

    /// Look up what its commits are to stand on. Answered by [`RebaseAimed`](crate::event::Event::RebaseAimed).
    AimRebase {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
        /// What was named.
        onto: Option<String>,
    },
    /// Ask its agent's own git about a rebase, or for it. Answered by [`WorkRebased`](crate::event::Event::WorkRebased).
    RebaseWork {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// In which container.
        container: ContainerId,
        /// What for.
        call: RebaseCall,
        /// From where to where.
        moving: Box<BaseMove>,
    },
    /// Have it begin with another commit. Answered by [`BaseMoved`](crate::event::Event::BaseMoved).
    MoveBase {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Where.
        plan: Box<WorktreePlan>,
        /// From where to where.
        moving: Box<BaseMove>,
    },

    /// Ask whether the engine is there. Answered by [`EnginePinged`](crate::event::Event::EnginePinged).
    PingEngine,
    /// Make a container. Answered by [`ContainerCreated`](crate::event::Event::ContainerCreated).
    CreateContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        spec: Box<ContainerSpec>,
    },
    /// Get an image from its registry. Answered by [`ImagePulled`](crate::event::Event::ImagePulled), and before that by
    /// any number of [`PullProgressed`](crate::event::Event::PullProgressed).
    PullImage {
        /// For whom.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        image: String,
    },
    /// Wait no longer for the pull of that workstream's image. Not answered: the pull is, at once, where one is in flight.
    AbandonPull {
        /// For whom.
        workstream: WorkstreamId,
    },
    /// Put the holder in its place. Answered by [`HolderUploaded`](crate::event::Event::HolderUploaded).
    UploadHolder {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        container: ContainerId,
    },
    /// Start it. Answered by [`ContainerStarted`](crate::event::Event::ContainerStarted).
    StartContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        container: ContainerId,
    },
    /// Freeze it. Answered by [`ContainerPaused`](crate::event::Event::ContainerPaused).
    PauseContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        container: ContainerId,
    },
    /// Let it go on. Answered by [`ContainerUnpaused`](crate::event::Event::ContainerUnpaused).
    UnpauseContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        container: ContainerId,
    },
    /// Stop it. Answered by [`ContainerStopped`](crate::event::Event::ContainerStopped).
    StopContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Which.
        container: ContainerId,
    },
    /// Take it away, by name. Answered by [`ContainerRemoved`](crate::event::Event::ContainerRemoved).
    RemoveContainer {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// Whose label it must carry.
        home: HomeId,
        /// Which.
        name: String,
    },
    /// Show all containers of this home. Answered by [`ContainersListed`](crate::event::Event::ContainersListed).
    ListContainers {
        /// Whose.
        home: HomeId,
    },
    /// Tell of every change from now on. Answered by [`EngineChanged`](crate::event::Event::EngineChanged) each time,
    /// at last by [`EngineLost`](crate::event::Event::EngineLost).
    WatchEngine {
        /// Whose.
        home: HomeId,
    },

    /// Attach to an agent's terminal. Answered by [`SessionOpened`](crate::event::Event::SessionOpened) or
    /// [`SessionEnded`](crate::event::Event::SessionEnded).
    OpenSession {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// In which container.
        container: ContainerId,
        /// Its own directory, for the socket.
        directory: PathText,
    },
    /// Detach. Not answered: once asked, nothing more is heard of that session.
    CloseSession {
        /// Whose.
        workstream: WorkstreamId,
    },
    /// Have the holder start its agent again. Answered by [`AgentRestarted`](crate::event::Event::AgentRestarted).
    RestartAgent {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// In which container.
        container: ContainerId,
        /// Its own directory, for the socket.
        directory: PathText,
    },

    /// Write the heartbeat. Not answered: a lost beat is not worth a wait.
    Beat {
        /// Counts the beats of this run.
        sequence: u64,
    },
    /// Answer the user's wish. Not answered.
    Reply {
        /// Which.
        request: RequestId,
        /// What came of it.
        outcome: Result<Done, Refusal>,
    },
    /// Tell the user. Not answered.
    Notify {
        /// How loud.
        level: Level,
        /// What.
        text: String,
    },
    /// End the process. Not answered.
    Exit {
        /// Whether everything that was to be done is done.
        is_complete: bool,
    },
}

/// A wish that came true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What it was about.
    pub workstream: Option<WorkstreamId>,
    /// What there is to say.
    pub note: String,
}

/// What is said of a workstream that was made.
pub const RUNNING: &str = "running";

/// What `note` says of a workstream that was made, besides that it runs.
pub fn aside(note: &str) -> Option<&str> {
    note.strip_prefix(RUNNING)?.strip_prefix("; ")
}

/// Why a wish does not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The kind, for exit codes.
    pub kind: RefusalKind,
    /// What happened, to what, and what to do next.
    pub text: String,
    /// What would be lost, where that is the reason.
    pub work: Option<Box<WorkReport>>,
}

/// Kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It went wrong.
    Failed,
    /// There is no such thing.
    NotFound,
    /// Something is in the way.
    Conflict,
    /// Both sides changed the same places.
    Clash,
    /// It took too long.
    Timeout,
    /// The request itself makes no sense.
    Usage,
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something to look at.
    Warning,
    /// Something went wrong.
    Error,
}

/// The effects of one event, in the order they are to be begun.
#[must_use = "an effect that is dropped is work that is never done"]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects(alloc::vec::Vec<Effect>);

impl Effects {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Effects) {
        if self.0.is_empty() {
            *self = others;
        } else {
            self.0.extend(others.0);
        }
    }

    /// Looks at them.
    pub fn iter(&self) -> core::slice::Iter<'_, Effect> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Effects {
    type Item = &'a Effect;
    type IntoIter = core::slice::Iter<'a, Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Effect> for Effects {
    fn from(effect: Effect) -> Self {
        Self(alloc::vec![effect])
    }
}

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = alloc::vec::IntoIter<Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_effects_shows_what_taking_them_gives_in_the_same_order() {
        let mut effects = Effects::from(Effect::PingEngine);
        effects.push(Effect::Beat { sequence: 1 });
        let seen: alloc::vec::Vec<_> = (&effects).into_iter().cloned().collect();
        assert_eq!(seen, [Effect::PingEngine, Effect::Beat { sequence: 1 }]);
        assert_eq!(effects.into_iter().collect::<alloc::vec::Vec<_>>(), seen);
    }
}
