//! Taking a workstream away, step by step: uncommitted work is kept first, and an intent stands until the end.

use alloc::boxed::Box;
use alloc::string::ToString;

use super::{Answer, CreateStep, Phase, SessionState, Surroundings, Trouble, Workstream};
use crate::canary::{Canary, Planted};
use crate::effect::{Effect, Effects, Refusal, RefusalKind};
use crate::ids::Generation;
use crate::ports::WorkReport;
use crate::record::{Delta, Intent, Operation};
use crate::time::Mono;

/// The steps of taking a workstream away, in order. The third and every later one is preceded by a durable intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DestroyStep {
    /// Looking what would be lost.
    Inspecting,
    /// Writing down what is about to go.
    WritingIntent,
    /// Freezing the container: its agent stops at once, also when taking it away takes its time.
    Freezing,
    /// Taking the container away.
    RemovingContainer,
    /// Striking it from the index.
    Untracking,
    /// Keeping uncommitted work. Only now nobody writes any more: a freezing may fail, and one that succeeded may be
    /// undone by a request that lands late.
    Snapshotting,
    /// Taking the worktree away.
    RemovingWorktree,
    /// Putting its own directory into the trash.
    RetiringHome,
    /// Striking it from the state.
    SavingState,
    /// Waiting until nothing of it can land any more.
    Settling,
    /// Taking the intent back: it is gone.
    ClearingIntent,
}

impl Workstream {
    pub(super) fn issue_destroy(&mut self, step: DestroyStep, around: &mut Surroundings<'_>) -> Effects {
        let Some(plan) = self.plan() else { return self.issue_destroy_without_plan(step, around) };
        let workstream = self.facts.id.clone();
        let keep_branch = self.keep_branch() && !around.planted.is(Canary::BranchNotKept);
        let effect = match step {
            DestroyStep::Inspecting => Effect::InspectWork { workstream, attempt: self.wait(around), plan },
            DestroyStep::Snapshotting => {
                Effect::SnapshotWork { workstream, attempt: self.wait(around), plan }
            }
            DestroyStep::RemovingWorktree => {
                Effect::RemoveWorktree { workstream, attempt: self.wait(around), plan, keep_branch }
            }
            DestroyStep::RetiringHome => Effect::RetireHome { workstream, attempt: self.wait(around), plan },
            DestroyStep::WritingIntent
            | DestroyStep::Freezing
            | DestroyStep::RemovingContainer
            | DestroyStep::Untracking
            | DestroyStep::SavingState
            | DestroyStep::Settling
            | DestroyStep::ClearingIntent => return self.issue_destroy_without_plan(step, around),
        };
        Effects::from(effect)
    }

    fn issue_destroy_without_plan(&mut self, step: DestroyStep, around: &mut Surroundings<'_>) -> Effects {
        let workstream = self.facts.id.clone();
        let keep_branch = self.keep_branch();
        match (step, self.container.clone()) {
            (DestroyStep::WritingIntent, _) => {
                let intent = self.removal(keep_branch, false, around);
                Effects::from(Effect::WriteIntent { workstream, attempt: self.wait(around), intent })
            }
            (DestroyStep::Freezing, Some(container)) if self.is_running() => {
                Effects::from(Effect::PauseContainer { workstream, attempt: self.wait(around), container })
            }
            (DestroyStep::RemovingContainer, _) => {
                assert!(self.has_intent, "R13: nothing is taken away before its intent is durable");
                let mut effects = Effects::none();
                if core::mem::replace(&mut self.session, SessionState::None) != SessionState::None {
                    effects.push(Effect::CloseSession { workstream: workstream.clone() });
                }
                let (home, name) = (around.home.clone(), self.facts.container_name.clone());
                effects.push(Effect::RemoveContainer { workstream, attempt: self.wait(around), home, name });
                effects
            }
            (DestroyStep::Untracking, _) => {
                let delta = Box::new(Delta::Untrack(workstream.clone()));
                Effects::from(Effect::UntrackContainer { workstream, attempt: self.wait(around), delta })
            }
            (DestroyStep::SavingState, _) => {
                *around.wants_save = true;
                self.waiting_save = Some(Generation(u64::MAX));
                Effects::none()
            }
            (DestroyStep::Settling, _)
                if self.unsettled_until.is_some() && !around.planted.is(Canary::NoSettling) =>
            {
                let note = "removed; what the engine may still make of it will be taken away";
                let mut effects = self.reply_all(&Ok(note.to_string()));
                let intent = self.removal(keep_branch, true, around);
                effects.push(Effect::WriteIntent { workstream, attempt: self.wait(around), intent });
                effects
            }
            (DestroyStep::ClearingIntent, _) => {
                Effects::from(Effect::ClearIntent { workstream, attempt: self.wait(around) })
            }
            (
                DestroyStep::Inspecting
                | DestroyStep::Freezing
                | DestroyStep::Snapshotting
                | DestroyStep::RemovingWorktree
                | DestroyStep::RetiringHome
                | DestroyStep::Settling,
                _,
            ) => self.destroy_next(step, keep_branch, around),
        }
    }

