//! Branch and worktree in the user's repository: made and removed so that every half-made state is cleared by doing
//! it again, and nothing that is not ours is ever touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::naming;
use ccells_core::ports::GitError;

use super::repo::{Reference, list_refs};
use super::trash::BRANCH_WAS;
use super::{Workplace, blocking, disk};

/// What git writes into a worktree's `locked` while it makes the worktree.
const INITIALIZING: &str = "initializing";

impl Workplace {
    /// Keeps the base from being collected.
    pub(super) async fn pin_base(&self) -> Result<(), GitError> {
        self.check_plan()?;
        self.set_ref(&self.base_ref(), self.plan.base.as_str()).await?;
        self.pin_carried().await
    }

    /// Makes branch and worktree, first clearing away what an interrupted try left.
    pub(super) async fn add_worktree(&self) -> Result<(), GitError> {
        self.check_plan()?;
        if self.is_complete() {
            if disk::exists(&self.adding_mark()) {
                self.fit_out().await?;
            }
            self.restore_branch().await?;
            return self.settle().await;
        }
        let is_fresh = !disk::exists(&self.admin_dir()) && !disk::exists(self.worktree());
        if is_fresh && self.plan.beginning.branch_was.is_none() {
            self.mark_adding().await?;
            if self.start_worktree(true).await?.is_success {
                self.fit_out().await?;
                return self.settle().await;
            }
        }
        self.clear_interrupted().await?;
        self.begin_anew().await?;
        let is_new = self.free_branch().await?.is_none();
        self.mark_adding().await?;
        let answer = self.start_worktree(is_new).await?;
        if !answer.is_success {
            return Err(answer.error("make the worktree"));
        }
        self.fit_out().await?;
        self.settle().await
    }

    /// Puts into the worktree what is no part of the base. Nobody works in it as long as its note stands.
    async fn fit_out(&self) -> Result<(), GitError> {
        self.put_carried().await?;
        self.include_files().await
    }

    /// Puts the worktree away, and removes the branch unless it is to be kept, has moved, or is checked out elsewhere.
    pub(super) async fn remove_worktree(&self, keep_branch: bool) -> Result<(), GitError> {
        self.check_plan()?;
        if disk::exists(&self.admin_dir()) && !self.is_complete() {
            self.await_own_git().await?;
        }
        self.put_away().await?;
        let branch = self.branch().await?;
        let goes = |branch: &Reference| !keep_branch && branch.worktree.is_empty() && self.is_free(branch);
        let goes = branch.as_ref().filter(|branch| goes(branch));
        let was = self.plan.beginning.branch_was.as_ref();
        self.note_removal(branch.as_ref(), goes.is_some() && was.is_none()).await?;
        match (goes, was) {
            (Some(branch), None) => self.drop_ref(&branch.name, &branch.object).await,
            // What was there before is as it was before.
            (Some(branch), Some(was)) => self.shift_ref(&branch.name, &branch.object, was).await,
            (None, _) => Ok(()),
        }
    }

    /// Has a branch that was there before begin anew at the base. What it was is kept first.
    async fn begin_anew(&self) -> Result<(), GitError> {
        let Some(was) = self.plan.beginning.branch_was.as_ref().filter(|was| **was != self.plan.base) else {
            return Ok(());
        };
        let Some(branch) = self.branch().await? else { return Ok(()) };
        if branch.object != was.as_str() || !branch.target.is_empty() || !branch.worktree.is_empty() {
            return Ok(());
        }
        self.set_ref(&self.kept_ref(BRANCH_WAS), was.as_str()).await?;
        self.shift_ref(&branch.name, &branch.object, &self.plan.base).await
    }

    /// Moves `name` from one commit to another, durably; one that is elsewhere is an error.
    async fn shift_ref(&self, name: &str, from: &str, to: &Commit) -> Result<(), GitError> {
        if from == to.as_str() {
            return Ok(());
        }
        let aim = format!("move {name}");
        let call = || self.on_repo().args(["update-ref", "--no-deref", name, to.as_str(), from]);
        let answer = self.past_locks(&aim, call).await?;
        if !answer.is_success {
            return Err(answer.error(&aim));
        }
        self.sync_ref(name);
        Ok(())
    }

    /// Points `name` at `commit`, durably.
    pub(super) async fn set_ref(&self, name: &str, commit: &str) -> Result<(), GitError> {
        let aim = format!("set {name}");
        let call = || self.on_repo().args(["update-ref", "--no-deref", name, commit]);
        let answer = self.past_locks(&aim, call).await?;
        if !answer.is_success {
            return Err(answer.error(&aim));
        }
        self.sync_ref(name);
        Ok(())
    }

