//! The injectable needs of the program, as traits. The shell has the real ones (adapters), the simulator its own.
//! Each port has one error type, which says what happened to the request, not only that it failed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;

use crate::container::{ContainerSpec, Observed};
use crate::ids::{Commit, ContainerId, HomeId, PathText, WorkstreamId};
use crate::time::Now;

/// What time it is.
pub trait Clock {
    /// Both clocks, read together.
    fn now(&self) -> Now;
}

/// One step on a file system. Each is a point where the power may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// Make this directory and its parents, mode 0700; existing ones are fine.
    MakeDir(PathText),
    /// Read a whole file of at most [`limits::RECORD_BYTES`](crate::limits::RECORD_BYTES).
    Read(PathText),
    /// The names in a directory, sorted.
    List(PathText),
    /// Make a new file, mode 0600; fails where one exists, never follows a link.
    CreateNew(PathText),
    /// Put these bytes at the end of a file made by [`FileOp::CreateNew`].
    Append(PathText, Vec<u8>),
    /// Make a file's bytes durable.
    SyncFile(PathText),
    /// Give a file a second name; fails where that name exists.
    Link(PathText, PathText),
    /// Give a file or directory another name, replacing a file of that name.
    Rename(PathText, PathText),
    /// Make the names in a directory durable.
    SyncDir(PathText),
    /// Take a file's name away.
    Unlink(PathText),
    /// Take the lock file (made when missing, never removed) for this process alone, without waiting.
    TryLock(PathText),
    /// Let the lock go.
    Unlock(PathText),
}

/// What a [`FileOp`] gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOk {
    /// It is done.
    Done,
    /// The bytes that were read.
    Bytes(Vec<u8>),
    /// The names that were listed.
    Names(Vec<String>),
}

/// Why a [`FileOp`] failed, in the kernel's kinds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is no such file or directory.
    #[error("no such file")]
    NotFound,
    /// The name is taken.
    #[error("the file exists")]
    Exists,
    /// The disk or the quota is full.
    #[error("no space left on the disk")]
    NoSpace,
    /// The file system takes no writes.
    #[error("the file system is read-only")]
    ReadOnly,
    /// We may not.
    #[error("permission denied")]
    Denied,
    /// Another process holds the lock.
    #[error("locked by another process")]
    Locked,
    /// The file is larger than we read, or no regular file.
    #[error("not a regular file of a size we read")]
    Unfit,
    /// Anything else, by error number.
    #[error("input/output error {0}")]
    Io(i32),
}

/// The file system, one step at a time.
pub trait Files {
    /// Does one step.
    fn apply(&mut self, op: &FileOp) -> Result<FileOk, FileError>;
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineFacts {
    /// Its name and version, for people.
    pub version: String,
    /// The version of the interface both sides speak.
    pub api: String,
}

/// How far the pull of an image has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PullProgress {
    /// Layers that are there.
    pub layers_done: u32,
    /// Layers it is known to have.
    pub layers: u32,
    /// Bytes that have come.
    pub bytes_done: u64,
    /// Bytes that are known to have to come; 0 while none are.
    pub bytes: u64,
}

impl fmt::Display for PullProgress {
    /// In a few words; none while nothing is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mega = |bytes: u64| bytes.div_ceil(1_000_000);
        if self.layers > 0 {
            write!(f, "{} of {} layers", self.layers_done, self.layers)?;
        }
        if self.layers > 0 && self.bytes > 0 {
            write!(f, ", {} of {} MB", mega(self.bytes_done), mega(self.bytes))?;
        }
        Ok(())
    }
}

/// What happened to a request to the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It never left: nobody listens at the endpoint.
    #[error("the engine at {endpoint} does not answer: {reason}")]
    Unreachable {
        /// What was tried.
        endpoint: String,
        /// What the system said.
        reason: String,
    },
    /// It left, and its outcome is unknown: a deadline passed or the stream broke. It may still land.
    #[error("the engine did not answer in time: {reason}")]
    Unknown {
        /// What the system said.
        reason: String,
    },
    /// The engine knows no such container, image or volume.
    #[error("{what}")]
    NotFound {
        /// The engine's words.
        what: String,
    },
    /// The engine cannot do this now: the name is another's, the container is in another state.
    #[error("{what}")]
    Conflict {
        /// The engine's words.
        what: String,
    },
    /// The engine will not.
    #[error("the engine refused ({status}): {what}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The engine's words.
        what: String,
    },
}

