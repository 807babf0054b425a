//! Git as a run in the cluster meets it: the model of `ports/git.rs` behind the port, a pause before every step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ccells_core::ids::{Commit, PathText};
use ccells_core::places::Places;
use ccells_core::ports::{
    Base, BaseMove, BaseWish, BranchMove, FileError, FileOk, FileOp, Files as _, Fork, Git, GitError,
    MergeWish, PushWish, Pushed, WorkReport, WorkSource, WorktreePlan,
};

use super::Ground;
use super::disk::PacedFiles;
use super::slips::Slip;
use crate::ports::files::SimFiles;
use crate::ports::git::{GitOk, GitOp, SimGit};
use crate::process::{Fine, Row};

/// How long one step takes at most.
const STEP_MS: u32 = 30;

/// Git for one process.
pub struct ClusterGit {
    ground: Arc<Ground>,
    places: Places,
    files: SimFiles,
}

impl ClusterGit {
    /// Git for the process whose files these are.
    pub fn new(ground: Arc<Ground>, places: Places, files: SimFiles) -> Self {
        Self { ground, places, files }
    }

    async fn run(&self, op: GitOp) -> Result<GitOk, GitError> {
        let mut number = 0;
        loop {
            let ms = self.ground.choices.below("git.pace", STEP_MS);
            tokio::time::sleep(Duration::from_millis(ms.into())).await;
            if self.files.is_dead() {
                return std::future::pending().await;
            }
            if let Some(outcome) = lock(&self.ground.git).step(&op, number) {
                return outcome;
            }
            number += 1;
        }
    }

    /// The newest directory of this workstream in the trash.
    fn last_in_trash(&self, plan: &WorktreePlan) -> Result<PathText, GitError> {
        let trash = self.places.trash();
        let id = plan.workstream.as_str();
        let listed = self.files.clone().apply(&FileOp::List(trash.clone()));
        let names = if let Ok(FileOk::Names(names)) = listed { names } else { Vec::new() };
        let number = |name: &String| name.strip_prefix(id)?.strip_prefix('-')?.parse::<u64>().ok();
        let newest = names.iter().filter_map(|name| Some((number(name)?, name))).max();
        let nothing = || GitError::Failed { what: format!("nothing of {id} is in the trash") };
        newest.map(|(_, name)| trash.join(name)).ok_or_else(nothing)
    }

    async fn in_order(&self, row: Row) -> Result<(), GitError> {
        let mut files = PacedFiles::new(self.files.clone(), self.ground.choices.clone());
        let failed = |error: FileError| GitError::Failed { what: error.to_string() };
        files.run(row).await.map_err(failed)
    }
}

/// The repositories. Nothing that panics runs under this lock.
pub fn lock(git: &Mutex<SimGit>) -> MutexGuard<'_, SimGit> {
    git.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unfit() -> GitError {
    GitError::Failed { what: "git gave another answer".to_string() }
}

impl Git for ClusterGit {
    async fn resolve_base(&self, repo: &PathText, wish: &BaseWish) -> Result<Base, GitError> {
        match self.run(GitOp::Resolve { repo: repo.clone(), branch: wish.branch.clone() }).await? {
            GitOk::Base(commit) => Ok(commit.into()),
            GitOk::Done
            | GitOk::Work(_)
            | GitOk::Kept(_)
            | GitOk::Branch(_)
            | GitOk::Judged(_)
            | GitOk::Pushed(_)
            | GitOk::Aimed(_) => Err(unfit()),
        }
    }

    async fn fork_base(
        &self,
        wish: &BaseWish,
        fork: &Fork,
        _source: Option<impl WorkSource>,
    ) -> Result<Base, GitError> {
        self.resolve_base(&fork.plan.repo, wish).await
    }

    async fn pin_base(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        self.run(GitOp::Pin(Box::new(plan.clone()))).await.map(drop)
    }

    async fn add_worktree(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        if self.ground.planted.is(Slip::WorktreeNotMade) {
            return Ok(());
        }
        self.run(GitOp::Add(Box::new(plan.clone()))).await.map(drop)
    }

    /// Made beside its place and moved there whole.
    async fn build_home(&self, plan: &WorktreePlan, facts: &[u8]) -> Result<(), GitError> {
        let rooms = self.places.workstreams();
        let making = rooms.join(&format!(".{}.{}.making", plan.workstream, self.ground.number()));
        let file = making.join("workstream.json");
        let row = Row::new(
            Some(plan.home.join("workstream.json")),
            vec![
                (FileOp::MakeDir(making.clone()), Fine::Nothing),
                (FileOp::CreateNew(file.clone()), Fine::Nothing),
                (FileOp::Append(file.clone(), facts.to_vec()), Fine::Nothing),
                (FileOp::SyncFile(file), Fine::Nothing),
                (FileOp::SyncDir(making.clone()), Fine::Nothing),
                (FileOp::Rename(making, plan.home.clone()), Fine::There),
                (FileOp::SyncDir(rooms), Fine::Nothing),
            ],
        );
        self.in_order(row).await
    }

    async fn inspect_work(&self, plan: &WorktreePlan) -> Result<WorkReport, GitError> {
        match self.run(GitOp::Inspect(Box::new(plan.clone()))).await? {
            GitOk::Work(report) => Ok(report),
            GitOk::Done
            | GitOk::Base(_)
            | GitOk::Kept(_)
            | GitOk::Branch(_)
            | GitOk::Judged(_)
            | GitOk::Pushed(_)
            | GitOk::Aimed(_) => Err(unfit()),
        }
    }

