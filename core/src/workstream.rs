//! One workstream's life: which step it is at, which answer it waits for, what comes next.
//! Every step may be repeated; an answer that is not the one waited for changes nothing.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::agent::AgentReport;
use crate::container::{ContainerExit, ContainerState, Observed};
use crate::effect::{Effect, Effects, Refusal, RefusalKind};
use crate::ids::{Attempt, Commit, ContainerId, Generation, HomeId, RequestId, RunId};
use crate::limits::{LATE_MS, REATTACH_FIRST_MS, REATTACH_LAST_MS};
use crate::ports::{WorkReport, WorktreePlan};
use crate::record::{Facts, Intent, Operation, StateEntry, VERSION};
use crate::time::{Mono, Now};
use crate::tracking::{self, Delta};

/// The steps of making a workstream, in order. The second and every later one is preceded by a durable intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreateStep {
    /// Finding the commit to start from.
    ResolvingBase,
    /// Writing down what is about to be made.
    WritingIntent,
    /// Pinning the base.
    PinningBase,
    /// Making branch and worktree.
    AddingWorktree,
    /// Making the private git directory and the agent's home.
    BuildingHome,
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

/// The steps of taking a workstream away, in order. The third and every later one is preceded by a durable intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DestroyStep {
    /// Looking what would be lost.
    Inspecting,
    /// Writing down what is about to go.
    WritingIntent,
    /// Freezing the container, so that nothing is written behind our back.
    Freezing,
    /// Keeping uncommitted work.
    Snapshotting,
    /// Taking the container away.
    RemovingContainer,
    /// Striking it from the index.
    Untracking,
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

/// Where a workstream is in its life.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Being made.
    Creating {
        /// At this step.
        step: CreateStep,
        /// How often this step was begun again.
        retries: u32,
        /// Whether it is to be taken back as soon as the step in flight answers.
        is_cancelled: bool,
    },
    /// Its making stopped at this step; retry or discard.
    Broken {
        /// The step to take up again.
        step: CreateStep,
        /// Why.
        reason: String,
    },
    /// It is made. Whether its container runs is the engine's to say.
    Live,
    /// Its container is being changed.
    Changing {
        /// How.
        op: LifeOp,
        /// Whether the change is done and being written down.
        is_recording: bool,
    },
    /// Its container is gone; its work is not.
    Lost,
    /// Being taken away.
    Destroying {
        /// At this step.
        step: DestroyStep,
        /// Whether the branch stays whatever it holds.
        keep_branch: bool,
        /// Why it stopped at this step, when it did.
        stuck: Option<String>,
    },
    /// Nothing of it is left.
    Gone,
}

/// An attachment to the agent's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// None.
    None,
    /// Asked for.
    Opening(Attempt),
    /// There.
    Open(Attempt),
    /// Lost; to be asked for again then.
    Waiting {
        /// When.
        until: Mono,
    },
}

/// What became of something we asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is done.
    Done,
    /// The base.
    Base(Commit),
    /// The container.
    Container(ContainerId),
    /// What would be lost.
    Work(WorkReport),
    /// It went wrong.
    Trouble(Trouble),
}

/// How something went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It did not happen.
    Failed(String),
    /// It did not happen because something is in the way.
    Conflict(String),
    /// What it was about does not exist.
    Absent(String),
    /// It may or may not have happened, or may happen yet.
    Unknown(String),
}

impl Trouble {
    /// In words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Failed(reason) | Self::Conflict(reason) | Self::Absent(reason) | Self::Unknown(reason) => reason,
        }
    }

    fn refusal(&self) -> Refusal {
        let kind = match self {
            Self::Failed(_) => RefusalKind::Failed,
            Self::Conflict(_) => RefusalKind::Conflict,
            Self::Absent(_) => RefusalKind::NotFound,
            Self::Unknown(_) => RefusalKind::Timeout,
        };
        Refusal { kind, text: self.reason().to_string(), work: None }
    }
}

