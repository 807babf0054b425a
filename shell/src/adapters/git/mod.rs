//! The real git on the user's real repository. Whatever the agent can write is never configuration, never a program
//! and never a path we follow: git is told by us where everything is, and looks at the agent's files only.

mod base;
mod checkout;
pub(super) mod command;
mod diff;
mod disk;
mod executes;
mod fetch;
mod fork;
mod home;
mod include;
mod lens;
mod locks;
mod merge;
mod moving;
mod private_dir;
mod prune;
mod pull_request;
mod push;
mod rebase;
mod remote;
mod repo;
mod restore;
mod trash;
mod untouched;
mod work;
mod worktree;

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ccells_core::ids::{Commit, PathText, WorkstreamId};
use ccells_core::naming;
use ccells_core::ports::{
    Base, BaseMove, BaseWish, BranchMove, Fork, Git, GitError, MergeWish, PushWish, Pushed, WorkReport,
    WorkSource, WorktreePlan,
};
use tokio_util::task::TaskTracker;

use crate::forge::Forge;
pub use base::Standing;
use command::{GitProgram, failed};
pub use diff::{Detail, FileDiff, Heads, Status, WorkDiff};
pub use home::object_mounts;
pub use include::Included;
pub use private_dir::{loose_differs, packed_differ};
pub use prune::{Trashed, list_trash};
pub use push::{CommitTexts, RemoteBranch};
pub use repo::{Reference, RepoFacts, object_dirs, parse_references};
pub use untouched::{Remembered, parse_remembered};
pub use work::{Changes, IndexEntry, parse_index};

/// The port [`Git`], by the git program of this machine.
///
/// Every operation runs to its end in a task of its own, also when nobody waits for it any more: stopping git halfway
/// is what leaves locks and half-made worktrees. Operations on one workstream wait for one another.
#[derive(Debug)]
pub struct RealGit {
    program: GitProgram,
    /// How long a remote is waited for that need not answer.
    patience_ms: u64,
    turns: Mutex<BTreeMap<WorkstreamId, Arc<tokio::sync::Mutex<()>>>>,
    tasks: TaskTracker,
}

