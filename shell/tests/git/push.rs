//! A push sends what was fetched, to one branch; nothing else there and nothing of the user's here changes, and what the
//! remote says is made harmless.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::ports::{Git as _, GitError, PushHow, PushWish, Pushed, WorktreePlan};
use ccells_shell::adapters::git::list_trash;

use crate::yard::{ID, LocalWork, Yard, agent, commit, end, reference, refusal, run_git, taken, write};

const BRANCH: &str = "refs/heads/ccells/fix-login";

/// A yard with a bare remote `origin` that has the user's `main`, and a workstream in it.
async fn set() -> (Yard, WorktreePlan, PathBuf) {
    let yard = Yard::new();
    let there = remote(&yard, "origin", "there.git");
    let plan = yard.plan();
    yard.create_whole(&plan).await;
    (yard, plan, there)
}

fn remote(yard: &Yard, name: &str, directory: &str) -> PathBuf {
    let there = yard.top().join(directory);
    run_git(&yard.top(), &["init", "-q", "--bare", "-b", "main", directory], &[]);
    yard.user(&["remote", "add", name, there.to_str().unwrap()]);
    yard.user(&["push", "-q", name, "main"]);
    there
}

async fn push(yard: &Yard, plan: &WorktreePlan, head: &Commit) -> Result<Pushed, GitError> {
    yard.git.push_work(plan, head, &PushWish::default()).await
}

async fn force(yard: &Yard, plan: &WorktreePlan, head: &Commit) -> Result<Pushed, GitError> {
    let wish = PushWish { is_forced: true, ..PushWish::default() };
    yard.git.push_work(plan, head, &wish).await
}

/// All references of a repository, and where they stand.
fn refs(there: &Path) -> String {
    run_git(there, &["for-each-ref", "--format=%(refname) %(objectname)"], &[])
}

/// The agent replaces its last commit, and that is fetched.
async fn replaced(yard: &Yard, plan: &WorktreePlan, text: &str) -> Commit {
    write(&Path::new(plan.worktree.as_str()).join("made.txt"), text);
    agent(plan, &["commit", "-q", "-a", "--amend", "-m", "Another way"]);
    yard.git.fetch_work(plan, LocalWork(plan.clone()), true).await.unwrap()
}

/// Somebody else pushes a commit of his own to the branch, from `from`.
fn somebody_else_pushes(yard: &Yard, there: &Path, from: &str) -> String {
    let other = yard.top().join("other");
    let _ = fs::remove_dir_all(&other);
    run_git(&yard.top(), &["clone", "-q", there.to_str().unwrap(), "other"], &[]);
    run_git(&other, &["checkout", "-q", "--detach", from], &[]);
    let who = ["-c", "user.name=Other", "-c", "user.email=other@example.com"];
    run_git(&other, &[&who[..], &["commit", "-q", "--allow-empty", "-m", "theirs"]].concat(), &[]);
    run_git(&other, &["push", "-q", "-f", "origin", &format!("HEAD:{BRANCH}")], &[]);
    run_git(&other, &["rev-parse", "HEAD"], &[])
}

#[tokio::test]
async fn what_was_fetched_is_pushed_to_its_own_branch_and_nothing_else_changes() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    // A tag that `git push --follow-tags` would take along, and a configuration that asks for it.
    yard.user(&["tag", "-a", "-m", "v1", "v1", head.as_str()]);
    yard.user(&["config", "push.followTags", "true"]);
    yard.user(&["config", "remote.origin.push", "refs/heads/*:refs/heads/*"]);
    let (before, main) = (yard.fingerprint(), yard.user(&["rev-parse", "main"]));
    let pushed = push(&yard, &plan, &head).await.unwrap();
    let expected = Pushed {
        remote: "origin".to_owned(),
        branch: "ccells/fix-login".to_owned(),
        how: PushHow::Made,
        commits: 1,
        compare: None,
    };
    assert_eq!(pushed, expected);
    assert_eq!(refs(&there), format!("{BRANCH} {head}\nrefs/heads/main {main}"));
    assert_eq!(without_tracking(&yard), strip_tracking(before), "nothing of the user's changes");

    let again = push(&yard, &plan, &head).await.unwrap();
    assert_eq!((again.how, again.commits), (PushHow::Nothing, 0));
    commit(&plan, &[("more.txt", "1\n")], "More");
    let next = taken(&yard, &plan, &[("more.txt", "2\n")]).await;
    let moved = push(&yard, &plan, &next).await.unwrap();
    assert_eq!((moved.how, moved.commits), (PushHow::Moved, 2));
    assert_eq!(refs(&there), format!("{BRANCH} {next}\nrefs/heads/main {main}"));
}

