//! What the user wants: each wish is taken up, answered, or refused with the reason and what to do next.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Machine;
use super::merge::half_a_merge;
use super::picture::is_hidden;
use super::rebase::half_a_rebase;
use crate::canary::Canary;
use crate::container::ContainerState;
use crate::effect::{Done, Effect, Effects, Refusal, RefusalKind};
use crate::event::{Access, Ask, NewWorkstream, OnQuit};
use crate::ids::{RequestId, WorkstreamId};
use crate::limits::{PROMPT_BYTES, WORKSTREAMS};
use crate::naming;
use crate::places::Places;
use crate::ports::{Beginning, Fork, OnTaken};
use crate::record::{AgentCommand, Facts};
use crate::snapshot::EngineState;
use crate::time::Now;
use crate::workstream::{CreateStep, DestroyStep, LifeOp, Phase, Workstream};

impl Machine {
    pub(super) fn ask(&mut self, now: Now, request: RequestId, ask: Ask) -> Effects {
        let Some(found) = &self.found else {
            if matches!(ask, Ask::Quit { .. } | Ask::QuitNow) {
                self.quit_asked_by.push(request);
                return self.exit(now, true);
            }
            return refuse(request, RefusalKind::Failed, "ccells is still starting; try again");
        };
        if let (Access::ReadOnly { holder }, true) = (&found.access, changes_something(&ask))
            && !self.planted.is(Canary::LookerActs)
        {
            let text = format!("this repository is in use by {holder}; this one only looks");
            return refuse(request, RefusalKind::Conflict, &text);
        }
        if self.shutdown.has_begun() && !matches!(ask, Ask::Quit { .. } | Ask::QuitNow | Ask::Cancel(_)) {
            return refuse(request, RefusalKind::Conflict, "ccells is ending");
        }
        match ask {
            Ask::New(wanted) => self.begin_new(now, request, *wanted),
            Ask::View(view) => {
                self.saving.is_wanted |= self.view != view;
                self.view = view;
                done(request, "")
            }
            Ask::Quit { policy } => self.quit(now, request, policy),
            Ask::QuitNow if self.planted.is(Canary::SecondSignalWaits) => {
                self.quit(now, request, OnQuit::PauseAll)
            }
            Ask::QuitNow => {
                self.quit_asked_by.push(request);
                self.exit(now, false)
            }
            Ask::Cancel(id) if self.is_creating(&id) => self.cancel(now, request, &id),
            ask if !self.engine.was_heard || self.waits_for_mending(&ask) => {
                self.held_back.push((request, ask));
                Effects::none()
            }
            Ask::Cancel(id) => self.cancel(now, request, &id),
            Ask::Reconcile if !self.is_recovered => refuse(
                request,
                self.silence_kind(),
                "the engine does not answer, so nothing is finished or undone; try again when it does",
            ),
            Ask::Reconcile => {
                let mut effects = self.reconcile(now);
                effects.extend(done(request, ""));
                effects
            }
            Ask::Pause(id) => self.change(now, request, &id, pause),
            Ask::Stop(id) => self.change(now, request, &id, stop),
            Ask::Restart(id) => self.change(now, request, &id, restart),
            Ask::Resume(id) => self.resume(now, request, &id),
            Ask::Undo(facts) => self.undo(now, request, *facts),
            Ask::Merge { workstream, wish } => self.merge(now, request, &workstream, *wish),
            Ask::Push { workstream, wish } => self.push(now, request, &workstream, *wish),
            Ask::Rebase { workstream, wish } => self.rebase(now, request, &workstream, *wish),
            Ask::Remove { workstream, is_forced, keep_branch } => {
                self.remove(now, request, &workstream, is_forced, keep_branch)
            }
        }
    }

