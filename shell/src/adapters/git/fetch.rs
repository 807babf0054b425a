//! Bringing the commits of an agent into the user's repository. They come as a pack that the agent's git made, so they are
//! what the agent wants them to be: they are looked at in a store of their own, and only what passes every gate moves on
//! to the user's. The user's references are not touched.

use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ccells_core::ids::{Commit, PathText};
use ccells_core::limits;
use ccells_core::ports::{EngineError, GitError, WorkSource};

use super::command::{Call, failed, records};
use super::lens::Room;
use super::merge::{is_ancestor, refused};
use super::work::{parse, shown};
use super::{Workplace, blocking, disk};

/// What a file is called while it is copied to where packs are; git, too, removes old files whose names begin so.
const COPY: &str = "tmp_ccells_";

/// A pack that has arrived, in a store of objects of its own.
struct Arrival {
    room: Room,
}

impl Arrival {
    /// Its store of objects.
    fn objects(&self) -> PathBuf {
        self.room.path().join("objects")
    }
}

impl Workplace {
    /// Brings the commits that are checked out where the agent works into the repository, as `refs/ccells/<id>/head`.
    pub(super) async fn fetch_work(
        &self,
        source: &impl WorkSource,
        may_rewrite: bool,
    ) -> Result<Commit, GitError> {
        self.check_plan()?;
        // What an earlier run began may still be going on.
        self.await_own_git().await?;
        let head = within_time(source.head()).await?;
        let before = self.reference(&self.head_ref()).await?.map(|found| parse(&found.object)).transpose()?;
        let mut known = vec![self.plan.base.clone()];
        known.extend(before.clone().filter(|before| *before != self.plan.base));
        let is_there = self.is_whole(self.on_repo(), &head, &known).await?.is_none();
        let arrival = if is_there { None } else { Some(self.receive(source, &head, &known).await?) };
        let look = || match &arrival {
            Some(arrival) => self.on_repo().env("GIT_OBJECT_DIRECTORY", arrival.objects()),
            None => self.on_repo(),
        };
        self.refuse_missing(look(), &head, &known).await?;
        self.refuse_gitlinks(look, &head).await?;
        let mut is_replaced = false;
        if let Some(before) = &before {
            is_replaced = !is_ancestor(look(), before, &head).await?;
            if is_replaced && !may_rewrite && !self.is_rebased(look, before, &head).await? {
                return Err(refused(format!(
                    "the agent has replaced commits that were taken before: {} does not come from {} any more; \
                     look at both, and allow it if that is meant",
                    brief(&head),
                    brief(before)
                )));
            }
        }
        if let Some(arrival) = arrival {
            self.keep(arrival).await?;
            self.refuse_missing(self.on_repo(), &head, &known).await?;
        }
        if let Some(before) = before.as_ref().filter(|_| is_replaced) {
            self.set_ref(&self.was_ref(), before.as_str()).await?;
        }
        self.advance(&self.head_ref(), &head, before.as_ref()).await?;
        Ok(head)
    }

    /// Brings the commits that are checked out where the agent works into the repository, after the same checks, and has no
    /// reference of anybody's move.
    pub(super) async fn take_commits(&self, source: &impl WorkSource) -> Result<Commit, GitError> {
        self.await_own_git().await?;
        let head = within_time(source.head()).await?;
        let known = [self.plan.base.clone()];
        let is_there = self.is_whole(self.on_repo(), &head, &known).await?.is_none();
        let arrival = if is_there { None } else { Some(self.receive(source, &head, &known).await?) };
        let look = || match &arrival {
            Some(arrival) => self.on_repo().env("GIT_OBJECT_DIRECTORY", arrival.objects()),
            None => self.on_repo(),
        };
        self.refuse_missing(look(), &head, &known).await?;
        self.refuse_gitlinks(look, &head).await?;
        if let Some(arrival) = arrival {
            self.keep(arrival).await?;
            self.refuse_missing(self.on_repo(), &head, &known).await?;
        }
        Ok(head)
    }

    /// What is missing of `head` besides what `known` commits have, in git's words; `None` when nothing is.
    async fn is_whole(
        &self,
        call: Call,
        head: &Commit,
        known: &[Commit],
    ) -> Result<Option<String>, GitError> {
        let call = call.args(["rev-list", "--objects", "--quiet", head.as_str(), "--not"]);
        let answer = call.args(known.iter().map(Commit::as_str)).finish("look for missing objects").await?;
        Ok((!answer.is_success).then_some(answer.complaint))
    }

    /// Refuses commits of which something is missing.
    async fn refuse_missing(&self, call: Call, head: &Commit, known: &[Commit]) -> Result<(), GitError> {
        match self.is_whole(call, head, known).await? {
            None => Ok(()),
            Some(said) => Err(refused(format!(
                "the agent's commits are not whole, so none of them were taken; let the agent look at its repository \
                 (git fsck); git said: {said}"
            ))),
        }
    }

