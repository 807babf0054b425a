//! How the world answers: the event that belongs to each effect.

use std::string::{String, ToString};
use std::vec::Vec;

use crate::container::Observed;
use crate::effect::Effect;
use crate::event::Event;
use crate::ids::{Commit, ContainerId};
use crate::ports::{
    Base, BaseMove, BranchMove, EngineError, GitError, PushHow, Pushed, RebaseCall, RebaseState, WorkReport,
};
use crate::time::Mono;

/// How the world answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It is done.
    Well,
    /// It did not happen.
    Failed,
    /// It never left.
    Unreachable,
    /// Nobody knows, and it did not happen.
    Unknown,
    /// Nobody knows, and it did happen.
    Landed,
    /// What it was about does not exist.
    Absent,
    /// Something is in the way.
    Conflict,
    /// An inspection finds work.
    Work,
    /// What comes back is on another branch.
    Elsewhere,
}

impl How {
    fn text(self) -> Result<(), String> {
        if self == Self::Well { Ok(()) } else { Err("no space left".to_string()) }
    }

    fn git(self) -> Result<(), GitError> {
        match self {
            Self::Well | Self::Elsewhere => Ok(()),
            Self::Absent => Err(GitError::NoSuchRef { reference: "main".to_string() }),
            Self::Conflict => Err(GitError::BranchExists { branch: "that".to_string() }),
            Self::Failed | Self::Unreachable | Self::Unknown | Self::Landed | Self::Work => {
                Err(GitError::Failed { what: "git failed".to_string() })
            }
        }
    }

    fn engine(self) -> Result<(), EngineError> {
        let what = "the engine's words".to_string();
        match self {
            Self::Well => Ok(()),
            Self::Unknown | Self::Landed => {
                Err(EngineError::Unknown { reason: "a deadline passed".to_string() })
            }
            Self::Absent => Err(EngineError::NotFound { what }),
            Self::Conflict => Err(EngineError::Conflict { what }),
            Self::Unreachable => {
                let (endpoint, reason) = ("the socket".to_string(), "refused".to_string());
                Err(EngineError::Unreachable { endpoint, reason })
            }
            Self::Failed | Self::Work | Self::Elsewhere => Err(EngineError::Refused { status: 500, what }),
        }
    }

    fn work(self) -> Result<WorkReport, GitError> {
        let report = WorkReport { has_worktree: true, ..WorkReport::default() };
        if self == Self::Work {
            return Ok(WorkReport { modified: Vec::from(["src/login.rs".to_string()]), ..report });
        }
        self.git().map(|()| report)
    }
}

/// What the world knows when it answers.
pub(super) struct Known {
    /// When it was asked.
    pub(super) at: Mono,
    /// The container that was made, where one was.
    pub(super) made: Option<ContainerId>,
    /// The containers there are.
    pub(super) shown: Vec<Observed>,
}

/// A move of `branch`, of two commits.
pub(super) fn moving(branch: &str) -> BranchMove {
    let (from, to) = (commit('a'), commit('c'));
    BranchMove { branch: branch.to_string(), from, to, checkout: None, commits: 2 }
}

/// A push of two commits to `branch`, if there was anything to push.
fn pushed(branch: String, is_news: bool) -> Pushed {
    let how = if is_news { PushHow::Moved } else { PushHow::Nothing };
    let compare = is_news.then(|| "https://forge.example/compare".to_string());
    Pushed { remote: "origin".to_string(), branch, how, commits: 2, compare }
}

/// A move of the base onto `main`.
pub(super) fn basing() -> BaseMove {
    BaseMove { target: "main".to_string(), from: base(), to: commit('d') }
}

fn commit(digit: char) -> Commit {
    Commit::parse(&std::iter::repeat_n(digit, 40).collect::<String>()).unwrap()
}

/// The commit every base is.
pub(super) fn base() -> Commit {
    Commit::parse("00112233445566778899aabbccddeeff00112233").unwrap()
}

/// The event that answers `effect`.
pub(super) fn event(effect: Effect, how: How, known: Known) -> Event {
    match effect {
        Effect::WriteIntent { workstream, attempt, .. } => {
            Event::IntentWritten { workstream, attempt, outcome: how.text() }
        }
        Effect::ClearIntent { workstream, attempt } => {
            Event::IntentCleared { workstream, attempt, outcome: how.text() }
        }
        Effect::TrackContainer { workstream, attempt, .. } => {
            Event::ContainerTracked { workstream, attempt, outcome: how.text() }
        }
        Effect::UntrackContainer { workstream, attempt, .. } => {
            Event::ContainerUntracked { workstream, attempt, outcome: how.text() }
        }
        Effect::SaveState { generation, .. } => Event::StateSaved { generation, outcome: how.text() },
        Effect::WatchEngine { .. } => {
            Event::EngineLost { reason: "the stream ended".to_string(), is_late: false }
        }
        Effect::OpenSession { workstream, attempt, .. } if how == How::Well => {
            Event::SessionOpened { workstream, attempt }
        }
        Effect::OpenSession { workstream, attempt, .. } => {
            Event::SessionEnded { workstream, attempt, reason: "broken pipe".to_string() }
        }
        Effect::RestartAgent { workstream, attempt, .. } => {
            Event::AgentRestarted { workstream, attempt, outcome: how.text() }
        }
        Effect::CreateContainer { .. } | Effect::ListContainers { .. } => engine_event(effect, how, known),
        effect => git_event(effect, how).unwrap_or_else(|effect| engine_event(effect, how, known)),
    }
}