    /// Whether a wish is about a workstream whose entry in the index is being put right: that takes one write.
    fn waits_for_mending(&self, ask: &Ask) -> bool {
        let is_mending = |id| self.workstreams.get(id).is_some_and(Workstream::is_mending);
        match ask {
            Ask::Pause(id) | Ask::Resume(id) | Ask::Stop(id) | Ask::Restart(id) | Ask::Cancel(id) => {
                is_mending(id)
            }
            Ask::Remove { workstream, .. }
            | Ask::Merge { workstream, .. }
            | Ask::Push { workstream, .. }
            | Ask::Rebase { workstream, .. } => is_mending(workstream),
            Ask::Undo(facts) => is_mending(&facts.id),
            Ask::Reconcile => self.workstreams.values().any(Workstream::is_mending),
            Ask::New(_) | Ask::View(_) | Ask::Quit { .. } | Ask::QuitNow => false,
        }
    }

    /// What held wishes back is over: the engine was heard for the first time, be it as a failure, or the index was
    /// mended. They are judged now.
    pub(super) fn release_held_back(&mut self, now: Now) -> Effects {
        let mut effects = Effects::none();
        for (request, ask) in core::mem::take(&mut self.held_back) {
            if self.planted.is(Canary::HeldBackForgotten) {
                continue;
            }
            effects.extend(self.ask(now, request, ask));
        }
        effects
    }

    fn quit(&mut self, now: Now, request: RequestId, policy: OnQuit) -> Effects {
        self.quit_asked_by.push(request);
        if self.shutdown.has_begun() {
            return Effects::none();
        }
        self.shutdown.begin(now.mono, policy);
        let mut effects = self.refuse_held_back();
        effects.extend(self.abandon_pulls());
        effects
    }

    /// Wishes that were never judged are refused: the run is ending.
    pub(super) fn refuse_held_back(&mut self) -> Effects {
        let mut effects = Effects::none();
        for (request, _) in core::mem::take(&mut self.held_back) {
            effects.extend(refuse(request, RefusalKind::Failed, "ccells is ending"));
        }
        effects
    }

