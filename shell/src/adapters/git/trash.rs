//! What a removal does with a workstream's files: nothing is deleted. The worktree, and what git knows of it, move into
//! the workstream's own directory; that directory says how it was taken away, and moves to the trash as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::limits;
use ccells_core::ports::{Clock as _, GitError};
use ccells_core::record::{self, FactsRecord, RemovedRecord, VERSION};
use serde_json::Map;

use super::repo::{Reference, list_refs};
use super::worktree::{discard_files, drop_registration, forget, sync_parent};
use super::{Workplace, blocking, disk};
use crate::adapters::clock::RealClock;

/// The worktree in the directory of a workstream that was removed.
pub(super) const WORKTREE: &str = "worktree";
/// What git knew of that worktree.
pub(super) const REGISTRATION: &str = "registration";
/// The room for what a branch was before it began anew.
pub(super) const BRANCH_WAS: &str = "trash-branch";
/// How it was removed.
pub(super) const REMOVED: &str = "removed.json";

/// The references that keep something of the workstream `id` for the trash: the files of its worktree, its base, where
/// its branch stood, what was checked out in its worktree where that was no branch, and what its branch was before it began
/// anew.
pub(super) fn kept_refs(id: &str) -> [String; 5] {
    ["trash", "trash-base", "trash-tip", "trash-head", BRANCH_WAS]
        .map(|room| format!("refs/ccells/{room}/{id}"))
}

impl Workplace {
    /// Moves the worktree into the workstream's own directory, with what git knows of it. Where nobody can have worked
    /// in it yet it is discarded.
    pub(super) async fn put_away(&self) -> Result<(), GitError> {
        if disk::exists(&self.adding_mark()) {
            return self.discard().await;
        }
        self.keep_head().await?;
        let place = self.clone();
        blocking(move || {
            let moved = place.move_into_home();
            moved.map_err(|error| Self::disk_error("put the worktree away", place.worktree(), &error))
        })
        .await
    }

    /// Writes down where the branch stands before it goes, or that it stays. What an earlier try wrote is right when the
    /// branch has gone since.
    pub(super) async fn note_removal(
        &self,
        branch: Option<&Reference>,
        is_branch_removed: bool,
    ) -> Result<(), GitError> {
        if !disk::exists(self.home()) {
            return Ok(());
        }
        let earlier = self.removed().await?;
        if branch.is_none() && earlier.is_some() {
            return Ok(());
        }
        let tip = branch.and_then(|branch| Commit::parse(&branch.object).ok());
        if let Some(tip) = tip.as_ref().filter(|tip| **tip != self.plan.base) {
            self.set_ref(&self.kept_ref("trash-tip"), tip.as_str()).await?;
        }
        let record = RemovedRecord {
            version: VERSION,
            removed_at: earlier.map_or_else(|| RealClock::new().now().wall, |earlier| earlier.removed_at),
            workstream: self.plan.workstream.clone(),
            name: self.name().await?,
            repo_path: self.plan.repo.clone(),
            git_dir: self.plan.git_dir.clone(),
            branch: self.plan.branch.clone(),
            branch_tip: tip,
            is_branch_removed,
            snapshot: self.snapshot().await?,
            extra: Map::new(),
        };
        let file = self.home().join(REMOVED);
        blocking(move || {
            let written = disk::replace(&file, &record::print(&record), 0o600);
            written.map_err(|error| Self::disk_error("write down how it is removed", &file, &error))
        })
        .await
    }

    /// Moves the workstream's own directory to `trash/<id>`. What is in it borrows the repository's objects, so the base
    /// goes on being kept, at `refs/ccells/trash-base/<id>`.
    pub(super) async fn retire_home(&self) -> Result<(), GitError> {
        self.check_plan()?;
        if self.removed().await?.is_none() {
            let branch = self.branch().await?;
            self.note_removal(branch.as_ref(), branch.is_none()).await?;
        }
        let place = self.clone();
        let is_in_trash = blocking(move || {
            let aim = "move the workstream's directory away";
            place.move_to_trash().map_err(|error| Self::disk_error(aim, place.home(), &error))
        })
        .await?;
        let carried = self.carried_ref();
        if let Some(carried) = self.reference(&carried).await? {
            self.drop_ref(&carried.name, &carried.object).await?;
        }
        let name = self.base_ref();
        let found = list_refs(|| self.on_repo(), &[&name]).await?;
        let Some(base) = found.into_iter().find(|found| found.name == name) else { return Ok(()) };
        if is_in_trash {
            self.set_ref(&self.kept_ref("trash-base"), &base.object).await?;
        }
        self.drop_ref(&base.name, &base.object).await
    }

