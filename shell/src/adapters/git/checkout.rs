//! A checkout of the user's that a branch is about to move in: where it is, what goes on in it, and which of its files are
//! the user's. A file that holds nothing but the beginning of what is to come is not: an interrupted try left it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::limits;
use ccells_core::ports::GitError;

use super::command::{Call, failed, path_of, records};
use super::merge::{Version, of_tree, refused, short};
use super::repo::Reference;
use super::work::shown;
use super::{Workplace, blocking, disk};

/// What git leaves in its directory while something is under way in a checkout.
const UNDER_WAY: &[(&str, &str)] = &[
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "cherry-pick"),
    ("BISECT_LOG", "bisect"),
];

/// Where git notes a branch that it goes back to when something is over.
const NAMES_BRANCH: &[(&str, &str)] =
    &[("rebase-merge/head-name", "rebase"), ("rebase-apply/head-name", "rebase"), ("BISECT_START", "bisect")];

/// A mode that means a link.
const LINK: &[u8] = b"120000";
/// A mode that means a repository of its own.
const SUBMODULE: &[u8] = b"160000";
/// A mode that means that nothing is there.
const NOTHING: &[u8] = b"000000";

/// A checkout of the user's.
#[derive(Clone, Debug)]
pub(super) struct Checkout {
    top: PathBuf,
    git_dir: PathBuf,
}

impl Checkout {
    /// Its directory.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// What git keeps about it: its index, its HEAD.
    pub(super) fn git_dir(&self) -> &Path {
        &self.git_dir
    }
}

/// What stands at a path of one side of a comparison: its mode and its object, in git's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    mode: Vec<u8>,
    object: Vec<u8>,
}

impl Entry {
    fn is_nothing(&self) -> bool {
        self.mode == NOTHING
    }
}

/// One path that differs between two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    path: PathBuf,
    old: Entry,
    new: Entry,
    is_unmerged: bool,
}

/// Reads what git prints as `--raw -z` of two sides: `:100644 100755 <object> <object> M`, and a path.
fn changes(output: &[u8]) -> Option<Vec<Change>> {
    let mut all = Vec::new();
    let mut parts = records(output);
    while let Some(head) = parts.next() {
        let fields: Vec<&[u8]> = head.strip_prefix(b":")?.split(|byte| *byte == b' ').collect();
        let [old_mode, new_mode, old, new, status] = fields[..] else { return None };
        let entry = |mode: &[u8], object: &[u8]| Entry { mode: mode.to_vec(), object: object.to_vec() };
        let path = path_of(parts.next()?).to_owned();
        let is_unmerged = status == b"U";
        all.push(Change { path, old: entry(old_mode, old), new: entry(new_mode, new), is_unmerged });
    }
    Some(all)
}

/// What an interrupted try left behind.
#[derive(Debug, Default)]
pub(super) struct Leftovers {
    /// Files that hold what is to come or a part of it, while git's index does not have it yet.
    pub(super) ahead: Vec<Seen>,
    /// Files that the index has in their new form, and that are not whole.
    pub(super) torn: Vec<PathBuf>,
}

/// A file as it was looked at.
#[derive(Debug)]
pub(super) struct Seen {
    path: PathBuf,
    stamp: Stamp,
}

/// What tells whether a file is still as it was.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(u64, u64, i64, i64, i64, i64);

impl Stamp {
    fn of(facts: &fs::Metadata) -> Self {
        Self(facts.ino(), facts.len(), facts.mtime(), facts.mtime_nsec(), facts.ctime(), facts.ctime_nsec())
    }
}

impl Seen {
    /// Takes the file away, provided that it is still as it was.
    pub(super) fn remove(&self) -> io::Result<()> {
        if Stamp::of(&fs::symlink_metadata(&self.path)?) != self.stamp {
            return Err(io::Error::other("it is being changed just now"));
        }
        fs::remove_file(&self.path)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// What stands at a path in a checkout.
enum Standing {
    Missing,
    /// A file or a link stands where a directory would have to be.
    Blocked(PathBuf),
    Directory,
    /// A file or a link, and what it holds; nothing where that is more than is read, or cannot be.
    Held(Stamp, Option<Vec<u8>>),
}

/// What stands at `path` below `top`, links never followed.
fn standing(top: &Path, path: &Path) -> io::Result<Standing> {
    let mut place = top.to_owned();
    let mut parts = path.iter().peekable();
    while let Some(part) = parts.next() {
        place.push(part);
        let facts = match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Missing),
            other => other?,
        };
        let is_last = parts.peek().is_none();
        if !is_last && !facts.is_dir() {
            return Ok(Standing::Blocked(place.strip_prefix(top).unwrap_or(&place).to_owned()));
        }
        if is_last && !facts.is_dir() {
            let held = if facts.is_symlink() {
                Some(fs::read_link(&place)?.into_os_string().into_encoded_bytes())
            } else if facts.is_file() {
                disk::read_small(&place, limits::GIT_OUTPUT_BYTES)
            } else {
                None
            };
            return Ok(Standing::Held(Stamp::of(&facts), held));
        }
    }
    Ok(Standing::Directory)
}

