//! A world for the machine to act in: it remembers what was asked for, answers when it is told to, keeps a small
//! engine and a small disk, and holds every effect against the laws that no sequence of events may break.

use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::answers::{self, How, Known, base};
use crate::container::{ContainerLimits, ContainerState, Labels, Observed};
use crate::effect::Effect;
use crate::event::{Access, Ask, Event, Found, NewWorkstream, Previous, Purpose, Repo, Settings, StateFound};
use crate::ids::{Attempt, ContainerId, HomeId, PathText, RepoId, RequestId, RunId, WorkstreamId};
use crate::machine::Machine;
use crate::naming;
use crate::ports::{Beginning, OnTaken, RebaseCall};
use crate::record::{
    AgentCommand, BeatRecord, Facts, Intent, OpenRebase, Operation, StateEntry, StateRecord, VERSION,
};
use crate::time::{Mono, Now, Wall};

/// What a wall clock shows when the monotonic one shows zero.
const EPOCH: u64 = 1_800_000_000_000;

/// Something that was asked of the world and is not answered.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) effect: Effect,
    pub(super) at: Mono,
}

/// A container of the small engine.
#[derive(Clone, Debug)]
struct Held {
    id: ContainerId,
    home: HomeId,
    state: ContainerState,
    /// Whether the test put it there, not an effect.
    is_planted: bool,
}

/// The world.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(super) machine: Machine,
    pub(super) now: u64,
    pub(super) found: Found,
    pub(super) pending: Vec<Asked>,
    /// The last answer that was given, to be given again.
    pub(super) last_answer: Option<Event>,
    names: Vec<String>,
    containers: BTreeMap<WorkstreamId, Held>,
    made: u32,
    /// The try that opened the last session of each.
    sessions: BTreeMap<WorkstreamId, Attempt>,
    intents: BTreeMap<WorkstreamId, Intent>,
    state: Option<StateRecord>,
    asked: BTreeSet<u64>,
    answered: BTreeSet<u64>,
    pub(super) has_ended: bool,
    /// Whether every event is told to a twin of the machine too, which has to do the same.
    pub(super) is_doubted: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            machine: Machine::new(),
            now: 1_000,
            found: found(),
            pending: Vec::new(),
            last_answer: None,
            names: Vec::new(),
            containers: BTreeMap::new(),
            made: 0,
            sessions: BTreeMap::new(),
            intents: BTreeMap::new(),
            state: None,
            asked: BTreeSet::new(),
            answered: BTreeSet::new(),
            has_ended: false,
            is_doubted: true,
        }
    }

    /// The id that belongs to a name of the conversation.
    pub(super) fn id(&mut self, name: &str) -> WorkstreamId {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_string());
            self.names.len() - 1
        });
        WorkstreamId::parse(&format!("{:026}", place + 1)).unwrap()
    }

    /// The name that belongs to an id.
    pub(super) fn name(&self, id: &WorkstreamId) -> String {
        let place: usize = id.as_str().parse().unwrap();
        self.names.get(place - 1).cloned().unwrap_or_else(|| id.to_string())
    }

    fn at(&self) -> Now {
        Now { mono: Mono(self.now), wall: Wall(EPOCH + self.now) }
    }

    /// Tells the machine of an event, and holds what it does against the laws.
    pub(super) fn send(&mut self, event: Event) -> Vec<Effect> {
        if let Event::Asked { request, .. } = &event {
            self.asked.insert(request.0);
        }
        let twin = self.is_doubted.then(|| (self.machine.clone(), event.clone()));
        let effects: Vec<Effect> = self.machine.handle(self.at(), event).into_iter().collect();
        if let Some((mut twin, event)) = twin {
            let again: Vec<Effect> = twin.handle(self.at(), event).into_iter().collect();
            assert_eq!(effects, again, "the same state, time and event give the same effects");
        }
        for effect in &effects {
            self.judge(effect);
            if is_answered(effect) {
                self.pending.push(Asked { effect: effect.clone(), at: Mono(self.now) });
            }
        }
        self.judge_containers();
        effects
    }

    /// Begins the run with what [`World::found`] says, the open intents and the state being those on the small disk.
    pub(super) fn boot(&mut self) -> Vec<Effect> {
        let mut found = self.found.clone();
        found.intents = self.intents.values().cloned().collect();
        if let (StateFound::Fresh, Some(state)) = (&found.state, &self.state) {
            found.state = StateFound::Read(Box::new(state.clone()));
        }
        self.send(Event::Booted(Box::new(found)))
    }

    /// The process is gone, and with it every request that did not land.
    pub(super) fn crash(&mut self) {
        self.machine = Machine::new();
        self.pending.clear();
        self.last_answer = None;
        self.asked.clear();
        self.answered.clear();
        self.has_ended = false;
        self.found.previous = Previous::Crashed(beat());
    }

    /// Lets time go on to `until`, stopping at every deadline on the way.
    pub(super) fn wait_until(&mut self, until: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some(deadline) = self.machine.next_deadline().filter(|it| it.at.0 <= until) {
            self.now = self.now.max(deadline.at.0);
            effects.extend(self.send(Event::TimePassed));
            if let Some(next) = self.machine.next_deadline() {
                assert!(next.at.0 > self.now, "no deadline is left behind: {next:?} at {}", self.now);
            }
        }
        self.now = self.now.max(until);
        effects
    }

    /// Answers the outstanding request at `index`.
    pub(super) fn answer(&mut self, index: usize, how: How) -> Vec<Effect> {
        let asked = self.pending.remove(index);
        if matches!(how, How::Well | How::Landed) {
            self.perform(&asked.effect);
        }
        let made = operates_on(&asked.effect).and_then(|id| self.containers.get(&id));
        let known =
            Known { at: asked.at, made: made.map(|container| container.id.clone()), shown: self.shown() };
        let event = answers::event(asked.effect, how, known);
        self.last_answer = Some(event.clone());
        self.send(event)
    }

    /// A failure is written down before anything else happens to its workstream.
    pub(super) fn note_failure(&mut self) {
        let is_note = |asked: &Asked| matches!(asked.effect, Effect::WriteIntent { .. });
        if let Some(place) = self.pending.iter().position(is_note) {
            self.answer(place, How::Well);
        }
    }

    /// The session that was opened last for that name ends by itself.
    pub(super) fn session_ended(&mut self, name: &str) -> Event {
        let workstream = self.id(name);
        let attempt = self.sessions[&workstream];
        Event::SessionEnded { workstream, attempt, reason: "end of file".to_string() }
    }

    /// The wishes that nobody has answered yet.
    pub(super) fn unanswered(&self) -> Vec<u64> {
        self.asked.difference(&self.answered).copied().collect()
    }
}

