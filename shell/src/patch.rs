//! A difference as a screen shows it: its files, and their lines cut and numbered, within bounds. The text stays as the
//! agent wrote it; whoever shows a line makes it safe.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use ccells_core::limits::{DIFF_SHOWN_BYTES, DIFF_SHOWN_FILES, DIFF_SHOWN_LINES};
use memchr::{memchr, memchr2_iter, memmem};

use crate::adapters::git::{FileDiff, Heads, Status, WorkDiff};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word of git about the file.
    Note,
    /// The head of a hunk.
    Hunk,
    /// A line that is as it was.
    Same,
    /// A line that came.
    Added,
    /// A line that went.
    Removed,
}

impl Kind {
    /// The sign before such a line, where it has one.
    pub fn sign(self) -> Option<char> {
        match self {
            Self::Note | Self::Hunk => None,
            Self::Same => Some(' '),
            Self::Added => Some('+'),
            Self::Removed => Some('-'),
        }
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its number in the file: as it is now, or as it was where the line went. None for what is no line of the file.
    pub number: Option<u32>,
    /// Its text without its sign. An agent wrote it.
    pub text: &'a [u8],
}

/// One file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Where it is, or was. An agent named it.
    pub path: String,
    /// Where it was before, if it was renamed.
    pub old_path: Option<String>,
    /// What happened to it, as git's letter.
    pub letter: char,
    /// Lines that came and lines that went; nothing for a file that is no text.
    pub lines: Option<(u64, u64)>,
    /// Why the change may run on somebody's machine, if it may.
    pub executes: Option<&'static str>,
    /// Whether its lines, or the rest of them, are beyond what is kept.
    pub is_cut: bool,
    /// Its path as git knows it, which need not be text.
    name: PathBuf,
    last_number: u32,
    rows: Range<usize>,
}

/// Where a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    start: u32,
    end: u32,
    number: u32,
    kind: Kind,
}

/// A place in it: a file, and a line of that file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Which file.
    pub file: usize,
    /// Which of its lines.
    pub row: usize,
}

/// How a workstream differs from its base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The commit that it is compared with.
    pub base: String,
    /// The files, in the order of their paths.
    pub files: Vec<Changed>,
    /// What of it is not here, in words.
    pub unknown: Option<String>,
    text: Vec<u8>,
    rows: Vec<Row>,
}

impl Patch {
    /// Cuts up what git printed. What is beyond the limits is left out, and that is told.
    pub fn of(diff: WorkDiff, base: &str) -> Self {
        let WorkDiff { files, patch: mut text, unknown } = diff;
        let count = files.len();
        let is_long = text.len() > DIFF_SHOWN_BYTES;
        text.truncate(DIFF_SHOWN_BYTES);
        text.shrink_to_fit();
        let files: Vec<Changed> = files.into_iter().take(DIFF_SHOWN_FILES).map(changed).collect();
        let mut patch = Self { base: base.to_owned(), files, unknown: None, text, rows: Vec::new() };
        let is_cut = patch.read(is_long);
        let mut missing: Vec<String> = unknown.into_iter().collect();
        if count > patch.files.len() {
            missing.push(format!("only the first {} of {count} files are here", patch.files.len()));
        }
        if is_cut {
            missing.push("the change is too long for all of its lines to be here".to_owned());
        }
        patch.unknown = (!missing.is_empty()).then(|| missing.join("; "));
        patch
    }

    /// How many lines of a file there are.
    pub fn rows(&self, file: usize) -> usize {
        self.files.get(file).map_or(0, |file| file.rows.len())
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The line at a place.
    pub fn line(&self, place: Place) -> Option<Line<'_>> {
        let rows = self.files.get(place.file)?.rows.clone();
        self.row(rows.start + place.row).filter(|_| place.row < rows.len())
    }

    /// The largest number that a line of a file has.
    pub fn last_number(&self, file: usize) -> u32 {
        self.files.get(file).map_or(0, |file| file.last_number)
    }

    /// How many lines came and went in all.
    pub fn totals(&self) -> (u64, u64) {
        let lines = self.files.iter().filter_map(|file| file.lines);
        lines.fold((0, 0), |(added, removed), (came, went)| (added + came, removed + went))
    }

    /// The next head of a hunk after `from`, or the one before it, in whichever file.
    pub fn next_hunk(&self, from: Place, is_backward: bool) -> Option<Place> {
        let (at, after) = (self.index(from), self.after(from));
        let is_hunk = |index: &usize| self.rows[*index].kind == Kind::Hunk;
        let found =
            if is_backward { (0..at).rev().find(is_hunk) } else { (after..self.rows.len()).find(is_hunk) };
        found.map(|index| self.place(index))
    }

