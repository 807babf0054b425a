//! Changing the container of a workstream that is made, and keeping the index in line with it. A change is answered when
//! both the index and the state durably say so: a crash right after the answer finds what was answered.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::{Answer, Phase, RebaseStep, Surroundings, Trouble, Workstream};
use crate::canary::Canary;
use crate::container::ContainerState;
use crate::effect::{Effect, Effects};
use crate::ids::Generation;
use crate::record::Delta;

/// What is done to a container that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeOp {
    /// Freeze it.
    Pause,
    /// Let it go on.
    Unpause,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Start its agent again.
    RestartAgent,
}

impl Workstream {
    /// Begins a change of its container.
    pub fn change(&mut self, op: LifeOp, around: &mut Surroundings<'_>) -> Effects {
        let Some(container) = self.container.clone() else { return Effects::none() };
        self.phase = Phase::Changing { op, is_recording: false };
        self.last_trouble = None;
        let (workstream, attempt) = (self.facts.id.clone(), self.wait(around));
        let directory = self.facts.home.clone();
        Effects::from(match op {
            LifeOp::Pause => Effect::PauseContainer { workstream, attempt, container },
            LifeOp::Unpause => Effect::UnpauseContainer { workstream, attempt, container },
            LifeOp::Start => Effect::StartContainer { workstream, attempt, container },
            LifeOp::Stop => Effect::StopContainer { workstream, attempt, container },
            LifeOp::RestartAgent => Effect::RestartAgent { workstream, attempt, container, directory },
        })
    }

    pub(super) fn answer_change(
        &mut self,
        op: LifeOp,
        is_recording: bool,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if let Answer::Trouble(trouble) = answer
            && !around.planted.is(Canary::UnknownIsDone)
        {
            self.is_untouched &= op != LifeOp::Start || !matches!(trouble, Trouble::Unknown(_));
            if op == LifeOp::Start && self.may_make_again(&trouble, around) {
                return self.make_again(around);
            }
            return self.change_failed(&trouble, around);
        }
        if is_recording {
            self.is_index_doubtful = false;
        } else if let Some(state) = op.leads_to() {
            return self.record_change(op, state, around);
        }
        self.after_recording(op, around)
    }

    /// The engine did it: now it is written down, in the index and in the state.
    fn record_change(&mut self, op: LifeOp, state: ContainerState, around: &mut Surroundings<'_>) -> Effects {
        let Some(container) = self.container.clone() else { return self.after_recording(op, around) };
        // What has no processes is not ended once more: one that never ran has not exited.
        let before = self.observed.map(|(before, _)| before);
        let is_at_rest = |before: &ContainerState| op == LifeOp::Stop && !before.has_processes();
        let has_exited = around.planted.is(Canary::NeverRanHasExited);
        let state = before.filter(is_at_rest).filter(|_| !has_exited).unwrap_or(state);
        let has_changed = before != Some(state);
        let exit = self.exit.take().filter(|_| !has_changed);
        self.observe(state, exit, around.now.mono);
        self.was_stopped_by_user = op == LifeOp::Stop;
        // What the user froze stays frozen, also when the answer came after the end began.
        self.was_paused_by_quit = around.is_ending && op == LifeOp::Pause && self.asked_by.is_empty();
        *around.wants_save = true;
        self.phase = Phase::Changing { op, is_recording: true };
        let attempt = self.wait(around);
        if !around.planted.is(Canary::ChangeBeforeDurable) {
            self.waiting_save = Some(Generation(u64::MAX));
        }
        Effects::from(self.track(attempt, &container, state))
    }

    /// One of the two is written down. The change is over when both are.
    pub(super) fn after_recording(&mut self, op: LifeOp, around: &mut Surroundings<'_>) -> Effects {
        if self.is_busy() {
            return Effects::none();
        }
        self.phase = Phase::Live;
        self.settled_at = around.settled_at();
        self.reply_all(&Ok(op.result().to_string()))
    }

    fn change_failed(&mut self, trouble: &Trouble, around: &mut Surroundings<'_>) -> Effects {
        self.phase = Phase::Live;
        self.waiting_save = None;
        self.settled_at = around.settled_at();
        self.last_trouble = Some(trouble.reason().to_string());
        self.reply_all(&Err(trouble.refusal()))
    }

    /// The state could not be saved as of `generation`, and `is_again` not before that either. That is tried again until
    /// it succeeds. Who waits for a change of the container to be written down is told at once; who waits for a making
    /// or a removal, when it failed again: both go on, with nobody waiting.
    pub fn not_saved(
        &mut self,
        generation: Generation,
        reason: &str,
        is_again: bool,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if self.waiting_save.is_none_or(|wanted| wanted > generation) {
            return Effects::none();
        }
        let is_not = |what: &str| alloc::format!("{what}, but that could not be written down: {reason}");
        match self.phase.clone() {
            Phase::Changing { op, is_recording: true } => {
                self.change_failed(&Trouble::Failed(is_not(op.result())), around)
            }
            Phase::Rebasing { step: RebaseStep::Recording, rebase } => {
                self.rebase_not_recorded(*rebase, &is_not("its agent's git has answered"), around)
            }
            Phase::Creating { .. } if is_again => self.give_up_waiting(&is_not("running")),
            Phase::Destroying { .. } if is_again => self.give_up_waiting(&is_not("removed")),
            Phase::Creating { .. }
            | Phase::Destroying { .. }
            | Phase::Changing { is_recording: false, .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Lost
            | Phase::Gone => Effects::none(),
        }
    }

    fn give_up_waiting(&mut self, what: &str) -> Effects {
        let text = alloc::format!("`{}`: {what}; ccells keeps trying", self.facts.name);
        self.reply_all(&Err(Trouble::Failed(text).refusal()))
    }

    /// Brings the index in line with what the engine showed, where they differ or where that is not known. What fails is
    /// mended after the next listing.
    pub fn mend_index(&mut self, around: &mut Surroundings<'_>) -> Effects {
        let is_right = self.tracked == self.container && !self.is_index_doubtful;
        if is_right || self.is_busy() || around.is_ending {
            return Effects::none();
        }
        match (&self.phase, self.container.clone(), self.observed) {
            (Phase::Live, Some(container), Some((state, _))) => {
                let attempt = self.wait(around);
                Effects::from(self.track(attempt, &container, state))
            }
            (Phase::Lost, None, _) => {
                (self.tracked, self.is_index_doubtful) = (None, true);
                let workstream = self.facts.id.clone();
                let delta = Box::new(Delta::Untrack(workstream.clone()));
                Effects::from(Effect::UntrackContainer { workstream, attempt: self.wait(around), delta })
            }
            _ => Effects::none(),
        }
    }
}

impl LifeOp {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pausing",
            Self::Unpause => "resuming",
            Self::Start => "starting",
            Self::Stop => "stopping",
            Self::RestartAgent => "restarting the agent",
        }
    }

    /// What is so when it is done, for people.
    pub fn result(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Unpause | Self::Start => "running",
            Self::Stop => "stopped",
            Self::RestartAgent => "agent restarted",
        }
    }

    /// The state of the container when it is done, where that changes.
    fn leads_to(self) -> Option<ContainerState> {
        match self {
            Self::Pause => Some(ContainerState::Paused),
            Self::Unpause | Self::Start => Some(ContainerState::Running),
            Self::Stop => Some(ContainerState::Exited),
            Self::RestartAgent => None,
        }
    }
}
