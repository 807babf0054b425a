//! Making a workstream, step by step. Each step may be repeated, and from the second on an intent stands for all.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use super::{Answer, Phase, Surroundings, Trouble, Workstream};
use crate::canary::{Canary, Planted};
use crate::container::ContainerState;
use crate::effect::{Effect, Effects, RUNNING, Refusal, RefusalKind};
use crate::ids::{Attempt, ContainerId, Generation, RequestId};
use crate::limits::LATE_MS;
use crate::ports::{Base, BaseWish, PullProgress};
use crate::record::{Delta, LEFT_AT_END, Operation, TrackedContainer};
use crate::workstream::destroy::DestroyStep;

/// The steps of making a workstream, in order. The second and every later one is preceded by a durable intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreateStep {
    /// Finding the commit to start from.
    ResolvingBase,
    /// Writing down what is about to be made.
    WritingIntent,
    /// Bringing it back from the trash. Mostly it was never there.
    RestoringWork,
    /// Pinning the base.
    PinningBase,
    /// Making branch and worktree.
    AddingWorktree,
    /// Making the private git directory and the agent's home.
    BuildingHome,
    /// Taking away a container that never ran and that the engine refuses to start. Mostly there is none.
    ClearingWay,
    /// Getting the image, which the engine said it does not have. Mostly it has.
    PullingImage,
    /// Making the container.
    CreatingContainer,
    /// Writing the container down.
    Tracking,
    /// Putting the holder in.
    UploadingHolder,
    /// Starting it.
    Starting,
    /// Writing down that it runs.
    TrackingStart,
    /// Writing the workstream down.
    SavingState,
    /// Taking the intent back: it is done.
    ClearingIntent,
}

/// Whether a container is made again because the engine refuses to start it: a creation does that once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remake {
    /// It is not.
    No,
    /// It is to be taken away first.
    Due,
    /// It was: what is refused now is the user's to decide.
    Done,
}

/// Whether the image is got from its registry because the engine does not have it: a creation does that once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// It is not.
    No,
    /// It is being got, and has come so far.
    Going(PullProgress),
    /// It was got: that the engine still does not have it is the user's to look into.
    Done,
}

/// How often a step with an unknown outcome is begun again before the user is asked.
const RETRIES: u32 = 2;
/// How many names are tried for a branch that we may name.
const BRANCH_NAMES: u32 = 30;

impl Workstream {
    pub(super) fn issue_create(&mut self, step: CreateStep, around: &mut Surroundings<'_>) -> Effects {
        if step == CreateStep::SavingState {
            self.since = around.now.mono;
            *around.wants_save = true;
            self.waiting_save = Some(Generation(u64::MAX));
            return Effects::none();
        }
        let (workstream, attempt) = (self.facts.id.clone(), self.wait(around));
        let Some(plan) = self.plan() else {
            return Effects::from(Effect::ResolveBase {
                workstream,
                attempt,
                repo: self.facts.repo_path.clone(),
                wish: Box::new(self.base_wish()),
            });
        };
        let container = self.container.clone();
        Effects::from(match (step, container) {
            (CreateStep::ResolvingBase | CreateStep::WritingIntent, _) => {
                let intent = self.intent(self.making(around), around);
                Effect::WriteIntent { workstream, attempt, intent }
            }
            (CreateStep::RestoringWork, _) => {
                assert!(self.has_intent, "R9: nothing comes back before its intent is durable");
                Effect::RestoreWork { workstream, attempt, plan }
            }
            (CreateStep::PinningBase, _) => Effect::PinBase { workstream, attempt, plan },
            (CreateStep::AddingWorktree, _) => Effect::AddWorktree { workstream, attempt, plan },
            (CreateStep::BuildingHome, _) => {
                Effect::BuildHome { workstream, attempt, plan, facts: Box::new(self.facts.clone()) }
            }
            (CreateStep::ClearingWay, _) => {
                assert!(
                    self.has_intent,
                    "R9: nothing is taken away for another before the intent is durable"
                );
                let (home, name) = (around.home.clone(), self.facts.container_name.clone());
                Effect::RemoveContainer { workstream, attempt, home, name }
            }
            (CreateStep::PullingImage, _) => {
                Effect::PullImage { workstream, attempt, image: self.facts.image.clone() }
            }
            (CreateStep::ClearingIntent, _) => Effect::ClearIntent { workstream, attempt },
            (CreateStep::Tracking, Some(container)) => {
                self.track(attempt, &container, ContainerState::Created)
            }
            (CreateStep::TrackingStart, Some(container)) => {
                self.track(attempt, &container, ContainerState::Running)
            }
            (CreateStep::UploadingHolder, Some(container)) => {
                Effect::UploadHolder { workstream, attempt, container }
            }
            // What somebody froze in the meantime cannot be started; whoever wants it to run wants it let go on.
            (CreateStep::Starting, Some(container)) if self.is_frozen() && !self.asked_by.is_empty() => {
                Effect::UnpauseContainer { workstream, attempt, container }
            }
            (CreateStep::Starting, Some(container)) => {
                Effect::StartContainer { workstream, attempt, container }
            }
            (CreateStep::CreatingContainer | CreateStep::SavingState, _)
            | (
                CreateStep::Tracking
                | CreateStep::UploadingHolder
                | CreateStep::Starting
                | CreateStep::TrackingStart,
                None,
            ) => self.create_container(attempt, around),
        })
    }

