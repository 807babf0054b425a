//! What of a workstream's work exists nowhere else, and how it is kept before a worktree goes. Nothing the agent wrote
//! is run, and none of its configuration is read.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::limits;
use ccells_core::naming;
use ccells_core::ports::{GitError, WorkReport};

use super::command::{Answer, Call, failed, path_of, records};
use super::diff::all_but_nested;
use super::lens::{Lens, Room};
use super::repo::list_refs;
use super::{Workplace, blocking, disk, private_dir};

/// How the files of a worktree differ from the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files of the base that are other ones now.
    pub modified: Vec<String>,
    /// Files of the base that are missing.
    pub deleted: Vec<String>,
    /// Files the base does not have.
    pub untracked: Vec<String>,
    /// Directories that are repositories of their own.
    pub nested: BTreeSet<PathBuf>,
    /// What could not be looked at, in words.
    pub unknown: Option<String>,
    /// Files of the base that git takes for others only because of the user's filters or line ends.
    untouched: BTreeSet<PathBuf>,
}

impl Changes {
    /// Reads what git prints as `status --porcelain=v1 -z` without renames.
    pub fn parse(status: &[u8]) -> Self {
        Self::parse_but(status, BTreeSet::new())
    }

    /// The same, without the files that are `untouched` for all that git says.
    fn parse_but(status: &[u8], untouched: BTreeSet<PathBuf>) -> Self {
        let mut changes = Self { untouched, ..Self::default() };
        for record in records(status) {
            let path = record.strip_prefix(b" M ").map(path_of);
            if !path.is_some_and(|path| changes.untouched.contains(path)) {
                changes.take(record);
            }
        }
        changes
    }

    /// Whether every difference is a file of the base that is missing.
    pub(super) fn has_only_deletions(&self) -> bool {
        self.modified.is_empty()
            && self.untracked.is_empty()
            && self.nested.is_empty()
            && self.unknown.is_none()
    }

    fn is_empty(&self) -> bool {
        self.has_only_deletions() && self.deleted.is_empty()
    }

    /// Notes something that could not be looked at; the first of its kind is told.
    fn doubt(&mut self, what: String) {
        self.unknown.get_or_insert(what);
    }

    /// Takes one line of git's status: two letters, a space, a path.
    fn take(&mut self, record: &[u8]) {
        let (Some(letters), Some(path)) = (record.get(..2), record.get(3..)) else {
            return self.doubt("git's report could not be read".to_owned());
        };
        if letters == b"??" && path.ends_with(b"/") {
            self.nested.insert(path_of(&path[..path.len() - 1]).to_owned());
            return;
        }
        let list = match letters {
            b"??" => &mut self.untracked,
            b" D" => &mut self.deleted,
            _ => &mut self.modified,
        };
        if list.len() < limits::WORK_FILES {
            list.push(shown(path));
        }
    }
}

/// One file of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry<'a> {
    /// Whether it is a repository of its own.
    pub is_submodule: bool,
    /// Where it is.
    pub path: &'a Path,
}

/// Reads what git prints as `ls-files -z --stage`: mode, object and stage, a tab, a path. Other records are left out.
pub fn parse_index(listing: &[u8]) -> impl Iterator<Item = IndexEntry<'_>> {
    records(listing).filter_map(|record| {
        let tab = record.iter().position(|byte| *byte == b'\t')?;
        let is_submodule = record.starts_with(b"160000 ");
        Some(IndexEntry { is_submodule, path: path_of(&record[tab + 1..]) })
    })
}

/// A path for people.
pub(super) fn shown(path: &[u8]) -> String {
    naming::sanitise(&String::from_utf8_lossy(path))
}

impl Workplace {
    /// What would be lost with the workstream. Files are compared with the base, so what the agent has committed shows
    /// as modified as well: it is in its private directory only. What has been merged is compared with instead, as far as
    /// it goes.
    pub(super) async fn inspect_work(&self) -> Result<WorkReport, GitError> {
        self.check_plan()?;
        match self.merged_head().await? {
            Some(head) => self.begun_with(head).inspect_from(true).await,
            None => self.inspect_from(false).await,
        }
    }

    /// The same place, as if it had begun with `head`.
    fn begun_with(&self, head: Commit) -> Self {
        let mut place = self.clone();
        place.plan.base = head;
        place
    }

