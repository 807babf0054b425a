//! A model of git and of what agents do to worktrees: every operation is a row of small steps, and a crash between two
//! leaves what the first ones made. Agents write while their containers run; work counts, so that losing it shows.

use std::collections::BTreeMap;

use ccells_core::ids::{Commit, PathText, WorkstreamId};
use ccells_core::ports::{BaseMove, BranchMove, GitError, PushWish, Pushed, WorkReport, WorktreePlan};

use super::merges::Merges;
use super::rebases::Rebases;
use super::remotes::{self, Remotes};

/// How far something is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Made {
    /// Not there.
    #[default]
    Absent,
    /// Begun, and left so by a crash, while nobody is at it.
    Partly,
    /// There.
    Whole,
}

/// What git has of one workstream.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The worktree.
    pub worktree: Made,
    /// Whether `refs/ccells/<id>/base` is there.
    pub is_pinned: bool,
    /// How often the agent wrote something that git shows.
    pub written: u64,
    /// How much of all that it wrote is in the worktree: all of it, unless a fresh one stands in for the one it wrote in.
    pub there: u64,
    /// How often it wrote something that git ignores.
    pub hidden: u64,
    /// What of it is in commits, which its own directory holds.
    pub committed: u64,
    /// What of it was fetched.
    pub fetched: u64,
    /// What of it is in the trash.
    pub snapshotted: u64,
    /// What of all that went into the trash as the files they are: what git shows, and what it ignores.
    pub stowed: Option<(u64, u64)>,
    /// What of it a removed worktree took with it, if that was more than what is kept.
    pub lost: u64,
    /// Whether it held uncommitted work when its worktree was removed.
    pub had_work: bool,
}

impl Tree {
    /// Whether its worktree differs from the base. What the agent committed counts: it is in its own directory only.
    pub fn has_changes(&self) -> bool {
        self.worktree != Made::Absent && self.written > 0
    }

    /// Whether its worktree holds what exists nowhere else.
    pub fn has_uncommitted(&self) -> bool {
        self.worktree != Made::Absent && self.written > self.committed
    }
}

/// All repositories. Workstream ids are unique over all of them, branches within each.
#[derive(Clone, Debug, Default)]
pub struct SimGit {
    /// By workstream.
    pub trees: BTreeMap<WorkstreamId, Tree>,
    /// By repository and branch: whose it is (`None`: the user's).
    pub branches: BTreeMap<(PathText, String), Option<WorkstreamId>>,
    /// The branches of the users.
    pub merges: Merges,
    /// Their remotes.
    pub remotes: Remotes,
    /// Where the commits of the agents stand.
    pub rebases: Rebases,
    /// Whether worktrees and the trash are on two file systems: then nothing can be moved from here to there, and what
    /// was kept as a commit is all there is.
    pub is_split: bool,
}