    /// What it is to begin from.
    fn base_wish(&self) -> BaseWish {
        BaseWish {
            reference: self.facts.base_ref.clone(),
            branch: self.facts.branch.clone(),
            on_taken: self.on_taken,
            asks_remote: self.asks_remote,
            include: self.include.clone(),
            fork: self.fork.clone(),
        }
    }

    fn create_container(&mut self, attempt: Attempt, around: &Surroundings<'_>) -> Effect {
        if around.planted.is(Canary::FreshNameEachTry) {
            self.facts.container_name = alloc::format!("{}-{}", self.facts.container_name, attempt.0);
        }
        assert!(self.has_intent, "R9: no container is asked for before its intent is durable");
        self.phase = Phase::Creating {
            step: CreateStep::CreatingContainer,
            retries: self.retries(),
            is_cancelled: false,
        };
        let spec = Box::new(self.facts.spec(around.home, around.run));
        Effect::CreateContainer { workstream: self.facts.id.clone(), attempt, spec }
    }

    pub(super) fn track(
        &mut self,
        attempt: Attempt,
        container: &ContainerId,
        state: ContainerState,
    ) -> Effect {
        (self.tracked, self.is_index_doubtful) = (Some(container.clone()), true);
        let entry = TrackedContainer::new(&self.facts, container, state.as_str());
        Effect::TrackContainer {
            workstream: self.facts.id.clone(),
            attempt,
            delta: Box::new(Delta::Track(entry)),
        }
    }

    /// What the intent says of its making.
    fn making(&self, around: &Surroundings<'_>) -> Operation {
        if self.is_from_trash {
            Operation::Restore { unsettled_since: self.unsettled_since(around.now) }
        } else {
            Operation::Create
        }
    }

    /// The step that comes first once its intent is durable.
    pub(crate) fn first_step(&self) -> CreateStep {
        if self.is_from_trash { CreateStep::RestoringWork } else { CreateStep::PinningBase }
    }

    fn retries(&self) -> u32 {
        if let Phase::Creating { retries, .. } = self.phase { retries } else { 0 }
    }

