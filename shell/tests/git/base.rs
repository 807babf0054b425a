//! From which commit a workstream begins: what a remote has by now, what is here where it cannot be asked, and that
//! nothing of the user's moves by asking.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ccells_core::limits;
use ccells_core::ports::{Base, BaseWish, Git as _, GitError};

use crate::yard::{Yard, run_git, text, wish};

/// A repository whose remote `origin` is a bare one beside it, and a checkout of somebody else's that pushes there.
struct Shared {
    yard: Yard,
}

impl Shared {
    fn new() -> Self {
        let yard = Yard::new();
        let top = yard.top();
        run_git(&top, &["clone", "-q", "--bare", "My Repo", "hub.git"], &[]);
        run_git(&top, &["clone", "-q", "hub.git", "other"], &[]);
        for (key, value) in [("user.name", "Other"), ("user.email", "other@example.com")] {
            run_git(&top.join("other"), &["config", key, value], &[]);
        }
        let hub = yard.hub();
        yard.user(&["remote", "add", "origin", hub.to_str().unwrap()]);
        yard.user(&["fetch", "-q"]);
        yard.user(&["branch", "-q", "--set-upstream-to=origin/main", "main"]);
        yard.user(&["remote", "set-head", "origin", "main"]);
        Self { yard }
    }

    /// Somebody else commits and pushes to this reference of the hub; the commit.
    fn push(&self, reference: &str, message: &str) -> String {
        let other = self.yard.top().join("other");
        run_git(&other, &["commit", "-q", "--allow-empty", "-m", message], &[]);
        run_git(&other, &["push", "-q", "-f", "origin", &format!("HEAD:{reference}")], &[]);
        run_git(&other, &["rev-parse", "HEAD"], &[])
    }

    async fn ask(&self, reference: Option<&str>) -> Result<Base, GitError> {
        let wish = BaseWish { asks_remote: true, ..wish(reference, "ccells/new") };
        self.yard.git.resolve_base(&text(&self.yard.repo()), &wish).await
    }

    /// The base, and that asking for it changed nothing of the user's but for objects.
    async fn base(&self, reference: Option<&str>) -> (String, String) {
        let before = (self.yard.fingerprint(), self.yard.user(&["for-each-ref"]));
        let base = self.ask(reference).await.unwrap();
        assert_eq!(before, (self.yard.fingerprint(), self.yard.user(&["for-each-ref"])), "{reference:?}");
        assert!(
            !self.yard.repo().join(".git/FETCH_HEAD").exists()
                || before.0.contains_key(&PathBuf::from(".git/FETCH_HEAD"))
        );
        self.yard.user(&["fsck", "--connectivity-only"]);
        self.yard.user(&["cat-file", "-e", &format!("{}^{{tree}}", base.commit)]);
        (base.commit.as_str().to_owned(), base.note.unwrap_or_default())
    }
}

trait Hub {
    fn hub(&self) -> PathBuf;
}

impl Hub for Yard {
    fn hub(&self) -> PathBuf {
        self.top().join("hub.git")
    }
}

#[tokio::test]
async fn the_newest_commit_of_the_remote_is_begun_from() {
    let shared = Shared::new();
    let none = String::new();
    let first = shared.yard.user(&["rev-parse", "main"]);
    assert_eq!(shared.base(None).await, (first.clone(), none.clone()), "nothing is new");
    let second = shared.push("refs/heads/main", "second");
    for reference in [None, Some("main"), Some("refs/heads/main"), Some("origin/main"), Some("origin")] {
        assert_eq!(shared.base(reference).await, (second.clone(), none.clone()), "{reference:?}");
    }
    assert_eq!(shared.yard.user(&["rev-parse", "main", "origin/main"]), format!("{first}\n{first}"));
    // What names a commit, and not a branch, is that commit.
    shared.yard.user(&["tag", "v1", "main"]);
    for reference in ["HEAD", "v1", "main~0", "main^{commit}", &first] {
        assert_eq!(shared.base(Some(reference)).await, (first.clone(), none.clone()), "{reference}");
    }
    let quiet = shared.yard.git.resolve_base(&text(&shared.yard.repo()), &wish(None, "ccells/new")).await;
    assert_eq!(quiet.unwrap().commit.as_str(), first, "nobody is asked unless that is wanted");
}