/// The laws.
impl World {
    fn judge(&mut self, effect: &Effect) {
        assert!(!self.has_ended, "nothing is asked for after the end: {effect:?}");
        if let Effect::Reply { request, .. } = effect {
            assert!(self.asked.contains(&request.0), "a reply to nobody: {request:?}");
            assert!(self.answered.insert(request.0), "a second reply: {request:?}");
        }
        self.has_ended |= matches!(effect, Effect::Exit { .. });
        let Some(id) = operates_on(effect) else { return };
        // The index is mended without waiting for it, and its other writes are part of a longer operation.
        let is_index = |effect: &Effect| {
            matches!(effect, Effect::TrackContainer { .. } | Effect::UntrackContainer { .. })
        };
        let other = self
            .pending
            .iter()
            .find(|asked| operates_on(&asked.effect).as_ref() == Some(&id) && !is_index(&asked.effect));
        assert!(other.is_none(), "{} is busy with {other:?} and is asked for {effect:?}", self.name(&id));
        let intent = self.intents.get(&id).map(|intent| intent.operation);
        match effect {
            Effect::PinBase { .. }
            | Effect::AddWorktree { .. }
            | Effect::BuildHome { .. }
            | Effect::CreateContainer { .. }
            | Effect::PullImage { .. }
            | Effect::UploadHolder { .. } => {
                let is_making = matches!(intent, Some(Operation::Create | Operation::Restore { .. }));
                assert!(is_making, "R9: {effect:?} without its intent");
            }
            Effect::RestoreWork { .. } => {
                let is_restoring = matches!(intent, Some(Operation::Restore { .. }));
                assert!(is_restoring, "R9: {effect:?} without its intent");
            }
            Effect::RemoveContainer { .. }
                if matches!(intent, Some(Operation::Create | Operation::Restore { .. })) =>
            {
                let state = self.containers.get(&id).map(|container| container.state);
                let never_ran = state.is_none_or(|state| state == ContainerState::Created);
                assert!(never_ran, "R12: a container that is {state:?} is taken away for another");
            }
            Effect::MoveBranch { moving, .. } => {
                let intent = self.intents.get(&id).and_then(|intent| intent.moving.clone());
                assert_eq!(intent.as_ref(), Some(&**moving), "R32: {effect:?} without its intent");
            }
            Effect::RebaseWork { call: RebaseCall::Begin, moving, .. } => {
                let intent = self.intents.get(&id).and_then(|intent| intent.basing.clone());
                assert_eq!(intent.as_ref(), Some(&**moving), "R34: {effect:?} without its intent");
            }
            Effect::MoveBase { moving, .. } => {
                let open =
                    self.state.iter().flat_map(|state| &state.workstreams).find(|it| it.facts.id == id);
                let open = open.and_then(|entry| entry.rebase.as_ref()).map(|open| &open.moving);
                let intent = self.intents.get(&id).and_then(|intent| intent.basing.as_ref());
                assert!([open, intent].contains(&Some(&**moving)), "R34: {effect:?}, and nothing says so");
            }
            Effect::SnapshotWork { .. }
            | Effect::RemoveContainer { .. }
            | Effect::RemoveWorktree { .. }
            | Effect::RetireHome { .. } => {
                let is_removal = matches!(intent, Some(Operation::Destroy { .. }));
                assert!(is_removal, "R13: {effect:?} without its intent");
            }
            _ => {}
        }
        let is_reader = self.found.access != Access::Write;
        assert!(!is_reader, "a run that only looks asks for {effect:?}");
    }