    /// What would be lost, against what the plan calls the base; through a fresh lens where that is another one.
    async fn inspect_from(&self, is_moved: bool) -> Result<WorkReport, GitError> {
        let has_worktree = disk::exists(self.worktree());
        let mut changes = match self.look_if_there(has_worktree, is_moved).await {
            Ok(changes) => changes,
            Err(error) => Changes { unknown: Some(error.to_string()), ..Changes::default() },
        };
        let place = self.clone();
        let commits = blocking(move || Ok(place.has_commits())).await?;
        let has_commits = commits.unwrap_or_else(|error| {
            changes.doubt(error);
            false
        });
        let mut report = WorkReport { has_commits, has_worktree, ..WorkReport::default() };
        if !changes.nested.is_empty() {
            let names: Vec<String> =
                changes.nested.iter().map(|path| shown(path.as_os_str().as_bytes())).collect();
            changes
                .doubt(format!("repositories inside the worktree: {}", naming::sanitise(&names.join(", "))));
        }
        report.modified = changes.modified;
        report.modified.append(&mut changes.deleted);
        report.modified.sort();
        report.untracked = changes.untracked;
        report.unknown = changes.unknown;
        Ok(report)
    }

    async fn look_if_there(&self, has_worktree: bool, is_moved: bool) -> Result<Changes, GitError> {
        // While it is made nobody works in it: what a power cut left of the making is no work, however it looks.
        let may_hold_work = has_worktree && !disk::exists(&self.adding_mark());
        if !may_hold_work {
            return Ok(Changes::default());
        }
        if !is_moved {
            return self.look().await;
        }
        let lens = self.fresh_lens().await?;
        self.look_through(&lens).await
    }

    /// How the files of the worktree differ from the base.
    pub(super) async fn look(&self) -> Result<Changes, GitError> {
        let lens = self.lens().await?;
        self.look_through(&lens).await
    }

    pub(super) async fn look_through(&self, lens: &Lens) -> Result<Changes, GitError> {
        if !disk::is_directory(self.worktree()) {
            return Err(failed("the worktree is no directory any more"));
        }
        let status = self.through(lens).args(["status", "--porcelain=v1", "-z", "--untracked-files=all"]);
        let status = status.args(["--ignore-submodules=all", "--no-renames", "--no-ahead-behind"]);
        let listing = self.through(lens).args(["ls-files", "-z", "--stage"]);
        let (status, listing) =
            tokio::join!(status.succeed("compare the worktree"), listing.succeed("list the base's files"));
        let (status, listing) = (status?, listing?);
        let modified = status.records().filter_map(|record| record.strip_prefix(b" M "));
        let modified = modified.map(|path| path_of(path).to_owned()).collect();
        let untouched = self.untouched(lens, modified).await?;
        let mut changes = Changes::parse_but(&status.output, untouched);
        // A directory that cannot be read is a warning to git, and may hide anything.
        if !status.complaint.is_empty() {
            changes.doubt(status.complaint.clone());
        }
        if status.is_cut || listing.is_cut {
            changes.doubt("there are more files than are read".to_owned());
        }
        let place = self.clone();
        blocking(move || Ok(place.find_nested(changes, &status, &listing))).await
    }

