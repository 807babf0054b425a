//! The start: from what was on disk, and then from what the engine shows, to workstreams that go on.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Machine;
use crate::canary::Canary;
use crate::container::{ContainerLimits, ContainerState, Observed};
use crate::effect::{Effect, Effects, Level};
use crate::event::{Found, Previous, Purpose, StateFound};
use crate::ids::WorkstreamId;
use crate::limits::LATE_MS;
use crate::places::Places;
use crate::ports::Beginning;
use crate::record::{AgentCommand, Facts, Intent, Operation, StateEntry};
use crate::recovery::{self, Evidence, Seen, Verdict};
use crate::snapshot::Finding;
use crate::time::{Mono, Now, Wall};
use crate::workstream::{CreateStep, DestroyStep, LifeOp, Phase, Workstream};

impl Machine {
    pub(super) fn boot(&mut self, now: Now, mut found: Found) -> Effects {
        assert!(self.found.is_none(), "a run boots once");
        self.began_at = now.mono;
        let is_damaged = matches!(found.state, StateFound::Recovered { .. });
        if is_damaged && self.planted.is(Canary::CorruptIsEmpty) {
            (found.state, found.facts, self.saving.is_wanted) = (StateFound::Fresh, Vec::new(), true);
        }
        let state = match &found.state {
            StateFound::Read(state) => Some((**state).clone()),
            StateFound::Recovered { state, .. } => state.as_deref().cloned(),
            StateFound::Fresh => None,
        };
        if let Some(state) = state {
            self.view = state.view;
            self.saving.issued = state.generation;
            self.saving.durable = state.generation;
            for entry in state.workstreams {
                self.restore_entry(now, entry);
            }
        }
        for intent in &found.intents {
            self.restore_intent(now, intent);
        }
        // What was recovered is not known to the file any more: it is written anew.
        self.saving.is_wanted |= is_damaged;
        for facts in &found.facts {
            if !self.workstreams.contains_key(&facts.id) {
                self.saving.is_wanted = true;
                let workstream = Workstream::new(facts.clone(), Phase::Live, now.mono);
                self.insert(Workstream { is_made: true, ..workstream });
            }
        }
        for (id, container) in &found.tracked {
            if let Some(workstream) = self.workstreams.get_mut(id) {
                workstream.tracked = Some(container.clone());
            }
        }
        self.engine.is_stale = true;
        let said: Vec<String> = found.warnings.iter().chain(&found.notices).cloned().collect();
        self.found = Some(found);
        let mut effects = Effects::none();
        for text in said {
            effects.push(Effect::Notify { level: Level::Warning, text });
        }
        effects
    }

    pub(super) fn insert(&mut self, workstream: Workstream) {
        let id = workstream.facts.id.clone();
        if !self.view.order.contains(&id) {
            self.view.order.push(id.clone());
        }
        self.workstreams.insert(id, workstream);
    }

    fn restore_entry(&mut self, now: Now, entry: StateEntry) {
        let mut workstream = Workstream::new(entry.facts, Phase::Live, now.mono);
        workstream.container = entry.container_id;
        workstream.was_paused_by_quit = entry.was_paused_by_quit;
        workstream.was_stopped_by_user = entry.was_stopped_by_user;
        workstream.unsettled_until = entry.unsettled_since.map(|since| settled_by(since, now));
        workstream.rebase_lands_until =
            entry.rebase.as_ref().map_or(Mono(0), |it| settled_by(it.begun_at, now));
        workstream.open_rebase = entry.rebase;
        workstream.extra = entry.extra;
        workstream.is_made = true;
        self.insert(workstream);
    }

