//! What an agent changed, for a person to read: which files differ from the base, by how much, and the lines. Read
//! through the lens: nothing the agent wrote is run, and none of its configuration is believed.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use ccells_core::ids::Commit;
use ccells_core::ports::{GitError, WorktreePlan};

use super::command::{failed, path_of};
use super::work::Changes;
use super::{RealGit, Workplace, executes};

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The base does not have it.
    Added,
    /// It is another one now.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another name, and perhaps other contents.
    Renamed,
    /// It is another kind of thing now: a link, say.
    Retyped,
}

impl Status {
    /// The letter that git uses.
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Modified => 'M',
            Self::Deleted => 'D',
            Self::Renamed => 'R',
            Self::Retyped => 'T',
        }
    }

    fn parse(field: &[u8]) -> Option<Self> {
        Some(match field.first()? {
            b'A' => Self::Added,
            b'M' => Self::Modified,
            b'D' => Self::Deleted,
            b'R' => Self::Renamed,
            b'T' => Self::Retyped,
            _ => return None,
        })
    }
}

/// One file that differs from the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// Where it is, or was.
    pub path: PathBuf,
    /// Where it was before, if it was renamed.
    pub old_path: Option<PathBuf>,
    /// What happened to it.
    pub status: Status,
    /// Its mode in the base and now, as git writes them; zero where it is not.
    pub modes: (u32, u32),
    /// Lines that came and lines that went; nothing for a file that is no text.
    pub lines: Option<(u64, u64)>,
}

impl FileDiff {
    /// Why this change may run on somebody's machine, if it may.
    pub fn executes(&self) -> Option<&'static str> {
        executes::reason(&self.path, self.modes)
    }
}

/// How the files of a workstream differ from its base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkDiff {
    /// The files, in the order of their paths.
    pub files: Vec<FileDiff>,
    /// The lines, as git prints them; what an agent wrote is in it, so show it only sanitised.
    pub patch: Vec<u8>,
    /// What could not be looked at, in words.
    pub unknown: Option<String>,
}

/// How much of a difference is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The files alone.
    Files,
    /// The lines too.
    Lines,
}

impl WorkDiff {
    /// Reads what git prints as `diff --raw -z` with `--numstat`, `--patch` or both: a record of two parts for each
    /// file, three for one that was renamed; a count for each; and, behind an empty part, the lines. Without counts the
    /// lines are counted here.
    pub fn parse(output: &[u8]) -> Result<Self, String> {
        let mut rest = output;
        let mut files = Vec::new();
        while rest.first() == Some(&b':') {
            let (file, after) = raw(rest).ok_or("git's list of changes could not be read")?;
            files.push(file);
            rest = after;
        }
        let is_counted = rest.first() != Some(&0);
        for file in files.iter_mut().filter(|_| is_counted) {
            (file.lines, rest) = count(rest).ok_or("git's count of lines could not be read")?;
        }
        // Without lines there is no empty part either.
        let patch = rest.strip_prefix(b"\0").unwrap_or(rest).to_vec();
        if !is_counted {
            count_lines(&mut files, &patch);
        }
        Ok(Self { files, patch, unknown: None })
    }
}

/// Finds whose the lines of a patch are, by the head before them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heads {
    /// The first file that was not come to.
    pub next: usize,
    /// Whose the lines are that come now.
    pub file: Option<usize>,
}

impl Heads {
    /// How a line begins that is such a head: a line of a file has its sign before it.
    pub const BEGINNING: &[u8] = b"diff --git ";

    /// Takes a head. They come in the order of the list, of `count` files; one that became another kind of thing has two.
    /// What is `named` is the path of each, and whether it became another kind of thing.
    pub fn take<'a>(&mut self, head: &[u8], count: usize, named: impl Fn(usize) -> (&'a [u8], bool)) {
        let is_quoted = head.contains(&b'"');
        let fits = |file: usize| {
            let before = head.strip_suffix(named(file).0);
            is_quoted || before.is_some_and(|before| before.ends_with(b" b/"))
        };
        if self.file.is_some_and(|file| self.next == file + 1 && named(file).1 && fits(file)) {
            // The second head of one that became another kind of thing.
            return;
        }
        self.file = (self.next..count).find(|file| fits(*file));
        self.next = self.file.map_or(self.next, |file| file + 1);
    }
}

