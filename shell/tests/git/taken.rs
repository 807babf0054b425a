//! A branch that exists already under the name of a new one: refused, worked on, or begun anew; and what becomes of it at
//! the end.

use ccells_core::ports::{Base, BaseWish, Git as _, GitError, OnTaken, WorktreePlan};
use ccells_shell::adapters::git::{Detail, Standing};

use crate::yard::{ID, Yard, end, path, reference, refusal, text, wish, write};

const BRANCH: &str = "feature/old";

/// A repository in which `feature/old` has two commits of its own, and `main` one that it lacks.
fn yard() -> (Yard, String) {
    let yard = Yard::new();
    yard.user(&["checkout", "-q", "-b", BRANCH]);
    for name in ["one", "two"] {
        yard.write(&format!("{name}.txt"), name);
        yard.user(&["add", "-A"]);
        yard.user(&["commit", "-q", "-m", name]);
    }
    let tip = yard.user(&["rev-parse", BRANCH]);
    yard.user(&["checkout", "-q", "main"]);
    yard.user(&["commit", "-q", "--allow-empty", "-m", "meanwhile"]);
    (yard, tip)
}

async fn resolve(yard: &Yard, on_taken: OnTaken) -> Result<Base, GitError> {
    let wish = BaseWish { on_taken, ..wish(None, BRANCH) };
    yard.git.resolve_base(&text(&yard.repo()), &wish).await
}

async fn begun(yard: &Yard, on_taken: OnTaken) -> (WorktreePlan, String) {
    let Base { commit, note, beginning } = resolve(yard, on_taken).await.unwrap();
    let plan = WorktreePlan { base: commit, branch: BRANCH.to_owned(), beginning, ..yard.plan() };
    yard.create_whole(&plan).await;
    (plan, note.unwrap_or_default())
}

fn tip_of(yard: &Yard) -> String {
    reference(yard, &format!("refs/heads/{BRANCH}")).unwrap()
}

#[tokio::test]
async fn a_branch_is_worked_on_and_stays_when_the_workstream_goes() {
    let (yard, tip) = yard();
    let (plan, note) = begun(&yard, OnTaken::Use).await;
    assert_eq!((plan.base.as_str(), note.as_str()), (tip.as_str(), ""));
    let since = plan.beginning.since.as_ref().unwrap().as_str().to_owned();
    assert_eq!(since, yard.user(&["merge-base", "main", BRANCH]));
    assert!(path(&plan.worktree).join("two.txt").exists());
    let clean = yard.git.inspect_work(&plan).await.unwrap();
    assert!(clean.is_empty(), "what the branch has already is not lost: {clean:?}");
    write(&path(&plan.worktree).join("three.txt"), "three\n");
    let diff = yard.git.diff_work(&plan, Detail::Lines).await.unwrap();
    let names: Vec<_> = diff.files.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert_eq!(names, ["one.txt", "three.txt", "two.txt"], "all that the branch brings is shown");
    // Done again after a crash at any place, nothing is different.
    yard.git.add_worktree(&plan).await.unwrap();
    assert!(path(&plan.worktree).join("three.txt").exists());
    end(&yard, &plan).await;
    assert_eq!(tip_of(&yard), tip, "it was there before");
    assert!(!yard.removed().is_branch_removed);
    assert_eq!(yard.git.restore_work(&plan).await.unwrap(), BRANCH);
    assert!(path(&plan.worktree).join("three.txt").exists());
}

#[tokio::test]
async fn a_branch_begins_anew_and_what_it_was_is_kept() {
    let (yard, tip) = yard();
    let main = yard.user(&["rev-parse", "main"]);
    let (plan, note) = begun(&yard, OnTaken::Recreate).await;
    assert_eq!(plan.base.as_str(), main);
    let commits = format!(
        "branch `feature/old` begins anew; 2 commits that nothing else has are kept (git branch NAME {})",
        &tip[..12]
    );
    assert_eq!(note, commits);
    assert_eq!(tip_of(&yard), main);
    assert!(!path(&plan.worktree).join("two.txt").exists());
    assert_eq!(reference(&yard, &format!("refs/ccells/trash-branch/{ID}")).as_deref(), Some(tip.as_str()));
    // A crash between any two steps: each is done again.
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert_eq!(tip_of(&yard), tip, "taken back, it is as it was before");
    yard.git.remove_worktree(&plan, false).await.unwrap();
    assert_eq!(tip_of(&yard), tip);
    yard.git.add_worktree(&plan).await.unwrap();
    assert_eq!(tip_of(&yard), main);
    yard.git.remove_worktree(&plan, true).await.unwrap();
    assert_eq!(tip_of(&yard), main, "kept, it stays where it begins anew");
}

#[tokio::test]
async fn a_branch_that_moved_after_the_question_is_left_alone() {
    let (yard, _) = yard();
    for on_taken in [OnTaken::Use, OnTaken::Recreate] {
        let Base { commit, beginning, .. } = resolve(&yard, on_taken).await.unwrap();
        let plan = WorktreePlan { base: commit, branch: BRANCH.to_owned(), beginning, ..yard.plan() };
        let moved = yard.user(&["commit-tree", "-m", "moved", "-p", BRANCH, &format!("{BRANCH}^{{tree}}")]);
        yard.user(&["update-ref", &format!("refs/heads/{BRANCH}"), &moved]);
        yard.git.pin_base(&plan).await.unwrap();
        let error = yard.git.add_worktree(&plan).await.unwrap_err();
        assert!(matches!(error, GitError::BranchExists { .. }), "{error}");
        yard.git.remove_worktree(&plan, false).await.unwrap();
        assert_eq!(tip_of(&yard), moved);
    }
}

#[tokio::test]
async fn a_branch_that_is_checked_out_is_not_taken_over() {
    let (yard, _) = yard();
    let standing = async || yard.git.branch_standing(&yard.repo(), BRANCH).await.unwrap();
    assert_eq!(standing().await, Some(Standing { own_commits: 2, holder: None }));
    yard.user(&["worktree", "add", "-q", "../side", BRANCH]);
    let side = yard.top().join("side");
    for on_taken in [OnTaken::Use, OnTaken::Recreate] {
        let why = refusal(resolve(&yard, on_taken).await);
        assert!(why.contains(&format!("is checked out in {}", side.display())), "{why}");
    }
    assert!(standing().await.unwrap().holder.unwrap().contains("side"));
    yard.user(&["worktree", "remove", "../side"]);
    let (plan, _) = begun(&yard, OnTaken::Use).await;
    let why = refusal(resolve(&yard, OnTaken::Use).await);
    assert!(why.contains(&format!("is the branch of workstream {}", plan.workstream)), "{why}");
    for on_taken in [OnTaken::Refuse, OnTaken::New] {
        let error = resolve(&yard, on_taken).await.unwrap_err();
        assert_eq!(error, GitError::BranchExists { branch: BRANCH.to_owned() });
    }
    assert_eq!(yard.git.branch_standing(&yard.repo(), "no/such").await.unwrap(), None);
    // Only a branch of that very name is taken over, and none is needed.
    let wish = BaseWish { on_taken: OnTaken::Use, ..wish(None, "feature") };
    let error = yard.git.resolve_base(&text(&yard.repo()), &wish).await.unwrap_err();
    assert!(matches!(error, GitError::BranchExists { .. }), "{error}");
    let wish = BaseWish { branch: "fresh".to_owned(), ..wish };
    let fresh = yard.git.resolve_base(&text(&yard.repo()), &wish).await.unwrap();
    assert!(fresh.beginning.is_plain());
}