    async fn snapshot_work(&self, plan: &WorktreePlan) -> Result<Option<Commit>, GitError> {
        match self.run(GitOp::Snapshot(Box::new(plan.clone()))).await? {
            GitOk::Kept(commit) => Ok(commit),
            GitOk::Done
            | GitOk::Base(_)
            | GitOk::Work(_)
            | GitOk::Branch(_)
            | GitOk::Judged(_)
            | GitOk::Pushed(_)
            | GitOk::Aimed(_) => Err(unfit()),
        }
    }

    async fn remove_worktree(&self, plan: &WorktreePlan, keep_branch: bool) -> Result<(), GitError> {
        if self.ground.planted.is(Slip::WorktreeNotRemoved) {
            return Ok(());
        }
        self.run(GitOp::Remove(Box::new(plan.clone()), keep_branch)).await.map(drop)
    }

    async fn retire_home(&self, plan: &WorktreePlan) -> Result<(), GitError> {
        let place = format!("{}-{}", plan.workstream, self.ground.number());
        let (rooms, trash) = (self.places.workstreams(), self.places.trash());
        let row = Row::new(
            None,
            vec![
                (FileOp::Rename(plan.home.clone(), trash.join(&place)), Fine::Gone),
                (FileOp::SyncDir(trash), Fine::Nothing),
                (FileOp::SyncDir(rooms), Fine::Nothing),
            ],
        );
        self.in_order(row).await?;
        self.run(GitOp::Unpin(Box::new(plan.clone()))).await.map(drop)
    }

    async fn restore_work(&self, plan: &WorktreePlan) -> Result<String, GitError> {
        let trash = self.places.trash();
        let row = Row::new(
            Some(plan.home.join("workstream.json")),
            vec![
                (FileOp::Rename(self.last_in_trash(plan)?, plan.home.clone()), Fine::Nothing),
                (FileOp::SyncDir(self.places.workstreams()), Fine::Nothing),
                (FileOp::SyncDir(trash), Fine::Nothing),
            ],
        );
        let branch = match self.run(GitOp::Restore(Box::new(plan.clone()))).await? {
            GitOk::Branch(branch) => branch,
            GitOk::Done
            | GitOk::Base(_)
            | GitOk::Work(_)
            | GitOk::Kept(_)
            | GitOk::Judged(_)
            | GitOk::Pushed(_)
            | GitOk::Aimed(_) => {
                return Err(unfit());
            }
        };
        // The step that counts is the last one: until then it is in the trash.
        self.in_order(row).await.map(|()| branch)
    }

    async fn fetch_work(
        &self,
        plan: &WorktreePlan,
        source: impl WorkSource,
        _may_rewrite: bool,
    ) -> Result<Commit, GitError> {
        let head = source.head().await.map_err(|error| GitError::Failed { what: error.to_string() })?;
        self.run(GitOp::Fetch(Box::new(plan.clone()))).await.map(|_| head)
    }

    async fn judge_merge(
        &self,
        plan: &WorktreePlan,
        _name: &str,
        _head: &Commit,
        _wish: &MergeWish,
    ) -> Result<Option<BranchMove>, GitError> {
        match self.run(GitOp::Judge(Box::new(plan.clone()))).await? {
            GitOk::Judged(moving) => Ok(moving),
            GitOk::Done
            | GitOk::Base(_)
            | GitOk::Work(_)
            | GitOk::Kept(_)
            | GitOk::Branch(_)
            | GitOk::Pushed(_)
            | GitOk::Aimed(_) => Err(unfit()),
        }
    }

    async fn push_work(
        &self,
        plan: &WorktreePlan,
        head: &Commit,
        wish: &PushWish,
    ) -> Result<Pushed, GitError> {
        let op = GitOp::Push(Box::new(plan.clone()), head.clone(), Box::new(wish.clone()));
        match self.run(op).await? {
            GitOk::Pushed(pushed) => Ok(pushed),
            GitOk::Done
            | GitOk::Base(_)
            | GitOk::Work(_)
            | GitOk::Kept(_)
            | GitOk::Branch(_)
            | GitOk::Judged(_)
            | GitOk::Aimed(_) => Err(unfit()),
        }
    }

    async fn move_branch(&self, plan: &WorktreePlan, moving: &BranchMove) -> Result<(), GitError> {
        self.run(GitOp::Move(Box::new(plan.clone()), Box::new(moving.clone()))).await.map(drop)
    }

    async fn aim_rebase(&self, plan: &WorktreePlan, _onto: Option<&str>) -> Result<BaseMove, GitError> {
        match self.run(GitOp::Aim(Box::new(plan.clone()))).await? {
            GitOk::Aimed(moving) => Ok(moving),
            GitOk::Done
            | GitOk::Base(_)
            | GitOk::Work(_)
            | GitOk::Kept(_)
            | GitOk::Branch(_)
            | GitOk::Judged(_)
            | GitOk::Pushed(_) => Err(unfit()),
        }
    }

    async fn move_base(&self, plan: &WorktreePlan, moving: &BaseMove) -> Result<(), GitError> {
        self.run(GitOp::MoveBase(Box::new(plan.clone()), Box::new(moving.clone()))).await.map(drop)
    }
}