    /// Has the source write its pack, and git take it apart, where nothing of the user's is.
    async fn receive(
        &self,
        source: &impl WorkSource,
        head: &Commit,
        known: &[Commit],
    ) -> Result<Arrival, GitError> {
        let arrival = Arrival { room: self.room().await? };
        let (objects, lender) = (arrival.objects(), self.git_dir().join("objects"));
        blocking(move || {
            let made = lend(&objects, &lender);
            made.map_err(|error| Self::disk_error("make a store for what comes", &objects, &error))
        })
        .await?;
        let pack = arrival.room.path().join("pack");
        let text = pack.to_str().map(PathText::from);
        let text =
            text.ok_or_else(|| failed("the path of ccells' home is not UTF-8; move it to one that is"))?;
        within_time(source.pack(head, known, &text)).await?;
        let file =
            fs::File::open(&pack).map_err(|error| Self::disk_error("read what came", &pack, &error))?;
        let size = file.metadata().map_or(0, |facts| facts.len());
        if size > limits::PACK_BYTES {
            return Err(refused(format!(
                "the agent's commits are more than {} MB, which is more than is taken; let the agent leave out what is \
                 large",
                limits::PACK_BYTES / 1_000_000
            )));
        }
        let call = self.on_repo().env("GIT_OBJECT_DIRECTORY", arrival.objects()).config("pack.threads=2");
        let call = call.args(["index-pack", "--stdin", "--fix-thin", "--strict"]);
        let call = call.arg(format!("--max-input-size={}", limits::PACK_BYTES)).input(file).bounded();
        let answer = call.finish("read the agent's commits").await?;
        if answer.is_success {
            return Ok(arrival);
        }
        Err(refused(format!(
            "the agent's commits were not taken, for git does not find them in order: {}; let the agent make them anew",
            if answer.complaint.is_empty() { "it gave no reason" } else { &answer.complaint }
        )))
    }

    /// Refuses a repository inside the repository that is new or another one in any of the commits: git would go into it
    /// with whatever configuration it brings. What the user's own branches have is the user's.
    async fn refuse_gitlinks(&self, look: impl Fn() -> Call, head: &Commit) -> Result<(), GitError> {
        let aim = "look for repositories inside the repository";
        let list = look().args(["rev-list", head.as_str(), "--not", self.plan.base.as_str(), "--branches"]);
        let list = list.succeed(aim).await?;
        let room = self.room().await?;
        let file = self.file_in(&room, "commits", list.text().into()).await?;
        let file = fs::File::open(&file).map_err(|error| Self::disk_error("read a list", &file, &error))?;
        let call = look().args(["diff-tree", "--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-renames"]);
        let call = call.args(["--no-abbrev", "--ignore-submodules=none"]).input(file);
        let answer = call.succeed(aim).await?;
        if list.is_cut || answer.is_cut {
            return Err(refused(
                "the agent's commits change more files than are looked at; take them in parts",
            ));
        }
        let found = gitlink(&answer.output).map_err(|why| failed(format!("could not {aim}: {why}")))?;
        match found {
            None => Ok(()),
            Some((commit, path)) => Err(refused(format!(
                "commit {} has a repository inside the repository, at {}, so none of the commits were taken; let the \
                 agent put its files there instead (git rm --cached, then git add), and leave it out of every commit",
                commit.get(..12).unwrap_or(&commit),
                shown(&path)
            ))),
        }
    }

    /// Moves what passed every gate to the user's objects.
    async fn keep(&self, arrival: Arrival) -> Result<(), GitError> {
        let (from, to) = (arrival.objects().join("pack"), self.packs());
        blocking(move || {
            move_packs(&from, &to).map_err(|error| Self::disk_error("keep the agent's commits", &to, &error))
        })
        .await?;
        drop(arrival);
        Ok(())
    }

    /// Where the user's packs are.
    pub(super) fn packs(&self) -> PathBuf {
        self.git_dir().join("objects/pack")
    }

    /// Points a reference of ours at `head`, provided that it is where it was.
    pub(super) async fn advance(
        &self,
        name: &str,
        head: &Commit,
        before: Option<&Commit>,
    ) -> Result<(), GitError> {
        if before == Some(head) {
            return Ok(());
        }
        let none = "0".repeat(head.as_str().len());
        let old = before.map_or(none.as_str(), Commit::as_str);
        let aim = "note what was taken";
        let call = || self.on_repo().args(["update-ref", "--no-deref", name, head.as_str(), old]);
        let answer = self.past_locks(aim, call).await?;
        let stands =
            || async { Ok(self.reference(name).await?.is_some_and(|it| it.object == head.as_str())) };
        if !answer.is_success && !stands().await? {
            return Err(answer.error(aim));
        }
        self.sync_ref(name);
        Ok(())
    }
}

/// What a source answers, if it does in time.
async fn within_time<T>(answer: impl Future<Output = Result<T, EngineError>>) -> Result<T, GitError> {
    let ended = tokio::time::timeout(Duration::from_millis(limits::FETCH_MS), answer).await;
    let ended = ended.map_err(|_| {
        let seconds = limits::FETCH_MS / 1_000;
        failed(format!("the agent's commits did not come within {seconds} s; try again"))
    })?;
    ended.map_err(|error| failed(format!("could not take the agent's commits: {error}")))
}