    /// Keeps a commit that is checked out in the worktree without a branch: only the registration names it.
    async fn keep_head(&self) -> Result<(), GitError> {
        let head = disk::read_text(&self.admin_dir().join("HEAD")).unwrap_or_default();
        let Ok(head) = Commit::parse(head.trim_end()) else { return Ok(()) };
        let call = self.on_repo().args(["cat-file", "-e", &format!("{head}^{{commit}}")]);
        let is_there = call.finish("look up what is checked out in the worktree").await?.is_success;
        if head == self.plan.base || !is_there {
            return Ok(());
        }
        self.set_ref(&self.kept_ref("trash-head"), head.as_str()).await
    }

    /// What was kept of the worktree's files as a commit.
    async fn snapshot(&self) -> Result<Option<Commit>, GitError> {
        let name = self.kept_ref("trash");
        let found = list_refs(|| self.on_repo(), &[&name]).await?;
        Ok(found.into_iter().find(|found| found.name == name).and_then(|it| Commit::parse(&it.object).ok()))
    }

    /// What an earlier try of the removal wrote down.
    async fn removed(&self) -> Result<Option<RemovedRecord>, GitError> {
        self.record_in_home(REMOVED).await
    }

    /// The workstream's name for people, as its own directory says it.
    async fn name(&self) -> Result<Option<String>, GitError> {
        let facts: Option<FactsRecord> = self.record_in_home("workstream.json").await?;
        Ok(facts.map(|record| record.facts.name))
    }

    /// A record in the workstream's own directory, if it is there and can be read.
    pub(super) async fn record_in_home<T: serde::de::DeserializeOwned + Send + 'static>(
        &self,
        name: &str,
    ) -> Result<Option<T>, GitError> {
        let file = self.home().join(name);
        blocking(move || Ok(read_record(&file))).await
    }

    /// The steps of [`Workplace::put_away`], on the file system alone. Each is one rename: whatever is killed between two
    /// of them, the worktree is whole in the one place or in the other.
    fn move_into_home(&self) -> io::Result<()> {
        let (worktree, home) = (self.worktree(), self.home());
        let gone = self.gone_place();
        disk::remove_tree(&gone)?;
        if disk::exists(worktree) {
            disk::make_directories(home)?;
            // Nobody has synced what the agent wrote: it must outlive a power cut where it goes.
            disk::sync_file_system(worktree.parent().unwrap_or(home))?;
            match disk::move_directory(worktree, &free(home, WORKTREE)) {
                // On two file systems there is no rename: what was kept as a commit is the copy.
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    discard_files(worktree, &gone)?;
                }
                other => other?,
            }
            disk::sync_directory(home)?;
            sync_parent(home)?;
            sync_parent(worktree)?;
        }
        if disk::exists(&self.admin_dir()) && disk::exists(home) {
            keep_registration(&self.admin_dir(), home)?;
        }
        drop_registration(&self.admin_dir())?;
        forget(&self.adding_mark())
    }

    /// Where directories of workstreams go.
    pub(super) fn trash(&self) -> PathBuf {
        let rooms = self.home().parent().unwrap_or(Path::new("/"));
        rooms.parent().unwrap_or(Path::new("/")).join("trash")
    }

    /// Moves the directory; whether anything of the workstream is in the trash.
    fn move_to_trash(&self) -> io::Result<bool> {
        let rooms = self.home().parent().unwrap_or(Path::new("/"));
        let trash = self.trash();
        let id = self.plan.workstream.as_str();
        disk::remove_tree(&rooms.join(format!(".{id}.new")))?;
        if disk::exists(self.home()) {
            disk::make_directories(&trash)?;
            fs::rename(self.home(), free(&trash, id))?;
            disk::sync_directory(&trash)?;
            disk::sync_directory(rooms)?;
        }
        Ok(disk::exists(&trash.join(id)))
    }
}

/// Moves what git knows of a worktree into `home`; the repository may be on another file system.
fn keep_registration(admin: &Path, home: &Path) -> io::Result<()> {
    let place = free(home, REGISTRATION);
    match fs::rename(admin, &place) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let new = home.join(format!(".{REGISTRATION}.new"));
            disk::remove_tree(&new)?;
            disk::copy_tree(admin, &new)?;
            disk::sync_tree(&new)?;
            fs::rename(&new, &place)?;
        }
        other => other?,
    }
    disk::sync_directory(home)
}

/// `name` in `directory`, or the first with a number behind it that is free.
fn free(directory: &Path, name: &str) -> PathBuf {
    let later = (2..).map(|number: u32| directory.join(format!("{name}-{number}")));
    let all = std::iter::once(directory.join(name)).chain(later);
    let mut tried = all.take(limits::NAME_TRIES);
    tried.find(|place| !disk::exists(place)).unwrap_or_else(|| directory.join(name))
}

/// A record of ours, if it is there and can be read.
pub(super) fn read_record<T: serde::de::DeserializeOwned>(file: &Path) -> Option<T> {
    let bytes = disk::read_small(file, limits::RECORD_BYTES)?;
    record::parse(&bytes).ok()
}