/// What a workstream may use of the machine it lives in.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The clocks.
    pub now: Now,
    /// The run.
    pub run: &'a RunId,
    /// Whose containers are ours.
    pub home: &'a HomeId,
    /// Counts attempts over all workstreams.
    pub attempts: &'a mut u64,
    /// Set when the state file has to be written.
    pub wants_save: &'a mut bool,
    /// Whether the run is ending: nothing new is begun.
    pub is_ending: bool,
}

impl Surroundings<'_> {
    fn attempt(&mut self) -> Attempt {
        *self.attempts += 1;
        Attempt(*self.attempts)
    }
}

/// One workstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Workstream {
    /// What is fixed about it.
    pub facts: Facts,
    /// Where it is in its life.
    pub phase: Phase,
    /// The answer it waits for.
    pub waiting: Option<Attempt>,
    /// The generation of the state it waits for.
    pub waiting_save: Option<Generation>,
    /// When the present step began.
    pub since: Mono,
    /// Its container, once it has one.
    pub container: Option<ContainerId>,
    /// Its container's state as last seen, and the time that was asked for.
    pub observed: Option<(ContainerState, Mono)>,
    /// How its container ended.
    pub exit: Option<ContainerExit>,
    /// How its agent fares.
    pub agent: Option<AgentReport>,
    /// Its session.
    pub session: SessionState,
    /// How long to wait when the session is lost next.
    pub attach_wait_ms: u64,
    /// Observations asked for before this time say nothing about it.
    pub settled_at: Mono,
    /// Whether our own quit froze it.
    pub was_paused_by_quit: bool,
    /// Whether the user stopped it on purpose.
    pub was_stopped_by_user: bool,
    /// Whether the user chose its branch: then it is that one or none.
    pub is_branch_chosen: bool,
    /// Whether only labels were left of its facts.
    pub is_recovered: bool,
    /// When a container of it was asked for whose outcome is unknown: it may still appear.
    pub unsettled_since: Option<Mono>,
    /// Whether an intent for what is being done is durable.
    pub has_intent: bool,
    /// Who waits for the end of what is being done.
    pub asked_by: Vec<RequestId>,
    /// What the user's last wish met with, until the next one.
    pub last_trouble: Option<String>,
    /// Unknown fields of its entry in the state file.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// How often a step with an unknown outcome is begun again before the user is asked.
const RETRIES: u32 = 2;
/// How many names are tried for a branch that we may name.
const BRANCH_NAMES: u32 = 30;

impl Workstream {
    /// One of which nothing exists yet.
    pub fn new(facts: Facts, phase: Phase, now: Mono) -> Self {
        Self {
            facts,
            phase,
            waiting: None,
            waiting_save: None,
            since: now,
            container: None,
            observed: None,
            exit: None,
            agent: None,
            session: SessionState::None,
            attach_wait_ms: REATTACH_FIRST_MS,
            settled_at: Mono(0),
            was_paused_by_quit: false,
            was_stopped_by_user: false,
            is_branch_chosen: true,
            is_recovered: false,
            unsettled_since: None,
            has_intent: false,
            asked_by: Vec::new(),
            last_trouble: None,
            extra: serde_json::Map::new(),
        }
    }

    /// Its entry in the state file, unless it has none yet or no longer.
    pub fn entry(&self) -> Option<StateEntry> {
        let is_in = match &self.phase {
            Phase::Live | Phase::Lost | Phase::Changing { .. } => true,
            Phase::Creating { step, .. } | Phase::Broken { step, .. } => *step >= CreateStep::SavingState,
            Phase::Destroying { step, .. } => *step <= DestroyStep::RetiringHome,
            Phase::Gone => false,
        };
        is_in.then(|| StateEntry {
            container_id: self.container.clone(),
            was_paused_by_quit: self.was_paused_by_quit,
            was_stopped_by_user: self.was_stopped_by_user,
            facts: self.facts.clone(),
            extra: self.extra.clone(),
        })
    }