    /// What the intent says of a removal.
    fn removal(&self, keep_branch: bool, is_settling: bool, around: &Surroundings<'_>) -> Box<Intent> {
        let unsettled_since = self.unsettled_since(around.now);
        self.intent(Operation::Destroy { keep_branch, unsettled_since, is_settling }, around)
    }

    fn keep_branch(&self) -> bool {
        matches!(self.phase, Phase::Destroying { keep_branch: true, .. })
    }

    pub(super) fn answer_destroy(
        &mut self,
        step: DestroyStep,
        keep_branch: bool,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if let Some(trouble) = self.retracted.take() {
            return self.refuse_removal(&trouble, around);
        }
        match answer {
            Answer::Work(report) if !report.is_empty() => self.refuse_to_lose(report, around),
            Answer::Trouble(_) if step == DestroyStep::Freezing => {
                self.destroy_next(step, keep_branch, around)
            }
            Answer::Trouble(Trouble::Absent(_))
                if step == DestroyStep::RemovingContainer && !around.planted.is(Canary::GoneIsAnError) =>
            {
                self.forget_container();
                self.destroy_next(step, keep_branch, around)
            }
            // The intent stands as it was, and settling goes on.
            Answer::Trouble(_) | Answer::Done if step == DestroyStep::Settling => Effects::none(),
            Answer::Trouble(trouble) => self.stuck_in_destroy(step, keep_branch, &trouble, around),
            Answer::Done
            | Answer::Base(_)
            | Answer::Head(_)
            | Answer::Branch(_)
            | Answer::Judged(_)
            | Answer::Pushed(_)
            | Answer::Aimed(_)
            | Answer::Rebased(_)
            | Answer::Container(_)
            | Answer::Work(_) => {
                if step == DestroyStep::WritingIntent {
                    self.has_intent = true;
                }
                if step == DestroyStep::RemovingContainer {
                    self.forget_container();
                }
                self.destroy_next(step, keep_branch, around)
            }
        }
    }

    fn refuse_to_lose(&mut self, report: WorkReport, around: &Surroundings<'_>) -> Effects {
        self.settled_at = around.settled_at();
        self.phase = if self.has_intent {
            Phase::Broken { step: self.first_step(), reason: "interrupted, and it holds work".to_string() }
        } else {
            Phase::Live
        };
        let text = alloc::format!("`{}` holds work that exists nowhere else", self.facts.name);
        self.reply_all(&Err(Refusal { kind: RefusalKind::Conflict, text, work: Some(Box::new(report)) }))
    }

    fn stuck_in_destroy(
        &mut self,
        step: DestroyStep,
        keep_branch: bool,
        trouble: &Trouble,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        self.settled_at = around.settled_at();
        if step == DestroyStep::WritingIntent && !self.has_intent {
            // It may be on the disk all the same, and the next start must not do what was refused.
            self.retracted = Some(trouble.clone());
            self.phase = Phase::Destroying { step, keep_branch, stuck: None };
            let (workstream, attempt) = (self.facts.id.clone(), self.wait(around));
            return Effects::from(Effect::ClearIntent { workstream, attempt });
        }
        if step < DestroyStep::WritingIntent && !self.has_intent {
            return self.refuse_removal(trouble, around);
        }
        self.phase = Phase::Destroying { step, keep_branch, stuck: Some(trouble.reason().to_string()) };
        self.reply_all(&Err(trouble.refusal()))
    }

