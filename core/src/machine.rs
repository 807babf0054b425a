//! The one door: [`Machine::handle`] takes what happened and returns what is to be done. The same state, the same
//! time and the same event give the same effects, always.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::canary::{Canary, Planted};
use crate::container::Observed;
use crate::deadlines::{Deadline, Reason, Soonest};
use crate::effect::{Effect, Effects, Level};
use crate::event::{Access, Ask, Event, Found, Purpose, StateFound};
use crate::heartbeat;
use crate::ids::{Attempt, ContainerId, Generation, RequestId, WorkstreamId};
use crate::limits::{DOUBT_MS, DOUBT_STEP_MS, RELIST_MS, RETRY_FIRST_MS, RETRY_LAST_MS};
use crate::ports::{Base, EngineError, GitError};
use crate::record::{StateRecord, VERSION, ViewRecord, Writer};
use crate::shutdown::Shutdown;
use crate::snapshot::{EngineState, Finding};
use crate::time::{Mono, Now};
use crate::workstream::{Answer, Phase, Surroundings, Trouble, Workstream, settled_at};

mod asks;
mod boot;
mod ending;
mod merge;
mod picture;
mod pulls;
mod push;
mod rebase;
mod saving;
mod tending;
mod undo;

/// Everything a run knows and decides.
#[derive(Clone, Debug)]
pub struct Machine {
    found: Option<Found>,
    workstreams: BTreeMap<WorkstreamId, Workstream>,
    view: ViewRecord,
    attempts: u64,
    engine: EngineLink,
    saving: Saving,
    shutdown: Shutdown,
    findings: Vec<Finding>,
    /// When the run began.
    began_at: Mono,
    /// Whether what the start found has been decided about.
    is_recovered: bool,
    /// When workstreams of this run were removed: listings asked for before that may still show them.
    removed: BTreeMap<WorkstreamId, Mono>,
    /// Wishes that cannot be judged before the engine was heard once.
    held_back: Vec<(RequestId, Ask)>,
    quit_asked_by: Vec<RequestId>,
    beats: u64,
    last_beat: Mono,
    planted: Planted,
}

/// What we know of the engine itself.
#[derive(Clone, Debug)]
struct EngineLink {
    state: EngineState,
    /// Whether its event stream is open.
    is_watched: bool,
    /// When the listing in flight was asked for.
    listing_since: Option<Mono>,
    /// Whether something changed while a listing was in flight.
    is_stale: bool,
    /// Until when a listing may still show what was before the last change: engines tell of a change before they list it.
    doubted_until: Mono,
    /// When to list next.
    list_at: Option<Mono>,
    /// How long to wait after the next silence.
    wait_ms: u64,
    /// Whether it was heard at all, be it as a failure.
    was_heard: bool,
    /// Whether its silence is a deadline that passed, rather than nobody there.
    is_late: bool,
}

/// What we know of the state file.
#[derive(Clone, Debug, Default)]
struct Saving {
    /// The newest generation we asked for.
    issued: Generation,
    /// The newest generation that is durable.
    durable: Generation,
    /// Whether the newest one failed.
    trouble: Option<String>,
    /// When to try again.
    retry_at: Option<Mono>,
    is_wanted: bool,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// One that knows nothing yet: it waits for [`Event::Booted`].
    pub fn new() -> Self {
        Self {
            found: None,
            workstreams: BTreeMap::new(),
            view: ViewRecord::default(),
            attempts: 0,
            engine: EngineLink {
                state: EngineState::Unknown,
                is_watched: false,
                listing_since: None,
                is_stale: false,
                list_at: None,
                doubted_until: Mono(0),
                wait_ms: RETRY_FIRST_MS,
                was_heard: false,
                is_late: false,
            },
            saving: Saving::default(),
            shutdown: Shutdown::default(),
            findings: Vec::new(),
            began_at: Mono(0),
            is_recovered: false,
            removed: BTreeMap::new(),
            held_back: Vec::new(),
            quit_asked_by: Vec::new(),
            beats: 0,
            last_beat: Mono(0),
            planted: Planted::default(),
        }
    }

    /// One that makes a mistake, for the simulator to find.
    #[cfg(feature = "canary")]
    pub fn with_canary(canary: Option<Canary>) -> Self {
        Self { planted: Planted::new(canary), ..Self::new() }
    }

