//! The wish to put a workstream's commits onto another base: judged here, done by the workstream.

use alloc::format;
use alloc::string::String;

use super::Machine;
use super::asks::refuse;
use crate::effect::{Effects, RefusalKind};
use crate::ids::{RequestId, WorkstreamId};
use crate::limits::REF_BYTES;
use crate::ports::RebaseWish;
use crate::time::Now;
use crate::workstream::Workstream;

impl Machine {
    pub(super) fn rebase(
        &mut self,
        now: Now,
        request: RequestId,
        id: &WorkstreamId,
        wish: RebaseWish,
    ) -> Effects {
        if let RebaseWish::Onto(Some(onto)) = &wish
            && (onto.is_empty() || onto.contains('\0') || onto.len() > REF_BYTES)
        {
            return refuse(request, RefusalKind::Usage, "what it shall stand on is no name of a commit");
        }
        let it = match self.with_commits(request, id) {
            Ok(it) => it,
            Err(refusal) => return refusal,
        };
        if wish == RebaseWish::Abort && it.open_rebase.is_none() {
            let text = format!("no rebase of `{}` was begun here, so none is taken back", it.facts.name);
            return refuse(request, RefusalKind::Conflict, &text);
        }
        it.asked_by.push(request);
        self.with(now, id, |it, around| it.rebase(wish, around))
    }

    /// Finishes a rebase that is half done, on the user's word.
    pub(super) fn finish_rebase(&mut self, now: Now, request: RequestId, id: &WorkstreamId) -> Effects {
        if let Some(it) = self.workstreams.get_mut(id) {
            it.asked_by.push(request);
        }
        self.forget_finding(id);
        self.with(now, id, Workstream::finish_rebase)
    }
}

/// What is in the way while what came of a rebase is not written down.
pub(super) fn half_a_rebase(it: &Workstream) -> Option<String> {
    let moving = it.basing.as_ref().filter(|_| it.has_half_a_rebase())?;
    let (name, target) = (&it.facts.name, &moving.target);
    Some(format!(
        "the rebase of `{name}` onto `{target}` is still written down; resume it to finish that first"
    ))
}