    /// Whether something was asked for on its behalf that is not answered.
    pub fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.waiting_save.is_some()
    }

    /// Whether its container runs, as far as we know.
    pub fn is_running(&self) -> bool {
        matches!(self.observed, Some((ContainerState::Running, _)))
    }

    /// Begins (or takes up again) its making at `step`.
    pub fn create_from(&mut self, step: CreateStep, around: &mut Surroundings<'_>) -> Effects {
        self.phase = Phase::Creating { step, retries: 0, is_cancelled: false };
        self.last_trouble = None;
        self.issue_create(step, around)
    }

    /// Begins (or takes up again) its removal at `step`.
    pub fn destroy_from(&mut self, step: DestroyStep, keep_branch: bool, around: &mut Surroundings<'_>) -> Effects {
        self.phase = Phase::Destroying { step, keep_branch, stuck: None };
        self.last_trouble = None;
        self.issue_destroy(step, around)
    }

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

    /// Takes an answer. One that is not waited for is late and changes nothing.
    pub fn answer(&mut self, attempt: Attempt, answer: Answer, around: &mut Surroundings<'_>) -> Effects {
        if self.waiting != Some(attempt) {
            return Effects::none();
        }
        self.waiting = None;
        match self.phase.clone() {
            Phase::Creating { step, retries, is_cancelled } => {
                self.answer_create(step, retries, is_cancelled, answer, around)
            }
            Phase::Changing { op, is_recording } => self.answer_change(op, is_recording, answer, around),
            Phase::Destroying { step, keep_branch, .. } => self.answer_destroy(step, keep_branch, answer, around),
            Phase::Broken { .. } | Phase::Live | Phase::Lost | Phase::Gone => Effects::none(),
        }
    }

    /// The state is durable up to `generation`.
    pub fn saved(&mut self, generation: Generation, around: &mut Surroundings<'_>) -> Effects {
        if self.waiting_save.is_none_or(|wanted| wanted > generation) {
            return Effects::none();
        }
        self.waiting_save = None;
        match self.phase.clone() {
            Phase::Creating { step: CreateStep::SavingState, is_cancelled, .. } => {
                self.after_create_step(CreateStep::SavingState, is_cancelled, around)
            }
            Phase::Destroying { step: DestroyStep::SavingState, keep_branch, .. } => {
                self.destroy_next(DestroyStep::SavingState, keep_branch, around)
            }
            Phase::Creating { .. }
            | Phase::Destroying { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Lost
            | Phase::Gone => Effects::none(),
        }
    }

    fn wait(&mut self, around: &mut Surroundings<'_>) -> Attempt {
        let attempt = around.attempt();
        self.waiting = Some(attempt);
        self.since = around.now.mono;
        attempt
    }

    fn reply_all(&mut self, outcome: &Result<String, Refusal>) -> Effects {
        let mut effects = Effects::none();
        for request in core::mem::take(&mut self.asked_by) {
            let outcome = outcome.clone().map(|note| crate::effect::Done { workstream: Some(self.facts.id.clone()), note });
            effects.push(Effect::Reply { request, outcome });
        }
        effects
    }

    fn intent(&self, operation: Operation, around: &Surroundings<'_>) -> Box<Intent> {
        Box::new(Intent {
            version: VERSION,
            operation,
            run: around.run.clone(),
            workstream: self.facts.clone(),
            written_at: around.now.wall,
        })
    }

    fn plan(&self) -> Option<Box<WorktreePlan>> {
        self.facts.plan().map(Box::new)
    }
}

