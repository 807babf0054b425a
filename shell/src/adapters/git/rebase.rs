//! The host's part of a rebase, which the agent's own git does where the agent works: what the commits are to stand on, and
//! what a workstream begins with once they do.

use std::fs;
use std::path::Path;

use ccells_core::ids::Commit;
use ccells_core::naming;
use ccells_core::ports::{BaseMove, GitError};
use ccells_core::record::{self, FactsRecord};

use super::command::Call;
use super::merge::{is_ancestor, refused, short};
use super::repo::commit_of;
use super::work::parse;
use super::{Workplace, blocking, disk};

impl Workplace {
    /// The commit that the workstream's commits are to stand on, kept from being collected.
    pub(super) async fn aim_rebase(&self, onto: Option<&str>) -> Result<BaseMove, GitError> {
        self.check_plan()?;
        let (target, to) = if let Some(name) = onto {
            let found = commit_of(&self.git, Path::new(self.plan.repo.as_str()), name).await?;
            let reference = naming::sanitise(name);
            (short(&reference), found.ok_or(GitError::NoSuchRef { reference })?)
        } else {
            let found = self.target(None).await?;
            (short(&found.name), parse(&found.object)?)
        };
        let from = self.plan.base.clone();
        if from != to {
            // The agent borrows it from now on, and the branch that has it may go.
            self.set_ref(&self.onto_ref(), to.as_str()).await?;
        }
        Ok(BaseMove { target, from, to })
    }

    /// Has the workstream begin with another commit. Its record comes last: what it says is so.
    pub(super) async fn move_base(&self, it: &BaseMove) -> Result<(), GitError> {
        self.check_plan()?;
        self.clear_locks().await?;
        let call = self.on_repo().args(["cat-file", "-e", &format!("{}^{{commit}}", it.to)]);
        if !call.finish("look up the new base").await?.is_success {
            return Err(refused("the new base is not in the repository any more; rebase again"));
        }
        if !is_ancestor(self.on_repo(), &it.from, &it.to).await? {
            // What the agent's git remembers of its commits stands on this one.
            self.set_ref(&self.former_ref(&it.from), it.from.as_str()).await?;
        }
        self.set_ref(&self.base_ref(), it.to.as_str()).await?;
        self.move_own_branch(it).await?;
        let place = self.at_base(&it.to);
        place.refit_index().await?;
        place.refit_lens().await?;
        self.write_base(&it.to).await?;
        self.drop_ref(&self.onto_ref(), it.to.as_str()).await
    }

    /// The same place, with another base.
    fn at_base(&self, base: &Commit) -> Self {
        let mut place = self.clone();
        place.plan.base = base.clone();
        place
    }

    /// Moves the workstream's own branch along, where nobody has moved it from the base.
    async fn move_own_branch(&self, it: &BaseMove) -> Result<(), GitError> {
        let is_at_base = |object: &str, target: &str| object == it.from.as_str() && target.is_empty();
        match self.branch().await? {
            Some(branch) if is_at_base(&branch.object, &branch.target) => {
                self.set_ref(&branch.name, it.to.as_str()).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Has the index of the worktree, as the user's repository has it, be the base.
    async fn refit_index(&self) -> Result<(), GitError> {
        let index = self.admin_dir().join("index");
        if !index.is_file() {
            return Ok(());
        }
        let call = self.on_repo().env("GIT_INDEX_FILE", &index);
        read_base(call, &self.plan.base).await
    }

    /// Has the lens look from the base. While it does not say from where it looks, another is made each time.
    async fn refit_lens(&self) -> Result<(), GitError> {
        let Some(lens) = self.own_lens() else { return Ok(()) };
        let (head, lock) = (lens.git_dir().join("HEAD"), lens.git_dir().join("index.lock"));
        let blind = head.clone();
        blocking(move || {
            let gone = disk::remove_tree(&blind).and_then(|()| disk::remove_tree(&lock));
            let synced = gone.and_then(|()| blind.parent().map_or(Ok(()), disk::sync_directory));
            synced.map_err(|error| Self::disk_error("set a lens aside", &blind, &error))
        })
        .await?;
        let text = format!("{}\n", self.plan.base);
        // Without a HEAD the lens is no git directory, so the index is made through the repository.
        read_base(self.on_repo().env("GIT_INDEX_FILE", lens.index()), &self.plan.base).await?;
        blocking(move || {
            let written = disk::replace(&head, text.as_bytes(), 0o644);
            written.map_err(|error| Self::disk_error("make a lens", &head, &error))
        })
        .await
    }

    /// Writes the base into the workstream's own record.
    async fn write_base(&self, base: &Commit) -> Result<(), GitError> {
        let Some(mut record) = self.record_in_home::<FactsRecord>("workstream.json").await? else {
            return Ok(());
        };
        if record.facts.base.as_ref() == Some(base) {
            return Ok(());
        }
        record.facts.base = Some(base.clone());
        let file = self.home().join("workstream.json");
        blocking(move || {
            let written = disk::replace(&file, &record::print(&record), 0o600);
            written.map_err(|error| Self::disk_error("write down what it begins with", &file, &error))
        })
        .await
    }

    /// Whether `head` stands on the base and `before`, which was fetched earlier, does not: then a rebase of ours lies
    /// between them, for nothing else moves the base.
    pub(super) async fn is_rebased(
        &self,
        look: impl Fn() -> Call,
        before: &Commit,
        head: &Commit,
    ) -> Result<bool, GitError> {
        let base = &self.plan.base;
        Ok(is_ancestor(look(), base, head).await? && !is_ancestor(look(), base, before).await?)
    }

    /// The locks of the references that only a rebase has.
    pub(super) fn rebase_locks(&self) -> Vec<std::path::PathBuf> {
        let mut locks = vec![self.git_dir().join(format!("{}.lock", self.onto_ref()))];
        let former = fs::read_dir(self.git_dir().join(self.former_refs())).into_iter().flatten().flatten();
        let is_lock = |file: &std::path::PathBuf| file.extension().is_some_and(|it| it == "lock");
        locks.extend(former.map(|entry| entry.path()).filter(is_lock));
        locks
    }
}

/// Has the index of a call be the base, whatever the files are; what it knows of those that stay the same it goes on
/// knowing.
async fn read_base(call: Call, base: &Commit) -> Result<(), GitError> {
    call.args(["read-tree", "-i", "-m", base.as_str()]).succeed("read the new base").await.map(drop)
}
