//! What is removed is in the trash, whole, until it comes back or expires.

use std::fs;
use std::path::{Path, PathBuf};

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ccells_core::event::Repo;
use ccells_core::ids::{Commit, RepoId};
use ccells_core::ports::{Git as _, WorktreePlan};
use ccells_core::record::{self, RemovedRecord};
use ccells_core::time::Wall;
use ccells_core::trash::Keeping;
use ccells_shell::adapters::git::{RealGit, list_trash};
use ccells_shell::expiry::Bin;
use ccells_shell::paths::HomePaths;

use crate::yard::{ID, Yard, agent, end, everything, path, reference, run_git, text, write};

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

#[tokio::test]
async fn what_was_removed_comes_back_byte_for_byte_and_the_agent_goes_on() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    let before = yard.fingerprint();
    make_a_mess(&plan);
    agent(&plan, &["add", "idea.txt"]);
    agent(&plan, &["commit", "-q", "-m", "an idea"]);
    write(&path(&plan.home).join("home/.agent/conversation"), "all that was said\n");
    run_git(path(&plan.worktree), &["add", "a.txt"], &[]);
    let (worktree, private) = (everything(path(&plan.worktree)), everything(&path(&plan.home).join("git")));
    let status = |directory: &Path| run_git(directory, &["status", "--porcelain", "--branch"], &[]);
    let shown = status(path(&plan.worktree));
    let work = yard.git.inspect_work(&plan).await.unwrap();
    end(&yard, &plan).await;

    assert_eq!(yard.git.restore_work(&plan).await.unwrap(), plan.branch);
    assert_eq!(everything(path(&plan.worktree)), worktree);
    assert_eq!(everything(&path(&plan.home).join("git")), private);
    assert_eq!(status(path(&plan.worktree)), shown, "the user's git sees it as before, staged files too");
    assert_eq!(yard.git.inspect_work(&plan).await.unwrap(), work);
    assert_eq!(agent(&plan, &["log", "-1", "--format=%s"]), "an idea");
    agent(&plan, &["fsck", "--connectivity-only"]);
    assert_eq!(before, yard.fingerprint());
}

#[tokio::test]
async fn a_branch_that_moved_or_is_taken_is_left_and_another_one_is_made() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    end_clean(&yard, &plan).await;
    yard.user(&["commit", "-q", "--allow-empty", "-m", "more"]);
    yard.user(&["branch", "ccells/fix-login"]);
    yard.user(&["branch", "ccells/fix-login-2/below"]);
    let before = yard.fingerprint();
    for _ in 0..2 {
        assert_eq!(yard.git.restore_work(&plan).await.unwrap(), "ccells/fix-login-3");
    }
    assert_eq!(before, yard.fingerprint());
    let stands = |name: &str| reference(&yard, &format!("refs/heads/{name}"));
    assert_eq!(stands("ccells/fix-login-3").as_deref(), Some(plan.base.as_str()));
    assert_ne!(stands("ccells/fix-login").as_deref(), Some(plan.base.as_str()), "it is the user's");
    let head = run_git(path(&plan.worktree), &["symbolic-ref", "HEAD"], &[]);
    assert_eq!(head, "refs/heads/ccells/fix-login-3");
    let said = fs::read_to_string(path(&plan.home).join("workstream.json")).unwrap();
    assert!(said.contains("ccells/fix-login-3"), "{said}");
}

#[tokio::test]
async fn a_branch_that_stayed_where_it_was_is_used_again() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    let who = ["-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m", "mine"];
    run_git(path(&plan.worktree), &who, &[]);
    let tip = run_git(path(&plan.worktree), &["rev-parse", "HEAD"], &[]);
    end_clean(&yard, &plan).await;
    yard.user(&["branch", "-q", "-D", "ccells/fix-login"]);
    yard.user(&["gc", "-q", "--prune=now"]);
    assert_eq!(yard.git.restore_work(&plan).await.unwrap(), plan.branch);
    assert_eq!(reference(&yard, "refs/heads/ccells/fix-login"), Some(tip));
    assert_eq!(reference(&yard, &format!("refs/ccells/trash-tip/{ID}")), None);
}

