//! Bringing back a workstream that was removed: worktree, branch and what git knows of them first, and at last, in one
//! rename, its own directory from the trash. Until then all that is left of it in the trash is still there, or where it
//! belongs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::{GitError, WorktreePlan};
use ccells_core::record::{self, FactsRecord, RemovedRecord};

use super::command::failed;
use super::repo::list_refs;
use super::trash::{REGISTRATION, REMOVED, WORKTREE, read_record};
use super::worktree::{forget, sync_parent};
use super::{Workplace, blocking, disk};

/// What is fixed about a workstream, in its own directory.
const FACTS: &str = "workstream.json";

impl Workplace {
    /// Brings back what was removed; on which branch.
    pub(super) async fn restore_work(&self) -> Result<String, GitError> {
        self.check_plan()?;
        if !self.home().join(FACTS).is_file() {
            let place = self.clone();
            let trashed = blocking(move || place.find_in_trash()).await?;
            self.pin_base().await?;
            self.restore_from(&trashed).await?;
        }
        self.clear_trash().await?;
        let file = self.home().join(FACTS);
        let facts = blocking(move || read_facts(&file)).await?;
        Ok(facts.facts.branch)
    }

    /// The newest directory of this workstream in the trash.
    fn find_in_trash(&self) -> Result<PathBuf, GitError> {
        let id = self.plan.workstream.as_str();
        newest(&self.trash(), id).filter(|place| place.join(FACTS).is_file()).ok_or_else(|| {
            failed(format!("nothing of workstream {id} is in the trash; `ccells trash` shows what is"))
        })
    }

    async fn restore_from(&self, trashed: &Path) -> Result<(), GitError> {
        let (facts, note) = (trashed.join(FACTS), trashed.join(REMOVED));
        let (facts, removed): (FactsRecord, Option<RemovedRecord>) =
            blocking(move || Ok((read_facts(&facts)?, read_record(&note)))).await?;
        let branch = self.restore_branch_of(trashed, facts, removed.as_ref()).await?;
        let plan = WorktreePlan { branch, ..self.plan.clone() };
        let place = Self { plan, ..self.clone() };
        let kept = newest(trashed, WORKTREE);
        match &kept {
            Some(kept) => place.move_back(kept).await?,
            None => place.make_from_snapshot(removed.and_then(|removed| removed.snapshot)).await?,
        }
        let trashed = trashed.to_owned();
        blocking(move || {
            let brought = place.register(&trashed).and_then(|()| place.commit_restore(&trashed));
            brought.map_err(|error| Self::disk_error("bring the workstream back", place.home(), &error))
        })
        .await
    }

    /// Makes its branch again where it stood. Where the name is another's by now, or the branch has moved, it gets a new
    /// name, which is written down before anything has it.
    async fn restore_branch_of(
        &self,
        trashed: &Path,
        mut facts: FactsRecord,
        removed: Option<&RemovedRecord>,
    ) -> Result<String, GitError> {
        let tip = removed.and_then(|removed| removed.branch_tip.as_ref()).unwrap_or(&self.plan.base);
        let wish = facts.facts.branch.clone();
        let later = (2..limits::NAME_TRIES).map(|number| format!("{wish}-{number}"));
        for name in std::iter::once(wish.clone()).chain(later) {
            if naming::validate_branch(&name).is_err() || !self.is_to_be_had(&name, tip).await? {
                continue;
            }
            if name != wish {
                facts.facts.branch.clone_from(&name);
                // The branch of this name is ours, whosever the other one was.
                facts.facts.beginning.branch_was = None;
                let (file, bytes) = (trashed.join(FACTS), record::print(&facts));
                blocking(move || {
                    let written = disk::replace(&file, &bytes, 0o600);
                    written.map_err(|error| Self::disk_error("write down its new branch", &file, &error))
                })
                .await?;
            }
            self.make_branch(&name, tip).await?;
            return Ok(name);
        }
        Err(GitError::BranchExists { branch: wish })
    }