    pub(super) fn answer_create(
        &mut self,
        step: CreateStep,
        retries: u32,
        is_cancelled: bool,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        match answer {
            Answer::Trouble(Trouble::Absent(_)) if step == CreateStep::ClearingWay => {
                self.answer_create(step, retries, is_cancelled, Answer::Done, around)
            }
            Answer::Trouble(trouble) => self.trouble_in_create(step, retries, is_cancelled, &trouble, around),
            Answer::Base(base) => {
                let Base { commit, note, beginning } = *base;
                (self.facts.base, self.facts.beginning, self.note) = (Some(commit), beginning, note);
                self.fork = None;
                self.after_create_step(CreateStep::ResolvingBase, is_cancelled, around)
            }
            Answer::Branch(branch) => {
                self.comes_back_on(branch);
                self.after_create_step(CreateStep::RestoringWork, is_cancelled, around)
            }
            Answer::Container(container) => {
                self.container = Some(container);
                self.after_create_step(CreateStep::CreatingContainer, is_cancelled, around)
            }
            Answer::Done
            | Answer::Head(_)
            | Answer::Work(_)
            | Answer::Judged(_)
            | Answer::Pushed(_)
            | Answer::Aimed(_)
            | Answer::Rebased(_) => {
                match step {
                    CreateStep::WritingIntent => self.has_intent = true,
                    CreateStep::ClearingIntent => {
                        (self.has_intent, self.is_from_trash) = (false, false);
                        self.is_made = true;
                    }
                    CreateStep::Starting => {
                        self.observe(ContainerState::Running, None, around.now.mono);
                        // How its last container came to rest says nothing about this one.
                        self.was_stopped_by_user &= around.planted.is(Canary::MadeAgainIsStopped);
                        self.was_paused_by_quit = false;
                    }
                    CreateStep::ClearingWay => {
                        self.remake = Remake::Done;
                        self.forget_container();
                    }
                    CreateStep::PullingImage => self.pull = Pull::Done,
                    CreateStep::Tracking | CreateStep::TrackingStart => self.is_index_doubtful = false,
                    CreateStep::ResolvingBase
                    | CreateStep::RestoringWork
                    | CreateStep::PinningBase
                    | CreateStep::AddingWorktree
                    | CreateStep::BuildingHome
                    | CreateStep::CreatingContainer
                    | CreateStep::UploadingHolder
                    | CreateStep::SavingState => {}
                }
                self.after_create_step(step, is_cancelled, around)
            }
        }
    }

    pub(super) fn after_create_step(
        &mut self,
        step: CreateStep,
        is_cancelled: bool,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if is_cancelled {
            return self.roll_back(around);
        }
        let Some(next) = step.next() else {
            self.phase = Phase::Live;
            self.settled_at = around.settled_at();
            return self.reply_all(&Ok(self.made_note()));
        };
        if around.is_ending && next < CreateStep::SavingState {
            return self.break_off(next, RefusalKind::Failed, LEFT_AT_END, around);
        }
        let next = self.skip_as_planted(next, around.planted);
        self.begin_create_step(next, around)
    }

    /// It is on this branch from now on. Another one than it was on is told.
    fn comes_back_on(&mut self, branch: String) {
        if branch != self.facts.branch {
            let was = core::mem::replace(&mut self.facts.branch, branch);
            // The branch of this name is ours, whosever the other one was.
            self.facts.beginning.branch_was = None;
            self.last_trouble = Some(alloc::format!(
                "branch `{was}` is taken or has moved; it is on `{}` now",
                self.facts.branch
            ));
        }
    }

    /// What its user hears at the end of its making.
    fn made_note(&self) -> String {
        let notes = [&self.note, &self.last_trouble].into_iter().flatten();
        notes.fold(RUNNING.to_string(), |told, note| alloc::format!("{told}; {note}"))
    }

    /// Begins `step`, or the one after it where nothing is in the way or to be brought back.
    pub(super) fn begin_create_step(&mut self, step: CreateStep, around: &mut Surroundings<'_>) -> Effects {
        let is_in_the_way = self.remake == Remake::Due && self.is_untouched;
        let is_image_due = matches!(self.pull, Pull::Going(_));
        let is_back = !self.is_from_trash || around.planted.is(Canary::UndoSkipsFiles);
        let is_needless = (step == CreateStep::ClearingWay && !is_in_the_way)
            || (step == CreateStep::PullingImage && !is_image_due);
        let step = if is_needless {
            CreateStep::CreatingContainer
        } else if step == CreateStep::RestoringWork && is_back {
            CreateStep::PinningBase
        } else {
            step
        };
        self.phase = Phase::Creating { step, retries: 0, is_cancelled: false };
        self.issue_create(step, around)
    }

