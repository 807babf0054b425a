//! Over random trees: a workstream is reported empty exactly when removing it would take nothing that git does not
//! ignore, what is kept before the removal is every byte of that, and the trash has every byte there was.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use ccells_core::ports::{Git as _, WorktreePlan};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::yard::{Yard, agent, everything, path, run_git, write};

/// What becomes of a file of the base.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Left,
    Touched,
    Changed,
    SameLength,
    LineEnds,
    Deleted,
    ModeChanged,
    Linked,
}

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Extra {
    Untracked,
    UntrackedDeep,
    Executable,
    Ignored,
    EmptyDirectory,
    Link,
}

/// What is committed or stashed in the private directory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Private {
    Nothing,
    Commit,
    Branch,
    Stash,
    PackedCommit,
}

fn fates() -> impl Strategy<Value = Fate> {
    use Fate::*;
    prop_oneof![6 => Just(Left), 2 => Just(Touched), 1 => Just(Changed), 1 => Just(SameLength), 1 => Just(LineEnds),
        1 => Just(Deleted), 1 => Just(ModeChanged), 1 => Just(Linked)]
}

fn extras() -> impl Strategy<Value = Vec<Extra>> {
    use Extra::*;
    let one = prop_oneof![
        1 => Just(Untracked), 1 => Just(UntrackedDeep), 1 => Just(Executable), 4 => Just(Ignored),
        4 => Just(EmptyDirectory), 1 => Just(Link)
    ];
    proptest::collection::vec(one, 0..3)
}

fn privates() -> impl Strategy<Value = Private> {
    use Private::*;
    prop_oneof![8 => Just(Nothing), 1 => Just(Commit), 1 => Just(Branch), 1 => Just(Stash), 1 => Just(PackedCommit)]
}

/// Does `fate` to a file, and tells whether its content is then nowhere else.
fn suffer(file: &Path, fate: Fate) -> bool {
    let old = fs::read_to_string(file).unwrap();
    match fate {
        Fate::Left => {}
        Fate::Touched => {
            fs::remove_file(file).unwrap();
            let mode =
                if file.extension().is_some_and(|extension| extension == "sh") { 0o755 } else { 0o644 };
            write(file, &old);
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        }
        Fate::Changed => write(file, "something else entirely\n"),
        Fate::SameLength => write(file, &old.to_ascii_uppercase()),
        Fate::LineEnds => write(file, &old.replace('\n', "\r\n")),
        Fate::Deleted => fs::remove_file(file).unwrap(),
        Fate::ModeChanged => {
            let mode = fs::metadata(file).unwrap().permissions().mode() ^ 0o111;
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
        }
        Fate::Linked => {
            fs::remove_file(file).unwrap();
            symlink("elsewhere", file).unwrap();
        }
    }
    !matches!(fate, Fate::Left | Fate::Touched)
}

/// Adds `extra`, and tells whether it is work.
fn add(top: &Path, extra: Extra) -> bool {
    match extra {
        Extra::Untracked => write(&top.join("new file"), "new"),
        Extra::UntrackedDeep => write(&top.join("dir/deep/er/new"), "deep"),
        Extra::Executable => {
            write(&top.join("tool"), "tool");
            fs::set_permissions(top.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        Extra::Ignored => write(&top.join("ignored/new"), "ignored"),
        Extra::EmptyDirectory => fs::create_dir_all(top.join("empty/er")).unwrap(),
        Extra::Link => {
            let _ = symlink("/nowhere", top.join("link"));
        }
    }
    !matches!(extra, Extra::Ignored | Extra::EmptyDirectory)
}

/// Does something in the private directory that leaves the worktree as it was, and tells whether it is work.
fn commit(plan: &WorktreePlan, private: Private) -> bool {
    let empty = || agent(plan, &["commit", "-q", "--allow-empty", "-m", "x"]);
    match private {
        Private::Nothing => {}
        Private::Commit => drop(empty()),
        Private::PackedCommit => {
            empty();
            agent(plan, &["gc", "-q"]);
        }
        Private::Branch => {
            empty();
            agent(plan, &["branch", "other"]);
            agent(plan, &["reset", "-q", "--soft", "HEAD~1"]);
        }
        Private::Stash => {
            write(&path(&plan.worktree).join("stashed"), "stashed");
            agent(plan, &["stash", "-qu"]);
        }
    }
    private != Private::Nothing
}

/// Every file of the worktree that git does not ignore, as the snapshot has it.
fn differences(yard: &Yard, kept: &str, worktree: &Path) -> String {
    let index = yard.top().join("check-index");
    let lens =
        [("GIT_DIR", &*yard.repo().join(".git")), ("GIT_INDEX_FILE", &*index), ("GIT_WORK_TREE", worktree)];
    let _ = fs::remove_file(&index);
    run_git(worktree, &["read-tree", kept], &lens);
    run_git(worktree, &["status", "--porcelain=v1", "-uall"], &lens)
        .lines()
        .filter(|line| !matches!(line.as_bytes()[1], b' '))
        .collect()
}

#[test]
fn empty_means_that_nothing_would_be_lost() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = std::env::var("CCELLS_TREES").ok().and_then(|number| number.parse().ok()).unwrap_or(40);
    let mut runner =
        TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..Default::default() });
    let trees = (fates(), fates(), fates(), extras(), privates());
    let result = runner.run(&trees, |(first, second, third, extras, private)| {
        runtime.block_on(async {
            let yard = Yard::new();
            let plan = yard.plan();
            yard.create(&plan).await;
            let top = path(&plan.worktree);
            let mut is_work = commit(&plan, private);
            let mut has_changes = false;
            for (name, fate) in [("a.txt", first), ("dir/b.txt", second), ("run.sh", third)] {
                has_changes |= suffer(&top.join(name), fate);
            }
            for extra in extras {
                has_changes |= add(top, extra);
            }
            is_work |= has_changes;
            let report = yard.git.inspect_work(&plan).await.unwrap();
            prop_assert_eq!(report.is_empty(), !is_work, "{:?}", report);
            let kept = yard.git.snapshot_work(&plan).await.unwrap();
            prop_assert_eq!(kept.is_some(), has_changes);
            if let Some(kept) = kept {
                prop_assert_eq!(differences(&yard, kept.as_str(), top), "");
            }
            let whole = everything(top);
            yard.git.remove_worktree(&plan, false).await.unwrap();
            yard.git.retire_home(&plan).await.unwrap();
            prop_assert_eq!(everything(&yard.trash().join("worktree")), whole);
            Ok(())
        })
    });
    result.unwrap();
}
