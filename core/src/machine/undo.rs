//! Bringing back what was removed: a workstream again, with its files from the trash and a container made anew.

use alloc::format;

use super::Machine;
use super::asks::refuse;
use crate::effect::{Effects, RefusalKind};
use crate::ids::RequestId;
use crate::record::Facts;
use crate::time::Now;
use crate::workstream::{CreateStep, Phase, Workstream};

impl Machine {
    /// What its removal still waits for may land all the same: it has the name that the new container will have, and
    /// making that one meets it.
    pub(super) fn undo(&mut self, now: Now, request: RequestId, facts: Facts) -> Effects {
        if let Err((kind, text)) = self.may_undo(&facts) {
            return refuse(request, kind, &text);
        }
        let id = facts.id.clone();
        let phase = Phase::Creating { step: CreateStep::WritingIntent, retries: 0, is_cancelled: false };
        let mut workstream = Workstream::new(facts, phase, now.mono);
        workstream.is_made = true;
        workstream.is_from_trash = true;
        workstream.asked_by.push(request);
        if let Some(leaving) = self.workstreams.remove(&id) {
            workstream.unsettled_until = leaving.unsettled_until;
            workstream.has_intent = leaving.has_intent;
        }
        self.insert(workstream);
        self.with(now, &id, |it, around| it.create_from(CreateStep::WritingIntent, around))
    }

    fn may_undo(&self, facts: &Facts) -> Result<(), (RefusalKind, alloc::string::String)> {
        let name = &facts.name;
        let found = self.found.as_ref().expect("wishes are judged after the boot only");
        if facts.repo_id != found.repo.id {
            let text = format!("`{name}` is of another repository; go to {} for it", facts.repo_path);
            return Err((RefusalKind::Usage, text));
        }
        if facts.base.is_none() {
            return Err((
                RefusalKind::Conflict,
                format!("`{name}` was never made; nothing of it can come back"),
            ));
        }
        self.may_have_more()?;
        let Some(it) = self.workstreams.get(&facts.id) else { return Ok(()) };
        if it.settles_at().is_some() && !it.is_busy() {
            return Ok(());
        }
        let is_leaving = matches!(it.phase, Phase::Destroying { .. });
        let text = if is_leaving {
            format!("`{name}` is being removed just now; try again when that is done")
        } else {
            format!("`{name}` is there already")
        };
        Err((RefusalKind::Conflict, text))
    }
}
