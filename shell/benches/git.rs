//! What ccells adds to git's own time on the user's repository: a worktree of 50,000 files to start in, and a branch of a
//! hundred commits brought home. Each figure is a ratio within one run, the two ways in turns.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ccells_core::ports::{Git as _, MergeHow, MergeWish, WorktreePlan};
use tokio::runtime::Runtime;

use crate::yard::{LocalWork, Yard, commit, path, run_git};

#[path = "../tests/git/yard.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod yard;

/// How often each way is gone.
const ROUNDS: usize = 7;
/// Files of the large repository.
const FILES: usize = 50_000;
/// Commits of the branch that comes home.
const COMMITS: usize = 100;

fn main() {
    println!("figure                                       ours      bare     ratio    target");
    let runtime = Runtime::new().unwrap();
    create(&runtime);
    merge(&runtime);
}

fn tell(what: &str, mut ours: Vec<Duration>, mut bare: Vec<Duration>, target: f64) {
    let mut median = |all: &mut Vec<Duration>| {
        all.sort();
        all[all.len() / 2].as_secs_f64() * 1e3
    };
    let (ours, bare) = (median(&mut ours), median(&mut bare));
    let ratio = ours / bare;
    let verdict = if ratio <= target { "" } else { "  missed" };
    println!("{what:<40} {ours:>6.1} ms {bare:>6.1} ms {ratio:>8.2} {target:>9.2}{verdict}");
}

/// A repository of many files, none of which is worth a name.
fn large() -> Yard {
    let yard = Yard::new();
    let mut stream =
        "commit refs/heads/main\ncommitter x <x> 1700000000 +0000\ndata 4\nmany\nfrom refs/heads/main^0\n"
            .to_owned();
    for number in 0..FILES {
        let text = format!("file {number}\n");
        let (directory, bytes) = (number / 250, text.len());
        writeln!(stream, "M 644 inline many/{directory}/{number}\ndata {bytes}\n{text}").unwrap();
    }
    let import = yard.top().join("import");
    fs::write(&import, stream).unwrap();
    let mut command = std::process::Command::new("git");
    command.current_dir(yard.repo()).args(["fast-import", "--quiet"]).stdin(fs::File::open(import).unwrap());
    assert!(command.status().unwrap().success());
    yard.user(&["reset", "-q", "--hard"]);
    yard
}

/// All that git does for a new workstream, against `git worktree add` alone.
fn create(runtime: &Runtime) {
    let yard = large();
    let plan = yard.plan();
    let by_hand = yard.top().join("by hand");
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        runtime.block_on(yard.create_whole(&plan));
        ours.push(began.elapsed());
        take_away(&yard, &plan);
        let began = Instant::now();
        yard.user(&["worktree", "add", "-q", "-b", "other", by_hand.to_str().unwrap()]);
        bare.push(began.elapsed());
        yard.user(&["worktree", "remove", "--force", by_hand.to_str().unwrap()]);
        yard.user(&["branch", "-q", "-D", "other"]);
    }
    tell("a worktree of 50,000 files", ours, bare, 1.15);
}

fn take_away(yard: &Yard, plan: &WorktreePlan) {
    fs::remove_dir_all(yard.top().join("ccells")).unwrap();
    yard.user(&["worktree", "prune"]);
    yard.user(&["branch", "-q", "-D", &plan.branch]);
}

/// Commits out of another repository into the branch that is checked out, against `git pull` of the same.
fn merge(runtime: &Runtime) {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let yard = Yard::new();
        let plan = yard.plan();
        runtime.block_on(yard.create_whole(&plan));
        for number in 0..COMMITS {
            let text = format!("{number}\n").repeat(40);
            commit(&plan, &[(&format!("made/{number}.txt"), &text)], &format!("Commit {number}"));
        }
        let twin = yard.top().join("twin");
        run_git(&yard.top(), &["clone", "-q", "--no-local", "My Repo", "twin"], &[]);
        let private = path(&plan.home).join("git");
        let began = Instant::now();
        pull(&twin, &private, &plan);
        bare.push(began.elapsed());
        let began = Instant::now();
        runtime.block_on(bring_home(&yard, &plan));
        ours.push(began.elapsed());
        assert_eq!(run_git(&twin, &["rev-parse", "HEAD"], &[]), yard.user(&["rev-parse", "HEAD"]));
    }
    tell("a branch of 100 commits merged", ours, bare, 1.30);
}

fn pull(into: &Path, from: &Path, plan: &WorktreePlan) {
    let objects = path(&plan.git_dir).join("objects");
    let from = from.to_str().unwrap();
    run_git(
        into,
        &["pull", "-q", "--ff-only", from, "HEAD"],
        &[("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects)],
    );
}

async fn bring_home(yard: &Yard, plan: &WorktreePlan) {
    let head = yard.git.fetch_work(plan, LocalWork(plan.clone()), false).await.unwrap();
    let wish = MergeWish { how: MergeHow::Merge, ..MergeWish::default() };
    let moving = yard.git.judge_merge(plan, "fix-login", &head, &wish).await.unwrap().unwrap();
    yard.git.move_branch(plan, &moving).await.unwrap();
}