/// Making.
impl Workstream {
    fn issue_create(&mut self, step: CreateStep, around: &mut Surroundings<'_>) -> Effects {
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
                reference: self.facts.base_ref.clone(),
                branch: self.facts.branch.clone(),
            });
        };
        let container = self.container.clone();
        Effects::from(match (step, container) {
            (CreateStep::ResolvingBase | CreateStep::WritingIntent, _) => {
                Effect::WriteIntent { workstream, attempt, intent: self.intent(Operation::Create, around) }
            }
            (CreateStep::PinningBase, _) => Effect::PinBase { workstream, attempt, plan },
            (CreateStep::AddingWorktree, _) => Effect::AddWorktree { workstream, attempt, plan },
            (CreateStep::BuildingHome, _) => {
                Effect::BuildHome { workstream, attempt, plan, facts: Box::new(self.facts.clone()) }
            }
            (CreateStep::ClearingIntent, _) => Effect::ClearIntent { workstream, attempt },
            (CreateStep::Tracking, Some(container)) => self.track(attempt, &container, ContainerState::Created),
            (CreateStep::TrackingStart, Some(container)) => self.track(attempt, &container, ContainerState::Running),
            (CreateStep::UploadingHolder, Some(container)) => Effect::UploadHolder { workstream, attempt, container },
            (CreateStep::Starting, Some(container)) => Effect::StartContainer { workstream, attempt, container },
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

    fn create_container(&mut self, attempt: Attempt, around: &Surroundings<'_>) -> Effect {
        assert!(self.has_intent, "R9: no container is asked for before its intent is durable");
        self.phase = Phase::Creating { step: CreateStep::CreatingContainer, retries: self.retries(), is_cancelled: false };
        let spec = Box::new(self.facts.spec(around.home, around.run));
        Effect::CreateContainer { workstream: self.facts.id.clone(), attempt, spec }
    }

    fn track(&self, attempt: Attempt, container: &ContainerId, state: ContainerState) -> Effect {
        let entry = tracking::entry(&self.facts, container, state.as_str());
        Effect::TrackContainer { workstream: self.facts.id.clone(), attempt, delta: Box::new(Delta::Track(entry)) }
    }

    fn retries(&self) -> u32 {
        if let Phase::Creating { retries, .. } = self.phase { retries } else { 0 }
    }

    fn answer_create(
        &mut self,
        step: CreateStep,
        retries: u32,
        is_cancelled: bool,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        match answer {
            Answer::Trouble(trouble) => self.trouble_in_create(step, retries, is_cancelled, &trouble, around),
            Answer::Base(base) => {
                self.facts.base = Some(base);
                self.after_create_step(CreateStep::ResolvingBase, is_cancelled, around)
            }
            Answer::Container(container) => {
                self.container = Some(container);
                self.unsettled_since = None;
                self.after_create_step(CreateStep::CreatingContainer, is_cancelled, around)
            }
            Answer::Done | Answer::Work(_) => {
                match step {
                    CreateStep::WritingIntent => self.has_intent = true,
                    CreateStep::ClearingIntent => self.has_intent = false,
                    CreateStep::Starting => self.observe(ContainerState::Running, None, around.now.mono),
                    CreateStep::ResolvingBase
                    | CreateStep::PinningBase
                    | CreateStep::AddingWorktree
                    | CreateStep::BuildingHome
                    | CreateStep::CreatingContainer
                    | CreateStep::Tracking
                    | CreateStep::UploadingHolder
                    | CreateStep::TrackingStart
                    | CreateStep::SavingState => {}
                }
                self.after_create_step(step, is_cancelled, around)
            }
        }
    }

    fn after_create_step(&mut self, step: CreateStep, is_cancelled: bool, around: &mut Surroundings<'_>) -> Effects {
        if is_cancelled {
            return self.roll_back(around);
        }
        let Some(next) = step.next() else {
            self.phase = Phase::Live;
            self.settled_at = around.now.mono;
            return self.reply_all(&Ok("running".to_string()));
        };
        if around.is_ending && next < CreateStep::SavingState {
            return self.break_off(next, "ccells ended before it was finished", around);
        }
        self.phase = Phase::Creating { step: next, retries: 0, is_cancelled: false };
        self.issue_create(next, around)
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
        if is_unknown && step == CreateStep::CreatingContainer {
            self.unsettled_since = Some(around.now.mono);
        }
        if is_cancelled {
            return self.roll_back(around);
        }
        if step == CreateStep::ResolvingBase {
            return self.trouble_with_base(retries, trouble, around);
        }
        if is_unknown && retries < RETRIES && !around.is_ending {
            self.phase = Phase::Creating { step, retries: retries + 1, is_cancelled };
            return self.issue_create(step, around);
        }
        let mut effects = self.break_off(step, trouble.reason(), around);
        effects.extend(self.reply_all(&Err(trouble.refusal())));
        effects
    }

    /// Nothing exists yet. A branch that we named and that is taken gets another name; all else is the user's.
    fn trouble_with_base(&mut self, retries: u32, trouble: &Trouble, around: &mut Surroundings<'_>) -> Effects {
        if self.is_branch_chosen || !matches!(trouble, Trouble::Conflict(_)) || retries >= BRANCH_NAMES {
            self.phase = Phase::Gone;
            return self.reply_all(&Err(trouble.refusal()));
        }
        let stem = self.facts.branch.clone();
        let stem = if retries == 0 { stem.as_str() } else { stem.rsplit_once('-').map_or(stem.as_str(), |(stem, _)| stem) };
        self.facts.branch = alloc::format!("{stem}-{}", retries + 2);
        let step = CreateStep::ResolvingBase;
        self.phase = Phase::Creating { step, retries: retries + 1, is_cancelled: false };
        self.issue_create(step, around)
    }

    fn break_off(&mut self, step: CreateStep, reason: &str, around: &Surroundings<'_>) -> Effects {
        self.phase = Phase::Broken { step, reason: reason.to_string() };
        self.settled_at = around.now.mono;
        let text = alloc::format!("`{}`: {reason}", self.facts.name);
        self.reply_all(&Err(Refusal { kind: RefusalKind::Failed, text, work: None }))
    }

    /// Takes back what there is of it. Before its intent, that is nothing.
    pub fn roll_back(&mut self, around: &mut Surroundings<'_>) -> Effects {
        if self.has_intent {
            return self.destroy_from(DestroyStep::WritingIntent, false, around);
        }
        self.phase = Phase::Gone;
        let text = alloc::format!("creation of `{}` cancelled; nothing is left of it", self.facts.name);
        self.reply_all(&Err(Refusal { kind: RefusalKind::Failed, text, work: None }))
    }
}

impl CreateStep {
    /// All, in order.
    pub const ALL: [Self; 12] = [
        Self::ResolvingBase,
        Self::WritingIntent,
        Self::PinningBase,
        Self::AddingWorktree,
        Self::BuildingHome,
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
            Self::PinningBase => "pinning the base commit",
            Self::AddingWorktree => "adding branch and worktree",
            Self::BuildingHome => "building the private git directory",
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

/// Changing.
impl Workstream {
    fn answer_change(
        &mut self,
        op: LifeOp,
        is_recording: bool,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if let Answer::Trouble(trouble) = answer {
            self.phase = Phase::Live;
            self.settled_at = around.now.mono;
            self.last_trouble = Some(trouble.reason().to_string());
            return self.reply_all(&Err(trouble.refusal()));
        }
        let (state, note) = match op {
            LifeOp::Pause => (Some(ContainerState::Paused), "paused"),
            LifeOp::Unpause | LifeOp::Start => (Some(ContainerState::Running), "running"),
            LifeOp::Stop => (Some(ContainerState::Exited), "stopped"),
            LifeOp::RestartAgent => (None, "agent restarted"),
        };
        if let (Some(state), false, Some(container)) = (state, is_recording, self.container.clone()) {
            self.observe(state, None, around.now.mono);
            self.was_stopped_by_user = op == LifeOp::Stop;
            self.was_paused_by_quit = around.is_ending && op == LifeOp::Pause;
            *around.wants_save = true;
            self.phase = Phase::Changing { op, is_recording: true };
            let attempt = self.wait(around);
            return Effects::from(self.track(attempt, &container, state));
        }
        self.phase = Phase::Live;
        self.settled_at = around.now.mono;
        self.reply_all(&Ok(note.to_string()))
    }
}

/// Taking away.
impl Workstream {
    fn issue_destroy(&mut self, step: DestroyStep, around: &mut Surroundings<'_>) -> Effects {
        let Some(plan) = self.plan() else { return self.issue_destroy_without_plan(step, around) };
        let workstream = self.facts.id.clone();
        let keep_branch = self.keep_branch();
        let effect = match step {
            DestroyStep::Inspecting => Effect::InspectWork { workstream, attempt: self.wait(around), plan },
            DestroyStep::Snapshotting => Effect::SnapshotWork { workstream, attempt: self.wait(around), plan },
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
                let unsettled_since = self.unsettled_since.map(|_| around.now.wall);
                let intent = self.intent(Operation::Destroy { keep_branch, unsettled_since }, around);
                Effects::from(Effect::WriteIntent { workstream, attempt: self.wait(around), intent })
            }
            (DestroyStep::Freezing, Some(container)) if self.is_running() => {
                Effects::from(Effect::PauseContainer { workstream, attempt: self.wait(around), container })
            }
            (DestroyStep::RemovingContainer, _) => {
                assert!(self.has_intent, "R13: nothing is taken away before its intent is durable");
                let mut effects = Effects::from(Effect::CloseSession { workstream: workstream.clone() });
                self.session = SessionState::None;
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
            (DestroyStep::Settling, _) if self.unsettled_since.is_some() => {
                self.reply_all(&Ok("removed; what the engine may still make of it will be taken away".to_string()))
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

    fn keep_branch(&self) -> bool {
        matches!(self.phase, Phase::Destroying { keep_branch: true, .. })
    }

    fn answer_destroy(
        &mut self,
        step: DestroyStep,
        keep_branch: bool,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        match answer {
            Answer::Work(report) if !report.is_empty() => self.refuse_to_lose(report, around),
            Answer::Trouble(_) if step == DestroyStep::Freezing => self.destroy_next(step, keep_branch, around),
            Answer::Trouble(Trouble::Absent(_)) if step == DestroyStep::RemovingContainer => {
                self.destroy_next(step, keep_branch, around)
            }
            Answer::Trouble(trouble) => self.stuck_in_destroy(step, keep_branch, &trouble, around),
            Answer::Done | Answer::Base(_) | Answer::Container(_) | Answer::Work(_) => {
                if step == DestroyStep::WritingIntent {
                    self.has_intent = true;
                }
                self.destroy_next(step, keep_branch, around)
            }
        }
    }

    fn refuse_to_lose(&mut self, report: WorkReport, around: &Surroundings<'_>) -> Effects {
        self.settled_at = around.now.mono;
        self.phase = if self.has_intent {
            Phase::Broken { step: CreateStep::PinningBase, reason: "interrupted, and it holds work".to_string() }
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
        around: &Surroundings<'_>,
    ) -> Effects {
        self.settled_at = around.now.mono;
        self.phase = if step <= DestroyStep::WritingIntent && !self.has_intent {
            self.last_trouble = Some(trouble.reason().to_string());
            Phase::Live
        } else {
            Phase::Destroying { step, keep_branch, stuck: Some(trouble.reason().to_string()) }
        };
        self.reply_all(&Err(trouble.refusal()))
    }

    fn destroy_next(&mut self, step: DestroyStep, keep_branch: bool, around: &mut Surroundings<'_>) -> Effects {
        let Some(next) = step.next() else {
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
            Phase::Destroying { step: DestroyStep::Settling, .. } => Some(self.unsettled_since?.after(LATE_MS)),
            Phase::Destroying { .. }
            | Phase::Creating { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Lost
            | Phase::Gone => None,
        }
    }

    /// A listing that was asked for at `requested_at` shows, or does not show, a container of one that settles.
    pub fn settle(&mut self, is_seen: bool, requested_at: Mono, around: &mut Surroundings<'_>) -> Effects {
        let Some(at) = self.settles_at() else { return Effects::none() };
        if is_seen {
            return self.destroy_from(DestroyStep::RemovingContainer, self.keep_branch(), around);
        }
        if requested_at < at {
            return Effects::none();
        }
        self.unsettled_since = None;
        self.destroy_next(DestroyStep::Settling, self.keep_branch(), around)
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
}

impl DestroyStep {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Inspecting,
        Self::WritingIntent,
        Self::Freezing,
        Self::Snapshotting,
        Self::RemovingContainer,
        Self::Untracking,
        Self::RemovingWorktree,
        Self::RetiringHome,
        Self::SavingState,
        Self::Settling,
        Self::ClearingIntent,
    ];

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step > self)
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

/// Observing.
impl Workstream {
    /// Takes note of its container's state, as asked for at `at`.
    pub fn observe(&mut self, state: ContainerState, exit: Option<ContainerExit>, at: Mono) {
        self.observed = Some((state, at));
        self.exit = exit;
        if !state.has_processes() {
            self.agent = None;
        }
    }

    /// A listing that was asked for at `requested_at` shows its container.
    pub fn seen(&mut self, seen: &Observed, requested_at: Mono) {
        if requested_at < self.settled_at || self.is_busy() {
            return;
        }
        self.container = Some(seen.id.clone());
        self.observe(seen.state, seen.exit, requested_at);
        if self.phase == Phase::Lost {
            self.phase = Phase::Live;
        }
    }

    /// A listing that was asked for at `requested_at` does not show its container.
    pub fn missed(&mut self, requested_at: Mono) {
        if requested_at < self.settled_at || self.is_busy() || self.phase != Phase::Live {
            return;
        }
        self.phase = Phase::Lost;
        self.container = None;
        self.observed = None;
        self.agent = None;
        self.exit = None;
    }

    /// Opens a session where there should be one and is none.
    pub fn tend_session(&mut self, around: &mut Surroundings<'_>) -> Effects {
        let is_due = match self.session {
            SessionState::None => true,
            SessionState::Waiting { until } => until <= around.now.mono,
            SessionState::Opening(_) | SessionState::Open(_) => false,
        };
        let is_wanted = self.is_running() && matches!(self.phase, Phase::Live | Phase::Changing { .. });
        let (true, true, false, Some(container)) = (is_due, is_wanted, around.is_ending, self.container.clone()) else {
            return Effects::none();
        };
        let attempt = around.attempt();
        self.session = SessionState::Opening(attempt);
        let (workstream, directory) = (self.facts.id.clone(), self.facts.home.clone());
        Effects::from(Effect::OpenSession { workstream, attempt, container, directory })
    }

    /// The session is there.
    pub fn session_opened(&mut self, attempt: Attempt) {
        if self.session == SessionState::Opening(attempt) {
            self.session = SessionState::Open(attempt);
            self.attach_wait_ms = REATTACH_FIRST_MS;
        }
    }

    /// The session is gone; the next one is opened later each time, as long as none came to stand.
    pub fn session_ended(&mut self, attempt: Attempt, now: Mono) {
        if matches!(self.session, SessionState::Opening(own) | SessionState::Open(own) if own == attempt) {
            self.session = SessionState::Waiting { until: now.after(self.attach_wait_ms) };
            self.attach_wait_ms = (self.attach_wait_ms * 2).min(REATTACH_LAST_MS);
        }
    }

    /// When a session is to be opened again.
    pub fn reattaches_at(&self) -> Option<Mono> {
        match self.session {
            SessionState::Waiting { until } if self.is_running() => Some(until),
            SessionState::Waiting { .. } | SessionState::None | SessionState::Opening(_) | SessionState::Open(_) => None,
        }
    }
}