    /// Whether a branch of this name can be ours: nobody has it and nothing stands in its way, or it stands where ours
    /// stood and is not checked out elsewhere.
    async fn is_to_be_had(&self, name: &str, tip: &Commit) -> Result<bool, GitError> {
        let full = format!("refs/heads/{name}");
        let parents = full.match_indices('/').skip(2).map(|(at, _)| full[..at].to_owned());
        let parents: Vec<String> = parents.collect();
        let patterns: Vec<&str> = parents.iter().map(String::as_str).chain([full.as_str()]).collect();
        let own = self.plan.worktree.as_str();
        let is_ours = |found: &super::Reference| {
            let is_elsewhere = !found.worktree.is_empty() && found.worktree != own;
            found.name == full && found.object == tip.as_str() && found.target.is_empty() && !is_elsewhere
        };
        let below = format!("{full}/");
        let found = list_refs(|| self.on_repo(), &patterns).await?;
        let in_the_way = |found: &&super::Reference| {
            found.name == full || found.name.starts_with(&below) || parents.contains(&found.name)
        };
        Ok(found.iter().filter(in_the_way).all(is_ours))
    }

    /// Makes the branch unless it is there; never moves one.
    async fn make_branch(&self, name: &str, tip: &Commit) -> Result<(), GitError> {
        let full = format!("refs/heads/{name}");
        let found = list_refs(|| self.on_repo(), &[&full]).await?;
        if found.iter().any(|found| found.name == full) {
            return Ok(());
        }
        let aim = format!("make branch {name} again");
        // An old value that is empty: it must not be there.
        let call = || self.on_repo().args(["update-ref", "--no-deref", &full, tip.as_str(), ""]);
        let answer = self.past_locks(&aim, call).await?;
        if !answer.is_success {
            return Err(answer.error(&aim));
        }
        self.sync_ref(&full);
        Ok(())
    }

    /// Moves the worktree from the trash to its place.
    async fn move_back(&self, kept: &Path) -> Result<(), GitError> {
        let (worktree, kept) = (self.worktree().to_owned(), kept.to_owned());
        if disk::exists(&worktree) {
            let shown = naming::sanitise(self.plan.worktree.as_str());
            let what = format!("{shown} is in the way and may hold work; move it away, then try again");
            return Err(GitError::WouldLose { what });
        }
        blocking(move || {
            let moved = worktree.parent().map_or(Ok(()), disk::make_directories);
            let moved = moved.and_then(|()| disk::move_directory(&kept, &worktree));
            let moved = moved.and_then(|()| sync_parent(&worktree)).and_then(|()| sync_parent(&kept));
            moved.map_err(|error| Self::disk_error("move the worktree back", &worktree, &error))
        })
        .await
    }

    /// Makes the worktree anew and puts into it what was kept as a commit: it could not be moved into the trash, or it was
    /// moved back already.
    async fn make_from_snapshot(&self, snapshot: Option<Commit>) -> Result<(), GitError> {
        if disk::exists(self.worktree()) && !disk::exists(&self.adding_mark()) {
            return Ok(());
        }
        self.clear_locks().await?;
        self.discard().await?;
        self.mark_adding().await?;
        let answer = self.start_worktree(false).await?;
        if !answer.is_success {
            return Err(answer.error("make the worktree"));
        }
        if let Some(snapshot) = snapshot {
            self.put_files(&snapshot).await?;
        }
        let (mark, worktree) = (self.adding_mark(), self.worktree().to_owned());
        blocking(move || {
            let settled = disk::sync_file_system(&worktree).and_then(|()| forget(&mark));
            settled.map_err(|error| Self::disk_error("finish the worktree", &worktree, &error))
        })
        .await
    }

