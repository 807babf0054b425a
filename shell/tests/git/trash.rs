//! What is removed is in the trash, whole.

use std::fs;
use std::path::Path;

use ccells_core::ids::Commit;
use ccells_core::ports::{Git as _, WorktreePlan};

use crate::yard::{ID, Yard, end, everything, path, reference, run_git, text, write};

/// Writes what no snapshot of git's would hold, and some of what it would.
fn make_a_mess(plan: &WorktreePlan) {
    let top = path(&plan.worktree);
    write(&top.join("a.txt"), "changed\n");
    write(&top.join("idea.txt"), "untracked\n");
    write(&top.join("ignored/build.log"), "ignored by the user\n");
    // An agent can hide its work from git with one line.
    write(&top.join("hidden/.gitignore"), "*\n");
    write(&top.join("hidden/work.rs"), "hidden by the agent\n");
    fs::create_dir_all(top.join("empty/er")).unwrap();
    std::os::unix::fs::symlink("/nowhere", top.join("link")).unwrap();
    run_git(top, &["init", "-q", "nested"], &[]);
    write(&top.join("nested/file"), "in a repository of its own\n");
    run_git(&top.join("nested"), &["add", "-A"], &[]);
    let who = ["-c", "user.name=x", "-c", "user.email=x"];
    run_git(&top.join("nested"), &[&who[..], &["commit", "-q", "-m", "x"]].concat(), &[]);
}

#[tokio::test]
async fn what_is_removed_is_in_the_trash_byte_for_byte() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let before = yard.fingerprint();
    make_a_mess(&plan);
    write(&path(&plan.home).join("home/.agent/conversation"), "all that was said\n");
    let worktree = everything(path(&plan.worktree));
    assert!(worktree.contains_key(Path::new("ignored/build.log")));
    let kept = end(&yard, &plan).await;

    assert_eq!(everything(&yard.trash().join("worktree")), worktree);
    let said = fs::read_to_string(yard.trash().join("home/.agent/conversation")).unwrap();
    assert_eq!(said, "all that was said\n");
    assert!(yard.trash().join("registration/HEAD").is_file(), "what git knew of the worktree");
    let removed = yard.removed();
    assert_eq!(removed.workstream, plan.workstream);
    assert_eq!((removed.branch.as_str(), removed.branch_tip), ("ccells/fix-login", Some(plan.base.clone())));
    assert!(removed.is_branch_removed);
    assert_eq!(removed.snapshot, Some(kept));
    assert_eq!((&removed.repo_path, &removed.git_dir), (&plan.repo, &plan.git_dir));
    let pinned = reference(&yard, &format!("refs/ccells/trash-base/{ID}"));
    assert_eq!(pinned.as_deref(), Some(plan.base.as_str()), "its objects are borrowed from there");
    assert_eq!(before, yard.fingerprint());
    assert_eq!(yard.user(&["worktree", "list"]).lines().count(), 1);
}

#[tokio::test]
async fn what_the_user_committed_in_a_worktree_is_kept_with_it() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = path(&plan.worktree);
    let commit = |message| {
        let who = ["-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m"];
        run_git(top, &[&who[..], &[message]].concat(), &[]);
        run_git(top, &["rev-parse", "HEAD"], &[])
    };
    let tip = commit("on the branch");
    run_git(top, &["checkout", "-q", "--detach"], &[]);
    let head = commit("on no branch");
    yard.git.remove_worktree(&plan, false).await.unwrap();
    yard.git.retire_home(&plan).await.unwrap();
    let removed = yard.removed();
    assert_eq!(removed.branch_tip.as_ref().map(Commit::as_str), Some(tip.as_str()));
    assert!(!removed.is_branch_removed, "it had moved");
    assert_eq!(reference(&yard, &format!("refs/ccells/trash-tip/{ID}")), Some(tip));
    assert_eq!(reference(&yard, &format!("refs/ccells/trash-head/{ID}")), Some(head));
}

#[tokio::test]
async fn the_branch_that_went_is_written_down_once() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    yard.git.remove_worktree(&plan, false).await.unwrap();
    let first = fs::read(path(&plan.home).join("removed.json")).unwrap();
    // Taken up again after a crash the branch is not there, and that is our own doing.
    yard.git.remove_worktree(&plan, false).await.unwrap();
    yard.git.retire_home(&plan).await.unwrap();
    assert_eq!(fs::read(yard.trash().join("removed.json")).unwrap(), first);
    assert!(yard.removed().is_branch_removed && yard.removed().branch_tip.is_some());
}

#[tokio::test]
async fn on_two_file_systems_the_snapshot_is_the_copy() {
    use std::os::unix::fs::MetadataExt as _;
    let yard = Yard::new();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED on_two_file_systems_the_snapshot_is_the_copy: there is no /dev/shm");
        return;
    };
    let device = |place: &Path| fs::metadata(place).unwrap().dev();
    if device(elsewhere.path()) == device(&yard.top()) {
        eprintln!("SKIPPED on_two_file_systems_the_snapshot_is_the_copy: /dev/shm is the same one");
        return;
    }
    let mut plan = yard.plan();
    plan.worktree = text(&elsewhere.path().join("worktrees").join(ID));
    yard.create(&plan).await;
    write(&path(&plan.worktree).join("idea.txt"), "a good one\n");
    let kept = end(&yard, &plan).await;
    assert!(!path(&plan.worktree).exists() && !yard.trash().join("worktree").exists());
    assert_eq!(yard.user(&["show", &format!("{kept}:idea.txt")]), "a good one");
    assert_eq!(yard.removed().snapshot, Some(kept));
    let left = fs::read_dir(elsewhere.path().join("worktrees")).unwrap().count();
    assert_eq!(left, 0, "nothing stays behind");
}