    /// Whether a refusal to start may be met by taking the container away and making another, once: nothing ran in this
    /// one, so nothing is lost with it. An engine that died while it started a container may refuse to for ever.
    pub(super) fn may_make_again(&self, trouble: &Trouble, around: &Surroundings<'_>) -> bool {
        let is_refused = matches!(trouble, Trouble::Refused(_)) && self.is_untouched;
        let is_refused = is_refused && !around.planted.is(Canary::NeverMadeAgain);
        let is_allowed = around.may_delete || !self.asked_by.is_empty();
        is_refused
            && is_allowed
            && self.remake == Remake::No
            && self.facts.base.is_some()
            && !around.is_ending
    }

    /// Makes its container again, from the intent on.
    pub(super) fn make_again(&mut self, around: &mut Surroundings<'_>) -> Effects {
        self.remake = Remake::Due;
        self.begin_create_step(CreateStep::WritingIntent, around)
    }

    /// Leaves out a step where that is the mistake to make.
    fn skip_as_planted(&mut self, next: CreateStep, planted: Planted) -> CreateStep {
        let is_tracking = matches!(next, CreateStep::Tracking | CreateStep::TrackingStart);
        if is_tracking && planted.is(Canary::TrackAtExit) {
            return next.next().unwrap_or(next);
        }
        if next == CreateStep::SavingState && planted.is(Canary::StateNotSaved) {
            return CreateStep::ClearingIntent;
        }
        if next == CreateStep::WritingIntent && planted.is(Canary::IntentNotAwaited) {
            return CreateStep::PinningBase;
        }
        if next == CreateStep::WritingIntent && planted.is(Canary::CreateWithoutIntent) {
            self.has_intent = true;
            return CreateStep::PinningBase;
        }
        next
    }

    fn trouble_in_create(
        &mut self,
        step: CreateStep,
        retries: u32,
        is_cancelled: bool,
        trouble: &Trouble,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        let is_unknown = matches!(trouble, Trouble::Unknown(_));
        if is_unknown && step == CreateStep::CreatingContainer && !around.planted.is(Canary::ForgetUnknown) {
            self.unsettled_until = Some(around.now.mono.after(LATE_MS));
        }
        self.is_untouched &= !is_unknown || step != CreateStep::Starting;
        if is_cancelled {
            return self.roll_back(around);
        }
        if step == CreateStep::Starting && self.may_make_again(trouble, around) {
            return self.make_again(around);
        }
        if step == CreateStep::ResolvingBase {
            return self.trouble_with_base(retries, trouble, around);
        }
        let is_absent = matches!(trouble, Trouble::Absent(_)) && step == CreateStep::CreatingContainer;
        if is_absent && self.pull == Pull::No && !around.is_ending {
            self.pull = Pull::Going(PullProgress::default());
            return self.begin_create_step(CreateStep::PullingImage, around);
        }
        // A pull has waited for long already, and was told so.
        let is_repeated = step != CreateStep::PullingImage && !around.is_ending;
        if is_unknown && retries < RETRIES && is_repeated {
            self.phase = Phase::Creating { step, retries: retries + 1, is_cancelled };
            return self.issue_create(step, around);
        }
        let kind = if is_unknown { RefusalKind::Timeout } else { RefusalKind::Failed };
        self.break_off(step, kind, trouble.reason(), around)
    }

    /// The pull of its image has come so far.
    pub fn pull_progressed(&mut self, attempt: Attempt, progress: PullProgress) {
        if self.waiting == Some(attempt) && matches!(self.pull, Pull::Going(_)) {
            self.pull = Pull::Going(progress);
        }
    }

    /// A pull in flight may take long, and nothing of ours hangs on how it ends: it is not waited for.
    pub fn abandon_pull(&self) -> Effects {
        let is_pulling = matches!(self.phase, Phase::Creating { step: CreateStep::PullingImage, .. });
        if is_pulling && self.waiting.is_some() {
            return Effects::from(Effect::AbandonPull { workstream: self.facts.id.clone() });
        }
        Effects::none()
    }

