//! A model of what pushes do to branches of remotes: each is old or new, what was sent may land when nobody waits for it any
//! more, and somebody else may push as well.

use std::collections::BTreeMap;

use ccells_core::ids::{Commit, PathText, WorkstreamId};
use ccells_core::ports::{GitError, PushHow, PushWish, Pushed, WorktreePlan};

/// A branch of a remote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct There {
    /// How many of the agent's commits it has.
    holds: u64,
    /// How many of somebody else's.
    others: u64,
}

/// The remote of each repository.
#[derive(Clone, Debug, Default)]
pub struct Remotes {
    branches: BTreeMap<(PathText, WorkstreamId), There>,
    /// What was sent and has not landed.
    on_the_way: BTreeMap<(PathText, WorkstreamId), There>,
}

impl Remotes {
    /// Does step `number` of a push; `None` when another follows: it is sent, it lands, and at last it is told.
    pub fn step(
        &mut self,
        plan: &WorktreePlan,
        head: &Commit,
        wish: &PushWish,
        number: u32,
    ) -> Option<Result<Pushed, GitError>> {
        let place = (plan.repo.clone(), plan.workstream.clone());
        if number == 0 {
            // What a run that died had sent lands at the latest now.
            self.land(&place);
        }
        let there = self.branches.get(&place).copied().unwrap_or_default();
        let much = number_of(head);
        if number == 0 && there.others > 0 && !wish.is_forced {
            let what = "the branch there has commits that these do not come from".to_string();
            return Some(Err(GitError::Refused { what }));
        }
        match number {
            0 => {
                self.on_the_way.insert(place, There { holds: much, others: 0 });
                None
            }
            1 => {
                self.land(&place);
                None
            }
            _ => Some(Ok(Pushed {
                remote: "origin".to_string(),
                branch: plan.branch.clone(),
                how: if wish.is_forced { PushHow::Replaced } else { PushHow::Moved },
                commits: 1,
                compare: None,
            })),
        }
    }

    fn land(&mut self, place: &(PathText, WorkstreamId)) {
        if let Some(there) = self.on_the_way.remove(place) {
            self.branches.insert(place.clone(), there);
        }
    }

    /// Somebody else pushes to the branch.
    pub fn push_by_others(&mut self, repo: &PathText, workstream: &WorkstreamId) {
        self.branches.entry((repo.clone(), workstream.clone())).or_default().others += 1;
    }

    /// How many of the agent's commits the branch has.
    pub fn holds(&self, repo: &PathText, workstream: &WorkstreamId) -> u64 {
        self.branches.get(&(repo.clone(), workstream.clone())).map_or(0, |there| there.holds)
    }

    /// Whether a push was sent whose run does not know what became of it.
    pub fn is_on_the_way(&self) -> bool {
        !self.on_the_way.is_empty()
    }
}

/// The commit with which so many of the agent's are fetched.
pub fn head_of(much: u64) -> Commit {
    Commit::parse(&format!("f{much:039x}")).expect("forty hexadecimal digits")
}

fn number_of(commit: &Commit) -> u64 {
    commit.as_str().get(1..).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}