    /// Whatever crashes now, the next start knows every container that an effect of ours made.
    fn judge_containers(&self) {
        for (id, _) in self.containers.iter().filter(|(_, container)| !container.is_planted) {
            let is_in_state = self
                .state
                .as_ref()
                .is_some_and(|state| state.workstreams.iter().any(|it| it.facts.id == *id));
            let is_known = is_in_state || self.intents.contains_key(id);
            assert!(is_known, "R9: a container of {} that nothing on disk speaks of", self.name(id));
        }
    }
}

/// What the small engine and the small disk hold.
impl World {
    /// Puts a container there, or changes one, behind the machine's back.
    pub(crate) fn plant(&mut self, name: &str, state: Option<ContainerState>) {
        let id = self.id(name);
        match (state, self.containers.get_mut(&id)) {
            (Some(state), Some(container)) => container.state = state,
            (Some(state), None) => {
                self.make_container(&id, state, true);
            }
            (None, _) => {
                self.containers.remove(&id);
            }
        }
    }

    /// Puts a container of another home there.
    pub(super) fn plant_foreign(&mut self, name: &str, state: ContainerState) {
        let id = self.id(name);
        self.make_container(&id, state, true);
        self.containers.get_mut(&id).unwrap().home = HomeId::parse("another").unwrap();
    }

    /// Puts an entry into the state on disk.
    pub(super) fn record(&mut self, name: &str, words: &[&str]) {
        let facts = self.facts(name);
        let state = self.state.get_or_insert_with(empty_state);
        state.workstreams.push(StateEntry {
            container_id: Some(ContainerId::parse("c0").unwrap()),
            was_paused_by_quit: words.contains(&"paused-by-quit"),
            was_stopped_by_user: words.contains(&"stopped-by-user"),
            unsettled_since: words.contains(&"unsettled").then_some(Wall(EPOCH)),
            rebase: words.contains(&"rebasing").then(|| OpenRebase {
                moving: super::answers::basing(),
                files: Some(Vec::from(["src/login.rs".to_string()])),
                begun_at: Wall(EPOCH),
            }),
            facts,
            extra: serde_json::Map::new(),
        });
    }

    /// The state that stands in for a damaged one.
    pub(super) fn damage(&mut self) {
        let state = self.state.take().map(Box::new);
        self.found.state = StateFound::Recovered { state, notice: "state.json was damaged".to_string() };
    }

    /// Puts an open intent on disk.
    pub(super) fn leave_intent(&mut self, name: &str, operation: Operation) {
        let workstream = self.facts(name);
        let id = workstream.id.clone();
        let (run, written_at) = (run(), Wall(EPOCH));
        let moving = (operation == Operation::Merge).then(|| super::answers::moving("main"));
        let basing = (operation == Operation::Rebase).then(super::answers::basing);
        self.intents.insert(
            id,
            Intent { version: VERSION, operation, run, workstream, written_at, reason: None, moving, basing },
        );
    }

    /// The facts of a workstream as the machine would have fixed them.
    pub(crate) fn facts(&mut self, name: &str) -> Facts {
        let id = self.id(name);
        let found = &self.found;
        Facts {
            name: name.to_string(),
            prompt: format!("please {name}"),
            branch: format!("ccells/{name}"),
            base_ref: None,
            base: Some(base()),
            beginning: Beginning::default(),
            repo_id: found.repo.id.clone(),
            repo_path: found.repo.path.clone(),
            git_dir: found.repo.git_dir.clone(),
            objects: found.repo.objects.clone(),
            worktree: found.home_path.join("worktrees").join(id.as_str()),
            home: found.home_path.join("workstreams").join(id.as_str()),
            container_name: naming::container_name("web", &id),
            image: "image".to_string(),
            agent: AgentCommand::default(),
            owner: (1_000, 1_000),
            limits: ContainerLimits::default(),
            created_at: Wall(EPOCH),
            id,
        }
    }

