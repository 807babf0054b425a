//! All that can happen, in the past tense. Facts come in here and nowhere else.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::agent::AgentReport;
use crate::container::{ContainerLimits, Observed};
use crate::ids::{
    Attempt, Commit, ContainerId, Generation, HomeId, PathText, RepoId, RequestId, RunId, WorkstreamId,
};
use crate::ports::{
    Base, BaseMove, BranchMove, EngineError, EngineFacts, GitError, MergeWish, OnTaken, PullProgress,
    PushWish, Pushed, RebaseState, RebaseWish, WorkReport,
};
use crate::record::{AgentCommand, BeatRecord, Facts, Intent, StateRecord, ViewRecord};
use crate::time::Mono;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The run began, and this is what it found on disk.
    Booted(Box<Found>),
    /// The user wants something.
    Asked {
        /// Answered once by [`Effect::Reply`](crate::effect::Effect::Reply).
        request: RequestId,
        /// What.
        ask: Ask,
    },
    /// The next deadline has come.
    TimePassed,

    /// An intent is durable, or not.
    IntentWritten {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it, in words when it is not durable.
        outcome: Result<(), String>,
    },
    /// An intent is gone from disk, or not.
    IntentCleared {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it, in words when it is not durable.
        outcome: Result<(), String>,
    },
    /// A container is in the durable index, or not.
    ContainerTracked {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it, in words when it is not durable.
        outcome: Result<(), String>,
    },
    /// A container is no longer in the durable index, or still is.
    ContainerUntracked {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it, in words when it is not durable.
        outcome: Result<(), String>,
    },
    /// A generation of the state file is durable, or not. Saves may be skipped over: a later one stands for all before.
    StateSaved {
        /// Which.
        generation: Generation,
        /// What came of it, in words when it is not durable.
        outcome: Result<(), String>,
    },

    /// The commit to start from is known, or cannot be.
    BaseResolved {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<Base, GitError>,
    },
    /// The base is pinned.
    BasePinned {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },
    /// Branch and worktree are there.
    WorktreeAdded {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },
    /// The workstream's own directory is there.
    HomeBuilt {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },
    /// What would be lost is known.
    WorkInspected {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<WorkReport, GitError>,
    },
    /// Uncommitted work is kept.
    WorkSnapshotted {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it; `None` when there was nothing to keep.
        outcome: Result<Option<Commit>, GitError>,
    },
    /// The worktree is gone.
    WorktreeRemoved {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },
    /// The workstream's own directory is in the trash.
    HomeRetired {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },

    /// What was removed is back, on the branch it tells; or its own directory is not back yet.
    WorkRestored {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<String, GitError>,
    },

    /// The commits of its agent are here.
    WorkFetched {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it: the commit that is checked out where the agent works.
        outcome: Result<Commit, GitError>,
    },
    /// A merge is made that no branch has yet.
    MergeJudged {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it; `None` when there is nothing to merge.
        outcome: Result<Option<BranchMove>, GitError>,
    },
    /// Commits were pushed to a remote.
    WorkPushed {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<Pushed, GitError>,
    },
    /// A branch of the user moved.
    BranchMoved {
        /// For whom.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },

    /// It is known what its commits are to stand on.
    RebaseAimed {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<BaseMove, GitError>,
    },
    /// Its agent's own git answered about a rebase.
    WorkRebased {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<RebaseState, EngineError>,
    },
    /// It begins with another commit.
    BaseMoved {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), GitError>,
    },

    /// The engine answered a ping, or did not.
    EnginePinged {
        /// What came of it.
        outcome: Result<EngineFacts, EngineError>,
    },
    /// A container was made, or was there already.
    ContainerCreated {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<ContainerId, EngineError>,
    },
    /// The pull of an image has come so far.
    PullProgressed {
        /// For whom.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// How far.
        progress: PullProgress,
    },
    /// An image is on the engine, or the pull of it ended in another way.
    ImagePulled {
        /// For whom.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// The holder is in its place.
    HolderUploaded {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// A container was started.
    ContainerStarted {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// A container was frozen.
    ContainerPaused {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// A container goes on.
    ContainerUnpaused {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// A container was stopped.
    ContainerStopped {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// A container is gone.
    ContainerRemoved {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it.
        outcome: Result<(), EngineError>,
    },
    /// The engine showed all containers of this home, as they were some time after `requested_at`.
    ContainersListed {
        /// When we asked: what happened since may be missing from it.
        requested_at: Mono,
        /// What came of it.
        outcome: Result<Vec<Observed>, EngineError>,
    },
    /// The engine told that something of ours changed: look again.
    EngineChanged,
    /// The engine's stream of events ended.
    EngineLost {
        /// What the system said.
        reason: String,
        /// Whether it is there and does not answer in time, rather than gone.
        is_late: bool,
    },

    /// A session is attached to an agent's terminal.
    SessionOpened {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
    },
    /// A session ended, or could not be opened. That says nothing about the agent.
    SessionEnded {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What the system said.
        reason: String,
    },
    /// The holder told how its agent fares.
    AgentReported {
        /// Whose.
        workstream: WorkstreamId,
        /// How.
        report: AgentReport,
    },
    /// The holder started its agent again, or would not.
    AgentRestarted {
        /// Whose.
        workstream: WorkstreamId,
        /// Which try.
        attempt: Attempt,
        /// What came of it, in words when it failed.
        outcome: Result<(), String>,
    },
}

/// A wish of the user.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Make a workstream.
    New(Box<NewWorkstream>),
    /// Freeze its container.
    Pause(WorkstreamId),
    /// Have it run, whatever it takes: let it go on, start it, try its creation again, make its container anew.
    Resume(WorkstreamId),
    /// End its processes, keep everything.
    Stop(WorkstreamId),
    /// Start its agent again.
    Restart(WorkstreamId),
    /// Take it away.
    Remove {
        /// Which.
        workstream: WorkstreamId,
        /// Whether work that exists nowhere else may go to the trash.
        is_forced: bool,
        /// Whether the branch stays whatever it holds.
        keep_branch: bool,
    },
    /// Bring it back from the trash.
    Undo(Box<Facts>),
    /// Bring its commits into a branch of the user.
    Merge {
        /// Which.
        workstream: WorkstreamId,
        /// How.
        wish: Box<MergeWish>,
    },
    /// Put its commits onto another base, or take that back.
    Rebase {
        /// Which.
        workstream: WorkstreamId,
        /// What is wanted.
        wish: Box<RebaseWish>,
    },
    /// Push its commits to a remote.
    Push {
        /// Which.
        workstream: WorkstreamId,
        /// Where to, and how.
        wish: Box<PushWish>,
    },
    /// Take back a creation, a merge or a push that is not finished.
    Cancel(WorkstreamId),
    /// Finish or undo, by their defaults, all operations that a crash interrupted.
    Reconcile,
    /// Remember how the screen looks.
    View(ViewRecord),
    /// End this run.
    Quit {
        /// What becomes of the agents.
        policy: OnQuit,
    },
    /// End this run at once: the second signal.
    QuitNow,
}

/// What becomes of running agents when the program ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnQuit {
    /// Their containers are frozen; the next start lets them go on.
    #[default]
    PauseAll,
    /// They work on.
    KeepRunning,
}

/// What is wanted of a new workstream.
#[derive(Clone, Debug, PartialEq)]
pub struct NewWorkstream {
    /// Its id, drawn by the shell.
    pub id: WorkstreamId,
    /// Its name; made from the prompt where none is given.
    pub name: Option<String>,
    /// What the agent shall do.
    pub prompt: String,
    /// Its branch; made from the name where none is given.
    pub branch: Option<String>,
    /// What to start from; the default branch where none is given.
    pub base: Option<String>,
    /// The workstream whose present state it goes on from, rather than a base.
    pub from: Option<WorkstreamId>,
    /// What becomes of a branch that exists already under the chosen name.
    pub on_taken: OnTaken,
    /// Whether its base is looked up without asking a remote, whatever is configured.
    pub is_offline: bool,
    /// Which files that git ignores are copied, besides those that the checkout lists, as in a `.gitignore`.
    pub include: Vec<String>,
    /// The image; the configured one where none is given.
    pub image: Option<String>,
    /// The command; the configured agent where none is given.
    pub argv: Option<Vec<String>>,
    /// A name for the agent's conversation, drawn by the shell.
    pub session_id: String,
}

/// How this run may act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It holds the repository's lock: it alone changes anything.
    Write,
    /// Another run does: this one only looks.
    ReadOnly {
        /// Who, in words.
        holder: String,
    },
}

/// What the run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A person looks at it: sessions are attached, interrupted operations taken up.
    Interactive,
    /// One verb of the command line: touches only what it names.
    Verb,
    /// `reconcile`: takes up interrupted operations and ends.
    Reconcile,
}

/// How the run before this one ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// Nothing speaks of a crash.
    Clean,
    /// It left its heartbeat behind and its lock free.
    Crashed(BeatRecord),
}

