//! The end of a run, one phase after the other: what is in flight is waited for, the agents are frozen or left to work,
//! what came of it is written down, and everybody who waits is answered.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::Machine;
use crate::canary::Canary;
use crate::effect::{Done, Effect, Effects, Refusal, RefusalKind};
use crate::event::OnQuit;
use crate::ids::WorkstreamId;
use crate::shutdown::{Phase as Ending, ShutdownOutcome};
use crate::time::Now;
use crate::workstream::{LifeOp, Phase, Workstream};

impl Machine {
    /// The end of the run, one phase after the other.
    pub(super) fn tend_shutdown(&mut self, now: Now) -> Effects {
        let is_over = self.shutdown.deadline().is_some_and(|until| until <= now.mono)
            && !self.planted.is(Canary::QuitWithoutDeadline);
        let is_saved = self.is_saved() || self.planted.is(Canary::QuitDoesNotSave);
        match self.shutdown.phase() {
            Ending::Open | Ending::Done => Effects::none(),
            Ending::Draining { .. } => {
                let is_idle = !self.workstreams.values().any(Workstream::is_busy);
                if is_idle && self.mark_running() && !is_over {
                    self.saving.is_wanted = true;
                    return Effects::none();
                }
                if is_over || (is_idle && is_saved) { self.begin_pausing(now) } else { Effects::none() }
            }
            Ending::Pausing { .. } => {
                let is_idle = !self.workstreams.values().any(|it| it.waiting.is_some());
                if !is_over && !is_idle {
                    return Effects::none();
                }
                self.shutdown.begin_recording();
                self.saving.is_wanted |= self.shutdown.policy() == OnQuit::PauseAll && self.is_writer();
                if self.saving.is_wanted { Effects::none() } else { self.tend_shutdown(now) }
            }
            Ending::Recording { .. } if is_over || is_saved => self.exit(now, self.shutdown.is_complete()),
            Ending::Recording { .. } => Effects::none(),
        }
    }

    /// Marks what our quit is about to freeze. Says whether anything was not marked before: then that has to be
    /// durable first.
    fn mark_running(&mut self) -> bool {
        let mut is_news = false;
        let is_told = !self.planted.is(Canary::QuitDoesNotRecord);
        if self.shutdown.policy() == OnQuit::PauseAll && self.is_writer() && is_told {
            for it in self.workstreams.values_mut().filter(|it| it.is_running() && it.phase == Phase::Live) {
                is_news |= !core::mem::replace(&mut it.was_paused_by_quit, true);
            }
        }
        is_news
    }

    fn begin_pausing(&mut self, now: Now) -> Effects {
        let may_freeze = (self.is_writer() || self.planted.is(Canary::QuitPausesAll))
            && !self.planted.is(Canary::QuitPausesNothing);
        let running: Vec<_> = self
            .workstreams
            .values()
            .filter(|it| it.is_running() && it.phase == Phase::Live && may_freeze)
            .map(|it| it.facts.id.clone())
            .collect();
        self.shutdown.begin_pausing(now.mono, &running);
        let mut effects = Effects::none();
        if self.shutdown.policy() == OnQuit::PauseAll {
            for id in &running {
                effects.extend(
                    self.with(now, id, |workstream, around| workstream.change(LifeOp::Pause, around)),
                );
            }
        }
        effects.extend(self.tend_shutdown(now));
        effects
    }

    /// Takes note of what became of a container that was to be frozen at the end.
    pub(super) fn note_pause(&mut self, id: &WorkstreamId) {
        if !matches!(self.shutdown.phase(), Ending::Pausing { .. }) {
            return;
        }
        let Some(workstream) = self.workstreams.get(id) else { return };
        let outcome = match (&workstream.phase, workstream.last_trouble.clone()) {
            (
                Phase::Changing { is_recording: false, .. }
                | Phase::Merging { .. }
                | Phase::Pushing { .. }
                | Phase::Rebasing { .. },
                _,
            ) => return,
            (_, Some(trouble)) if workstream.is_running() => ShutdownOutcome::Failed(trouble),
            (_, _) => ShutdownOutcome::Paused,
        };
        self.shutdown.record(id, outcome);
    }

    /// Everybody who waits is answered, and the process is told to end.
    pub(super) fn exit(&mut self, now: Now, is_complete: bool) -> Effects {
        let mut effects = Effects::none();
        for request in core::mem::take(&mut self.quit_asked_by) {
            effects.push(Effect::Reply {
                request,
                outcome: Ok(Done { workstream: None, note: "ended".to_string() }),
            });
        }
        for id in self.ids() {
            effects.extend(self.with(now, &id, |workstream, _| {
                let is_push = matches!(workstream.phase, Phase::Pushing { .. });
                let next = if is_push { "push again" } else { "the next start takes it up" };
                let text = alloc::format!("ccells ended first; {next}");
                workstream.reply_all(&Err(Refusal { kind: RefusalKind::Timeout, text, work: None }))
            }));
        }
        effects.extend(self.refuse_held_back());
        self.shutdown.finish();
        effects.push(Effect::Exit { is_complete });
        effects
    }
}
