//! What is in flight in the cluster: every effect that has an answer, from the moment it is begun until its answer
//! reaches the machine; and wishes that are made at the very moment when a certain one is begun.

use std::collections::{BTreeMap, BTreeSet};

use ccells_core::effect::Effect;
use ccells_core::event::{Ask, Event};
use ccells_core::ids::{Generation, WorkstreamId};
use ccells_shell::driver::{Seen, Wish};
use tokio::sync::mpsc;

/// An effect that has an answer, without what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are the names of the core's effects, which are explained there")]
pub enum Flying {
    WriteIntent,
    ClearIntent,
    TrackContainer,
    UntrackContainer,
    SaveState,
    ResolveBase,
    PinBase,
    AddWorktree,
    BuildHome,
    InspectWork,
    SnapshotWork,
    RemoveWorktree,
    RetireHome,
    RestoreWork,
    FetchWork,
    JudgeMerge,
    MoveBranch,
    PushWork,
    AimRebase,
    RebaseWork,
    MoveBase,
    PingEngine,
    CreateContainer,
    PullImage,
    UploadHolder,
    StartContainer,
    PauseContainer,
    UnpauseContainer,
    StopContainer,
    RemoveContainer,
    ListContainers,
    WatchEngine,
    OpenSession,
    RestartAgent,
}

impl Flying {
    /// All, in the order of the table in `core/README.md`.
    pub const ALL: [Self; 34] = [
        Self::WriteIntent,
        Self::ClearIntent,
        Self::TrackContainer,
        Self::UntrackContainer,
        Self::SaveState,
        Self::ResolveBase,
        Self::PinBase,
        Self::AddWorktree,
        Self::BuildHome,
        Self::InspectWork,
        Self::SnapshotWork,
        Self::RemoveWorktree,
        Self::RetireHome,
        Self::RestoreWork,
        Self::FetchWork,
        Self::JudgeMerge,
        Self::MoveBranch,
        Self::PushWork,
        Self::AimRebase,
        Self::RebaseWork,
        Self::MoveBase,
        Self::PingEngine,
        Self::CreateContainer,
        Self::PullImage,
        Self::UploadHolder,
        Self::StartContainer,
        Self::PauseContainer,
        Self::UnpauseContainer,
        Self::StopContainer,
        Self::RemoveContainer,
        Self::ListContainers,
        Self::WatchEngine,
        Self::OpenSession,
        Self::RestartAgent,
    ];

    /// Which of them an effect is, and whose; none for one that is not answered.
    pub fn of(effect: &Effect) -> Option<(Self, Option<&WorkstreamId>)> {
        let (flying, whose) = match effect {
            Effect::WriteIntent { workstream, .. } => (Self::WriteIntent, workstream),
            Effect::ClearIntent { workstream, .. } => (Self::ClearIntent, workstream),
            Effect::TrackContainer { workstream, .. } => (Self::TrackContainer, workstream),
            Effect::UntrackContainer { workstream, .. } => (Self::UntrackContainer, workstream),
            Effect::ResolveBase { workstream, .. } => (Self::ResolveBase, workstream),
            Effect::PinBase { workstream, .. } => (Self::PinBase, workstream),
            Effect::AddWorktree { workstream, .. } => (Self::AddWorktree, workstream),
            Effect::BuildHome { workstream, .. } => (Self::BuildHome, workstream),
            Effect::InspectWork { workstream, .. } => (Self::InspectWork, workstream),
            Effect::SnapshotWork { workstream, .. } => (Self::SnapshotWork, workstream),
            Effect::RemoveWorktree { workstream, .. } => (Self::RemoveWorktree, workstream),
            Effect::RetireHome { workstream, .. } => (Self::RetireHome, workstream),
            Effect::RestoreWork { workstream, .. } => (Self::RestoreWork, workstream),
            Effect::FetchWork { workstream, .. } => (Self::FetchWork, workstream),
            Effect::JudgeMerge { workstream, .. } => (Self::JudgeMerge, workstream),
            Effect::MoveBranch { workstream, .. } => (Self::MoveBranch, workstream),
            Effect::PushWork { workstream, .. } => (Self::PushWork, workstream),
            Effect::AimRebase { workstream, .. } => (Self::AimRebase, workstream),
            Effect::RebaseWork { workstream, .. } => (Self::RebaseWork, workstream),
            Effect::MoveBase { workstream, .. } => (Self::MoveBase, workstream),
            Effect::CreateContainer { workstream, .. } => (Self::CreateContainer, workstream),
            Effect::PullImage { workstream, .. } => (Self::PullImage, workstream),
            Effect::UploadHolder { workstream, .. } => (Self::UploadHolder, workstream),
            Effect::StartContainer { workstream, .. } => (Self::StartContainer, workstream),
            Effect::PauseContainer { workstream, .. } => (Self::PauseContainer, workstream),
            Effect::UnpauseContainer { workstream, .. } => (Self::UnpauseContainer, workstream),
            Effect::StopContainer { workstream, .. } => (Self::StopContainer, workstream),
            Effect::RemoveContainer { workstream, .. } => (Self::RemoveContainer, workstream),
            Effect::OpenSession { workstream, .. } => (Self::OpenSession, workstream),
            Effect::RestartAgent { workstream, .. } => (Self::RestartAgent, workstream),
            Effect::SaveState { .. } => return Some((Self::SaveState, None)),
            Effect::PingEngine => return Some((Self::PingEngine, None)),
            Effect::ListContainers { .. } => return Some((Self::ListContainers, None)),
            Effect::WatchEngine { .. } => return Some((Self::WatchEngine, None)),
            Effect::CloseSession { .. }
            | Effect::AbandonPull { .. }
            | Effect::Beat { .. }
            | Effect::Reply { .. }
            | Effect::Notify { .. }
            | Effect::Exit { .. } => return None,
        };
        Some((flying, Some(whose)))
    }

