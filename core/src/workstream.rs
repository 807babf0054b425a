//! One workstream's life: which step it is at, which answer it waits for, what comes next.
//! Every step may be repeated; an answer that is not the one waited for changes nothing.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::agent::AgentReport;
use crate::canary::{Canary, Planted};
use crate::container::{ContainerExit, ContainerState, Observed};
use crate::effect::{Effect, Effects, Refusal, RefusalKind};
use crate::ids::{Attempt, Commit, ContainerId, Generation, HomeId, RequestId, RunId};
use crate::limits::{LATE_MS, REATTACH_FIRST_MS, REATTACH_LAST_MS};
use crate::ports::{
    Base, BaseMove, BranchMove, Fork, OnTaken, Pushed, RebaseState, WorkReport, WorktreePlan,
};
use crate::record::{Facts, Intent, OpenRebase, Operation, StateEntry, VERSION};
use crate::time::{Mono, Now, Wall};

mod change;
mod create;
mod destroy;
mod merge;
mod push;
mod rebase;

pub use change::LifeOp;
pub use create::{CreateStep, Pull, Remake};
pub use destroy::DestroyStep;
pub use merge::{Merge, MergeStep};
pub use push::{Push, PushStep};
pub use rebase::{Rebase, RebaseStep};

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
    /// Its commits go into a branch of the user.
    Merging {
        /// At this step.
        step: MergeStep,
        /// What is known of it.
        merge: Box<Merge>,
    },
    /// Its commits go to a remote.
    Pushing {
        /// At this step.
        step: PushStep,
        /// What is known of it.
        push: Box<Push>,
    },
    /// Its commits are put onto another base.
    Rebasing {
        /// At this step.
        step: RebaseStep,
        /// What is known of it.
        rebase: Box<Rebase>,
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
    Base(Box<Base>),
    /// The commit that is checked out where its agent works.
    Head(Commit),
    /// The branch it came back on.
    Branch(String),
    /// Which branch would move, if one would.
    Judged(Option<Box<BranchMove>>),
    /// What was pushed.
    Pushed(Box<Pushed>),
    /// What its commits are to stand on.
    Aimed(Box<BaseMove>),
    /// How a rebase of it stands.
    Rebased(RebaseState),
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
    /// The engine would not do it, and said why.
    Refused(String),
    /// It did not happen because something is in the way.
    Conflict(String),
    /// It did not happen because both sides changed the same places.
    Clash(String),
    /// What it was about does not exist.
    Absent(String),
    /// It may or may not have happened, or may happen yet.
    Unknown(String),
}

impl Trouble {
    /// In words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Failed(reason)
            | Self::Refused(reason)
            | Self::Conflict(reason)
            | Self::Clash(reason)
            | Self::Absent(reason)
            | Self::Unknown(reason) => reason,
        }
    }

    fn refusal(&self) -> Refusal {
        let kind = match self {
            Self::Failed(_) | Self::Refused(_) => RefusalKind::Failed,
            Self::Conflict(_) => RefusalKind::Conflict,
            Self::Clash(_) => RefusalKind::Clash,
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
    /// Whether the run may take away what nobody named to it.
    pub may_delete: bool,
    /// A mistake to make, for the simulator to find.
    pub planted: Planted,
    /// When the listing in flight was asked for.
    pub listing_since: Option<Mono>,
}

impl Surroundings<'_> {
    fn attempt(&mut self) -> Attempt {
        *self.attempts += 1;
        Attempt(*self.attempts)
    }

    /// From when on an observation says something about what was settled just now.
    fn settled_at(&self) -> Mono {
        settled_at(self.now.mono, self.listing_since)
    }
}