    /// Takes one event and returns what is to be done about it.
    pub fn handle(&mut self, now: Now, event: Event) -> Effects {
        if self.shutdown.is_done() {
            return Effects::none();
        }
        let mut effects = self.take(now, event);
        if self.found.is_some() && !self.shutdown.is_done() {
            effects.extend(self.tend(now));
        }
        self.assert_invariants();
        effects
    }

    /// When to come back with [`Event::TimePassed`] at the latest.
    pub fn next_deadline(&self) -> Option<Deadline> {
        if self.found.is_none() || self.shutdown.is_done() {
            return None;
        }
        let mut soonest = Soonest::default()
            .or(self.beats_on().then(|| heartbeat::next_beat(self.last_beat)), Reason::Beat)
            .or(self.engine.list_at.filter(|_| self.may_list()), Reason::List)
            .or(self.saving.retry_at, Reason::Save)
            .or(
                self.shutdown.deadline().filter(|_| !self.planted.is(Canary::QuitWithoutDeadline)),
                Reason::Shutdown,
            );
        for workstream in self.workstreams.values() {
            if self.attaches() && !self.shutdown.has_begun() {
                soonest = soonest.or(workstream.reattaches_at(), Reason::Attach);
            }
            if self.may_list() || self.planted.is(Canary::WaitsForThePast) {
                soonest = soonest.or(self.settles_at(workstream), Reason::Settle);
            }
        }
        soonest.get()
    }

    fn take(&mut self, now: Now, event: Event) -> Effects {
        match event {
            Event::Booted(found) => self.boot(now, *found),
            Event::Asked { request, ask } => self.ask(now, request, ask),
            Event::TimePassed => Effects::none(),

            Event::IntentWritten { workstream, attempt, outcome }
            | Event::IntentCleared { workstream, attempt, outcome }
            | Event::ContainerTracked { workstream, attempt, outcome }
            | Event::ContainerUntracked { workstream, attempt, outcome }
            | Event::AgentRestarted { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, |()| Answer::Done, Trouble::Failed))
            }
            Event::StateSaved { generation, outcome } => self.state_saved(now, generation, outcome),

