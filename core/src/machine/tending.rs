//! What a run puts right of its own accord each time the engine has shown what there is.

use super::Machine;
use crate::canary::Canary;
use crate::effect::Effects;
use crate::event::Purpose;
use crate::ids::WorkstreamId;
use crate::limits::LATE_MS;
use crate::recovery::Verdict;
use crate::time::Now;
use crate::workstream::{Phase, Workstream};

impl Machine {
    /// Lets go on what the quit of the run before froze only after this one had begun: its request was under way.
    pub(super) fn let_go_on_late(&mut self, now: Now) -> Effects {
        let may_land = now.mono.since(self.began_at) <= LATE_MS && !self.planted.is(Canary::LatePauseStays);
        let is_ours = self.is_writer() && self.purpose() == Purpose::Interactive && self.is_recovered;
        if !may_land || !is_ours || self.shutdown.has_begun() {
            return Effects::none();
        }
        let is_frozen = |it: &&Workstream| it.phase == Phase::Live && it.was_paused_by_quit && it.is_frozen();
        let frozen = self.workstreams.values().filter(is_frozen).map(|it| it.facts.id.clone());
        let frozen: alloc::vec::Vec<WorkstreamId> = frozen.collect();
        let mut effects = Effects::none();
        for id in frozen {
            effects.extend(self.take_up(now, &id, Verdict::LetGoOn));
        }
        effects
    }

    /// Puts the index right for every workstream that nothing else is done to.
    pub(super) fn mend_index(&mut self, now: Now) -> Effects {
        let mut effects = Effects::none();
        if self.is_writer() && self.purpose() != Purpose::Verb {
            for id in self.ids() {
                effects.extend(self.with(now, &id, Workstream::mend_index));
            }
        }
        effects
    }
}