/// Docker Engine, or what speaks like it. Every method has the deadline of its kind in [`limits`](crate::limits).
/// Dropping a call does not undo it.
pub trait Engine: Send + Sync + 'static {
    /// Asks whether it is there.
    fn ping_engine(&self) -> impl Future<Output = Result<EngineFacts, EngineError>> + Send;
    /// All containers that carry `home`'s label, in any state, sorted by name.
    fn list_containers(
        &self,
        home: &HomeId,
    ) -> impl Future<Output = Result<Vec<Observed>, EngineError>> + Send;
    /// Makes a container. One of the same name, workstream and fingerprint is taken as the answer.
    fn create_container(
        &self,
        spec: &ContainerSpec,
    ) -> impl Future<Output = Result<ContainerId, EngineError>> + Send;
    /// Has the engine get an image from its registry, and tells how far that is. One that is there already is fine.
    /// Dropping the call ends it at once, as far as anybody can tell.
    fn pull_image(
        &self,
        image: &str,
        tell: impl Fn(PullProgress) + Send + Sync,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
    /// Puts the holder into its volume. Doing it again is harmless.
    fn upload_holder(&self, container: &ContainerId) -> impl Future<Output = Result<(), EngineError>> + Send;
    /// Starts it; one that runs already is fine.
    fn start_container(
        &self,
        container: &ContainerId,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
    /// Freezes its processes; one that is frozen already is fine.
    fn pause_container(
        &self,
        container: &ContainerId,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
    /// Lets its processes go on; one that is not frozen is fine.
    fn unpause_container(
        &self,
        container: &ContainerId,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
    /// Asks its processes to leave and ends them after the grace; one that does not run is fine.
    fn stop_container(&self, container: &ContainerId)
    -> impl Future<Output = Result<(), EngineError>> + Send;
    /// Takes it away, whatever its state, with its volume; one that is gone is fine. By name, so that one whose
    /// id we never learnt goes too, and only when it carries `home`'s label. What lands late takes the one away that had
    /// the name when this was asked for, never a later one.
    fn remove_container(
        &self,
        home: &HomeId,
        name: &str,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// Where a workstream's files and refs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorktreePlan {
    /// The workstream.
    pub workstream: WorkstreamId,
    /// Top of the user's checkout.
    pub repo: PathText,
    /// The repository's common git directory.
    pub git_dir: PathText,
    /// The worktree to make.
    pub worktree: PathText,
    /// The workstream's own directory: `workstream.json git/ home/ run/ dotgit passwd`.
    pub home: PathText,
    /// The branch, without `refs/heads/`.
    pub branch: String,
    /// The commit it starts from.
    pub base: Commit,
    /// Who shall own what the agent writes: user and group.
    pub owner: (u32, u32),
    /// How it begins, besides at its base.
    pub beginning: Beginning,
}

/// What a new workstream is to begin from, as asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseWish {
    /// A branch, tag, commit or pull request; `None`: the default branch, or HEAD where there is none.
    pub reference: Option<String>,
    /// The branch to be made, without `refs/heads/`.
    pub branch: String,
    /// What becomes of one of that name.
    pub on_taken: OnTaken,
    /// Whether a remote that has the base is asked for its newest commit first.
    pub asks_remote: bool,
    /// Which files that git ignores are copied, besides those that the checkout lists, as in a `.gitignore`.
    pub include: Vec<String>,
    /// The workstream whose present state it is to go on from, rather than a reference.
    pub fork: Option<Fork>,
}

/// A workstream that another one goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Where its files and refs are.
    pub plan: WorktreePlan,
    /// Its name for people.
    pub name: String,
    /// Its container, where that runs.
    pub container: Option<ContainerId>,
}

/// What becomes of a branch that exists already under the name of a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnTaken {
    /// Nothing: it is refused.
    #[default]
    Refuse,
    /// Nothing: the new one gets the next name that is free.
    New,
    /// It is worked on.
    Use,
    /// It begins anew at the base.
    Recreate,
}

/// What a new workstream begins from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The commit its branch begins at.
    pub commit: Commit,
    /// What its user should know of how it was found.
    pub note: Option<String>,
    /// How it begins besides.
    pub beginning: Beginning,
}

impl From<Commit> for Base {
    fn from(commit: Commit) -> Self {
        Self { commit, note: None, beginning: Beginning::default() }
    }
}