#[tokio::test]
async fn a_branch_that_only_the_remote_has_is_a_base() {
    let shared = Shared::new();
    let tip = shared.push("refs/heads/team/topic", "theirs");
    assert_eq!(shared.base(Some("origin/team/topic")).await, (tip, String::new()));
    let error = shared.ask(Some("origin/nothing")).await.unwrap_err();
    assert_eq!(error, GitError::NoSuchRef { reference: "origin/nothing".to_owned() });
    let error = shared.ask(Some("team/topic")).await.unwrap_err();
    assert!(matches!(error, GitError::NoSuchRef { .. }), "{error}");
}

#[tokio::test]
async fn where_both_have_gone_on_the_users_own_is_begun_from() {
    let shared = Shared::new();
    shared.yard.user(&["commit", "-q", "--allow-empty", "-m", "mine"]);
    let mine = shared.yard.user(&["rev-parse", "main"]);
    assert_eq!(shared.base(None).await, (mine.clone(), String::new()), "ours has all of theirs");
    shared.push("refs/heads/main", "theirs");
    let (base, note) = shared.base(None).await;
    assert_eq!(base, mine);
    assert_eq!(note, "`main` here and `main` of origin have parted; it begins from the one here");
}

#[tokio::test]
async fn a_remote_that_cannot_be_asked_is_done_without() {
    let shared = Shared::new();
    let first = shared.yard.user(&["rev-parse", "main"]);
    shared.push("refs/heads/main", "second");
    fs::rename(shared.yard.hub(), shared.yard.top().join("away")).unwrap();
    for reference in [None, Some("main"), Some("origin/main")] {
        let (base, note) = shared.base(reference).await;
        assert_eq!(base, first, "{reference:?}");
        assert!(note.starts_with("`main` of origin could not be asked for ("), "{note}");
        assert!(note.contains("does not appear to be a git repository"), "{note}");
    }
    let error = shared.ask(Some("origin/other")).await.unwrap_err().to_string();
    assert!(error.contains("`other` of origin is not here, and could not be asked for"), "{error}");
}