    /// Takes `name` away provided that it points at `commit`; one that is gone or has moved is left as it is.
    pub(super) async fn drop_ref(&self, name: &str, commit: &str) -> Result<(), GitError> {
        let aim = format!("remove {name}");
        let call = || self.on_repo().args(["update-ref", "--no-deref", "-d", name, commit]);
        let answer = self.past_locks(&aim, call).await?;
        if answer.is_success {
            self.sync_ref(name);
            return Ok(());
        }
        let still = list_refs(|| self.on_repo(), &[name]).await?;
        let stands = still.iter().any(|found| found.name == name && found.object == commit);
        if stands { Err(answer.error(&aim)) } else { Ok(()) }
    }

    /// Makes the directories of a loose reference durable. Git has synced the file; where references are kept another
    /// way, git has done all of it.
    pub(super) fn sync_ref(&self, name: &str) {
        let file = self.git_dir().join(name);
        for directory in file.ancestors().skip(1).take_while(|place| *place != self.git_dir()) {
            let _ = disk::sync_directory(directory);
        }
    }

    /// Notes that git makes the worktree. As long as the note stands nobody works in it, and whatever is found there
    /// is a part of the base: git, when it fails, forgets a worktree before it has removed it.
    pub(super) async fn mark_adding(&self) -> Result<(), GitError> {
        let mark = self.adding_mark();
        blocking(move || {
            let made = note(&mark);
            made.map_err(|error| Self::disk_error("note that a worktree is made", &mark, &error))
        })
        .await
    }

    /// The note that stands beside the worktree while it is made.
    pub(super) fn adding_mark(&self) -> PathBuf {
        self.worktree().with_file_name(format!(".{}.adding", self.plan.workstream))
    }

    /// Starts git's own making of the worktree, with a new branch or with the one that is there.
    pub(super) async fn start_worktree(&self, is_new: bool) -> Result<super::command::Answer, GitError> {
        let parent = self.worktree().parent().unwrap_or(Path::new("/"));
        disk::make_directories(parent)
            .map_err(|error| Self::disk_error("make a directory", parent, &error))?;
        let call = self.on_repo().args(["worktree", "add", "--quiet"]);
        let call = if is_new {
            call.args(["--no-track", "-b"])
                .arg(&self.plan.branch)
                .arg(self.worktree())
                .arg(self.plan.base.as_str())
        } else {
            call.arg(self.worktree()).arg(&self.plan.branch)
        };
        call.finish("make the worktree").await
    }

    /// Whether git made the worktree to the end: registered, on our branch, checked out, not locked by its making.
    fn is_complete(&self) -> bool {
        let admin = self.admin_dir();
        let line = |name: &str| disk::read_text(&admin.join(name)).map(|text| text.trim_end().to_owned());
        let dotgit = self.worktree().join(".git");
        line("HEAD") == Some(format!("ref: {}", self.branch_ref()))
            && line("gitdir").is_some_and(|path| Path::new(&path) == dotgit)
            && !self.is_initializing()
            && admin.join("index").is_file()
            && disk::is_directory(self.worktree())
            && disk::exists(&dotgit)
    }

    /// Whether an unfinished `git worktree add` made what is there, so that no work of anybody can be in it.
    fn is_initializing(&self) -> bool {
        disk::read_text(&self.admin_dir().join("locked"))
            .is_some_and(|reason| reason.trim_end() == INITIALIZING)
    }

    /// Clears away what an interrupted try left, provided that no work is in it.
    async fn clear_interrupted(&self) -> Result<(), GitError> {
        self.clear_locks().await?;
        let is_started = disk::is_directory(self.worktree()) && disk::has_entries(self.worktree());
        let is_unfinished = self.is_initializing() || disk::exists(&self.adding_mark());
        if is_started && !is_unfinished {
            self.refuse_to_lose().await?;
        }
        self.discard().await
    }

    /// An error when the directory holds anything but files of the base.
    async fn refuse_to_lose(&self) -> Result<(), GitError> {
        let changes = self.look().await?;
        if changes.has_only_deletions() {
            return Ok(());
        }
        let shown = naming::sanitise(&self.worktree().to_string_lossy());
        Err(GitError::WouldLose {
            what: format!(
                "{shown} is not a worktree git knows, and holds work; move it away, then try again"
            ),
        })
    }

    /// Removes directory and registration. The rename comes first: a crash after it leaves nothing that looks like a
    /// worktree with files missing. Git's own removal is not asked, for it trusts the `.git` in the worktree.
    pub(super) async fn discard(&self) -> Result<(), GitError> {
        let (worktree, gone) = (self.worktree().to_owned(), self.gone_place());
        let (admin, mark, copy) = (self.admin_dir(), self.adding_mark(), self.copying());
        blocking(move || {
            let aim = "remove the worktree";
            let discarded = discard_files(&worktree, &gone).and_then(|()| drop_registration(&admin));
            let discarded = discarded.and_then(|()| disk::remove_tree(&copy)).and_then(|()| forget(&mark));
            discarded.map_err(|error| Self::disk_error(aim, &worktree, &error))
        })
        .await
    }

