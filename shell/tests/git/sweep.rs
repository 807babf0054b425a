//! Git, and then ourselves with git, are killed at system call after system call; what that leaves is cleared by doing
//! the same again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ccells_core::ports::{Beginning, Git as _, WorktreePlan};

use crate::yard::{Yard, end, everything, path, reference, write};

/// The calls that change anything or open what will be changed.
const CALLS: &str = "openat,mkdir,rename,link,unlink,rmdir,write,fsync,close,chdir,execve";
/// How long a sweep may take that is not asked to be a full one.
const PATIENCE: Duration = Duration::from_secs(25);

/// How a killed git ended.
#[derive(Debug, PartialEq)]
enum End {
    /// It was killed, or gave up because a part of it was.
    Cut,
    /// It came to its end before its `when`-th call.
    Whole,
}

/// Runs git with the arguments the adapter gives it, and kills it (or a child of it) at its `when`-th call.
fn killed(plan: &WorktreePlan, arguments: &[&str], when: usize) -> End {
    let inject = format!("inject={CALLS}:signal=KILL:when={when}");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}"), "-e", &inject, "git"]);
    command.arg(format!("--git-dir={}", plan.git_dir)).args([
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.fsync=all",
    ]);
    command.args(arguments).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("CCELLS_WORKSTREAM", plan.workstream.as_str());
    let status = command.status().unwrap();
    if status.success() && status.signal().is_none() { End::Whole } else { End::Cut }
}

/// Whether strace can do its part here; without it the sweep is skipped loudly, or fails where it is required.
pub(crate) fn can_kill(name: &str) -> bool {
    let works = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if works.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("CCELLS_STRACE").is_none_or(|wish| wish != "require"),
        "strace does not work here"
    );
    eprintln!("SKIPPED {name}: strace does not work here (CCELLS_STRACE=require makes this a failure)");
    false
}

/// Everything that tells one leftover from another.
fn leftover(yard: &Yard, plan: &WorktreePlan) -> String {
    let git_dir = yard.repo().join(".git");
    let admin = git_dir.join("worktrees").join(plan.workstream.as_str());
    let names = |directory: &Path| -> Vec<String> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let locks: Vec<String> = names(&git_dir).into_iter().filter(|name| name.contains(".lock")).collect();
    let branch = names(&git_dir.join("refs/heads/ccells"));
    format!("{:?} {:?} {locks:?} {branch:?}", names(&admin), names(path(&plan.worktree)))
}

/// Kills git at call after call, and does with the adapter what git was about.
async fn sweep(name: &str, arguments: &dyn Fn(&WorktreePlan) -> Vec<String>, is_created: bool) {
    let is_full = std::env::var_os("CCELLS_SWEEP").is_some_and(|wish| wish == "full");
    let started = Instant::now();
    let (mut kills, mut leftovers) = (0, BTreeSet::new());
    let mut when = 1;
    let mut was_whole = false;
    while !was_whole {
        let yard = Yard::new();
        let plan = yard.plan();
        let untouched = yard.fingerprint();
        yard.git.pin_base(&plan).await.unwrap();
        if is_created {
            yard.git.add_worktree(&plan).await.unwrap();
        }
        if !is_created {
            // The note that the adapter leaves before it starts git.
            write(&path(&plan.worktree).with_file_name(format!(".{}.adding", plan.workstream)), "");
        }
        let words = arguments(&plan);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        was_whole = killed(&plan, &words, when) == End::Whole;
        kills += usize::from(!was_whole);
        leftovers.insert(leftover(&yard, &plan));
        recover(&yard, &plan, when).await;
        assert_eq!(untouched, yard.fingerprint(), "killed at call {when}");
        // Not asked for a full sweep: wider steps once the time is half gone.
        let is_late = !is_full && started.elapsed() > PATIENCE / 2;
        when += if is_late {
            11
        } else if is_full {
            1
        } else {
            3
        };
        assert!(when < 10_000, "git never came to its end");
    }
    let (distinct, seconds) = (leftovers.len(), started.elapsed().as_secs_f32());
    eprintln!(
        "{name}: killed {kills} times up to call {when}, {distinct} different leftovers, {seconds:.1} s"
    );
    assert!(kills > 3, "the kills did not reach git");
}