#[tokio::test]
async fn what_is_in_the_way_of_a_worktree_is_left_there() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    end_clean(&yard, &plan).await;
    write(&path(&plan.worktree).join("file"), "somebody's");
    let refused = yard.git.restore_work(&plan).await.unwrap_err();
    assert!(refused.to_string().contains("is in the way"), "{refused}");
    assert_eq!(fs::read_to_string(path(&plan.worktree).join("file")).unwrap(), "somebody's");
    fs::remove_dir_all(path(&plan.worktree)).unwrap();
    yard.git.restore_work(&plan).await.unwrap();
    assert!(path(&plan.worktree).join("a.txt").exists());
    let nothing = yard.plan_of(&format!("{}9", &ID[..25]), "ccells/other", &yard.repo().join(".git"));
    let refused = yard.git.restore_work(&nothing).await.unwrap_err();
    assert!(refused.to_string().contains("is in the trash"), "{refused}");
}

#[tokio::test]
async fn from_a_snapshot_comes_back_what_git_does_not_ignore() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    write(&path(&plan.worktree).join("a.txt"), "changed\r\n");
    write(&path(&plan.worktree).join("new/idea.txt"), "a good one\n");
    fs::remove_file(path(&plan.worktree).join("run.sh")).unwrap();
    let worktree = everything(path(&plan.worktree));
    end(&yard, &plan).await;
    // As where the worktree could not be moved.
    fs::remove_dir_all(yard.trash().join("worktree")).unwrap();
    for _ in 0..2 {
        assert_eq!(yard.git.restore_work(&plan).await.unwrap(), plan.branch);
        let back = everything(path(&plan.worktree));
        let told = |tree: &BTreeMap<PathBuf, (u32, Vec<u8>)>| {
            tree.iter().map(|(name, (_, held))| (name.clone(), held.clone())).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(told(&back), told(&worktree));
    }
    yard.git.add_worktree(&plan).await.unwrap();
    assert_eq!(yard.git.inspect_work(&plan).await.unwrap().modified, ["a.txt", "run.sh"]);
}

/// Ends a workstream without work.
async fn end_clean(yard: &Yard, plan: &WorktreePlan) {
    yard.git.remove_worktree(plan, false).await.unwrap();
    yard.git.retire_home(plan).await.unwrap();
}

/// The trash of the yard's repository.
fn bin(yard: &Yard) -> Bin {
    let repo = Repo {
        id: RepoId::parse("my-repo-0123456789ab").unwrap(),
        slug: "my-repo".to_owned(),
        path: text(&yard.repo()),
        git_dir: text(&yard.repo().join(".git")),
        objects: Vec::new(),
    };
    Bin::of(Arc::new(RealGit::new().unwrap()), HomePaths::new(yard.top().join("ccells")), repo)
}

/// Removes a workstream, `days` ago by what its note says.
async fn removed(yard: &Yard, number: u64, days: u64) -> WorktreePlan {
    let git_dir = yard.repo().join(".git");
    let id = format!("{}{number}", &ID[..25]);
    let plan = yard.plan_of(&id, &format!("ccells/work-{number}"), &git_dir);
    yard.git.pin_base(&plan).await.unwrap();
    yard.git.add_worktree(&plan).await.unwrap();
    // What it says of itself is not read by git: any record will do that names no workstream.
    yard.git.build_home(&plan, b"{\"version\":1}").await.unwrap();
    fs::remove_file(path(&plan.home).join("workstream.json")).unwrap();
    write(&path(&plan.worktree).join("new.txt"), "work");
    end(yard, &plan).await;
    let note = yard.trash().with_file_name(&id).join("removed.json");
    let mut told: RemovedRecord = record::parse(&fs::read(&note).unwrap()).unwrap();
    told.removed_at = Wall(told.removed_at.0 - days * 24 * 60 * 60 * 1_000);
    fs::write(note, record::print(&told)).unwrap();
    plan
}