fn git_event(effect: Effect, how: How) -> Result<Event, Effect> {
    Ok(match effect {
        Effect::ResolveBase { workstream, attempt, .. } => {
            let note = (how == How::Elsewhere).then(|| "the remote was silent".to_string());
            let outcome = how.git().map(|()| Base { note, ..Base::from(base()) });
            Event::BaseResolved { workstream, attempt, outcome }
        }
        Effect::PinBase { workstream, attempt, .. } => {
            Event::BasePinned { workstream, attempt, outcome: how.git() }
        }
        Effect::AddWorktree { workstream, attempt, .. } => {
            Event::WorktreeAdded { workstream, attempt, outcome: how.git() }
        }
        Effect::BuildHome { workstream, attempt, .. } => {
            Event::HomeBuilt { workstream, attempt, outcome: how.git() }
        }
        Effect::InspectWork { workstream, attempt, .. } => {
            Event::WorkInspected { workstream, attempt, outcome: how.work() }
        }
        Effect::SnapshotWork { workstream, attempt, .. } => {
            Event::WorkSnapshotted { workstream, attempt, outcome: how.git().map(|()| None) }
        }
        Effect::RemoveWorktree { workstream, attempt, .. } => {
            Event::WorktreeRemoved { workstream, attempt, outcome: how.git() }
        }
        Effect::RetireHome { workstream, attempt, .. } => {
            Event::HomeRetired { workstream, attempt, outcome: how.git() }
        }
        Effect::FetchWork { workstream, attempt, .. } => {
            Event::WorkFetched { workstream, attempt, outcome: how.git().map(|()| commit('b')) }
        }
        Effect::JudgeMerge { workstream, attempt, wish, .. } => {
            let onto = wish.onto.unwrap_or_else(|| "main".to_string());
            let outcome = how.git().map(|()| (how != How::Elsewhere).then(|| moving(&onto)));
            Event::MergeJudged { workstream, attempt, outcome }
        }
        Effect::PushWork { workstream, attempt, plan, .. } => {
            let outcome = how.git().map(|()| pushed(plan.branch, how != How::Elsewhere));
            Event::WorkPushed { workstream, attempt, outcome }
        }
        Effect::MoveBranch { workstream, attempt, .. } => {
            Event::BranchMoved { workstream, attempt, outcome: how.git() }
        }
        Effect::AimRebase { workstream, attempt, plan, onto } => {
            let target = onto.unwrap_or_else(|| "main".to_string());
            let to = if how == How::Elsewhere { plan.base.clone() } else { commit('d') };
            let outcome = how.git().map(|()| BaseMove { target, from: plan.base, to });
            Event::RebaseAimed { workstream, attempt, outcome }
        }
        Effect::MoveBase { workstream, attempt, .. } => {
            Event::BaseMoved { workstream, attempt, outcome: how.git() }
        }
        Effect::RestoreWork { workstream, attempt, plan } => {
            let branch = if how == How::Elsewhere { "ccells/elsewhere".to_string() } else { plan.branch };
            Event::WorkRestored { workstream, attempt, outcome: how.git().map(|()| branch) }
        }
        effect => return Err(effect),
    })
}

fn engine_event(effect: Effect, how: How, known: Known) -> Event {
    match effect {
        Effect::CreateContainer { workstream, attempt, .. } => {
            let outcome = how.engine().map(|()| known.made.expect("it was made"));
            Event::ContainerCreated { workstream, attempt, outcome }
        }
        Effect::PullImage { workstream, attempt, .. } => {
            Event::ImagePulled { workstream, attempt, outcome: how.engine() }
        }
        Effect::UploadHolder { workstream, attempt, .. } => {
            Event::HolderUploaded { workstream, attempt, outcome: how.engine() }
        }
        Effect::StartContainer { workstream, attempt, .. } => {
            Event::ContainerStarted { workstream, attempt, outcome: how.engine() }
        }
        Effect::PauseContainer { workstream, attempt, .. } => {
            Event::ContainerPaused { workstream, attempt, outcome: how.engine() }
        }
        Effect::UnpauseContainer { workstream, attempt, .. } => {
            Event::ContainerUnpaused { workstream, attempt, outcome: how.engine() }
        }
        Effect::StopContainer { workstream, attempt, .. } => {
            Event::ContainerStopped { workstream, attempt, outcome: how.engine() }
        }
        Effect::RemoveContainer { workstream, attempt, .. } => {
            Event::ContainerRemoved { workstream, attempt, outcome: how.engine() }
        }
        Effect::RebaseWork { workstream, attempt, call, .. } => {
            let files = Vec::from(["src/login.rs".to_string()]);
            let outcome = match (how, call) {
                (How::Work, _) => Ok(RebaseState::Standing { files }),
                (How::Elsewhere, _) | (How::Well, RebaseCall::Abort) => Ok(RebaseState::Absent),
                _ => how.engine().map(|()| RebaseState::Landed { commits: 2 }),
            };
            Event::WorkRebased { workstream, attempt, outcome }
        }
        Effect::ListContainers { .. } => {
            Event::ContainersListed { requested_at: known.at, outcome: how.engine().map(|()| known.shown) }
        }
        effect => unreachable!("the machine does not wait for {effect:?}"),
    }
}