/// The user's things but for the remote-tracking branches, which move as `git push` moves them.
fn without_tracking(yard: &Yard) -> Vec<PathBuf> {
    strip_tracking(yard.fingerprint())
}

fn strip_tracking(all: std::collections::BTreeMap<PathBuf, (u32, Vec<u8>)>) -> Vec<PathBuf> {
    let is_tracking = |path: &PathBuf| {
        [".git/refs/remotes", ".git/logs/refs/remotes"].iter().any(|it| path.starts_with(it))
    };
    all.into_keys().filter(|path| !is_tracking(path)).collect()
}

#[tokio::test]
async fn no_hook_of_the_user_runs_and_a_work_without_commits_is_not_pushed() {
    let (yard, plan, there) = set().await;
    let ran = yard.top().join("ran");
    for hook in ["pre-push", "reference-transaction"] {
        let file = yard.repo().join(".git/hooks").join(hook);
        write(&file, &format!("#!/bin/sh\necho {hook} >>'{}'\nexit 1\n", ran.display()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let before = refs(&there);
    assert!(refusal(push(&yard, &plan, &plan.base.clone()).await).contains("committed nothing yet"));
    assert_eq!(refs(&there), before);
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    push(&yard, &plan, &head).await.unwrap();
    assert!(!ran.exists(), "a hook ran: {}", fs::read_to_string(&ran).unwrap());
    // The hook is one that works: the user's own push meets it.
    let mut own = std::process::Command::new("git");
    own.args(["push", "-q", "origin", "main:x"]).current_dir(yard.repo());
    assert!(!own.output().unwrap().status.success() && ran.exists());
}

#[tokio::test]
async fn commits_of_others_are_never_replaced_unasked_and_asked_only_where_they_are_known() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    push(&yard, &plan, &head).await.unwrap();
    let other_way = replaced(&yard, &plan, "two\n").await;
    let before = refs(&there);
    let why = refusal(push(&yard, &plan, &other_way).await);
    assert!(why.contains("--force") && why.contains("rebase"), "{why}");
    assert_eq!(refs(&there), before);
    let done = force(&yard, &plan, &other_way).await.unwrap();
    assert_eq!((done.how, done.commits), (PushHow::Replaced, 1));
    assert!(refs(&there).contains(other_way.as_str()));

    // Behind our back, with commits that we do not have, and with one that moved back.
    let theirs = somebody_else_pushes(&yard, &there, other_way.as_str());
    let third = replaced(&yard, &plan, "three\n").await;
    let (plain, forced) =
        (refusal(push(&yard, &plan, &third).await), refusal(force(&yard, &plan, &third).await));
    assert!(plain.contains("--force"), "{plain}");
    assert!(forced.contains("somebody else") && forced.contains(&theirs[..12]), "{forced}");
    assert!(refs(&there).contains(&theirs));

    // Shown to the user, and agreed to; moved again after that.
    let seen = |commit: &str| PushWish {
        is_forced: true,
        seen: Some(Commit::parse(commit).unwrap()),
        ..PushWish::default()
    };
    let newer = somebody_else_pushes(&yard, &there, &theirs);
    let why = refusal(yard.git.push_work(&plan, &third, &seen(&theirs)).await);
    assert!(why.contains("since you were asked"), "{why}");
    assert!(refs(&there).contains(&newer));
    let done = yard.git.push_work(&plan, &third, &seen(&newer)).await.unwrap();
    assert_eq!(done.how, PushHow::Replaced);
    assert!(refs(&there).contains(third.as_str()));
}

#[tokio::test]
async fn a_push_that_arrived_and_was_never_noted_does_not_stand_in_the_way() {
    let (yard, plan, there) = set().await;
    let first = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    push(&yard, &plan, &first).await.unwrap();
    // The next one arrives, and the power goes before it is noted.
    let second = taken(&yard, &plan, &[("made.txt", "two\n")]).await;
    yard.user(&["push", "-q", "origin", &format!("{second}:{BRANCH}")]);
    let third = replaced(&yard, &plan, "three\n").await;
    assert_eq!(force(&yard, &plan, &third).await.unwrap().how, PushHow::Replaced);
    assert!(refs(&there).contains(third.as_str()));
}

#[tokio::test]
async fn the_branch_everybody_begins_from_is_pushed_to_only_by_name_and_never_forced() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    run_git(&there, &["update-ref", BRANCH, plan.base.as_str()], &[]);
    run_git(&there, &["symbolic-ref", "HEAD", BRANCH], &[]);
    let before = refs(&there);
    let why = refusal(push(&yard, &plan, &head).await);
    assert!(why.contains("pull request") && why.contains("--to ccells/fix-login"), "{why}");
    let named = PushWish { branch: Some("ccells/fix-login".to_owned()), ..PushWish::default() };
    let forced = PushWish { is_forced: true, ..named.clone() };
    assert!(refusal(yard.git.push_work(&plan, &head, &forced).await).contains("never forced"));
    assert_eq!(refs(&there), before);
    assert_eq!(yard.git.push_work(&plan, &head, &named).await.unwrap().how, PushHow::Moved);
    assert!(refs(&there).contains(head.as_str()));
}

#[tokio::test]
async fn the_remote_is_one_that_the_repository_names() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    let second = remote(&yard, "fork", "fork.git");
    let to = |remote: &str| PushWish { remote: Some(remote.to_owned()), ..PushWish::default() };
    let done = yard.git.push_work(&plan, &head, &to("fork")).await.unwrap();
    assert_eq!(done.remote, "fork");
    assert!(refs(&second).contains(head.as_str()) && !refs(&there).contains(head.as_str()));
    for strange in ["elsewhere", there.to_str().unwrap(), "--receive-pack=touch x"] {
        let why = refusal(yard.git.push_work(&plan, &head, &to(strange)).await);
        assert!(why.contains("fork, origin"), "{why}");
    }
    let extra = yard.top().join("third.git");
    yard.user(&["remote", "set-url", "--add", "--push", "fork", extra.to_str().unwrap()]);
    yard.user(&["remote", "set-url", "--add", "--push", "fork", second.to_str().unwrap()]);
    assert!(refusal(yard.git.push_work(&plan, &head, &to("fork")).await).contains("several places"));
    yard.user(&["remote", "rename", "origin", "upstream"]);
    assert!(refusal(push(&yard, &plan, &head).await).contains("--remote"));
    yard.user(&["remote", "remove", "upstream"]);
    yard.user(&["remote", "remove", "fork"]);
    assert!(refusal(push(&yard, &plan, &head).await).contains("git remote add"));
}