    /// An operation that was interrupted: nothing is done about it before the engine was heard.
    fn restore_intent(&mut self, now: Now, intent: &Intent) {
        let interrupted = "interrupted by a crash".to_string();
        let phase = match intent.operation {
            Operation::Restore { .. } => {
                let reason = intent.reason.clone().unwrap_or(interrupted);
                Phase::Broken { step: CreateStep::RestoringWork, reason }
            }
            Operation::Merge | Operation::Rebase => Phase::Live,
            Operation::Create => {
                let reason = intent.reason.clone().unwrap_or(interrupted);
                Phase::Broken { step: CreateStep::PinningBase, reason }
            }
            Operation::Destroy { keep_branch, is_settling, .. } => {
                let step = if is_settling { DestroyStep::Settling } else { DestroyStep::Freezing };
                Phase::Destroying { step, keep_branch, stuck: (!is_settling).then_some(interrupted) }
            }
        };
        let mut workstream = match self.workstreams.remove(&intent.workstream.id) {
            Some(known) => Workstream { phase, ..known },
            None => Workstream::new(intent.workstream.clone(), phase, now.mono),
        };
        workstream.has_intent = true;
        workstream.is_from_trash = matches!(intent.operation, Operation::Restore { .. });
        let is_of_what_is_made = matches!(intent.operation, Operation::Merge | Operation::Rebase);
        workstream.is_made |= workstream.is_from_trash || is_of_what_is_made;
        workstream.moving.clone_from(&intent.moving);
        workstream.basing.clone_from(&intent.basing);
        workstream.note_open_rebase(now);
        workstream.unsettled_until = workstream.unsettled_until.max(may_land_until(intent, now));
        self.insert(workstream);
    }

    /// The engine was heard: decide about everything that the start found.
    pub(super) fn recover(&mut self, now: Now) -> Effects {
        if self.shutdown.has_begun() || core::mem::replace(&mut self.is_recovered, true) {
            return Effects::none();
        }
        let verdicts: Vec<_> =
            self.workstreams.values().map(|it| (it.facts.id.clone(), self.verdict(it))).collect();
        self.findings = verdicts
            .iter()
            .filter(|(id, verdict)| self.is_worth_telling(id, *verdict))
            .map(|(workstream, verdict)| Finding { workstream: workstream.clone(), verdict: *verdict })
            .collect();
        let mut effects = Effects::none();
        if self.purpose() == Purpose::Interactive && self.is_writer() {
            for (id, verdict) in verdicts {
                effects.extend(self.take_up(now, &id, verdict));
            }
        }
        effects
    }

    fn verdict(&self, it: &Workstream) -> Verdict {
        let verdict = self.decide(it);
        let is_frozen = matches!(it.observed, Some((ContainerState::Paused, _)));
        let is_planted = is_frozen && self.planted.is(Canary::ResumesPaused);
        if is_planted && verdict == Verdict::OfferResume { Verdict::LetGoOn } else { verdict }
    }