    fn cancel(&mut self, now: Now, request: RequestId, id: &WorkstreamId) -> Effects {
        let Some(it) = self.workstreams.get(id) else { return refuse_unknown(request, id) };
        if let Some(effects) = self.cancel_pull(request, id) {
            return effects;
        }
        if matches!(it.phase, Phase::Merging { .. }) {
            return self.cancel_merge(request, id);
        }
        if matches!(it.phase, Phase::Pushing { .. }) {
            return self.cancel_push(request, id);
        }
        match &it.phase {
            Phase::Rebasing { .. } => refuse(
                request,
                RefusalKind::Conflict,
                "its agent's git is at it; when it has stopped, `ccells rebase --abort` takes it back",
            ),
            Phase::Broken { .. } if it.is_busy() => {
                refuse(request, RefusalKind::Conflict, "its failure is being written down; try again")
            }
            Phase::Creating { .. } if self.planted.is(Canary::CancelForgets) => {
                let refusal =
                    Refusal { kind: RefusalKind::Failed, text: "cancelled".to_string(), work: None };
                let forgotten = self.workstreams.remove(id);
                let mut effects = forgotten.map_or(Effects::none(), |mut it| it.reply_all(&Err(refusal)));
                effects.extend(done(request, "cancelled"));
                effects
            }
            Phase::Creating { .. } | Phase::Broken { .. } if !it.is_made => {
                self.with(now, id, |it, around| it.cancel(request, around))
            }
            Phase::Creating { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Lost
            | Phase::Destroying { .. }
            | Phase::Gone => refuse(request, RefusalKind::Conflict, "it is made already; remove it instead"),
        }
    }

    fn is_creating(&self, id: &WorkstreamId) -> bool {
        self.workstreams.get(id).is_some_and(|it| matches!(it.phase, Phase::Creating { .. }))
    }

    fn change(
        &mut self,
        now: Now,
        request: RequestId,
        id: &WorkstreamId,
        judge: fn(&Workstream, ContainerState) -> Result<LifeOp, Verdict>,
    ) -> Effects {
        let silence = self.silence();
        let is_saved = self.is_saved() || self.planted.is(Canary::SoAlready);
        let is_frozen = self.planted.is(Canary::FrozenIsFrozen);
        let it = match self.ready(request, id) {
            Ok(it) => it,
            Err(refusal) => return refusal,
        };
        let (Phase::Live, Some((state, _))) = (&it.phase, it.observed) else {
            if let (Phase::Live, Some((kind, reason))) = (&it.phase, silence) {
                return refuse(request, kind, &reason);
            }
            let text = format!("`{}` has no container that we see; resume it first", it.facts.name);
            return refuse(request, RefusalKind::Conflict, &text);
        };
        it.was_paused_by_quit &= !is_frozen;
        match judge(it, state).or_else(|verdict| verdict.again_unless(is_saved)) {
            Ok(op) => {
                it.asked_by.push(request);
                self.forget_finding(id);
                self.with(now, id, |it, around| it.change(op, around))
            }
            Err(Verdict::Already(op)) => {
                self.forget_finding(id);
                done_with(request, id, &format!("{} already", op.result()))
            }
            Err(Verdict::Cannot(why)) => refuse(request, RefusalKind::Conflict, &why),
        }
    }

    fn resume(&mut self, now: Now, request: RequestId, id: &WorkstreamId) -> Effects {
        let it = match self.ready(request, id) {
            Ok(it) => it,
            Err(refusal) => return refusal,
        };
        if it.has_half_a_merge() {
            return self.finish_merge(now, request, id);
        }
        if it.has_half_a_rebase() {
            return self.finish_rebase(now, request, id);
        }
        let create_at = match &it.phase {
            Phase::Broken { step, .. } => Some(*step),
            Phase::Lost if it.facts.base.is_none() => {
                let text = format!(
                    "`{}` was found by its container alone; nothing is left to make another from",
                    it.facts.name
                );
                return refuse(request, RefusalKind::Conflict, &text);
            }
            Phase::Lost => Some(CreateStep::WritingIntent),
            Phase::Destroying { step, keep_branch, .. } => {
                let (step, keep_branch) = (*step, *keep_branch);
                it.asked_by.push(request);
                return self.with(now, id, |it, around| it.destroy_from(step, keep_branch, around));
            }
            Phase::Creating { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
            | Phase::Gone => None,
        };
        let Some(step) = create_at else {
            let judge = if self.planted.is(Canary::EndedIsFinal) { let_go_on } else { resume };
            return self.change(now, request, id, judge);
        };
        it.asked_by.push(request);
        self.forget_finding(id);
        self.with(now, id, |it, around| it.create_from(step, around))
    }

    fn remove(
        &mut self,
        now: Now,
        request: RequestId,
        id: &WorkstreamId,
        is_forced: bool,
        keep_branch: bool,
    ) -> Effects {
        let silence = matches!(self.engine.state, EngineState::Down { .. }).then(|| self.silence_kind());
        let is_forced = is_forced || self.planted.is(Canary::ForceIgnored);
        let it = match self.ready(request, id) {
            Ok(it) => it,
            Err(refusal) => return refusal,
        };
        if let Some(kind) = silence {
            return refuse(
                request,
                kind,
                "the engine does not answer, so nothing is removed; try again when it does",
            );
        }
        if let Some(why) = half_a_merge(it).or_else(|| half_a_rebase(it)) {
            return refuse(request, RefusalKind::Conflict, &why);
        }
        let step = match &it.phase {
            // The intent says what becomes of the branch: another word means another intent, while it matters.
            Phase::Destroying { step, keep_branch: said, .. }
                if *said != keep_branch && *step <= DestroyStep::RemovingWorktree =>
            {
                (*step).min(DestroyStep::WritingIntent)
            }
            Phase::Destroying { step, .. } => *step,
            Phase::Creating { .. }
            | Phase::Broken { .. }
            | Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. }
            | Phase::Lost
            | Phase::Gone => DestroyStep::Inspecting,
        };
        let step = if is_forced { step.max(DestroyStep::WritingIntent) } else { step };
        it.asked_by.push(request);
        self.with(now, id, |it, around| it.destroy_from(step, keep_branch, around))
    }

    /// The workstream, when it exists and nothing is being done to it.
    pub(super) fn ready(
        &mut self,
        request: RequestId,
        id: &WorkstreamId,
    ) -> Result<&mut Workstream, Effects> {
        let planted = self.planted;
        let Some(it) = self.workstreams.get_mut(id) else { return Err(refuse_unknown(request, id)) };
        if it.is_busy() && !planted.is(Canary::RemoveDuringCreate) {
            let text = format!("`{}` is being changed just now; try again when that is done", it.facts.name);
            return Err(refuse(request, RefusalKind::Conflict, &text));
        }
        Ok(it)
    }

    /// Why nothing can be done with the engine just now.
    pub(super) fn silence(&self) -> Option<(RefusalKind, String)> {
        match &self.engine.state {
            EngineState::Down { reason, .. } => {
                Some((self.silence_kind(), format!("{reason}; try again when the engine answers")))
            }
            EngineState::Unknown | EngineState::Up => None,
        }
    }

    /// A deadline that passed is told apart from an engine that is not there.
    fn silence_kind(&self) -> RefusalKind {
        if self.engine.is_late { RefusalKind::Timeout } else { RefusalKind::Failed }
    }

    pub(super) fn forget_finding(&mut self, id: &WorkstreamId) {
        self.findings.retain(|finding| finding.workstream != *id);
    }
}

/// New workstreams.
impl Machine {
    fn begin_new(&mut self, now: Now, request: RequestId, wanted: NewWorkstream) -> Effects {
        let asks_remotes = self.found.as_ref().is_some_and(|found| found.settings.asks_remotes);
        let include = wanted.include.clone();
        let fork = match wanted.from.as_ref().map(|id| self.fork_of(id)).transpose() {
            Ok(fork) => fork,
            Err((kind, text)) => return refuse(request, kind, &text),
        };
        let (on_taken, asks_remote) = (wanted.on_taken, asks_remotes && !wanted.is_offline);
        let (facts, is_branch_chosen) = match self.facts_of(now, wanted) {
            Ok(facts) => facts,
            Err((kind, text)) => return refuse(request, kind, &text),
        };
        let id = facts.id.clone();
        let step = CreateStep::ResolvingBase;
        let phase = Phase::Creating { step, retries: 0, is_cancelled: false };
        let mut workstream = Workstream::new(facts, phase, now.mono);
        let is_hasty = self.planted.is(Canary::AckBeforeDurable);
        if !is_hasty {
            workstream.asked_by.push(request);
        }
        workstream.is_branch_chosen = is_branch_chosen;
        (workstream.on_taken, workstream.asks_remote) = (on_taken, asks_remote);
        (workstream.include, workstream.fork) = (include, fork);
        self.view.order.push(id.clone());
        self.workstreams.insert(id.clone(), workstream);
        let mut effects = self.with(now, &id, |workstream, around| workstream.create_from(step, around));
        if is_hasty {
            effects.extend(done_with(request, &id, "running"));
        }
        effects
    }