impl RealGit {
    /// Finds git on the PATH.
    pub fn new() -> Result<Self, GitError> {
        Ok(Self {
            program: GitProgram::find()?,
            patience_ms: base::PATIENCE_MS,
            turns: Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// The same, with so much patience with a remote that need not answer.
    #[must_use]
    pub fn patient_for(mut self, patience_ms: u64) -> Self {
        self.patience_ms = patience_ms;
        self
    }

    /// The repository that `directory` is in: the user's checkout, or one of its linked worktrees.
    pub async fn find_repo(&self, directory: &Path) -> Result<RepoFacts, GitError> {
        repo::find(&self.program, directory).await
    }

    /// Asks the remote of that name, or the usual one, for its branch `branch`; for whoever wants to know before a push.
    pub async fn look_at_remote(
        &self,
        git_dir: &PathText,
        remote: Option<&str>,
        branch: &str,
    ) -> Result<RemoteBranch, GitError> {
        push::look_at_remote(&self.program, Path::new(git_dir.as_str()), remote, branch).await
    }

    /// Where the remote of that name, or the usual one, is pushed to, if that is a forge. Nobody is asked.
    pub async fn forge_of(
        &self,
        git_dir: &PathText,
        remote: Option<&str>,
    ) -> Result<Option<Forge>, GitError> {
        push::forge_of(&self.program, Path::new(git_dir.as_str()), remote).await
    }

    /// What the commits say that were fetched of a workstream last.
    pub async fn commit_texts(&self, plan: &WorktreePlan) -> Result<CommitTexts, GitError> {
        self.run(plan, |place| async move { place.commit_texts().await }).await
    }

    /// How the branch of this name stands in the repository of the checkout at `top`, if there is one.
    pub async fn branch_standing(&self, top: &Path, branch: &str) -> Result<Option<Standing>, GitError> {
        base::standing(&self.program, top, branch).await
    }

    /// The files of the checkout at `top` that git ignores and that a workstream with these patterns would get.
    pub async fn included(&self, top: &Path, patterns: &[String]) -> Result<Included, GitError> {
        include::find(&self.program, top, patterns).await
    }

    /// Waits until no operation is under way. For shutdown: what runs is better awaited than killed.
    pub async fn idle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    /// Runs `work` on the plan's workstream to its end, one at a time, whether or not the caller waits for it.
    async fn run<T, W>(&self, plan: &WorktreePlan, work: impl FnOnce(Workplace) -> W) -> Result<T, GitError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, GitError>> + Send + 'static,
    {
        let turn = self.turn(&plan.workstream);
        let work = work(Workplace { git: self.program.clone(), plan: plan.clone() });
        let task = self.tasks.spawn(async move {
            let _turn = turn.lock().await;
            work.await
        });
        task.await.unwrap_or_else(|error| Err(failed(format!("an operation of git did not end: {error}"))))
    }

    /// The lock that makes operations on one workstream wait for one another.
    fn turn(&self, workstream: &WorkstreamId) -> Arc<tokio::sync::Mutex<()>> {
        // Nothing panics while this lock is held, and a map of locks cannot be half changed.
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(workstream.clone()).or_default())
    }
}

impl Git for RealGit {
    async fn resolve_base(&self, repo: &PathText, wish: &BaseWish) -> Result<Base, GitError> {
        base::resolve(&self.program, Path::new(repo.as_str()), wish, self.patience_ms).await
    }

    async fn fork_base(
        &self,
        wish: &BaseWish,
        fork: &Fork,
        source: Option<impl WorkSource>,
    ) -> Result<Base, GitError> {
        let (wish, fork) = (wish.clone(), fork.clone());
        let plan = fork.plan.clone();
        self.run(&plan, |place| async move { place.fork(&wish, &fork, source.as_ref()).await }).await
    }

    async fn pin_base(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.run(plan, |place| async move { place.pin_base().await }).await
    }

    async fn add_worktree(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.run(plan, |place| async move { place.add_worktree().await }).await
    }

    async fn build_home(&self, plan: &WorktreePlan, facts: &[u8]) -> Result<(), GitError> {
        let facts = facts.to_owned();
        self.run(plan, |place| async move { place.build_home(facts).await }).await
    }

    async fn inspect_work(&self, plan: &WorktreePlan) -> Result<WorkReport, GitError> {
        self.run(plan, |place| async move { place.inspect_work().await }).await
    }

    async fn snapshot_work(&self, plan: &WorktreePlan) -> Result<Option<Commit>, GitError> {
        self.run(plan, |place| async move { place.snapshot_work().await }).await
    }

    async fn remove_worktree(&self, plan: &WorktreePlan, keep_branch: bool) -> Result<(), GitError> {
        self.run(plan, move |place| async move { place.remove_worktree(keep_branch).await }).await
    }

    async fn retire_home(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.run(plan, |place| async move { place.retire_home().await }).await
    }

    async fn restore_work(&self, plan: &WorktreePlan) -> Result<String, GitError> {
        self.run(plan, |place| async move { place.restore_work().await }).await
    }

    async fn fetch_work(
        &self,
        plan: &WorktreePlan,
        source: impl WorkSource,
        may_rewrite: bool,
    ) -> Result<Commit, GitError> {
        self.run(plan, move |place| async move { place.fetch_work(&source, may_rewrite).await }).await
    }

    async fn judge_merge(
        &self,
        plan: &WorktreePlan,
        name: &str,
        head: &Commit,
        wish: &MergeWish,
    ) -> Result<Option<BranchMove>, GitError> {
        let (name, head, wish) = (name.to_owned(), head.clone(), wish.clone());
        self.run(plan, |place| async move { place.judge_merge(&name, &head, &wish).await }).await
    }

    async fn move_branch(&self, plan: &WorktreePlan, moving: &BranchMove) -> Result<(), GitError> {
        let moving = moving.clone();
        self.run(plan, |place| async move { place.move_branch(&moving).await }).await
    }

    async fn push_work(
        &self,
        plan: &WorktreePlan,
        head: &Commit,
        wish: &PushWish,
    ) -> Result<Pushed, GitError> {
        let (head, wish) = (head.clone(), wish.clone());
        self.run(plan, |place| async move { place.push_work(&head, &wish).await }).await
    }

    async fn aim_rebase(&self, plan: &WorktreePlan, onto: Option<&str>) -> Result<BaseMove, GitError> {
        let onto = onto.map(str::to_owned);
        self.run(plan, |place| async move { place.aim_rebase(onto.as_deref()).await }).await
    }

    async fn move_base(&self, plan: &WorktreePlan, moving: &BaseMove) -> Result<(), GitError> {
        let moving = moving.clone();
        self.run(plan, |place| async move { place.move_base(&moving).await }).await
    }
}

/// One workstream's places, and the git to work on them with.
#[derive(Clone, Debug)]
struct Workplace {
    git: GitProgram,
    plan: WorktreePlan,
}

impl Workplace {
    /// The repository's common git directory.
    fn git_dir(&self) -> &Path {
        Path::new(self.plan.git_dir.as_str())
    }

    /// The worktree.
    fn worktree(&self) -> &Path {
        Path::new(self.plan.worktree.as_str())
    }

    /// The workstream's own directory.
    fn home(&self) -> &Path {
        Path::new(self.plan.home.as_str())
    }

    /// What git keeps about the worktree, in the user's repository. Git names it after the worktree's directory, which
    /// is the workstream's id: nobody else has it.
    fn admin_dir(&self) -> std::path::PathBuf {
        self.git_dir().join("worktrees").join(self.plan.workstream.as_str())
    }

    /// The full name of the branch.
    fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.plan.branch)
    }