/// An operation, as asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum GitOp {
    /// See [`ccells_core::ports::Git::resolve_base`].
    Resolve {
        /// Where.
        repo: PathText,
        /// What for.
        branch: String,
    },
    /// See [`ccells_core::ports::Git::pin_base`].
    Pin(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::add_worktree`].
    Add(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::inspect_work`].
    Inspect(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::snapshot_work`].
    Snapshot(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::remove_worktree`].
    Remove(Box<WorktreePlan>, bool),
    /// The worktree and the branch come back: the second part of [`ccells_core::ports::Git::restore_work`].
    Restore(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::fetch_work`].
    Fetch(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::judge_merge`].
    Judge(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::move_branch`].
    Move(Box<WorktreePlan>, Box<BranchMove>),
    /// See [`ccells_core::ports::Git::push_work`].
    Push(Box<WorktreePlan>, Commit, Box<PushWish>),
    /// See [`ccells_core::ports::Git::aim_rebase`].
    Aim(Box<WorktreePlan>),
    /// See [`ccells_core::ports::Git::move_base`].
    MoveBase(Box<WorktreePlan>, Box<BaseMove>),
    /// Lets the base go: the last part of [`ccells_core::ports::Git::retire_home`].
    Unpin(Box<WorktreePlan>),
}

/// What an operation gave at its end.
#[derive(Clone, Debug, PartialEq)]
pub enum GitOk {
    /// It is done.
    Done,
    /// The base.
    Base(Commit),
    /// What would be lost.
    Work(WorkReport),
    /// What was kept.
    Kept(Option<Commit>),
    /// The branch it came back on.
    Branch(String),
    /// Which branch would move.
    Judged(Option<BranchMove>),
    /// What was pushed.
    Pushed(Pushed),
    /// What the commits are to stand on.
    Aimed(BaseMove),
}

impl SimGit {
    /// Does step `number` of `op`; `None` when another follows.
    pub fn step(&mut self, op: &GitOp, number: u32) -> Option<Result<GitOk, GitError>> {
        match op {
            GitOp::Resolve { repo, branch } => Some(self.resolve(repo, branch)),
            GitOp::Pin(plan) => {
                self.tree(plan).is_pinned = true;
                Some(Ok(GitOk::Done))
            }
            GitOp::Add(plan) => self.add(plan, number),
            GitOp::Inspect(plan) => Some(Ok(GitOk::Work(self.inspect(plan)))),
            GitOp::Snapshot(plan) => Some(Ok(GitOk::Kept(self.snapshot(plan)))),
            GitOp::Remove(plan, keep_branch) => self.remove(plan, *keep_branch, number),
            GitOp::Restore(plan) => self.restore(plan, number),
            GitOp::Fetch(plan) => {
                let tree = self.tree(plan);
                tree.fetched = tree.committed;
                Some(Ok(GitOk::Base(remotes::head_of(tree.fetched))))
            }
            GitOp::Judge(plan) => {
                let much = self.tree(plan).fetched;
                Some(Ok(GitOk::Judged(self.merges.judge(&plan.repo, &plan.workstream, much))))
            }
            GitOp::Move(plan, moving) => {
                let moved = self.merges.step(&plan.repo, moving, number)?;
                Some(moved.map(|()| GitOk::Done))
            }
            GitOp::Push(plan, head, wish) => {
                let pushed = self.remotes.step(plan, head, wish, number)?;
                Some(pushed.map(GitOk::Pushed))
            }
            GitOp::Aim(plan) => {
                let (target, from) = ("main".to_string(), plan.base.clone());
                Some(Ok(GitOk::Aimed(BaseMove { target, from, to: self.merges.tip(&plan.repo) })))
            }
            GitOp::MoveBase(plan, _) => {
                self.tree(plan).is_pinned = true;
                (number > 0).then_some(Ok(GitOk::Done))
            }
            GitOp::Unpin(plan) => {
                self.rebases.forget(&plan.workstream);
                self.tree(plan).is_pinned = false;
                Some(Ok(GitOk::Done))
            }
        }
    }

    /// The agent of `workstream` writes what git ignores.
    pub fn hide(&mut self, workstream: &WorkstreamId) {
        if let Some(tree) = self.trees.get_mut(workstream).filter(|tree| tree.worktree == Made::Whole) {
            tree.hidden += 1;
        }
    }

    /// The agent of `workstream` writes, or commits what it wrote.
    pub fn work(&mut self, workstream: &WorkstreamId, is_commit: bool) {
        let Some(tree) = self.trees.get_mut(workstream).filter(|tree| tree.worktree == Made::Whole) else {
            return;
        };
        if is_commit {
            tree.committed = tree.written;
        } else {
            tree.written += 1;
            tree.there += 1;
        }
    }

    fn tree(&mut self, plan: &WorktreePlan) -> &mut Tree {
        self.trees.entry(plan.workstream.clone()).or_default()
    }

    fn resolve(&self, repo: &PathText, branch: &str) -> Result<GitOk, GitError> {
        if self.branches.contains_key(&(repo.clone(), branch.to_string())) {
            return Err(GitError::BranchExists { branch: branch.to_string() });
        }
        Ok(GitOk::Base(Commit::parse(&"a".repeat(40)).expect("forty hexadecimal digits")))
    }

    /// Clears away what an interrupted try left, makes the branch, then the worktree. One that is whole is kept.
    fn add(&mut self, plan: &WorktreePlan, number: u32) -> Option<Result<GitOk, GitError>> {
        let place = (plan.repo.clone(), plan.branch.clone());
        match (number, self.tree(plan).worktree) {
            (0, Made::Whole) => {
                // Somebody may have taken the branch away meanwhile.
                self.branches.entry(place).or_insert_with(|| Some(plan.workstream.clone()));
                Some(Ok(GitOk::Done))
            }
            (0, Made::Absent) => None,
            (0, Made::Partly) => {
                self.tree(plan).worktree = Made::Absent;
                None
            }
            (1, _) => match self.branches.get(&place) {
                Some(owner) if owner.as_ref() != Some(&plan.workstream) => {
                    Some(Err(GitError::BranchExists { branch: plan.branch.clone() }))
                }
                Some(_) | None => {
                    self.branches.insert(place, Some(plan.workstream.clone()));
                    None
                }
            },
            (2, _) => {
                self.tree(plan).worktree = Made::Partly;
                None
            }
            (_, _) => {
                self.tree(plan).worktree = Made::Whole;
                self.tree(plan).there = 0;
                Some(Ok(GitOk::Done))
            }
        }
    }

    /// The branch first, under another name where somebody has it by now; the worktree with all that went, or what was
    /// kept of it, after it.
    fn restore(&mut self, plan: &WorktreePlan, number: u32) -> Option<Result<GitOk, GitError>> {
        let owner = Some(plan.workstream.clone());
        let later = (2..).map(|number: u32| format!("{}-{number}", plan.branch));
        let mut names = std::iter::once(plan.branch.clone()).chain(later);
        let is_to_be_had = |name: &String| {
            let found = self.branches.get(&(plan.repo.clone(), name.clone()));
            found.is_none_or(|found| *found == owner)
        };
        let branch = names.find(is_to_be_had)?;
        self.branches.insert((plan.repo.clone(), branch.clone()), owner);
        let tree = self.tree(plan);
        tree.is_pinned = true;
        if number == 0 {
            return None;
        }
        if tree.worktree != Made::Whole {
            tree.there = tree.stowed.map_or(tree.snapshotted.max(tree.committed), |(written, _)| written);
            tree.worktree = Made::Whole;
        }
        Some(Ok(GitOk::Branch(branch)))
    }

    fn inspect(&self, plan: &WorktreePlan) -> WorkReport {
        let Some(tree) = self.trees.get(&plan.workstream) else { return WorkReport::default() };
        WorkReport {
            modified: if tree.has_changes() { vec!["src/main.rs".to_string()] } else { Vec::new() },
            untracked: Vec::new(),
            has_commits: tree.committed > 0,
            has_worktree: tree.worktree != Made::Absent,
            unknown: None,
        }
    }

    fn snapshot(&mut self, plan: &WorktreePlan) -> Option<Commit> {
        let tree = self.tree(plan);
        if tree.has_changes() {
            tree.snapshotted = tree.written;
        }
        // What an earlier try kept is the answer too, also when the worktree is gone.
        let is_kept = tree.snapshotted > 0;
        is_kept
            .then(|| Commit::parse(&format!("{:040x}", tree.snapshotted)).expect("forty hexadecimal digits"))
    }

    /// The files go first, in one piece where they are only moved; the registration and the branch after them.
    fn remove(
        &mut self,
        plan: &WorktreePlan,
        keep_branch: bool,
        number: u32,
    ) -> Option<Result<GitOk, GitError>> {
        let is_split = self.is_split;
        let tree = self.tree(plan);
        match number {
            0 if tree.worktree != Made::Absent && !is_split => {
                tree.stowed = Some((tree.there, tree.hidden));
                tree.worktree = Made::Absent;
                None
            }
            0 => {
                if tree.worktree != Made::Absent {
                    tree.had_work |= tree.has_uncommitted();
                    tree.lost = tree.written.saturating_sub(tree.committed.max(tree.snapshotted));
                    tree.worktree = Made::Partly;
                }
                None
            }
            1 => {
                tree.worktree = Made::Absent;
                None
            }
            _ => {
                let place = (plan.repo.clone(), plan.branch.clone());
                let is_ours =
                    self.branches.get(&place).is_some_and(|owner| owner.as_ref() == Some(&plan.workstream));
                if is_ours && !keep_branch {
                    self.branches.remove(&place);
                }
                Some(Ok(GitOk::Done))
            }
        }
    }
}
