//! Bringing a workstream's commits home: they are fetched out of its container, a merge is judged without touching
//! anything of the user's, and only then, with an intent that says from where to where, the user's branch moves.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use super::{Answer, Phase, Surroundings, Trouble, Workstream};
use crate::canary::Canary;
use crate::effect::{Effect, Effects};
use crate::ids::{Commit, RequestId};
use crate::ports::{BranchMove, MergeWish};
use crate::record::Operation;

/// The steps of a merge, in order. The last two are preceded by a durable intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MergeStep {
    /// Getting the commits out of the container.
    Fetching,
    /// Making the merge, without a name that anybody knows it by.
    Judging,
    /// Writing down which branch moves from where to where.
    WritingIntent,
    /// Moving it.
    Moving,
    /// Taking the intent back: it is done, or it was refused.
    ClearingIntent,
}

/// A merge under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// What is wanted.
    wish: MergeWish,
    /// What was fetched.
    head: Option<Commit>,
    /// Why it is refused whose intent is being taken back.
    refused: Option<Trouble>,
    /// Whether it is to be taken back as soon as the step in flight answers.
    is_cancelled: bool,
}

impl Workstream {
    /// Begins a merge.
    pub fn merge(&mut self, wish: MergeWish, around: &mut Surroundings<'_>) -> Effects {
        self.last_trouble = None;
        self.begin_merge_step(MergeStep::Fetching, Merge { wish, ..Merge::default() }, around)
    }

    /// Finishes a merge whose intent was left behind.
    pub fn finish_merge(&mut self, around: &mut Surroundings<'_>) -> Effects {
        let step = if self.moving.is_some() { MergeStep::Moving } else { MergeStep::ClearingIntent };
        self.begin_merge_step(step, Merge::default(), around)
    }

    /// Whether a merge was begun and is not finished.
    pub fn has_half_a_merge(&self) -> bool {
        self.has_intent && self.basing.is_none() && matches!(self.phase, Phase::Live | Phase::Lost)
    }

    fn begin_merge_step(&mut self, step: MergeStep, merge: Merge, around: &mut Surroundings<'_>) -> Effects {
        let effects = self.issue_merge(step, &merge, around);
        self.phase = Phase::Merging { step, merge: Box::new(merge) };
        effects
    }

    fn issue_merge(&mut self, step: MergeStep, merge: &Merge, around: &mut Surroundings<'_>) -> Effects {
        let (workstream, attempt) = (self.facts.id.clone(), self.wait(around));
        let plan = self.plan();
        Effects::from(match (step, plan, self.container.clone(), self.moving.clone(), merge.head.clone()) {
            (MergeStep::Fetching, Some(plan), Some(container), _, _) => {
                let may_rewrite = merge.wish.may_rewrite;
                Effect::FetchWork { workstream, attempt, container, plan, may_rewrite }
            }
            (MergeStep::Judging, Some(plan), _, _, Some(head)) => {
                let (name, wish) = (self.facts.name.clone(), Box::new(merge.wish.clone()));
                Effect::JudgeMerge { workstream, attempt, plan, name, head, wish }
            }
            (MergeStep::WritingIntent, ..) => {
                let intent = self.intent(Operation::Merge, around);
                Effect::WriteIntent { workstream, attempt, intent }
            }
            (MergeStep::Moving, Some(plan), _, Some(moving), _) => {
                assert!(self.has_intent, "R32: no branch moves before its intent is durable");
                Effect::MoveBranch { workstream, attempt, plan, moving: Box::new(moving) }
            }
            (
                MergeStep::ClearingIntent | MergeStep::Fetching | MergeStep::Judging | MergeStep::Moving,
                ..,
            ) => Effect::ClearIntent { workstream, attempt },
        })
    }