    fn decide(&self, it: &Workstream) -> Verdict {
        let found = self.found.as_ref();
        let operation = match &it.phase {
            Phase::Broken { .. } if it.is_from_trash => Some(Operation::Restore { unsettled_since: None }),
            Phase::Broken { .. } => Some(Operation::Create),
            Phase::Destroying { keep_branch, .. } => Some(Operation::Destroy {
                keep_branch: *keep_branch,
                unsettled_since: None,
                is_settling: false,
            }),
            _ if it.has_half_a_merge() => Some(Operation::Merge),
            _ if it.has_half_a_rebase() => Some(Operation::Rebase),
            Phase::Creating { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
            | Phase::Lost
            | Phase::Gone => None,
        };
        recovery::decide(&Evidence {
            operation,
            is_recorded: true,
            has_worktree: found.is_some_and(|found| found.worktrees.contains(&it.facts.id)),
            container: it.observed.map_or(Seen::Absent, |(state, _)| Seen::Present(state)),
            was_paused_by_quit: it.was_paused_by_quit,
            was_stopped_by_user: it.was_stopped_by_user,
        })
    }

    fn is_worth_telling(&self, id: &WorkstreamId, verdict: Verdict) -> bool {
        let has_crashed = self.found.as_ref().is_some_and(|found| found.previous != Previous::Clean);
        let is_busy = self.workstreams.get(id).is_none_or(Workstream::is_busy);
        let was_stopped = self.workstreams.get(id).is_some_and(|it| it.was_stopped_by_user);
        match verdict {
            Verdict::Wait | Verdict::Forget => false,
            Verdict::FinishRemoval if self.is_settling(id) => false,
            Verdict::Adopt | Verdict::LetGoOn => has_crashed && !is_busy,
            Verdict::OfferResume => !was_stopped || has_crashed,
            // What failed in this very run was told when it failed, and is its user's to try again or to discard.
            Verdict::OfferRetry | Verdict::RollForward => !is_busy && self.was_interrupted(id),
            Verdict::OfferRecreate
            | Verdict::FinishMerge
            | Verdict::FinishRebase
            | Verdict::FinishRemoval => !is_busy,
        }
    }

    /// Whether the start found something of it begun.
    fn was_interrupted(&self, id: &WorkstreamId) -> bool {
        self.found
            .as_ref()
            .is_some_and(|found| found.intents.iter().any(|intent| intent.workstream.id == *id))
    }

    /// Whether all is done but the wait for what may still land.
    fn is_settling(&self, id: &WorkstreamId) -> bool {
        self.workstreams.get(id).is_some_and(|it| it.settles_at().is_some())
    }

    /// Does what needs no question. Everything else waits for the user.
    pub(super) fn take_up(&mut self, now: Now, id: &WorkstreamId, verdict: Verdict) -> Effects {
        if self.workstreams.get(id).is_none_or(Workstream::is_busy) {
            return Effects::none();
        }
        match verdict {
            Verdict::LetGoOn => self.with(now, id, |it, around| it.change(LifeOp::Unpause, around)),
            Verdict::Adopt if self.planted.is(Canary::StopsAtStart) => {
                self.with(now, id, |it, around| it.change(LifeOp::Stop, around))
            }
            Verdict::OfferResume if self.planted.is(Canary::StartsStopped) => {
                self.with(now, id, |it, around| it.change(LifeOp::Start, around))
            }
            Verdict::RollForward => self.with(now, id, |it, around| it.create_from(it.first_step(), around)),
            Verdict::FinishMerge => self.with(now, id, Workstream::finish_merge),
            Verdict::FinishRebase => self.with(now, id, Workstream::finish_rebase),
            Verdict::FinishRemoval if self.is_settling(id) => Effects::none(),
            Verdict::FinishRemoval if self.may_delete() => self.with(now, id, |it, around| match it.phase {
                Phase::Destroying { step, keep_branch, .. } => it.destroy_from(step, keep_branch, around),
                Phase::Creating { .. }
                | Phase::Broken { .. }
                | Phase::Live
                | Phase::Changing { .. }
                | Phase::Merging { .. }
                | Phase::Pushing { .. }
                | Phase::Rebasing { .. }
                | Phase::Lost
                | Phase::Gone => Effects::none(),
            }),
            Verdict::Wait
            | Verdict::Adopt
            | Verdict::OfferResume
            | Verdict::OfferRecreate
            | Verdict::OfferRetry
            | Verdict::FinishRemoval
            | Verdict::Forget => Effects::none(),
        }
    }

    /// A run that could not read everything deletes nothing of its own accord. What lands late of a removal that was
    /// acknowledged is another matter: its intent was read, nothing else is left of it, and its user was told so.
    pub(super) fn may_delete(&self) -> bool {
        if self.planted.is(Canary::CarefulRunDeletes) {
            return true;
        }
        self.found.as_ref().is_some_and(Found::may_delete)
    }

    /// Finishes or undoes, by their defaults, what a crash interrupted.
    pub(super) fn reconcile(&mut self, now: Now) -> Effects {
        let mut effects = Effects::none();
        for finding in self.findings.clone() {
            let id = finding.workstream;
            // Much may have happened since it was found.
            let Some(verdict) = self.workstreams.get(&id).map(|it| self.verdict(it)) else { continue };
            let done = match verdict {
                Verdict::OfferRetry if self.may_delete() => self.with(now, &id, |it, around| {
                    // One that was made is not unmade because a second making of its container was interrupted.
                    if it.is_busy() || it.is_made {
                        Effects::none()
                    } else {
                        it.destroy_from(DestroyStep::Inspecting, false, around)
                    }
                }),
                verdict @ (Verdict::Wait
                | Verdict::Adopt
                | Verdict::LetGoOn
                | Verdict::OfferResume
                | Verdict::OfferRecreate
                | Verdict::RollForward
                | Verdict::OfferRetry
                | Verdict::FinishMerge
                | Verdict::FinishRebase
                | Verdict::FinishRemoval
                | Verdict::Forget) => self.take_up(now, &id, verdict),
            };
            if done != Effects::none() {
                self.forget_finding(&id);
            }
            effects.extend(done);
        }
        effects
    }

    /// A container of ours that nothing on disk speaks of. It may hold work: it is adopted, never removed.
    pub(super) fn adopt_stranger(&mut self, now: Now, requested_at: Mono, seen: &Observed) -> Effects {
        let was_removed_since =
            self.removed.get(&seen.labels.workstream).is_some_and(|removed_at| requested_at < *removed_at);
        let Some(found) = self.found.as_ref().filter(|_| !was_removed_since) else { return Effects::none() };
        if self.planted.is(Canary::ReapUnknown) {
            let (workstream, home) = (seen.labels.workstream.clone(), found.home.clone());
            let (attempt, name) = (crate::ids::Attempt(0), seen.name.clone());
            return Effects::from(Effect::RemoveContainer { workstream, attempt, home, name });
        }
        let mut workstream = Workstream::new(stranger(found, seen, now.wall), Phase::Live, now.mono);
        workstream.is_recovered = true;
        workstream.is_made = true;
        workstream.seen(seen, requested_at);
        self.insert(workstream);
        self.saving.is_wanted |= self.purpose() != Purpose::Verb;
        let text = format!("found container {}, which no file knows of; its workstream is back", seen.name);
        if !self.is_writer() {
            // What another run makes is news to one that only looks, and nothing is wrong with it.
            return Effects::none();
        }
        Effects::from(Effect::Notify { level: Level::Warning, text })
    }
}

/// How long a container may still appear that the dead run asked for.
fn may_land_until(intent: &Intent, now: Now) -> Option<Mono> {
    match intent.operation {
        Operation::Create | Operation::Restore { .. } => Some(now.mono.after(LATE_MS)),
        Operation::Merge | Operation::Rebase => None,
        Operation::Destroy { unsettled_since, .. } => unsettled_since.map(|since| settled_by(since, now)),
    }
}

/// Until when something may still appear that was asked for at `since`. A clock that jumped makes the wait too short at
/// worst, and then what appears is adopted.
fn settled_by(since: Wall, now: Now) -> Mono {
    let age = now.wall.0.saturating_sub(since.0);
    now.mono.after(LATE_MS.saturating_sub(age))
}

/// What the labels of a container still tell of its workstream.
fn stranger(found: &Found, seen: &Observed, now: Wall) -> Facts {
    let id = seen.labels.workstream.clone();
    let places = Places::new(&found.home_path);
    Facts {
        name: format!("recovered-{}", id.short()),
        prompt: String::new(),
        branch: seen.labels.branch.clone(),
        base_ref: None,
        base: None,
        beginning: Beginning::default(),
        repo_id: found.repo.id.clone(),
        repo_path: found.repo.path.clone(),
        git_dir: found.repo.git_dir.clone(),
        objects: found.repo.objects.clone(),
        worktree: places.worktree(&found.repo.id, &id),
        home: places.workstream(&id),
        container_name: seen.name.clone(),
        image: found.settings.image.clone(),
        agent: AgentCommand::default(),
        owner: found.owner,
        limits: ContainerLimits::default(),
        created_at: now,
        id,
    }
}
