//! The wish to push a workstream's commits: judged here, done by the workstream.

use alloc::string::{String, ToString};

use super::Machine;
use super::asks::refuse;
use crate::effect::{Effects, RefusalKind};
use crate::ids::{RequestId, WorkstreamId};
use crate::naming;
use crate::ports::PushWish;
use crate::time::Now;

impl Machine {
    pub(super) fn push(
        &mut self,
        now: Now,
        request: RequestId,
        id: &WorkstreamId,
        wish: PushWish,
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
            Some(_) => it.look_then_push(wish, around),
            None => it.push(wish, around),
        })
    }

    pub(super) fn cancel_push(&mut self, request: RequestId, id: &WorkstreamId) -> Effects {
        let cancelled = self.workstreams.get_mut(id).and_then(|it| it.cancel_push(request));
        cancelled
            .unwrap_or_else(|| refuse(request, RefusalKind::Conflict, "its commits are on their way already"))
    }
}

/// Both names become words of a command.
fn check(wish: &PushWish) -> Result<(), String> {
    if let Some(branch) = &wish.branch {
        naming::validate_branch(branch).map_err(|error| error.to_string())?;
    }
    match &wish.remote {
        // A remote's name is a part of the names of its references.
        Some(remote) => naming::validate_branch(remote)
            .map_err(|_| "a remote is named as `git remote` prints it, not by its address".to_string()),
        None => Ok(()),
    }
}
