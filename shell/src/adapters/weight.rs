//! Touches the world: how much room the files below a directory take. Links are not followed, and counting ends when
//! there are too many files or it takes too long.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ccells_core::limits::{WORKTREE_COUNT_MS, WORKTREE_FILES};

/// How much room a directory takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// On the disk, in bytes.
    pub bytes: u64,
    /// Whether there is more that was not counted.
    pub is_more: bool,
}

/// Counts what is below `directory`. Blocks.
pub fn weigh(directory: &Path) -> Weight {
    weigh_within(directory, WORKTREE_FILES, Duration::from_millis(WORKTREE_COUNT_MS))
}

fn weigh_within(directory: &Path, most: usize, patience: Duration) -> Weight {
    let end = Instant::now() + patience;
    let mut weight = Weight::default();
    let mut count = 0;
    let mut waiting: Vec<PathBuf> = vec![directory.to_path_buf()];
    while let Some(next) = waiting.pop() {
        // What goes away, or may not be read, while we count weighs nothing.
        let Ok(entries) = std::fs::read_dir(&next) else { continue };
        for entry in entries.flatten() {
            count += 1;
            if count > most || Instant::now() > end {
                return Weight { is_more: true, ..weight };
            }
            let Ok(facts) = entry.metadata() else { continue };
            weight.bytes += facts.blocks() * 512;
            if facts.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_and_links_are_not_followed() {
        let place = tempfile::tempdir().expect("a temporary directory");
        let (inside, outside) = (place.path().join("in/deep"), place.path().join("out"));
        std::fs::create_dir_all(&inside).expect("a directory");
        std::fs::create_dir(&outside).expect("a directory");
        std::fs::write(outside.join("large"), vec![7; 1 << 20]).expect("a file");
        std::os::unix::fs::symlink(&outside, inside.join("link")).expect("a link");
        std::fs::write(inside.join("small"), vec![7; 40_000]).expect("a file");
        let weight = weigh(&place.path().join("in"));
        assert!((40_000..500_000).contains(&weight.bytes), "{weight:?}");
        assert!(!weight.is_more);
    }

    #[test]
    fn counting_has_an_end() {
        let place = tempfile::tempdir().expect("a temporary directory");
        for number in 0..20 {
            std::fs::write(place.path().join(number.to_string()), "x").expect("a file");
        }
        let long = Duration::from_secs(60);
        assert!(weigh_within(place.path(), 10, long).is_more);
        assert!(!weigh_within(place.path(), 20, long).is_more);
        assert!(weigh_within(place.path(), 20, Duration::ZERO).is_more);
        assert_eq!(weigh(&place.path().join("none")), Weight::default());
    }
}
