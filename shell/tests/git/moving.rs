//! A branch of the user moves with the files of its checkout, whole or not at all, and what the user has in that checkout
//! stays as it is, byte by byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use ccells_core::ids::Commit;
use ccells_core::ports::{BranchMove, Git as _, GitError, MergeHow, MergeWish, WorktreePlan};

use crate::yard::{Yard, agent, refusal, run_git, taken, text, write};

/// A workstream with commits, and what is to become of the usual branch.
struct Prepared {
    yard: Yard,
    plan: WorktreePlan,
    head: Commit,
}

impl Prepared {
    /// On a repository as it is, these files committed by the agent.
    async fn on(yard: Yard, files: &[(&str, &str)]) -> Self {
        let plan = yard.plan();
        yard.create(&plan).await;
        let head = taken(&yard, &plan, files).await;
        Self { yard, plan, head }
    }

    async fn new() -> Self {
        Self::on(Yard::new(), &[("a.txt", "one\nand more\n"), ("new/made.txt", "by the agent\n")]).await
    }

    async fn judge(&self) -> BranchMove {
        self.judge_onto(None).await
    }

    async fn judge_onto(&self, branch: Option<&str>) -> BranchMove {
        let wish = MergeWish { onto: branch.map(str::to_owned), ..MergeWish::default() };
        self.yard.git.judge_merge(&self.plan, "fix-login", &self.head, &wish).await.unwrap().unwrap()
    }

    async fn move_it(&self, it: &BranchMove) -> Result<(), GitError> {
        self.yard.git.move_branch(&self.plan, it).await
    }

    fn at(&self, name: &str) -> String {
        self.yard.user(&["rev-parse", name])
    }
}

#[tokio::test]
async fn a_branch_that_is_checked_out_nowhere_moves_and_the_checkout_does_not_notice() {
    let yard = Yard::new();
    yard.user(&["branch", "develop"]);
    let all = Prepared::on(yard, &[("made.txt", "by the agent\n")]).await;
    all.yard.write("a.txt", "the user is in the middle of something\n");
    let it = all.judge_onto(Some("develop")).await;
    let mut before = all.yard.fingerprint();
    all.move_it(&it).await.unwrap();
    assert_eq!(all.at("develop"), all.head.as_str());
    let log = all.yard.user(&["reflog", "show", "--format=%gs", "-1", "develop"]);
    assert_eq!(log, "ccells: merge ccells/fix-login");
    let mut after = all.yard.fingerprint();
    for changed in [".git/refs/heads/develop", ".git/logs/refs/heads/develop"] {
        before.remove(Path::new(changed));
        after.remove(Path::new(changed));
    }
    assert_eq!(before, after);
    all.move_it(&it).await.unwrap();
    assert_eq!(all.yard.user(&["reflog", "show", "develop"]).lines().count(), 2, "again is nothing");
}