#[tokio::test]
async fn a_remote_that_never_answers_delays_by_its_patience_only() {
    let mut shared = Shared::new();
    let first = shared.yard.user(&["rev-parse", "main"]);
    shared.yard.user(&["remote", "set-url", "origin", "ssh://nobody/hub.git"]);
    shared.yard.user(&["config", "core.sshCommand", "sleep 1000; true"]);
    shared.yard.git = ccells_shell::adapters::git::RealGit::new().unwrap().patient_for(1_000);
    let began = Instant::now();
    let (base, note) = shared.base(None).await;
    assert_eq!(base, first);
    assert!(note.contains("it did not answer within 1 s"), "{note}");
    assert!(began.elapsed() < Duration::from_millis(limits::REMOTE_FETCH_MS), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_branch_that_is_gone_at_the_remote_is_what_it_is_here() {
    let shared = Shared::new();
    let tip = shared.push("refs/heads/topic", "theirs");
    shared.yard.user(&["fetch", "-q"]);
    shared.yard.user(&["branch", "-q", "--track", "topic", "origin/topic"]);
    run_git(&shared.yard.hub(), &["update-ref", "-d", "refs/heads/topic"], &[]);
    for reference in ["topic", "origin/topic"] {
        let (base, note) = shared.base(Some(reference)).await;
        assert_eq!(base, tip);
        assert!(note.starts_with("`topic` of origin is gone; it begins from "), "{note}");
    }
}

#[tokio::test]
async fn a_branch_that_follows_nothing_is_what_it_is() {
    let shared = Shared::new();
    shared.push("refs/heads/main", "second");
    let first = shared.yard.user(&["rev-parse", "main"]);
    shared.yard.user(&["branch", "-q", "--no-track", "own", "main"]);
    shared.yard.user(&["branch", "-q", "--track", "child", "main"]);
    for reference in ["own", "child"] {
        assert_eq!(shared.base(Some(reference)).await, (first.clone(), String::new()), "{reference}");
    }
    // The default branch follows the remote whether or not anybody said so.
    shared.yard.user(&["branch", "-q", "--unset-upstream", "main"]);
    assert_ne!(shared.base(None).await.0, first);
    // Without any remote there is nothing to ask.
    shared.yard.user(&["remote", "remove", "origin"]);
    assert_eq!(shared.base(None).await, (first, String::new()));
}

#[tokio::test]
async fn a_shallow_clone_learns_of_what_is_new() {
    let shared = Shared::new();
    shared.push("refs/heads/main", "second");
    let top = shared.yard.top();
    let hub = format!("file://{}", shared.yard.hub().display());
    run_git(&top, &["clone", "-q", "--depth=1", &hub, "shallow"], &[]);
    let third = shared.push("refs/heads/main", "third");
    let (repo, before) = (top.join("shallow"), fs::read(top.join("shallow/.git/shallow")).unwrap());
    let wish = BaseWish { asks_remote: true, ..wish(None, "ccells/new") };
    let base = shared.yard.git.resolve_base(&text(&repo), &wish).await.unwrap();
    assert_eq!((base.commit.as_str(), base.note), (third.as_str(), None));
    assert_eq!(fs::read(repo.join(".git/shallow")).unwrap(), before);
    run_git(&repo, &["fsck"], &[]);
}

#[tokio::test]
async fn a_pull_request_is_a_base_and_never_something_else() {
    let shared = Shared::new();
    let pull = shared.push("refs/pull/12/head", "a pull request");
    let merge = shared.push("refs/merge-requests/7/head", "a merge request");
    for reference in ["#12", "pr/12"] {
        let (base, note) = shared.base(Some(reference)).await;
        assert_eq!(base, pull, "{reference}");
        assert_eq!(note, format!("it begins from pull request 12 of origin, at {}", &pull[..12]));
    }
    assert_eq!(shared.base(Some("!7")).await.0, merge);
    let error = shared.ask(Some("#13")).await.unwrap_err().to_string();
    assert_eq!(error, "origin has no pull request 13; look at its number, or name another base");
    let error = shared.ask(Some("https://github.com/a/b/pull/12")).await.unwrap_err().to_string();
    assert!(error.starts_with("no remote of this repository is github.com/a/b"), "{error}");
    let error =
        shared.yard.git.resolve_base(&text(&shared.yard.repo()), &wish(Some("#12"), "ccells/new")).await;
    assert!(error.unwrap_err().to_string().contains("leave --no-fetch out"));
    // A branch of that very name is the branch.
    shared.yard.user(&["branch", "pr/12", "main"]);
    let (base, note) = shared.base(Some("pr/12")).await;
    assert_eq!(base, shared.yard.user(&["rev-parse", "main"]));
    assert!(note.contains("the pull request is #12"), "{note}");
    assert_eq!(shared.base(Some("#12")).await.0, pull);
    // The page of a repository that is a remote here is found by the remote's address.
    let instead = format!("url.{}.insteadOf", shared.yard.hub().display());
    shared.yard.user(&["config", &instead, "https://lab.example/team/hub.git"]);
    shared.yard.user(&["remote", "set-url", "origin", "https://lab.example/team/hub.git"]);
    shared.yard.user(&["config", "core.sshCommand", "false"]);
    shared.yard.user(&["remote", "add", "web", "git@web.example:team/web.git"]);
    let error = shared.ask(Some("https://web.example/team/web/pull/3")).await.unwrap_err().to_string();
    assert!(error.starts_with("pull request 3 could not be fetched from web: "), "{error}");
    fs::rename(shared.yard.hub(), shared.yard.top().join("away")).unwrap();
    let error = shared.ask(Some("#12")).await.unwrap_err().to_string();
    assert!(error.starts_with("pull request 12 could not be fetched from origin: "), "{error}");
}

#[tokio::test]
async fn the_base_is_kept_as_the_user_has_set_fetching_up() {
    let shared = Shared::new();
    for (key, value) in [
        ("fetch.prune", "true"),
        ("fetch.pruneTags", "true"),
        ("remote.origin.prune", "true"),
        ("remote.origin.tagOpt", "--tags"),
        ("fetch.writeCommitGraph", "true"),
        ("fetch.recurseSubmodules", "true"),
    ] {
        shared.yard.user(&["config", key, value]);
    }
    shared.yard.user(&["tag", "mine", "main"]);
    shared.yard.user(&["update-ref", "refs/remotes/origin/old", "main"]);
    let other = shared.yard.top().join("other");
    run_git(&other, &["tag", "theirs"], &[]);
    run_git(&other, &["push", "-q", "--tags"], &[]);
    let second = shared.push("refs/heads/main", "second");
    assert_eq!(shared.base(None).await, (second, String::new()));
}
