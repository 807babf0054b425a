//! A model of what rebases do where the agents work: each agent's commits stand on one commit of the user, a rebase puts
//! them onto another or stops at a conflict, and then the agent goes on with it or gives it up.

use std::collections::BTreeMap;

use ccells_core::ids::{Commit, WorkstreamId};
use ccells_core::ports::{BaseMove, RebaseCall, RebaseState};

/// Where the commits of one agent stand.
#[derive(Clone, Debug, Default)]
struct Place {
    /// On which commit, since a rebase.
    stands_on: Option<Commit>,
    /// Onto which commit a rebase goes that has stopped.
    stopped: Option<Commit>,
}

/// Those of all.
#[derive(Clone, Debug, Default)]
pub struct Rebases {
    places: BTreeMap<WorkstreamId, Place>,
}

impl Rebases {
    /// The agent's git is asked; where it begins, both sides may have changed the same places.
    pub fn land(
        &mut self,
        workstream: &WorkstreamId,
        call: RebaseCall,
        moving: &BaseMove,
        conflicts: bool,
    ) -> RebaseState {
        let place = self.places.entry(workstream.clone()).or_default();
        let is_there = place.stands_on.as_ref() == Some(&moving.to);
        match call {
            RebaseCall::Begin if place.stopped.is_none() && !is_there && conflicts => {
                place.stopped = Some(moving.to.clone());
            }
            RebaseCall::Begin if place.stopped.is_none() => place.stands_on = Some(moving.to.clone()),
            RebaseCall::Abort => place.stopped = None,
            RebaseCall::Begin | RebaseCall::Look => {}
        }
        if place.stopped.is_some() {
            RebaseState::Standing { files: vec!["src/main.rs".to_string()] }
        } else if place.stands_on.as_ref() == Some(&moving.to) {
            RebaseState::Landed { commits: 1 }
        } else {
            RebaseState::Absent
        }
    }

    /// The agent goes on with a rebase that has stopped, or gives it up.
    pub fn go_on(&mut self, workstream: &WorkstreamId, gives_up: bool) {
        if let Some(place) = self.places.get_mut(workstream)
            && let Some(to) = place.stopped.take()
            && !gives_up
        {
            place.stands_on = Some(to);
        }
    }

    /// The commit that an agent's commits stand on, or will when its rebase goes on.
    pub fn goes_to(&self, workstream: &WorkstreamId) -> Option<&Commit> {
        let place = self.places.get(workstream)?;
        place.stopped.as_ref().or(place.stands_on.as_ref())
    }

    /// Whether an agent's commits stand on `commit`.
    pub fn stands_on(&self, workstream: &WorkstreamId, commit: &Commit) -> bool {
        self.places.get(workstream).is_some_and(|place| place.stands_on.as_ref() == Some(commit))
    }

    /// Its directory went to the trash: nobody asks its git any more, and whoever brings it back asks anew.
    pub fn forget(&mut self, workstream: &WorkstreamId) {
        self.places.remove(workstream);
    }
}