/// How the paths of a move stand in the index and on the disk.
struct Sides {
    wanted: Vec<Change>,
    going: BTreeSet<PathBuf>,
    staged: BTreeMap<PathBuf, Change>,
    dirty: BTreeSet<PathBuf>,
}

/// What is to be done about one path.
enum Verdict {
    Fine,
    Users(PathBuf),
    Ahead(Stamp),
    Torn,
}

impl Sides {
    /// Whether all that is below this directory goes away with the move.
    fn goes_whole(&self, top: &Path, directory: &Path) -> io::Result<bool> {
        for entry in fs::read_dir(top.join(directory))? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            let goes = if entry.file_type()?.is_dir() {
                self.goes_whole(top, &path)?
            } else {
                self.going.contains(&path)
            };
            if !goes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Workplace {
    /// The checkout that a branch is checked out in, if any.
    pub(super) async fn checkout_of(&self, found: &Reference) -> Result<Option<Checkout>, GitError> {
        if found.worktree.is_empty() {
            return Ok(None);
        }
        let told = Path::new(&found.worktree);
        let mut top = told.to_owned();
        if told == self.git_dir() || told.join(".git") == self.git_dir() {
            // The one that belongs to the repository itself may be elsewhere, or not be at all.
            let asked = |kind, key| self.on_repo().args(["config", kind, "--get", key]);
            let elsewhere = asked("--type=path", "core.worktree").finish("look up the checkout").await?;
            let is_bare = asked("--type=bool", "core.bare").finish("look up the checkout").await?;
            if elsewhere.is_success {
                top = self.git_dir().join(elsewhere.text());
            } else if is_bare.text() == "true" {
                return Ok(None);
            }
        }
        let (branch, place) = (short(&found.name), shown(top.as_os_str().as_bytes()));
        let lost = format!(
            "`{branch}` is checked out in {place}, which git does not find there; bring it back, or let git forget it \
             (git worktree prune), then try again"
        );
        if !disk::is_directory(&top) {
            return Err(refused(lost));
        }
        let call =
            self.in_checkout(&top).args(["rev-parse", "--path-format=absolute", "--is-inside-work-tree"]);
        let call = call.args(["--show-toplevel", "--git-dir", "--git-common-dir"]);
        let text = call.finish("look at the checkout").await?.text();
        let lines: Vec<&str> = text.lines().collect();
        let ["true", top, git_dir, common] = lines[..] else { return Err(refused(lost)) };
        let is_ours = fs::canonicalize(common).ok() == fs::canonicalize(self.git_dir()).ok();
        let checkout = Checkout { top: PathBuf::from(top), git_dir: PathBuf::from(git_dir) };
        if is_ours { Ok(Some(checkout)) } else { Err(refused(lost)) }
    }

    /// A call in a checkout of the user's, marked as this workstream's.
    pub(super) fn in_checkout(&self, top: &Path) -> Call {
        self.git.in_checkout(top).mark(&self.plan.workstream)
    }

    /// Refuses while something is under way that the branch is a part of.
    pub(super) async fn refuse_under_way(
        &self,
        name: &str,
        checkout: Option<&Checkout>,
    ) -> Result<(), GitError> {
        let (git_dir, name, checkout) = (self.git_dir().to_owned(), name.to_owned(), checkout.cloned());
        blocking(move || {
            let advice = "finish it or give it up (git status says how), then try again";
            if let Some(checkout) = checkout {
                let found = UNDER_WAY.iter().find(|(mark, _)| disk::exists(&checkout.git_dir.join(mark)));
                if let Some((_, what)) = found {
                    let place = shown(checkout.top.as_os_str().as_bytes());
                    return Err(refused(format!("a {what} is under way in {place}; {advice}")));
                }
            }
            let others = fs::read_dir(git_dir.join("worktrees")).into_iter().flatten().flatten();
            for place in others.map(|entry| entry.path()).chain([git_dir]) {
                let names = |mark: &str| {
                    let noted = disk::read_text(&place.join(mark)).unwrap_or_default();
                    noted.trim_end().trim_start_matches("refs/heads/") == &name["refs/heads/".len()..]
                };
                if let Some((_, what)) = NAMES_BRANCH.iter().find(|(mark, _)| names(mark)) {
                    return Err(refused(format!("a {what} of `{}` is under way; {advice}", short(&name))));
                }
            }
            Ok(())
        })
        .await
    }

    /// What an interrupted try left in the checkout, provided that nothing of the user's is in the way of the move.
    pub(super) async fn leftovers(
        &self,
        checkout: &Checkout,
        from: &Commit,
        to: &Commit,
    ) -> Result<Leftovers, GitError> {
        let sides = self.sides(checkout, from, to).await?;
        let version = self.version().await?;
        let (mut leftovers, mut users) = (Leftovers::default(), BTreeSet::new());
        for change in &sides.wanted {
            match self.verdict(checkout, &sides, change, version, to).await? {
                Verdict::Fine => {}
                Verdict::Users(path) => drop(users.insert(shown(path.as_os_str().as_bytes()))),
                Verdict::Ahead(stamp) => {
                    leftovers.ahead.push(Seen { path: checkout.top.join(&change.path), stamp });
                }
                Verdict::Torn => leftovers.torn.push(change.path.clone()),
            }
        }
        if users.is_empty() {
            return Ok(leftovers);
        }
        let names: Vec<String> = users.into_iter().collect();
        let place = shown(checkout.top.as_os_str().as_bytes());
        Err(refused(format!(
            "your changes in {place} would be overwritten; commit them, stash them or move them away, then try again: {}",
            shown(names.join(", ").as_bytes())
        )))
    }

    /// Compares the two commits, the index and the files. The user's index is not written: git refreshes a copy of it.
    async fn sides(&self, checkout: &Checkout, from: &Commit, to: &Commit) -> Result<Sides, GitError> {
        let aim = "compare the checkout";
        let unread = || failed(format!("could not {aim}: git's list of changes could not be read"));
        let listed = |answer: super::command::Answer| {
            if answer.is_cut { None } else { changes(&answer.output) }.ok_or_else(unread)
        };
        let room = self.room().await?;
        let (index, copy) = (checkout.git_dir.join("index"), room.path().join("index"));
        let (source, target) = (index.clone(), copy.clone());
        blocking(move || match disk::copy_with_times(&source, &target) {
            // A checkout in which everything was removed may have no index.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|error| Self::disk_error("copy the index", &target, &error)),
        })
        .await?;
        let look = || {
            let call = self.in_checkout(&checkout.top).env("GIT_INDEX_FILE", &copy);
            call.config("core.splitIndex=false").config("core.untrackedCache=keep")
        };
        look().args(["update-index", "-q", "--refresh"]).finish(aim).await?;
        let raw = ["--raw", "-z", "--no-renames", "--no-abbrev", "--ignore-submodules=none"];
        let wanted = look().arg("diff-tree").arg("-r").args(raw).args([from.as_str(), to.as_str()]);
        let wanted = listed(wanted.succeed(aim).await?)?;
        let staged = look().args(["diff-index", "--cached", "--ita-visible-in-index"]).args(raw);
        let staged = listed(staged.arg(from.as_str()).succeed(aim).await?)?;
        let dirty = look().arg("diff-files").args(raw).succeed(aim).await?;
        let dirty = listed(dirty)?.into_iter().map(|change| change.path).collect();
        let mut by_path = BTreeMap::new();
        for change in staged {
            if change.is_unmerged {
                let place = shown(checkout.top.as_os_str().as_bytes());
                let what = shown(change.path.as_os_str().as_bytes());
                return Err(refused(format!(
                    "{what} in {place} is not merged; resolve it first, then try again"
                )));
            }
            by_path.insert(change.path.clone(), change);
        }
        let going = wanted.iter().filter(|change| change.new.is_nothing());
        let going = going.map(|change| change.path.clone()).collect();
        Ok(Sides { wanted, going, staged: by_path, dirty })
    }

    /// What is to be done about the path of one change.
    async fn verdict(
        &self,
        checkout: &Checkout,
        sides: &Sides,
        change: &Change,
        version: Version,
        to: &Commit,
    ) -> Result<Verdict, GitError> {
        let path = &change.path;
        let index = sides.staged.get(path).map_or(&change.old, |staged| &staged.new);
        let (is_old, is_new) = (*index == change.old, *index == change.new);
        if !is_old && !is_new {
            return Ok(Verdict::Users(path.clone()));
        }
        let is_submodule = [&change.old, &change.new].iter().any(|entry| entry.mode == SUBMODULE);
        let is_as_the_index = !index.is_nothing() && !sides.dirty.contains(path);
        // Where the index has no file any more and none is to come, whatever stands there is not in the way.
        if is_submodule || is_as_the_index || (is_new && index.is_nothing()) {
            return Ok(Verdict::Fine);
        }
        let found = standing(&checkout.top, path)
            .map_err(|error| Self::disk_error("look at a file", &checkout.top.join(path), &error))?;
        let (stamp, held) = match found {
            Standing::Missing if is_new => return Ok(Verdict::Torn),
            Standing::Missing => return Ok(Verdict::Fine),
            Standing::Blocked(by) if is_old && sides.going.contains(&by) => return Ok(Verdict::Fine),
            Standing::Blocked(by) => return Ok(if is_new { Verdict::Fine } else { Verdict::Users(by) }),
            Standing::Directory => {
                let goes = is_new || sides.goes_whole(&checkout.top, path).unwrap_or(false);
                return Ok(if goes { Verdict::Fine } else { Verdict::Users(path.clone()) });
            }
            Standing::Held(stamp, held) => (stamp, held),
        };
        let is_part = match held {
            Some(held) if !change.new.is_nothing() => {
                let new = self.as_checked_out(checkout, change, version, to).await?;
                new.starts_with(&held) && (is_old || held.len() < new.len())
            }
            _ => false,
        };
        Ok(match (is_old, is_part) {
            (true, true) => Verdict::Ahead(stamp),
            (true, false) => Verdict::Users(path.clone()),
            (false, true) => Verdict::Torn,
            // The index has it in its new form: whatever the user made of it since stays.
            (false, false) => Verdict::Fine,
        })
    }

    /// What a file will hold once git has checked it out: the beginning of it, where that is very long.
    async fn as_checked_out(
        &self,
        checkout: &Checkout,
        change: &Change,
        version: Version,
        to: &Commit,
    ) -> Result<Vec<u8>, GitError> {
        let call = of_tree(self.in_checkout(&checkout.top), version, to).arg("cat-file");
        let call = if change.new.mode == LINK {
            call.arg("blob")
        } else {
            let mut path = OsString::from("--path=");
            path.push(&change.path);
            call.arg("--filters").arg(path)
        };
        let object = String::from_utf8_lossy(&change.new.object).into_owned();
        Ok(call.arg(object).succeed("read what a file will hold").await?.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_and_what_is_cut_short_is_not() {
        let output =
            b":100644 000000 aa 00 D\0gone\0:000000 120000 00 bb A\0li\nnk\0:000000 000000 00 00 U\0both\0";
        let all = changes(output).unwrap();
        let names: Vec<_> = all.iter().map(|change| change.path.to_str().unwrap()).collect();
        assert_eq!(names, ["gone", "li\nnk", "both"]);
        assert!(all[0].new.is_nothing() && all[1].old.is_nothing() && all[1].new.mode == LINK);
        assert_eq!(all.iter().map(|change| change.is_unmerged).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(changes(b""), Some(vec![]));
        for bad in [&b":"[..], b"x\0y\0", b":100644 000000 aa 00 D\0", b":100644 aa 00 D\0gone\0"] {
            assert_eq!(changes(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_stands_at_a_path_is_told_without_following_links() {
        let room = tempfile::tempdir().unwrap();
        let top = room.path();
        fs::create_dir(top.join("dir")).unwrap();
        fs::write(top.join("dir/file"), "held").unwrap();
        std::os::unix::fs::symlink("dir", top.join("link")).unwrap();
        let of = |path: &str| standing(top, Path::new(path)).unwrap();
        assert!(matches!(of("nothing/at/all"), Standing::Missing));
        assert!(matches!(of("dir"), Standing::Directory));
        assert!(matches!(of("dir/file"), Standing::Held(_, Some(held)) if held == b"held"));
        assert!(matches!(of("link"), Standing::Held(_, Some(held)) if held == b"dir"));
        assert!(matches!(of("link/file"), Standing::Blocked(by) if by == Path::new("link")));
        assert!(matches!(of("dir/file/below"), Standing::Blocked(by) if by == Path::new("dir/file")));
    }
}
