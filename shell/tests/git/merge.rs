//! What a merge would make is judged without the user noticing, and what cannot be is told with what to do.

use std::fs;

use ccells_core::ids::Commit;
use ccells_core::ports::{BranchMove, Git as _, GitError, MergeHow, MergeWish, WorktreePlan};
use ccells_core::record::{self, FactsRecord};

use crate::yard::{Yard, agent, commit, path, refusal, run_git, taken, text, write};

/// Judges a merge of `head` in this way, into the usual branch.
async fn judge(
    yard: &Yard,
    plan: &WorktreePlan,
    head: &Commit,
    how: MergeHow,
) -> Result<Option<BranchMove>, GitError> {
    let wish = MergeWish { how, ..MergeWish::default() };
    yard.git.judge_merge(plan, "fix-login", head, &wish).await
}

async fn onto(
    yard: &Yard,
    plan: &WorktreePlan,
    head: &Commit,
    branch: &str,
) -> Result<Option<BranchMove>, GitError> {
    let wish = MergeWish { onto: Some(branch.to_owned()), ..MergeWish::default() };
    yard.git.judge_merge(plan, "fix-login", head, &wish).await
}

#[tokio::test]
async fn a_branch_that_stands_still_is_moved_on_and_one_that_moved_gets_a_merge() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "by the agent\n")]).await;
    let before = yard.fingerprint();
    let plain = judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
    let checkout = Some(text(&yard.repo()));
    let expected = BranchMove {
        branch: "main".to_owned(),
        from: plan.base.clone(),
        to: head.clone(),
        checkout,
        commits: 1,
    };
    assert_eq!(plain, expected);
    let forced = judge(&yard, &plan, &head, MergeHow::NoFastForward).await.unwrap().unwrap();
    let parents = format!("{} {head}", plan.base);
    assert_eq!(yard.user(&["show", "-s", "--format=%P", forced.to.as_str()]), parents);
    let says = yard.user(&["show", "-s", "--format=%B|%an|%ce", forced.to.as_str()]);
    assert_eq!(says, "Merge branch 'ccells/fix-login'\n|A \"quoted\" \\ Person|person@example.com");
    assert_eq!(forced.commits, 2);
    assert_eq!(before, yard.fingerprint());

    yard.write("mine.txt", "by the user\n");
    yard.user(&["add", "mine.txt"]);
    yard.user(&["commit", "-q", "-m", "the user goes on"]);
    let before = yard.fingerprint();
    let main = yard.user(&["rev-parse", "main"]);
    let merged = judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
    assert_eq!((merged.from.as_str(), merged.commits), (main.as_str(), 2));
    assert_eq!(yard.user(&["show", "-s", "--format=%P", merged.to.as_str()]), format!("{main} {head}"));
    let files = yard.user(&["ls-tree", "--name-only", merged.to.as_str()]);
    assert!(files.contains("made.txt") && files.contains("mine.txt"), "{files}");
    assert_eq!(before, yard.fingerprint());
    yard.user(&["update-ref", "refs/heads/main", merged.to.as_str()]);
    assert_eq!(judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap(), None, "it has all of it already");
}

#[tokio::test]
async fn a_squash_is_one_commit_that_says_what_the_commits_said() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    commit(&plan, &[("one.txt", "1\n")], "First \x1b[31mthing\n\nWith more to say.");
    let one = taken_alone(&yard, &plan).await;
    let squashed = judge(&yard, &plan, &one, MergeHow::Squash).await.unwrap().unwrap();
    let message = |it: &BranchMove| yard.user(&["show", "-s", "--format=%B", it.to.as_str()]);
    assert_eq!(message(&squashed).trim_end(), "First \\x1b[31mthing\n\nWith more to say.");
    commit(&plan, &[("two.txt", "2\n")], "Second thing");
    let two = taken_alone(&yard, &plan).await;
    let squashed = judge(&yard, &plan, &two, MergeHow::Squash).await.unwrap().unwrap();
    assert_eq!(message(&squashed).trim_end(), "fix-login\n\n* First \\x1b[31mthing\n* Second thing");
    assert_eq!(yard.user(&["show", "-s", "--format=%P", squashed.to.as_str()]), plan.base.as_str());
    assert_eq!(squashed.commits, 1);
    let wish =
        MergeWish { how: MergeHow::Squash, message: Some("Mine\0!\n".to_owned()), ..MergeWish::default() };
    let wished = yard.git.judge_merge(&plan, "x", &two, &wish).await.unwrap().unwrap();
    assert_eq!(message(&wished).trim_end(), "Mine!");
    yard.user(&["update-ref", "refs/heads/main", squashed.to.as_str()]);
    assert_eq!(judge(&yard, &plan, &two, MergeHow::Squash).await.unwrap(), None, "all of it is in already");
}