/// What the user configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The image of new workstreams.
    pub image: String,
    /// The agent of new workstreams. `{prompt}` and `{session}` stand for theirs; a word that is only `{prompt}` is
    /// left out when there is no prompt.
    pub agent: AgentCommand,
    /// What new containers may use.
    pub limits: ContainerLimits,
    /// Put before every branch name that we make.
    pub branch_prefix: String,
    /// Whether remotes are asked for the newest commit of a base.
    pub asks_remotes: bool,
}

/// The repository, as found at the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Repo {
    /// Its id.
    pub id: RepoId,
    /// A short name for container names.
    pub slug: String,
    /// Top of the user's checkout.
    pub path: PathText,
    /// Its common git directory.
    pub git_dir: PathText,
    /// Directories with its objects, its own first.
    pub objects: Vec<PathText>,
}

/// What became of reading the state file.
#[derive(Clone, Debug, PartialEq)]
pub enum StateFound {
    /// There is none: a new repository.
    Fresh,
    /// It was read.
    Read(Box<StateRecord>),
    /// It was damaged and set aside; an older generation (or nothing) stands in. Nothing is deleted in this run.
    Recovered {
        /// The older generation, where there was one.
        state: Option<Box<StateRecord>>,
        /// In words, with the file's new name.
        notice: String,
    },
}