    /// What another workstream would go on from.
    fn fork_of(&self, id: &WorkstreamId) -> Result<Fork, (RefusalKind, String)> {
        let Some(it) = self.workstreams.get(id) else {
            return Err((RefusalKind::NotFound, format!("there is no workstream {id}")));
        };
        let is_settled = matches!(it.phase, Phase::Live | Phase::Lost);
        let Some(plan) = it.facts.plan().filter(|_| is_settled) else {
            let text = format!(
                "`{}` is not at rest, so nothing goes on from it; try again when it is",
                it.facts.name
            );
            return Err((RefusalKind::Conflict, text));
        };
        let container = it.container.clone().filter(|_| it.is_running());
        Ok(Fork { plan, name: it.facts.name.clone(), container })
    }

    fn facts_of(&self, now: Now, wanted: NewWorkstream) -> Result<(Facts, bool), (RefusalKind, String)> {
        let found = self.found.as_ref().expect("wishes are judged after the boot only");
        self.may_begin(&wanted)?;
        let usage = |error: naming::NameError| (RefusalKind::Usage, error.to_string());
        let name = match wanted.name {
            Some(name) => {
                naming::validate_workstream_name(&name).map_err(usage)?;
                name
            }
            None => self.free_name(&naming::slug(&wanted.prompt)),
        };
        let is_branch_chosen = match wanted.on_taken {
            OnTaken::New => false,
            OnTaken::Refuse => wanted.branch.is_some(),
            OnTaken::Use | OnTaken::Recreate => true,
        };
        let branch = wanted
            .branch
            .unwrap_or_else(|| format!("{}{}", found.settings.branch_prefix, naming::slug(&name)));
        naming::validate_branch(&branch).map_err(usage)?;
        let places = Places::new(&found.home_path);
        let facts = Facts {
            branch,
            base_ref: wanted.base.or_else(|| {
                let from = wanted.from.as_ref().and_then(|id| self.workstreams.get(id));
                from.and_then(|from| from.facts.base_ref.clone())
            }),
            base: None,
            beginning: Beginning::default(),
            repo_id: found.repo.id.clone(),
            repo_path: found.repo.path.clone(),
            git_dir: found.repo.git_dir.clone(),
            objects: found.repo.objects.clone(),
            worktree: places.worktree(&found.repo.id, &wanted.id),
            home: places.workstream(&wanted.id),
            container_name: naming::container_name(&found.repo.slug, &wanted.id),
            image: wanted.image.unwrap_or_else(|| found.settings.image.clone()),
            agent: agent_command(&found.settings.agent, wanted.argv, &wanted.prompt, wanted.session_id),
            owner: found.owner,
            limits: found.settings.limits,
            created_at: now.wall,
            prompt: wanted.prompt,
            id: wanted.id,
            name,
        };
        Ok((facts, is_branch_chosen))
    }