            Event::BaseResolved { workstream, attempt, outcome } => {
                let outcome = outcome.and_then(|base| self.check_branch(&workstream).map(|()| base));
                let base = |base: Base| Answer::Base(alloc::boxed::Box::new(base));
                self.answer(now, &workstream, attempt, settle(outcome, base, git_trouble))
            }
            Event::WorkRestored { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, Answer::Branch, git_trouble))
            }
            Event::WorkFetched { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, Answer::Head, git_trouble))
            }
            Event::MergeJudged { workstream, attempt, outcome } => {
                let judged = |moving: Option<_>| Answer::Judged(moving.map(alloc::boxed::Box::new));
                self.answer(now, &workstream, attempt, settle(outcome, judged, git_trouble))
            }
            Event::WorkPushed { workstream, attempt, outcome } => {
                let pushed = |pushed| Answer::Pushed(alloc::boxed::Box::new(pushed));
                self.answer(now, &workstream, attempt, settle(outcome, pushed, git_trouble))
            }
            Event::RebaseAimed { workstream, attempt, outcome } => {
                let aimed = |moving| Answer::Aimed(alloc::boxed::Box::new(moving));
                self.answer(now, &workstream, attempt, settle(outcome, aimed, git_trouble))
            }
            Event::WorkRebased { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, Answer::Rebased, engine_trouble))
            }
            Event::WorkInspected { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, Answer::Work, git_trouble))
            }
            Event::WorkSnapshotted { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, |_| Answer::Done, git_trouble))
            }
            Event::BasePinned { workstream, attempt, outcome }
            | Event::WorktreeAdded { workstream, attempt, outcome }
            | Event::HomeBuilt { workstream, attempt, outcome }
            | Event::WorktreeRemoved { workstream, attempt, outcome }
            | Event::HomeRetired { workstream, attempt, outcome }
            | Event::BranchMoved { workstream, attempt, outcome }
            | Event::BaseMoved { workstream, attempt, outcome } => {
                self.answer(now, &workstream, attempt, settle(outcome, |()| Answer::Done, git_trouble))
            }

            Event::ContainerCreated { workstream, attempt, outcome } => {
                let outcome = outcome.and_then(|container| self.check_container(&workstream, container));
                self.answer(now, &workstream, attempt, settle(outcome, Answer::Container, engine_trouble))
            }
            Event::PullProgressed { workstream, attempt, progress } => {
                self.pull_progressed(&workstream, attempt, progress)
            }
            Event::ImagePulled { workstream, attempt, outcome }
            | Event::HolderUploaded { workstream, attempt, outcome }
            | Event::ContainerStarted { workstream, attempt, outcome }
            | Event::ContainerPaused { workstream, attempt, outcome }
            | Event::ContainerUnpaused { workstream, attempt, outcome }
            | Event::ContainerStopped { workstream, attempt, outcome }
            | Event::ContainerRemoved { workstream, attempt, outcome } => {
                self.engine_answer(now, &workstream, attempt, outcome)
            }
            Event::EnginePinged { outcome } => self.engine_pinged(now, outcome.map(|_| ())),
            Event::ContainersListed { requested_at, outcome } => {
                self.containers_listed(now, requested_at, outcome)
            }
            Event::EngineChanged => {
                self.engine.is_stale = true;
                self.engine.doubted_until = now.mono.after(DOUBT_MS);
                Effects::none()
            }
            Event::EngineLost { reason, is_late } => self.engine_lost(now, &reason, is_late),

            Event::SessionOpened { workstream, attempt } => self.session_opened(&workstream, attempt),
            Event::SessionEnded { workstream, attempt, reason: _ } => {
                self.session_ended(now, &workstream, attempt)
            }
            Event::AgentReported { workstream, report } => {
                if let Some(workstream) = self.workstreams.get_mut(&workstream) {
                    workstream.agent = Some(report);
                }
                Effects::none()
            }
        }
    }

    fn is_writer(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.access == Access::Write)
    }

    fn beats_on(&self) -> bool {
        self.is_writer() && (self.beats == 0 || !self.planted.is(Canary::BeatOnce))
    }

    fn attaches(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.purpose == Purpose::Interactive)
    }

    fn purpose(&self) -> Purpose {
        self.found.as_ref().map_or(Purpose::Verb, |found| found.purpose)
    }

    /// Runs `act` on one workstream with its surroundings.
    fn with(
        &mut self,
        now: Now,
        workstream: &WorkstreamId,
        act: impl FnOnce(&mut Workstream, &mut Surroundings<'_>) -> Effects,
    ) -> Effects {
        let may_delete = self.may_delete();
        let (Some(found), Some(workstream)) = (&self.found, self.workstreams.get_mut(workstream)) else {
            return Effects::none();
        };
        let mut around = Surroundings {
            now,
            run: &found.run,
            home: &found.home,
            attempts: &mut self.attempts,
            wants_save: &mut self.saving.is_wanted,
            is_ending: self.shutdown.has_begun(),
            may_delete,
            planted: self.planted,
            listing_since: self.engine.listing_since,
        };
        act(workstream, &mut around)
    }

    fn ids(&self) -> Vec<WorkstreamId> {
        self.workstreams.keys().cloned().collect()
    }

    fn answer(&mut self, now: Now, workstream: &WorkstreamId, attempt: Attempt, answer: Answer) -> Effects {
        let was_mending = self.workstreams.get(workstream).is_some_and(Workstream::is_mending);
        let mut effects =
            self.with(now, workstream, |workstream, around| workstream.answer(attempt, answer, around));
        self.note_pause(workstream);
        if was_mending && self.engine.was_heard {
            effects.extend(self.release_held_back(now));
        }
        effects
    }

    /// Two workstreams never share a branch, also when git does not know of it yet.
    fn check_branch(&self, id: &WorkstreamId) -> Result<(), GitError> {
        let Some(branch) = self.workstreams.get(id).map(|it| &it.facts.branch) else { return Ok(()) };
        let has_it = |it: &&Workstream| it.facts.id != *id && it.facts.branch == *branch && it.has_branch();
        match self.workstreams.values().find(has_it) {
            Some(_) => Err(GitError::BranchExists { branch: branch.clone() }),
            None => Ok(()),
        }
    }

    /// Two workstreams never share a container. An engine that names another's says nothing about ours: it may be there.
    fn check_container(&self, id: &WorkstreamId, named: ContainerId) -> Result<ContainerId, EngineError> {
        let has_it = |it: &&Workstream| {
            it.facts.id != *id && [&it.container, &it.tracked].contains(&&Some(named.clone()))
        };
        match self.workstreams.values().find(has_it) {
            Some(other) => {
                let reason = format!("it named the container of `{}`", other.facts.name);
                Err(EngineError::Unknown { reason })
            }
            None => Ok(named),
        }
    }

    fn engine_answer(
        &mut self,
        now: Now,
        workstream: &WorkstreamId,
        attempt: Attempt,
        outcome: Result<(), EngineError>,
    ) -> Effects {
        if outcome.is_err() {
            self.engine.is_stale = true;
        }
        self.answer(now, workstream, attempt, settle(outcome, |()| Answer::Done, engine_trouble))
    }
}