/// Everything a run learns from the disk before it looks at the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// This run.
    pub run: RunId,
    /// Its pid.
    pub pid: u32,
    /// Whose containers are ours.
    pub home: HomeId,
    /// Where the home is.
    pub home_path: PathText,
    /// Who owns what the agents write: user and group.
    pub owner: (u32, u32),
    /// The repository.
    pub repo: Repo,
    /// What the user configured.
    pub settings: Settings,
    /// How this run may act.
    pub access: Access,
    /// What it is for.
    pub purpose: Purpose,
    /// How the run before it ended.
    pub previous: Previous,
    /// The state file.
    pub state: StateFound,
    /// Open intents of this repository.
    pub intents: Vec<Intent>,
    /// `workstream.json` of every workstream of this repository.
    pub facts: Vec<Facts>,
    /// What the index of containers says of this repository's workstreams.
    pub tracked: BTreeMap<WorkstreamId, ContainerId>,
    /// Worktrees of this repository that exist.
    pub worktrees: BTreeSet<WorkstreamId>,
    /// What else went wrong while reading, for people; anything here forbids deletions.
    pub notices: Vec<String>,
    /// What is weak about the place the home is in, for people. Nothing hangs on it.
    pub warnings: Vec<String>,
}

impl Found {
    /// Whether this run may delete anything of its own accord: one that could not read everything may not.
    pub fn may_delete(&self) -> bool {
        self.notices.is_empty() && !matches!(self.state, StateFound::Recovered { .. })
    }
}