    /// Adds the repositories inside the worktree that git does not speak of: those in directories with files of the
    /// base, and submodules that have been filled. What is in them is in no other repository.
    fn find_nested(&self, mut changes: Changes, status: &Answer, listing: &Answer) -> Changes {
        let mut directories = BTreeSet::new();
        let tracked = parse_index(&listing.output).map(|entry| (entry.is_submodule, entry.path));
        let untracked =
            status.records().filter(|record| record.starts_with(b"?? ")).map(|r| (false, path_of(&r[3..])));
        for (is_submodule, path) in tracked.chain(untracked) {
            if is_submodule {
                let place = self.worktree().join(path);
                if disk::is_directory(&place) && disk::has_entries(&place) {
                    changes.nested.insert(path.to_owned());
                }
            }
            directories.extend(path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()));
        }
        let nested =
            directories.into_iter().filter(|place| disk::exists(&self.worktree().join(place).join(".git")));
        changes.nested.extend(nested.map(Path::to_owned));
        if !self.has_own_link() {
            changes.nested.insert(PathBuf::from("."));
        }
        changes
    }

    /// Whether the worktree's `.git` is still the file that git made, or gone.
    fn has_own_link(&self) -> bool {
        let link = self.worktree().join(".git");
        let own = format!("gitdir: {}", self.admin_dir().display());
        let is_file = || fs::symlink_metadata(&link).is_ok_and(|facts| facts.is_file());
        !disk::exists(&link)
            || (is_file() && disk::read_text(&link).is_some_and(|text| text.trim_end() == own))
    }

    /// Whether there are commits beyond the base in the private directory or on a detached HEAD of the worktree.
    fn has_commits(&self) -> Result<bool, String> {
        let base = self.plan.base.as_str();
        let head = disk::read_text(&self.admin_dir().join("HEAD")).unwrap_or_default();
        let is_detached = !head.is_empty() && !head.starts_with("ref: ") && head.trim_end() != base;
        if !disk::exists(self.home()) {
            return Ok(is_detached);
        }
        let private = private_dir::has_commits(&self.home().join("git"), base);
        let private = private.map_err(|error| format!("the agent's git directory cannot be read: {error}"));
        private.map(|differs| differs || is_detached)
    }

    /// Keeps what is in the worktree and not in the base as a commit in the user's repository. What an earlier try
    /// kept stays reachable from it.
    pub(super) async fn snapshot_work(&self) -> Result<Option<Commit>, GitError> {
        self.check_plan()?;
        let name = self.kept_ref("trash");
        let kept = list_refs(|| self.on_repo(), &[&name]).await?.into_iter().find(|found| found.name == name);
        let kept = kept.map(|found| parse(&found.object)).transpose()?;
        if !disk::is_directory(self.worktree()) || disk::exists(&self.adding_mark()) {
            return Ok(kept);
        }
        let lens = self.lens().await?;
        let changes = self.look_through(&lens).await?;
        if changes.is_empty() {
            return Ok(kept);
        }
        let (tree, missed) = self.write_tree(&lens, &changes).await?;
        let commit = match self.commit_tree(&tree, kept.as_ref()).await? {
            Some(commit) => {
                self.set_ref(&name, commit.as_str()).await?;
                Some(commit)
            }
            None => kept,
        };
        // Whatever could be kept is kept by now.
        missed.map_or(Ok(commit), Err)
    }

    /// Writes the worktree as a tree into the user's repository; with what could not be read, if anything.
    pub(super) async fn write_tree(
        &self,
        lens: &Lens,
        changes: &Changes,
    ) -> Result<(String, Option<GitError>), GitError> {
        let room = self.snapshot_room(lens).await?;
        let index = room.path().join("index");
        let write = || self.through(lens).env("GIT_INDEX_FILE", &index).config("core.fsyncMethod=batch");
        self.pass_over(&room, write, changes).await?;
        let list = self.file_in(&room, "paths", all_but_nested(changes)).await?;
        let mut from_file = OsString::from("--pathspec-from-file=");
        from_file.push(&list);
        let aim = "keep the worktree's files";
        let add = write().args(["add", "--all", "--ignore-errors", "--pathspec-file-nul"]).arg(from_file);
        let added = add.finish(aim).await?;
        let mut missed = (!added.is_success).then(|| added.error(aim));
        if let Some(list) = self.list_nested(lens, &room, changes).await? {
            let file =
                fs::File::open(&list).map_err(|error| Self::disk_error("read a list", &list, &error))?;
            let added = write().args(["update-index", "--add", "--replace", "-z", "--stdin"]).input(file);
            let added = added.finish(aim).await?;
            missed = missed.or_else(|| (!added.is_success).then(|| added.error(aim)));
        }
        let tree = write().arg("write-tree").succeed(aim).await?;
        Ok((tree.text(), missed))
    }

    /// Has git pass over the files that nobody touched, in the index that `call` works on.
    pub(super) async fn pass_over(
        &self,
        room: &Room,
        call: impl Fn() -> Call,
        changes: &Changes,
    ) -> Result<(), GitError> {
        if changes.untouched.is_empty() {
            return Ok(());
        }
        let mut list = OsString::new();
        for path in &changes.untouched {
            list.push(path);
            list.push("\0");
        }
        let list = self.file_in(room, "untouched", list).await?;
        let file = fs::File::open(&list).map_err(|error| Self::disk_error("read a list", &list, &error))?;
        let marked = call().args(["update-index", "--assume-unchanged", "-z", "--stdin"]).input(file);
        marked.succeed("pass over what nobody touched").await.map(|_| ())
    }

    /// A directory with a copy of the lens's index.
    pub(super) async fn snapshot_room(&self, lens: &Lens) -> Result<Room, GitError> {
        let room = self.room().await?;
        let (from, to) = (lens.index(), room.path().join("index"));
        blocking(move || {
            disk::copy_with_times(&from, &to).map_err(|error| Self::disk_error("copy the index", &to, &error))
        })
        .await?;
        Ok(room)
    }

    /// Writes `text` into a new file of `room`.
    pub(super) async fn file_in(&self, room: &Room, name: &str, text: OsString) -> Result<PathBuf, GitError> {
        let file = room.path().join(name);
        let target = file.clone();
        blocking(move || {
            let written = disk::write_new(&target, text.as_bytes(), 0o600);
            written.map_err(|error| Self::disk_error("write a list", &target, &error))
        })
        .await?;
        Ok(file)
    }

    /// The files of repositories inside the worktree, which git would not take as files, as a list for git; `None`
    /// when there are none.
    async fn list_nested(
        &self,
        lens: &Lens,
        room: &Room,
        changes: &Changes,
    ) -> Result<Option<PathBuf>, GitError> {
        let mut open: Vec<PathBuf> =
            changes.nested.iter().filter(|path| path.as_os_str() != ".").cloned().collect();
        let mut list = Vec::new();
        let nothing = room.path().join("no-index");
        while let Some(nested) = open.pop() {
            let call = self.git.on_worktree(lens.git_dir(), &self.worktree().join(&nested));
            let call = call.env("GIT_INDEX_FILE", &nothing).mark(&self.plan.workstream);
            let listed = call.args(["ls-files", "-z", "--others", "--exclude-standard"]);
            for record in
                listed.succeed("list the files of a repository inside the worktree").await?.records()
            {
                let path = nested.join(path_of(record.strip_suffix(b"/").unwrap_or(record)));
                if record.ends_with(b"/") {
                    open.push(path);
                } else {
                    list.extend_from_slice(path.as_os_str().as_bytes());
                    list.push(0);
                }
            }
        }
        if list.is_empty() {
            return Ok(None);
        }
        self.file_in(room, "nested", OsString::from_vec(list)).await.map(Some)
    }

    /// Makes the commit that keeps `tree`; `None` when base or an earlier try has it already.
    async fn commit_tree(&self, tree: &str, kept: Option<&Commit>) -> Result<Option<Commit>, GitError> {
        let base = self.plan.base.as_str();
        let parents: Vec<&str> = [Some(base), kept.map(Commit::as_str)].into_iter().flatten().collect();
        let trees =
            self.on_repo().arg("rev-parse").args(parents.iter().map(|parent| format!("{parent}^{{tree}}")));
        let trees = trees.succeed("look up what is kept already").await?.text();
        if trees.lines().last() == Some(tree) {
            return Ok(None);
        }
        let message = format!("Work of workstream {} that was not kept anywhere else", self.plan.workstream);
        self.commit_by_us(tree, &parents, &message).await.map(Some)
    }

    /// Makes a commit that is ours, and no reference to it.
    pub(super) async fn commit_by_us(
        &self,
        tree: &str,
        parents: &[&str],
        message: &str,
    ) -> Result<Commit, GitError> {
        let mut call = self.on_repo().args(["commit-tree", "-m", message]);
        for parent in parents {
            call = call.args(["-p", parent]);
        }
        for (name, value) in [("NAME", "ccells"), ("EMAIL", "ccells@localhost")] {
            call =
                call.env(&format!("GIT_AUTHOR_{name}"), value).env(&format!("GIT_COMMITTER_{name}"), value);
        }
        let answer = call.arg(tree).succeed("keep the worktree as a commit").await?;
        parse(&answer.text())
    }
}

/// A commit's name as git prints it.
pub(super) fn parse(text: &str) -> Result<Commit, GitError> {
    Commit::parse(text).map_err(|error| failed(error.to_string()))
}
