//! The answers to saves of the state: what is durable from now on, or why it is not.

use alloc::format;
use alloc::string::{String, ToString};

use super::Machine;
use crate::canary::Canary;
use crate::effect::{Effect, Effects, Level};
use crate::ids::Generation;
use crate::limits::RESAVE_MS;
use crate::time::Now;

impl Machine {
    pub(super) fn state_saved(
        &mut self,
        now: Now,
        generation: Generation,
        outcome: Result<(), String>,
    ) -> Effects {
        let outcome = if self.planted.is(Canary::IgnoreSaveError) { Ok(()) } else { outcome };
        let mut effects = Effects::none();
        if generation > self.saving.issued {
            // An answer to nothing we asked for says nothing about what we asked for.
            return effects;
        }
        match outcome {
            Ok(()) => {
                if self.saving.trouble.take().is_some() {
                    let text = "the disk takes writes again".to_string();
                    effects.push(Effect::Notify { level: Level::Info, text });
                }
                self.saving.durable = self.saving.durable.max(generation);
                for id in self.ids() {
                    effects.extend(
                        self.with(now, &id, |workstream, around| workstream.saved(generation, around)),
                    );
                }
            }
            // A later generation is durable already, and stands for this one too.
            Err(_) if generation <= self.saving.durable => {}
            Err(reason) => {
                if self.saving.trouble.is_none() {
                    let text =
                        format!("the state cannot be saved: {reason}. Free some space; ccells tries again.");
                    effects.push(Effect::Notify { level: Level::Error, text });
                }
                let is_again = self.saving.trouble.is_some();
                for id in self.ids() {
                    effects.extend(self.with(now, &id, |workstream, around| {
                        workstream.not_saved(generation, &reason, is_again, around)
                    }));
                }
                self.saving.trouble = Some(reason);
                self.saving.retry_at =
                    Some(now.mono.after(RESAVE_MS)).filter(|_| !self.planted.is(Canary::NoResave));
            }
        }
        effects
    }
}