/// How a workstream begins, besides at its base.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Beginning {
    /// Where its branch stood before it was made; `None`: there was none, so that it is ours to remove. Another commit than
    /// the base: the branch began anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch_was: Option<Commit>,
    /// From where on what is on its branch counts as its work, where that is not the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Commit>,
    /// Which files that git ignores are copied, besides those that the checkout lists, as in a `.gitignore`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// A commit whose files its worktree begins with, uncommitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried: Option<Commit>,
}

impl Beginning {
    /// Whether there is nothing to say of it.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What of a workstream's work exists nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkReport {
    /// Tracked files that differ from the last commit we can see.
    pub modified: Vec<String>,
    /// Files git does not know and does not ignore.
    pub untracked: Vec<String>,
    /// Whether the agent's branch has commits beyond its base.
    pub has_commits: bool,
    /// Whether the worktree is there at all.
    pub has_worktree: bool,
    /// What could not be looked at, in words: treated as work.
    pub unknown: Option<String>,
}

impl WorkReport {
    /// Whether removing the workstream would lose anything.
    pub fn is_empty(&self) -> bool {
        self.modified.is_empty() && self.untracked.is_empty() && !self.has_commits && self.unknown.is_none()
    }
}

/// How the work of a workstream goes into a branch of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeHow {
    /// The branch is moved on where that is enough, and gets a merge commit else.
    #[default]
    Merge,
    /// It gets a merge commit in any case.
    NoFastForward,
    /// It gets one commit with all of it.
    Squash,
}

/// A merge, as wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MergeWish {
    /// The branch it goes into, without `refs/heads/`; `None`: the one it began from, or the default branch.
    pub onto: Option<String>,
    /// How.
    pub how: MergeHow,
    /// The message of the commit that is made, if one is; `None`: one made from the commits.
    pub message: Option<String>,
    /// Whether the agent may have replaced commits that were fetched before.
    pub may_rewrite: bool,
}

/// A branch of the user that is to move.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BranchMove {
    /// Which, without `refs/heads/`.
    pub branch: String,
    /// Where it stands.
    pub from: Commit,
    /// Where it will stand.
    pub to: Commit,
    /// The directory it is checked out in, whose files move with it; `None` where it is checked out nowhere.
    pub checkout: Option<PathText>,
    /// How many commits it gains.
    pub commits: u32,
}

/// A push, as wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PushWish {
    /// The name of the remote; `None`: the one that work begins from.
    pub remote: Option<String>,
    /// What the branch is called there, without `refs/heads/`; `None`: as the workstream's.
    pub branch: Option<String>,
    /// Whether the agent may have replaced commits that were fetched before.
    pub may_rewrite: bool,
    /// Whether the branch there may lose commits.
    pub is_forced: bool,
    /// Where the branch stood there when the user was asked whether it may lose commits, if that was looked up.
    pub seen: Option<Commit>,
}

/// What a push did to the branch on the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushHow {
    /// It had all of it already.
    Nothing,
    /// There was none of that name.
    Made,
    /// It moved on.
    Moved,
    /// It lost commits, as was wished for.
    Replaced,
}

/// A push that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The name of the remote.
    pub remote: String,
    /// What the branch is called there.
    pub branch: String,
    /// What happened to it.
    pub how: PushHow,
    /// How many commits it gained.
    pub commits: u32,
    /// Where it can be compared with what it began from, for a browser; `None` where nobody knows.
    pub compare: Option<String>,
}

/// What is wanted with the base of a workstream.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RebaseWish {
    /// Its commits shall stand on what this names; `None`: on the branch that it would be merged into.
    Onto(Option<String>),
    /// A rebase that stopped shall be taken back.
    Abort,
}

/// Where the commits of an agent are to stand.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BaseMove {
    /// What the new base is called, safe to show.
    pub target: String,
    /// What they began with.
    pub from: Commit,
    /// What they shall stand on.
    pub to: Commit,
}

/// What the agent's own git is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebaseCall {
    /// To say how it stands.
    Look,
    /// To put its commits onto the new base. What the agent did not commit, or has under way, is in the way.
    Begin,
    /// To take back a rebase that stopped.
    Abort,
}

