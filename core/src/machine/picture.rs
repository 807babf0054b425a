//! The machine's picture for the screen: nothing here changes anything.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::Machine;
use super::merge::half_a_merge;
use super::rebase::half_a_rebase;
use crate::container::ContainerState;
use crate::record::OpenRebase;
use crate::snapshot::{Card, CardState, EngineState, Progress, Snapshot};
use crate::workstream::{
    CreateStep, DestroyStep, MergeStep, Phase, Pull, PushStep, RebaseStep, SessionState, Workstream,
};

impl Machine {
    /// The picture; `None` before the boot.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let found = self.found.as_ref()?;
        Some(Snapshot {
            repo_id: found.repo.id.clone(),
            repo_path: found.repo.path.clone(),
            access: found.access.clone(),
            previous: found.previous.clone(),
            engine: self.engine.state.clone(),
            degraded: self.saving.trouble.clone(),
            workstreams: self.cards(),
            view: self.view.clone(),
            shutdown: self.shutdown.state(),
            findings: self.findings.clone(),
            notices: found.warnings.iter().chain(&found.notices).cloned().collect(),
        })
    }

    fn cards(&self) -> Vec<Card> {
        let place = |id| self.view.order.iter().position(|other| other == id).unwrap_or(usize::MAX);
        let mut shown: Vec<&Workstream> = self.workstreams.values().filter(|it| !is_hidden(it)).collect();
        shown.sort_by_key(|it| (place(&it.facts.id), it.facts.id.clone()));
        shown.into_iter().map(|it| self.card(it)).collect()
    }

    fn card(&self, it: &Workstream) -> Card {
        let facts = &it.facts;
        Card {
            id: facts.id.clone(),
            name: facts.name.clone(),
            prompt: facts.prompt.clone(),
            branch: facts.branch.clone(),
            image: facts.image.clone(),
            worktree: facts.worktree.clone(),
            directory: facts.home.clone(),
            created_at: facts.created_at,
            state: self.card_state(it),
            progress: progress(it),
            reason: reason(it),
            container_id: it.container.clone(),
            container_state: it.observed.map(|(state, _)| state),
            exit: it.exit,
            agent: it.agent.clone(),
            is_attached: matches!(it.session, SessionState::Open(_)),
            is_recovered: it.is_recovered,
            rebase: it.open_rebase.clone(),
        }
    }

    fn card_state(&self, it: &Workstream) -> CardState {
        match &it.phase {
            Phase::Creating { .. } => CardState::Creating,
            Phase::Broken { .. } => CardState::Failed,
            Phase::Lost => CardState::Lost,
            Phase::Destroying { .. } | Phase::Gone => CardState::Removing,
            Phase::Live
            | Phase::Changing { .. }
            | Phase::Merging { .. }
            | Phase::Pushing { .. }
            | Phase::Rebasing { .. } => match (it.observed, &self.engine.state) {
                (None, _) | (_, EngineState::Down { .. } | EngineState::Unknown) => CardState::Unknown,
                (Some((ContainerState::Running | ContainerState::Restarting, _)), _) => CardState::Running,
                (Some((ContainerState::Paused, _)), _) => CardState::Paused,
                (
                    Some((
                        ContainerState::Created
                        | ContainerState::Removing
                        | ContainerState::Exited
                        | ContainerState::Dead,
                        _,
                    )),
                    _,
                ) => CardState::Stopped,
            },
        }
    }
}

/// One that is gone for the user and only waits for what may still land.
pub(super) fn is_hidden(it: &Workstream) -> bool {
    matches!(&it.phase, Phase::Destroying { step, stuck: None, .. } if *step >= DestroyStep::Settling)
}

fn progress(it: &Workstream) -> Option<Progress> {
    let (step, index, of) = match &it.phase {
        Phase::Creating { step, .. } => {
            // What is made for the first time is brought back from nowhere.
            let is_in = |other: &&CreateStep| it.is_from_trash || **other != CreateStep::RestoringWork;
            let mut steps = CreateStep::ALL.iter().filter(is_in);
            let of = steps.clone().count();
            let is_asking = *step == CreateStep::ResolvingBase && it.asks_remote;
            let text = if is_asking { "asking the remote for the base" } else { step.as_str() };
            (text, steps.position(|other| other == step)?, of)
        }
        Phase::Destroying { step, stuck: None, .. } => {
            (step.as_str(), DestroyStep::ALL.iter().position(|other| other == step)?, DestroyStep::ALL.len())
        }
        Phase::Changing { op, .. } => (op.as_str(), 0, 1),
        Phase::Merging { step, .. } => {
            (step.as_str(), MergeStep::ALL.iter().position(|other| other == step)?, MergeStep::ALL.len())
        }
        Phase::Pushing { step, .. } => {
            (step.as_str(), PushStep::ALL.iter().position(|other| other == step)?, PushStep::ALL.len())
        }
        Phase::Rebasing { step, .. } => {
            (step.as_str(), RebaseStep::ALL.iter().position(|other| other == step)?, RebaseStep::ALL.len())
        }
        Phase::Broken { .. } | Phase::Live | Phase::Lost | Phase::Destroying { .. } | Phase::Gone => {
            return None;
        }
    };
    let pull = if let Pull::Going(pull) = it.pull { Some(pull) } else { None };
    Some(Progress { step, index: index + 1, of, since: it.since, pull })
}

fn reason(it: &Workstream) -> Option<alloc::string::String> {
    match &it.phase {
        Phase::Broken { step, reason } => Some(alloc::format!("{}: {reason}", step.as_str())),
        Phase::Destroying { step, stuck: Some(reason), .. } => {
            Some(alloc::format!("{}: {reason}", step.as_str()))
        }
        Phase::Live | Phase::Lost if it.has_half_a_merge() => half_a_merge(it),
        Phase::Live | Phase::Lost if it.has_half_a_rebase() => half_a_rebase(it),
        Phase::Live if it.open_rebase.is_some() => it.open_rebase.as_ref().map(OpenRebase::text),
        Phase::Lost => Some("its container is gone; its worktree and branch are kept".to_string()),
        Phase::Creating { .. }
        | Phase::Live
        | Phase::Changing { .. }
        | Phase::Merging { .. }
        | Phase::Pushing { .. }
        | Phase::Rebasing { .. }
        | Phase::Destroying { .. }
        | Phase::Gone => it.last_trouble.clone(),
    }
}
