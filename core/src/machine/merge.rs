//! The wish to bring a workstream's commits home: judged here, done by the workstream.

use alloc::format;
use alloc::string::{String, ToString};

use super::Machine;
use super::asks::refuse;
use super::rebase::half_a_rebase;
use crate::container::ContainerState;
use crate::effect::{Effects, RefusalKind};
use crate::ids::{RequestId, WorkstreamId};
use crate::limits::MERGE_MESSAGE_BYTES;
use crate::naming;
use crate::ports::MergeWish;
use crate::time::Now;
use crate::workstream::{Phase, Workstream};

impl Machine {
    pub(super) fn merge(
        &mut self,
        now: Now,
        request: RequestId,
        id: &WorkstreamId,
        wish: MergeWish,
    ) -> Effects {
        if let Err(text) = check(&wish) {
            return refuse(request, RefusalKind::Usage, &text);
        }
        let it = match self.with_commits(request, id) {
            Ok(it) => it,
            Err(refusal) => return refusal,
        };
        it.asked_by.push(request);
        self.with(now, id, |it, around| match it.open_rebase {
            Some(_) => it.look_then_merge(wish, around),
            None => it.merge(wish, around),
        })
    }

    /// The workstream, if its commits can be had: nothing is being done to it, and it runs in an engine that answers.
    pub(super) fn with_commits(
        &mut self,
        request: RequestId,
        id: &WorkstreamId,
    ) -> Result<&mut Workstream, Effects> {
        let silence = self.silence();
        let it = self.ready(request, id)?;
        if let Some((kind, reason)) = silence {
            return Err(refuse(request, kind, &reason));
        }
        match why_not(it) {
            None => Ok(it),
            Some(why) => Err(refuse(request, RefusalKind::Conflict, &why)),
        }
    }

    pub(super) fn cancel_merge(&mut self, request: RequestId, id: &WorkstreamId) -> Effects {
        let cancelled = self.workstreams.get_mut(id).and_then(|it| it.cancel_merge(request));
        cancelled.unwrap_or_else(|| refuse(request, RefusalKind::Conflict, "its branch is moving already"))
    }

    /// Finishes a merge that is half done, on the user's word.
    pub(super) fn finish_merge(&mut self, now: Now, request: RequestId, id: &WorkstreamId) -> Effects {
        if let Some(it) = self.workstreams.get_mut(id) {
            it.asked_by.push(request);
        }
        self.forget_finding(id);
        self.with(now, id, Workstream::finish_merge)
    }
}

fn check(wish: &MergeWish) -> Result<(), String> {
    if let Some(branch) = &wish.onto {
        naming::validate_branch(branch).map_err(|error| error.to_string())?;
    }
    match &wish.message {
        Some(message) if message.trim().is_empty() => Err("the message is empty".to_string()),
        Some(message) if message.len() > MERGE_MESSAGE_BYTES => {
            Err(format!("the message has {} bytes; at most {MERGE_MESSAGE_BYTES} fit", message.len()))
        }
        Some(_) | None => Ok(()),
    }
}

/// Why its commits cannot be had, or moved, just now.
fn why_not(it: &Workstream) -> Option<String> {
    let name = &it.facts.name;
    if let Some(half) = half_a_merge(it).or_else(|| half_a_rebase(it)) {
        return Some(half);
    }
    if it.facts.base.is_none() {
        return Some(format!("`{name}` was found by its container alone; nobody knows what it began with"));
    }
    match (&it.phase, it.observed, &it.container) {
        (Phase::Live, Some((ContainerState::Running, _)), Some(_)) => None,
        (Phase::Live | Phase::Lost, _, _) => {
            Some(format!("`{name}` does not run, and its commits come out of its container; resume it first"))
        }
        _ => Some(format!("`{name}` is not made yet; it has no commits")),
    }
}

/// What is in the way while a merge is half done.
pub(super) fn half_a_merge(it: &Workstream) -> Option<String> {
    if !it.has_half_a_merge() {
        return None;
    }
    let name = &it.facts.name;
    Some(match &it.moving {
        Some(moving) => {
            let branch = &moving.branch;
            format!("the merge of `{name}` into `{branch}` is not finished; resume it to finish that first")
        }
        None => {
            format!("a merge of `{name}` is over and is still written down; resume it to take that back")
        }
    })
}