    pub(super) fn answer_merge(
        &mut self,
        step: MergeStep,
        mut merge: Merge,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if merge.is_cancelled {
            return self.back_to_live(around, Ok("merge cancelled".to_string()));
        }
        match (step, answer) {
            (MergeStep::Fetching, Answer::Head(head)) => {
                merge.head = Some(head);
                self.go_on(MergeStep::Judging, merge, around)
            }
            (MergeStep::Judging, Answer::Judged(None)) => {
                self.back_to_live(around, Ok("nothing to merge: it is all there already".to_string()))
            }
            (MergeStep::Judging, Answer::Judged(Some(moving))) => {
                self.moving = Some(*moving);
                let effects = self.go_on(MergeStep::WritingIntent, merge, around);
                if self.phase == Phase::Live {
                    self.moving = None;
                }
                effects
            }
            (MergeStep::Fetching | MergeStep::Judging, Answer::Trouble(trouble)) => {
                self.back_to_live(around, Err(trouble))
            }
            (MergeStep::WritingIntent, Answer::Trouble(trouble)) => {
                // It may be on the disk all the same, and the next start must not do what was refused.
                merge.refused = Some(trouble);
                self.begin_merge_step(MergeStep::ClearingIntent, merge, around)
            }
            (MergeStep::WritingIntent, _) => {
                self.has_intent = true;
                self.begin_merge_step(MergeStep::Moving, merge, around)
            }
            (
                MergeStep::Moving,
                Answer::Trouble(trouble @ (Trouble::Conflict(_) | Trouble::Clash(_) | Trouble::Absent(_))),
            ) => {
                merge.refused = Some(trouble);
                self.begin_merge_step(MergeStep::ClearingIntent, merge, around)
            }
            (MergeStep::Moving, Answer::Trouble(trouble)) => self.back_to_live(around, Err(trouble)),
            (MergeStep::Moving, _) => self.begin_merge_step(MergeStep::ClearingIntent, merge, around),
            (MergeStep::ClearingIntent, answer) => self.merge_cleared(merge, &answer, around),
            (MergeStep::Fetching | MergeStep::Judging, _) => {
                self.back_to_live(around, Err(Trouble::Failed("git gave no answer that fits".to_string())))
            }
        }
    }

    /// The next step, unless the run is ending: nothing of the user's was touched so far.
    fn go_on(&mut self, step: MergeStep, merge: Merge, around: &mut Surroundings<'_>) -> Effects {
        if around.is_ending {
            return self.back_to_live(around, Err(Trouble::Conflict("ccells is ending".to_string())));
        }
        let step = if step == MergeStep::WritingIntent && around.planted.is(Canary::MergeWithoutIntent) {
            self.has_intent = true;
            MergeStep::Moving
        } else {
            step
        };
        self.begin_merge_step(step, merge, around)
    }

    /// The intent is gone, or is to be taken back later. It is over either way: a branch that its user puts back
    /// afterwards stays where it was put.
    fn merge_cleared(&mut self, merge: Merge, answer: &Answer, around: &Surroundings<'_>) -> Effects {
        let moved = self.moving.take();
        self.has_intent &= matches!(answer, Answer::Trouble(_));
        match (merge.refused, moved) {
            (Some(trouble), _) => self.back_to_live(around, Err(trouble)),
            (None, Some(moved)) => self.back_to_live(around, Ok(merged_note(&moved))),
            (None, None) => {
                self.back_to_live(around, Ok("what was left of the merge is cleared away".to_string()))
            }
        }
    }

    /// Takes back a merge of which nothing is done yet that anybody could see. What is in flight changes nothing of the
    /// user's; it is waited for all the same. `None` when it is too late.
    pub fn cancel_merge(&mut self, request: RequestId) -> Option<Effects> {
        let Phase::Merging { step: MergeStep::Fetching | MergeStep::Judging, merge } = &mut self.phase else {
            return None;
        };
        merge.is_cancelled = true;
        Some(self.taken_back(request, "merge"))
    }
}

fn merged_note(moved: &BranchMove) -> String {
    let short = moved.to.as_str().get(..10).unwrap_or_default();
    let commits =
        if moved.commits == 1 { "1 commit".to_string() } else { format!("{} commits", moved.commits) };
    format!("merged into `{}`: {commits}, {}", moved.branch, short)
}

impl MergeStep {
    /// All, in order.
    pub const ALL: [Self; 5] =
        [Self::Fetching, Self::Judging, Self::WritingIntent, Self::Moving, Self::ClearingIntent];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetching => "fetching its commits",
            Self::Judging => "merging them aside",
            Self::WritingIntent => "writing the intent",
            Self::Moving => "moving the branch",
            Self::ClearingIntent => "clearing the intent",
        }
    }
}