/// Counts the lines that came and went.
fn count_lines(files: &mut [FileDiff], patch: &[u8]) {
    for file in files.iter_mut() {
        file.lines = Some((0, 0));
    }
    let (mut heads, mut is_in_hunk) = (Heads::default(), false);
    for line in patch.split(|byte| *byte == b'\n') {
        if line.starts_with(Heads::BEGINNING) {
            is_in_hunk = false;
            let named = |file: usize| {
                (files[file].path.as_os_str().as_bytes(), files[file].status == Status::Retyped)
            };
            heads.take(line, files.len(), named);
            continue;
        }
        let Some(file) = heads.file.map(|file| &mut files[file]) else { continue };
        is_in_hunk |= line.starts_with(b"@@ ");
        if !is_in_hunk {
            if line.starts_with(b"Binary files ") {
                file.lines = None;
            }
        } else if let Some((added, removed)) = &mut file.lines {
            *added += u64::from(line.first() == Some(&b'+'));
            *removed += u64::from(line.first() == Some(&b'-'));
        }
    }
}

/// The next part, and what is behind the zero byte that ends it.
fn part(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == 0)?;
    Some((&text[..end], &text[end + 1..]))
}

/// `:100644 100755 <object> <object> M`, a path, and another one if it was renamed.
fn raw(text: &[u8]) -> Option<(FileDiff, &[u8])> {
    let (head, rest) = part(text)?;
    let fields: Vec<&[u8]> = head.strip_prefix(b":")?.split(|byte| *byte == b' ').collect();
    let [old_mode, new_mode, _, _, status] = fields[..] else { return None };
    let mode = |field: &[u8]| u32::from_str_radix(std::str::from_utf8(field).ok()?, 8).ok();
    let (modes, status) = ((mode(old_mode)?, mode(new_mode)?), Status::parse(status)?);
    let (first, rest) = part(rest)?;
    let first = path_of(first).to_owned();
    if status != Status::Renamed {
        return Some((FileDiff { path: first, old_path: None, status, modes, lines: None }, rest));
    }
    let (second, rest) = part(rest)?;
    let path = path_of(second).to_owned();
    Some((FileDiff { path, old_path: Some(first), status, modes, lines: None }, rest))
}

/// Lines that came and that went.
type Lines = Option<(u64, u64)>;

/// `1`, tab, `2`, tab, and a path; or no path, and the two of a rename behind it. Dashes for what is no text.
fn count(text: &[u8]) -> Option<(Lines, &[u8])> {
    let (head, mut rest) = part(text)?;
    let mut fields = head.splitn(3, |byte| *byte == b'\t');
    let (added, removed, path) = (fields.next()?, fields.next()?, fields.next()?);
    if path.is_empty() {
        for _ in 0..2 {
            rest = part(rest)?.1;
        }
    }
    if (added, removed) == (b"-", b"-") {
        return Some((None, rest));
    }
    let number = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
    Some((Some((number(added)?, number(removed)?)), rest))
}

impl RealGit {
    /// How the files of a workstream differ from its base. Changes nothing.
    pub async fn diff_work(&self, plan: &WorktreePlan, detail: Detail) -> Result<WorkDiff, GitError> {
        self.run(plan, move |place| async move { place.diff_work(detail).await }).await
    }
}

impl Workplace {
    async fn diff_work(&self, detail: Detail) -> Result<WorkDiff, GitError> {
        self.check_plan()?;
        let lens = self.lens().await?;
        let changes = self.look_through(&lens).await?;
        let room = self.snapshot_room(&lens).await?;
        let index = room.path().join("index");
        let call = || self.through(&lens).env("GIT_INDEX_FILE", &index);
        if !changes.untracked.is_empty() {
            // Named without their contents: the comparison then shows them as new files.
            let list = self.file_in(&room, "paths", all_but_nested(&changes)).await?;
            let mut from_file = OsString::from("--pathspec-from-file=");
            from_file.push(&list);
            let add = call().args(["add", "--intent-to-add", "--ignore-errors", "--pathspec-file-nul"]);
            // What cannot be read is told by `changes` already.
            add.arg(from_file).finish("look at new files").await?;
        }
        self.pass_over(&room, call, &changes).await?;
        let since = self.plan.beginning.since.as_ref().map_or("HEAD", Commit::as_str);
        let compare = async |what: &str| {
            let compare = call().args(["diff", since, "--raw", "-z", "--no-abbrev", what]);
            let compare = compare.args(["--no-ext-diff", "--no-textconv", "--no-color", "--find-renames"]);
            let compare = compare.args(["--ignore-submodules=all", "--src-prefix=a/", "--dst-prefix=b/"]);
            compare.succeed("compare the worktree with its base").await
        };
        // Counting beside printing would have git compare every file twice.
        let answer = compare(if detail == Detail::Lines { "--patch" } else { "--numstat" }).await?;
        let mut diff = WorkDiff::parse(&answer.output).map_err(failed)?;
        diff.unknown = changes.unknown.or_else(|| nested(&changes.nested));
        if answer.is_cut {
            diff.unknown.get_or_insert_with(|| "the change is too large to show whole".to_owned());
            diff.files = WorkDiff::parse(&compare("--numstat").await?.output).map_err(failed)?.files;
        }
        Ok(diff)
    }
}