/// The engine.
impl Machine {
    fn engine_pinged(&mut self, now: Now, outcome: Result<(), EngineError>) -> Effects {
        match outcome {
            Ok(()) => Effects::none(),
            Err(error) => self.engine_silent(now, &error.to_string(), is_late(&error)),
        }
    }

    fn engine_lost(&mut self, now: Now, reason: &str, is_late: bool) -> Effects {
        self.engine.is_watched = false;
        self.engine_silent(now, reason, is_late)
    }

    fn engine_silent(&mut self, now: Now, reason: &str, is_late: bool) -> Effects {
        self.engine.is_late = is_late;
        self.engine.was_heard = true;
        self.engine.list_at = Some(now.mono.after(self.engine.wait_ms));
        self.engine.wait_ms = (self.engine.wait_ms * 2).min(RETRY_LAST_MS);
        let since = if let EngineState::Down { since, .. } = self.engine.state { since } else { now.mono };
        let was_up = self.engine.state == EngineState::Up;
        self.engine.state = EngineState::Down { reason: reason.to_string(), since };
        let mut effects = self.release_held_back(now);
        if was_up {
            // It is news for a while only: how the engine fares is shown for as long as it lasts.
            let text = format!("{reason}. Nothing is lost or deleted; ccells keeps asking.");
            effects.push(Effect::Notify { level: Level::Warning, text });
        }
        effects
    }

    fn containers_listed(
        &mut self,
        now: Now,
        requested_at: Mono,
        outcome: Result<Vec<Observed>, EngineError>,
    ) -> Effects {
        self.engine.listing_since = None;
        let listed = match outcome {
            Ok(listed) => listed,
            Err(_) if self.planted.is(Canary::SilenceIsEmpty) => Vec::new(),
            Err(error) => return self.engine_silent(now, &error.to_string(), is_late(&error)),
        };
        let requested_at = if self.planted.is(Canary::StaleListAsFresh) { now.mono } else { requested_at };
        let mut effects = Effects::none();
        if matches!(self.engine.state, EngineState::Down { .. }) {
            effects.push(Effect::Notify { level: Level::Info, text: "the engine answers again".to_string() });
        }
        self.engine.state = EngineState::Up;
        self.engine.was_heard = true;
        self.engine.wait_ms = RETRY_FIRST_MS;
        let again_ms = if now.mono < self.engine.doubted_until { DOUBT_STEP_MS } else { RELIST_MS };
        // Whoever slept over the answer looks again at once.
        let is_old = now.mono.since(requested_at) >= RELIST_MS;
        let again_ms = if is_old && !self.planted.is(Canary::SleptOver) { 0 } else { again_ms };
        self.engine.list_at = Some(now.mono.after(again_ms)).filter(|_| !self.planted.is(Canary::NoRelist));
        effects.extend(self.observe(now, requested_at, &listed));
        effects.extend(self.recover(now));
        effects.extend(self.release_held_back(now));
        effects.extend(self.let_go_on_late(now));
        effects.extend(self.mend_index(now));
        effects
    }

    /// Holds what we know against what the engine shows.
    fn observe(&mut self, now: Now, requested_at: Mono, listed: &[Observed]) -> Effects {
        let Some(found) = &self.found else { return Effects::none() };
        let ours: BTreeMap<WorkstreamId, Observed> = listed
            .iter()
            .filter(|seen| {
                (seen.labels.home == found.home && seen.labels.repo == found.repo.id)
                    || self.planted.is(Canary::AdoptOtherHomes)
            })
            .map(|seen| (seen.labels.workstream.clone(), seen.clone()))
            .collect();
        let mut effects = Effects::none();
        let may_settle = self.is_writer();
        for id in self.ids() {
            let seen = ours.get(&id);
            effects.extend(self.with(now, &id, |workstream, around| {
                match seen {
                    Some(seen) => workstream.seen(seen, requested_at),
                    None => workstream.missed(requested_at),
                }
                if workstream.phase == Phase::Lost && around.planted.is(Canary::LostIsForgotten) {
                    workstream.phase = Phase::Gone;
                    *around.wants_save = true;
                }
                if may_settle {
                    workstream.settle(seen.is_some(), requested_at, around)
                } else {
                    Effects::none()
                }
            }));
        }
        for (id, seen) in ours {
            if !self.workstreams.contains_key(&id) {
                effects.extend(self.adopt_stranger(now, requested_at, &seen));
            }
        }
        effects
    }

