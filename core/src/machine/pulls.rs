//! Pulls of images: they may take long, so how far they are is shown, and they end when nobody wants them any more.

use super::Machine;
use crate::effect::{Done, Effect, Effects};
use crate::ids::{Attempt, RequestId, WorkstreamId};
use crate::ports::PullProgress;

impl Machine {
    pub(super) fn pull_progressed(
        &mut self,
        id: &WorkstreamId,
        attempt: Attempt,
        progress: PullProgress,
    ) -> Effects {
        if let Some(workstream) = self.workstreams.get_mut(id) {
            workstream.pull_progressed(attempt, progress);
        }
        Effects::none()
    }

    /// The run is ending: nothing waits for a registry any more.
    pub(super) fn abandon_pulls(&self) -> Effects {
        let mut effects = Effects::none();
        for workstream in self.workstreams.values() {
            effects.extend(workstream.abandon_pull());
        }
        effects
    }

    /// Ends the pull for a workstream that was made before and is to get another container: its making breaks off, and
    /// nothing of it is taken back. `None` when there is no such pull.
    pub(super) fn cancel_pull(&self, request: RequestId, id: &WorkstreamId) -> Option<Effects> {
        let workstream = self.workstreams.get(id).filter(|it| it.is_made)?;
        let mut effects = workstream.abandon_pull();
        effects.iter().next()?;
        let done = Done { workstream: Some(id.clone()), note: "the pull was cancelled".into() };
        effects.push(Effect::Reply { request, outcome: Ok(done) });
        Some(effects)
    }
}