    /// Nothing exists yet. A branch that we named and that is taken gets another name; all else is the user's.
    fn trouble_with_base(
        &mut self,
        retries: u32,
        trouble: &Trouble,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if self.is_branch_chosen || !matches!(trouble, Trouble::Conflict(_)) || retries >= BRANCH_NAMES {
            self.phase = Phase::Gone;
            return self.reply_all(&Err(trouble.refusal()));
        }
        let stem = self.facts.branch.clone();
        let stem = if retries == 0 {
            stem.as_str()
        } else {
            stem.rsplit_once('-').map_or(stem.as_str(), |(stem, _)| stem)
        };
        self.facts.branch = alloc::format!("{stem}-{}", retries + 2);
        let step = CreateStep::ResolvingBase;
        self.phase = Phase::Creating { step, retries: retries + 1, is_cancelled: false };
        self.issue_create(step, around)
    }

    /// Stops here. The reason is written into the intent, for whoever takes it up later; nothing hangs on that.
    fn break_off(
        &mut self,
        step: CreateStep,
        kind: RefusalKind,
        reason: &str,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        // What is in the trash stays there as long as no intent says that it comes back.
        let is_still_away = self.is_from_trash && !self.has_intent;
        self.phase =
            if is_still_away { Phase::Gone } else { Phase::Broken { step, reason: reason.to_string() } };
        self.settled_at = around.settled_at();
        let text = alloc::format!("`{}`: {reason}", self.facts.name);
        let mut effects = self.reply_all(&Err(Refusal { kind, text, work: None }));
        if self.has_intent {
            let workstream = self.facts.id.clone();
            let intent = self.intent(self.making(around), around);
            effects.push(Effect::WriteIntent { workstream, attempt: self.wait(around), intent });
        }
        effects
    }

    /// The user takes back a making that is not finished. What is in flight is waited for: dropping it undoes nothing.
    pub fn cancel(&mut self, request: RequestId, around: &mut Surroundings<'_>) -> Effects {
        let is_under_way = if let Phase::Creating { is_cancelled, .. } = &mut self.phase {
            if core::mem::replace(is_cancelled, true) {
                self.asked_by.push(request);
                return Effects::none();
            }
            true
        } else {
            false
        };
        let text = alloc::format!("the creation of `{}` was cancelled", self.facts.name);
        let mut effects = self.reply_all(&Err(Refusal { kind: RefusalKind::Failed, text, work: None }));
        self.asked_by.push(request);
        effects.extend(self.abandon_pull());
        if !is_under_way {
            effects.extend(self.roll_back(around));
        }
        effects
    }

    /// Takes back what there is of it. Before its intent, that is nothing; later its agent may have worked, in a container
    /// that is gone by now or that was made by a run that died, and work is never taken without the user's word.
    fn roll_back(&mut self, around: &mut Surroundings<'_>) -> Effects {
        if self.has_intent || self.container.is_some() {
            if around.planted.is(Canary::TakenBackUnseen) {
                return self.destroy_from(DestroyStep::WritingIntent, false, around);
            }
            return self.destroy_from(DestroyStep::Inspecting, false, around);
        }
        self.phase = Phase::Gone;
        self.reply_all(&Ok("cancelled; nothing is left of it".to_string()))
    }
}

impl CreateStep {
    /// All, in order.
    pub const ALL: [Self; 15] = [
        Self::ResolvingBase,
        Self::WritingIntent,
        Self::RestoringWork,
        Self::PinningBase,
        Self::AddingWorktree,
        Self::BuildingHome,
        Self::ClearingWay,
        Self::PullingImage,
        Self::CreatingContainer,
        Self::Tracking,
        Self::UploadingHolder,
        Self::Starting,
        Self::TrackingStart,
        Self::SavingState,
        Self::ClearingIntent,
    ];

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step > self)
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResolvingBase => "resolving the base commit",
            Self::WritingIntent => "writing the intent",
            Self::RestoringWork => "bringing it back from the trash",
            Self::PinningBase => "pinning the base commit",
            Self::AddingWorktree => "adding branch and worktree",
            Self::BuildingHome => "building the private git directory",
            Self::ClearingWay => "taking away a container that does not start",
            Self::PullingImage => "pulling the image",
            Self::CreatingContainer => "creating the container",
            Self::Tracking => "tracking the container",
            Self::UploadingHolder => "uploading the holder",
            Self::Starting => "starting the container",
            Self::TrackingStart => "recording the start",
            Self::SavingState => "saving the state",
            Self::ClearingIntent => "clearing the intent",
        }
    }
}
