//! Pushing a workstream's commits to a remote: they are fetched out of its container as for a merge, with all that is looked
//! at there, and only what was fetched goes on.
//!
//! It needs no intent. Here nothing changes but our own references; the branch on the remote is old or new, whenever a crash
//! comes; and doing it again finds it new, or pushes. What a run that died had sent may land late: then it is new.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use super::{Answer, Phase, Surroundings, Trouble, Workstream};
use crate::canary::Canary;
use crate::effect::{Effect, Effects};
use crate::ids::{Commit, RequestId};
use crate::ports::{PushHow, PushWish, Pushed};

/// The steps of a push, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PushStep {
    /// Getting the commits out of the container.
    Fetching,
    /// Sending them.
    Pushing,
}

/// A push under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// What is wanted.
    wish: PushWish,
    /// Whether it is to be taken back as soon as the step in flight answers.
    is_cancelled: bool,
}

impl Workstream {
    /// Begins a push.
    pub fn push(&mut self, wish: PushWish, around: &mut Surroundings<'_>) -> Effects {
        self.last_trouble = None;
        let (Some(plan), Some(container)) = (self.plan(), self.container.clone()) else {
            let why = format!(
                "`{}` has no container that its commits could come out of; resume it first",
                self.facts.name
            );
            return self.back_to_live(around, Err(Trouble::Conflict(why)));
        };
        let (workstream, attempt, may_rewrite) = (self.facts.id.clone(), self.wait(around), wish.may_rewrite);
        self.phase =
            Phase::Pushing { step: PushStep::Fetching, push: Box::new(Push { wish, is_cancelled: false }) };
        Effects::from(Effect::FetchWork { workstream, attempt, container, plan, may_rewrite })
    }

    fn send(&mut self, head: Commit, mut push: Push, around: &mut Surroundings<'_>) -> Effects {
        if around.is_ending {
            return self.back_to_live(around, Err(Trouble::Conflict("ccells is ending".to_string())));
        }
        let Some(plan) = self.plan() else {
            let why = format!("`{}` has no commit that it began with", self.facts.name);
            return self.back_to_live(around, Err(Trouble::Conflict(why)));
        };
        push.wish.is_forced |= around.planted.is(Canary::PushForced);
        let head = if around.planted.is(Canary::PushUnfetched) { plan.base.clone() } else { head };
        let (workstream, attempt, wish) =
            (self.facts.id.clone(), self.wait(around), Box::new(push.wish.clone()));
        self.phase = Phase::Pushing { step: PushStep::Pushing, push: Box::new(push) };
        Effects::from(Effect::PushWork { workstream, attempt, plan, head, wish })
    }

    pub(super) fn answer_push(
        &mut self,
        step: PushStep,
        push: Push,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if push.is_cancelled {
            return self.back_to_live(around, Ok("push cancelled".to_string()));
        }
        match (step, answer) {
            (PushStep::Fetching, Answer::Head(head)) => self.send(head, push, around),
            (PushStep::Pushing, Answer::Pushed(pushed)) => {
                self.back_to_live(around, Ok(pushed_note(&pushed)))
            }
            (PushStep::Fetching | PushStep::Pushing, Answer::Trouble(trouble)) => {
                self.back_to_live(around, Err(trouble))
            }
            (PushStep::Fetching | PushStep::Pushing, _) => {
                self.back_to_live(around, Err(Trouble::Failed("git gave no answer that fits".to_string())))
            }
        }
    }

    /// Takes back a push of which nothing was sent. `None` when it is too late.
    pub fn cancel_push(&mut self, request: RequestId) -> Option<Effects> {
        let Phase::Pushing { step: PushStep::Fetching, push } = &mut self.phase else {
            return None;
        };
        push.is_cancelled = true;
        Some(self.taken_back(request, "push"))
    }
}

fn pushed_note(pushed: &Pushed) -> String {
    let place = format!("`{}/{}`", pushed.remote, pushed.branch);
    let commits =
        if pushed.commits == 1 { "1 commit".to_string() } else { format!("{} commits", pushed.commits) };
    let done = match pushed.how {
        PushHow::Nothing => format!("nothing to push: {place} has it all already"),
        PushHow::Made | PushHow::Moved => format!("pushed {commits} to {place}"),
        PushHow::Replaced => format!("pushed {commits} to {place}, in place of what was there"),
    };
    match &pushed.compare {
        Some(url) => format!("{done}: {url}"),
        None => done,
    }
}

impl PushStep {
    /// All, in order.
    pub const ALL: [Self; 2] = [Self::Fetching, Self::Pushing];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetching => "fetching its commits",
            Self::Pushing => "pushing them",
        }
    }
}