/// What has to work after any kill: make it again, find it whole, take it away, and nothing is left.
async fn recover(yard: &Yard, plan: &WorktreePlan, when: usize) {
    let told = |step: &str| format!("{step} after a kill at call {when}");
    yard.git.add_worktree(plan).await.unwrap_or_else(|error| panic!("{}: {error}", told("add")));
    yard.git.build_home(plan, b"{}").await.unwrap_or_else(|error| panic!("{}: {error}", told("build")));
    let branch = reference(yard, "refs/heads/ccells/fix-login");
    assert_eq!(branch.as_deref(), Some(plan.base.as_str()), "{}", told("branch"));
    let report = yard.git.inspect_work(plan).await.unwrap();
    assert!(report.is_empty() && report.has_worktree, "{}: {report:?}", told("inspect"));
    yard.git.remove_worktree(plan, false).await.unwrap_or_else(|error| panic!("{}: {error}", told("remove")));
    yard.git.retire_home(plan).await.unwrap_or_else(|error| panic!("{}: {error}", told("retire")));
    assert_eq!(reference(yard, "refs/heads/ccells/fix-login"), None, "{}", told("remove"));
    assert!(!yard.repo().join(".git/worktrees").exists(), "{}", told("remove"));
    assert!(!path(&plan.worktree).exists(), "{}", told("remove"));
}

#[tokio::test]
async fn a_worktree_is_made_after_its_making_was_killed_anywhere() {
    if !can_kill("a_worktree_is_made_after_its_making_was_killed_anywhere") {
        return;
    }
    let add = |plan: &WorktreePlan| {
        let words = ["worktree", "add", "--quiet", "--no-track", "-b", &plan.branch, plan.worktree.as_str()];
        words.iter().copied().chain([plan.base.as_str()]).map(str::to_owned).collect()
    };
    sweep("worktree add", &add, false).await;
}

#[tokio::test]
async fn a_branch_goes_after_its_removal_was_killed_anywhere() {
    if !can_kill("a_branch_goes_after_its_removal_was_killed_anywhere") {
        return;
    }
    let remove = |plan: &WorktreePlan| {
        let branch = format!("refs/heads/{}", plan.branch);
        ["update-ref", "--no-deref", "-d", &branch, plan.base.as_str()].map(str::to_owned).to_vec()
    };
    sweep("update-ref -d", &remove, true).await;
}

/// The calls of ours that change anything.
const OUR_CALLS: &str = "mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,symlink,symlinkat,fsync,utimensat,openat,ftruncate";
/// Names the file with the plan that [`the_process_that_is_killed`] works on.
const PLAN: &str = "CCELLS_TEST_PLAN";

/// Not a test of its own: a process that makes or ends a workstream, for the sweeps to kill.
#[tokio::test]
#[ignore = "the sweeps start it"]
async fn the_process_that_is_killed() {
    let Some(file) = std::env::var_os(PLAN) else { return };
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let git = ccells_shell::adapters::git::RealGit::new().unwrap();
    let plan = WorktreePlan {
        workstream: ccells_core::ids::WorkstreamId::parse(lines[1]).unwrap(),
        repo: lines[2].into(),
        git_dir: lines[3].into(),
        worktree: lines[4].into(),
        home: lines[5].into(),
        branch: lines[6].to_owned(),
        base: ccells_core::ids::Commit::parse(lines[7]).unwrap(),
        owner: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
        beginning: Beginning::default(),
    };
    if lines[0] == "create" {
        git.pin_base(&plan).await.unwrap();
        git.add_worktree(&plan).await.unwrap();
        git.build_home(&plan, b"{}").await.unwrap();
    } else if lines[0] == "undo" {
        git.restore_work(&plan).await.unwrap();
    } else {
        git.snapshot_work(&plan).await.unwrap();
        git.remove_worktree(&plan, false).await.unwrap();
        git.retire_home(&plan).await.unwrap();
    }
}