#[tokio::test]
async fn a_remote_that_is_not_there_or_will_not_have_it_is_told_safely() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    let hook = there.join("hooks/pre-receive");
    write(
        &hook,
        "#!/bin/sh\nprintf 'no \\033[31mway\\033]0;owned\\007 \\342\\200\\256evil\\n' >&2\nexit 1\n",
    );
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let before = refs(&there);
    let why = refusal(push(&yard, &plan, &head).await);
    assert!(why.contains("pre-receive hook declined") && why.contains("no "), "{why}");
    assert!(!why.contains(['\u{1b}', '\u{7}', '\u{202e}', '\n']), "{why:?}");
    assert_eq!(refs(&there), before);
    assert_eq!(reference(&yard, &format!("refs/ccells/{ID}/pushed")), None);

    yard.user(&["remote", "set-url", "origin", "https://me:secret@127.0.0.1:1/o/n.git"]);
    let Err(GitError::Failed { what }) = push(&yard, &plan, &head).await else { panic!("there is nothing") };
    assert!(what.contains("127.0.0.1") && what.contains("git ls-remote origin"), "{what}");
    assert!(!what.contains("secret") && !what.contains("me:"), "{what}");
    yard.user(&["remote", "set-url", "origin", "/nowhere/at/all.git"]);
    let Err(GitError::Failed { what }) = push(&yard, &plan, &head).await else { panic!("there is nothing") };
    assert!(what.contains("/nowhere/at/all.git"), "{what}");
}

