//! What is in the trash, and how something goes from there for good: first under another name, so that nobody brings it
//! back halfway; then what keeps its commits; then its files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ccells_core::ids::{PathText, RepoId, WorkstreamId};
use ccells_core::naming;
use ccells_core::ports::{Beginning, GitError, WorktreePlan};
use ccells_core::record::{self, Facts, FactsRecord, RemovedRecord};
use ccells_core::time::Wall;
use serde::de::DeserializeOwned;

use super::command::failed;
use super::repo::list_refs;
use super::trash::{REMOVED, WORKTREE, kept_refs};
use super::{RealGit, Workplace, blocking, disk, private_dir};

/// What a directory that is being deleted is called.
const PRUNED: &str = ".pruned";

/// One thing in the trash.
#[derive(Clone, Debug)]
pub struct Trashed {
    /// Where it is.
    pub place: PathBuf,
    /// The workstream it was.
    pub id: WorkstreamId,
    /// All that was fixed about it, where that can be read.
    pub facts: Option<Facts>,
    /// How it was removed, where that can be read.
    pub removed: Option<RemovedRecord>,
    /// Why it cannot be told what it is.
    pub doubt: Option<String>,
}

impl Trashed {
    /// The name of its directory.
    pub fn name(&self) -> String {
        self.place.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// When it was removed, where that is known.
    pub fn removed_at(&self) -> Option<Wall> {
        self.removed.as_ref().map(|removed| removed.removed_at)
    }

    /// Whether it was a workstream of this repository.
    pub fn is_of(&self, repo: &RepoId, git_dir: &PathText) -> bool {
        match (&self.facts, &self.removed) {
            (Some(facts), _) => facts.repo_id == *repo,
            (None, Some(removed)) => removed.git_dir == *git_dir,
            (None, None) => false,
        }
    }

    /// What there is of it, in words.
    pub fn holds(&self) -> Vec<&'static str> {
        let has_commits = |base: &str| private_dir::has_commits(&self.place.join("git"), base);
        let base = self.facts.as_ref().and_then(|facts| facts.base.as_ref());
        let is_snapshot = self.removed.as_ref().is_some_and(|removed| removed.snapshot.is_some());
        let home = self.place.join("home");
        let parts = [
            ("worktree", disk::exists(&self.place.join(WORKTREE))),
            ("snapshot", is_snapshot),
            // What cannot be read may be commits.
            ("commits", base.is_some_and(|base| has_commits(base.as_str()).unwrap_or(true))),
            ("agent's files", disk::is_directory(&home) && disk::has_entries(&home)),
        ];
        parts.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }

    fn read(place: PathBuf, id: WorkstreamId) -> Self {
        let facts: Result<Option<FactsRecord>, String> = read(&place.join("workstream.json"));
        let removed: Result<Option<RemovedRecord>, String> = read(&place.join(REMOVED));
        let doubt = match (&facts, &removed) {
            (Err(why), _) | (_, Err(why)) => Some(why.clone()),
            (Ok(None), Ok(None)) => Some("nothing in it says what it was".to_owned()),
            (Ok(_), Ok(_)) => None,
        };
        let facts = facts.ok().flatten().map(|record| record.facts);
        Self { place, id, facts, removed: removed.ok().flatten(), doubt }
    }

    /// Where its references are; `None` when it never had any.
    fn plan(&self) -> Result<Option<WorktreePlan>, GitError> {
        if let Some(facts) = &self.facts {
            return Ok(facts.plan());
        }
        let removed = self.removed.as_ref();
        let plan = removed.and_then(|removed| {
            Some(WorktreePlan {
                workstream: self.id.clone(),
                repo: removed.repo_path.clone(),
                git_dir: removed.git_dir.clone(),
                worktree: PathText::from(""),
                home: PathText::from(""),
                branch: removed.branch.clone(),
                base: removed.branch_tip.clone()?,
                owner: (0, 0),
                beginning: Beginning::default(),
            })
        });
        let shown = naming::sanitise(&self.place.to_string_lossy());
        plan.map(Some).ok_or_else(|| failed(format!("nothing in {shown} says what keeps its commits")))
    }
}

/// All that is in `trash`, by name. What is called otherwise than a workstream is nobody's of ours.
pub fn list_trash(trash: &Path) -> io::Result<Vec<Trashed>> {
    let mut found = BTreeMap::new();
    for name in names(trash)? {
        // What was removed twice has a number behind it.
        if let Ok(id) = WorkstreamId::parse(name.split('-').next().unwrap_or_default()) {
            found.insert(name.clone(), Trashed::read(trash.join(&name), id));
        }
    }
    Ok(found.into_values().collect())
}