/// The beginning of a commit's name.
pub(super) fn brief(commit: &Commit) -> &str {
    commit.as_str().get(..12).unwrap_or(commit.as_str())
}

/// Makes an empty store of objects that borrows from another one.
fn lend(objects: &Path, lender: &Path) -> io::Result<()> {
    disk::make_directories(&objects.join("pack"))?;
    disk::make_directories(&objects.join("info"))?;
    let mut line = lender.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    fs::write(objects.join("info/alternates"), line)
}

/// The files of a store's packs, each pack behind all that belongs to it: git takes it for a pack only once it is there.
fn pack_files(directory: &Path) -> io::Result<Vec<PackFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("pack-") {
            files.push(PackFile { is_pack: name.ends_with(".pack"), name });
        }
    }
    files.sort();
    Ok(files)
}

/// A file of a pack, in the order in which they move.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PackFile {
    is_pack: bool,
    name: String,
}

/// Moves the packs of one store to another, durably.
fn move_packs(from: &Path, to: &Path) -> io::Result<()> {
    disk::make_directories(to)?;
    for file in pack_files(from)? {
        let (old, new) = (from.join(&file.name), to.join(&file.name));
        match fs::rename(&old, &new) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let copy = to.join(format!("{COPY}{}", file.name));
                disk::remove_tree(&copy)?;
                disk::copy_with_times(&old, &copy)?;
                fs::set_permissions(&copy, fs::metadata(&old)?.permissions())?;
                fs::rename(&copy, &new)?;
            }
            other => other?,
        }
    }
    disk::sync_directory(to)
}

/// Takes away what an ended process of ours had begun to move from its `room` to the user's packs.
pub(super) fn withdraw(room: &Path, packs: &Path) -> io::Result<()> {
    let store = room.join("objects/pack");
    if !disk::is_directory(&store) {
        return Ok(());
    }
    for file in pack_files(&store)? {
        disk::remove_tree(&packs.join(format!("{COPY}{}", file.name)))?;
        let stem = file.name.strip_suffix(".pack").filter(|_| !disk::exists(&packs.join(&file.name)));
        for kind in stem.iter().flat_map(|_| ["idx", "rev"]) {
            disk::remove_tree(&packs.join(&file.name).with_extension(kind))?;
        }
    }
    Ok(())
}

/// A commit's name, and a path in it.
type Found = (String, Vec<u8>);

/// The first repository inside the repository that is new or another one, in what git prints as `diff-tree --stdin -c
/// --raw -z`: the name of a commit, and for each file two parts, `:100644 160000 <object> <object> M` with a colon for
/// each parent, and the path. An error when it is not of that form.
fn gitlink(output: &[u8]) -> Result<Option<Found>, &'static str> {
    const UNREAD: &str = "git's list of changes could not be read";
    let mut commit = "";
    let mut parts = records(output);
    while let Some(part) = parts.next() {
        let parents = part.iter().take_while(|byte| **byte == b':').count();
        if parents == 0 {
            commit = std::str::from_utf8(part).map_err(|_| UNREAD)?.trim();
            continue;
        }
        let path = parts.next().ok_or(UNREAD)?;
        let mode = part[parents..].split(|byte| *byte == b' ').nth(parents).ok_or(UNREAD)?;
        if mode == b"160000" {
            return Ok(Some((commit.to_owned(), path.to_owned())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_inside_is_found_whatever_is_around_it() {
        let output = b"c1\0:100644 100644 aa bb M\0a\0c2\0:160000 000000 aa 00 D\0gone\0::100644 160000 160000 a b c MM\0in\nner\0";
        assert_eq!(gitlink(output), Ok(Some(("c2".to_owned(), b"in\nner".to_vec()))));
        assert_eq!(gitlink(b"c1\0::160000 100644 100644 a b c MM\0a\0"), Ok(None));
        assert_eq!(gitlink(b""), Ok(None));
        for bad in [&b":100644 160000 a b M\0"[..], b"c1\0:\0a\0", b"c1\0::1 2\0a\0", b"\xff\0"] {
            assert!(gitlink(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_was_half_moved_is_withdrawn_and_what_is_whole_stays() {
        let top = tempfile::tempdir().unwrap();
        let (room, packs) = (top.path().join("room"), top.path().join("packs"));
        fs::create_dir_all(room.join("objects/pack")).unwrap();
        fs::create_dir_all(&packs).unwrap();
        for (directory, name) in [
            (room.join("objects/pack"), "pack-a.pack"),
            (packs.clone(), "pack-a.idx"),
            (packs.clone(), "tmp_ccells_pack-a.pack"),
            (room.join("objects/pack"), "pack-b.pack"),
            (packs.clone(), "pack-b.idx"),
            (packs.clone(), "pack-b.pack"),
            (packs.clone(), "pack-c.idx"),
        ] {
            fs::write(directory.join(name), "").unwrap();
        }
        withdraw(&room, &packs).unwrap();
        let mut left: Vec<_> = fs::read_dir(&packs).unwrap().map(|it| it.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["pack-b.idx", "pack-b.pack", "pack-c.idx"]);
        withdraw(top.path(), &packs).unwrap();
    }
}
