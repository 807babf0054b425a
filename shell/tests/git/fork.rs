//! A workstream that goes on from another: its commits, what is not committed, and that the other one does not notice.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use ccells_core::ports::{Base, BaseWish, Fork, Git as _, GitError, WorktreePlan};
use ccells_shell::adapters::git::Detail;

use crate::yard::{LocalWork, Yard, agent, commit, everything, path, reference, wish, write};

const OTHER: &str = "01jd8z5q0v3x7k2m9n4p6r8s2v";

fn fork_of(plan: &WorktreePlan) -> Fork {
    Fork { plan: plan.clone(), name: "fix-login".to_owned(), container: None }
}

/// What a workstream that goes on from this one begins with, and its plan.
async fn forked(yard: &Yard, plan: &WorktreePlan, is_running: bool) -> (Base, WorktreePlan) {
    let wish = wish(None, "ccells/other");
    let source = is_running.then(|| LocalWork(plan.clone()));
    let base = yard.git.fork_base(&wish, &fork_of(plan), source).await.unwrap();
    let other = yard.plan_of(OTHER, "ccells/other", &yard.repo().join(".git"));
    let other = WorktreePlan { base: base.commit.clone(), beginning: base.beginning.clone(), ..other };
    yard.create_whole(&other).await;
    (base, other)
}

/// The files of a worktree, but for its link to git.
fn files(plan: &WorktreePlan) -> Vec<(std::path::PathBuf, (u32, Vec<u8>))> {
    let all = everything(path(&plan.worktree)).into_iter();
    all.filter(|(name, _)| name.as_os_str() != ".git" && !name.starts_with("ignored")).collect()
}

#[tokio::test]
async fn it_has_the_same_commits_and_the_same_files() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    commit(&plan, &[("b.txt", "committed\n"), ("dir/c.txt", "committed\n")], "One");
    let worktree = path(&plan.worktree);
    write(&worktree.join("a.txt"), "changed\n");
    write(&worktree.join("staged.txt"), "staged\n");
    agent(&plan, &["add", "staged.txt"]);
    write(&worktree.join("new/un\u{fc}sual\nname"), "untracked\n");
    write(&worktree.join("ignored/not.txt"), "ignored\n");
    fs::remove_file(worktree.join("dir/b.txt")).unwrap();
    fs::set_permissions(worktree.join("b.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/etc/hostname", worktree.join("link")).unwrap();
    let refs = yard.user(&["for-each-ref"]);
    let before = (yard.fingerprint(), everything(path(&plan.home)), everything(worktree));

    let (base, other) = forked(&yard, &plan, true).await;
    let head = agent(&plan, &["rev-parse", "HEAD"]);
    assert_eq!(base.commit.as_str(), head);
    let note = format!("it goes on from `fix-login` at {} with what is not committed there", &head[..12]);
    assert_eq!(base.note, Some(note));
    assert_eq!(files(&plan), files(&other));
    assert!(!path(&other.worktree).join("ignored").exists(), "what git ignores is left out");
    assert_eq!(agent(&other, &["rev-parse", "HEAD"]), head);
    let status = agent(&other, &["-c", "core.quotePath=false", "status", "--porcelain", "-uall"]);
    let mut lines: Vec<&str> = status.lines().map(str::trim).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["?? \"new/un\u{fc}sual\\nname\"", "?? link", "?? staged.txt", "D dir/b.txt", "M a.txt", "M b.txt"]
    );
    let diff = yard.git.diff_work(&other, Detail::Files).await.unwrap();
    assert!(
        diff.files.iter().any(|file| file.path.ends_with("c.txt")),
        "the commits are shown as well: {diff:?}"
    );
    assert!(!yard.git.inspect_work(&other).await.unwrap().is_empty(), "what is not committed would be lost");

    let now = (yard.fingerprint(), everything(path(&plan.home)), everything(worktree));
    assert_eq!(before.0, now.0, "nothing of the user's moves");
    assert_eq!(before.2, now.2, "nor a file of the other's");
    let is_same = |name: &std::path::Path| before.1.get(name) == now.1.get(name);
    assert!(before.1.keys().filter(|name| !name.starts_with("lens")).all(|name| is_same(name)));
    for name in yard
        .user(&["for-each-ref"])
        .lines()
        .filter(|line| !line.contains(OTHER) && !line.contains("ccells/other"))
    {
        assert!(refs.contains(name), "{name} is new");
    }
    // Done again, what is there stays.
    write(&path(&other.worktree).join("a.txt"), "gone on\n");
    yard.git.add_worktree(&other).await.unwrap();
    assert_eq!(fs::read_to_string(path(&other.worktree).join("a.txt")).unwrap(), "gone on\n");
    yard.git.remove_worktree(&other, false).await.unwrap();
    yard.git.retire_home(&other).await.unwrap();
    assert_eq!(reference(&yard, &format!("refs/ccells/{OTHER}/carried")), None);
    yard.git.restore_work(&other).await.unwrap();
    assert_eq!(fs::read_to_string(path(&other.worktree).join("a.txt")).unwrap(), "gone on\n");
    yard.user(&["fsck", "--connectivity-only"]);
}

#[tokio::test]
async fn one_without_changes_goes_on_from_the_commit_alone() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    commit(&plan, &[("b.txt", "committed\n")], "One");
    let (base, other) = forked(&yard, &plan, true).await;
    assert_eq!((base.beginning.carried, agent(&other, &["status", "--porcelain"])), (None, String::new()));
    assert_eq!(files(&plan), files(&other));
}

#[tokio::test]
async fn without_its_container_the_files_on_disk_are_all_there() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    commit(&plan, &[("b.txt", "committed\n")], "One");
    write(&path(&plan.worktree).join("c.txt"), "not committed\n");
    let (base, other) = forked(&yard, &plan, false).await;
    assert_eq!(base.commit, plan.base);
    assert!(base.note.unwrap().contains("its container does not run"));
    assert_eq!(files(&plan), files(&other));
}

#[tokio::test]
async fn a_crash_while_it_is_made_is_made_good() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    write(&path(&plan.worktree).join("a.txt"), "changed\n");
    write(&path(&plan.worktree).join("c.txt"), "new\n");
    let (_, other) = forked(&yard, &plan, true).await;
    let worktree = path(&other.worktree);
    fs::remove_file(worktree.join("c.txt")).unwrap();
    write(&worktree.join("a.txt"), "one\n");
    fs::write(worktree.with_file_name(format!(".{OTHER}.adding")), "").unwrap();
    yard.git.add_worktree(&other).await.unwrap();
    assert_eq!(files(&plan), files(&other));
}

#[tokio::test]
async fn a_branch_that_is_taken_is_refused_before_anything_is_fetched() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let wish = BaseWish { branch: "main".to_owned(), ..wish(None, "") };
    let error = yard.git.fork_base(&wish, &fork_of(&plan), Some(LocalWork(plan.clone()))).await.unwrap_err();
    assert_eq!(error, GitError::BranchExists { branch: "main".to_owned() });
}
