//! Putting a workstream's commits onto another base. Its agent's own git does that where the agent works; what came of it is
//! seen by looking there, and written down. What stopped in the middle is left for the agent, and remembered.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Answer, Phase, Surroundings, Trouble, Workstream};
use crate::canary::Canary;
use crate::effect::{Effect, Effects};
use crate::ids::Generation;
use crate::limits::LATE_MS;
use crate::ports::{MergeWish, PushWish, RebaseCall, RebaseState, RebaseWish};
use crate::record::{OpenRebase, Operation};
use crate::time::Now;

/// The steps of a rebase. Which of them there are depends on what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RebaseStep {
    /// Looking how one stands that was begun before.
    Looking,
    /// Looking up what the commits are to stand on.
    Aiming,
    /// Writing down from which base to which.
    WritingIntent,
    /// Having the agent's git do it.
    Rebasing,
    /// Having the agent's git take it back.
    Aborting,
    /// Moving what the workstream begins with.
    MovingBase,
    /// Writing down what came of it.
    Recording,
    /// Taking the intent back.
    ClearingIntent,
}

/// A rebase under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebase {
    /// What is wanted.
    aim: Aim,
    /// What is to be told when it is written down.
    outcome: Result<String, Trouble>,
}

/// What a rebase, or a look at one, is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Aim {
    /// The user wishes it.
    Wish(RebaseWish),
    /// The user wishes a merge, and it is to be known first how the commits stand.
    Merge(MergeWish),
    /// The same for a push.
    Push(PushWish),
    /// A start found it begun.
    Finish,
}

impl Rebase {
    fn with(aim: Aim) -> Self {
        Self { aim, outcome: Ok("nothing of a rebase is left".to_string()) }
    }
}

impl Workstream {
    /// Begins a rebase, or takes one back. One that was begun before is looked at first.
    pub fn rebase(&mut self, wish: RebaseWish, around: &mut Surroundings<'_>) -> Effects {
        self.last_trouble = None;
        let rebase = Rebase::with(Aim::Wish(wish));
        let step = if self.open_rebase.is_some() { RebaseStep::Looking } else { RebaseStep::Aiming };
        self.begin_rebase_step(step, rebase, around)
    }

    /// Looks how a rebase stands, and begins the merge when nothing of it is left.
    pub fn look_then_merge(&mut self, wish: MergeWish, around: &mut Surroundings<'_>) -> Effects {
        self.last_trouble = None;
        self.begin_rebase_step(RebaseStep::Looking, Rebase::with(Aim::Merge(wish)), around)
    }

    /// Looks how a rebase stands, and begins the push when nothing of it is left.
    pub fn look_then_push(&mut self, wish: PushWish, around: &mut Surroundings<'_>) -> Effects {
        self.last_trouble = None;
        self.begin_rebase_step(RebaseStep::Looking, Rebase::with(Aim::Push(wish)), around)
    }

    /// Finishes a rebase whose intent was left behind. Where nobody can look, it is remembered as one that may be under way.
    pub fn finish_rebase(&mut self, around: &mut Surroundings<'_>) -> Effects {
        let can_look = self.is_running() && self.container.is_some() && self.facts.base.is_some();
        let step = if can_look { RebaseStep::Looking } else { RebaseStep::Recording };
        let mut rebase = Rebase::with(Aim::Finish);
        if let Some(open) = &self.open_rebase {
            rebase.outcome = Ok(open.text());
        }
        self.begin_rebase_step(step, rebase, around)
    }

    /// Whether a rebase was asked for and what came of it is not written down.
    pub fn has_half_a_rebase(&self) -> bool {
        self.has_intent && self.basing.is_some() && matches!(self.phase, Phase::Live | Phase::Lost)
    }

    /// A rebase was asked for, at `now` at the latest, and nobody knows what came of it: it may be under way.
    pub fn note_open_rebase(&mut self, now: Now) {
        if let Some(moving) = self.basing.clone() {
            self.open_rebase = Some(OpenRebase { moving, files: None, begun_at: now.wall });
            self.rebase_lands_until = now.mono.after(LATE_MS);
        }
    }