    /// Adds a field that a later ccells might write, to the state on disk and to its entries.
    pub(super) fn age(&mut self, name: &str, value: &serde_json::Value) {
        let state = self.state.as_mut().expect("there is a state on disk");
        state.extra.insert(name.to_string(), value.clone());
        for entry in &mut state.workstreams {
            entry.extra.insert(name.to_string(), value.clone());
        }
    }

    /// The state on disk.
    pub(super) fn state_on_disk(&self) -> &StateRecord {
        self.state.as_ref().expect("there is a state on disk")
    }

    /// How many containers of ours and how many open intents there are.
    pub(super) fn leftovers(&self) -> (usize, usize) {
        (self.containers.len(), self.intents.len())
    }

    /// Whether something of this kind is not answered.
    pub(super) fn is_outstanding(&self, kind: &str) -> bool {
        self.pending.iter().any(|asked| format!("{:?}", asked.effect).split([' ', '{']).next() == Some(kind))
    }

    fn make_container(&mut self, id: &WorkstreamId, state: ContainerState, is_planted: bool) -> ContainerId {
        if let Some(container) = self.containers.get(id) {
            return container.id.clone();
        }
        self.made += 1;
        let container = ContainerId::parse(&format!("c{}", self.made)).unwrap();
        let home = self.found.home.clone();
        self.containers.insert(id.clone(), Held { id: container.clone(), home, state, is_planted });
        container
    }

    /// The containers as a listing shows them.
    pub(crate) fn shown(&self) -> Vec<Observed> {
        let show = |(id, container): (&WorkstreamId, &Held)| {
            observed(&self.found, id, &container.id, &container.home, container.state)
        };
        self.containers.iter().map(show).collect()
    }

    /// What happens in the world when this is done.
    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::WriteIntent { workstream, intent, .. } => {
                self.intents.insert(workstream.clone(), (**intent).clone());
            }
            Effect::ClearIntent { workstream, .. } => {
                self.intents.remove(workstream);
            }
            Effect::SaveState { state, .. } => self.state = Some((**state).clone()),
            Effect::AddWorktree { workstream, .. } => {
                self.found.worktrees.insert(workstream.clone());
            }
            Effect::RemoveWorktree { workstream, .. } => {
                self.found.worktrees.remove(workstream);
            }
            Effect::CreateContainer { workstream, .. } => {
                self.make_container(workstream, ContainerState::Created, false);
            }
            Effect::StartContainer { workstream, .. } | Effect::UnpauseContainer { workstream, .. } => {
                self.set(workstream, ContainerState::Running);
            }
            Effect::OpenSession { workstream, attempt, .. } => {
                self.sessions.insert(workstream.clone(), *attempt);
            }
            Effect::PauseContainer { workstream, .. } => self.set(workstream, ContainerState::Paused),
            Effect::StopContainer { workstream, .. } => self.set(workstream, ContainerState::Exited),
            Effect::RemoveContainer { workstream, .. } => {
                self.containers.remove(workstream);
            }
            _ => {}
        }
    }

    fn set(&mut self, id: &WorkstreamId, state: ContainerState) {
        if let Some(container) = self.containers.get_mut(id) {
            container.state = state;
        }
    }
}

/// Whether somebody is waited for.
fn is_answered(effect: &Effect) -> bool {
    !matches!(
        effect,
        Effect::CloseSession { .. }
            | Effect::AbandonPull { .. }
            | Effect::Beat { .. }
            | Effect::Reply { .. }
            | Effect::Notify { .. }
            | Effect::Exit { .. }
    )
}