    /// The next line after `from` in which `wanted` is, or the one before it, in whichever file and round and round.
    /// Capitals count only when `wanted` has some.
    pub fn find(&self, wanted: &str, from: Place, is_backward: bool) -> Option<Place> {
        let (at, after, count) = (self.index(from), self.after(from), self.rows.len());
        if wanted.is_empty() || count == 0 {
            return None;
        }
        let is_exact = wanted.chars().any(char::is_uppercase);
        let finder = memmem::Finder::new(wanted);
        let has_it = |index: &usize| {
            let Some(line) = self.row(*index) else { return false };
            if is_exact { finder.find(line.text).is_some() } else { has(line.text, wanted.as_bytes()) }
        };
        let found = if is_backward {
            (0..at).rev().chain((at.min(count)..count).rev()).find(has_it)
        } else {
            (after..count).chain(0..after.min(count)).find(has_it)
        };
        found.map(|index| self.place(index))
    }

    fn row(&self, index: usize) -> Option<Line<'_>> {
        let row = self.rows.get(index)?;
        let text = &self.text[row.start as usize..row.end as usize];
        Some(Line { kind: row.kind, number: (row.number > 0).then_some(row.number), text })
    }

    /// The place among all lines; that of the next line where the file has none.
    fn index(&self, place: Place) -> usize {
        let file = self.files.get(place.file);
        file.map_or(0, |file| file.rows.start + place.row.min(file.rows.len().saturating_sub(1)))
    }

    /// The place among all lines of what comes next.
    fn after(&self, place: Place) -> usize {
        self.index(place) + usize::from(self.rows(place.file) > 0)
    }

    fn place(&self, index: usize) -> Place {
        // Those that have no lines begin where the next one does.
        let file = self.files.partition_point(|file| file.rows.end <= index);
        let row = self.files.get(file).map_or(0, |file| index - file.rows.start);
        Place { file, row }
    }

    /// Finds the lines, and whose they are; whether there are more than are kept.
    fn read(&mut self, is_long: bool) -> bool {
        let text = std::mem::take(&mut self.text);
        let mut reader =
            Reader { files: &mut self.files, rows: Vec::new(), heads: Heads::default(), hunk: None };
        let mut at = 0;
        while at < text.len() && reader.rows.len() < DIFF_SHOWN_LINES {
            let end = memchr(b'\n', &text[at..]).map_or(text.len(), |length| at + length);
            reader.take(&text[at..end], at);
            at = end + 1;
        }
        let is_cut = is_long || at < text.len();
        reader.end(is_cut);
        self.rows = std::mem::take(&mut reader.rows);
        self.text = text;
        is_cut
    }
}

/// Reads lines one after the other.
struct Reader<'a> {
    files: &'a mut [Changed],
    rows: Vec<Row>,
    heads: Heads,
    /// The numbers that the next lines of this hunk have, as it was and as it is.
    hunk: Option<(u32, u32)>,
}

impl Reader<'_> {
    fn take(&mut self, line: &[u8], at: usize) {
        if line.starts_with(Heads::BEGINNING) {
            return self.begin(line);
        }
        let Some(file) = self.heads.file else { return };
        let Some((kind, number)) = self.kind(line) else { return };
        let start = if kind.sign().is_some() { (at + 1).min(at + line.len()) } else { at };
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(at + line.len())) else { return };
        self.rows.push(Row { start, end, number, kind });
        let file = &mut self.files[file];
        (file.rows.end, file.last_number) = (self.rows.len(), file.last_number.max(number));
    }

    /// Takes the head of a file's lines. Those that were passed over have none.
    fn begin(&mut self, head: &[u8]) {
        let before = self.heads.next;
        let is_retyped = |file: &Changed| file.letter == Status::Retyped.letter();
        let named =
            |file: usize| (self.files[file].name.as_os_str().as_bytes(), is_retyped(&self.files[file]));
        self.heads.take(head, self.files.len(), named);
        self.hunk = None;
        for file in &mut self.files[before..self.heads.next] {
            file.rows = self.rows.len()..self.rows.len();
        }
    }

    fn kind(&mut self, line: &[u8]) -> Option<(Kind, u32)> {
        if let Some(numbers) = line.strip_prefix(b"@@ ").and_then(numbers) {
            self.hunk = Some(numbers);
            return Some((Kind::Hunk, 0));
        }
        let Some((old, new)) = &mut self.hunk else {
            let is_told = [&b"index "[..], b"--- ", b"+++ "].iter().any(|word| line.starts_with(word));
            return (!is_told && !line.is_empty()).then_some((Kind::Note, 0));
        };
        let (was, is) = (*old, *new);
        match line.first() {
            Some(b'+') => {
                *new += 1;
                Some((Kind::Added, is))
            }
            Some(b'-') => {
                *old += 1;
                Some((Kind::Removed, was))
            }
            // A blank one may be without its blank.
            Some(b' ') | None => {
                (*old, *new) = (was + 1, is + 1);
                Some((Kind::Same, is))
            }
            Some(_) => Some((Kind::Note, 0)),
        }
    }

    /// Files that were not come to have no lines; the last one that was may lack some.
    fn end(&mut self, is_cut: bool) {
        let count = self.rows.len();
        for file in &mut self.files[self.heads.next..] {
            (file.rows, file.is_cut) = (count..count, is_cut);
        }
        if let Some(last) = self.heads.file.filter(|_| is_cut) {
            self.files[last].is_cut = true;
        }
    }
}