    fn session_opened(&mut self, workstream: &WorkstreamId, attempt: Attempt) -> Effects {
        if let Some(workstream) = self.workstreams.get_mut(workstream) {
            workstream.session_opened(attempt);
        }
        Effects::none()
    }

    fn session_ended(&mut self, now: Now, workstream: &WorkstreamId, attempt: Attempt) -> Effects {
        self.engine.is_stale = true;
        let (planted, id) = (self.planted, workstream);
        let Some(workstream) = self.workstreams.get_mut(id) else { return Effects::none() };
        workstream.session_ended(attempt, now.mono);
        if planted.is(Canary::NoBackoff) {
            workstream.session = crate::workstream::SessionState::None;
        }
        if planted.is(Canary::SessionEndMeansExit) && self.is_writer() {
            return self.with(now, id, Workstream::exited);
        }
        Effects::none()
    }
}

/// What follows after every event.
impl Machine {
    fn tend(&mut self, now: Now) -> Effects {
        let mut effects = Effects::none();
        effects.extend(self.tend_beat(now));
        effects.extend(self.tend_sessions(now));
        effects.extend(self.tend_engine(now));
        self.drop_gone(now.mono);
        effects.extend(self.tend_shutdown(now));
        if !self.shutdown.is_done() {
            effects.extend(self.tend_state(now));
        }
        effects
    }

    fn tend_beat(&mut self, now: Now) -> Effects {
        let is_due = self.beats == 0 || heartbeat::next_beat(self.last_beat) <= now.mono;
        if !self.beats_on() || !is_due {
            return Effects::none();
        }
        self.beats += 1;
        self.last_beat = now.mono;
        Effects::from(Effect::Beat { sequence: self.beats })
    }

    fn tend_sessions(&mut self, now: Now) -> Effects {
        let mut effects = Effects::none();
        if self.attaches() {
            for id in self.ids() {
                effects.extend(self.with(now, &id, Workstream::tend_session));
            }
        }
        effects
    }

    fn tend_engine(&mut self, now: Now) -> Effects {
        let Some(found) = &self.found else { return Effects::none() };
        let home = found.home.clone();
        let is_settling =
            self.workstreams.values().any(|it| self.settles_at(it).is_some_and(|at| at <= now.mono));
        let is_due =
            self.engine.is_stale || is_settling || self.engine.list_at.is_some_and(|at| at <= now.mono);
        let mut effects = Effects::none();
        if !is_due || !self.may_list() {
            return effects;
        }
        if !self.engine.is_watched && self.attaches() {
            self.engine.is_watched = true;
            effects.push(Effect::WatchEngine { home: home.clone() });
        }
        self.engine.is_stale = false;
        self.engine.list_at = None;
        self.engine.listing_since = Some(now.mono);
        effects.push(Effect::ListContainers { home });
        effects
    }

    /// One listing at a time, and none once the run is ending.
    fn may_list(&self) -> bool {
        self.engine.listing_since.is_none() && !self.shutdown.has_begun()
    }

    /// When a listing could end a removal's wait. While the engine is silent its retries are soon enough.
    fn settles_at(&self, workstream: &Workstream) -> Option<Mono> {
        // While it waits for a write, or when another run has to end it, no listing of ours could.
        let may_end = self.is_writer() && !workstream.is_busy();
        workstream.settles_at().filter(|_| self.engine.state == EngineState::Up && may_end)
    }

    fn drop_gone(&mut self, now: Mono) {
        let settled_at = settled_at(now, self.engine.listing_since);
        let count = self.workstreams.len();
        for (id, _) in self.workstreams.iter().filter(|(_, it)| it.phase == Phase::Gone) {
            self.removed.insert(id.clone(), settled_at);
        }
        self.workstreams.retain(|_, workstream| workstream.phase != Phase::Gone);
        if self.workstreams.len() != count {
            let workstreams = &self.workstreams;
            self.view.order.retain(|id| workstreams.contains_key(id));
            self.findings.retain(|finding| workstreams.contains_key(&finding.workstream));
        }
    }

