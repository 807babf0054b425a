//! What a run does to bring commits home or to a remote: the simulated twin of the shell's arm, and what strikes it.

use ccells_core::effect::Effect;
use ccells_core::event::Event;
use ccells_core::limits;
use ccells_core::ports::{EngineError, GitError, RebaseCall, RebaseState};

use crate::perform::{done, gave};
use crate::ports::engine::{Container, EngineOk, EngineOp};
use crate::ports::git::{GitOk, GitOp};
use crate::world::{Item, World};

/// How many of ten thousand moves of a checkout end halfway, where crashes come at the worst moment.
const CRASHES_HALF: u32 = 4_000;
/// How many of ten thousand merges are overtaken by a commit of the user.
const COMMITS_FIRST: u32 = 1_500;
/// How many of ten thousand pushes are overtaken by one of somebody else.
const PUSHES_FIRST: u32 = 1_500;
/// How many of ten thousand rebases come after a commit of the user.
const GOES_ON: u32 = 5_000;
/// How many of ten thousand find something that the agent has not committed.
const DIRTY: u32 = 1_000;

impl World {
    /// Begins what a machine asks for.
    #[expect(clippy::wildcard_enum_match_arm, reason = "`perform` sorts effects by room")]
    pub fn bring_home(&mut self, process: usize, effect: Effect) {
        match effect {
            Effect::FetchWork { workstream, attempt, container, plan, .. } => {
                let pick = |ok| if let GitOk::Base(commit) = ok { Some(commit) } else { None };
                let answer = gave(pick, move |outcome| Event::WorkFetched { workstream, attempt, outcome });
                let is_running = self.engine.by_id(&container).is_some_and(Container::is_working);
                if is_running {
                    self.begin_git(process, GitOp::Fetch(plan), answer);
                } else {
                    let what = "its container does not run".to_string();
                    self.later(2, Item::Tell(process, answer(Err(GitError::Failed { what }))));
                }
            }
            Effect::JudgeMerge { workstream, attempt, plan, .. } => {
                let pick = |ok| if let GitOk::Judged(moving) = ok { Some(moving) } else { None };
                let answer = gave(pick, move |outcome| Event::MergeJudged { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Judge(plan), answer);
            }
            Effect::MoveBranch { workstream, attempt, plan, moving } => {
                let answer = done(move |outcome| Event::BranchMoved { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Move(plan, moving), answer);
            }
            Effect::PushWork { workstream, attempt, plan, head, wish } => {
                let pick = |ok| if let GitOk::Pushed(pushed) = ok { Some(pushed) } else { None };
                let answer = gave(pick, move |outcome| Event::WorkPushed { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Push(plan, head, wish), answer);
            }
            other => unreachable!("brings nothing home: {other:?}"),
        }
    }

    /// Begins what a machine asks for to put commits onto another base.
    #[expect(clippy::wildcard_enum_match_arm, reason = "`perform` sorts effects by room")]
    pub fn rebase(&mut self, process: usize, effect: Effect) {
        match effect {
            Effect::AimRebase { workstream, attempt, plan, .. } => {
                if self.is_storm && self.chance("user.goes.on", GOES_ON) {
                    self.git.merges.commit(&plan.repo);
                }
                let pick = |ok| if let GitOk::Aimed(moving) = ok { Some(moving) } else { None };
                let answer = gave(pick, move |outcome| Event::RebaseAimed { workstream, attempt, outcome });
                self.begin_git(process, GitOp::Aim(plan), answer);
            }
            Effect::RebaseWork { workstream, attempt, container, call, moving } => {
                let op = EngineOp::Rebase(container, workstream.clone(), call, moving);
                let answer = move |outcome: Result<EngineOk, EngineError>| Event::WorkRebased {
                    workstream: workstream.clone(),
                    attempt,
                    outcome: outcome.map(|ok| match ok {
                        EngineOk::Rebased(state) => state,
                        EngineOk::Done | EngineOk::Created(..) | EngineOk::Listed(_) => RebaseState::Absent,
                    }),
                };
                self.send(process, op, limits::REBASE_MS, Box::new(answer));
            }
            Effect::MoveBase { workstream, attempt, plan, moving } => {
                let answer = done(move |outcome| Event::BaseMoved { workstream, attempt, outcome });
                self.begin_git(process, GitOp::MoveBase(plan, moving), answer);
            }
            other => unreachable!("rebases nothing: {other:?}"),
        }
    }

    /// The git of an agent is asked about a rebase, or for one.
    pub fn land_rebase(&mut self, op: &EngineOp) -> Option<Result<EngineOk, EngineError>> {
        let EngineOp::Rebase(container, workstream, call, moving) = op else { return None };
        if !self.engine.by_id(container).is_some_and(Container::is_working) {
            return Some(Err(EngineError::Conflict { what: "its container does not run".to_string() }));
        }
        if *call == RebaseCall::Begin && self.is_storm && self.chance("agent.dirty", DIRTY) {
            return Some(Err(EngineError::Conflict { what: "not committed: src/main.rs".to_string() }));
        }
        let conflicts = *call == RebaseCall::Begin && self.draw("rebase.conflicts", 2) == 1;
        let state = self.git.rebases.land(workstream, *call, moving, conflicts);
        if matches!(state, RebaseState::Standing { .. }) && *call == RebaseCall::Begin {
            self.saw("stopped rebase");
        }
        Some(Ok(EngineOk::Rebased(state)))
    }

    /// A crash while the files of a checkout are half moved, or a push is on its way: moments that are short, and hurt.
    pub fn crash_in_a_move(&mut self, process: usize, op: &GitOp, done: u32) -> bool {
        let is_half = matches!(op, GitOp::Move(..)) && done == 1;
        let is_sent = matches!(op, GitOp::Push(..)) && done == 1;
        let is_hot = self.weather.hot_crash > 0;
        let is_hit = (is_half && is_hot && self.chance("crash.half", CRASHES_HALF))
            || (is_sent && is_hot && self.chance("crash.sent", CRASHES_HALF));
        if is_hit {
            self.kill(process);
        }
        is_hit
    }

    /// The user commits to the branch at the very moment when it is to move, or somebody else pushes to it when it is
    /// pushed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nobody overtakes anything else")]
    pub fn commit_first(&mut self, op: &GitOp, done: u32) {
        if done > 0 || !self.is_storm {
            return;
        }
        match op {
            GitOp::Move(plan, _) if self.chance("user.commits", COMMITS_FIRST) => {
                self.git.merges.commit(&plan.repo);
            }
            GitOp::Push(plan, ..) if self.chance("others.push", PUSHES_FIRST) => {
                self.git.remotes.push_by_others(&plan.repo, &plan.workstream);
            }
            _ => {}
        }
    }
}