/// Takes what the agent has committed.
async fn taken_alone(yard: &Yard, plan: &WorktreePlan) -> Commit {
    yard.git.fetch_work(plan, crate::yard::LocalWork(plan.clone()), false).await.unwrap()
}

#[tokio::test]
async fn what_was_changed_on_both_sides_is_named_and_nothing_is_changed() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let files = [("a.txt", "the agent's\n"), ("ü\n.txt", "the agent's\n"), ("fine.txt", "x\n")];
    let head = taken(&yard, &plan, &files).await;
    yard.write("a.txt", "the user's\n");
    yard.write("ü\n.txt", "the user's\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "the user's"]);
    let before = yard.fingerprint();
    for how in [MergeHow::Merge, MergeHow::NoFastForward, MergeHow::Squash] {
        let error = judge(&yard, &plan, &head, how).await.unwrap_err();
        let files = vec!["a.txt".to_owned(), "ü\\n.txt".to_owned()];
        assert_eq!(error, GitError::Conflicts { files });
    }
    assert_eq!(before, yard.fingerprint());
}

#[tokio::test]
async fn the_target_is_the_one_named_or_the_one_it_began_from_or_the_default() {
    let yard = Yard::new();
    yard.user(&["branch", "develop"]);
    yard.user(&["tag", "v1"]);
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "x\n")]).await;
    let began = |base_ref: Option<&str>| {
        let file = path(&plan.home).join("workstream.json");
        let mut facts: FactsRecord = record::parse(&fs::read(&file).unwrap()).unwrap();
        facts.facts.base_ref = base_ref.map(str::to_owned);
        fs::write(&file, record::print(&facts)).unwrap();
    };
    for (base_ref, target, is_checked_out) in [
        (None, "main", true),
        (Some("develop"), "develop", false),
        (Some("refs/heads/develop"), "develop", false),
        (Some("v1"), "main", true),
        (Some("HEAD~1"), "main", true),
    ] {
        began(base_ref);
        let it = judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
        assert_eq!((it.branch.as_str(), it.checkout.is_some()), (target, is_checked_out), "{base_ref:?}");
    }
    let named = onto(&yard, &plan, &head, "develop").await.unwrap().unwrap();
    assert_eq!((named.branch.as_str(), named.checkout), ("develop", None));
    began(None);
    yard.user(&["branch", "-m", "main", "trunk"]);
    assert_eq!(judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap().branch, "trunk");
    yard.user(&["checkout", "-q", "--detach"]);
    let what = refusal(judge(&yard, &plan, &head, MergeHow::Merge).await);
    assert!(what.contains("name the one"), "{what}");
}

#[tokio::test]
async fn what_cannot_be_a_target_is_refused() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let other = yard.plan_of("01jd8z5q0v3x7k2m9n4p6r8s2v", "ccells/other", &yard.repo().join(".git"));
    yard.git.pin_base(&other).await.unwrap();
    yard.git.add_worktree(&other).await.unwrap();
    yard.user(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    let head = taken(&yard, &plan, &[("made.txt", "x\n")]).await;
    for (branch, words) in [
        ("nothing", "git branch"),
        ("", "git branch"),
        ("--help", "git branch"),
        ("ma*n", "git branch"),
        ("ma\0in", "no branch"),
        ("ccells/fix-login", "workstream"),
        ("ccells/other", "workstream"),
        ("alias", "`main`"),
    ] {
        let what = refusal(onto(&yard, &plan, &head, branch).await);
        assert!(what.contains(words), "{branch:?}: {what}");
    }
    run_git(&yard.repo(), &["checkout", "-q", "--orphan", "lonely"], &[]);
    yard.user(&["commit", "-q", "-m", "unrelated"]);
    let what = refusal(onto(&yard, &plan, &head, "lonely").await);
    assert!(what.contains("unrelated histories"), "{what}");
}