    fn tend_state(&mut self, now: Now) -> Effects {
        if self.saving.retry_at.is_some_and(|at| at <= now.mono) {
            self.saving.is_wanted = true;
        }
        if !core::mem::take(&mut self.saving.is_wanted) || !self.is_writer() {
            return Effects::none();
        }
        self.saving.retry_at = None;
        self.saving.issued = self.saving.issued.next();
        let generation = self.saving.issued;
        for workstream in self.workstreams.values_mut() {
            if workstream.waiting_save == Some(Generation(u64::MAX)) {
                workstream.waiting_save = Some(generation);
            }
        }
        let state = alloc::boxed::Box::new(self.state_record(now, generation));
        Effects::from(Effect::SaveState { generation, state })
    }

    /// Whether the disk durably says what we know.
    fn is_saved(&self) -> bool {
        self.saving.durable == self.saving.issued && !self.saving.is_wanted
    }

    fn state_record(&self, now: Now, generation: Generation) -> StateRecord {
        let found = self.found.as_ref().expect("a state is saved only after the boot");
        let extra = match &found.state {
            StateFound::Read(state) | StateFound::Recovered { state: Some(state), .. } => state.extra.clone(),
            StateFound::Fresh | StateFound::Recovered { state: None, .. } => serde_json::Map::new(),
        };
        StateRecord {
            version: VERSION,
            generation,
            writer: Some(Writer { run: found.run.clone(), pid: found.pid }),
            written_at: now.wall,
            repo_id: found.repo.id.clone(),
            repo_path: found.repo.path.clone(),
            view: self.view.clone(),
            workstreams: self.workstreams.values().filter_map(|it| it.entry(now)).collect(),
            extra,
        }
    }

    /// What must be, whatever happened. Asserts stay on in releases: a machine that is wrong must not act.
    fn assert_invariants(&self) {
        for workstream in self.workstreams.values() {
            let is_past = match &workstream.phase {
                Phase::Creating { step, .. } | Phase::Broken { step, .. } => {
                    *step > crate::workstream::CreateStep::WritingIntent
                }
                Phase::Destroying { step, .. } => *step > crate::workstream::DestroyStep::WritingIntent,
                Phase::Merging { step, .. } => *step == crate::workstream::MergeStep::Moving,
                Phase::Rebasing { step, .. } => *step == crate::workstream::RebaseStep::Rebasing,
                Phase::Live | Phase::Changing { .. } | Phase::Pushing { .. } | Phase::Lost | Phase::Gone => {
                    false
                }
            };
            assert!(
                !is_past || workstream.has_intent,
                "R9: {} is past its intent without one",
                workstream.facts.id
            );
            assert!(
                workstream.waiting.is_none_or(|attempt| attempt.0 <= self.attempts),
                "R10: an attempt from nowhere"
            );
        }
        assert!(self.saving.durable <= self.saving.issued, "R2: durable before it was issued");
    }
}

fn settle<T, E>(
    outcome: Result<T, E>,
    ok: impl FnOnce(T) -> Answer,
    trouble: impl FnOnce(E) -> Trouble,
) -> Answer {
    match outcome {
        Ok(value) => ok(value),
        Err(error) => Answer::Trouble(trouble(error)),
    }
}

fn is_late(error: &EngineError) -> bool {
    matches!(error, EngineError::Unknown { .. })
}

fn git_trouble(error: GitError) -> Trouble {
    let text = error.to_string();
    match error {
        GitError::NoSuchRef { .. } => Trouble::Absent(text),
        GitError::BranchExists { .. }
        | GitError::Busy { .. }
        | GitError::WouldLose { .. }
        | GitError::Refused { .. } => Trouble::Conflict(text),
        GitError::Conflicts { .. } => Trouble::Clash(text),
        GitError::Failed { .. } => Trouble::Failed(text),
    }
}

fn engine_trouble(error: EngineError) -> Trouble {
    let text = error.to_string();
    match error {
        EngineError::Unreachable { .. } => Trouble::Failed(text),
        EngineError::Refused { .. } => Trouble::Refused(text),
        EngineError::Unknown { .. } => Trouble::Unknown(text),
        EngineError::NotFound { .. } => Trouble::Absent(text),
        EngineError::Conflict { .. } => Trouble::Conflict(text),
    }
}