/// Lets a process of ours do `verb` on the plan, and kills it, and whatever git it has started, at call `when`.
fn killed_doing(verb: &str, yard: &Yard, plan: &WorktreePlan, when: usize) -> End {
    let file = yard.top().join("plan");
    let ids =
        [verb, plan.workstream.as_str(), plan.repo.as_str(), plan.git_dir.as_str(), plan.worktree.as_str()];
    let rest = [plan.home.as_str(), &plan.branch, plan.base.as_str()];
    write(&file, &[&ids[..], &rest[..]].concat().join("\n"));
    let inject = format!("inject={OUR_CALLS}:signal=KILL:when={when}");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={OUR_CALLS}"), "-e", &inject]);
    command.arg(std::env::current_exe().unwrap()).args([
        "--ignored",
        "--exact",
        "sweep::the_process_that_is_killed",
    ]);
    command.env(PLAN, file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().unwrap();
    if status.success() && status.signal().is_none() { End::Whole } else { End::Cut }
}

/// Kills us doing `verb` at call after call, and does it again.
async fn sweep_us(verb: &str, step: usize) {
    let is_full = std::env::var_os("CCELLS_SWEEP").is_some_and(|wish| wish == "full");
    let started = Instant::now();
    let (mut kills, mut when, mut was_whole) = (0, 1, false);
    while !was_whole {
        let yard = Yard::new();
        let plan = yard.plan();
        let untouched = yard.fingerprint();
        let work = path(&plan.worktree).join("dir/work");
        if verb != "create" {
            yard.create_whole(&plan).await;
            write(&work, "work");
            write(&path(&plan.worktree).join("ignored/too"), "ignored, and kept all the same");
        }
        let whole = (verb != "create").then(|| everything(path(&plan.worktree)));
        if verb == "undo" {
            end(&yard, &plan).await;
        }
        was_whole = killed_doing(verb, &yard, &plan, when) == End::Whole;
        kills += usize::from(!was_whole);
        if verb == "undo" {
            undo_again(&yard, &plan, when).await;
            assert_eq!(Some(everything(path(&plan.worktree))), whole, "killed at call {when}");
            assert!(yard.user(&["fsck"]).is_empty(), "killed at call {when}");
        }
        if verb == "create" {
            yard.git
                .pin_base(&plan)
                .await
                .unwrap_or_else(|error| panic!("pin after a kill at call {when}: {error}"));
            recover(&yard, &plan, when).await;
        } else {
            destroy_again(&yard, &plan, when).await;
            assert_eq!(Some(everything(&yard.trash().join("worktree"))), whole, "killed at call {when}");
        }
        assert_eq!(untouched, yard.fingerprint(), "killed at call {when}");
        when += if is_full { 1 } else { step };
        assert!(when < 10_000, "the process never came to its end");
    }
    let seconds = started.elapsed().as_secs_f32();
    eprintln!("{verb}, ours: killed {kills} times up to call {when}, {seconds:.1} s");
    assert!(kills > 3, "the kills did not reach us");
}

/// What has to work after any kill of an end: the same end again, with the work kept and nothing else left.
async fn destroy_again(yard: &Yard, plan: &WorktreePlan, when: usize) {
    let told = |step: &str| format!("{step} after a kill at call {when}");
    let kept =
        yard.git.snapshot_work(plan).await.unwrap_or_else(|error| panic!("{}: {error}", told("snapshot")));
    let kept = kept.unwrap_or_else(|| panic!("{}: nothing is kept", told("snapshot")));
    assert_eq!(yard.user(&["show", &format!("{kept}:dir/work")]), "work", "{}", told("snapshot"));
    yard.git.remove_worktree(plan, false).await.unwrap_or_else(|error| panic!("{}: {error}", told("remove")));
    yard.git.retire_home(plan).await.unwrap_or_else(|error| panic!("{}: {error}", told("retire")));
    assert!(!path(&plan.home).exists() && !path(&plan.worktree).exists(), "{}", told("retire"));
    assert_eq!(reference(yard, "refs/heads/ccells/fix-login"), None, "{}", told("remove"));
    assert_eq!(reference(yard, &format!("refs/ccells/{}/base", plan.workstream)), None, "{}", told("retire"));
    let id = plan.workstream.as_str();
    assert!(yard.trash().join("git/HEAD").exists(), "{}", told("retire"));
    let removed = yard.removed();
    assert_eq!(removed.branch_tip.as_ref(), Some(&plan.base), "{}", told("note"));
    assert!(removed.is_branch_removed && removed.snapshot == Some(kept), "{}", told("note"));
    let base = reference(yard, &format!("refs/ccells/trash-base/{id}"));
    assert_eq!(base.as_deref(), Some(plan.base.as_str()), "{}", told("retire"));
    for room in ["worktrees/my-repo", "workstreams"] {
        let left: Vec<_> = fs::read_dir(yard.top().join("ccells").join(room)).unwrap().flatten().collect();
        assert!(left.is_empty(), "{}: {left:?}", told("retire"));
    }
}

/// What has to work after any kill on the way back from the trash: the way back again, and nothing left in the trash.
async fn undo_again(yard: &Yard, plan: &WorktreePlan, when: usize) {
    let told = |step: &str| format!("{step} after a kill at call {when}");
    let branch = yard.git.restore_work(plan).await;
    let branch = branch.unwrap_or_else(|error| panic!("{}: {error}", told("restore")));
    assert_eq!(branch, plan.branch, "{}", told("restore"));
    let stands = reference(yard, "refs/heads/ccells/fix-login");
    assert_eq!(stands.as_deref(), Some(plan.base.as_str()), "{}", told("branch"));
    let pinned = reference(yard, &format!("refs/ccells/{}/base", plan.workstream));
    assert_eq!(pinned.as_deref(), Some(plan.base.as_str()), "{}", told("pin"));
    let of_trash = reference(yard, &format!("refs/ccells/trash-base/{}", plan.workstream));
    assert_eq!(of_trash, None, "{}", told("pin"));
    assert_eq!(fs::read_dir(yard.trash().parent().unwrap()).unwrap().count(), 0, "{}", told("restore"));
    let home = path(&plan.home);
    assert!(home.join("workstream.json").exists() && !home.join("removed.json").exists(), "{}", told("home"));
    assert_eq!(yard.user(&["worktree", "list"]).lines().count(), 2, "{}", told("register"));
    // What follows in the making of its container finds all of it complete.
    yard.git.add_worktree(plan).await.unwrap_or_else(|error| panic!("{}: {error}", told("add")));
    let left: Vec<_> = fs::read_dir(yard.repo().join(".git")).unwrap().flatten().collect();
    let is_ours = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("ccells");
    assert!(!left.iter().any(is_ours), "{}: {left:?}", told("register"));
}

#[tokio::test]
async fn a_workstream_comes_back_after_we_were_killed_anywhere() {
    if can_kill("a_workstream_comes_back_after_we_were_killed_anywhere") {
        sweep_us("undo", 5).await;
    }
}

#[tokio::test]
async fn a_workstream_is_made_after_we_were_killed_anywhere() {
    if can_kill("a_workstream_is_made_after_we_were_killed_anywhere") {
        sweep_us("create", 5).await;
    }
}

#[tokio::test]
async fn a_workstream_ends_after_we_were_killed_anywhere() {
    if can_kill("a_workstream_ends_after_we_were_killed_anywhere") {
        sweep_us("destroy", 5).await;
    }
}