impl RealGit {
    /// Takes something out of the trash for good, unless it `is_wanted`: that is asked once more when nobody else can get
    /// at it, for it may have changed a moment ago.
    pub async fn take_out(
        &self,
        trashed: &Trashed,
        is_wanted: impl Fn() -> bool + Send + 'static,
    ) -> Result<(), GitError> {
        // What cannot be forgotten in the repository is not deleted either.
        trashed.plan()?;
        let name = format!(".{}{PRUNED}", trashed.name());
        let (from, to) = (trashed.place.clone(), trashed.place.with_file_name(name));
        let target = to.clone();
        blocking(move || {
            let is_moved = move_unless(&from, &to, is_wanted);
            let is_moved =
                is_moved.map_err(|error| Workplace::disk_error("take it out of the trash", &from, &error));
            let what = "something is being done with it just now; try again when that is over".to_owned();
            if is_moved? { Ok(()) } else { Err(GitError::Busy { what }) }
        })
        .await?;
        self.finish(&Trashed { place: target, ..trashed.clone() }).await
    }

    /// Finishes what an interrupted [`RealGit::take_out`] of this repository left in `trash`.
    pub async fn finish_taking_out(
        &self,
        trash: &Path,
        repo: &RepoId,
        git_dir: &PathText,
    ) -> Result<(), GitError> {
        let listed = names(trash).map_err(|error| Workplace::disk_error("list the trash", trash, &error))?;
        for name in listed {
            let inner = name.strip_prefix('.').and_then(|name| name.strip_suffix(PRUNED));
            let id = inner.and_then(|inner| inner.split('-').next());
            let Some(Ok(id)) = id.map(WorkstreamId::parse) else { continue };
            let left = Trashed::read(trash.join(&name), id);
            // Without a record its files were being deleted, and that begins when nothing else is left to do.
            let is_nameless = left.facts.is_none() && left.removed.is_none();
            if is_nameless || left.is_of(repo, git_dir) {
                self.finish(&left).await?;
            }
        }
        Ok(())
    }

    /// Lets go what keeps its commits, unless something else in the trash needs it, and deletes its files.
    async fn finish(&self, trashed: &Trashed) -> Result<(), GitError> {
        let trash = trashed.place.parent().unwrap_or(Path::new("/")).to_owned();
        let listed = list_trash(&trash);
        let listed = listed.map_err(|error| Workplace::disk_error("list the trash", &trash, &error))?;
        let is_shared = listed.iter().any(|other| other.id == trashed.id);
        let is_deleted_already = trashed.facts.is_none() && trashed.removed.is_none();
        if !is_shared
            && !is_deleted_already
            && let Some(plan) = trashed.plan()?
        {
            self.run(&plan, |place| async move { place.forget_trash().await }).await?;
        }
        let place = trashed.place.clone();
        blocking(move || {
            let deleted = disk::remove_tree(&place).and_then(|()| disk::sync_directory(&trash));
            deleted.map_err(|error| Workplace::disk_error("delete what was in the trash", &place, &error))
        })
        .await
    }
}

impl Workplace {
    /// Takes away every reference that stands for the trash alone, each as it was found.
    async fn forget_trash(&self) -> Result<(), GitError> {
        let mut names = kept_refs(self.plan.workstream.as_str()).to_vec();
        // One that was brought back goes on with what was fetched of it.
        let base = self.base_ref();
        if list_refs(|| self.on_repo(), &[&base]).await?.is_empty() {
            let notes = list_refs(|| self.on_repo(), &[&self.pushed_refs()]).await?;
            names.extend(notes.into_iter().map(|found| found.name));
            names.extend([self.head_ref(), self.was_ref(), self.carried_ref(), self.onto_ref()]);
            let former = list_refs(|| self.on_repo(), &[&self.former_refs()]).await?;
            names.extend(former.into_iter().map(|found| found.name));
        }
        let patterns: Vec<&str> = names.iter().map(String::as_str).collect();
        for found in list_refs(|| self.on_repo(), &patterns).await? {
            if names.contains(&found.name) {
                self.drop_ref(&found.name, &found.object).await?;
            }
        }
        Ok(())
    }
}

/// Gives a directory another name unless it `is_wanted`; whether it has that name now.
fn move_unless(from: &Path, to: &Path, is_wanted: impl Fn() -> bool) -> io::Result<bool> {
    if is_wanted() {
        return Ok(false);
    }
    disk::remove_tree(to)?;
    fs::rename(from, to)?;
    let is_moved = !is_wanted();
    if !is_moved {
        fs::rename(to, from)?;
    }
    disk::sync_directory(to.parent().unwrap_or(Path::new("/")))?;
    Ok(is_moved)
}

/// The names in a directory, sorted; none where there is no directory.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort();
    Ok(names)
}

/// A record, `None` where there is none, or why it cannot be read.
fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, String> {
    if !disk::exists(file) {
        return Ok(None);
    }
    let shown = naming::sanitise(&file.to_string_lossy());
    let bytes = disk::read_small(file, ccells_core::limits::RECORD_BYTES);
    let bytes = bytes.ok_or_else(|| format!("{shown} cannot be read"))?;
    record::parse(&bytes).map(Some).map_err(|flaw| format!("{shown}: {flaw}"))
}