/// All files as git takes them from a list, repositories inside the worktree left out.
pub(super) fn all_but_nested(changes: &Changes) -> OsString {
    let mut paths = OsString::from(":(top)\0");
    for nested in changes.nested.iter().filter(|nested| nested.as_os_str() != ".") {
        paths.push(":(top,exclude,literal)");
        paths.push(nested);
        paths.push("\0");
    }
    paths
}

/// What is not compared.
fn nested<'a>(nested: impl IntoIterator<Item = &'a PathBuf>) -> Option<String> {
    let names: Vec<_> =
        nested.into_iter().map(|path| super::work::shown(path.as_os_str().as_bytes())).collect();
    (!names.is_empty()).then(|| format!("repositories inside the worktree: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const OBJECTS: &str = "00 11";

    #[test]
    fn files_counts_and_lines_are_read() {
        let output = format!(
            ":100644 100755 {OBJECTS} M\0run.sh\0:000000 120000 {OBJECTS} A\0li\nnk\0:100644 100644 {OBJECTS} R090\0old\0new\0\
             3\t1\trun.sh\0-\t-\tli\nnk\x001\t0\t\0old\0new\0\0diff --git a/run.sh b/run.sh\n"
        );
        let diff = WorkDiff::parse(output.as_bytes()).unwrap();
        let of = |path: &str| diff.files.iter().find(|file| file.path == Path::new(path)).unwrap();
        assert_eq!((of("run.sh").status, of("run.sh").lines), (Status::Modified, Some((3, 1))));
        assert_eq!((of("li\nnk").status, of("li\nnk").lines), (Status::Added, None));
        assert_eq!((of("new").old_path.as_deref(), of("new").lines), (Some(Path::new("old")), Some((1, 0))));
        assert_eq!(of("run.sh").executes(), Some("can be run now"));
        assert_eq!(diff.patch, b"diff --git a/run.sh b/run.sh\n");
    }

    #[test]
    fn lines_are_counted_where_git_does_not() {
        let record = |path: &str, status: &str| format!(":100644 100644 {OBJECTS} {status}\0{path}\0");
        let output = [
            record("a", "M"),
            record("b", "T"),
            record("c.png", "M"),
            record("d", "M"),
            "\0diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1 @@\n--- x\n-y\n+++ z\n".to_owned(),
            "diff --git a/b b/b\n@@ -1 +0,0 @@\n-b\ndiff --git a/b b/b\n@@ -0,0 +1 @@\n+/c\n".to_owned(),
            "diff --git a/c.png b/c.png\nBinary files a/c.png and b/c.png differ\n".to_owned(),
            "diff --git a/d b/d\nold mode 100644\nnew mode 100755\n".to_owned(),
        ];
        let diff = WorkDiff::parse(output.concat().as_bytes()).unwrap();
        let counts: Vec<_> = diff.files.iter().map(|file| file.lines).collect();
        assert_eq!(counts, [Some((1, 2)), Some((1, 1)), None, Some((0, 0))]);
    }

    #[test]
    fn what_is_cut_short_is_an_error_and_nothing_is_nothing() {
        assert_eq!(WorkDiff::parse(b""), Ok(WorkDiff::default()));
        for bad in
            [":", ":100644 100644 0 1 M\0", ":100644 100644 0 1 M\0a\0", ":100644 100644 0 1 M\0a\x001\t"]
        {
            assert!(WorkDiff::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