    fn begin_rebase_step(
        &mut self,
        step: RebaseStep,
        rebase: Rebase,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if let (RebaseStep::Looking, Some(open)) = (step, &self.open_rebase) {
            self.basing = Some(open.moving.clone());
        }
        if step == RebaseStep::Recording {
            self.phase = Phase::Rebasing { step, rebase: Box::new(rebase) };
            self.since = around.now.mono;
            self.waiting_save = Some(Generation(u64::MAX));
            *around.wants_save = true;
            return Effects::none();
        }
        let effects = self.issue_rebase(step, &rebase, around);
        self.phase = Phase::Rebasing { step, rebase: Box::new(rebase) };
        effects
    }

    fn issue_rebase(&mut self, step: RebaseStep, rebase: &Rebase, around: &mut Surroundings<'_>) -> Effects {
        let (workstream, attempt) = (self.facts.id.clone(), self.wait(around));
        let call = match step {
            RebaseStep::Rebasing => RebaseCall::Begin,
            RebaseStep::Aborting => RebaseCall::Abort,
            RebaseStep::Looking
            | RebaseStep::Aiming
            | RebaseStep::WritingIntent
            | RebaseStep::MovingBase
            | RebaseStep::Recording
            | RebaseStep::ClearingIntent => RebaseCall::Look,
        };
        let moving = self.basing.clone().map(Box::new);
        Effects::from(match (step, self.plan(), self.container.clone(), moving) {
            (RebaseStep::Aiming, Some(plan), _, _) => {
                let onto =
                    if let Aim::Wish(RebaseWish::Onto(onto)) = &rebase.aim { onto.clone() } else { None };
                Effect::AimRebase { workstream, attempt, plan, onto }
            }
            (RebaseStep::WritingIntent, ..) => {
                let intent = self.intent(Operation::Rebase, around);
                Effect::WriteIntent { workstream, attempt, intent }
            }
            (
                RebaseStep::Looking | RebaseStep::Rebasing | RebaseStep::Aborting,
                _,
                Some(container),
                Some(moving),
            ) => {
                assert!(
                    self.has_intent || step != RebaseStep::Rebasing,
                    "R34: no rebase is asked for before its intent is durable"
                );
                Effect::RebaseWork { workstream, attempt, container, call, moving }
            }
            (RebaseStep::MovingBase, Some(plan), _, Some(moving)) => {
                Effect::MoveBase { workstream, attempt, plan, moving }
            }
            (
                RebaseStep::Looking
                | RebaseStep::Aiming
                | RebaseStep::Rebasing
                | RebaseStep::Aborting
                | RebaseStep::MovingBase
                | RebaseStep::Recording
                | RebaseStep::ClearingIntent,
                ..,
            ) => Effect::ClearIntent { workstream, attempt },
        })
    }

    pub(super) fn answer_rebase(
        &mut self,
        step: RebaseStep,
        mut rebase: Rebase,
        answer: Answer,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        match (step, answer) {
            (RebaseStep::Aiming, Answer::Aimed(moving)) => self.aimed(*moving, rebase, around),
            (RebaseStep::WritingIntent, Answer::Trouble(trouble)) => {
                // It may be on the disk all the same, and the next start must not take it for begun.
                rebase.outcome = Err(trouble);
                self.begin_rebase_step(RebaseStep::ClearingIntent, rebase, around)
            }
            (RebaseStep::WritingIntent, _) => {
                self.has_intent = true;
                self.begin_rebase_step(RebaseStep::Rebasing, rebase, around)
            }
            (
                RebaseStep::Looking | RebaseStep::Rebasing | RebaseStep::Aborting,
                Answer::Rebased(RebaseState::Landed { commits }),
            ) => {
                rebase.outcome = Ok(self.landed_note(commits));
                self.begin_rebase_step(RebaseStep::MovingBase, rebase, around)
            }
            (
                RebaseStep::Looking | RebaseStep::Rebasing | RebaseStep::Aborting,
                Answer::Rebased(RebaseState::Standing { files }),
            ) => self.stands(step, files, rebase, around),
            (RebaseStep::Looking, Answer::Rebased(RebaseState::Absent)) => self.saw_nothing(rebase, around),
            (RebaseStep::Aborting, Answer::Rebased(RebaseState::Absent)) => {
                self.open_rebase = None;
                rebase.outcome =
                    Ok("the rebase was taken back: its commits stand where they stood".to_string());
                self.begin_rebase_step(RebaseStep::Recording, rebase, around)
            }
            (RebaseStep::Rebasing, Answer::Trouble(trouble @ Trouble::Unknown(_))) => {
                self.note_open_rebase(around.now);
                rebase.outcome = Err(trouble);
                self.begin_rebase_step(RebaseStep::Recording, rebase, around)
            }
            (RebaseStep::Rebasing, answer) => {
                rebase.outcome = Err(trouble_of(answer));
                self.begin_rebase_step(RebaseStep::ClearingIntent, rebase, around)
            }
            (RebaseStep::MovingBase, answer) => {
                self.base_moved(&answer, &mut rebase, around);
                self.begin_rebase_step(RebaseStep::Recording, rebase, around)
            }
            (RebaseStep::ClearingIntent, answer) => {
                self.has_intent &= matches!(answer, Answer::Trouble(_));
                self.rebase_over(rebase, around)
            }
            (RebaseStep::Looking, answer) if rebase.aim == Aim::Finish => {
                rebase.outcome = Err(trouble_of(answer));
                self.begin_rebase_step(RebaseStep::Recording, rebase, around)
            }
            (
                RebaseStep::Looking | RebaseStep::Aiming | RebaseStep::Aborting | RebaseStep::Recording,
                answer,
            ) => {
                rebase.outcome = Err(trouble_of(answer));
                self.rebase_over(rebase, around)
            }
        }
    }