/// How a rebase stands, as the agent's own git says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RebaseState {
    /// The commits stand on the new base, and nothing is under way.
    Landed {
        /// How many they are.
        commits: u32,
    },
    /// It stopped, and somebody has to go on with it.
    Standing {
        /// The files that were changed on both sides and are not resolved, safe to show.
        files: Vec<String>,
    },
    /// There is nothing of it: the commits stand where they stood.
    Absent,
}

/// The agent's own git, where it works.
pub trait Workbench: Send + Sync + 'static {
    /// Asks it about the rebase `moving`, or for it. [`EngineError::Conflict`]: it was not done, and why. What is asked for
    /// may land after nobody waits for it any more, as with every request to an engine.
    fn rebase_work(
        &self,
        call: RebaseCall,
        moving: &BaseMove,
    ) -> impl Future<Output = Result<RebaseState, EngineError>> + Send;
}

/// Where the commits of an agent come from.
pub trait WorkSource: Send + Sync + 'static {
    /// The commit that is checked out where the agent works.
    fn head(&self) -> impl Future<Output = Result<Commit, EngineError>> + Send;
    /// Writes a pack into the new file `into`, with all that belongs to `head` and to none of `have`. What is in it is as
    /// the agent wants it: it has to be checked.
    fn pack(
        &self,
        head: &Commit,
        have: &[Commit],
        into: &PathText,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

/// Why git could not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// The reference names no commit.
    #[error("`{reference}` names no commit in this repository")]
    NoSuchRef {
        /// What was asked for.
        reference: String,
    },
    /// The branch exists already.
    #[error(
        "branch `{branch}` exists already; choose another with --branch, or say what becomes of it with --on-existing"
    )]
    BranchExists {
        /// The branch.
        branch: String,
    },
    /// A lock of somebody else is in the way.
    #[error("git is busy: {what}")]
    Busy {
        /// The lock and what to do.
        what: String,
    },
    /// Doing it would lose work.
    #[error("{what}")]
    WouldLose {
        /// What would be lost.
        what: String,
    },
    /// It was refused, and nothing has changed.
    #[error("{what}")]
    Refused {
        /// Why, and what to do.
        what: String,
    },
    /// The same places were changed on both sides: it is not merged, and nothing has changed.
    #[error("changed on both sides: {}", .files.join(", "))]
    Conflicts {
        /// The files, in the order of their names, safe to show.
        files: Vec<String>,
    },
    /// Git or the file system failed.
    #[error("{what}")]
    Failed {
        /// What was tried and what came of it.
        what: String,
    },
}