/// Observations asked for before this time say nothing about what was settled at `now`: a listing in flight does not,
/// also when it was asked for in the same millisecond.
pub fn settled_at(now: Mono, listing_since: Option<Mono>) -> Mono {
    if listing_since == Some(now) { now.after(1) } else { now }
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
    /// The container that the index names for it, as far as we know.
    pub tracked: Option<ContainerId>,
    /// Whether a change of the index is not answered, or failed: then what it names is not known.
    pub is_index_doubtful: bool,
    /// Its container's state as last seen, and the time that was asked for.
    pub observed: Option<(ContainerState, Mono)>,
    /// Whether its container was seen not to have run yet, and no start of it is in doubt.
    pub is_untouched: bool,
    /// Whether its container is made again because the engine refuses to start it.
    pub remake: Remake,
    /// Whether its image is got from a registry for this creation.
    pub pull: Pull,
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
    /// What becomes of a branch that exists already under its name.
    pub on_taken: OnTaken,
    /// Whether a remote is asked for its base.
    pub asks_remote: bool,
    /// Which files that git ignores it is to have besides those that the checkout lists.
    pub include: Vec<String>,
    /// The workstream that it goes on from, until its base is known.
    pub fork: Option<Fork>,
    /// What its user is told at the end of its making.
    pub note: Option<String>,
    /// Whether it was made once: then making it again is about its container only, and cancelling that takes nothing.
    pub is_made: bool,
    /// Why a removal is refused whose intent is being taken back.
    pub retracted: Option<Trouble>,
    /// Whether it is on its way back from the trash.
    pub is_from_trash: bool,
    /// A branch of the user that moves for it, as its intent says.
    pub moving: Option<BranchMove>,
    /// The rebase that is being asked for or about, as its intent says.
    pub basing: Option<BaseMove>,
    /// A rebase that was begun and that nobody knows the end of.
    pub open_rebase: Option<OpenRebase>,
    /// Until when that may still land without having been seen.
    pub rebase_lands_until: Mono,
    /// Whether only labels were left of its facts.
    pub is_recovered: bool,
    /// Until when a container may still appear that was asked for and whose outcome is unknown.
    pub unsettled_until: Option<Mono>,
    /// Whether an intent for what is being done is durable.
    pub has_intent: bool,
    /// Who waits for the end of what is being done.
    pub asked_by: Vec<RequestId>,
    /// What the user's last wish met with, until the next one.
    pub last_trouble: Option<String>,
    /// Unknown fields of its entry in the state file.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

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
            tracked: None,
            is_index_doubtful: false,
            observed: None,
            is_untouched: false,
            remake: Remake::No,
            pull: Pull::No,
            exit: None,
            agent: None,
            session: SessionState::None,
            attach_wait_ms: REATTACH_FIRST_MS,
            settled_at: Mono(0),
            was_paused_by_quit: false,
            was_stopped_by_user: false,
            is_branch_chosen: true,
            on_taken: OnTaken::Refuse,
            asks_remote: false,
            include: Vec::new(),
            fork: None,
            note: None,
            is_made: false,
            retracted: None,
            is_from_trash: false,
            moving: None,
            basing: None,
            open_rebase: None,
            rebase_lands_until: Mono(0),
            is_recovered: false,
            unsettled_until: None,
            has_intent: false,
            asked_by: Vec::new(),
            last_trouble: None,
            extra: serde_json::Map::new(),
        }
    }

    /// Its entry in the state file, unless it has none yet or no longer.
    pub fn entry(&self, now: Now) -> Option<StateEntry> {
        let is_in = match &self.phase {
            Phase::Live
            | Phase::Lost
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. } => true,
            Phase::Creating { step, .. } | Phase::Broken { step, .. } => {
                // Where its intent is lost it would look like one that is made, and nothing of it is back yet.
                let is_back = !self.is_from_trash || *step > CreateStep::RestoringWork;
                let is_there = self.is_made && is_back;
                is_there || *step >= CreateStep::SavingState
            }
            Phase::Destroying { step, .. } => {
                (self.is_made || self.has_intent) && *step <= DestroyStep::RetiringHome
            }
            Phase::Gone => false,
        };
        is_in.then(|| StateEntry {
            container_id: self.container.clone(),
            was_paused_by_quit: self.was_paused_by_quit,
            was_stopped_by_user: self.was_stopped_by_user,
            unsettled_since: self.unsettled_since(now),
            rebase: self.open_rebase.clone(),
            facts: self.facts.clone(),
            extra: self.extra.clone(),
        })
    }

    /// Since when a container may still appear that was asked for, by the wall clock. It stays what it was.
    fn unsettled_since(&self, now: Now) -> Option<Wall> {
        let until = self.unsettled_until?;
        let age = LATE_MS.saturating_sub(until.since(now.mono));
        Some(Wall(now.wall.0.saturating_sub(age)))
    }

    /// Whether its branch is settled: before, it may get another.
    pub fn has_branch(&self) -> bool {
        self.is_made || self.facts.base.is_some()
    }

    /// Whether something was asked for on its behalf that is not answered.
    pub fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.waiting_save.is_some()
    }

    /// Whether its entry in the index is being put right, and nothing else is done to it.
    pub fn is_mending(&self) -> bool {
        self.waiting.is_some() && matches!(self.phase, Phase::Live | Phase::Lost)
    }

    /// Whether its container runs, as far as we know.
    pub fn is_running(&self) -> bool {
        matches!(self.observed, Some((ContainerState::Running, _)))
    }

    /// Whether its container is frozen, as far as we know.
    pub fn is_frozen(&self) -> bool {
        matches!(self.observed, Some((ContainerState::Paused, _)))
    }

    /// Begins (or takes up again) its making at `step`.
    pub fn create_from(&mut self, step: CreateStep, around: &mut Surroundings<'_>) -> Effects {
        (self.last_trouble, self.note) = (None, None);
        self.remake = if step == CreateStep::ClearingWay { Remake::Due } else { Remake::No };
        self.pull = Pull::No;
        self.begin_create_step(step, around)
    }

    /// Begins (or takes up again) its removal at `step`.
    pub fn destroy_from(
        &mut self,
        step: DestroyStep,
        keep_branch: bool,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        self.phase = Phase::Destroying { step, keep_branch, stuck: None };
        self.last_trouble = None;
        self.issue_destroy(step, around)
    }

    /// Takes an answer. One that is not waited for is late and changes nothing.
    pub fn answer(&mut self, attempt: Attempt, answer: Answer, around: &mut Surroundings<'_>) -> Effects {
        if self.waiting != Some(attempt) && !around.planted.is(Canary::LateAnswerTrusted) {
            return Effects::none();
        }
        self.waiting = None;
        match self.phase.clone() {
            Phase::Creating { step, retries, is_cancelled } => {
                self.answer_create(step, retries, is_cancelled, answer, around)
            }
            Phase::Changing { op, is_recording } => self.answer_change(op, is_recording, answer, around),
            Phase::Merging { step, merge } => self.answer_merge(step, *merge, answer, around),
            Phase::Pushing { step, push } => self.answer_push(step, *push, answer, around),
            Phase::Rebasing { step, rebase } => self.answer_rebase(step, *rebase, answer, around),
            Phase::Destroying { step, keep_branch, .. } => {
                self.answer_destroy(step, keep_branch, answer, around)
            }
            Phase::Live | Phase::Lost => {
                self.is_index_doubtful &= answer != Answer::Done;
                Effects::none()
            }
            Phase::Broken { .. } | Phase::Gone => Effects::none(),
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
            Phase::Destroying {
                step: step @ (DestroyStep::SavingState | DestroyStep::Settling),
                keep_branch,
                ..
            } => self.destroy_next(step, keep_branch, around),
            Phase::Changing { op, is_recording: true } => self.after_recording(op, around),
            Phase::Rebasing { step: RebaseStep::Recording, rebase } => self.rebase_recorded(*rebase, around),
            Phase::Creating { .. }
            | Phase::Destroying { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Changing { is_recording: false, .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
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

    /// Answers everybody who waits for the end of what is being done.
    pub fn reply_all(&mut self, outcome: &Result<String, Refusal>) -> Effects {
        let mut effects = Effects::none();
        for request in core::mem::take(&mut self.asked_by) {
            let outcome = outcome
                .clone()
                .map(|note| crate::effect::Done { workstream: Some(self.facts.id.clone()), note });
            effects.push(Effect::Reply { request, outcome });
        }
        effects
    }

    /// What took it away from [`Phase::Live`] for a while is over.
    fn back_to_live(&mut self, around: &Surroundings<'_>, outcome: Result<String, Trouble>) -> Effects {
        self.phase = Phase::Live;
        self.settled_at = around.settled_at();
        match outcome {
            Ok(note) => self.reply_all(&Ok(note)),
            Err(trouble) => {
                self.last_trouble = Some(trouble.reason().to_string());
                self.reply_all(&Err(trouble.refusal()))
            }
        }
    }

    /// Everybody who waits for what is being done is told that it was taken back; whoever took it back is answered when the
    /// step in flight is.
    fn taken_back(&mut self, request: RequestId, what: &str) -> Effects {
        let text = alloc::format!("the {what} of `{}` was cancelled", self.facts.name);
        let effects = self.reply_all(&Err(Refusal { kind: RefusalKind::Failed, text, work: None }));
        self.asked_by.push(request);
        effects
    }

    fn intent(&self, operation: Operation, around: &Surroundings<'_>) -> Box<Intent> {
        let reason = if let Phase::Broken { reason, .. } = &self.phase { Some(reason.clone()) } else { None };
        Box::new(Intent {
            version: VERSION,
            operation,
            run: around.run.clone(),
            workstream: self.facts.clone(),
            written_at: around.now.wall,
            reason,
            moving: self.moving.clone(),
            basing: self.basing.clone(),
        })
    }

    fn plan(&self) -> Option<Box<WorktreePlan>> {
        self.facts.plan().map(Box::new)
    }
}

/// Observing.
impl Workstream {
    /// Takes note of its container's state, as asked for at `at`.
    pub fn observe(&mut self, state: ContainerState, exit: Option<ContainerExit>, at: Mono) {
        let was_running = self.is_running();
        if state == ContainerState::Running && !was_running {
            // Another life: what its last one met with says nothing about it.
            self.attach_wait_ms = REATTACH_FIRST_MS;
            if let SessionState::Waiting { .. } = self.session {
                self.session = SessionState::None;
            }
        }
        self.observed = Some((state, at));
        self.is_untouched = state == ContainerState::Created;
        self.exit = exit;
        if !state.has_processes() {
            self.agent = None;
        }
    }

    /// A listing that was asked for at `requested_at` shows its container.
    pub fn seen(&mut self, seen: &Observed, requested_at: Mono) {
        if requested_at < self.settled_at || (self.is_busy() && !self.is_mending()) {
            return;
        }
        self.settle_by(requested_at);
        self.container = Some(seen.id.clone());
        self.observe(seen.state, seen.exit, requested_at);
        if self.phase == Phase::Lost {
            self.phase = Phase::Live;
        }
    }

    /// A listing that was asked for at `requested_at` does not show its container.
    pub fn missed(&mut self, requested_at: Mono) {
        if requested_at < self.settled_at || (self.is_busy() && !self.is_mending()) {
            return;
        }
        self.settle_by(requested_at);
        match self.phase {
            Phase::Live => self.phase = Phase::Lost,
            // Taken up again, it makes another container instead of asking for one that is gone.
            Phase::Broken { .. } => {}
            Phase::Creating { .. }
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
            | Phase::Lost
            | Phase::Destroying { .. }
            | Phase::Gone => return,
        }
        self.forget_container();
    }

    /// Nothing can land any more that a listing would not have shown. Time alone does not settle anything: whoever slept
    /// has not seen what landed meanwhile. A removal settles at its own step.
    fn settle_by(&mut self, requested_at: Mono) {
        if !matches!(self.phase, Phase::Destroying { .. }) {
            self.unsettled_until = self.unsettled_until.filter(|until| requested_at < *until);
        }
    }

    fn forget_container(&mut self) {
        self.container = None;
        self.observed = None;
        self.is_untouched = false;
        self.agent = None;
        self.exit = None;
    }

    /// Opens a session where there should be one and is none.
    pub fn tend_session(&mut self, around: &mut Surroundings<'_>) -> Effects {
        if self.phase == Phase::Lost && self.session != SessionState::None {
            self.session = SessionState::None;
            return Effects::from(Effect::CloseSession { workstream: self.facts.id.clone() });
        }
        let is_due = match self.session {
            SessionState::None => true,
            SessionState::Waiting { until } => until <= around.now.mono,
            SessionState::Opening(_) | SessionState::Open(_) => around.planted.is(Canary::SessionEachTime),
        };
        let (true, true, false, Some(container)) =
            (is_due, self.wants_session(), around.is_ending, self.container.clone())
        else {
            return Effects::none();
        };
        let attempt = around.attempt();
        self.session = SessionState::Opening(attempt);
        let (workstream, directory) = (self.facts.id.clone(), self.facts.home.clone());
        Effects::from(Effect::OpenSession { workstream, attempt, container, directory })
    }

    fn wants_session(&self) -> bool {
        let is_made = match self.phase {
            Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. } => true,
            Phase::Creating { .. }
            | Phase::Broken { .. }
            | Phase::Lost
            | Phase::Destroying { .. }
            | Phase::Gone => false,
        };
        is_made && self.is_running()
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

    /// Its session ended: that this says anything about its container is the mistake to make.
    pub fn exited(&mut self, around: &mut Surroundings<'_>) -> Effects {
        let Some(container) = self.container.clone().filter(|_| self.phase == Phase::Live) else {
            return Effects::none();
        };
        self.observe(ContainerState::Exited, None, around.now.mono);
        let attempt = around.attempt();
        Effects::from(self.track(attempt, &container, ContainerState::Exited))
    }

    /// When a session is to be opened again.
    pub fn reattaches_at(&self) -> Option<Mono> {
        match self.session {
            SessionState::Waiting { until } if self.wants_session() => Some(until),
            SessionState::Waiting { .. }
            | SessionState::None
            | SessionState::Opening(_)
            | SessionState::Open(_) => None,
        }
    }
}