    /// The base has moved, or has not: then the commits are where they shall be all the same, and the next look finds
    /// that and tries again.
    fn base_moved(&mut self, answer: &Answer, rebase: &mut Rebase, around: &Surroundings<'_>) {
        if let Answer::Trouble(trouble) = answer {
            self.note_open_rebase(around.now);
            rebase.outcome = Err(trouble.clone());
        } else {
            self.facts.base = self.basing.as_ref().map(|moving| moving.to.clone());
            self.open_rebase = None;
        }
    }

    /// It is known what the commits are to stand on.
    fn aimed(
        &mut self,
        moving: crate::ports::BaseMove,
        mut rebase: Rebase,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        if around.is_ending {
            rebase.outcome = Err(Trouble::Conflict("ccells is ending".to_string()));
            return self.rebase_over(rebase, around);
        }
        if moving.from == moving.to {
            rebase.outcome = Ok(format!("nothing to do: its commits stand on `{}`", moving.target));
            return self.rebase_over(rebase, around);
        }
        self.basing = Some(moving);
        let is_planted = around.planted.is(Canary::RebaseWithoutIntent);
        self.has_intent |= is_planted;
        let step = if is_planted { RebaseStep::Rebasing } else { RebaseStep::WritingIntent };
        self.begin_rebase_step(step, rebase, around)
    }

    /// It has stopped, and somebody has to go on with it.
    fn stands(
        &mut self,
        step: RebaseStep,
        files: Vec<String>,
        mut rebase: Rebase,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        let begun_at = self.open_rebase.as_ref().map_or(around.now.wall, |open| open.begun_at);
        let Some(moving) = self.basing.clone() else { return self.rebase_over(rebase, around) };
        let open = OpenRebase { moving, files: Some(files), begun_at };
        let text = open.text();
        self.open_rebase = Some(open);
        if rebase.aim == Aim::Wish(RebaseWish::Abort) && step == RebaseStep::Looking {
            return self.begin_rebase_step(RebaseStep::Aborting, rebase, around);
        }
        rebase.outcome = match (&rebase.aim, step) {
            (Aim::Finish, _) => Ok(text),
            (Aim::Wish(RebaseWish::Abort), _) => {
                Err(Trouble::Failed(format!("it could not be taken back: {text}")))
            }
            (Aim::Wish(_) | Aim::Merge(_) | Aim::Push(_), _) => Err(Trouble::Conflict(text)),
        };
        self.begin_rebase_step(RebaseStep::Recording, rebase, around)
    }