#[tokio::test]
async fn what_is_under_way_in_the_checkout_comes_first() {
    let yard = Yard::new();
    yard.user(&["checkout", "-q", "-b", "side"]);
    yard.write("a.txt", "aside\n");
    yard.user(&["commit", "-q", "-a", "-m", "aside"]);
    yard.user(&["checkout", "-q", "main"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "x\n")]).await;
    yard.write("a.txt", "otherwise\n");
    yard.user(&["commit", "-q", "-a", "-m", "otherwise"]);
    let fails = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(arguments).current_dir(yard.repo()).stdout(std::process::Stdio::null());
        assert!(!git.stderr(std::process::Stdio::null()).status().unwrap().success(), "{arguments:?}");
    };
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("merge", &["merge", "side"], &["merge", "--abort"]),
        ("cherry-pick", &["cherry-pick", "side"], &["cherry-pick", "--abort"]),
        ("rebase", &["rebase", "side"], &["rebase", "--abort"]),
        ("bisect", &[], &["bisect", "reset"]),
    ];
    for (name, begin, end) in cases {
        if begin.is_empty() {
            yard.user(&["bisect", "start"]);
        } else {
            fails(begin);
        }
        let what = refusal(judge(&yard, &plan, &head, MergeHow::Merge).await);
        assert!(what.contains(name) && what.contains("git status"), "{name}: {what}");
        yard.user(end);
        judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_user_whom_git_does_not_know_is_told_so() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "x\n")]).await;
    // Empty is more than missing: what the machine around the test says does not count.
    yard.user(&["config", "user.name", ""]);
    yard.user(&["config", "user.email", ""]);
    judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
    if std::env::var_os("GIT_AUTHOR_NAME").is_none() {
        let what = refusal(judge(&yard, &plan, &head, MergeHow::NoFastForward).await);
        assert!(what.contains("user.name") && what.contains("user.email"), "{what}");
    }
}

#[tokio::test]
async fn what_the_target_says_of_its_files_holds_in_the_merge() {
    let yard = Yard::new();
    yard.write(".gitattributes", "log.txt merge=union\n");
    yard.write("log.txt", "start\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "a log"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let head = taken(&yard, &plan, &[("log.txt", "start\nthe agent's\n")]).await;
    yard.write("log.txt", "start\nthe user's\n");
    yard.user(&["commit", "-q", "-a", "-m", "the user's"]);
    yard.user(&["checkout", "-q", "--detach"]);
    fs::remove_file(yard.repo().join(".gitattributes")).unwrap();
    let merged = judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
    let log = yard.user(&["show", &format!("{}:log.txt", merged.to)]);
    assert_eq!(log, "start\nthe user's\nthe agent's");
}

#[tokio::test]
async fn an_agent_that_caught_up_itself_is_not_merged_once_more() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create(&plan).await;
    yard.write("mine.txt", "by the user\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "the user goes on"]);
    let main = yard.user(&["rev-parse", "main"]);
    commit(&plan, &[("made.txt", "x\n")], "work");
    agent(&plan, &["merge", "-q", "-m", "catch up", &main]);
    let head = taken_alone(&yard, &plan).await;
    let it = judge(&yard, &plan, &head, MergeHow::Merge).await.unwrap().unwrap();
    assert_eq!(
        (it.from.as_str(), it.to, it.commits),
        (main.as_str(), head, 2),
        "it has main: nothing is made"
    );
}

/// Whether `how` brought all of it home, and what is told to be lost before and after, and once the agent goes on.
async fn loses_nothing_once_merged(how: MergeHow) {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "x\n"), ("a.txt", "changed\n")]).await;
    let before = yard.git.inspect_work(&plan).await.unwrap();
    assert!(before.has_commits && !before.is_empty(), "{before:?}");
    let it = judge(&yard, &plan, &head, how).await.unwrap().unwrap();
    yard.git.move_branch(&plan, &it).await.unwrap();
    let after = yard.git.inspect_work(&plan).await.unwrap();
    assert!(after.is_empty(), "{how:?}: {after:?}");

    write(&path(&plan.worktree).join("made.txt"), "y\n");
    write(&path(&plan.worktree).join("later.txt"), "z\n");
    let edited = yard.git.inspect_work(&plan).await.unwrap();
    assert_eq!((edited.modified, edited.untracked), (vec!["made.txt".into()], vec!["later.txt".into()]));
    assert!(!edited.has_commits, "{how:?}");
    commit(&plan, &[("made.txt", "y\n")], "and on");
    assert!(yard.git.inspect_work(&plan).await.unwrap().has_commits, "{how:?}");
}

#[tokio::test]
async fn what_was_merged_is_not_lost_with_the_workstream() {
    loses_nothing_once_merged(MergeHow::Merge).await;
    loses_nothing_once_merged(MergeHow::NoFastForward).await;
    loses_nothing_once_merged(MergeHow::Squash).await;
}

#[tokio::test]
async fn what_was_merged_and_taken_back_is_lost_again() {
    let yard = Yard::new();
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    let head = taken(&yard, &plan, &[("made.txt", "x\n")]).await;
    let it = judge(&yard, &plan, &head, MergeHow::Squash).await.unwrap().unwrap();
    yard.git.move_branch(&plan, &it).await.unwrap();
    yard.user(&["reset", "-q", "--hard", "HEAD~1"]);
    let report = yard.git.inspect_work(&plan).await.unwrap();
    assert!(report.has_commits && report.modified.len() + report.untracked.len() == 1, "{report:?}");
}
