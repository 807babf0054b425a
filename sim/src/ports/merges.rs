//! A model of what merges do to the user's branches: one branch a repository, which knows how much of each agent's commits
//! it holds. A move that takes a checkout along has two steps, and a crash between them leaves the files half moved.

use std::collections::BTreeMap;

use ccells_core::ids::{Commit, PathText, WorkstreamId};
use ccells_core::ports::{BranchMove, GitError};

/// The branch of the user in one repository.
#[derive(Clone, Debug, Default)]
pub struct Main {
    /// Where it stands: commits are numbers.
    at: u64,
    /// How much of each agent's work it holds.
    holds: BTreeMap<WorkstreamId, u64>,
    /// Where the files of its checkout are on their way to.
    half: Option<u64>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Merges {
    mains: BTreeMap<PathText, Main>,
    /// The commits that merges made: whose work they hold, and how much of it.
    made: BTreeMap<u64, (WorkstreamId, u64)>,
    commits: u64,
}

impl Merges {
    /// The commit that merges `much` of an agent's work, if it is not all there. Mostly it is checked out.
    pub fn judge(&mut self, repo: &PathText, workstream: &WorkstreamId, much: u64) -> Option<BranchMove> {
        let main = self.mains.entry(repo.clone()).or_default();
        let before = main.holds.get(workstream).copied().unwrap_or_default();
        if before >= much {
            return None;
        }
        self.commits += 1;
        self.made.insert(self.commits, (workstream.clone(), much));
        Some(BranchMove {
            branch: "main".to_string(),
            from: commit(main.at),
            to: commit(self.commits),
            checkout: (!self.commits.is_multiple_of(4)).then(|| repo.clone()),
            commits: u32::try_from(much - before).unwrap_or(u32::MAX),
        })
    }

    /// Does step `number` of a move; `None` when another follows.
    pub fn step(
        &mut self,
        repo: &PathText,
        moving: &BranchMove,
        number: u32,
    ) -> Option<Result<(), GitError>> {
        let main = self.mains.entry(repo.clone()).or_default();
        let (from, to) = (number_of(&moving.from), number_of(&moving.to));
        if main.at == to {
            return Some(Ok(()));
        }
        if main.at != from || main.half.is_some_and(|half| half != to) {
            return Some(Err(GitError::Refused { what: "`main` is somewhere else by now".to_string() }));
        }
        if moving.checkout.is_some() && number == 0 {
            main.half = Some(to);
            return None;
        }
        main.half = None;
        main.at = to;
        if let Some((whose, much)) = self.made.get(&to) {
            main.holds.insert(whose.clone(), *much);
        }
        Some(Ok(()))
    }

    /// The user commits to it; while its files are half moved that cannot be.
    pub fn commit(&mut self, repo: &PathText) {
        let main = self.mains.entry(repo.clone()).or_default();
        if main.half.is_none() {
            self.commits += 1;
            main.at = self.commits;
        }
    }

    /// The commit that it stands at.
    pub fn tip(&self, repo: &PathText) -> Commit {
        commit(self.mains.get(repo).map_or(0, |main| main.at))
    }

    /// How much of an agent's work it holds.
    pub fn holds(&self, repo: &PathText, workstream: &WorkstreamId) -> u64 {
        self.mains.get(repo).and_then(|main| main.holds.get(workstream)).copied().unwrap_or_default()
    }

    /// The repositories whose files are half moved.
    pub fn half_moved(&self) -> impl Iterator<Item = &PathText> {
        self.mains.iter().filter(|(_, main)| main.half.is_some()).map(|(repo, _)| repo)
    }
}

fn commit(number: u64) -> Commit {
    Commit::parse(&format!("{number:040x}")).expect("forty hexadecimal digits")
}

fn number_of(commit: &Commit) -> u64 {
    u64::from_str_radix(commit.as_str(), 16).unwrap_or_default()
}
