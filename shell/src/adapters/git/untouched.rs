//! Files of the base that nobody has touched since they were checked out. Where the user's filters or line ends make
//! a checkout differ from what is committed, git has to read a file anew whenever it is as young as the index, and the
//! lens, which takes files for bytes, then calls it modified. The kernel knows better: a change of a file sets its
//! change time, to the nanosecond, and no agent can set that back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ccells_core::ports::GitError;

use super::command::{path_of, records};
use super::lens::Lens;
use super::{Workplace, blocking};

/// What an index remembers of a file: seconds and nanoseconds of its change and of its modification, inode, size. The
/// index has 32 bits for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    changed: (u32, u32),
    modified: (u32, u32),
    inode: u32,
    size: u32,
}

impl Remembered {
    /// Reads the five lines that git prints of one file; the rest is what comes after them.
    fn parse(lines: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = lines;
        let mut numbers = Vec::with_capacity(10);
        for _ in 0..5 {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let line = std::str::from_utf8(&rest[..end]).ok()?;
            numbers.extend(line.split([' ', '\t', ':']).filter_map(|word| word.parse::<u32>().ok()));
            rest = &rest[end + 1..];
        }
        // Seconds and nanoseconds, twice; device and inode; user and group; size. Flags may look like a number too.
        let [changed, changed_ns, modified, modified_ns, _device, inode, _user, _group, size, ..] =
            numbers[..]
        else {
            return None;
        };
        Some((Self { changed: (changed, changed_ns), modified: (modified, modified_ns), inode, size }, rest))
    }

    /// Whether this is the file, with nothing done to it since.
    fn is_of(&self, facts: &fs::Metadata) -> bool {
        // As the index cuts them.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the index cuts them too"
        )]
        let now = Self {
            changed: (facts.ctime() as u32, facts.ctime_nsec() as u32),
            modified: (facts.mtime() as u32, facts.mtime_nsec() as u32),
            inode: facts.ino() as u32,
            size: facts.len() as u32,
        };
        *self == now && facts.is_file() && now.changed.1 != 0
    }
}

/// Reads what git prints as `ls-files -z --debug`. Nothing when it is not what we know: its form is not promised.
pub fn parse_remembered(listing: &[u8]) -> BTreeMap<&Path, Remembered> {
    let mut all = BTreeMap::new();
    let mut path = None;
    for record in records(listing) {
        let next = match path {
            None => record,
            Some(path) => match Remembered::parse(record) {
                Some((remembered, rest)) => {
                    all.insert(path, remembered);
                    rest
                }
                None => return BTreeMap::new(),
            },
        };
        path = Some(path_of(next));
    }
    all
}

impl Workplace {
    /// Those of the `modified` files that are as they were checked out.
    pub(super) async fn untouched(
        &self,
        lens: &Lens,
        modified: Vec<PathBuf>,
    ) -> Result<BTreeSet<PathBuf>, GitError> {
        if modified.is_empty() {
            return Ok(BTreeSet::new());
        }
        let listing = self.through(lens).args(["ls-files", "-z", "--debug"]);
        let listing = listing.succeed("list what the index remembers").await?;
        let place = self.clone();
        blocking(move || {
            let remembered = parse_remembered(&listing.output);
            let is_untouched = |path: &PathBuf| {
                let facts = fs::symlink_metadata(place.worktree().join(path)).ok();
                facts.zip(remembered.get(path.as_path())).is_some_and(|(facts, it)| it.is_of(&facts))
            };
            Ok(modified.into_iter().filter(is_untouched).collect())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: u32) -> String {
        format!(
            "  ctime: {second}:9\n  mtime: 3:4\n  dev: 65024\tino: 77\n  uid: 0\tgid: 0\n  size: 15\tflags: 0\n"
        )
    }

    #[test]
    fn names_with_newlines_are_names() {
        let listing = format!("a\0{}b\nc\0{}", entry(1), entry(2));
        let all = parse_remembered(listing.as_bytes());
        let remembered = |second| Remembered { changed: (second, 9), modified: (3, 4), inode: 77, size: 15 };
        assert_eq!(
            all,
            BTreeMap::from([(Path::new("a"), remembered(1)), (Path::new("b\nc"), remembered(2))])
        );
    }

    #[test]
    fn what_is_not_understood_says_nothing_of_any_file() {
        for bad in ["", "a", "a\0", "a\0  ctime: 1:2\n", &format!("a\0{}b\0  mtime: 1\n", entry(1))] {
            let all = parse_remembered(bad.as_bytes());
            assert!(all.is_empty(), "{bad:?}: {all:?}");
        }
    }
}