/// What is in the trash, by the last letter of its name, and whose references stand for it.
fn left(yard: &Yard) -> (String, String) {
    let listed = list_trash(yard.trash().parent().unwrap()).unwrap();
    let names = listed.iter().map(|it| it.name()[25..].to_owned()).collect();
    let refs = yard.user(&["for-each-ref", "--format=%(refname)", "refs/ccells"]);
    let ids: BTreeSet<&str> = refs.lines().map(|name| &name[name.len() - 1..]).collect();
    (names, ids.into_iter().collect())
}

#[tokio::test]
async fn what_has_expired_goes_with_what_stood_for_it_and_nothing_else_does() {
    let yard = Yard::new();
    for (number, days) in [(1, 40), (2, 20), (3, 10), (4, 0)] {
        removed(&yard, number, days).await;
    }
    let before = yard.fingerprint();
    let is = |expected: &str| assert_eq!(left(&yard), (expected.to_owned(), expected.to_owned()));
    is("1234");
    bin(&yard).expire(Keeping { days: 50, count: 50 }).await;
    is("1234");
    bin(&yard).expire(Keeping { days: 30, count: 50 }).await;
    is("234");
    bin(&yard).expire(Keeping { days: 30, count: 2 }).await;
    is("34");
    assert_eq!(before, yard.fingerprint());
    let trash = fs::read_dir(yard.trash().parent().unwrap()).unwrap().count();
    assert_eq!(trash, 2, "nothing is left under another name");
}

#[tokio::test]
async fn where_something_cannot_be_read_nothing_expires() {
    let yard = Yard::new();
    removed(&yard, 1, 400).await;
    let odd = yard.trash().with_file_name(format!("{}9", &ID[..25]));
    for (bytes, is_read) in [("{\"version\":1", false), ("{\"version\":99}", false), ("", true)] {
        write(&odd.join("removed.json"), bytes);
        if is_read {
            fs::remove_dir_all(&odd).unwrap();
        }
        bin(&yard).expire(Keeping { days: 30, count: 50 }).await;
        assert_eq!(yard.trash().with_file_name(format!("{}1", &ID[..25])).exists(), !is_read, "{bytes}");
    }
}

#[tokio::test]
async fn what_is_being_brought_back_or_removed_is_left_alone() {
    let yard = Yard::new();
    let plan = removed(&yard, 1, 400).await;
    let intent = yard.top().join("ccells/intents").join(format!("{}.json", plan.workstream));
    write(&intent, "{}");
    bin(&yard).expire(Keeping { days: 30, count: 50 }).await;
    assert_eq!(left(&yard), ("1".to_owned(), "1".to_owned()));
    // Its intent came a moment after the first look.
    let trashed = &list_trash(yard.trash().parent().unwrap()).unwrap()[0];
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let is_wanted = move || looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0;
    let refused = yard.git.take_out(trashed, is_wanted).await.unwrap_err();
    assert!(refused.to_string().contains("just now"), "{refused}");
    assert_eq!(left(&yard), ("1".to_owned(), "1".to_owned()));
    fs::remove_file(intent).unwrap();
    bin(&yard).expire(Keeping { days: 30, count: 50 }).await;
    assert_eq!(left(&yard), (String::new(), String::new()));
}

#[tokio::test]
async fn an_interrupted_deletion_is_finished() {
    let yard = Yard::new();
    for number in [1, 2, 3] {
        removed(&yard, number, 0).await;
    }
    let place = |number: u64| yard.trash().with_file_name(format!("{}{number}", &ID[..25]));
    let pruned = |number: u64| yard.trash().with_file_name(format!(".{}{number}.pruned", &ID[..25]));
    // One was killed at once, another in the middle of its files, when nothing stood for it any more.
    fs::rename(place(1), pruned(1)).unwrap();
    fs::rename(place(2), pruned(2)).unwrap();
    fs::remove_file(pruned(2).join("removed.json")).unwrap();
    bin(&yard).finish_taking_out().await.unwrap();
    assert!(!pruned(1).exists() && !pruned(2).exists());
    let (names, refs) = left(&yard);
    assert_eq!((names.as_str(), refs.as_str()), ("3", "23"));
}