    /// Whether one more can be begun at all.
    pub(super) fn may_have_more(&self) -> Result<(), (RefusalKind, String)> {
        if self.workstreams.len() >= WORKSTREAMS {
            let text = format!("this repository has {WORKSTREAMS} workstreams already; remove some first");
            return Err((RefusalKind::Conflict, text));
        }
        if let Some(reason) = &self.saving.trouble {
            return Err((
                RefusalKind::Failed,
                format!("nothing new is begun while the state cannot be saved: {reason}"),
            ));
        }
        if let Some(silence) = self.silence() {
            return Err(silence);
        }
        Ok(())
    }

    fn may_begin(&self, wanted: &NewWorkstream) -> Result<(), (RefusalKind, String)> {
        self.may_have_more()?;
        if wanted.prompt.len() > PROMPT_BYTES {
            let text = format!("the prompt has {} bytes; at most {PROMPT_BYTES} fit", wanted.prompt.len());
            return Err((RefusalKind::Usage, text));
        }
        let is_same = |it: &&Workstream| has_name(it, wanted.name.as_deref()) || it.facts.id == wanted.id;
        if let Some(same) = self.workstreams.values().find(is_same) {
            return Err((
                RefusalKind::Conflict,
                format!("a workstream named `{}` exists already", same.facts.name),
            ));
        }
        Ok(())
    }