/// Git on the user's repository. Each method may be repeated after a crash at any of its instructions.
pub trait Git: Send + Sync + 'static {
    /// The commit that a workstream in the repository at `repo` begins from, provided that its branch is free or may be
    /// had. No reference moves. A remote that does not answer in time is told of and done without, unless it alone has
    /// what is wanted.
    fn resolve_base(
        &self,
        repo: &PathText,
        wish: &BaseWish,
    ) -> impl Future<Output = Result<Base, GitError>> + Send;
    /// The same for one that goes on from another: the commits of that one's agent, out of its container where `source` is
    /// given, and what is not committed in its worktree. Nothing of that one changes.
    fn fork_base(
        &self,
        wish: &BaseWish,
        fork: &Fork,
        source: Option<impl WorkSource>,
    ) -> impl Future<Output = Result<Base, GitError>> + Send;
    /// Keeps the base from being collected: `refs/ccells/<id>/base`.
    fn pin_base(&self, plan: &WorktreePlan) -> impl Future<Output = Result<(), GitError>> + Send;
    /// The commit that the workstream's commits are to stand on: what `onto` names, or the branch they would be merged
    /// into. It is kept from being collected from now on. Nothing of the user's is touched.
    fn aim_rebase(
        &self,
        plan: &WorktreePlan,
        onto: Option<&str>,
    ) -> impl Future<Output = Result<BaseMove, GitError>> + Send;
    /// Has the workstream begin with another commit: what it is compared with, what is kept for it, and its own record.
    /// Nothing of the user's is touched.
    fn move_base(
        &self,
        plan: &WorktreePlan,
        moving: &BaseMove,
    ) -> impl Future<Output = Result<(), GitError>> + Send;
    /// Makes branch and worktree, first clearing away what an interrupted try left.
    fn add_worktree(&self, plan: &WorktreePlan) -> impl Future<Output = Result<(), GitError>> + Send;
    /// Makes the workstream's own directory, private git directory included; one that is complete is kept.
    /// `facts` is the text of its `workstream.json`.
    fn build_home(
        &self,
        plan: &WorktreePlan,
        facts: &[u8],
    ) -> impl Future<Output = Result<(), GitError>> + Send;
    /// What would be lost. Reads only; runs nothing that the agent wrote.
    fn inspect_work(&self, plan: &WorktreePlan) -> impl Future<Output = Result<WorkReport, GitError>> + Send;
    /// Keeps all of the worktree that differs from the base, but for what git ignores, as a commit at
    /// `refs/ccells/trash/<id>`: what is not committed, and also what is committed on the agent's branch alone. What an
    /// earlier try kept stays reachable from it. `None` when nothing differs and nothing was kept before.
    fn snapshot_work(
        &self,
        plan: &WorktreePlan,
    ) -> impl Future<Output = Result<Option<Commit>, GitError>> + Send;
    /// Puts the worktree away into the workstream's own directory, ignored files and all, and removes the branch unless it
    /// is to be kept or is not at its base. Where a rename does not reach, what was kept as a commit is the copy.
    fn remove_worktree(
        &self,
        plan: &WorktreePlan,
        keep_branch: bool,
    ) -> impl Future<Output = Result<(), GitError>> + Send;
    /// Moves the workstream's own directory to `trash/<id>` beside `workstreams/`, with a note on how it was removed, and
    /// lets the base go: it goes on being kept for the trash alone.
    fn retire_home(&self, plan: &WorktreePlan) -> impl Future<Output = Result<(), GitError>> + Send;
    /// Brings back from the trash what was removed: worktree, branch, and at last the workstream's own directory. The
    /// branch stands where it stood when it was removed; where its name is another's by now or it has moved, it is another
    /// one. Gives its name, which is also written down in the directory.
    fn restore_work(&self, plan: &WorktreePlan) -> impl Future<Output = Result<String, GitError>> + Send;
    /// Fetches the commits of the agent to `refs/ccells/<id>/head`, after they have been checked. What they replace of an
    /// earlier fetch, with `may_rewrite` or because of a rebase of ours only, stays at `refs/ccells/<id>/was`. Nothing of the user's is touched.
    fn fetch_work(
        &self,
        plan: &WorktreePlan,
        source: impl WorkSource,
        may_rewrite: bool,
    ) -> impl Future<Output = Result<Commit, GitError>> + Send;
    /// Makes the commit that merges `head`, and says which branch would move to it; `None` when that has all of it already.
    /// `name` is the workstream's, for the message. Nothing of the user's is touched.
    fn judge_merge(
        &self,
        plan: &WorktreePlan,
        name: &str,
        head: &Commit,
        wish: &MergeWish,
    ) -> impl Future<Output = Result<Option<BranchMove>, GitError>> + Send;
    /// Moves a branch of the user, and the checkout that it is in as `git merge --ff-only` would. One that is there already is
    /// fine. [`GitError::Refused`] and the like: nothing has changed. [`GitError::Failed`]: it may be half done, and doing it
    /// again finishes it.
    fn move_branch(
        &self,
        plan: &WorktreePlan,
        moving: &BranchMove,
    ) -> impl Future<Output = Result<(), GitError>> + Send;
    /// Pushes `head`, and nothing else, to a branch of a remote. The branch there is old or new at any moment, and pushing
    /// again finds it new; here nothing changes but what we note of it.
    fn push_work(
        &self,
        plan: &WorktreePlan,
        head: &Commit,
        wish: &PushWish,
    ) -> impl Future<Output = Result<Pushed, GitError>> + Send;
}

/// Who a process is, safe against pid reuse and reboot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// Its pid.
    pub pid: u32,
    /// When it started, in the kernel's ticks since boot.
    pub start_ticks: u64,
    /// Which boot of the machine.
    pub boot_id: String,
}

/// Whether processes live.
pub trait Process {
    /// Us.
    fn me(&self) -> ProcessId;
    /// Whether that very process still lives; `None` when it cannot be told.
    fn is_alive(&self, process: &ProcessId) -> Option<bool>;
}

/// One attached terminal, as a framed stream ([`wire`](crate::wire)).
pub trait Terminal {
    /// Sends keys.
    fn write(&mut self, bytes: &[u8]);
    /// Tells the size in columns and rows.
    fn resize(&mut self, columns: u16, rows: u16);
    /// Ends the attachment; after it returns no byte is delivered.
    fn close(&mut self);
}
