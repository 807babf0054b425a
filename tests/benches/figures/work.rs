//! What ccells adds to git's own time on the user's repository: a worktree of 50,000 files to start in, and a branch of a
//! hundred commits brought home.

use std::fs;
use std::time::Instant;

use ccells_core::ports::{Git as _, MergeHow, MergeWish, WorktreePlan};
use tokio::runtime::Runtime;

use crate::yard::{LocalWork, Yard, agent, commit, run_git};
use crate::{median, tell};

/// How often each way is gone.
const ROUNDS: usize = 5;
/// Files of the large repository.
const FILES: usize = 50_000;
/// Commits of the branch that comes home.
const COMMITS: usize = 100;

/// All that git does for a new workstream, against `git worktree add` alone.
pub(crate) fn create() {
    let runtime = Runtime::new().unwrap();
    let yard = Yard::crowded(FILES);
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
    tell("a worktree of 50,000 files", median(ours), median(bare), 1.15);
}

fn take_away(yard: &Yard, plan: &WorktreePlan) {
    fs::remove_dir_all(yard.top().join("ccells")).unwrap();
    yard.user(&["worktree", "prune"]);
    yard.user(&["branch", "-q", "-D", &plan.branch]);
}

/// Commits out of the agent's repository into the branch that is checked out, against `git pull` of the same from an
/// ordinary repository.
pub(crate) fn merge() {
    let runtime = Runtime::new().unwrap();
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
        run_git(&yard.top(), &["clone", "-q", "--bare", "--no-local", "My Repo", "theirs"], &[]);
        agent(&plan, &["push", "-q", yard.top().join("theirs").to_str().unwrap(), "HEAD:refs/heads/work"]);
        let began = Instant::now();
        run_git(&twin, &["pull", "-q", "--ff-only", "../theirs", "work"], &[]);
        bare.push(began.elapsed());
        let began = Instant::now();
        runtime.block_on(bring_home(&yard, &plan));
        ours.push(began.elapsed());
        assert_eq!(run_git(&twin, &["rev-parse", "HEAD"], &[]), yard.user(&["rev-parse", "HEAD"]));
    }
    tell("a branch of 100 commits merged", median(ours), median(bare), 1.30);
}

async fn bring_home(yard: &Yard, plan: &WorktreePlan) {
    let head = yard.git.fetch_work(plan, LocalWork(plan.clone()), false).await.unwrap();
    let wish = MergeWish { how: MergeHow::Merge, ..MergeWish::default() };
    let moving = yard.git.judge_merge(plan, "fix-login", &head, &wish).await.unwrap().unwrap();
    yard.git.move_branch(plan, &moving).await.unwrap();
}