#[tokio::test]
async fn the_page_to_compare_on_is_of_the_address_that_is_pushed_to() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    // Git itself reaches the forge in a directory.
    let instead = format!("url.{}.insteadOf", there.display());
    yard.user(&["config", &instead, "https://me:secret@github.com/o/n.git"]);
    yard.user(&["remote", "set-url", "origin", "https://me:secret@github.com/o/n.git"]);
    let done = push(&yard, &plan, &head).await.unwrap();
    assert_eq!(done.compare, None, "what git goes to is a directory");
    assert!(refs(&there).contains(head.as_str()));
}

#[tokio::test]
async fn what_a_push_noted_goes_with_the_trash_and_not_before() {
    let (yard, plan, _) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    push(&yard, &plan, &head).await.unwrap();
    let note = format!("refs/ccells/{ID}/pushed/origin/ccells%fix-login");
    assert_eq!(reference(&yard, &note).as_deref(), Some(head.as_str()));
    end(&yard, &plan).await;
    assert_eq!(reference(&yard, &note).as_deref(), Some(head.as_str()), "it comes back with the work");
    yard.git.restore_work(&plan).await.unwrap();
    let second = replaced(&yard, &plan, "two\n").await;
    assert_eq!(force(&yard, &plan, &second).await.unwrap().how, PushHow::Replaced);
    end(&yard, &plan).await;
    let trashed = &list_trash(yard.trash().parent().unwrap()).unwrap()[0];
    yard.git.take_out(trashed, || false).await.unwrap();
    assert_eq!(reference(&yard, &note), None);
}

/// The branch on the remote is old or new, wherever the push is struck.
#[tokio::test]
async fn a_push_that_is_killed_leaves_the_branch_old_or_new_and_is_done_again() {
    let (yard, plan, there) = set().await;
    let head = taken(&yard, &plan, &[("made.txt", "one\n")]).await;
    push(&yard, &plan, &head).await.unwrap();
    let mut seen = (0, 0);
    for round in 0..12_u64 {
        let old = refs(&there);
        let next = taken(&yard, &plan, &[("made.txt", &format!("{round}\n"))]).await;
        // The other side is slow, so that the blow falls at every part of it.
        let hook = there.join("hooks/pre-receive");
        write(&hook, "#!/bin/sh\nsleep 0.05\n");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = std::process::Command::new("git")
            .args(["push", "--porcelain", "--no-verify", "--", "origin", &format!("{next}:{BRANCH}")])
            .current_dir(yard.repo())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(round * 12));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = refs(&there);
        let new = old.lines().next().unwrap().split(' ').next().unwrap().to_owned();
        assert_eq!(new, BRANCH);
        let is_new = now.contains(next.as_str());
        assert!(now == old || is_new, "neither old nor new: {now}");
        if is_new {
            seen.1 += 1;
        } else {
            seen.0 += 1;
        }
        push(&yard, &plan, &next).await.unwrap();
        assert!(refs(&there).contains(next.as_str()));
        run_git(&there, &["fsck", "--strict"], &[]);
    }
    eprintln!("killed: {} old, {} new", seen.0, seen.1);
    assert!(seen.0 > 0, "no blow came before the end");
}