/// The workstream that an effect makes, changes or takes away something of; sessions only look.
fn operates_on(effect: &Effect) -> Option<WorkstreamId> {
    match effect {
        Effect::WriteIntent { workstream, .. }
        | Effect::ClearIntent { workstream, .. }
        | Effect::TrackContainer { workstream, .. }
        | Effect::UntrackContainer { workstream, .. }
        | Effect::ResolveBase { workstream, .. }
        | Effect::PinBase { workstream, .. }
        | Effect::AddWorktree { workstream, .. }
        | Effect::BuildHome { workstream, .. }
        | Effect::InspectWork { workstream, .. }
        | Effect::SnapshotWork { workstream, .. }
        | Effect::RemoveWorktree { workstream, .. }
        | Effect::RetireHome { workstream, .. }
        | Effect::RestoreWork { workstream, .. }
        | Effect::FetchWork { workstream, .. }
        | Effect::JudgeMerge { workstream, .. }
        | Effect::PushWork { workstream, .. }
        | Effect::MoveBranch { workstream, .. }
        | Effect::AimRebase { workstream, .. }
        | Effect::RebaseWork { workstream, .. }
        | Effect::MoveBase { workstream, .. }
        | Effect::CreateContainer { workstream, .. }
        | Effect::PullImage { workstream, .. }
        | Effect::UploadHolder { workstream, .. }
        | Effect::StartContainer { workstream, .. }
        | Effect::PauseContainer { workstream, .. }
        | Effect::UnpauseContainer { workstream, .. }
        | Effect::StopContainer { workstream, .. }
        | Effect::RemoveContainer { workstream, .. }
        | Effect::RestartAgent { workstream, .. } => Some(workstream.clone()),
        Effect::SaveState { .. }
        | Effect::PingEngine
        | Effect::ListContainers { .. }
        | Effect::WatchEngine { .. }
        | Effect::OpenSession { .. }
        | Effect::CloseSession { .. }
        | Effect::AbandonPull { .. }
        | Effect::Beat { .. }
        | Effect::Reply { .. }
        | Effect::Notify { .. }
        | Effect::Exit { .. } => None,
    }
}

/// A container as a listing shows it.
pub(super) fn observed(
    found: &Found,
    id: &WorkstreamId,
    container: &ContainerId,
    home: &HomeId,
    state: ContainerState,
) -> Observed {
    Observed {
        id: container.clone(),
        name: naming::container_name("web", id),
        labels: Labels {
            home: home.clone(),
            repo: found.repo.id.clone(),
            workstream: id.clone(),
            run: run(),
            branch: "ccells/left".to_string(),
            config_hash: "0".to_string(),
        },
        state,
        exit: None,
    }
}

fn run() -> RunId {
    RunId::parse("01jd8z5q0v3x7k2m9n4p6r8s1t").unwrap()
}

fn beat() -> BeatRecord {
    BeatRecord {
        version: VERSION,
        pid: 6,
        timestamp: EPOCH / 1_000,
        run: run(),
        repo_id: RepoId::parse("web-1a2b").unwrap(),
        sequence: 9,
        boot_id: "boot".to_string(),
        start_ticks: 1,
    }
}

fn empty_state() -> StateRecord {
    StateRecord {
        version: VERSION,
        generation: crate::ids::Generation(40),
        writer: None,
        written_at: Wall(EPOCH),
        repo_id: RepoId::parse("web-1a2b").unwrap(),
        repo_path: PathText::from("/repo"),
        view: crate::record::ViewRecord::default(),
        workstreams: Vec::new(),
        extra: serde_json::Map::new(),
    }
}

fn found() -> Found {
    Found {
        run: run(),
        pid: 7,
        home: HomeId::parse("home").unwrap(),
        home_path: PathText::from("/home"),
        owner: (1_000, 1_000),
        repo: Repo {
            id: RepoId::parse("web-1a2b").unwrap(),
            slug: "web".to_string(),
            path: PathText::from("/repo"),
            git_dir: PathText::from("/repo/.git"),
            objects: Vec::from([PathText::from("/repo/.git/objects")]),
        },
        settings: Settings {
            image: "image".to_string(),
            agent: AgentCommand::default(),
            limits: ContainerLimits::default(),
            branch_prefix: "ccells/".to_string(),
            asks_remotes: true,
        },
        access: Access::Write,
        purpose: Purpose::Interactive,
        previous: Previous::Clean,
        state: StateFound::Fresh,
        intents: Vec::new(),
        facts: Vec::new(),
        tracked: BTreeMap::new(),
        worktrees: BTreeSet::new(),
        notices: Vec::new(),
        warnings: Vec::new(),
    }
}

/// A wish for a workstream of that name.
pub(super) fn new(id: WorkstreamId, name: &str) -> Ask {
    Ask::New(Box::new(NewWorkstream {
        id,
        name: Some(name.to_string()),
        prompt: format!("please {name}"),
        branch: None,
        base: None,
        on_taken: OnTaken::Refuse,
        is_offline: false,
        include: Vec::new(),
        from: None,
        image: None,
        argv: None,
        session_id: "session".to_string(),
    }))
}

/// The request's number, for the world's bookkeeping.
pub(super) fn asked(request: u64, ask: Ask) -> Event {
    Event::Asked { request: RequestId(request), ask }
}