    /// A look shows nothing of a rebase that was begun: its agent took it back, or it never was, or it may come yet.
    fn saw_nothing(&mut self, mut rebase: Rebase, around: &mut Surroundings<'_>) -> Effects {
        let may_land = |open: &OpenRebase| open.files.is_none() && around.now.mono < self.rebase_lands_until;
        if self.open_rebase.as_ref().is_some_and(may_land) {
            let text = "whether its rebase was begun is not known yet; nothing of it shows so far";
            rebase.outcome = match rebase.aim {
                Aim::Finish => Ok(text.to_string()),
                Aim::Wish(_) | Aim::Merge(_) | Aim::Push(_) => {
                    Err(Trouble::Unknown(format!("{text}, try again in two minutes")))
                }
            };
            return self.begin_rebase_step(RebaseStep::Recording, rebase, around);
        }
        self.open_rebase = None;
        if matches!(rebase.aim, Aim::Wish(RebaseWish::Onto(_))) && !self.has_intent {
            *around.wants_save = true;
            self.basing = None;
            return self.begin_rebase_step(RebaseStep::Aiming, rebase, around);
        }
        rebase.outcome = Ok("nothing of the rebase is left: its commits stand where they stood".to_string());
        self.begin_rebase_step(RebaseStep::Recording, rebase, around)
    }

    /// What came of it is durable.
    pub(super) fn rebase_recorded(&mut self, rebase: Rebase, around: &mut Surroundings<'_>) -> Effects {
        if self.has_intent {
            self.begin_rebase_step(RebaseStep::ClearingIntent, rebase, around)
        } else {
            self.rebase_over(rebase, around)
        }
    }

    /// What came of it cannot be written down: an intent stays for what the disk does not say.
    pub(super) fn rebase_not_recorded(
        &mut self,
        mut rebase: Rebase,
        text: &str,
        around: &mut Surroundings<'_>,
    ) -> Effects {
        self.waiting_save = None;
        rebase.outcome = Err(Trouble::Failed(text.to_string()));
        self.rebase_over(rebase, around)
    }

    /// It is over, as far as this wish goes. An intent that could not be taken back stays half of a rebase.
    fn rebase_over(&mut self, rebase: Rebase, around: &mut Surroundings<'_>) -> Effects {
        self.phase = Phase::Live;
        self.settled_at = around.settled_at();
        if !self.has_intent {
            self.basing = None;
        }
        match (rebase.outcome, rebase.aim) {
            (Ok(_), Aim::Merge(wish)) if !self.has_intent && !around.is_ending => self.merge(wish, around),
            (Ok(_), Aim::Push(wish)) if !self.has_intent && !around.is_ending => self.push(wish, around),
            (Ok(note), Aim::Wish(_) | Aim::Finish | Aim::Merge(_) | Aim::Push(_)) => {
                self.reply_all(&Ok(note))
            }
            (Err(trouble), _) => {
                self.last_trouble = Some(trouble.reason().to_string());
                self.reply_all(&Err(trouble.refusal()))
            }
        }
    }

    fn landed_note(&self, commits: u32) -> String {
        let Some(moving) = &self.basing else { return "rebased".to_string() };
        let short = moving.to.as_str().get(..10).unwrap_or_default();
        let commits = if commits == 1 { "1 commit".to_string() } else { format!("{commits} commits") };
        format!("rebased onto `{}`: {commits} on {short}", moving.target)
    }
}

/// What an answer that does not fit comes to.
fn trouble_of(answer: Answer) -> Trouble {
    match answer {
        Answer::Trouble(trouble) => trouble,
        Answer::Done
        | Answer::Base(_)
        | Answer::Branch(_)
        | Answer::Judged(_)
        | Answer::Head(_)
        | Answer::Pushed(_)
        | Answer::Aimed(_)
        | Answer::Rebased(_)
        | Answer::Container(_)
        | Answer::Work(_) => Trouble::Failed("the agent's git gave no answer that fits".to_string()),
    }
}

impl RebaseStep {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Looking,
        Self::Aiming,
        Self::WritingIntent,
        Self::Rebasing,
        Self::Aborting,
        Self::MovingBase,
        Self::Recording,
        Self::ClearingIntent,
    ];

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Looking => "looking how its rebase stands",
            Self::Aiming => "looking up the new base",
            Self::WritingIntent => "writing the intent",
            Self::Rebasing => "rebasing its commits",
            Self::Aborting => "taking the rebase back",
            Self::MovingBase => "moving its base",
            Self::Recording => "writing down how it stands",
            Self::ClearingIntent => "clearing the intent",
        }
    }
}