    fn free_name(&self, wish: &str) -> String {
        let is_taken = |name: &str| self.workstreams.values().any(|it| has_name(it, Some(name)));
        naming::unique(wish, is_taken).unwrap_or_else(|| wish.to_string())
    }
}

/// One that is gone as far as the user can see has no name that anybody could miss.
fn has_name(it: &Workstream, name: Option<&str>) -> bool {
    Some(it.facts.name.as_str()) == name && !is_hidden(it)
}

/// The agent's command with the prompt and the name of its conversation put in.
fn agent_command(
    template: &AgentCommand,
    argv: Option<Vec<String>>,
    prompt: &str,
    session_id: String,
) -> AgentCommand {
    let fill = |words: &[String]| -> Vec<String> {
        let words = words.iter().filter(|word| !(prompt.is_empty() && word.as_str() == "{prompt}"));
        words.map(|word| word.replace("{session}", &session_id).replace("{prompt}", prompt)).collect()
    };
    match argv {
        Some(argv) => AgentCommand { argv, resume_argv: Vec::new(), env: template.env.clone(), session_id },
        None => AgentCommand {
            argv: fill(&template.argv),
            resume_argv: fill(&template.resume_argv),
            env: template.env.clone(),
            session_id,
        },
    }
}

/// Why a change is not begun.
enum Verdict {
    Already(LifeOp),
    Cannot(String),
}

impl Verdict {
    /// What is so already is done once more while the disk may not say so: it is answered when the disk does.
    fn again_unless(self, is_saved: bool) -> Result<LifeOp, Self> {
        match self {
            Self::Already(op) if !is_saved => Ok(op),
            Self::Already(_) | Self::Cannot(_) => Err(self),
        }
    }
}

fn cannot(it: &Workstream, state: ContainerState, what: &str) -> Verdict {
    Verdict::Cannot(format!("`{}` is {state}; it cannot be {what}", it.facts.name))
}

fn pause(it: &Workstream, state: ContainerState) -> Result<LifeOp, Verdict> {
    match state {
        ContainerState::Running => Ok(LifeOp::Pause),
        // Frozen by the last quit: the next start would let it go on, and the user wants it to stay.
        ContainerState::Paused if it.was_paused_by_quit => Ok(LifeOp::Pause),
        ContainerState::Paused => Err(Verdict::Already(LifeOp::Pause)),
        ContainerState::Created
        | ContainerState::Restarting
        | ContainerState::Removing
        | ContainerState::Exited
        | ContainerState::Dead => Err(cannot(it, state, "paused")),
    }
}

fn stop(it: &Workstream, state: ContainerState) -> Result<LifeOp, Verdict> {
    match state {
        ContainerState::Running | ContainerState::Paused | ContainerState::Restarting => Ok(LifeOp::Stop),
        // It ended by itself; that the user wants it so is still to be written down.
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead
            if !it.was_stopped_by_user =>
        {
            Ok(LifeOp::Stop)
        }
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead => {
            Err(Verdict::Already(LifeOp::Stop))
        }
        ContainerState::Removing => Err(cannot(it, state, "stopped")),
    }
}

fn restart(it: &Workstream, state: ContainerState) -> Result<LifeOp, Verdict> {
    match state {
        ContainerState::Running => Ok(LifeOp::RestartAgent),
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead => Ok(LifeOp::Start),
        ContainerState::Paused | ContainerState::Restarting | ContainerState::Removing => {
            Err(cannot(it, state, "restarted before it is resumed"))
        }
    }
}

fn resume(it: &Workstream, state: ContainerState) -> Result<LifeOp, Verdict> {
    match state {
        ContainerState::Paused => Ok(LifeOp::Unpause),
        ContainerState::Created | ContainerState::Exited | ContainerState::Dead => Ok(LifeOp::Start),
        ContainerState::Running | ContainerState::Restarting => Err(Verdict::Already(LifeOp::Unpause)),
        ContainerState::Removing => Err(cannot(it, state, "resumed")),
    }
}

/// The mistake of letting only what is frozen go on.
fn let_go_on(it: &Workstream, state: ContainerState) -> Result<LifeOp, Verdict> {
    if state.has_processes() { resume(it, state) } else { Err(cannot(it, state, "resumed")) }
}

fn changes_something(ask: &Ask) -> bool {
    match ask {
        Ask::New(_)
        | Ask::Pause(_)
        | Ask::Resume(_)
        | Ask::Stop(_)
        | Ask::Restart(_)
        | Ask::Remove { .. }
        | Ask::Undo(_)
        | Ask::Merge { .. }
        | Ask::Push { .. }
        | Ask::Rebase { .. }
        | Ask::Cancel(_)
        | Ask::Reconcile => true,
        Ask::View(_) | Ask::Quit { .. } | Ask::QuitNow => false,
    }
}

fn done(request: RequestId, note: &str) -> Effects {
    Effects::from(Effect::Reply { request, outcome: Ok(Done { workstream: None, note: note.to_string() }) })
}

fn done_with(request: RequestId, id: &WorkstreamId, note: &str) -> Effects {
    let done = Done { workstream: Some(id.clone()), note: note.to_string() };
    Effects::from(Effect::Reply { request, outcome: Ok(done) })
}

pub(super) fn refuse(request: RequestId, kind: RefusalKind, text: &str) -> Effects {
    Effects::from(Effect::Reply {
        request,
        outcome: Err(Refusal { kind, text: text.to_string(), work: None }),
    })
}

fn refuse_unknown(request: RequestId, id: &WorkstreamId) -> Effects {
    refuse(request, RefusalKind::NotFound, &format!("there is no workstream {id}"))
}