    /// It stays as it was: nothing has been taken away.
    fn refuse_removal(&mut self, trouble: &Trouble, around: &Surroundings<'_>) -> Effects {
        self.settled_at = around.settled_at();
        self.last_trouble = Some(trouble.reason().to_string());
        self.phase = if self.is_made {
            Phase::Live
        } else {
            // Nothing of it was ever made, or its own intent would stand.
            Phase::Broken { step: CreateStep::WritingIntent, reason: trouble.reason().to_string() }
        };
        self.reply_all(&Err(trouble.refusal()))
    }

    pub(super) fn destroy_next(
        &mut self,
        step: DestroyStep,
        keep_branch: bool,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        let Some(next) = step.next_as_planted(around.planted) else {
            self.phase = Phase::Gone;
            self.has_intent = false;
            return self.reply_all(&Ok("removed".to_string()));
        };
        self.phase = Phase::Destroying { step: next, keep_branch, stuck: None };
        self.since = around.now.mono;
        self.issue_destroy(next, around)
    }

    /// When a removal stops waiting for what may still land.
    pub fn settles_at(&self) -> Option<Mono> {
        match self.phase {
            Phase::Destroying { step: DestroyStep::Settling, .. } => self.unsettled_until,
            Phase::Destroying { .. }
            | Phase::Creating { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
            | Phase::Lost
            | Phase::Gone => None,
        }
    }

    /// A listing that was asked for at `requested_at` shows, or does not show, a container of one that settles.
    pub fn settle(&mut self, is_seen: bool, requested_at: Mono, around: &mut Surroundings<'_>) -> Effects {
        let Some(at) = self.settles_at().filter(|_| !self.is_busy()) else { return Effects::none() };
        if is_seen {
            return self.destroy_from(DestroyStep::RemovingContainer, self.keep_branch(), around);
        }
        if requested_at < at {
            return Effects::none();
        }
        self.unsettled_until = None;
        // What landed meanwhile was taken away again, and a state that was saved at that moment names it.
        *around.wants_save = true;
        self.waiting_save = Some(Generation(u64::MAX));
        Effects::none()
    }
}

impl DestroyStep {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Inspecting,
        Self::WritingIntent,
        Self::Freezing,
        Self::RemovingContainer,
        Self::Untracking,
        Self::Snapshotting,
        Self::RemovingWorktree,
        Self::RetiringHome,
        Self::SavingState,
        Self::Settling,
        Self::ClearingIntent,
    ];

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step > self)
    }

    /// The next one, or another where that is the mistake to make.
    fn next_as_planted(self, planted: Planted) -> Option<Self> {
        match self {
            Self::Untracking if planted.is(Canary::SnapshotSkipped) => Some(Self::RemovingWorktree),
            Self::WritingIntent if planted.is(Canary::SnapshotFirst) => Some(Self::Snapshotting),
            Self::Snapshotting if planted.is(Canary::SnapshotFirst) => Some(Self::Freezing),
            Self::Untracking if planted.is(Canary::SnapshotFirst) => Some(Self::RemovingWorktree),
            Self::Inspecting
            | Self::WritingIntent
            | Self::Freezing
            | Self::RemovingContainer
            | Self::Untracking
            | Self::Snapshotting
            | Self::RemovingWorktree
            | Self::RetiringHome
            | Self::SavingState
            | Self::Settling
            | Self::ClearingIntent => self.next(),
        }
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inspecting => "looking what would be lost",
            Self::WritingIntent => "writing the intent",
            Self::Freezing => "pausing the container",
            Self::Snapshotting => "keeping uncommitted work",
            Self::RemovingContainer => "removing the container",
            Self::Untracking => "untracking the container",
            Self::RemovingWorktree => "removing the worktree",
            Self::RetiringHome => "retiring its directory",
            Self::SavingState => "saving the state",
            Self::Settling => "waiting for what may still land",
            Self::ClearingIntent => "clearing the intent",
        }
    }
}