#[tokio::test]
async fn a_branch_that_is_checked_out_moves_with_its_files() {
    // A file becomes a directory, a directory a file, one goes, one can be run, one is a link.
    let yard = Yard::new();
    yard.write("deep/er/file", "x\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "deeper"]);
    let plan = yard.plan();
    yard.create(&plan).await;
    let top = Path::new(plan.worktree.as_str());
    fs::remove_file(top.join("dir/b.txt")).unwrap();
    fs::remove_dir_all(top.join("deep")).unwrap();
    fs::set_permissions(top.join("a.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a.txt", top.join("link")).unwrap();
    fs::remove_file(top.join("run.sh")).unwrap();
    let work = [("dir/b.txt/inner", "in\n"), ("deep", "a file\n"), ("new/ü\n \".txt", "odd\n")];
    let head = taken(&yard, &plan, &work).await;
    let all = Prepared { yard, plan, head };
    let it = all.judge().await;
    all.move_it(&it).await.unwrap();
    assert_eq!(all.at("HEAD"), all.head.as_str());
    assert_eq!(all.yard.user(&["status", "--porcelain"]), "");
    let of_agent = |name: &str| fs::read(Path::new(all.plan.worktree.as_str()).join(name)).unwrap();
    for name in ["dir/b.txt/inner", "deep", "new/ü\n \".txt", "a.txt"] {
        assert_eq!(fs::read(all.yard.repo().join(name)).unwrap(), of_agent(name), "{name}");
    }
    assert_eq!(fs::read_link(all.yard.repo().join("link")).unwrap(), Path::new("a.txt"));
    assert!(!all.yard.repo().join("run.sh").exists());
    let mode = fs::metadata(all.yard.repo().join("a.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
    for of in ["main", "HEAD"] {
        let log = all.yard.user(&["reflog", "show", "--format=%gs", "-1", of]);
        assert_eq!(log, "ccells: merge ccells/fix-login", "{of}");
    }
    assert!(all.yard.user(&["fsck"]).is_empty());
    all.move_it(&it).await.unwrap();
}

/// Everything in the checkout but git's directory.
fn files(top: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = crate::yard::everything(top);
    found.retain(|name, _| !name.starts_with(".git"));
    found
}

#[tokio::test]
async fn what_the_user_changed_elsewhere_stays_byte_by_byte() {
    let all = Prepared::new().await;
    let yard = &all.yard;
    yard.write("run.sh", "an edit that is not staged\n");
    yard.write("dir/b.txt", "an edit that is staged\n");
    yard.write("staged.txt", "new and staged\n");
    yard.user(&["add", "dir/b.txt", "staged.txt"]);
    yard.write("dir/b.txt", "and edited again\n");
    yard.write("untracked.txt", "new\n");
    yard.write("ignored/x", "ignored\n");
    let (mut before, status, staged) =
        (files(&yard.repo()), yard.user(&["status", "--porcelain"]), yard.user(&["diff", "--cached"]));
    let it = all.judge().await;
    all.move_it(&it).await.unwrap();
    assert_eq!((yard.user(&["status", "--porcelain"]), yard.user(&["diff", "--cached"])), (status, staged));
    let mut after = files(&yard.repo());
    assert_eq!(after.remove(Path::new("a.txt")).unwrap().1, b"one\nand more\n");
    assert_eq!(after.remove(Path::new("new/made.txt")).unwrap().1, b"by the agent\n");
    after.remove(Path::new("new")).unwrap();
    before.remove(Path::new("a.txt"));
    assert_eq!(before, after);
}

/// Puts something of the user's in the way.
type InTheWay = fn(&Yard);

#[tokio::test]
async fn what_the_user_has_in_the_way_is_named_and_nothing_changes() {
    let cases: [(&str, InTheWay, &str); 9] = [
        ("an edit", |yard| yard.write("a.txt", "the user's\n"), "a.txt"),
        (
            "a staged edit",
            |yard| {
                yard.write("a.txt", "the user's\n");
                yard.user(&["add", "a.txt"]);
                yard.write("a.txt", "one\n");
            },
            "a.txt",
        ),
        ("an edit of what goes", |yard| yard.write("dir/b.txt", "the user's\n"), "dir/b.txt"),
        ("an untracked file", |yard| yard.write("new/made.txt", "the user's\n"), "new/made.txt"),
        ("an ignored file", |yard| yard.write("new/made.log", "the user's\n"), "new/made.log"),
        ("a file where a directory comes", |yard| yard.write("new", "the user's\n"), "new"),
        ("an ignored directory", |yard| yard.write("ignored/mine", "the user's\n"), "ignored"),
        (
            "a link where a directory comes",
            |yard| {
                fs::create_dir(yard.top().join("else")).unwrap();
                symlink(yard.top().join("else"), yard.repo().join("new")).unwrap();
            },
            "new",
        ),
        (
            "what is to be added",
            |yard| {
                yard.write("new/made.txt", "by the agent\n");
                yard.user(&["add", "-N", "new/made.txt"]);
            },
            "new/made.txt",
        ),
    ];
    for (name, put, path) in cases {
        let yard = Yard::new();
        let plan = yard.plan();
        yard.create(&plan).await;
        fs::remove_file(Path::new(plan.worktree.as_str()).join("dir/b.txt")).unwrap();
        let work = [
            ("a.txt", "one\nand more\n"),
            ("new/made.txt", "by the agent\n"),
            ("new/made.log", "forced\n"),
            ("ignored", "a file\n"),
        ];
        let head = taken(&yard, &plan, &work).await;
        let all = Prepared { yard, plan, head };
        put(&all.yard);
        let it = all.judge().await;
        let before = all.yard.fingerprint();
        let what = refusal(all.move_it(&it).await);
        assert!(what.ends_with(&format!(": {path}")) && what.contains("stash"), "{name}: {what}");
        assert_eq!(before, all.yard.fingerprint(), "{name}");
        assert_eq!(fs::read_dir(all.yard.repo().join(".git")).unwrap().flatten().filter(is_lock).count(), 0);
    }
}

fn is_lock(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().ends_with(".lock")
}

#[tokio::test]
async fn a_checkout_that_is_not_merged_is_left_alone() {
    let all = Prepared::new().await;
    let it = all.judge().await;
    let yard = &all.yard;
    let blob = yard.user(&["rev-parse", "HEAD:a.txt"]);
    let list = yard.top().join("list");
    write(
        &list,
        &format!("0 {} 0\trun.sh\n100644 {blob} 1\trun.sh\n100644 {blob} 2\trun.sh\n", "0".repeat(40)),
    );
    let mut git = std::process::Command::new("git");
    git.args(["update-index", "--index-info"]).current_dir(yard.repo()).stdin(fs::File::open(&list).unwrap());
    assert!(git.status().unwrap().success());
    let before = yard.fingerprint();
    let what = refusal(all.move_it(&it).await);
    assert!(what.contains("run.sh") && what.contains("not merged"), "{what}");
    assert_eq!(before, yard.fingerprint());
}

#[tokio::test]
async fn a_branch_that_moved_in_the_meantime_is_left_alone_unless_it_has_all_of_it() {
    let all = Prepared::new().await;
    let it = all.judge().await;
    let yard = &all.yard;
    yard.user(&["commit", "-q", "--allow-empty", "-m", "the user goes on"]);
    let before = yard.fingerprint();
    let what = refusal(all.move_it(&it).await);
    assert!(what.contains("merge again"), "{what}");
    assert_eq!(before, yard.fingerprint());
    yard.user(&["merge", "-q", "-m", "by hand", all.head.as_str()]);
    yard.user(&["rm", "-q", "new/made.txt"]);
    let before = yard.fingerprint();
    all.move_it(&it).await.unwrap();
    assert_eq!(before, yard.fingerprint(), "it has all of it, and goes on as the user wants");
    yard.user(&["checkout", "-q", "-f", "--detach"]);
    yard.user(&["branch", "-q", "-D", "main"]);
    let what = refusal(all.move_it(&it).await);
    assert!(what.contains("no branch"), "{what}");
}

#[tokio::test]
async fn a_branch_that_is_checked_out_elsewhere_by_now_is_left_alone() {
    let all = Prepared::new().await;
    let it = all.judge().await;
    all.yard.user(&["checkout", "-q", "--detach"]);
    let before = all.yard.fingerprint();
    let what = refusal(all.move_it(&it).await);
    assert!(what.contains("elsewhere"), "{what}");
    assert_eq!(before, all.yard.fingerprint());
    // Detached at the same commit is not checked out: the files stay.
    let it = all.judge_onto(Some("main")).await;
    assert_eq!(it.checkout, None);
    all.move_it(&it).await.unwrap();
    assert_eq!((all.at("main"), all.at("HEAD")), (all.head.to_string(), all.plan.base.to_string()));
    assert_eq!(all.yard.user(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_rebase_of_the_branch_in_any_checkout_comes_first() {
    let yard = Yard::new();
    yard.user(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = yard.top().join("side");
    write(&side.join("a.txt"), "aside\n");
    run_git(&side, &["commit", "-q", "-a", "-m", "aside"], &[]);
    yard.write("a.txt", "otherwise\n");
    yard.user(&["commit", "-q", "-a", "-m", "otherwise"]);
    let all = Prepared::on(yard, &[("made.txt", "x\n")]).await;
    let it = all.judge_onto(Some("main")).await;
    let mut rebase = std::process::Command::new("git");
    rebase.args(["rebase", "-q", "main"]).current_dir(&side).stderr(std::process::Stdio::null());
    assert!(!rebase.stdout(std::process::Stdio::null()).status().unwrap().success());
    let wish = MergeWish { onto: Some("side".to_owned()), ..MergeWish::default() };
    let judged = all.yard.git.judge_merge(&all.plan, "x", &all.head, &wish).await;
    let what = refusal(judged);
    assert!(what.contains("rebase of `side`"), "{what}");
    all.move_it(&it).await.unwrap();
}

#[tokio::test]
async fn a_linked_worktree_of_the_user_moves_and_the_first_checkout_does_not_notice() {
    let yard = Yard::new();
    yard.user(&["worktree", "add", "-q", "-b", "side", "../side"]);
    let side = yard.top().join("side");
    write(&side.join("run.sh"), "edited\n");
    let all = Prepared::on(yard, &[("a.txt", "one\nand more\n")]).await;
    let it = all.judge_onto(Some("side")).await;
    assert_eq!(it.checkout, Some(text(&side)));
    let before = files(&all.yard.repo());
    all.move_it(&it).await.unwrap();
    assert_eq!(before, files(&all.yard.repo()));
    assert_eq!(fs::read_to_string(side.join("a.txt")).unwrap(), "one\nand more\n");
    assert_eq!(run_git(&side, &["status", "--porcelain"], &[]), " M run.sh");
    assert_eq!(all.at("side"), all.head.as_str());
    fs::remove_dir_all(&side).unwrap();
    let wish =
        MergeWish { onto: Some("side".to_owned()), how: MergeHow::NoFastForward, ..MergeWish::default() };
    agent(&all.plan, &["commit", "-q", "--allow-empty", "-m", "more"]);
    let work = crate::yard::LocalWork(all.plan.clone());
    let head = all.yard.git.fetch_work(&all.plan, work, false).await.unwrap();
    let what = refusal(all.yard.git.judge_merge(&all.plan, "x", &head, &wish).await);
    assert!(what.contains("git worktree prune"), "{what}");
}

#[tokio::test]
async fn how_the_user_keeps_a_checkout_stays_so() {
    let yard = Yard::new();
    yard.write("far/away.txt", "x\n");
    yard.user(&["add", "-A"]);
    yard.user(&["commit", "-q", "-m", "far away"]);
    yard.user(&["config", "core.untrackedCache", "true"]);
    yard.user(&["config", "core.splitIndex", "true"]);
    yard.user(&["config", "filter.loud.smudge", "tr a-z A-Z"]);
    yard.user(&["config", "filter.loud.clean", "tr A-Z a-z"]);
    yard.user(&["sparse-checkout", "set", "dir"]);
    yard.user(&["update-index", "--split-index", "--untracked-cache"]);
    let work = [
        (".gitattributes", "*.loud filter=loud\n"),
        ("dir/x.loud", "shout\n"),
        ("far/away.txt", "changed\n"),
        ("far/new.txt", "new\n"),
    ];
    let all = Prepared::on(yard, &work).await;
    let it = all.judge().await;
    all.move_it(&it).await.unwrap();
    let yard = &all.yard;
    assert_eq!(fs::read_to_string(yard.repo().join("dir/x.loud")).unwrap(), "SHOUT\n");
    assert!(!yard.repo().join("far").exists(), "what is not wanted there stays away");
    assert_eq!(yard.user(&["status", "--porcelain"]), "");
    let shared = fs::read_dir(yard.repo().join(".git")).unwrap().flatten();
    let is_shared = |it: &fs::DirEntry| it.file_name().to_string_lossy().starts_with("sharedindex.");
    assert!(shared.into_iter().any(|it| is_shared(&it)), "the index stays split");
    let index = fs::read(yard.repo().join(".git/index")).unwrap();
    assert!(index.windows(4).any(|window| window == b"UNTR"), "it remembers what it does not know");
}

#[tokio::test]
async fn no_hook_of_the_user_runs() {
    let all = Prepared::new().await;
    let mark = all.yard.top().join("MARK");
    for hook in ["post-merge", "post-checkout", "reference-transaction", "post-index-change", "pre-commit"] {
        let file = all.yard.repo().join(".git/hooks").join(hook);
        write(&file, &format!("#!/bin/sh\necho {hook} >> '{}'\n", mark.display()));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let it = all.judge().await;
    all.move_it(&it).await.unwrap();
    assert!(!mark.exists(), "{}", fs::read_to_string(&mark).unwrap());
}

/// Leaves what an interrupted try could have left.
type Leave = fn(&Prepared);

#[tokio::test]
async fn what_an_interrupted_try_left_is_finished() {
    let cases: [(&str, Leave); 10] = [
        ("a new file in part", |all| all.yard.write("new/made.txt", "by the")),
        ("a new file that is empty", |all| all.yard.write("new/made.txt", "")),
        ("a new file whole", |all| all.yard.write("new/made.txt", "by the agent\n")),
        ("a changed file that is gone", |all| fs::remove_file(all.yard.repo().join("a.txt")).unwrap()),
        ("a changed file that is empty", |all| all.yard.write("a.txt", "")),
        ("a changed file in part", |all| all.yard.write("a.txt", "one\nand")),
        ("a changed file whole", |all| all.yard.write("a.txt", "one\nand more\n")),
        ("all but the branch", |all| {
            all.yard.user(&["read-tree", "-m", "-u", "HEAD", all.head.as_str()]);
        }),
        ("an index that lasted, and files that did not", |all| {
            all.yard.user(&["read-tree", "-m", "-u", "HEAD", all.head.as_str()]);
            all.yard.write("a.txt", "one\nan");
            fs::remove_file(all.yard.repo().join("new/made.txt")).unwrap();
        }),
        ("a lock", |all| all.yard.write(".git/index.lock", "half an index")),
    ];
    for (name, leave) in cases {
        let all = Prepared::new().await;
        all.yard.write("run.sh", "an edit\n");
        let it = all.judge().await;
        leave(&all);
        all.move_it(&it).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(all.at("main"), all.head.as_str(), "{name}");
        assert_eq!(all.yard.user(&["status", "--porcelain"]), " M run.sh", "{name}");
        assert_eq!(fs::read_to_string(all.yard.repo().join("a.txt")).unwrap(), "one\nand more\n", "{name}");
        assert!(!all.yard.repo().join(".git/index.lock").exists(), "{name}");
    }
}

#[tokio::test]
async fn what_looks_like_a_leftover_beside_what_is_the_users_is_not_touched() {
    let all = Prepared::new().await;
    let it = all.judge().await;
    all.yard.write("new/made.txt", "by the");
    all.yard.write("a.txt", "the user's\n");
    let before = all.yard.fingerprint();
    let what = refusal(all.move_it(&it).await);
    assert!(what.ends_with(": a.txt"), "{what}");
    assert_eq!(before, all.yard.fingerprint());
}

#[tokio::test]
async fn a_lock_of_a_git_that_lives_is_not_taken_away() {
    let all = Prepared::new().await;
    let it = all.judge().await;
    all.yard.write(".git/index.lock", "the user's");
    let mut git = std::process::Command::new("git");
    git.args(["cat-file", "--batch"]).current_dir(all.yard.repo()).stdin(std::process::Stdio::piped());
    let mut living = git.spawn().unwrap();
    let before = all.yard.fingerprint();
    let busy = all.move_it(&it).await.unwrap_err();
    drop(living.stdin.take());
    living.wait().unwrap();
    assert!(matches!(&busy, GitError::Busy { what } if what.contains("index.lock")), "{busy}");
    assert_eq!(before, all.yard.fingerprint());
}

#[tokio::test]
async fn a_move_that_fails_halfway_is_no_refusal_and_is_finished_by_doing_it_again() {
    let yard = Yard::new();
    yard.write(".git/info/attributes", "z-last filter=broken\n");
    let all = Prepared::on(yard, &[("a-first", "1\n"), ("z-last", "2\n")]).await;
    let it = all.judge().await;
    for (name, value) in [("smudge", "false"), ("clean", "cat"), ("required", "true")] {
        all.yard.user(&["config", &format!("filter.broken.{name}"), value]);
    }
    let failed = all.move_it(&it).await;
    assert!(matches!(failed, Err(GitError::Failed { .. })), "files may have moved: {failed:?}");
    assert_eq!(all.at("HEAD"), it.from.as_str());
    all.yard.user(&["config", "filter.broken.smudge", "cat"]);
    all.move_it(&it).await.unwrap();
    assert_eq!(all.at("HEAD"), it.to.as_str());
    assert_eq!(all.yard.user(&["status", "--porcelain"]), "");
    assert_eq!(fs::read_to_string(all.yard.repo().join("z-last")).unwrap(), "2\n");
}