    /// The full name of what keeps the base from being collected.
    fn base_ref(&self) -> String {
        format!("refs/ccells/{}/base", self.plan.workstream)
    }

    /// The full name of the commit that was fetched last.
    fn head_ref(&self) -> String {
        format!("refs/ccells/{}/head", self.plan.workstream)
    }

    /// The full name of what is carried over from another workstream.
    fn carried_ref(&self) -> String {
        format!("refs/ccells/{}/carried", self.plan.workstream)
    }

    /// The full name of what was fetched before the agent replaced it.
    fn was_ref(&self) -> String {
        format!("refs/ccells/{}/was", self.plan.workstream)
    }

    /// Below which the notes are of where pushes left branches of remotes.
    fn pushed_refs(&self) -> String {
        format!("refs/ccells/{}/pushed", self.plan.workstream)
    }

    /// The full name of what a rebase under way goes onto.
    fn onto_ref(&self) -> String {
        format!("refs/ccells/{}/onto", self.plan.workstream)
    }

    /// What the names of former bases begin with, which nothing else keeps.
    fn former_refs(&self) -> String {
        format!("refs/ccells/{}/former", self.plan.workstream)
    }

    /// The full name of a former base.
    fn former_ref(&self, base: &Commit) -> String {
        format!("{}/{base}", self.former_refs())
    }

    /// The full name of what keeps something of the workstream for the trash: the files of its worktree in `trash`.
    fn kept_ref(&self, room: &str) -> String {
        format!("refs/ccells/{room}/{}", self.plan.workstream)
    }

    /// A call on the user's repository, marked as this workstream's.
    fn on_repo(&self) -> command::Call {
        self.git.on(self.git_dir()).mark(&self.plan.workstream)
    }

    /// A call in the checkout that the workstream was made in, where that is still there: with the settings that hold in it.
    fn at_home(&self) -> command::Call {
        let top = Path::new(self.plan.repo.as_str());
        let call = if disk::is_directory(top) { self.git.within(top) } else { self.git.on(self.git_dir()) };
        call.mark(&self.plan.workstream)
    }

    /// Refuses a plan whose places are not of the form that only we make: a mistake in it must not reach the disk.
    fn check_plan(&self) -> Result<(), GitError> {
        let id = self.plan.workstream.as_str();
        naming::validate_branch(&self.plan.branch).map_err(|error| failed(error.to_string()))?;
        for (place, room) in [(self.worktree(), "worktrees"), (self.home(), "workstreams")] {
            let is_plain = place.is_absolute() && !place.components().any(|part| part.as_os_str() == "..");
            let is_below =
                place.parent().is_some_and(|above| above.components().any(|p| p.as_os_str() == room));
            if !is_plain || !is_below || place.file_name().is_none_or(|name| name != id) {
                let shown = naming::sanitise(&place.to_string_lossy());
                return Err(failed(format!(
                    "{shown} is not a place of workstream {id} below a directory `{room}`"
                )));
            }
        }
        Ok(())
    }

    /// The error for a step on the file system that failed.
    fn disk_error(aim: &str, place: &Path, error: &io::Error) -> GitError {
        let shown = naming::sanitise(&place.to_string_lossy());
        failed(format!("could not {aim} at {shown}: {error}; make room or check the rights, then try again"))
    }
}

/// Runs steps on the file system where they may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(failed(format!("a step on the file system did not end: {error}"))))
}
