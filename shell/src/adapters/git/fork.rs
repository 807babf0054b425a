//! The present state of a workstream, for another one to go on from: the commits of its agent, and on top of them what is
//! not committed. Nothing of the one that is gone on from changes.

use ccells_core::ids::Commit;
use ccells_core::ports::{Base, BaseWish, Beginning, Fork, GitError, WorkSource};

use super::base::{refuse_taken, with_included};
use super::fetch::brief;
use super::work::parse;
use super::{Workplace, disk};

impl Workplace {
    /// What a workstream begins from that goes on from this one.
    pub(super) async fn fork(
        &self,
        wish: &BaseWish,
        fork: &Fork,
        source: Option<&impl WorkSource>,
    ) -> Result<Base, GitError> {
        self.check_plan()?;
        refuse_taken(&self.git, self.plan.repo.as_str().as_ref(), wish).await?;
        let (commit, seen) = match source {
            Some(source) => (self.take_commits(source).await?, String::new()),
            None => (
                self.last_seen().await?,
                "; its container does not run, so commits that were not fetched are in its files only"
                    .to_owned(),
            ),
        };
        let carried = self.carry(&commit).await?;
        let rest = if carried.is_some() { " with what is not committed there" } else { "" };
        let note = format!("it goes on from `{}` at {}{rest}{seen}", fork.name, brief(&commit));
        // All that a merge would bring is its work, and not only what comes from here on.
        let since = self.plan.beginning.since.clone().unwrap_or_else(|| self.plan.base.clone());
        let since = Some(since).filter(|since| *since != commit);
        let beginning = Beginning { since, carried, ..Beginning::default() };
        let base = Base { commit, note: Some(note), beginning };
        with_included(&self.git, self.plan.repo.as_str().as_ref(), wish, base).await
    }

    /// The last commit of the agent's that came into the repository.
    async fn last_seen(&self) -> Result<Commit, GitError> {
        match self.reference(&self.head_ref()).await? {
            Some(head) => parse(&head.object),
            None => Ok(self.plan.base.clone()),
        }
    }

    /// The files of the worktree as a commit on top of `head`; nothing where they are those of `head`.
    async fn carry(&self, head: &Commit) -> Result<Option<Commit>, GitError> {
        if !disk::is_directory(self.worktree()) || disk::exists(&self.adding_mark()) {
            return Ok(None);
        }
        let lens = self.lens().await?;
        let changes = self.look_through(&lens).await?;
        let (tree, missed) = self.write_tree(&lens, &changes).await?;
        if let Some(missed) = missed {
            return Err(missed);
        }
        if tree == self.tree_of(head).await? {
            return Ok(None);
        }
        let message = format!("What was not committed in workstream {}", self.plan.workstream);
        self.commit_by_us(&tree, &[head.as_str()], &message).await.map(Some)
    }

    /// Keeps what is carried over from being collected, where it still is.
    pub(super) async fn pin_carried(&self) -> Result<(), GitError> {
        let Some(carried) = &self.plan.beginning.carried else { return Ok(()) };
        let call = self.on_repo().args(["cat-file", "-e", &format!("{carried}^{{commit}}")]);
        // Once the worktree was made it has served, and may be gone.
        if call.finish("look up what is carried over").await?.is_success {
            self.set_ref(&self.carried_ref(), carried.as_str()).await?;
        }
        Ok(())
    }

    /// Puts what is carried over into the worktree, as files that are not committed.
    pub(super) async fn put_carried(&self) -> Result<(), GitError> {
        match &self.plan.beginning.carried {
            Some(carried) => self.put_files(carried).await,
            None => Ok(()),
        }
    }
}