/// `-1,3 +1,4 @@ …`: where the hunk begins, as it was and as it is.
fn numbers(head: &[u8]) -> Option<(u32, u32)> {
    let mut words = head.split(|byte| *byte == b' ');
    let mut number = |sign: u8| {
        let word = words.next()?.strip_prefix(&[sign])?;
        let digits = word.split(|byte| *byte == b',').next()?;
        let number: u32 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        // As many lines as there are bytes can follow.
        number.checked_add(u32::try_from(DIFF_SHOWN_BYTES).ok()?).map(|_| number)
    };
    Some((number(b'-')?, number(b'+')?))
}

fn changed(file: FileDiff) -> Changed {
    Changed {
        executes: file.executes(),
        letter: file.status.letter(),
        lines: file.lines,
        is_cut: false,
        last_number: 0,
        rows: 0..0,
        old_path: file.old_path.map(|path| path.to_string_lossy().into_owned()),
        path: file.path.to_string_lossy().into_owned(),
        name: file.path,
    }
}

/// Whether `wanted` is in `text`, in small letters or capitals.
fn has(text: &[u8], wanted: &[u8]) -> bool {
    let Some(first) = wanted.first() else { return true };
    let is_here =
        |at: usize| text.get(at..at + wanted.len()).is_some_and(|part| part.eq_ignore_ascii_case(wanted));
    memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text).any(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, status: Status) -> FileDiff {
        let modes = (0o100_644, 0o100_644);
        FileDiff { path: PathBuf::from(path), old_path: None, status, modes, lines: Some((1, 1)) }
    }

    fn patch(files: Vec<FileDiff>, text: &str) -> Patch {
        Patch::of(WorkDiff { files, patch: text.as_bytes().to_vec(), unknown: None }, "1a2b3c")
    }

    fn lines(patch: &Patch, file: usize) -> Vec<(Kind, Option<u32>, String)> {
        let line = |row| patch.line(Place { file, row }).expect("there are so many");
        let of = |row| {
            let Line { kind, number, text } = line(row);
            (kind, number, String::from_utf8_lossy(text).into_owned())
        };
        (0..patch.rows(file)).map(of).collect()
    }

    const TWO: &str = "diff --git a/a.rs b/a.rs\nindex 1..2 100644\n--- a/a.rs\n+++ b/a.rs\n@@ -3,3 +3,3 @@ fn a()\n one\n--- two\n+++ 2\n\n\
                       diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n";

    #[test]
    fn lines_belong_to_their_files_and_have_their_numbers() {
        let patch = patch(vec![file("a.rs", Status::Modified), file("run.sh", Status::Modified)], TWO);
        let text = |kind, number, text: &str| (kind, number, text.to_owned());
        assert_eq!(
            lines(&patch, 0),
            [
                text(Kind::Hunk, None, "@@ -3,3 +3,3 @@ fn a()"),
                text(Kind::Same, Some(3), "one"),
                text(Kind::Removed, Some(4), "-- two"),
                text(Kind::Added, Some(4), "++ 2"),
                text(Kind::Same, Some(5), ""),
            ]
        );
        assert_eq!(
            lines(&patch, 1),
            [text(Kind::Note, None, "old mode 100644"), text(Kind::Note, None, "new mode 100755")]
        );
        assert_eq!((patch.unknown.clone(), patch.last_number(0)), (None, 5));
        assert_eq!(patch.line(Place { file: 0, row: 5 }), None, "the next line is another file's");
        assert_eq!(patch.line(Place { file: 2, row: 0 }), None);
    }

    #[test]
    fn one_that_became_another_kind_of_thing_has_two_heads_and_one_without_lines_none() {
        let text = "diff --git a/b b/b\ndeleted file mode 100644\ndiff --git a/b b/b\nnew file mode 120000\n\
                    diff --git a/d b/d\nnew file mode 100644\n";
        let files = ["a", "c"].map(|path| file(path, Status::Modified));
        let [a, c] = files;
        let patch = patch(vec![a, file("b", Status::Retyped), c, file("d", Status::Added)], text);
        assert_eq!([0, 1, 2, 3].map(|file| patch.rows(file)), [0, 2, 0, 1]);
        assert_eq!(patch.place(2), Place { file: 3, row: 0 });
    }

    #[test]
    fn hunks_and_texts_are_found_across_files() {
        let text = "diff --git a/a b/a\n@@ -1 +1 @@\n-Old\n+new\ndiff --git a/b b/b\n@@ -1 +1 @@\n-old\n+x\n";
        let patch = patch(vec![file("a", Status::Modified), file("b", Status::Modified)], text);
        let at = |file, row| Place { file, row };
        assert_eq!(patch.next_hunk(at(0, 0), false), Some(at(1, 0)));
        assert_eq!(patch.next_hunk(at(1, 0), false), None);
        assert_eq!(patch.next_hunk(at(1, 2), true), Some(at(1, 0)));
        assert_eq!(patch.find("old", at(0, 0), false), Some(at(0, 1)));
        assert_eq!(patch.find("old", at(0, 1), false), Some(at(1, 1)));
        assert_eq!(patch.find("old", at(1, 1), false), Some(at(0, 1)), "after the last comes the first");
        assert_eq!(patch.find("old", at(0, 1), true), Some(at(1, 1)));
        assert_eq!(patch.find("Old", at(1, 0), false), Some(at(0, 1)));
        assert_eq!(patch.find("nowhere", at(0, 0), false), None);
        assert_eq!(Patch::default().find("old", at(3, 3), false), None);
    }

    #[test]
    fn what_is_beyond_the_limits_is_left_out_and_told() {
        let long = format!("diff --git a/a b/a\n@@ -1 +1,9 @@\n{}", "+x\n".repeat(DIFF_SHOWN_LINES));
        let patch = patch(vec![file("a", Status::Modified), file("b", Status::Modified)], &long);
        assert_eq!((patch.rows(0), patch.files[0].is_cut), (DIFF_SHOWN_LINES, true));
        assert_eq!((patch.rows(1), patch.files[1].is_cut), (0, true));
        assert!(patch.unknown.is_some_and(|it| it.contains("too long")));
        let many = (0..=DIFF_SHOWN_FILES).map(|number| file(&number.to_string(), Status::Added)).collect();
        let patch = self::patch(many, "");
        assert_eq!(patch.files.len(), DIFF_SHOWN_FILES);
        assert!(patch.unknown.is_some_and(|it| it.starts_with("only the first")));
    }

    proptest::proptest! {
        /// Whatever an agent makes git print: every line is some file's, and every place is one that there is.
        #[test]
        fn any_text_is_cut_up(text in "(diff --git a/[ab] b/[ab]\n|@@ -[0-9]{1,11}(,3)? \\+[0-9]{1,11} @@\n|[-+ \\\\]\\PC{0,9}\n|\\PC{0,9}\n|\n){0,40}", row in 0_usize..50) {
            let files = vec![file("a", Status::Retyped), file("b", Status::Modified), file("c", Status::Added)];
            let patch = patch(files, &text);
            let count: usize = (0..3).map(|file| patch.rows(file)).sum();
            proptest::prop_assert_eq!(count, patch.rows.len());
            for index in 0..count {
                proptest::prop_assert_eq!(patch.index(patch.place(index)), index);
            }
            for file in 0..4 {
                for is_backward in [false, true] {
                    let from = Place { file, row };
                    for found in [patch.find("a", from, is_backward), patch.next_hunk(from, is_backward)].into_iter().flatten() {
                        proptest::prop_assert!(patch.line(found).is_some());
                    }
                }
            }
        }
    }
}