    /// Whether it has the engine change a container.
    pub fn is_done_by_engine(self) -> bool {
        let done = [
            Self::CreateContainer,
            Self::UploadHolder,
            Self::StartContainer,
            Self::PauseContainer,
            Self::UnpauseContainer,
            Self::StopContainer,
            Self::RemoveContainer,
        ];
        done.contains(&self)
    }

    /// Which of them an event is the answer to, and whose.
    fn answered_by(event: &Event) -> Option<(Self, Option<&WorkstreamId>)> {
        let (flying, whose) = match event {
            Event::IntentWritten { workstream, .. } => (Self::WriteIntent, workstream),
            Event::IntentCleared { workstream, .. } => (Self::ClearIntent, workstream),
            Event::ContainerTracked { workstream, .. } => (Self::TrackContainer, workstream),
            Event::ContainerUntracked { workstream, .. } => (Self::UntrackContainer, workstream),
            Event::BaseResolved { workstream, .. } => (Self::ResolveBase, workstream),
            Event::BasePinned { workstream, .. } => (Self::PinBase, workstream),
            Event::WorktreeAdded { workstream, .. } => (Self::AddWorktree, workstream),
            Event::HomeBuilt { workstream, .. } => (Self::BuildHome, workstream),
            Event::WorkInspected { workstream, .. } => (Self::InspectWork, workstream),
            Event::WorkSnapshotted { workstream, .. } => (Self::SnapshotWork, workstream),
            Event::WorktreeRemoved { workstream, .. } => (Self::RemoveWorktree, workstream),
            Event::HomeRetired { workstream, .. } => (Self::RetireHome, workstream),
            Event::WorkRestored { workstream, .. } => (Self::RestoreWork, workstream),
            Event::WorkFetched { workstream, .. } => (Self::FetchWork, workstream),
            Event::MergeJudged { workstream, .. } => (Self::JudgeMerge, workstream),
            Event::BranchMoved { workstream, .. } => (Self::MoveBranch, workstream),
            Event::WorkPushed { workstream, .. } => (Self::PushWork, workstream),
            Event::RebaseAimed { workstream, .. } => (Self::AimRebase, workstream),
            Event::WorkRebased { workstream, .. } => (Self::RebaseWork, workstream),
            Event::BaseMoved { workstream, .. } => (Self::MoveBase, workstream),
            Event::ContainerCreated { workstream, .. } => (Self::CreateContainer, workstream),
            Event::ImagePulled { workstream, .. } => (Self::PullImage, workstream),
            Event::HolderUploaded { workstream, .. } => (Self::UploadHolder, workstream),
            Event::ContainerStarted { workstream, .. } => (Self::StartContainer, workstream),
            Event::ContainerPaused { workstream, .. } => (Self::PauseContainer, workstream),
            Event::ContainerUnpaused { workstream, .. } => (Self::UnpauseContainer, workstream),
            Event::ContainerStopped { workstream, .. } => (Self::StopContainer, workstream),
            Event::ContainerRemoved { workstream, .. } => (Self::RemoveContainer, workstream),
            Event::SessionOpened { workstream, .. } | Event::SessionEnded { workstream, .. } => {
                (Self::OpenSession, workstream)
            }
            Event::AgentRestarted { workstream, .. } => (Self::RestartAgent, workstream),
            Event::StateSaved { .. } => return Some((Self::SaveState, None)),
            Event::EnginePinged { .. } => return Some((Self::PingEngine, None)),
            Event::ContainersListed { .. } => return Some((Self::ListContainers, None)),
            Event::EngineLost { .. } => return Some((Self::WatchEngine, None)),
            Event::Booted(_)
            | Event::Asked { .. }
            | Event::TimePassed
            | Event::EngineChanged
            | Event::PullProgressed { .. }
            | Event::AgentReported { .. } => return None,
        };
        Some((flying, Some(whose)))
    }
}