    /// Puts the files of a commit into the worktree, where those of the base are; what git knows of it stays at the base.
    pub(super) async fn put_files(&self, snapshot: &Commit) -> Result<(), GitError> {
        let lens = self.lens().await?;
        let room = self.snapshot_room(&lens).await?;
        let call = self.through(&lens).env("GIT_INDEX_FILE", room.path().join("index"));
        let call = call.args(["read-tree", "--reset", "-u", snapshot.as_str()]);
        call.succeed("put the kept files back").await.map(|_| ())
    }

    /// Has git know the worktree again, on its branch, with the index it had.
    fn register(&self, trashed: &Path) -> io::Result<()> {
        let admin = self.admin_dir();
        if disk::exists(&admin) {
            return Ok(());
        }
        let new = self.git_dir().join(format!("ccells-{}.new", self.plan.workstream));
        disk::remove_tree(&new)?;
        match newest(trashed, REGISTRATION) {
            Some(kept) => disk::copy_tree(&kept, &new)?,
            None => disk::make_directories(&new)?,
        }
        if !new.join("index").is_file() {
            disk::copy_with_times(&trashed.join("lens/index"), &new.join("index"))?;
        }
        let dotgit = self.worktree().join(".git");
        for (name, text) in [
            ("HEAD", format!("ref: {}\n", self.branch_ref())),
            ("gitdir", format!("{}\n", dotgit.display())),
            ("commondir", "../..\n".to_owned()),
        ] {
            disk::remove_tree(&new.join(name))?;
            disk::write_new(&new.join(name), text.as_bytes(), 0o644)?;
        }
        if !disk::exists(&dotgit) {
            disk::write_new(&dotgit, format!("gitdir: {}\n", admin.display()).as_bytes(), 0o644)?;
        }
        disk::sync_tree(&new)?;
        admin.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::rename(&new, &admin)?;
        sync_parent(&admin)
    }

    /// The step that counts: from now on it is a workstream again.
    fn commit_restore(&self, trashed: &Path) -> io::Result<()> {
        fs::rename(trashed, self.home())?;
        sync_parent(self.home())?;
        sync_parent(trashed)
    }

    /// Takes away what its directory and its references said for the trash alone. What was kept as a commit stays.
    async fn clear_trash(&self) -> Result<(), GitError> {
        let names = ["trash-base", "trash-tip"].map(|room| self.kept_ref(room));
        let patterns: Vec<&str> = names.iter().map(String::as_str).collect();
        for found in list_refs(|| self.on_repo(), &patterns).await? {
            if names.contains(&found.name) {
                self.drop_ref(&found.name, &found.object).await?;
            }
        }
        let home = self.home().to_owned();
        blocking(move || {
            let cleared = clear_notes(&home);
            cleared.map_err(|error| Self::disk_error("clear what was for the trash", &home, &error))
        })
        .await
    }
}

/// Takes away what is in a home only while it is in the trash.
fn clear_notes(home: &Path) -> io::Result<()> {
    forget(&home.join(REMOVED))?;
    while let Some(kept) = newest(home, REGISTRATION) {
        disk::remove_tree(&kept)?;
    }
    disk::sync_directory(home)
}

/// The last of `name`, `name-2`, `name-3` and so on that is in `directory`.
fn newest(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let number = |entry: &fs::DirEntry| {
        let found = entry.file_name().into_string().ok()?;
        let rest = found.strip_prefix(name)?;
        if rest.is_empty() { Some(1) } else { rest.strip_prefix('-')?.parse::<u32>().ok() }
    };
    let found = entries.filter_map(|entry| Some((number(&entry)?, entry.path())));
    found.max_by_key(|(number, _)| *number).map(|(_, path)| path)
}

fn read_facts(file: &Path) -> Result<FactsRecord, GitError> {
    let shown = naming::sanitise(&file.to_string_lossy());
    read_record(file).ok_or_else(|| failed(format!("{shown} cannot be read, so nobody knows what it was")))
}