    /// Where a worktree is while it is deleted.
    pub(super) fn gone_place(&self) -> PathBuf {
        self.worktree().with_file_name(format!(".{}.gone", self.plan.workstream))
    }

    /// Our branch as it stands.
    pub(super) async fn branch(&self) -> Result<Option<Reference>, GitError> {
        let name = self.branch_ref();
        let found = list_refs(|| self.on_repo(), &[&name]).await?;
        Ok(found.into_iter().find(|branch| branch.name == name))
    }

    /// Our branch, provided that it stands where an interrupted try left it; anything else is somebody's work.
    async fn free_branch(&self) -> Result<Option<Reference>, GitError> {
        let Some(branch) = self.branch().await? else { return Ok(None) };
        if self.is_free(&branch) && branch.worktree.is_empty() {
            return Ok(Some(branch));
        }
        Err(GitError::BranchExists { branch: self.plan.branch.clone() })
    }

    /// Whether nobody has moved our branch from where it began.
    fn is_free(&self, branch: &Reference) -> bool {
        branch.object == self.plan.base.as_str() && branch.target.is_empty()
    }

    /// Makes the branch of a complete worktree again when somebody took it away.
    async fn restore_branch(&self) -> Result<(), GitError> {
        match self.branch().await? {
            Some(_) => Ok(()),
            None => self.set_ref(&self.branch_ref(), self.plan.base.as_str()).await,
        }
    }

    /// Whatever has to be true of a worktree besides what git does: whole, its owner's, durable.
    async fn settle(&self) -> Result<(), GitError> {
        self.uncover().await?;
        let place = self.clone();
        let is_given = blocking(move || {
            let aim = "finish the worktree";
            place.own_and_sync().map_err(|error| Self::disk_error(aim, place.worktree(), &error))
        })
        .await?;
        if is_given {
            // A new owner is a new state in the eyes of the index; what really changed stays as it is.
            let call = self.git.on_worktree(&self.admin_dir(), self.worktree()).mark(&self.plan.workstream);
            call.args(["update-index", "-q", "--refresh"]).finish("refresh the worktree's index").await?;
        }
        Ok(())
    }

    /// Git copies the main checkout's own configuration, sparse checkout included; the worktree is a full one.
    async fn uncover(&self) -> Result<(), GitError> {
        let own = self.admin_dir().join("config.worktree");
        if !disk::exists(&own) {
            return Ok(());
        }
        let call = self.on_repo().args(["config", "--file"]).arg(own).args(["core.sparseCheckout", "false"]);
        call.succeed("make the worktree a full one").await.map(|_| ())
    }

    fn own_and_sync(&self) -> io::Result<bool> {
        let is_given = disk::give_to(self.worktree(), self.plan.owner)?;
        let admin = self.admin_dir();
        // Git syncs none of the files it checks out. There may be very many: one call for all.
        disk::sync_file_system(self.worktree())?;
        disk::sync_tree(&admin)?;
        fs::File::open(self.worktree().join(".git")).and_then(|file| file.sync_all())?;
        for directory in
            [Some(self.worktree()), self.worktree().parent(), admin.parent()].into_iter().flatten()
        {
            disk::sync_directory(directory)?;
        }
        forget(&self.adding_mark())?;
        Ok(is_given)
    }
}

/// Deletes a worktree's files, by way of another name.
pub(super) fn discard_files(worktree: &Path, gone: &Path) -> io::Result<()> {
    disk::remove_tree(gone)?;
    if disk::exists(worktree) {
        fs::rename(worktree, gone)?;
        sync_parent(worktree)?;
        disk::remove_tree(gone)?;
    }
    Ok(())
}

/// Makes git forget a worktree.
pub(super) fn drop_registration(admin: &Path) -> io::Result<()> {
    if disk::exists(admin) {
        disk::remove_tree(admin)?;
        sync_parent(admin)?;
    }
    // Git makes this directory with the first worktree and removes it with the last; so do we.
    let _ = admin.parent().map(fs::remove_dir);
    Ok(())
}

/// Leaves an empty file at `mark`, durably; one that is there is fine.
fn note(mark: &Path) -> io::Result<()> {
    mark.parent().map_or(Ok(()), disk::make_directories)?;
    if !disk::exists(mark) {
        disk::write_new(mark, b"", 0o600)?;
    }
    sync_parent(mark)
}

/// Takes the file at `mark` away, durably; one that is gone is fine.
pub(super) fn forget(mark: &Path) -> io::Result<()> {
    if !disk::exists(mark) {
        return Ok(());
    }
    fs::remove_file(mark)?;
    sync_parent(mark)
}

/// Makes the name of `path` durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent: Option<PathBuf> = path.parent().map(Path::to_owned);
    parent.map_or(Ok(()), |parent| disk::sync_directory(&parent))
}