/// A wish that waits for its moment.
struct Ambush {
    at: Flying,
    whose: Option<WorkstreamId>,
    wish: Wish,
    /// By mistake it is taken and dropped, and nobody is told so.
    is_dropped: bool,
}

/// What became of the last ambush.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sprung {
    /// Its moment has not come.
    #[default]
    Waits,
    /// The wish is on its way to the machine.
    Made,
    /// The machine heard the wish, and what it was aimed at was in flight.
    InFlight,
    /// The machine heard the wish, and it was too late: the answer had come.
    TooLate,
}

/// All that one run has in flight.
#[derive(Default)]
pub struct Flight {
    aloft: BTreeMap<(Flying, Option<WorkstreamId>), u32>,
    /// All that ever was.
    flown: BTreeSet<Flying>,
    newest: Generation,
    ambush: Option<Ambush>,
    aim: Option<(Flying, Option<WorkstreamId>, Ask)>,
    sprung: Sprung,
}

impl Flight {
    /// A run begins: nothing of the one before is waited for. An ambush stays.
    pub fn begin(&mut self) {
        self.aloft.clear();
        self.newest = Generation(0);
    }

    /// Has `wish` made when an effect `at` is begun, for `whose` or, when that is none, for anybody.
    pub fn lay(&mut self, at: Flying, whose: Option<WorkstreamId>, wish: Wish, is_dropped: bool) {
        self.ambush = Some(Ambush { at, whose, wish, is_dropped });
        self.aim = None;
        self.sprung = Sprung::Waits;
    }

    /// Gives up the ambush; what became of it.
    pub fn lift(&mut self) -> Sprung {
        self.ambush = None;
        self.sprung
    }

    /// What became of the ambush.
    pub fn sprung(&self) -> Sprung {
        self.sprung
    }

    /// Whether one ever was in flight, in any run.
    pub fn has_flown(&self, flying: Flying) -> bool {
        self.flown.contains(&flying)
    }

    /// How much of what is wanted is in flight.
    pub fn count(&self, is_wanted: impl Fn(Flying) -> bool) -> usize {
        self.aloft.keys().filter(|(flying, _)| is_wanted(*flying)).count()
    }

    /// Something passes between the machine and the world. A wish whose moment has come goes to `wishes`.
    pub fn see(&mut self, seen: Seen<'_>, wishes: &mpsc::Sender<Wish>) {
        match seen {
            Seen::Effect(effect) => {
                let Some((flying, whose)) = Flying::of(effect) else { return };
                self.flown.insert(flying);
                if let Effect::SaveState { generation, .. } = effect {
                    self.newest = *generation;
                    self.aloft.insert((flying, None), 1);
                } else {
                    *self.aloft.entry((flying, whose.cloned())).or_default() += 1;
                }
                let is_it = |it: &mut Ambush| {
                    it.at == flying && (it.whose.is_none() || whose.is_none() || it.whose.as_ref() == whose)
                };
                if let Some(Ambush { wish, is_dropped, .. }) = self.ambush.take_if(is_it) {
                    self.aim = Some((flying, whose.cloned(), wish.ask.clone()));
                    self.sprung = Sprung::Made;
                    if is_dropped {
                        std::mem::forget(wish);
                    } else {
                        // A queue that is full, or a run that ends, answers by dropping the wish.
                        let _refused = wishes.try_send(wish);
                    }
                }
            }
            Seen::Event(event) => {
                if let Event::Asked { ask, .. } = event {
                    self.heard(ask);
                }
                self.land(event);
            }
        }
    }

    fn heard(&mut self, ask: &Ask) {
        if let Some((flying, whose, _)) = self.aim.take_if(|(.., aimed)| aimed == ask) {
            let is_aloft = self.aloft.contains_key(&(flying, whose));
            self.sprung = if is_aloft { Sprung::InFlight } else { Sprung::TooLate };
        }
    }

    fn land(&mut self, event: &Event) {
        let Some((flying, whose)) = Flying::answered_by(event) else { return };
        if matches!(event, Event::StateSaved { generation, .. } if *generation != self.newest) {
            return;
        }
        let key = (flying, whose.cloned());
        if let Some(count) = self.aloft.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.aloft.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table in `core/README.md` says of every effect by what it is answered: those that are, are all here.
    #[test]
    fn every_effect_that_is_answered_is_in_the_list() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../core/README.md"))
            .expect("the page on the core");
        let table = page.split("## Effects").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = table.expect("its table of effects").lines().filter_map(|line| line.strip_prefix("| `"));
        let answered: Vec<_> = rows
            .filter_map(|row| row.split_once("` | "))
            .filter(|(_, answer)| !answer.starts_with("not answered"))
            .map(|(name, _)| name.to_string())
            .collect();
        let mut here: Vec<_> = Flying::ALL.iter().map(|flying| format!("{flying:?}")).collect();
        let mut there = answered;
        here.sort();
        there.sort();
        assert_eq!(here, there);
    }
}
